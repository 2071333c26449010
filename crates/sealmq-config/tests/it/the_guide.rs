//! The configuration of "MQTT Security with TLS", as it is typed off.

use crate::reading::{config, read, warnings};
use sealmq_config::{Bind, ClientCertificates, IdentityRule, LegacyClientCerts, Mode, Severity, TlsVersions};
use std::path::Path;

pub(crate) const GUIDE: &str = "\
# Listener for insecure connections (optional)
listener 1883

# Listener for TLS connections
listener 8883
certfile server.crt
keyfile server.key
cafile ca.crt

# Require client certificates (mutual TLS)
require_certificate true
use_identity_as_username true

# TLS version (disable old versions)
tls_version tlsv1.2 tlsv1.3

# Cipher suites (strong ciphers only)
ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
";

#[test]
fn the_guide_starts_with_a_plain_and_a_mutual_tls_listener() {
    let config = config(GUIDE);
    assert_eq!(config.mode, Mode::Configured);
    let [plain, tls] = &config.listeners[..] else { panic!("{:#?}", config.listeners) };

    assert!(matches!(plain.bind, Bind::Tcp { port: 1883, address: None, .. }));
    assert_eq!(plain.tls, None);
    assert!(!plain.access.allow_anonymous);

    assert!(matches!(tls.bind, Bind::Tcp { port: 8883, address: None, .. }));
    assert_eq!(tls.at.line, 5);
    let of = tls.tls.as_ref().unwrap();
    assert_eq!(of.certfile.path, Path::new("server.crt"));
    assert_eq!(of.certfile.at.line, 6);
    assert_eq!(of.keyfile.path, Path::new("server.key"));
    assert_eq!(of.cafile.as_ref().unwrap().path, Path::new("ca.crt"));
    assert_eq!(of.client_certificates, ClientCertificates::Required);
    assert_eq!(of.identity, IdentityRule::CommonName);
    assert_eq!(of.versions, TlsVersions::From12);
    assert_eq!(
        of.ciphers.as_ref().unwrap().text,
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
    );
    assert_eq!(of.ciphers_tls13, None);
    assert_eq!(of.legacy_client_certs, LegacyClientCerts::Warn);
}

#[test]
fn its_plain_listener_is_pointed_out_with_the_way_to_allow_anonymous_clients() {
    let parsed = read(GUIDE);
    let said: Vec<_> =
        parsed.diagnostics.iter().map(|finding| (finding.severity, finding.to_string())).collect();
    assert_eq!(said.len(), 2, "{said:#?}");
    assert!(said[0].1.starts_with("Warning: listener 1883 is plaintext beside a TLS listener"), "{said:#?}");
    assert!(said[1].1.starts_with("Warning: listener 1883 refuses every client"), "{said:#?}");
    assert!(
        said[1].1.contains("hint: add `password_file PATH`, or `listener_allow_anonymous true`"),
        "{said:#?}"
    );
    assert!(said.iter().all(|(severity, _)| *severity == Severity::Warning));
}

#[test]
fn server_only_tls_with_passwords_has_nothing_to_complain_about() {
    let text = "listener 8883\ncertfile server.crt\nkeyfile server.key\npassword_file passwords\n";
    let config = config(text);
    assert_eq!(warnings(text), Vec::<String>::new());
    let listener = &config.listeners[0];
    assert_eq!(listener.tls.as_ref().unwrap().client_certificates, ClientCertificates::None);
    assert_eq!(listener.access.password_file.as_ref().unwrap().path, Path::new("passwords"));
}
