//! The certificates that the guide's commands make: version 1, no SAN, and still read with the right facts.

use std::path::Path;

use sealmq_pki::cert::{KeyKind, SelfSigned, SignedBy, Version, signed_by};
use sealmq_pki::{Facts, SoftKey, pem};

use crate::fixture::tool;

const COMMANDS: [&str; 8] = [
    "genrsa -out ca.key 2048",
    "req -new -x509 -days 365 -key ca.key -out ca.crt -subj /C=US/ST=State/L=City/O=MyOrg/CN=MyCA",
    "genrsa -out server.key 2048",
    "req -new -key server.key -out server.csr -subj /C=US/ST=State/L=City/O=MyOrg/CN=mqtt.example.com",
    "x509 -req -days 365 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt",
    "genrsa -out client.key 2048",
    "req -new -key client.key -out client.csr -subj /C=US/ST=State/L=City/O=MyOrg/CN=client1",
    "x509 -req -days 365 -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out client.crt",
];

/// Runs the guide; `false` when openssl is missing here.
fn follow(dir: &Path) -> bool {
    COMMANDS.iter().all(|line| tool("openssl", &line.split(' ').collect::<Vec<_>>(), dir).is_some())
}

fn der(dir: &Path, name: &str) -> Vec<u8> {
    let text = std::fs::read(dir.join(name)).unwrap();
    pem::of_label(&text, "CERTIFICATE").unwrap().remove(0).to_vec()
}

#[test]
fn the_guides_certificates_are_read_as_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    if !follow(dir.path()) {
        return;
    }
    let facts = |name| Facts::parse(&der(dir.path(), name)).unwrap();
    let (ca, server, client) = (facts("ca.crt"), facts("server.crt"), facts("client.crt"));
    assert_eq!((ca.version, ca.is_ca(), ca.self_signed), (Version::V3, true, SelfSigned::Yes));
    // OpenSSL 3.2 and newer write version 3 here; then nothing is left to show.
    let version = tool("openssl", &["version"], dir.path()).unwrap();
    if version.starts_with("OpenSSL 3.0") || version.starts_with("OpenSSL 1") {
        assert_eq!((server.version, client.version), (Version::V1, Version::V1));
        assert!(client.extensions.is_empty() && client.authority_key_id.is_none());
    }
    assert!(server.alt_names.is_empty() && !server.is_ca() && server.ext_key_usage.is_none());
    assert_eq!(client.common_names(), ["client1"]);
    assert_eq!(client.subject.rfc2253(), "CN=client1,O=MyOrg,L=City,ST=State,C=US");
    assert_eq!(client.issuer, ca.subject);
    assert_eq!(client.self_signed, SelfSigned::No);
    assert_eq!(client.key, KeyKind::Rsa { bits: 2048 });
    assert_eq!(client.signature_algorithm, "sha256WithRSAEncryption");
    assert_eq!(client.not_after.secs_since(client.not_before), 365 * 86_400);
    assert_eq!(signed_by(&der(dir.path(), "client.crt"), &ca), Ok(SignedBy::Yes));
    assert_eq!(signed_by(&der(dir.path(), "client.crt"), &server), Ok(SignedBy::No));
    let key = SoftKey::from_pem(&std::fs::read(dir.path().join("client.key")).unwrap()).unwrap();
    assert_eq!(sealmq_pki::Signer::public_key(&key).spki_der(), client.spki_der);
}

#[test]
fn serial_dates_fingerprint_and_subject_are_the_ones_that_openssl_prints() {
    let dir = tempfile::tempdir().unwrap();
    if !follow(dir.path()) {
        return;
    }
    let facts = Facts::parse(&der(dir.path(), "client.crt")).unwrap();
    let args = "x509 -in client.crt -noout -serial -fingerprint -sha256 -subject -issuer -nameopt RFC2253 -dateopt iso_8601 -dates";
    let printed = tool("openssl", &args.split(' ').collect::<Vec<_>>(), dir.path()).unwrap();
    for line in [
        format!("serial={}", facts.serial),
        format!("subject={}", facts.subject),
        format!("issuer={}", facts.issuer),
        format!("notBefore={}", facts.not_before.to_string().replace('T', " ")),
        format!("notAfter={}", facts.not_after.to_string().replace('T', " ")),
    ] {
        assert!(printed.contains(&line), "{line} is not in:\n{printed}");
    }
    let hex = printed.lines().find_map(|l| l.split_once("ingerprint=")).unwrap().1;
    assert_eq!(hex.replace(':', "").to_lowercase(), facts.fingerprint.to_string());
}

#[test]
fn a_certificate_with_its_ca_changed_is_not_signed_by_it() {
    let dir = tempfile::tempdir().unwrap();
    if !follow(dir.path()) {
        return;
    }
    let ca = Facts::parse(&der(dir.path(), "ca.crt")).unwrap();
    let mut client = der(dir.path(), "client.crt");
    let at = client.windows(7).position(|w| w == b"client1").unwrap();
    client[at + 6] = b'2';
    assert_eq!(signed_by(&client, &ca), Ok(SignedBy::No));
}
