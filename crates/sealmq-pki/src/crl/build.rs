//! Making a list: put together here, signed wherever the key is, read back and its signature checked.
//!
//! Not here: who is revoked (the inventory) and where the list goes. A list that is made here is complete for its issuer
//! and has no critical extension and no issuingDistributionPoint: mbedTLS 2.28 refuses lists with one (RFC 5280 §5.2.5
//! asks for it only where a list is limited).

use std::time::Duration;

use const_oid::ObjectIdentifier;
use der::asn1::{Any, BitString, OctetString};
use der::{DateTime, Decode, Encode, Enumerated, Sequence, Tag};
use spki::AlgorithmIdentifierOwned;
use thiserror::Error;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;
use x509_cert::time::Time;

use super::entries::Reason;
use super::{Crl, CrlError, CrlNumber};
use crate::cert::{KeyUsageBit, SignedBy, verify_signature};
use crate::ids::Serial;
use crate::inventory::RevocationReason;
use crate::issue::Ca;
use crate::key::{SignError, algorithm_identifier};
use crate::time::Timestamp;

/// What a list is to say, before it is signed.
#[derive(Clone, Debug)]
pub struct CrlDraft {
    /// cRLNumber: higher than that of every list of this CA before (RFC 5280 §5.2.3).
    pub number: CrlNumber,
    /// When it is made.
    pub this_update: Timestamp,
    /// When the next one is due at the latest.
    pub next_update: Timestamp,
    /// Who is on it, in any order.
    pub entries: Vec<Listing>,
}

/// One certificate on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its serial.
    pub serial: Serial,
    /// Since when it does not count.
    pub at: Timestamp,
    /// Why.
    pub why: Why,
}

/// Why a certificate is put on a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It never counts again.
    Revoked(RevocationReason),
    /// It does not count for now (`certificateHold`).
    OnHold,
}

impl From<Reason> for Why {
    /// What a list of ours says about a certificate that another list says this about.
    fn from(reason: Reason) -> Why {
        Why::Revoked(match reason {
            Reason::CertificateHold => return Why::OnHold,
            Reason::KeyCompromise => RevocationReason::KeyCompromise,
            Reason::AuthorityCompromise => RevocationReason::CaCompromise,
            Reason::AffiliationChanged => RevocationReason::AffiliationChanged,
            Reason::Superseded => RevocationReason::Superseded,
            Reason::CessationOfOperation => RevocationReason::CessationOfOperation,
            Reason::Unspecified | Reason::RemoveFromCrl | Reason::PrivilegeWithdrawn | Reason::Other => {
                RevocationReason::Unspecified
            }
        })
    }
}

/// Why a list was not made.
#[derive(Debug, Error)]
pub enum CrlDraftError {
    /// RFC 5280 §4.2.1.3: who signs lists has cRLSign, where it has a keyUsage at all.
    #[error(
        "the CA '{subject}' may not sign revocation lists: its key usage lacks cRLSign\nhint: have it issued again with keyUsage = critical,keyCertSign,cRLSign"
    )]
    NoCrlSign {
        /// The CA's subject.
        subject: String,
    },
    /// It would end before it begins.
    #[error("the CRL would end ({next}) before it begins ({this})")]
    EndsBeforeItBegins {
        /// thisUpdate.
        this: Timestamp,
        /// nextUpdate.
        next: Timestamp,
    },
    /// A certificate stands on it twice; which of the two reasons counts nobody could say.
    #[error("certificate {serial} would be on the CRL twice")]
    Twice {
        /// Its serial.
        serial: Serial,
    },
    /// The key failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The key made a wrong signature.
    #[error(
        "the CA's key made a signature that does not verify\nhint: do not use this key: its token or memory is faulty"
    )]
    BadSignature,
    /// A part cannot be written as DER.
    #[error("the CRL cannot be encoded: {reason}")]
    Encoding {
        /// What the encoder says.
        reason: String,
    },
    /// What was written cannot be read back.
    #[error("the CRL that was made cannot be read: {0}")]
    Unreadable(#[from] CrlError),
}

impl CrlDraft {
    /// The list, signed by this CA, with the CA's name byte for byte and its key identifier as it stands in its
    /// certificate.
    ///
    /// # Errors
    /// [`CrlDraftError`].
    pub fn sign(&self, ca: &Ca) -> Result<Crl, CrlDraftError> {
        self.check(ca)?;
        let algorithm = algorithm_identifier(ca.signer().algorithm());
        let tbs = self.to_be_signed(ca, algorithm.clone())?;
        let signature = ca.signer().sign(&tbs)?;
        let key = ca.signer().public_key().spki_der();
        match verify_signature(key, &algorithm.oid.to_string(), &tbs, &signature) {
            Ok(SignedBy::Yes) => {}
            Ok(SignedBy::No | SignedBy::Unverifiable) | Err(_) => return Err(CrlDraftError::BadSignature),
        }
        let list = CertificateList {
            tbs_cert_list: Any::from_der(&tbs).map_err(encoding)?,
            signature_algorithm: algorithm,
            signature: BitString::from_bytes(&signature).map_err(encoding)?,
        };
        Ok(Crl::parse(list.to_der().map_err(encoding)?)?)
    }

    fn check(&self, ca: &Ca) -> Result<(), CrlDraftError> {
        if ca.facts().key_usage.is_some_and(|usage| !usage.has(KeyUsageBit::CrlSign)) {
            return Err(CrlDraftError::NoCrlSign { subject: ca.facts().subject.rfc2253() });
        }
        if self.next_update <= self.this_update {
            let (this, next) = (self.this_update, self.next_update);
            return Err(CrlDraftError::EndsBeforeItBegins { this, next });
        }
        let mut serials: Vec<_> = self.entries.iter().map(|entry| &entry.serial).collect();
        serials.sort_unstable_by_key(|serial| serial.as_content());
        match serials.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(CrlDraftError::Twice { serial: pair[0].clone() }),
            None => Ok(()),
        }
    }

    fn to_be_signed(&self, ca: &Ca, signature: AlgorithmIdentifierOwned) -> Result<Vec<u8>, CrlDraftError> {
        let entries: Vec<_> = self.entries.iter().map(entry).collect::<Result<_, _>>()?;
        let tbs = TbsCertList {
            version: V2,
            signature,
            issuer: Any::from_der(ca.facts().subject.der()).map_err(encoding)?,
            this_update: moment(self.this_update)?,
            next_update: moment(self.next_update)?,
            // RFC 5280 §5.1.2.6: absent, not empty.
            revoked_certificates: (!entries.is_empty()).then_some(entries),
            crl_extensions: self.extensions(ca)?,
        };
        tbs.to_der().map_err(encoding)
    }

    fn extensions(&self, ca: &Ca) -> Result<Vec<Extension>, CrlDraftError> {
        let id = OctetString::new(ca.key_id().as_bytes()).map_err(encoding)?;
        let key = AuthorityKeyIdentifier { key_identifier: Some(id), ..Default::default() };
        let number = Any::new(Tag::Integer, self.number.to_content()).map_err(encoding)?;
        Ok(vec![
            extension(AUTHORITY_KEY_IDENTIFIER, &key.to_der().map_err(encoding)?)?,
            extension(CRL_NUMBER, &number.to_der().map_err(encoding)?)?,
        ])
    }
}

/// RFC 5280 §5.1, as `der` writes it.
#[derive(Sequence)]
struct CertificateList {
    tbs_cert_list: Any,
    signature_algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

#[derive(Sequence)]
struct TbsCertList {
    version: u8,
    signature: AlgorithmIdentifierOwned,
    issuer: Any,
    this_update: Time,
    next_update: Time,
    #[asn1(optional = "true")]
    revoked_certificates: Option<Vec<RevokedCertificate>>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    crl_extensions: Vec<Extension>,
}

#[derive(Sequence)]
struct RevokedCertificate {
    user_certificate: Any,
    revocation_date: Time,
    #[asn1(optional = "true")]
    crl_entry_extensions: Option<Vec<Extension>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[repr(u8)]
enum CrlReason {
    KeyCompromise = 1,
    CaCompromise = 2,
    AffiliationChanged = 3,
    Superseded = 4,
    CessationOfOperation = 5,
    CertificateHold = 6,
}

fn entry(listing: &Listing) -> Result<RevokedCertificate, CrlDraftError> {
    let reason = code(listing.why)
        .map(|code| extension(REASON_CODE, &code.to_der().map_err(encoding)?))
        .transpose()?;
    Ok(RevokedCertificate {
        user_certificate: Any::new(Tag::Integer, listing.serial.as_content()).map_err(encoding)?,
        revocation_date: moment(listing.at)?,
        crl_entry_extensions: reason.map(|reason| vec![reason]),
    })
}

/// RFC 5280 §5.3.1: `unspecified` is said by saying nothing.
const fn code(why: Why) -> Option<CrlReason> {
    match why {
        Why::OnHold => Some(CrlReason::CertificateHold),
        Why::Revoked(reason) => match reason {
            RevocationReason::Unspecified => None,
            RevocationReason::KeyCompromise => Some(CrlReason::KeyCompromise),
            RevocationReason::CaCompromise => Some(CrlReason::CaCompromise),
            RevocationReason::AffiliationChanged => Some(CrlReason::AffiliationChanged),
            RevocationReason::Superseded => Some(CrlReason::Superseded),
            RevocationReason::CessationOfOperation => Some(CrlReason::CessationOfOperation),
        },
    }
}

fn extension(extn_id: ObjectIdentifier, value: &[u8]) -> Result<Extension, CrlDraftError> {
    let extn_value = OctetString::new(value).map_err(encoding)?;
    Ok(Extension { extn_id, critical: false, extn_value })
}

/// UTCTime through 2049, GeneralizedTime from then on (RFC 5280 §5.1.2.4).
fn moment(at: Timestamp) -> Result<Time, CrlDraftError> {
    let secs = u64::try_from(at.as_secs())
        .map_err(|_| CrlDraftError::Encoding { reason: format!("{at} lies before 1970") })?;
    DateTime::from_unix_duration(Duration::from_secs(secs)).map(Time::from).map_err(encoding)
}

fn encoding(error: der::Error) -> CrlDraftError {
    CrlDraftError::Encoding { reason: error.to_string() }
}

/// Version 2 is written as 1.
const V2: u8 = 1;
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
