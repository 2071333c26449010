//! Peers that show another one's certificate and sign with their own key.
//!
//! Our own types refuse such a pair at loading, so these peers are made of bare rustls.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ServerConfig, ServerConnection, SignatureScheme,
};
use sealmq_pki::{SoftKey, pem};
use sealmq_tls::{Code, Direction, TlsFailure, TlsSession, Versions};

use crate::fixture::{Pair, fixtures, now};
use crate::pair::{VERSIONS, client, client_spec, policy, server, server_spec};

/// The certificate of the one with the key of the other.
fn stolen(certificate: &Pair, key: &Pair) -> Arc<SingleCertAndKey> {
    let der = pem::of_label(certificate.cert.as_bytes(), "CERTIFICATE").unwrap()[0].to_vec();
    let key = SoftKey::from_pem(key.key.as_bytes()).unwrap();
    let key = any_supported_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.pkcs8_der().to_vec())))
        .unwrap();
    Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![CertificateDer::from(der)], key)))
}

fn version(versions: Versions) -> &'static [&'static rustls::SupportedProtocolVersion] {
    static BOTH: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
    if versions == Versions::OnlyV1_2 { &BOTH[..1] } else { &BOTH[1..] }
}

/// Runs our session against a bare rustls connection until nothing moves; the failure of ours, if any.
fn run(ours: &mut TlsSession, theirs: &mut rustls::Connection) -> Option<TlsFailure> {
    let (mut incoming, mut plain, mut out) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..20 {
        if let Err(failure) = ours.open(&mut incoming, &mut plain, &mut out) {
            return Some(failure);
        }
        let mut bytes = out.as_slice();
        while !bytes.is_empty() {
            theirs.read_tls(&mut bytes).unwrap();
            if theirs.process_new_packets().is_err() {
                break;
            }
        }
        out.clear();
        while theirs.wants_write() {
            theirs.write_tls(&mut incoming).unwrap();
        }
    }
    None
}

fn as_client(pair: Arc<SingleCertAndKey>, versions: Versions) -> Option<TlsFailure> {
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(version(versions))
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anyone))
        .with_client_cert_resolver(pair);
    let name = ServerName::try_from("localhost").unwrap();
    let mut theirs = ClientConnection::new(Arc::new(config), name).unwrap().into();
    let mut spec = server_spec();
    spec.policy = policy(versions);
    let mut ours = server(spec).session(now());
    let failure = run(&mut ours, &mut theirs);
    assert_eq!(failure.is_none(), !ours.is_handshaking());
    failure
}

fn as_server(pair: Arc<SingleCertAndKey>, versions: Versions) -> Option<TlsFailure> {
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(version(versions))
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(pair);
    let mut theirs = ServerConnection::new(Arc::new(config)).unwrap().into();
    let mut ours = client(client_spec(None)).session("localhost", now()).unwrap();
    let failure = run(&mut ours, &mut theirs);
    assert_eq!(failure.is_none(), !ours.is_handshaking());
    failure
}

#[test]
fn a_client_that_signs_with_another_key_is_refused_and_the_owner_is_not() {
    let thief = fixtures().leaf("thief", "/CN=thief", None);
    let version1 = fixtures().leaf("victim-v1", "/CN=victim", None);
    for versions in VERSIONS {
        for victim in [&fixtures().client, &version1] {
            let failure = as_client(stolen(victim, &thief), versions).expect("a failure");
            assert_eq!(
                (failure.code, failure.direction),
                (Code::BadSignature, Direction::WeRefused),
                "{failure}"
            );
            assert!(as_client(stolen(victim, victim), versions).is_none());
        }
    }
}

#[test]
fn a_server_that_signs_with_another_key_is_refused_and_the_owner_is_not() {
    let thief = fixtures().leaf("server-thief", "/CN=thief", None);
    let version1 = fixtures().leaf("server-victim-v1", "/CN=localhost", None);
    for versions in VERSIONS {
        for victim in [&fixtures().server, &version1] {
            let failure = as_server(stolen(victim, &thief), versions).expect("a failure");
            assert_eq!(
                (failure.code, failure.direction),
                (Code::BadSignature, Direction::WeRefused),
                "{failure}"
            );
            assert!(as_server(stolen(victim, victim), versions).is_none());
        }
    }
}

/// The impostor does not care whom it talks to.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
