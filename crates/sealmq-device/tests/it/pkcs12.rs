//! PKCS#12 as openssl and GnuTLS read it.

use sealmq_device::{Bundle, BundleError, Target};
use sealmq_pki::{Signer, SoftKey};
use zeroize::Zeroizing;

use crate::fixture::{NOW, Pki, attempt, content, tool, unpack};

#[test]
fn openssl_reads_key_and_chain_with_the_passphrase_beside_it_and_with_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    let bundle = device.bundle(Target::Pkcs12);
    let folder = unpack(&bundle, dir.path());
    let passphrase = content(&bundle, "client1.p12.passphrase");
    assert_eq!(passphrase.trim().chars().filter(|c| *c != '-').count(), 26);
    let open = ["pkcs12", "-in", "client1.p12", "-nodes", "-passin", "file:client1.p12.passphrase"];
    let Some(text) = tool("openssl", &open, &folder) else { return };
    let key = &text[text.find("-----BEGIN PRIVATE KEY").unwrap()..text.find("-----END PRIVATE KEY").unwrap()];
    let key = SoftKey::from_pem(format!("{key}-----END PRIVATE KEY-----\n").as_bytes()).unwrap();
    assert_eq!(key.public_key(), device.key.public_key());
    let certificates = sealmq_pki::pem::of_label(text.as_bytes(), "CERTIFICATE").unwrap();
    let wanted = device.chain.iter().chain(&device.anchors);
    assert!(certificates.iter().map(|der| der.as_slice()).eq(wanted.map(sealmq_pki::Certificate::der)));
    assert!(text.contains("friendlyName: client1") && text.contains("localKeyID:"), "{text}");

    let wrong = ["pkcs12", "-in", "client1.p12", "-nodes", "-passin", "pass:wrong"];
    let (opened, text) = attempt("openssl", &wrong, &folder).unwrap();
    assert!(!opened && text.contains("invalid password"), "{text}");
}

#[test]
fn its_encryption_is_pbes2_with_aes_256_and_its_mac_sha256() {
    let dir = tempfile::tempdir().unwrap();
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    let folder = unpack(&device.bundle(Target::Pkcs12), dir.path());
    let args = ["pkcs12", "-in", "client1.p12", "-info", "-noout", "-passin", "file:client1.p12.passphrase"];
    let Some(text) = tool("openssl", &args, &folder) else { return };
    assert!(text.contains("MAC: sha256"), "{text}");
    assert_eq!(
        text.matches("PBES2, PBKDF2, AES-256-CBC, Iteration 600000, PRF hmacWithSHA256").count(),
        2,
        "{text}"
    );
}

#[test]
fn gnutls_reads_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    let bundle = device.bundle(Target::Pkcs12);
    let folder = unpack(&bundle, dir.path());
    let passphrase = content(&bundle, "client1.p12.passphrase");
    let args = ["--p12-info", "--inder", "--infile", "client1.p12", "--password", passphrase.trim()];
    let Some(text) = tool("certtool", &args, &folder) else { return };
    assert!(text.contains("MAC: SHA256") && text.contains("BEGIN ENCRYPTED PRIVATE KEY"), "{text}");
    assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 3, "{text}");
}

#[test]
fn a_passphrase_of_ones_own_is_used_and_not_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    let mut request = device.request();
    request.passphrase = Some(Zeroizing::new("correct horse".to_owned()));
    let bundle = Bundle::build(Target::Pkcs12, &request).unwrap();
    assert!(!bundle.files.iter().any(|f| f.name.ends_with(".passphrase")));
    let folder = unpack(&bundle, dir.path());
    let args = ["pkcs12", "-in", "client1.p12", "-noout", "-passin", "pass:correct horse"];
    tool("openssl", &args, &folder);
}

#[test]
fn a_passphrase_that_programs_read_differently_is_refused() {
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    for passphrase in ["", "schlüssel", "tab\t", &"x".repeat(129)] {
        let mut request = device.request();
        request.passphrase = Some(Zeroizing::new(passphrase.to_owned()));
        assert!(
            matches!(Bundle::build(Target::Pkcs12, &request), Err(BundleError::Passphrase)),
            "{passphrase:?}"
        );
    }
}
