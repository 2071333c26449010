//! Why an OCSP message cannot be read, and why an answer proves nothing.

use thiserror::Error;

use super::{AGE_WITHOUT_NEXT_UPDATE_MAX_SECS, CLOCK_SKEW_SECS};
use crate::cert::{ParseError, Problem};
use crate::crl::Reason;
use crate::time::Timestamp;

/// Why bytes are no OCSP message that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OcspError {
    /// More than anybody needs.
    #[error("the OCSP {what} has {bytes} bytes; at most {max} are read")]
    TooLarge {
        /// `response` or `request`.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// Not DER, or not what the field must hold.
    #[error("not a valid OCSP message: {field}: {problem}")]
    Malformed {
        /// The field in RFC 6960's words.
        field: &'static str,
        /// What is wrong.
        problem: Problem,
    },
    /// A list is longer than its bound.
    #[error("the OCSP message has more than {max} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// RFC 6960 §4.4: a critical extension that is not understood may change what the message means.
    #[error("the OCSP message has a critical extension that is not supported ({oid})")]
    CriticalExtension {
        /// Its OID.
        oid: String,
    },
    /// The responder did not answer the question; anybody can say so, it is not signed.
    #[error("the OCSP responder gave no answer: {0}")]
    Unsuccessful(Unsuccessful),
    /// An answer of another type than id-pkix-ocsp-basic.
    #[error("the OCSP response is of the type {oid}; only id-pkix-ocsp-basic is supported")]
    NotBasic {
        /// The type's OID.
        oid: String,
    },
}

impl From<ParseError> for OcspError {
    fn from(error: ParseError) -> OcspError {
        OcspError::Malformed { field: error.field, problem: error.problem }
    }
}

/// The responseStatus of a responder that does not answer (RFC 6960 §4.2.1). Displays in the standard's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unsuccessful {
    /// The request does not follow the syntax.
    #[error("malformedRequest (1)")]
    MalformedRequest,
    /// It failed.
    #[error("internalError (2)")]
    InternalError,
    /// It cannot answer now.
    #[error("tryLater (3)")]
    TryLater,
    /// It wants signed requests.
    #[error("sigRequired (5)")]
    SigRequired,
    /// It does not answer this client, or nothing about these certificates.
    #[error("unauthorized (6)")]
    Unauthorized,
    /// A number that the standard does not name.
    #[error("a status without a name ({0})")]
    Other(u8),
}

impl Unsuccessful {
    /// From the number that is no success.
    pub(super) const fn of_code(code: u8) -> Unsuccessful {
        match code {
            1 => Unsuccessful::MalformedRequest,
            2 => Unsuccessful::InternalError,
            3 => Unsuccessful::TryLater,
            5 => Unsuccessful::SigRequired,
            6 => Unsuccessful::Unauthorized,
            other => Unsuccessful::Other(other),
        }
    }

    const fn code(self) -> u8 {
        match self {
            Unsuccessful::MalformedRequest => 1,
            Unsuccessful::InternalError => 2,
            Unsuccessful::TryLater => 3,
            Unsuccessful::SigRequired => 5,
            Unsuccessful::Unauthorized => 6,
            Unsuccessful::Other(code) => code,
        }
    }

    /// The whole OCSPResponse: a responder sends it instead of an answer. It carries no signature.
    pub const fn to_der(self) -> [u8; 5] {
        // SEQUENCE { ENUMERATED }
        [0x30, 3, 0x0a, 1, self.code()]
    }
}

/// Why an answer does not prove that a certificate counts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// There is none.
    #[error("there is no OCSP response")]
    Missing,
    /// It cannot be read, or the responder did not answer.
    #[error(transparent)]
    Unreadable(#[from] OcspError),
    /// The question itself is wrong: the issuer given is not the one that the certificate names.
    #[error("'{issuer}' is not the issuer that the certificate names")]
    NotItsIssuer {
        /// Subject of the issuer given.
        issuer: String,
    },
    /// The responder that it names is neither the issuer nor one whose certificate came along.
    #[error(
        "the OCSP response was made by '{responder}', which is neither the issuer nor a responder whose certificate came along"
    )]
    UnknownResponder {
        /// Name or key hash.
        responder: String,
    },
    /// The certificate of the responder that it names gives no right to answer for this issuer.
    #[error("the OCSP responder '{subject}' may not answer for this issuer: {why}")]
    NotAuthorized {
        /// Its subject.
        subject: String,
        /// What it lacks.
        why: &'static str,
    },
    /// A signature by an algorithm that is not allowed: SHA-1, MD5, keys that are too short or not known.
    #[error("the OCSP response is signed by an algorithm or key that is not allowed ({algorithm})")]
    SignatureAlgorithm {
        /// Name or OID.
        algorithm: String,
    },
    /// The responder's key did not make the signature.
    #[error("the signature of the OCSP response does not verify")]
    BadSignature,
    /// It is about other certificates.
    #[error("the OCSP response is not about this certificate")]
    NotAbout,
    /// The nonce that was sent did not come back.
    #[error("the OCSP response has no nonce, and one was sent")]
    NonceMissing,
    /// Another nonce came back: an answer to somebody else, or an old one.
    #[error("the nonce of the OCSP response is not the one that was sent")]
    NonceMismatch,
    /// The certificate is revoked.
    #[error("revoked at {at}, reason {}", .reason.as_str())]
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why.
        reason: Reason,
    },
    /// The responder does not know the certificate.
    #[error("the OCSP responder says 'unknown': it does not know this certificate")]
    Unknown,
    /// It begins later than now.
    #[error("the OCSP response is not valid before {this_update}")]
    NotYet {
        /// thisUpdate.
        this_update: Timestamp,
    },
    /// Its end is past.
    #[error("the OCSP response has expired: its nextUpdate was {next_update}")]
    Ended {
        /// nextUpdate.
        next_update: Timestamp,
    },
    /// It names no end, and is old.
    #[error(
        "the OCSP response has expired: it is of {this_update}, names no nextUpdate, and counts for {hours} hours",
        hours = AGE_WITHOUT_NEXT_UPDATE_MAX_SECS / 3600
    )]
    TooOld {
        /// thisUpdate.
        this_update: Timestamp,
    },
}

impl Refused {
    /// What mends it, one line.
    pub fn hint(&self) -> String {
        match self {
            Refused::Missing => "let the server staple OCSP (openssl s_server -status_file, nginx ssl_stapling)",
            Refused::Unreadable(OcspError::Unsuccessful(_)) => {
                "ask the responder by hand: openssl ocsp -issuer CA.crt -cert CERT -url URL"
            }
            Refused::Unreadable(_) => "look at it with: openssl ocsp -respin FILE -resp_text -noverify",
            Refused::NotItsIssuer { .. } => "give the certificate of the CA that issued it",
            Refused::UnknownResponder { .. } => {
                "let the responder sign with the CA's key, or send its certificate along (openssl ocsp -rsigner FILE)"
            }
            Refused::NotAuthorized { .. } => {
                "let the same CA issue the responder's certificate, with extendedKeyUsage OCSPSigning"
            }
            Refused::SignatureAlgorithm { .. } => {
                "sign with SHA-256 or better, and a key of EC P-256, P-384, P-521, Ed25519 or RSA from 2048 bits"
            }
            Refused::BadSignature => "the response is damaged or forged, or the CA has a new key",
            Refused::NotAbout => "staple the response for the certificate that is served, by the CA that issued it",
            Refused::NonceMissing | Refused::NonceMismatch => {
                "the responder or a cache between sends pre-made responses; ask it without a nonce"
            }
            Refused::Revoked { .. } => "a revoked certificate does not come back; issue a new one",
            Refused::Unknown => "does the responder have the CA's newest list of certificates?",
            Refused::NotYet { .. } => {
                return format!(
                    "compare the clocks of both machines (date -u); {CLOCK_SKEW_SECS} seconds apart are allowed"
                );
            }
            Refused::Ended { .. } | Refused::TooOld { .. } => {
                "fetch a new one from the responder, and compare the clocks of both machines (date -u)"
            }
        }
        .to_owned()
    }
}
