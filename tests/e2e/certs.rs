//! `sealmq cert …` beside a running broker, with requests and certificates of openssl.

use crate::support::{Client, Home, has, shell};

/// What one command of openssl prints.
fn openssl(home: &Home, line: &str) -> String {
    Client::run(home.folder(), &format!("openssl {line}")).succeeded().text
}

fn publishes(home: &Home, certificate: &str, key: &str) -> bool {
    home.mosquitto_pub(&format!("--cert {certificate} --key {key}"))
}

#[test]
fn a_request_of_openssl_is_signed_and_its_holder_comes_in() {
    if !has("openssl") || !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let _broker = home.up();
    shell(
        home.folder(),
        "openssl ecparam -name prime256v1 -genkey -noout -out pump.key && \
         openssl req -new -key pump.key -subj /CN=pump -addext subjectAltName=URI:urn:device:pump -out pump.csr",
    );
    let sign = ["cert", "sign", "pump.csr", "--profile", "device", "--name"];
    // For another name there is nothing: no file, no record.
    let text = home.refused(&[&sign[..], &["lamp"]].concat());
    assert!(text.contains("the request is for 'pump', and it was to be signed for 'lamp'"), "{text}");
    assert!(!home.folder().join("lamp.crt").exists());
    home.succeeds(&[&sign[..], &["pump"]].concat());
    assert!(publishes(&home, "pump.crt", "pump.key"));
    let text = openssl(&home, "x509 -in pump.crt -noout -ext subjectAltName,extendedKeyUsage");
    assert!(text.contains("URI:urn:device:pump") && text.contains("Client Authentication"), "{text}");
    // A second one under the name, and one over the file that is there, are refused; a renewal is not.
    assert!(home.refused(&[&sign[..], &["pump", "-o", "two.crt"]].concat()).contains("taken"));
    assert!(home.refused(&[&sign[..], &["pump", "--renew"]].concat()).contains("is there already"));
    let json = home.succeeds(&[&sign[..], &["pump", "--renew", "-o", "two.crt", "--json"]].concat());
    assert!(json.contains("\"subject\":\"CN=pump\"") && json.contains("\"files\":[\"two.crt\"]"), "{json}");
    assert!(publishes(&home, "two.crt", "pump.key") && publishes(&home, "pump.crt", "pump.key"));
}

#[test]
fn a_version_1_certificate_of_the_guide_gets_a_version_3_one_for_the_same_key() {
    if !has("openssl") || !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let _broker = home.up();
    shell(
        home.folder(),
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out theirs.crt -subj /CN=TheirCA -days 365 && \
         openssl req -new -newkey rsa:2048 -nodes -keyout client1.key -out client1.csr -subj /C=US/O=MyOrg/CN=client1 && \
         openssl x509 -req -in client1.csr -CA theirs.crt -CAkey ca.key -CAcreateserial -out client1.crt -days 30",
    );
    assert!(!publishes(&home, "client1.crt", "client1.key"));
    // Whoever has the certificate only gets nothing.
    let text = home.refused(&["cert", "reissue", "client1.crt", "--key", "ca.key"]);
    assert!(text.contains("ca.key is not the key of client1.crt"), "{text}");
    home.succeeds(&["cert", "reissue", "client1.crt", "--key", "client1.key"]);
    let text = openssl(&home, "x509 -in client1.sealmq.crt -noout -text");
    assert!(text.contains("Version: 3") && text.contains("TLS Web Client Authentication"), "{text}");
    assert!(publishes(&home, "client1.sealmq.crt", "client1.key"));
}

#[test]
fn a_made_pair_comes_in_and_is_renewed_in_its_place() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let _broker = home.up();
    home.succeeds(&["cert", "issue", "pump"]);
    assert!(publishes(&home, "pump.crt", "pump.key"));
    let before = std::fs::read(home.folder().join("pump.crt")).unwrap_or_default();
    home.succeeds(&["cert", "renew", "pump.crt", "--key", "pump.key"]);
    assert_ne!(std::fs::read(home.folder().join("pump.crt")).unwrap_or_default(), before);
    assert!(publishes(&home, "pump.crt", "pump.key"));
    // Nothing is overwritten, and what was refused leaves nothing.
    home.refused(&["cert", "issue", "pump", "--out", "again"]);
    assert!(!home.folder().join("again/pump.key").exists());
    home.succeeds(&["cert", "issue", "lamp", "--format", "der", "--out", "lamp"]);
    assert!(home.folder().join("lamp/lamp.key.der").exists());
}

#[test]
fn what_the_inventory_forgot_is_refused_until_it_is_adopted_with_a_reason() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let _broker = home.up();
    home.succeeds(&["cert", "issue", "pump"]);
    home.forget("pump");
    assert!(!publishes(&home, "pump.crt", "pump.key"));
    let adopt = ["cert", "adopt", "pump.crt", "--reason", "from before the backup"];
    // Nobody is there to say yes.
    assert!(home.refused(&adopt).contains("nobody is there to confirm it"));
    assert!(!publishes(&home, "pump.crt", "pump.key"));
    home.succeeds(&[&adopt[..], &["--yes"]].concat());
    assert!(publishes(&home, "pump.crt", "pump.key"));
    assert!(home.refused(&[&adopt[..], &["--yes"]].concat()).contains("knows the certificate"));
}

#[test]
fn openssl_and_gnutls_open_what_is_exported_and_nobody_without_the_passphrase() {
    if !has("openssl") || !has("certtool") {
        return;
    }
    let home = Home::new();
    let _broker = home.up();
    home.succeeds(&["cert", "issue", "pump"]);
    home.succeeds(&["cert", "issue", "lamp"]);
    let export = ["cert", "export", "pump.crt", "--format", "p12", "-o", "pump.p12", "--ca", "ca.crt"];
    // Another key's certificate is no pair, and a key is needed.
    let text = home.refused(&[&export[..], &["--key", "lamp.key"]].concat());
    assert!(text.contains("lamp.key is not the key of pump.crt"), "{text}");
    home.refused(&export);
    assert!(!home.folder().join("pump.p12").exists());
    home.succeeds(&[&export[..], &["--key", "pump.key"]].concat());
    let text = openssl(&home, "pkcs12 -in pump.p12 -nodes -info -passin file:pump.p12.passphrase");
    assert!(text.contains("PBES2, PBKDF2, AES-256-CBC") && text.contains("friendlyName: pump"), "{text}");
    assert_eq!(text.matches("BEGIN CERTIFICATE").count(), 3, "{text}");
    let wrong = "openssl pkcs12 -in pump.p12 -nodes -passin pass:wrong";
    Client::run(home.folder(), wrong).refused();
    shell(
        home.folder(),
        "certtool --p12-info --inder --infile pump.p12 --password \"$(cat pump.p12.passphrase)\" | grep -q 'MAC: SHA256'",
    );
    // A passphrase of one's own; nothing is written beside it.
    std::fs::write(home.folder().join("own"), "correct horse\n").expect("write a passphrase");
    let own =
        ["cert", "export", "pump.crt", "--key", "pump.key", "--format", "p12", "--passphrase-file", "own"];
    home.succeeds(&[&own[..], &["-o", "own.p12"]].concat());
    assert!(!home.folder().join("own.p12.passphrase").exists());
    openssl(&home, "pkcs12 -in own.p12 -noout -passin file:own");
    std::fs::write(home.folder().join("own"), "schl\u{fc}ssel\n").expect("write a passphrase");
    home.refused(&[&own[..], &["-o", "odd.p12"]].concat());
    home.succeeds(&["cert", "export", "pump.crt", "--format", "der", "-o", "pump.der"]);
    let text = openssl(&home, "x509 -inform DER -in pump.der -noout -subject");
    assert!(text.contains("pump"), "{text}");
}
