//! What a server staples to its handshake: whether the OCSP response proves that its certificate is not revoked.
//!
//! The response is held against the issuer that the path validation found, never against one that only has its name.
//! It is looked at in each handshake, since no session of a client is resumed (`client.rs`).

use sealmq_pki::Timestamp;
use sealmq_pki::ocsp::{Question, Refused, verify};

use crate::failure::Refusal;
use crate::path::Path;
use crate::symptoms::Code;

/// `bridge_require_ocsp`: whether a server must staple an OCSP response for its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOcsp {
    /// What it staples is not looked at.
    NotRequired,
    /// It must, and the response must be current and say "good"; else the server is refused.
    Required,
}

/// Refuses unless `response` (as the handshake brought it, empty where there was none) speaks for the leaf.
pub(crate) fn check(
    requirement: ServerOcsp,
    response: &[u8],
    path: &Path,
    now: Timestamp,
) -> Result<(), Refusal> {
    match requirement {
        ServerOcsp::NotRequired => Ok(()),
        ServerOcsp::Required => {
            let question = Question { certificate: &path.leaf, issuer: path.issuer(), nonce: None, now };
            verify(response, &question).map(|_| ()).map_err(|refused| {
                let detail = if refused == Refused::Missing { String::new() } else { refused.to_string() };
                Refusal::about(code_of(&refused), &path.leaf, detail)
            })
        }
    }
}

fn code_of(refused: &Refused) -> Code {
    match refused {
        Refused::Missing => Code::NoOcspResponse,
        Refused::Revoked { .. } => Code::Revoked,
        Refused::Unknown => Code::OcspUnknown,
        Refused::NotYet { .. } | Refused::Ended { .. } | Refused::TooOld { .. } => Code::OcspOutOfDate,
        Refused::Unreadable(_)
        | Refused::NotItsIssuer { .. }
        | Refused::UnknownResponder { .. }
        | Refused::NotAuthorized { .. }
        | Refused::SignatureAlgorithm { .. }
        | Refused::BadSignature
        | Refused::NotAbout
        | Refused::NonceMissing
        | Refused::NonceMismatch => Code::OcspUnverifiable,
    }
}
