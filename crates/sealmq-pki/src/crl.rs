//! Certificate revocation lists: read whole, refused whole, looked up by serial; and made (RFC 5280 §5).
//!
//! Not a verdict: who signed a list and whether it is current is for whoever has the issuer's key and a clock
//! (`sealmq-tls`). What is read here either is a *complete* list of its issuer's own certificates within its [`Scope`] and
//! [`points`](Crl::points), or an error: a delta or indirect list, one that is limited to some reasons, and one with a
//! critical extension that nobody here knows would all leave out revoked certificates without saying so.
//!
//! Invariants: an entry counts whatever its reason (hold and removeFromCRL too); a look-up costs a binary search; no
//! bytes panic.

mod build;
mod entries;
mod extensions;

use std::fmt;

use thiserror::Error;

use crate::Facts;
use crate::cert::{DistinguishedName, ParseError, PointName, Problem, Reader, SignedBy, tlv};
use crate::ids::{Fingerprint, KeyId, Serial};
use crate::time::Timestamp;
pub use build::{CrlDraft, CrlDraftError, Listing, Why};
use entries::Entries;
pub use entries::Reason;
use extensions::Extensions;

/// Which certificates of its issuer a list speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All of them.
    All,
    /// `onlyContainsUserCerts`: leaves.
    Leaves,
    /// `onlyContainsCACerts`: CA certificates.
    Authorities,
}

/// Where in a path a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// The end: a device's or server's own certificate.
    Leaf,
    /// Above it: a CA's.
    Authority,
}

/// cRLNumber: a non-negative number of at most 20 octets, without leading zeros (RFC 5280 §5.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CrlNumber(Vec<u8>);

impl Ord for CrlNumber {
    fn cmp(&self, other: &CrlNumber) -> std::cmp::Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for CrlNumber {
    fn partial_cmp(&self, other: &CrlNumber) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl From<u64> for CrlNumber {
    fn from(number: u64) -> CrlNumber {
        let octets = number.to_be_bytes();
        let first = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
        CrlNumber(octets[first..].to_vec())
    }
}

impl CrlNumber {
    /// Its value, where it fits; ours all do.
    pub fn as_u64(&self) -> Option<u64> {
        (self.0.len() <= 8).then(|| self.0.iter().fold(0, |sum, octet| sum << 8 | u64::from(*octet)))
    }

    /// Content octets of its INTEGER: at least one, and none that makes it negative.
    fn to_content(&self) -> Vec<u8> {
        let zero = self.0.first().is_none_or(|octet| octet & 0x80 != 0);
        [zero.then_some(0).as_slice(), &self.0].concat()
    }
}

impl fmt::Display for CrlNumber {
    /// Decimal where it fits into 64 bits, else hex as openssl prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(number) = self.as_u64() {
            return write!(f, "{number}");
        }
        f.write_str("0x")?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

/// Why bytes are no list that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CrlError {
    /// Not a CRL, or a broken one.
    #[error(
        "not a valid CRL: {field}: {problem}\nhint: look at it with `openssl crl -noout -text -in FILE` (with -inform DER for a binary one); it may be cut off"
    )]
    Malformed {
        /// The field in RFC 5280's words.
        field: &'static str,
        /// What is wrong.
        problem: Problem,
    },
    /// Without nextUpdate nobody could tell that a list is out of date (RFC 5280 §5.1.2.5 demands it).
    #[error("the CRL has no nextUpdate\nhint: issue it with an end: `openssl ca -gencrl -crldays 30`")]
    NoNextUpdate,
    /// The end lies before the beginning.
    #[error("the CRL's nextUpdate ({next}) is not after its thisUpdate ({this})\nhint: issue it again")]
    EndsBeforeItBegins {
        /// thisUpdate.
        this: Timestamp,
        /// nextUpdate.
        next: Timestamp,
    },
    /// It does not list all of its issuer's revoked certificates, or lists those of others.
    #[error("the CRL is not complete for its issuer: {why}\nhint: {hint}")]
    Partial {
        /// What limits it.
        why: &'static str,
        /// What mends it.
        hint: &'static str,
    },
    /// RFC 5280 §5.2: a list with a critical extension that is not understood must not be used.
    #[error(
        "the CRL has a critical extension that is not supported ({oid})\nhint: let the CA publish a CRL without it"
    )]
    CriticalExtension {
        /// Its OID.
        oid: String,
    },
}

impl From<ParseError> for CrlError {
    fn from(error: ParseError) -> CrlError {
        CrlError::Malformed { field: error.field, problem: error.problem }
    }
}

/// A certificate revocation list: complete for its issuer, within its [`Scope`]. Nothing in it is verified.
pub struct Crl {
    der: Vec<u8>,
    tbs: std::ops::Range<usize>,
    algorithm: std::ops::Range<usize>,
    signature: std::ops::Range<usize>,
    issuer: DistinguishedName,
    this_update: Timestamp,
    next_update: Timestamp,
    number: Option<CrlNumber>,
    authority_key_id: Option<KeyId>,
    scope: Scope,
    points: Vec<PointName>,
    entries: Entries,
}

impl Crl {
    /// Reads one list, DER.
    ///
    /// # Errors
    /// [`CrlError`]: broken, without an end, limited, or with an unknown critical extension.
    pub fn parse(der: Vec<u8>) -> Result<Crl, CrlError> {
        // Entries are found by 32-bit offsets; no list comes near (files are bounded by whoever reads them).
        if u32::try_from(der.len()).is_err() {
            return Err(CrlError::Malformed { field: "certificateList", problem: Problem::Length });
        }
        let parts = Parts::of(&der)?;
        let body = Body::of(&parts)?;
        let (tbs, algorithm, signature) = (
            range(&der, parts.tbs.whole),
            range(&der, parts.algorithm.content),
            range(&der, parts.signature),
        );
        let Body { issuer, this_update, next_update, extensions, entries } = body;
        let Extensions { number, authority_key_id, scope, points } = extensions;
        Ok(Crl {
            tbs,
            algorithm,
            signature,
            issuer,
            this_update,
            next_update,
            number,
            authority_key_id,
            scope,
            points,
            entries,
            der,
        })
    }

    /// The reason that stands on the list for this serial; `None`: it is not revoked.
    pub fn revoked(&self, serial: &Serial) -> Option<Reason> {
        self.entries.find(&self.der, serial.as_content())
    }

    /// Every serial on it, as a positive number, with its reason.
    pub fn entries(&self) -> impl Iterator<Item = (Serial, Reason)> + '_ {
        self.entries.iter(&self.der).map(|(octets, reason)| (Serial::from_magnitude(octets), reason))
    }

    /// How many certificates are on it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nobody is on it.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// Whose certificates it is about.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// When it was made.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When the next one is due at the latest.
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }

    /// cRLNumber, where it has one.
    pub fn number(&self) -> Option<&CrlNumber> {
        self.number.as_ref()
    }

    /// The keyIdentifier of its AuthorityKeyIdentifier, where it has one; many have none.
    pub fn authority_key_id(&self) -> Option<&KeyId> {
        self.authority_key_id.as_ref()
    }

    /// Which of its issuer's certificates it speaks about.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The names of the distribution point that it is limited to: it speaks only about certificates that have one of
    /// them in [`crl_points`](crate::Facts::crl_points). Empty: about all within its scope.
    pub fn points(&self) -> &[PointName] {
        &self.points
    }

    /// Whether a certificate of its issuer that is not on it is thereby not revoked (RFC 5280 §6.3.3 (b)(2)).
    pub fn covers(&self, facts: &Facts, depth: Depth) -> bool {
        let scope = match (self.scope, depth) {
            (Scope::All, _) | (Scope::Leaves, Depth::Leaf) | (Scope::Authorities, Depth::Authority) => true,
            (Scope::Leaves, Depth::Authority) | (Scope::Authorities, Depth::Leaf) => false,
        };
        scope && (self.points.is_empty() || facts.crl_points.iter().any(|point| self.points.contains(point)))
    }

    /// Whether this issuer made it: its name stands there, and its key made the signature.
    ///
    /// # Errors
    /// The issuer's key cannot be read.
    pub fn signed_by(&self, issuer: &Facts) -> Result<SignedBy, ParseError> {
        if self.issuer != issuer.subject {
            return Ok(SignedBy::No);
        }
        crate::cert::list_signed_by(&self.der, issuer)
    }

    /// What the signature is over.
    pub fn signed(&self) -> &[u8] {
        &self.der[self.tbs.clone()]
    }

    /// Content of the signature's AlgorithmIdentifier.
    pub fn signature_algorithm(&self) -> &[u8] {
        &self.der[self.algorithm.clone()]
    }

    /// The signature.
    pub fn signature(&self) -> &[u8] {
        &self.der[self.signature.clone()]
    }

    /// All of it, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// All of it, PEM, with a newline at the end.
    pub fn pem(&self) -> String {
        crate::pem::encode("X509 CRL", &self.der).as_str().to_owned()
    }

    /// SHA-256 over all of it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crl")
            .field("issuer", &self.issuer.rfc2253())
            .field("number", &self.number)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// Whose list this is, also of one that cannot be used: whoever explains must know whom it concerns.
///
/// # Errors
/// The bytes are no list at all.
pub fn issuer_of(der: &[u8]) -> Result<DistinguishedName, CrlError> {
    let parts = Parts::of(der)?;
    let mut reader = parts.tbs.reader();
    version(&mut reader)?;
    reader.expect(tlv::SEQUENCE, "tbsCertList.signature")?;
    let name = reader.expect(tlv::SEQUENCE, "tbsCertList.issuer")?;
    Ok(DistinguishedName::parse(name, "tbsCertList.issuer")?)
}

/// Where a part lies in the whole: it was cut out of it.
fn range(whole: &[u8], part: &[u8]) -> std::ops::Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// The three parts of a CertificateList.
struct Parts<'a> {
    whole: &'a [u8],
    tbs: tlv::Tlv<'a>,
    algorithm: tlv::Tlv<'a>,
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(der: &'a [u8]) -> Result<Parts<'a>, CrlError> {
        let mut reader = tlv::sole(der, tlv::SEQUENCE, "certificateList")?.reader();
        let tbs = reader.expect(tlv::SEQUENCE, "tbsCertList")?;
        let algorithm = reader.expect(tlv::SEQUENCE, "signatureAlgorithm")?;
        let signature = reader.expect(tlv::BIT_STRING, "signatureValue")?;
        reader.finish("certificateList")?;
        let (signature, unused) = tlv::bit_string(signature, "signatureValue")?;
        if unused != 0 {
            return Err(CrlError::Malformed { field: "signatureValue", problem: Problem::Value });
        }
        Ok(Parts { whole: der, tbs, algorithm, signature })
    }
}

/// What a TBSCertList says.
struct Body {
    issuer: DistinguishedName,
    this_update: Timestamp,
    next_update: Timestamp,
    extensions: Extensions,
    entries: Entries,
}

impl Body {
    fn of(parts: &Parts<'_>) -> Result<Body, CrlError> {
        let mut reader = parts.tbs.reader();
        let version = version(&mut reader)?;
        let inner = reader.expect(tlv::SEQUENCE, "tbsCertList.signature")?;
        if inner.whole != parts.algorithm.whole {
            // RFC 5280 §5.1.1.2: the two MUST be the same; only the inner one is signed.
            return Err(CrlError::Malformed { field: "signatureAlgorithm", problem: Problem::Value });
        }
        let name = reader.expect(tlv::SEQUENCE, "tbsCertList.issuer")?;
        let issuer = DistinguishedName::parse(name, "tbsCertList.issuer")?;
        let this_update = tlv::time(reader.any("tbsCertList.thisUpdate")?, "tbsCertList.thisUpdate")?;
        let next_update = match reader.peek() {
            Some(tlv::UTC_TIME | tlv::GENERALIZED_TIME) => {
                tlv::time(reader.any("tbsCertList.nextUpdate")?, "tbsCertList.nextUpdate")?
            }
            _ => return Err(CrlError::NoNextUpdate),
        };
        if next_update <= this_update {
            return Err(CrlError::EndsBeforeItBegins { this: this_update, next: next_update });
        }
        let list = reader.optional(tlv::SEQUENCE, "tbsCertList.revokedCertificates")?;
        let entries = Entries::read(parts.whole, list, version)?;
        let tagged = reader.optional(0xa0, "tbsCertList.crlExtensions")?;
        let extensions = match (tagged, version) {
            (Some(tagged), Version::V2) => Extensions::read(tagged)?,
            // RFC 5280 §5.1.2.1: with extensions the version MUST be 2; readers differ on whether they count.
            (Some(_), Version::V1) => {
                return Err(CrlError::Malformed { field: "tbsCertList.version", problem: Problem::Value });
            }
            (None, _) => Extensions::NONE,
        };
        reader.finish("tbsCertList")?;
        Ok(Body { issuer, this_update, next_update, extensions, entries })
    }
}

/// `openssl ca -gencrl` writes version 1 where its configuration names no crl_extensions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

fn version(reader: &mut Reader<'_>) -> Result<Version, CrlError> {
    const FIELD: &str = "tbsCertList.version";
    let Some(version) = reader.optional(tlv::INTEGER, FIELD)? else { return Ok(Version::V1) };
    match tlv::small_integer(version, FIELD)? {
        1 => Ok(Version::V2),
        _ => Err(CrlError::Malformed { field: FIELD, problem: Problem::Value }),
    }
}

/// What the fuzz target runs; a test on stable runs it over the corpus. Panics where an invariant is broken.
pub fn fuzz(bytes: &[u8]) {
    match Crl::parse(bytes.to_vec()) {
        Ok(crl) => {
            assert!(crl.next_update() > crl.this_update());
            assert!(bytes.len() > crl.signed().len() + crl.signature().len());
            for (serial, _) in crl.entries.iter(&crl.der) {
                let serial = Serial::from_content(serial).expect("an entry has a serial");
                assert!(crl.revoked(&serial).is_some());
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(text.len() < 1000 && text.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
