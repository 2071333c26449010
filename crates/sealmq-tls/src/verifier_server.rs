//! A client's decision about the server: chain, name, and the OCSP response that it staples where one is required.
//!
//! Anchors given by the user come first; the system's count only for what webpki accepts whole. Version 1 and CN-only
//! certificates are taken under the user's anchors alone, and only where `legacy_server_certs` warns.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error as RustlsError, SignatureScheme};
use sealmq_pki::cert::Version;
use sealmq_pki::{AltName, Facts, Timestamp};
use webpki::EndEntityCert;

use crate::Finding;
use crate::anchors::TrustStore;
use crate::failure::Refusal;
use crate::judge::guarded;
use crate::path::{Check, LeafDates, Path, Purpose, Version1};
use crate::session::Seen;
use crate::signature;
use crate::staple::{self, ServerOcsp};
use crate::symptoms::Code;

/// `legacy_server_certs`: version 1 and CN-only server certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyServerCerts {
    /// Take them under anchors that the user named, each with a finding.
    Warn,
    /// Refuse them.
    Deny,
}

/// How much of a server's certificate is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyServer {
    /// Chain, dates, purpose and name.
    Full,
    /// `--insecure` of mosquitto_pub: everything but the name. Whoever holds *any* certificate of the CA can then be
    /// the server.
    InsecureAnyName,
}

/// What a client trusts.
pub(crate) struct Trust {
    pub(crate) configured: TrustStore,
    pub(crate) system: TrustStore,
    pub(crate) legacy: LegacyServerCerts,
    pub(crate) verify: VerifyServer,
    pub(crate) ocsp: ServerOcsp,
    pub(crate) algorithms: WebPkiSupportedAlgorithms,
}

/// Where a chain ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    Configured,
    System,
}

impl Trust {
    /// Chain, name and stapled OCSP response, and what should be said about them.
    pub(crate) fn decide(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: Timestamp,
    ) -> Result<Vec<Finding>, Refusal> {
        let (path, under) = self.chain(chain, now)?;
        let leaf = &path.leaf;
        let mut findings = Vec::new();
        if leaf.version == Version::V1 {
            findings.push(legacy_finding(leaf, "is X.509 version 1"));
        }
        if self.verify == VerifyServer::Full && !self.is_for(&chain[0], leaf, name)? {
            if under == Under::System || self.legacy == LegacyServerCerts::Deny {
                return Err(name_refusal(leaf, name));
            }
            check_common_name(leaf, name)?;
            findings.push(legacy_finding(leaf, "has no subject alternative name; its CN was compared"));
        }
        staple::check(self.ocsp, ocsp_response, &path, now)?;
        Ok(findings)
    }

    fn chain(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(Path, Under), Refusal> {
        let version1 = match self.legacy {
            LegacyServerCerts::Warn => Version1::Allowed,
            LegacyServerCerts::Deny => Version1::Refused,
        };
        let check = |store, version1| {
            Check {
                store,
                algorithms: self.algorithms.all,
                purpose: Purpose::Server,
                version1,
                dates: LeafDates::Checked,
                now,
            }
            .run(chain)
        };
        let refusal = match check(&self.configured, version1) {
            Ok(path) => return Ok((path, Under::Configured)),
            Err(refusal) => refusal,
        };
        if self.system.anchors.is_empty() {
            return Err(refusal);
        }
        check(&self.system, Version1::Refused)
            .map(|path| (path, Under::System))
            .map_err(|second| if self.configured.anchors.is_empty() { second } else { refusal })
    }

    /// Whether a SAN holds the name; `false` where there is no name in a SAN at all, so that the CN may be asked.
    fn is_for(&self, der: &CertificateDer<'_>, leaf: &Facts, name: &ServerName<'_>) -> Result<bool, Refusal> {
        if !leaf.alt_names.iter().any(|alt| matches!(alt, AltName::Dns(_) | AltName::Ip(_))) {
            return Ok(false);
        }
        let refused = |_| name_refusal(leaf, name);
        let end_entity = EndEntityCert::try_from(der).map_err(refused)?;
        end_entity.verify_is_valid_for_subject_name(name).map_err(refused)?;
        Ok(true)
    }
}

fn check_common_name(leaf: &Facts, name: &ServerName<'_>) -> Result<(), Refusal> {
    match leaf.subject.common_names().as_slice() {
        [cn] if cn.text().is_some_and(|cn| cn.eq_ignore_ascii_case(&name.to_str())) => Ok(()),
        _ => Err(name_refusal(leaf, name)),
    }
}

fn name_refusal(leaf: &Facts, name: &ServerName<'_>) -> Refusal {
    let names: Vec<String> = if leaf.alt_names.is_empty() {
        leaf.common_names().iter().map(|cn| format!("CN '{}' (it has no SAN)", cn.escape_debug())).collect()
    } else {
        leaf.alt_names.iter().take(20).map(ToString::to_string).collect()
    };
    let detail =
        format!("we dialled '{}', the certificate is for {}", name.to_str().escape_debug(), names.join(", "));
    Refusal::about(Code::NameMismatch, leaf, detail)
}

fn legacy_finding(leaf: &Facts, what: &str) -> Finding {
    Finding::new(
        "legacy-server-certificate",
        format!("the server certificate '{}' {what}", leaf.subject.rfc2253().escape_debug()),
        "reissue it as version 3 with every name and address that clients dial as SAN",
    )
}

/// rustls' view of [`Trust`], one for each session.
pub(crate) struct ServerVerifier {
    pub(crate) trust: Arc<Trust>,
    pub(crate) now: Timestamp,
    pub(crate) seen: Arc<Seen>,
}

impl fmt::Debug for ServerVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerVerifier")
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        let chain: Vec<CertificateDer<'_>> = [end_entity]
            .into_iter()
            .chain(intermediates)
            .map(|der| CertificateDer::from(der.as_ref()))
            .collect();
        match guarded(|| self.trust.decide(&chain, name, ocsp_response, self.now)) {
            Ok(findings) => {
                findings.into_iter().for_each(|finding| self.seen.found(finding));
                Ok(ServerCertVerified::assertion())
            }
            Err(refusal) => {
                let error = refusal.for_rustls();
                self.seen.refused(refusal);
                Err(error)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        signature::tls12(message, cert, dss, &self.trust.algorithms, &self.seen)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        signature::tls13(message, cert, dss, &self.trust.algorithms, &self.seen)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.algorithms.supported_schemes()
    }
}
