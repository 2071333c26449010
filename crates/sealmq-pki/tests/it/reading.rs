//! Reading certificates of others: odd names as OpenSSL prints them, and no panic whatever the bytes.

use std::path::Path;

use proptest::prelude::*;
use sealmq_pki::cert::Problem;
use sealmq_pki::{Facts, ParseError, Serial, Timestamp, pem, time::ends_in};

use crate::fixture::{NOW, Pki, tool, write};

/// Makes a self-signed certificate with these extra lines of an openssl configuration.
fn made(dir: &Path, config: &str, extra: &[&str]) -> Option<Facts> {
    write(dir, "c.cnf", config);
    let fixed = [
        "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c.pem", "-config",
        "c.cnf",
    ];
    tool("openssl", &[&fixed[..], extra].concat(), dir)?;
    let der = pem::of_label(&std::fs::read(dir.join("c.pem")).unwrap(), "CERTIFICATE").unwrap().remove(0);
    Some(Facts::parse(&der).unwrap())
}

fn as_openssl_prints(dir: &Path) -> String {
    let text =
        tool("openssl", &["x509", "-in", "c.pem", "-noout", "-subject", "-nameopt", "RFC2253"], dir).unwrap();
    text.trim_end_matches('\n').trim_start_matches("subject=").to_owned()
}

/// RFC 5280 §4.1.1.3: the signature is a whole number of octets.
#[test]
fn a_signature_with_bits_left_over_is_no_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let made = ["req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "k", "-out", "c.pem"];
    if tool("openssl", &[&made[..], &["-subj", "/CN=x"]].concat(), dir.path()).is_none() {
        return;
    }
    let pem = std::fs::read(dir.path().join("c.pem")).unwrap();
    let mut der = pem::of_label(&pem, "CERTIFICATE").unwrap().remove(0).to_vec();
    assert!(Facts::parse(&der).is_ok());
    let unused = der.len() - 257;
    assert_eq!(der[unused - 4..=unused], [3, 0x82, 1, 1, 0]);
    der[unused] = 1;
    assert_eq!(Facts::parse(&der).unwrap_err().field, "signatureValue");
}

#[test]
fn odd_subjects_are_printed_exactly_as_openssl_prints_them() {
    let dir = tempfile::tempdir().unwrap();
    let subjects = [
        "/DC=com/DC=example/OU=A/OU=B/CN=two units",
        "/CN= leading and trailing ",
        "/CN=#hash",
        "/CN=#",
        "/CN=comma, plus \\+ quote \" back \\\\ less < more > semi ;",
        "/O=Müller & Söhne/CN=gerät",
        "/CN=日本",
        "/CN=multi+UID=u1/O=Org",
        "/serialNumber=42/GN=Given/SN=Sur/emailAddress=a@b.example/CN=x",
        "/1.2.3.4.5=unknown/CN=y",
        "/CN=tab\there",
    ];
    for masks in ["utf8only", "default"] {
        let config = format!("[req]\ndistinguished_name=dn\nstring_mask={masks}\nutf8=yes\n[dn]\n");
        for subject in subjects {
            let Some(facts) = made(dir.path(), &config, &["-utf8", "-multivalue-rdn", "-subj", subject])
            else {
                return;
            };
            assert_eq!(facts.subject.rfc2253(), as_openssl_prints(dir.path()), "{masks} {subject}");
        }
    }
}

#[test]
fn all_common_names_and_all_kinds_of_alternative_names_are_seen() {
    let dir = tempfile::tempdir().unwrap();
    let config = "[req]\ndistinguished_name=dn\nx509_extensions=e\n[dn]\n[e]\nsubjectAltName=DNS:a.example,IP:10.0.0.1,IP:2001:db8::1,URI:urn:dev:1,email:a@b.example,RID:1.2.3\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,1.2.3.4\n";
    let Some(facts) = made(dir.path(), config, &["-subj", "/CN=first/CN=second"]) else { return };
    assert_eq!(facts.common_names(), ["first", "second"]);
    let names: Vec<String> = facts.alt_names.iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        [
            "DNS:a.example",
            "IP:10.0.0.1",
            "IP:2001:db8::1",
            "URI:urn:dev:1",
            "email:a@b.example",
            "unreadable name of kind 8"
        ]
    );
    assert!(!facts.is_ca());
    assert_eq!(facts.critical_extensions, ["2.5.29.15"]);
}

#[test]
fn negative_and_zero_serials_print_as_openssl_prints_them() {
    for (content, text) in [
        (&[0x00][..], "00"),
        (&[0x01], "01"),
        (&[0x00, 0xff], "FF"),
        (&[0xff], "-01"),
        (&[0x80], "-80"),
        (&[0xff, 0x00], "-0100"),
    ] {
        assert_eq!(Serial::from_content(content).unwrap().to_string(), text);
    }
    assert_eq!(Serial::parse_hex("00:C5:01").unwrap().as_content(), [0x00, 0xc5, 0x01]);
    assert_eq!(Serial::parse_hex("f").unwrap().as_content(), [0x0f]);
    assert!(Serial::parse_hex("").is_err() && Serial::parse_hex("0x1").is_err());
    assert!(Serial::from_random([0; 16]).is_err());
}

#[test]
fn the_end_is_told_in_words() {
    let after = |secs| ends_in(NOW.plus_secs(secs), NOW);
    assert_eq!(after(41 * 86_400 + 5), "ends in 41 days");
    assert_eq!(after(5 * 3600), "ends in 5 hours");
    assert_eq!(after(1), "ends in 1 second");
    assert_eq!(after(-3 * 86_400), "ended 3 days ago");
    assert_eq!(ends_in(Timestamp::NEVER, NOW), "has no end");
    assert_eq!(NOW.to_string(), "2026-06-01T00:00:00Z");
    assert_eq!(NOW.date(), "2026-06-01");
}

/// The position of an extension's OID in a certificate.
fn position(der: &[u8], oid: &[u8]) -> usize {
    der.windows(oid.len()).position(|w| w == oid).unwrap()
}

#[test]
fn an_extension_that_stands_twice_is_refused() {
    let der = Pki::new().device("d").der().to_vec();
    let (key_usage, purpose) =
        (position(&der, &[0x06, 0x03, 0x55, 0x1d, 0x0f]), position(&der, &[0x06, 0x03, 0x55, 0x1d, 0x25]));
    // 2.5.29.99 and 2.5.29.100 are nobody's, so their contents are not looked at.
    let with = |one: u8, two: u8| {
        let mut der = der.clone();
        (der[key_usage + 4], der[purpose + 4]) = (one, two);
        Facts::parse(&der).map(|facts| facts.extensions.len())
    };
    assert_eq!(with(99, 100), Ok(5));
    assert!(matches!(with(99, 99), Err(ParseError { problem: Problem::Repeated, .. })));
}

#[test]
fn extensions_in_a_certificate_that_says_version_1_are_refused() {
    let mut der = Pki::new().device("d").der().to_vec();
    let version = position(&der, &[0xa0, 0x03, 0x02, 0x01, 0x02]);
    der[version + 4] = 0;
    assert!(matches!(Facts::parse(&der), Err(ParseError { field: "tbsCertificate.extensions", .. })));
}

#[test]
fn bytes_after_a_certificate_and_a_cut_certificate_are_refused() {
    let der = Pki::new().device("d").der().to_vec();
    let trailing = [der.as_slice(), &[0]].concat();
    assert!(matches!(Facts::parse(&trailing), Err(ParseError { field: "certificate", .. })));
    for len in 0..der.len() {
        assert!(Facts::parse(&der[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn an_unsigned_algorithm_other_than_the_signed_one_is_refused() {
    let mut der = Pki::new().device("d").der().to_vec();
    let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
    let outer = der.windows(8).rposition(|w| w == oid).unwrap();
    der[outer + 7] = 0x03;
    assert!(matches!(Facts::parse(&der), Err(ParseError { field: "signatureAlgorithm", .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Facts::parse(&bytes);
        let _ = pem::blocks(&bytes);
    }

    #[test]
    fn arbitrary_pem_text_never_panics(text in "(-----BEGIN [A-Z ]{0,12}-----\n)?[A-Za-z0-9+/=:\n-]{0,200}(\n-----END [A-Z ]{0,12}-----)?") {
        let _ = pem::blocks(text.as_bytes());
        let _ = sealmq_pki::SoftKey::from_pem(text.as_bytes());
    }

    #[test]
    fn a_block_survives_its_own_text(der in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = pem::encode("CERTIFICATE", &der);
        let blocks = pem::blocks(text.as_bytes()).unwrap();
        prop_assert_eq!(blocks.len(), 1);
        prop_assert_eq!(blocks[0].der.as_slice(), der.as_slice());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn a_certificate_with_any_octets_changed_never_panics(
        changes in proptest::collection::vec(proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6), 3000)
    ) {
        let der = Pki::new().server(&["localhost", "192.168.1.10"]).der().to_vec();
        for change in changes {
            let mut mutated = der.clone();
            for (at, octet) in change {
                let at = at.index(mutated.len());
                mutated[at] = octet;
            }
            if let Ok(facts) = Facts::parse(&mutated) {
                let _ = (facts.subject.rfc2253(), facts.ends_in(NOW), facts.serial.to_string(), facts.not_after.to_string());
            }
        }
    }
}

#[test]
fn the_corpus_of_the_fuzz_target_is_read() {
    let corpus = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/certificate");
    let mut good = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        good += usize::from(sealmq_pki::Facts::parse(&bytes).is_ok());
        sealmq_pki::fuzzing::certificate(&bytes);
    }
    assert!(good >= 3, "{good} of the corpus are certificates");
}
