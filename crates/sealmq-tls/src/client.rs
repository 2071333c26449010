//! The dialling side: `pub`, `sub`, bridges, checks.

use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption, UnbufferedClientConnection};
use rustls::pki_types::{IpAddr, Ipv4Addr, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, SignatureScheme};
use sealmq_pki::{Facts, Timestamp};
use thiserror::Error;

use crate::Finding;
use crate::anchors::{AnchorError, CaCertificate, PemSource, TrustStore};
use crate::chain;
use crate::keys::KeyPair;
use crate::os_roots::OsRoots;
use crate::policy::TlsPolicy;
use crate::server::{At, BuildError};
use crate::session::{RecordSize, Seen, TlsSession};
use crate::staple::ServerOcsp;
use crate::verifier_server::{LegacyServerCerts, ServerVerifier, Trust, VerifyServer};

/// What a client's TLS is made of.
#[derive(Clone, Debug)]
pub struct ClientTlsSpec {
    /// Versions and suites.
    pub policy: TlsPolicy,
    /// `--cafile` and every file of `--capath`.
    pub anchors: Vec<PemSource>,
    /// The system's anchors, where they count ([`OsRoots::load`]); usually only without `anchors`.
    pub os_roots: Option<OsRoots>,
    /// Our certificate, if we have one.
    pub key_pair: Option<KeyPair>,
    /// Version 1 and CN-only server certificates.
    pub legacy_server_certs: LegacyServerCerts,
    /// How much is verified.
    pub verify: VerifyServer,
    /// Whether the server must staple an OCSP response.
    pub ocsp: ServerOcsp,
    /// Application protocols to offer.
    pub alpn: Vec<Vec<u8>>,
    /// The largest plaintext of a record.
    pub record_size_max: RecordSize,
}

/// A name that no certificate can hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{}' is no host name or address that a certificate can be verified for\n\
     hint: dial a DNS name (letters, digits, '-', '_', '.') or an IP address; or --insecure, which skips the name check",
    .name.escape_debug()
)]
pub struct BadServerName {
    /// As given.
    pub name: String,
}

/// A client's TLS. Cheap to clone.
#[derive(Clone)]
pub struct ClientTls(Arc<Snapshot>);

struct Snapshot {
    policy: TlsPolicy,
    trust: Arc<Trust>,
    certified: Option<Arc<CertifiedKey>>,
    record_size_max: RecordSize,
    alpn: Vec<Vec<u8>>,
}

impl ClientTls {
    /// Checks everything and makes the snapshot.
    ///
    /// # Errors
    /// A file that is only partly readable, no anchor at all, suites that do not fit our own key.
    pub fn build(spec: ClientTlsSpec, now: Timestamp) -> Result<(ClientTls, Vec<Finding>), BuildError> {
        let (configured, mut findings) = TrustStore::read(&spec.anchors, now)?;
        let system = spec.os_roots.as_ref().map(|roots| system_store(roots, now)).unwrap_or_default();
        if configured.anchors_at(now).next().is_none() && system.anchors.is_empty() {
            return Err(no_anchor(&spec, &findings).into());
        }
        let algorithms = spec.policy.provider.signature_verification_algorithms;
        let certified = spec.key_pair.as_ref().map(|pair| {
            findings.extend(pair.common_findings(now));
            pair.certified(chain::complete(pair.chain(), &configured, algorithms.all))
        });
        let legacy = spec.legacy_server_certs;
        let (verify, ocsp) = (spec.verify, spec.ocsp);
        let trust = Arc::new(Trust { configured, system, legacy, verify, ocsp, algorithms });
        let snapshot = Snapshot {
            policy: spec.policy,
            trust,
            certified,
            record_size_max: spec.record_size_max,
            alpn: spec.alpn,
        };
        let tls = ClientTls(Arc::new(snapshot));
        tls.0.session(no_name(), now)?;
        Ok((tls, findings))
    }

    /// A session to the server of this name (DNS name or IP address); it is verified as of `now`.
    ///
    /// # Errors
    /// A name that no certificate can hold, while names are verified.
    pub fn session(&self, name: &str, now: Timestamp) -> Result<TlsSession, BadServerName> {
        let name = match (ServerName::try_from(name), self.0.trust.verify) {
            (Ok(name), _) => name.to_owned(),
            (Err(_), VerifyServer::InsecureAnyName) => no_name(),
            (Err(_), VerifyServer::Full) => return Err(BadServerName { name: name.to_owned() }),
        };
        Ok(self.0.session(name, now).expect("the same configuration made a session in `build`"))
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientTls").field("verify", &self.0.trust.verify).finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Defaults of rustls 0.23 that are changed here: `resumption` (keeps 256 sessions), `enable_early_data` is off
    /// by default and stays so. A resumed session asks no verifier, so neither the certificate's dates nor a stapled OCSP
    /// response would be looked at; rustls asks for one in every ClientHello (`client/hs.rs`).
    fn session(&self, name: ServerName<'static>, now: Timestamp) -> Result<TlsSession, rustls::Error> {
        let seen = Arc::new(Seen::default());
        let verifier = ServerVerifier { trust: Arc::clone(&self.trust), now, seen: Arc::clone(&seen) };
        let builder =
            ClientConfig::builder_with_details(Arc::clone(&self.policy.provider), Arc::new(At(now)))
                .with_protocol_versions(self.policy.versions.for_rustls())?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.certified {
            Some(certified) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(certified))))
            }
            None => builder.with_client_cert_resolver(Arc::new(NoCertificate(Arc::clone(&seen)))),
        };
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config.cert_decompressors = Vec::new();
        config.cert_compressors = Vec::new();
        config.max_fragment_size = Some(self.record_size_max.for_rustls());
        config.alpn_protocols.clone_from(&self.alpn);
        Ok(TlsSession::client(UnbufferedClientConnection::new(Arc::new(config), name)?, seen))
    }
}

/// Has no certificate to send, as rustls' own resolver for that, and notes that one was asked for: an OpenSSL server
/// of TLS 1.2 refuses the answer with a bare "handshake failure".
#[derive(Debug)]
struct NoCertificate(Arc<Seen>);

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.certificate_wanted();
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// A name for which no SNI is sent.
fn no_name() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::V4(Ipv4Addr::from([0, 0, 0, 0])))
}

/// What the system's list has that we can use; the rest is the system's matter and no finding of ours.
fn system_store(roots: &OsRoots, now: Timestamp) -> TrustStore {
    let mut store = TrustStore::default();
    for der in &roots.certificates {
        if let Ok(facts) = Facts::parse(der) {
            let ca = CaCertificate { der: der.clone(), facts, origin: "the system".to_owned() };
            store.sort_in(ca, now, &mut Vec::new());
        }
    }
    store
}

fn no_anchor(spec: &ClientTlsSpec, findings: &[Finding]) -> AnchorError {
    let origins: Vec<&str> = spec.anchors.iter().map(|source| source.origin.as_str()).collect();
    let reasons: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
    AnchorError::NoAnchor {
        whose: "server",
        origins: if origins.is_empty() { "the configuration".to_owned() } else { origins.join(", ") },
        reason: if reasons.is_empty() { "none is given".to_owned() } else { reasons.join("; ") },
    }
}
