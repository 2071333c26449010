//! Keys: every form that openssl writes, encryption both ways, and what is refused.

use sealmq_pki::cert::{Curve, KeyKind};
use sealmq_pki::{EncryptionSalts, KeyError, Signer, SoftKey};

use crate::fixture::{attempt, tool, write};

const SALTS: EncryptionSalts = EncryptionSalts { salt: [7; 16], iv: [9; 16] };

#[test]
fn a_generated_key_survives_its_own_pem() {
    let key = SoftKey::generate().unwrap();
    let read = SoftKey::from_pem(key.to_pem().as_bytes()).unwrap();
    assert_eq!(read.public_key(), key.public_key());
    assert_eq!(*key.public_key().kind(), KeyKind::Ec(Curve::P256));
    assert!(key.to_pem().ends_with("-----END PRIVATE KEY-----\n"));
}

#[test]
fn two_generated_keys_differ() {
    assert_ne!(SoftKey::generate().unwrap().public_key(), SoftKey::generate().unwrap().public_key());
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_and_with_no_other() {
    let key = SoftKey::generate().unwrap();
    let pem = key.to_encrypted_pem(b"correct horse", SALTS).unwrap();
    let read = SoftKey::from_encrypted_pem(pem.as_bytes(), b"correct horse").unwrap();
    assert_eq!(read.public_key(), key.public_key());
    assert!(matches!(
        SoftKey::from_encrypted_pem(pem.as_bytes(), b"battery"),
        Err(KeyError::WrongPassphrase)
    ));
    assert!(matches!(SoftKey::from_pem(pem.as_bytes()), Err(KeyError::PassphraseNeeded)));
}

#[test]
fn every_form_that_openssl_writes_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let forms: [&[&str]; 7] = [
        &["genrsa", "-out", "k", "2048"],
        &["genrsa", "-traditional", "-out", "k", "2048"],
        &["ecparam", "-name", "prime256v1", "-genkey", "-out", "k"],
        &["ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "k"],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "k"],
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", "k"],
        &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072", "-out", "k"],
    ];
    for form in forms {
        if tool("openssl", form, dir.path()).is_none() {
            return;
        }
        let key = SoftKey::from_pem(&std::fs::read(dir.path().join("k")).unwrap()).unwrap();
        tool("openssl", &["pkey", "-in", "k", "-pubout", "-outform", "DER", "-out", "pub"], dir.path())
            .unwrap();
        assert_eq!(key.public_key().spki_der(), std::fs::read(dir.path().join("pub")).unwrap(), "{form:?}");
    }
}

#[test]
fn openssl_and_we_open_each_others_encrypted_keys() {
    let dir = tempfile::tempdir().unwrap();
    let key = SoftKey::generate().unwrap();
    write(dir.path(), "ours", key.to_encrypted_pem(b"secret", SALTS).unwrap().as_bytes());
    if tool("openssl", &["pkey", "-in", "ours", "-passin", "pass:secret", "-out", "plain"], dir.path())
        .is_none()
    {
        return;
    }
    let plain = SoftKey::from_pem(&std::fs::read(dir.path().join("plain")).unwrap()).unwrap();
    assert_eq!(plain.public_key(), key.public_key());
    for extra in
        [&["-v2", "aes-256-cbc"][..], &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"], &["-scrypt"]]
    {
        let args =
            [&["pkcs8", "-topk8", "-in", "plain", "-passout", "pass:secret", "-out", "theirs"][..], extra]
                .concat();
        tool("openssl", &args, dir.path()).unwrap();
        let theirs =
            SoftKey::from_encrypted_pem(&std::fs::read(dir.path().join("theirs")).unwrap(), b"secret")
                .unwrap();
        assert_eq!(theirs.public_key(), key.public_key(), "{extra:?}");
    }
}

#[test]
fn keys_that_are_too_weak_or_too_exotic_are_refused_with_their_kind() {
    let dir = tempfile::tempdir().unwrap();
    let forms: [(&[&str], &str); 5] = [
        (&["genrsa", "-out", "k", "1024"], "RSA 1024"),
        (&["genrsa", "-traditional", "-out", "k", "1024"], "RSA 1024"),
        (&["genpkey", "-algorithm", "ED25519", "-out", "k"], "Ed25519"),
        (&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521", "-out", "k"], "P-521"),
        (&["ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", "k"], "EC other"),
    ];
    for (form, kind) in forms {
        if tool("openssl", form, dir.path()).is_none() {
            return;
        }
        let Err(error) = SoftKey::from_pem(&std::fs::read(dir.path().join("k")).unwrap()) else {
            panic!("{form:?} was accepted")
        };
        let shown = error.to_string();
        assert!(matches!(error, KeyError::UnsupportedKind { .. }) && shown.contains(kind), "{shown}");
        assert!(shown.contains("hint: "), "{shown}");
    }
}

#[test]
fn old_pem_encryption_is_refused_with_the_command_that_converts_it() {
    let dir = tempfile::tempdir().unwrap();
    let made = attempt(
        "openssl",
        &["genrsa", "-traditional", "-aes128", "-passout", "pass:secret", "-out", "k", "2048"],
        dir.path(),
    );
    let Some((true, _)) = made else { return };
    let text = std::fs::read(dir.path().join("k")).unwrap();
    let Err(error) = SoftKey::from_encrypted_pem(&text, b"secret") else { panic!("accepted") };
    assert!(error.to_string().contains("openssl pkcs8 -topk8"), "{error}");
}

#[test]
fn a_file_with_no_key_with_two_or_with_half_a_key_says_so() {
    let key = SoftKey::generate().unwrap().to_pem();
    let found =
        |text: &str| SoftKey::from_pem(text.as_bytes()).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(found("").contains("nothing in PEM form"));
    assert!(
        found("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .contains("it holds: CERTIFICATE")
    );
    assert!(
        found(&format!("{}{}", key.as_str(), key.as_str()))
            .contains("2 private keys in the file (lines 1, 6)")
    );
    assert!(
        found(&key[..key.len() / 2]).contains("line 1: the block 'PRIVATE KEY' has no matching END line")
    );
    assert!(found(&key.replacen("MIGH", "MI!H", 1)).contains("not valid Base64"));
    assert!(found(&key.replacen("MIGH", "MIGA", 1)).contains("damaged"));
    assert!(found("a\0b").contains("binary data"));
}

#[test]
fn what_a_key_signs_verifies_and_nothing_else_does() {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
    let key = SoftKey::generate().unwrap();
    let signature = key.sign(b"message").unwrap();
    let spki = key.public_key().spki_der();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &spki[spki.len() - 65..]);
    assert!(public.verify(b"message", &signature).is_ok());
    assert!(public.verify(b"massage", &signature).is_err());
}

#[test]
fn a_key_file_that_asks_for_absurd_work_is_refused_before_the_work_begins() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "plain", SoftKey::generate().unwrap().to_pem().as_bytes());
    let args = "pkcs8 -topk8 -in plain -passout pass:secret -v2 aes-256-cbc -iter 70000 -out k";
    if tool("openssl", &args.split(' ').collect::<Vec<_>>(), dir.path()).is_none() {
        return;
    }
    let text = std::fs::read(dir.path().join("k")).unwrap();
    assert!(SoftKey::from_encrypted_pem(&text, b"secret").is_ok());
    let mut der = sealmq_pki::pem::blocks(&text).unwrap().remove(0).der.to_vec();
    let rounds = der.windows(5).position(|w| w == [0x02, 0x03, 0x01, 0x11, 0x70]).unwrap();
    der[rounds + 2..rounds + 5].copy_from_slice(&[0x7f, 0xff, 0xff]);
    let absurd = sealmq_pki::pem::encode("ENCRYPTED PRIVATE KEY", &der);
    let refused = SoftKey::from_encrypted_pem(absurd.as_bytes(), b"secret");
    assert!(matches!(refused, Err(KeyError::UnsupportedEncryption { .. })));
}

#[test]
fn a_public_key_that_is_too_weak_gets_no_certificate() {
    let dir = tempfile::tempdir().unwrap();
    for (bits, usable) in [("1024", false), ("2048", true)] {
        if tool("openssl", &["genrsa", "-out", "k", bits], dir.path()).is_none() {
            return;
        }
        tool("openssl", &["pkey", "-in", "k", "-pubout", "-outform", "DER", "-out", "pub"], dir.path());
        let spki = std::fs::read(dir.path().join("pub")).unwrap();
        assert_eq!(sealmq_pki::PublicKey::from_spki_der(&spki).is_ok(), usable, "RSA {bits}");
    }
}
