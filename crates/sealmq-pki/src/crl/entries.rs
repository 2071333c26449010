//! revokedCertificates, sorted by serial: a hundred thousand of them cost nine bytes each and a binary search.

use super::{CrlError, Version};
use crate::cert::{Extension, Problem, tlv};

/// Why a certificate is on the list (RFC 5280 §5.3.1). Whatever it is, the certificate does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// None is given, or `unspecified`.
    Unspecified,
    /// `keyCompromise`.
    KeyCompromise,
    /// `cACompromise` or `aACompromise`.
    AuthorityCompromise,
    /// `affiliationChanged`.
    AffiliationChanged,
    /// `superseded`.
    Superseded,
    /// `cessationOfOperation`.
    CessationOfOperation,
    /// `certificateHold`: revoked for as long as it stands there.
    CertificateHold,
    /// `removeFromCRL` belongs into delta lists only; on a complete one the entry counts.
    RemoveFromCrl,
    /// `privilegeWithdrawn`.
    PrivilegeWithdrawn,
    /// A number that the standard does not name.
    Other,
}

impl Reason {
    /// As RFC 5280 writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Unspecified => "unspecified",
            Reason::KeyCompromise => "keyCompromise",
            Reason::AuthorityCompromise => "cACompromise",
            Reason::AffiliationChanged => "affiliationChanged",
            Reason::Superseded => "superseded",
            Reason::CessationOfOperation => "cessationOfOperation",
            Reason::CertificateHold => "certificateHold",
            Reason::RemoveFromCrl => "removeFromCRL",
            Reason::PrivilegeWithdrawn => "privilegeWithdrawn",
            Reason::Other => "a reason without a name",
        }
    }

    pub(crate) const fn of_code(code: u32) -> Reason {
        match code {
            0 => Reason::Unspecified,
            1 => Reason::KeyCompromise,
            2 | 10 => Reason::AuthorityCompromise,
            3 => Reason::AffiliationChanged,
            4 => Reason::Superseded,
            5 => Reason::CessationOfOperation,
            6 => Reason::CertificateHold,
            8 => Reason::RemoveFromCrl,
            9 => Reason::PrivilegeWithdrawn,
            _ => Reason::Other,
        }
    }
}

/// One serial in the list's DER, without leading zeros.
struct Entry {
    start: u32,
    len: u8,
    reason: Reason,
}

/// Sorted by the serial's octets, shortest first.
pub(super) struct Entries(Vec<Entry>);
const FIELD: &str = "tbsCertList.revokedCertificates";

impl Entries {
    pub(super) fn read(
        whole: &[u8],
        list: Option<tlv::Tlv<'_>>,
        version: Version,
    ) -> Result<Entries, CrlError> {
        let mut found = Vec::new();
        let mut reader = list.map_or(tlv::Reader::new(&[]), |list| list.reader());
        while !reader.is_empty() {
            let mut entry = reader.expect(tlv::SEQUENCE, FIELD)?.reader();
            let serial = significant(entry.expect(tlv::INTEGER, FIELD)?.content);
            tlv::time(entry.any(FIELD)?, FIELD)?;
            let reason = match (entry.optional(tlv::SEQUENCE, FIELD)?, version) {
                (Some(extensions), Version::V2) => reason(extensions)?,
                (Some(_), Version::V1) => return Err(malformed(Problem::Value)),
                (None, _) => Reason::Unspecified,
            };
            entry.finish(FIELD)?;
            // RFC 5280 allows 20 octets; a certificate with more than one octet can count is found nowhere else either.
            let len = u8::try_from(serial.len()).map_err(|_| malformed(Problem::Value))?;
            if len == 0 {
                return Err(malformed(Problem::Value));
            }
            let start =
                u32::try_from(super::range(whole, serial).start).map_err(|_| malformed(Problem::Length))?;
            found.push(Entry { start, len, reason });
        }
        found.sort_unstable_by(|a, b| order(a.octets(whole), b.octets(whole)));
        Ok(Entries(found))
    }

    /// Whether this serial (content of its INTEGER) is listed, and why.
    pub(super) fn find(&self, whole: &[u8], serial: &[u8]) -> Option<Reason> {
        let serial = significant(serial);
        let at = self.0.binary_search_by(|entry| order(entry.octets(whole), serial)).ok()?;
        Some(self.0[at].reason)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The octets of each serial, without leading zeros, and its reason.
    pub(super) fn iter<'a>(&'a self, whole: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Reason)> {
        self.0.iter().map(|entry| (entry.octets(whole), entry.reason))
    }
}

impl Entry {
    fn octets<'a>(&self, whole: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        &whole[start..start + usize::from(self.len)]
    }
}

fn order(a: &[u8], b: &[u8]) -> std::cmp::Ordering {
    (a.len(), a).cmp(&(b.len(), b))
}

/// A number has one encoding in DER; tools have written others. Leading zeros do not count, so that `00 05` on the
/// list is the certificate `05`, and the zero before a high bit changes nothing on either side.
///
/// A negative serial (`85`) then equals the positive one (`00 85`): at worst one certificate too many is refused.
fn significant(content: &[u8]) -> &[u8] {
    match content.iter().position(|octet| *octet != 0) {
        Some(first) => &content[first..],
        None => &content[content.len().saturating_sub(1)..],
    }
}

fn reason(extensions: tlv::Tlv<'_>) -> Result<Reason, CrlError> {
    const FIELD: &str = "crlEntryExtensions";
    let mut reader = extensions.reader();
    let mut reason = None;
    while !reader.is_empty() {
        let extension = Extension::read(&mut reader, FIELD)?;
        match extension.oid.as_str() {
            "2.5.29.21" => {
                let code = tlv::sole(extension.value, 0x0a, FIELD)?;
                let read = Reason::of_code(tlv::small_integer(code, FIELD)?);
                if reason.replace(read).is_some() {
                    return Err(CrlError::Malformed { field: FIELD, problem: Problem::Repeated });
                }
            }
            // From here on entries are another CA's.
            "2.5.29.29" => return Err(super::extensions::INDIRECT),
            // invalidityDate and whatever else only informs.
            _ if !extension.critical => {}
            _ => return Err(CrlError::CriticalExtension { oid: extension.oid }),
        }
    }
    Ok(reason.unwrap_or(Reason::Unspecified))
}

const fn malformed(problem: Problem) -> CrlError {
    CrlError::Malformed { field: FIELD, problem }
}
