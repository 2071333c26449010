//! Why a TLS connection failed, in words: direction, stage, code, the certificate at fault, and what mends it.
//!
//! Everything goes through the one table in `symptoms`: errors of rustls, alerts received, refusals of our own checks.

use std::fmt;

use rustls::{
    AlertDescription, CertificateError, Error as RustlsError, InvalidMessage, OtherError, PeerIncompatible,
};
use sealmq_pki::Facts;

use crate::symptoms::{Code, Symptom};

/// Who refused whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// We refused the peer; our alert is in `out`.
    WeRefused,
    /// An alert of the peer: it refused us.
    TheyRefused,
    /// Nobody refused: the bytes are broken.
    Broken,
}

/// How far the connection was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Before the first TLS record made sense.
    FirstBytes,
    /// In the handshake.
    Handshake,
    /// After the handshake, before the connection was used: the whole decision.
    Judgment,
    /// While data flowed.
    Traffic,
}

/// Which end of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// We accepted the connection.
    Server,
    /// We dialled.
    Client,
}

/// The certificate that a refusal is about, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateAtFault {
    /// RFC 2253 text.
    pub subject: String,
    /// RFC 2253 text.
    pub issuer: String,
    /// Hex.
    pub serial: String,
    /// First and last second of its validity, RFC 3339.
    pub validity: String,
}

impl CertificateAtFault {
    pub(crate) fn of(facts: &Facts) -> Box<CertificateAtFault> {
        Box::new(CertificateAtFault {
            subject: facts.subject.rfc2253(),
            issuer: facts.issuer.rfc2253(),
            serial: facts.serial.to_string(),
            validity: format!("{} to {}", facts.not_before, facts.not_after),
        })
    }
}

impl fmt::Display for CertificateAtFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CertificateAtFault { subject, issuer, serial, validity } = self;
        write!(
            f,
            "subject '{}', issuer '{}', serial {serial}, valid {validity}",
            subject.escape_debug(),
            issuer.escape_debug()
        )
    }
}

/// A decision of ours against a certificate or its absence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The row of the table.
    pub code: Code,
    /// The certificate at fault, if there is one.
    pub certificate: Option<Box<CertificateAtFault>>,
    /// The value in question, in words; may be empty.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Refusal {
        Refusal { code, certificate: None, detail: detail.into() }
    }

    pub(crate) fn about(code: Code, facts: &Facts, detail: impl Into<String>) -> Refusal {
        Refusal { code, certificate: Some(CertificateAtFault::of(facts)), detail: detail.into() }
    }

    /// What rustls shall tell the peer: the alert that fits (RFC 8446 §6.2).
    pub(crate) fn for_rustls(&self) -> RustlsError {
        let error = match self.code {
            Code::UnknownIssuer | Code::SelfSigned => CertificateError::UnknownIssuer,
            Code::NameMismatch => CertificateError::NotValidForName,
            Code::Expired | Code::AnchorEnded => CertificateError::Expired,
            Code::NotYetValid => CertificateError::NotValidYet,
            Code::BadCertificate | Code::CaMisuse => CertificateError::BadEncoding,
            Code::WrongPurpose | Code::Version1 => CertificateError::InvalidPurpose,
            Code::BadSignature => CertificateError::BadSignature,
            Code::Revoked | Code::OnHold => CertificateError::Revoked,
            Code::RevocationUnknown | Code::NoCrl | Code::CrlEnded | Code::CrlNotYet => {
                CertificateError::UnknownRevocationStatus
            }
            Code::NoOcspResponse | Code::OcspUnverifiable | Code::OcspOutOfDate | Code::OcspUnknown => {
                CertificateError::InvalidOcspResponse
            }
            Code::ServedAsClient
            | Code::IdentityAbsent
            | Code::IdentitySeveral
            | Code::IdentityForbidden
            | Code::NotInInventory
            | Code::InventorySilent
            | Code::WrongRole => CertificateError::ApplicationVerificationFailure,
            Code::TooWeak
            | Code::CertificateUnknown
            | Code::NoCertificate
            | Code::NothingInCommon
            | Code::Version
            | Code::PlainMqtt
            | Code::PlainHttp
            | Code::ClosedInHandshake
            | Code::ClosedAtOnce
            | Code::NameOrProtocolRefused
            | Code::Protocol
            | Code::Internal
            | Code::NotTls => CertificateError::Other(OtherError(std::sync::Arc::new(self.clone()))),
        };
        RustlsError::InvalidCertificate(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TlsFailure::from_refusal(Role::Server, Stage::Judgment, self.clone()).fmt(f)
    }
}

impl std::error::Error for Refusal {}

/// A TLS connection that came to nothing. Displays as one line with the certificate, then a `hint:` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFailure {
    /// Which end we are.
    pub role: Role,
    /// Who refused whom.
    pub direction: Direction,
    /// How far it was.
    pub stage: Stage,
    /// The row of the table; [`Code::as_str`] is the stable code.
    pub code: Code,
    /// The certificate at fault, where there is one.
    pub certificate: Option<Box<CertificateAtFault>>,
    /// The value in question; may be empty. Text of the peer in it is escaped.
    pub detail: String,
}

impl TlsFailure {
    /// A refusal of [`ServerTls::judge`](crate::ServerTls::judge) as a failure, for the same log line.
    pub fn from_refusal(role: Role, stage: Stage, refusal: Refusal) -> TlsFailure {
        let Refusal { code, certificate, detail } = refusal;
        TlsFailure { role, direction: Direction::WeRefused, stage, code, certificate, detail }
    }

    pub(crate) fn new(
        role: Role,
        direction: Direction,
        stage: Stage,
        code: Code,
        detail: impl Into<String>,
    ) -> TlsFailure {
        TlsFailure { role, direction, stage, code, certificate: None, detail: detail.into() }
    }

    /// The connection ended (EOF or reset) before the handshake did; the caller saw it, since it owns the socket.
    pub fn closed_in_handshake(role: Role) -> TlsFailure {
        TlsFailure::new(role, Direction::TheyRefused, Stage::Handshake, Code::ClosedInHandshake, "")
    }

    /// As [`TlsFailure::from_rustls`], of a client that was asked for a certificate and had none: an alert that could
    /// be about that is.
    pub(crate) fn without_certificate(stage: Stage, error: &RustlsError) -> TlsFailure {
        let failure = TlsFailure::from_rustls(Role::Client, stage, error);
        let about_it = matches!(
            failure.code,
            Code::NothingInCommon | Code::BadCertificate | Code::CertificateUnknown | Code::NoCertificate
        );
        if failure.direction == Direction::TheyRefused && about_it {
            return TlsFailure { code: Code::NoCertificate, ..failure };
        }
        failure
    }

    pub(crate) fn from_rustls(role: Role, stage: Stage, error: &RustlsError) -> TlsFailure {
        if let RustlsError::AlertReceived(alert) = error {
            let detail = format!("alert {} {alert:?}", u8::from(*alert));
            return TlsFailure::new(role, Direction::TheyRefused, stage, code_of_alert(*alert, role), detail);
        }
        let code = code_of_error(error);
        let broken = matches!(code, Code::Protocol | Code::Internal);
        let direction = if broken { Direction::Broken } else { Direction::WeRefused };
        TlsFailure::new(role, direction, stage, code, error.to_string())
    }

    /// Its row.
    pub fn symptom(&self) -> &'static Symptom {
        self.code.symptom()
    }

    /// What happened, in plain words.
    pub fn text(&self) -> String {
        let row = self.symptom();
        self.spelled(match self.direction {
            Direction::WeRefused | Direction::Broken => row.we_refused,
            Direction::TheyRefused => row.they_refused,
        })
    }

    /// What mends it.
    pub fn hint(&self) -> String {
        let row = self.symptom();
        self.spelled(match self.direction {
            Direction::WeRefused | Direction::Broken => row.hint_we,
            Direction::TheyRefused => row.hint_they,
        })
    }

    fn spelled(&self, template: &str) -> String {
        let (peer, theirs, ours) = match self.role {
            Role::Server => ("the client", "the client certificate", "our server certificate"),
            Role::Client => ("the server", "the server certificate", "our client certificate"),
        };
        template.replace("{peer}", peer).replace("{theirs}", theirs).replace("{ours}", ours)
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text())?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if let Some(certificate) = &self.certificate {
            write!(f, " ({certificate})")?;
        }
        write!(f, "\nhint: {}", self.hint())
    }
}

impl std::error::Error for TlsFailure {}

/// What an alert of the peer means to us.
#[allow(clippy::wildcard_enum_match_arm)] // rustls' enums are non-exhaustive
fn code_of_alert(alert: AlertDescription, role: Role) -> Code {
    match alert {
        AlertDescription::UnknownCA => Code::UnknownIssuer,
        AlertDescription::BadCertificate => Code::BadCertificate,
        AlertDescription::UnsupportedCertificate => Code::WrongPurpose,
        AlertDescription::CertificateRevoked => Code::Revoked,
        AlertDescription::CertificateExpired => Code::Expired,
        AlertDescription::CertificateUnknown => Code::CertificateUnknown,
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => Code::NoCertificate,
        AlertDescription::DecryptError => Code::BadSignature,
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => Code::NothingInCommon,
        AlertDescription::ProtocolVersion | AlertDescription::InappropriateFallback => Code::Version,
        AlertDescription::UnrecognisedName | AlertDescription::NoApplicationProtocol => {
            Code::NameOrProtocolRefused
        }
        AlertDescription::InternalError => Code::Internal,
        AlertDescription::BadCertificateStatusResponse => Code::RevocationUnknown,
        AlertDescription::UserCanceled | AlertDescription::CloseNotify => Code::ClosedInHandshake,
        // `access_denied` is what this broker answers when the chain is good and the identity is not.
        AlertDescription::AccessDenied if role == Role::Client => Code::CertificateUnknown,
        _ => Code::Protocol,
    }
}

/// The row of an error of rustls; certificate errors of our own verifiers come as a [`Refusal`] beside it.
#[allow(clippy::wildcard_enum_match_arm)] // rustls' enums are non-exhaustive
fn code_of_error(error: &RustlsError) -> Code {
    match error {
        RustlsError::NoCertificatesPresented => Code::NoCertificate,
        RustlsError::NoApplicationProtocol => Code::NameOrProtocolRefused,
        RustlsError::PeerIncompatible(why) => match why {
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::SupportedVersionsExtensionRequired
            // Every client of TLS 1.2 sends it; older ones do not know it, and rustls misses it first.
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired => Code::Version,
            _ => Code::NothingInCommon,
        },
        RustlsError::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => Code::NotTls,
        RustlsError::InvalidCertificate(why) => match why {
            CertificateError::BadSignature => Code::BadSignature,
            CertificateError::UnknownIssuer => Code::UnknownIssuer,
            CertificateError::BadEncoding | CertificateError::UnhandledCriticalExtension => {
                Code::BadCertificate
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Code::TooWeak,
            _ => Code::CertificateUnknown,
        },
        RustlsError::FailedToGetCurrentTime
        | RustlsError::FailedToGetRandomBytes
        | RustlsError::General(_)
        | RustlsError::Other(_) => Code::Internal,
        _ => Code::Protocol,
    }
}
