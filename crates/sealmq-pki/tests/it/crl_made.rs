//! Lists that we make: read back by our own reader, and judged by openssl, GnuTLS and pkilint.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sealmq_pki::cert::SignedBy;
use sealmq_pki::crl::{Crl, CrlDraft, CrlDraftError, CrlNumber, Listing, Reason, Why};
use sealmq_pki::inventory::RevocationReason;
use sealmq_pki::{Ca, PublicKey, Serial, SignError, SignatureAlgorithm, Signer, SoftKey, Timestamp};

use crate::fixture::{NOW, Pki, attempt, key, serial, tool, write};
use crate::foreign::assert_waived;

fn draft(now: Timestamp, entries: Vec<Listing>) -> CrlDraft {
    CrlDraft { number: 7.into(), this_update: now, next_update: now.plus_days(7), entries }
}

fn listing(serial: Serial, why: Why) -> Listing {
    Listing { serial, at: NOW, why }
}

const STOLEN: Why = Why::Revoked(RevocationReason::KeyCompromise);

#[test]
fn a_list_says_who_made_it_when_and_who_is_on_it() {
    let pki = Pki::new();
    let crl = draft(NOW, vec![listing(serial(9), STOLEN), listing(serial(4), Why::OnHold)])
        .sign(&pki.issuing)
        .unwrap();
    assert_eq!(crl.issuer().der(), pki.issuing.facts().subject.der());
    assert_eq!(crl.authority_key_id(), Some(pki.issuing.key_id()));
    assert_ne!(crl.authority_key_id(), pki.issuing.facts().authority_key_id.as_ref(), "not its issuer's");
    assert_eq!((crl.this_update(), crl.next_update()), (NOW, NOW.plus_days(7)));
    assert_eq!(crl.number().and_then(CrlNumber::as_u64), Some(7));
    assert_eq!(crl.revoked(&serial(9)), Some(Reason::KeyCompromise));
    assert_eq!(crl.revoked(&serial(4)), Some(Reason::CertificateHold));
    assert_eq!((crl.revoked(&serial(5)), crl.len()), (None, 2));
    assert!(crl.points().is_empty());
}

/// RFC 5280 §5.1.2.6 and §5.3.1: an empty list of entries and a reason `unspecified` are said by leaving them out.
#[test]
fn what_says_nothing_is_left_out() {
    let pki = Pki::new();
    let empty = draft(NOW, Vec::new()).sign(&pki.issuing).unwrap();
    assert!(empty.is_empty());
    // A SEQUENCE of nothing would stand right before the extensions.
    assert!(!contains(empty.der(), &[0x30, 0x00, 0xa0]), "revokedCertificates is there and empty");
    let unspecified = Why::Revoked(RevocationReason::Unspecified);
    let one = draft(NOW, vec![listing(serial(9), unspecified)]).sign(&pki.issuing).unwrap();
    assert_eq!(one.revoked(&serial(9)), Some(Reason::Unspecified));
    assert!(!contains(one.der(), &[0x55, 0x1d, 21]), "a reasonCode is there");
    let stolen = draft(NOW, vec![listing(serial(9), STOLEN)]).sign(&pki.issuing).unwrap();
    assert!(contains(stolen.der(), &[0x55, 0x1d, 21]));
    for der in [empty.der(), one.der(), stolen.der()] {
        assert!(!contains(der, &[0x01, 0x01, 0xff]), "a critical extension: mbedTLS would refuse the list");
        assert!(!contains(der, &[0x55, 0x1d, 28]), "an issuingDistributionPoint");
    }
}

#[test]
fn every_reason_is_read_back_as_itself() {
    let pki = Pki::new();
    for reason in RevocationReason::ALL {
        let crl = draft(NOW, vec![listing(serial(9), Why::Revoked(reason))]).sign(&pki.issuing).unwrap();
        let wanted = match reason {
            RevocationReason::Unspecified => Reason::Unspecified,
            RevocationReason::KeyCompromise => Reason::KeyCompromise,
            RevocationReason::CaCompromise => Reason::AuthorityCompromise,
            RevocationReason::AffiliationChanged => Reason::AffiliationChanged,
            RevocationReason::Superseded => Reason::Superseded,
            RevocationReason::CessationOfOperation => Reason::CessationOfOperation,
        };
        assert_eq!(crl.revoked(&serial(9)), Some(wanted));
    }
}

#[test]
fn numbers_are_written_and_ordered_as_numbers() {
    let pki = Pki::new();
    let mut last: Option<CrlNumber> = None;
    for number in [0, 1, 127, 128, 255, 256, 65_535, u64::MAX] {
        let made = CrlDraft { number: number.into(), ..draft(NOW, Vec::new()) }.sign(&pki.issuing).unwrap();
        let read = made.number().unwrap().clone();
        assert_eq!((read.as_u64(), read.to_string()), (Some(number), number.to_string()));
        assert!(last.is_none_or(|last| last < read));
        last = Some(read);
    }
}

#[test]
fn dates_from_2050_on_are_written_as_generalized_time() {
    let pki = Pki::new();
    let late = Timestamp::from_secs(2_524_608_000);
    let crl = draft(late.plus_days(-1), Vec::new()).sign(&pki.issuing).unwrap();
    assert_eq!(crl.next_update(), late.plus_days(6));
    assert!(contains(crl.der(), b"\x17\x0d491231000000Z\x18\x0f20500107000000Z"));
}

#[test]
fn the_signature_is_the_issuing_cas() {
    let pki = Pki::new();
    let crl = draft(NOW, vec![listing(serial(9), STOLEN)]).sign(&pki.issuing).unwrap();
    let made_by = |ca: &Ca| crl.signed_by(ca.facts()).unwrap() == SignedBy::Yes;
    assert!(made_by(&pki.issuing));
    assert!(!made_by(&pki.root));
    let mut bytes = crl.der().to_vec();
    let at = bytes.windows(2).position(|window| window == [0x02, 0x11]).unwrap() + 5;
    bytes[at] ^= 1;
    let changed = Crl::parse(bytes).unwrap();
    assert_eq!(changed.signed_by(pki.issuing.facts()).unwrap(), SignedBy::No, "another serial");
}

#[test]
fn who_would_stand_on_it_twice_or_outlast_it_is_an_error() {
    let pki = Pki::new();
    let twice = vec![listing(serial(9), STOLEN), listing(serial(4), STOLEN), listing(serial(9), Why::OnHold)];
    let error = draft(NOW, twice).sign(&pki.issuing).unwrap_err();
    assert!(matches!(&error, CrlDraftError::Twice { serial: s } if *s == serial(9)), "{error}");
    let backwards = CrlDraft { next_update: NOW, ..draft(NOW, Vec::new()) };
    let error = backwards.sign(&pki.issuing).unwrap_err();
    assert!(matches!(error, CrlDraftError::EndsBeforeItBegins { .. }), "{error}");
    let early = draft(Timestamp::from_secs(-1), Vec::new());
    assert!(matches!(early.sign(&pki.issuing), Err(CrlDraftError::Encoding { .. })));
}

/// Has the public key of one key and signs with another, or not at all.
struct Faulty {
    shown: SoftKey,
    signs: Option<SoftKey>,
}

impl Signer for Faulty {
    fn algorithm(&self) -> SignatureAlgorithm {
        self.shown.algorithm()
    }

    fn public_key(&self) -> &PublicKey {
        self.shown.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let key = self.signs.as_ref().ok_or_else(|| SignError { reason: "token removed".to_owned() })?;
        key.sign(message)
    }
}

#[test]
fn a_key_that_signs_wrongly_or_not_at_all_makes_no_list() {
    let good = key();
    let root = sealmq_pki::issue_root(
        Arc::clone(&good) as _,
        &sealmq_pki::CaSubject::root("test 4f2a", 1).unwrap(),
        serial(1),
        NOW,
    )
    .unwrap();
    let with = |signs| {
        let shown = SoftKey::from_pem(good.to_pem().as_bytes()).unwrap();
        let ca = Ca::open(root.certificate().der().to_vec(), Arc::new(Faulty { shown, signs })).unwrap();
        draft(NOW, Vec::new()).sign(&ca)
    };
    let same = SoftKey::from_pem(good.to_pem().as_bytes()).unwrap();
    assert!(with(Some(same)).is_ok());
    assert!(matches!(with(Some(SoftKey::generate().unwrap())), Err(CrlDraftError::BadSignature)));
    let error = with(None).unwrap_err();
    assert!(error.to_string().contains("token removed"), "{error}");
}

/// An imported CA's name goes onto its list as it is: several attributes in one RDN, string types as they were.
#[test]
fn an_imported_cas_list_is_its_own_and_needs_crl_sign() {
    let dir = tempfile::tempdir().unwrap();
    let subject = "/DC=com/OU=A/OU=B/CN=imported+serialNumber=7/emailAddress=ca@example.com";
    for (usage, may) in [("keyCertSign,cRLSign", true), ("keyCertSign", false)] {
        let usage = format!("keyUsage=critical,{usage}");
        let args = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt"];
        let args =
            [args.as_slice(), &["-multivalue-rdn", "-subj", subject, "-days", "30", "-addext", &usage]]
                .concat();
        let Some(_) = tool("openssl", &args, dir.path()) else { return };
        let pem = std::fs::read(dir.path().join("ca.crt")).unwrap();
        let der = sealmq_pki::pem::of_label(&pem, "CERTIFICATE").unwrap().remove(0).to_vec();
        let key = SoftKey::from_pem(&std::fs::read(dir.path().join("ca.key")).unwrap()).unwrap();
        let ca = Ca::open(der, Arc::new(key)).unwrap();
        match draft(now(), vec![listing(serial(9), STOLEN)]).sign(&ca) {
            Ok(crl) => {
                assert!(may);
                assert_eq!(crl.issuer().der(), ca.facts().subject.der());
                write(dir.path(), "crl.pem", crl.pem());
                let args = ["crl", "-in", "crl.pem", "-CAfile", "ca.crt", "-noout"];
                let seen = tool("openssl", &args, dir.path()).unwrap();
                assert!(seen.contains("verify OK"), "{seen}");
            }
            Err(error) => {
                assert!(!may, "{error}");
                assert!(error.to_string().contains("lacks cRLSign\nhint: "), "{error}");
            }
        }
    }
}

/// The tools know no other time.
fn now() -> Timestamp {
    let secs = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::from_secs(i64::try_from(secs).unwrap())
}

#[test]
fn openssl_and_gnutls_refuse_whom_the_list_names_and_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let now = now();
    let pki = Pki::at(now);
    let leaf = pki.device("pump");
    write(dir.path(), "root.pem", pki.root.certificate().pem());
    write(dir.path(), "issuing.pem", pki.issuing.certificate().pem());
    write(dir.path(), "chain.pem", pki.issuing.certificate().pem() + &pki.root.certificate().pem());
    write(dir.path(), "leaf.pem", leaf.pem());
    let of_leaf = |why| Listing { serial: leaf.facts().serial.clone(), at: now, why };
    let other = Listing { serial: serial(77), at: now, why: STOLEN };
    for (entry, revoked) in [(other, false), (of_leaf(STOLEN), true), (of_leaf(Why::OnHold), true)] {
        let crl = draft(now, vec![entry]).sign(&pki.issuing).unwrap();
        write(dir.path(), "crl.pem", crl.pem());
        write(dir.path(), "crl.der", crl.der());
        let args = ["crl", "-inform", "DER", "-in", "crl.der", "-CAfile", "chain.pem", "-noout", "-text"];
        let Some(seen) = tool("openssl", &args, dir.path()) else { return };
        assert!(seen.contains("verify OK") && seen.contains("CRL Number"), "{seen}");
        let args =
            ["verify", "-x509_strict", "-crl_check", "-CAfile", "root.pem", "-untrusted", "issuing.pem"];
        let args = [args.as_slice(), &["-CRLfile", "crl.pem", "leaf.pem"]].concat();
        let (good, seen) = attempt("openssl", &args, dir.path()).unwrap();
        assert_eq!(good, !revoked, "{seen}");
        assert_eq!(seen.contains("certificate revoked"), revoked, "{seen}");
        let args = ["--verify-crl", "--load-ca-certificate", "issuing.pem", "--infile", "crl.pem"];
        let Some(seen) = tool("certtool", &args, dir.path()) else { return };
        assert!(seen.contains("Verified."), "{seen}");
    }
}

#[test]
fn pkilint_finds_nothing_that_is_not_waived() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::at(now());
    let entries = [serial(9), serial(4), serial(5)].into_iter().zip([
        STOLEN,
        Why::OnHold,
        Why::Revoked(RevocationReason::Unspecified),
    ]);
    let entries = entries.map(|(serial, why)| listing(serial, why)).collect();
    for (file, entries) in [("full.der", entries), ("empty.der", Vec::new())] {
        let crl = draft(now(), entries).sign(&pki.issuing).unwrap();
        write(dir.path(), file, crl.der());
        let args = ["lint", "-t", "CRL", "-p", "PKIX", "-s", "WARNING", "-f", "JSON", file];
        let Some((_, report)) = attempt("lint_crl", &args, dir.path()) else { return };
        assert_waived(file, &report);
    }
}

/// What is read back is what was written, whatever the serials.
#[test]
fn a_long_list_is_read_back_whole() {
    let pki = Pki::new();
    let serial = |n: u32| Serial::from_content(&[&[0x5a][..], &n.to_be_bytes()].concat()).unwrap();
    let entries = (0..5_000).map(|n| listing(serial(n * 7), STOLEN)).collect();
    let crl = draft(NOW, entries).sign(&pki.issuing).unwrap();
    let again = Crl::parse(crl.der().to_vec()).unwrap();
    assert_eq!(again.len(), 5_000);
    assert!((0..5_000).all(|n| again.revoked(&serial(n * 7)).is_some()));
    assert!(again.revoked(&serial(8)).is_none());
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}
