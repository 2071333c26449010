//! What the inventory of our own CA says about certificates: for `cert verify`, which explains and decides nothing.

use sealmq_pki::inventory::Role;
use sealmq_pki::{Fingerprint, KeyId, Serial};
use serde::{Deserialize, Serialize};

use super::protocol::Response;
use crate::home::{Home, HomeError};
use crate::inventory;

/// How many certificates one question may be about: no chain is longer.
const ASKED_MAX: usize = 64;

/// Which certificate: its issuer's key identifier (computed from the key) and its serial, hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateId {
    /// The issuer's key.
    pub issuer: String,
    /// As openssl prints it.
    pub serial: String,
}

/// What is known of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateStatus {
    /// It counts.
    Valid {
        /// What it is for, in the inventory's word.
        role: String,
        /// Who holds it.
        name: Option<String>,
        /// SHA-256 of the certificate that was issued under this serial, hex.
        fingerprint: String,
    },
    /// It was revoked.
    Revoked,
    /// It is on hold.
    Held,
    /// It is not in the inventory.
    Unknown,
}

impl CertificateId {
    /// A certificate by its issuer's key and its serial.
    pub fn of(issuer: &KeyId, serial: &Serial) -> CertificateId {
        CertificateId { issuer: issuer.to_string(), serial: serial.to_string() }
    }
}

impl CertificateStatus {
    /// As the judgment asks for it. An answer that cannot be read back is none.
    pub fn for_judgment(&self) -> sealmq_tls::Status {
        match self {
            CertificateStatus::Revoked | CertificateStatus::Held => sealmq_tls::Status::Revoked,
            CertificateStatus::Unknown => sealmq_tls::Status::Unknown,
            CertificateStatus::Valid { role, fingerprint, .. } => {
                let bytes = octets(fingerprint).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                match (Role::parse(role), bytes) {
                    (Some(role), Some(bytes)) => {
                        sealmq_tls::Status::Valid { role, fingerprint: Fingerprint::from_bytes(bytes) }
                    }
                    (None, _) | (_, None) => sealmq_tls::Status::CannotTell,
                }
            }
        }
    }
}

/// Answers for each certificate, in order.
pub(super) fn answer(home: &Home, asked: &[CertificateId]) -> Result<Response, HomeError> {
    let refuse = |what: &str| HomeError::Refused {
        what: what.to_owned(),
        hint: "use `sealmq cert verify` of the version that the broker runs".to_owned(),
    };
    if asked.len() > ASKED_MAX {
        return Err(refuse("too many certificates were asked about at once"));
    }
    let mut statuses = Vec::with_capacity(asked.len());
    for id in asked {
        let issuer = octets(&id.issuer).ok_or_else(|| refuse("an issuer's key identifier is not hex"))?;
        let serial = match id.serial.starts_with('-') {
            // We issue none: nothing under a negative serial is in the inventory.
            true => None,
            false => Some(Serial::parse_hex(&id.serial).map_err(|_| refuse("a serial is not hex"))?),
        };
        statuses.push(match serial {
            Some(serial) => known(home, &KeyId::from_bytes(&issuer), &serial)?,
            None => CertificateStatus::Unknown,
        });
    }
    Ok(Response::CertificateStatuses(statuses))
}

fn known(home: &Home, issuer: &KeyId, serial: &Serial) -> Result<CertificateStatus, HomeError> {
    Ok(match home.inventory().status(issuer, serial)? {
        inventory::Status::Valid { role, name, fingerprint } => CertificateStatus::Valid {
            role: role.as_str().to_owned(),
            name: name.map(|name| name.to_string()),
            fingerprint: fingerprint.to_string(),
        },
        inventory::Status::Revoked => CertificateStatus::Revoked,
        inventory::Status::Held => CertificateStatus::Held,
        inventory::Status::Unknown => CertificateStatus::Unknown,
    })
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || hex.len() > 256 || !hex.is_ascii() {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_whole_or_not_at_all() {
        assert_eq!(octets("00fF"), Some(vec![0, 255]));
        assert_eq!((octets("0"), octets("0g"), octets("é")), (None, None, None));
    }
}
