//! A root with a new end: what it had issued goes on verifying, with openssl as the judge.

use std::path::Path;
use std::sync::Arc;

use sealmq_pki::cert::{SelfSigned, Version};
use sealmq_pki::{
    ExtendError, Extended, Extension, Facts, IssueError, SerialRule, Signer, SoftKey, Timestamp, extend, pem,
};

use crate::fixture::{Pki, attempt, key, serial, tool, write};

/// A moment after the old end of everything that is made here for two days, and before the new one.
const LATER_DAYS: i64 = 30;

fn openssl(dir: &Path, line: &str) -> Option<String> {
    tool("openssl", &line.split(' ').collect::<Vec<_>>(), dir)
}

fn der(dir: &Path, name: &str) -> Vec<u8> {
    pem::of_label(&std::fs::read(dir.join(name)).unwrap(), "CERTIFICATE").unwrap().remove(0).to_vec()
}

fn ca_key(dir: &Path) -> Arc<SoftKey> {
    Arc::new(SoftKey::from_pem(&std::fs::read(dir.join("ca.key")).unwrap()).unwrap())
}

fn by_days(facts: &Facts, days: i64) -> Extension {
    let not_after = facts.not_after.plus_days(days);
    Extension { not_after, serial: serial(9), serial_rule: SerialRule::FreshIfNobodyNamesIt }
}

/// A CA of openssl's with these extensions, a leaf of it with these, both for two days.
fn made(dir: &Path, of_ca: &str, of_leaf: &str) -> Option<()> {
    let config = format!("[req]\ndistinguished_name=dn\n[dn]\n[ca]\n{of_ca}\n[leaf]\n{of_leaf}\n[none]\n");
    write(dir, "x.cnf", config);
    openssl(dir, "genrsa -out ca.key 2048")?;
    let new =
        "req -new -x509 -days 2 -key ca.key -config x.cnf -extensions ca -multivalue-rdn -out ca.crt -subj";
    openssl(dir, &format!("{new} /DC=com/DC=example/OU=A/OU=B/CN=old+serialNumber=7"))?;
    openssl(
        dir,
        "req -new -newkey rsa:2048 -nodes -keyout leaf.key -config x.cnf -subj /CN=client1 -out leaf.csr",
    )?;
    let sign = "x509 -req -days 365 -in leaf.csr -CA ca.crt -CAkey ca.key -set_serial 77 -extfile x.cnf -extensions leaf";
    openssl(dir, &format!("{sign} -out leaf.crt")).map(drop)
}

fn extended(dir: &Path) -> Extended {
    let old = Facts::parse(&der(dir, "ca.crt")).unwrap();
    let extended = extend(&der(dir, "ca.crt"), ca_key(dir), &by_days(&old, 3650)).unwrap();
    write(dir, "new.crt", extended.certificate.pem());
    extended
}

/// Whether openssl verifies the leaf under this root, so long after the old end.
fn verifies(dir: &Path, root: &str) -> bool {
    let at = Facts::parse(&der(dir, "ca.crt")).unwrap().not_after.plus_days(LATER_DAYS).as_secs().to_string();
    let (ok, text) =
        attempt("openssl", &["verify", "-attime", &at, "-CAfile", root, "leaf.crt"], dir).unwrap();
    assert!(ok || text.contains("verification failed"), "{text}");
    ok
}

const CA: &str =
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash";
const LEAF: &str = "authorityKeyIdentifier=keyid\nextendedKeyUsage=clientAuth";

#[test]
fn what_was_issued_before_verifies_after_the_old_end_and_nothing_but_end_and_serial_changed() {
    let dir = tempfile::tempdir().unwrap();
    if made(dir.path(), CA, LEAF).is_none() {
        return;
    }
    let old = Facts::parse(&der(dir.path(), "ca.crt")).unwrap();
    let Extended { certificate, serial_kept, was } = extended(dir.path());
    let new = certificate.facts();
    assert!(!verifies(dir.path(), "ca.crt") && verifies(dir.path(), "new.crt"));
    openssl(dir.path(), "verify -x509_strict -CAfile new.crt new.crt");
    assert_eq!((new.subject.der(), new.issuer.der()), (old.subject.der(), old.subject.der()));
    assert_eq!((&new.spki_der, &new.subject_key_id), (&old.spki_der, &old.subject_key_id));
    assert_eq!((&new.extensions, new.not_before), (&old.extensions, old.not_before));
    assert_eq!((new.not_after, new.self_signed), (old.not_after.plus_days(3650), SelfSigned::Yes));
    assert_eq!((&new.serial, serial_kept, was), (&serial(9), None, Version::V3));
}

#[test]
fn the_serial_is_kept_where_certificates_name_it_as_those_of_easy_rsa_do() {
    let dir = tempfile::tempdir().unwrap();
    let ca = format!("{CA}\nauthorityKeyIdentifier=keyid:always,issuer:always");
    if made(dir.path(), &ca, "authorityKeyIdentifier=keyid:always,issuer:always").is_none() {
        return;
    }
    let old = Facts::parse(&der(dir.path(), "ca.crt")).unwrap();
    let extended = extended(dir.path());
    assert_eq!(extended.certificate.facts().serial, old.serial);
    assert!(extended.serial_kept.unwrap().contains("authority key identifier"));
    assert!(verifies(dir.path(), "new.crt"));
    openssl(dir.path(), "verify -CAfile new.crt new.crt").unwrap();
}

#[test]
fn a_root_without_key_identifier_keeps_its_serial_since_openssl_wrote_it_into_its_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let ca = "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=none";
    // `keyid,issuer`: the issuer's name and serial where it has no key identifier.
    let made = made(dir.path(), ca, "authorityKeyIdentifier=keyid,issuer");
    if made.is_none() {
        return;
    }
    let old = Facts::parse(&der(dir.path(), "ca.crt")).unwrap();
    assert_eq!(old.subject_key_id, None);
    assert_eq!(extended(dir.path()).certificate.facts().serial, old.serial);
    assert!(verifies(dir.path(), "new.crt"));
}

#[test]
fn a_serial_is_kept_when_somebody_asks_for_it() {
    let pki = Pki::new();
    let root_key = key();
    let subject = sealmq_pki::CaSubject::root("x", 1).unwrap();
    let root = sealmq_pki::issue_root(root_key.clone(), &subject, serial(1), crate::fixture::NOW).unwrap();
    let how = Extension { serial_rule: SerialRule::Keep, ..by_days(root.facts(), 1) };
    let kept = extend(root.certificate().der(), root_key.clone(), &how).unwrap();
    assert_eq!(kept.certificate.facts().serial, serial(1));
    let fresh = extend(root.certificate().der(), root_key, &by_days(root.facts(), 1)).unwrap();
    assert_eq!(fresh.certificate.facts().serial, serial(9));
    drop(pki);
}

#[test]
fn a_root_of_version_1_becomes_version_3_and_its_certificates_verify() {
    let dir = tempfile::tempdir().unwrap();
    // A request signed with its own key and no extensions: version 1 from any OpenSSL before 3.2.
    let made =
        openssl(dir.path(), "req -new -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=old -out ca.csr")
            .and_then(|_| openssl(dir.path(), "x509 -req -days 2 -in ca.csr -signkey ca.key -out ca.crt"))
            .and_then(|_| {
                openssl(
                    dir.path(),
                    "req -new -newkey rsa:2048 -nodes -keyout leaf.key -subj /CN=c -out leaf.csr",
                )
            })
            .and_then(|_| {
                let sign =
                    "x509 -req -days 365 -in leaf.csr -CA ca.crt -CAkey ca.key -set_serial 77 -out leaf.crt";
                openssl(dir.path(), sign)
            });
    if made.is_none() || Facts::parse(&der(dir.path(), "ca.crt")).unwrap().version != Version::V1 {
        return;
    }
    let extended = extended(dir.path());
    let new = extended.certificate.facts();
    assert_eq!((extended.was, new.version), (Version::V1, Version::V3));
    assert!(new.is_ca() && new.subject_key_id.is_some());
    assert!(verifies(dir.path(), "new.crt"));
    openssl(dir.path(), "verify -x509_strict -CAfile new.crt new.crt").unwrap();
    // What openssl itself derives from the bare key, and other tools write into leaves.
    let text = openssl(dir.path(), "x509 -in new.crt -noout -ext subjectKeyIdentifier").unwrap();
    let again = "req -new -x509 -key ca.key -days 1 -subj /CN=x -out again.crt";
    openssl(dir.path(), again).unwrap();
    assert_eq!(openssl(dir.path(), "x509 -in again.crt -noout -ext subjectKeyIdentifier").unwrap(), text);
}

#[test]
fn a_root_that_was_signed_with_sha_1_is_signed_with_sha_256() {
    let dir = tempfile::tempdir().unwrap();
    let new = "req -new -x509 -sha1 -newkey rsa:2048 -nodes -keyout ca.key -days 2 -subj /CN=old -out ca.crt";
    if openssl(dir.path(), new).is_none() {
        return;
    }
    let old = Facts::parse(&der(dir.path(), "ca.crt")).unwrap();
    assert_eq!(old.self_signed, SelfSigned::Unverifiable);
    let extended = extended(dir.path());
    assert_eq!(extended.certificate.facts().signature_algorithm, "sha256WithRSAEncryption");
}

fn refused(der: &[u8], key: Arc<SoftKey>, not_after: Timestamp) -> ExtendError {
    let how = Extension { not_after, serial: serial(9), serial_rule: SerialRule::FreshIfNobodyNamesIt };
    extend(der, key, &how).map(|_| ()).unwrap_err()
}

#[test]
fn what_cannot_be_extended_is_refused_with_the_reason() {
    let root_key = key();
    let subject = sealmq_pki::CaSubject::root("x", 1).unwrap();
    let root = sealmq_pki::issue_root(root_key.clone(), &subject, serial(1), crate::fixture::NOW).unwrap();
    let end = root.facts().not_after;
    let der = root.certificate().der();
    assert!(extend(der, root_key.clone(), &by_days(root.facts(), 1)).is_ok());

    let same_end = refused(der, root_key.clone(), end);
    assert!(matches!(&same_end, ExtendError::Shorter { not_after, .. } if *not_after == end), "{same_end}");
    let other_key = refused(der, key(), end.plus_days(1));
    assert!(matches!(other_key, ExtendError::Issue(IssueError::KeyMismatch { .. })), "{other_key}");

    let pki = Pki::new();
    let issuing = refused(pki.issuing.certificate().der(), key(), Timestamp::NEVER);
    assert!(matches!(&issuing, ExtendError::NotARoot { .. }), "{issuing}");
    assert!(issuing.to_string().contains("hint: "), "{issuing}");
    let garbage = refused(b"0\x03\x02\x01", key(), Timestamp::NEVER);
    assert!(matches!(garbage, ExtendError::Issue(IssueError::Unreadable(_))), "{garbage}");
    let _ = root_key.public_key();
}

#[test]
fn a_self_signed_certificate_that_is_no_ca_is_not_made_one() {
    let dir = tempfile::tempdir().unwrap();
    for (of_ca, reason) in [
        ("basicConstraints=CA:FALSE", "not marked CA:TRUE"),
        ("basicConstraints=CA:TRUE\nkeyUsage=digitalSignature", "lacks keyCertSign"),
    ] {
        if made(dir.path(), of_ca, LEAF).is_none() {
            return;
        }
        let error = refused(&der(dir.path(), "ca.crt"), ca_key(dir.path()), Timestamp::NEVER);
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_cross_certificate_of_the_same_name_is_not_made_a_root() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "x.cnf", format!("[req]\ndistinguished_name=dn\n[dn]\n[ca]\n{CA}\n"));
    let made = openssl(dir.path(), "req -x509 -newkey rsa:2048 -nodes -days 2 -config x.cnf -extensions ca -keyout other.key -out other.crt -subj /CN=x")
        .and_then(|_| openssl(dir.path(), "req -new -newkey rsa:2048 -nodes -config x.cnf -keyout ca.key -out ca.csr -subj /CN=x"))
        .and_then(|_| {
            let sign = "x509 -req -in ca.csr -CA other.crt -CAkey other.key -set_serial 3 -days 2 -extfile x.cnf -extensions ca -out ca.crt";
            openssl(dir.path(), sign)
        });
    if made.is_none() {
        return;
    }
    let error = refused(&der(dir.path(), "ca.crt"), ca_key(dir.path()), Timestamp::NEVER);
    assert!(matches!(error, ExtendError::CrossCertificate { .. }), "{error}");
}
