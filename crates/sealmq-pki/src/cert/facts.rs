//! One certificate, read whole.

use std::fmt;

use super::dn::DistinguishedName;
use super::ext::{self, AltName, BasicConstraints, ExtKeyUsage, Extensions, KeyUsage, KeyUsageBit};
use super::key_facts::{self, KeyKind};
use super::oids::signature_name;
use super::points::PointName;
use super::signed::{Envelope, SelfSigned};
use super::tlv::{self, ParseError, Problem, Reader, Tlv};
use crate::ids::{Fingerprint, KeyId, Serial};
use crate::time::{Timestamp, ends_in};

/// The certificate's version. Displays as `1`, `2`, `3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// No extensions: no SAN, no purpose, no CA flag.
    V1,
    /// Version 1 with unique identifiers; nobody makes them.
    V2,
    /// What RFC 5280 describes.
    V3,
}

/// Everything that an explanation says about a certificate. Nothing in it is verified, apart from
/// [`self_signed`](Facts::self_signed).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// Its version.
    pub version: Version,
    /// Its serial number.
    pub serial: Serial,
    /// Whose certificate it is.
    pub subject: DistinguishedName,
    /// Who says so.
    pub issuer: DistinguishedName,
    /// First second at which it is valid.
    pub not_before: Timestamp,
    /// Last second at which it is valid.
    pub not_after: Timestamp,
    /// SubjectAltName, in the order of the certificate; empty when there is none.
    pub alt_names: Vec<AltName>,
    /// KeyUsage, if present.
    pub key_usage: Option<KeyUsage>,
    /// ExtendedKeyUsage, if present.
    pub ext_key_usage: Option<Vec<ExtKeyUsage>>,
    /// BasicConstraints, if present.
    pub basic_constraints: Option<BasicConstraints>,
    /// SubjectKeyIdentifier, if present.
    pub subject_key_id: Option<KeyId>,
    /// The keyIdentifier of AuthorityKeyIdentifier, if present.
    pub authority_key_id: Option<KeyId>,
    /// The names under which its issuer publishes the revocation lists for it; empty where it names none.
    pub crl_points: Vec<PointName>,
    /// OIDs of the critical extensions, known ones too.
    pub critical_extensions: Vec<String>,
    /// OIDs of all extensions.
    pub extensions: Vec<String>,
    /// Kind and size of the public key.
    pub key: KeyKind,
    /// The SubjectPublicKeyInfo, DER.
    pub spki_der: Vec<u8>,
    /// SHA-256 over [`spki_der`](Facts::spki_der).
    pub spki_sha256: Fingerprint,
    /// The key identifier that *we* would give this key; an issuer without the extension is known by it.
    pub computed_key_id: KeyId,
    /// Name of the signature algorithm as openssl prints it, or its OID.
    pub signature_algorithm: String,
    /// SHA-256 over the whole certificate.
    pub fingerprint: Fingerprint,
    /// Whether it is signed with its own key.
    pub self_signed: SelfSigned,
    /// The octets of the public key's BIT STRING: what OCSP's key hashes are over (RFC 6960 §4.1.1).
    pub(crate) key_bits: Vec<u8>,
}

impl Facts {
    /// Reads one certificate.
    ///
    /// # Errors
    /// [`ParseError`] with the field that is no valid DER, or an extension that stands twice.
    pub fn parse(der: &[u8]) -> Result<Facts, ParseError> {
        let envelope = Envelope::parse(der)?;
        Body::parse(&envelope)?.into_facts(der, &envelope)
    }

    /// CA:TRUE, and keyCertSign where KeyUsage exists. Never for a version 1 certificate, which cannot say it.
    pub fn is_ca(&self) -> bool {
        let may_sign = self.key_usage.is_none_or(|usage| usage.has(KeyUsageBit::KeyCertSign));
        self.basic_constraints.is_some_and(|bc| bc.ca) && may_sign
    }

    /// `ends in 41 days`, `ended 3 days ago`.
    pub fn ends_in(&self, now: Timestamp) -> String {
        ends_in(self.not_after, now)
    }

    /// Whether `now` lies within its validity, both ends included (RFC 5280 §4.1.2.5).
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// Whether issuer and subject are the same bytes; says nothing about who signed.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// The text values of all CNs, in the order of the certificate; unreadable ones are left out.
    pub fn common_names(&self) -> Vec<String> {
        self.subject.common_names().into_iter().filter_map(|cn| cn.text()).collect()
    }

    /// The key identifier by which certificates issued with this key name it: the extension, else the computed one.
    pub fn key_id(&self) -> &KeyId {
        self.subject_key_id.as_ref().unwrap_or(&self.computed_key_id)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V1 => "1",
            Version::V2 => "2",
            Version::V3 => "3",
        })
    }
}

/// The parts of a TBSCertificate.
struct Body<'a> {
    version: Version,
    serial: Serial,
    issuer: DistinguishedName,
    not_before: Timestamp,
    not_after: Timestamp,
    subject: DistinguishedName,
    spki: Tlv<'a>,
    extensions: Extensions,
}

impl<'a> Body<'a> {
    fn parse(envelope: &Envelope<'a>) -> Result<Body<'a>, ParseError> {
        let mut reader = envelope.tbs.reader();
        let version = version(&mut reader)?;
        let serial = serial(reader.expect(tlv::INTEGER, "tbsCertificate.serialNumber")?)?;
        let inner = reader.expect(tlv::SEQUENCE, "tbsCertificate.signature")?;
        if inner.whole != envelope.algorithm.whole {
            // RFC 5280 §4.1.1.2: the two MUST be the same; only the inner one is signed.
            return Err(ParseError { field: "signatureAlgorithm", problem: Problem::Value });
        }
        let issuer = name(&mut reader, "tbsCertificate.issuer")?;
        let mut validity = reader.expect(tlv::SEQUENCE, "tbsCertificate.validity")?.reader();
        let not_before = moment(&mut validity, "tbsCertificate.validity.notBefore")?;
        let not_after = moment(&mut validity, "tbsCertificate.validity.notAfter")?;
        validity.finish("tbsCertificate.validity")?;
        let subject = name(&mut reader, "tbsCertificate.subject")?;
        let spki = reader.expect(tlv::SEQUENCE, "tbsCertificate.subjectPublicKeyInfo")?;
        reader.optional(0x81, "tbsCertificate.issuerUniqueID")?;
        reader.optional(0x82, "tbsCertificate.subjectUniqueID")?;
        let extensions = extensions(&mut reader, version)?;
        reader.finish("tbsCertificate")?;
        Ok(Body { version, serial, issuer, not_before, not_after, subject, spki, extensions })
    }

    fn into_facts(self, der: &[u8], envelope: &Envelope<'_>) -> Result<Facts, ParseError> {
        let key = key_facts::parse(self.spki)?;
        let extensions = self.extensions;
        Ok(Facts {
            version: self.version,
            serial: self.serial,
            not_before: self.not_before,
            not_after: self.not_after,
            alt_names: extensions.alt_names,
            key_usage: extensions.key_usage,
            ext_key_usage: extensions.ext_key_usage,
            basic_constraints: extensions.basic_constraints,
            subject_key_id: extensions.subject_key_id,
            authority_key_id: extensions.authority_key_id,
            crl_points: extensions.crl_points,
            critical_extensions: extensions.critical,
            extensions: extensions.all,
            spki_der: self.spki.whole.to_vec(),
            spki_sha256: Fingerprint::of(self.spki.whole),
            computed_key_id: KeyId::of_public_key(key.bits),
            signature_algorithm: signature_name(&envelope.algorithm_oid)
                .unwrap_or(&envelope.algorithm_oid)
                .to_owned(),
            fingerprint: Fingerprint::of(der),
            self_signed: envelope.self_signed(self.subject == self.issuer, &key),
            key_bits: key.bits.to_vec(),
            key: key.kind,
            subject: self.subject,
            issuer: self.issuer,
        })
    }
}

fn version(reader: &mut Reader<'_>) -> Result<Version, ParseError> {
    const FIELD: &str = "tbsCertificate.version";
    let Some(tagged) = reader.optional(0xa0, FIELD)? else {
        return Ok(Version::V1);
    };
    match tlv::small_integer(tlv::sole(tagged.content, tlv::INTEGER, FIELD)?, FIELD)? {
        0 => Ok(Version::V1),
        1 => Ok(Version::V2),
        2 => Ok(Version::V3),
        _ => Err(ParseError { field: FIELD, problem: Problem::Value }),
    }
}

fn serial(integer: Tlv<'_>) -> Result<Serial, ParseError> {
    const FIELD: &str = "tbsCertificate.serialNumber";
    Serial::from_content(integer.content).map_err(|_| ParseError { field: FIELD, problem: Problem::Value })
}

fn name(reader: &mut Reader<'_>, field: &'static str) -> Result<DistinguishedName, ParseError> {
    DistinguishedName::parse(reader.expect(tlv::SEQUENCE, field)?, field)
}

fn moment(reader: &mut Reader<'_>, field: &'static str) -> Result<Timestamp, ParseError> {
    tlv::time(reader.any(field)?, field)
}

/// Extensions belong to version 3 only (RFC 5280 §4.1.2.9); elsewhere they are an error, since readers differ on
/// whether they count.
fn extensions(reader: &mut Reader<'_>, version: Version) -> Result<Extensions, ParseError> {
    const FIELD: &str = "tbsCertificate.extensions";
    match (reader.optional(0xa3, FIELD)?, version) {
        (None, _) => Ok(Extensions::default()),
        (Some(tagged), Version::V3) => ext::parse(tlv::sole(tagged.content, tlv::SEQUENCE, FIELD)?),
        (Some(_), Version::V1 | Version::V2) => {
            Err(ParseError { field: FIELD, problem: Problem::UnexpectedTag(0xa3) })
        }
    }
}
