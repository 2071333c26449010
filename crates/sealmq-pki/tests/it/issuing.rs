//! What is issued: the profiles, their limits, and webpki's verdict.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sealmq_pki::cert::{ExtKeyUsage, KeyUsageBit, SelfSigned, SignedBy, Version, signed_by};
use sealmq_pki::inventory::Role;
use sealmq_pki::{
    AltName, Ca, CaSubject, End, Facts, Holder, HostName, IssueError, LeafRequest, Name, Serial, Signer,
    SoftKey, Timestamp, issue_intermediate, issue_leaf, issue_root,
};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::fixture::{NOW, Pki, key, serial};

const YEAR: i64 = 365;

#[test]
fn a_root_is_self_signed_may_sign_certificates_and_lists_and_lives_twenty_years() {
    let facts = Pki::new().root.facts().clone();
    assert_eq!(facts.version, Version::V3);
    assert_eq!(facts.self_signed, SelfSigned::Yes);
    assert_eq!(facts.subject.rfc2253(), "CN=test 4f2a Root CA G1,O=SealMQ");
    assert_eq!((facts.is_ca(), facts.basic_constraints.unwrap().path_len), (true, Some(1)));
    let usage = facts.key_usage.unwrap();
    assert!(usage.has(KeyUsageBit::KeyCertSign) && usage.has(KeyUsageBit::CrlSign));
    assert!(!usage.has(KeyUsageBit::DigitalSignature));
    assert_eq!(facts.not_before, NOW.plus_days(-1));
    assert_eq!(facts.not_after, NOW.plus_days(20 * YEAR + 5));
    assert_eq!(facts.subject_key_id, facts.authority_key_id);
}

#[test]
fn an_issuing_ca_is_below_the_root_and_may_issue_leaves_only() {
    let pki = Pki::new();
    let facts = pki.issuing.facts();
    assert_eq!(facts.issuer.der(), pki.root.facts().subject.der());
    assert_eq!((facts.is_ca(), facts.basic_constraints.unwrap().path_len), (true, Some(0)));
    assert_eq!(facts.ext_key_usage, None);
    assert_eq!(facts.authority_key_id, pki.root.facts().subject_key_id);
    assert_eq!(signed_by(pki.issuing.certificate().der(), pki.root.facts()), Ok(SignedBy::Yes));
    let again = issue_intermediate(&pki.issuing, key(), &CaSubject::issuing("x", 2).unwrap(), serial(9), NOW);
    assert!(matches!(again.map(|_| ()), Err(IssueError::PathLength { .. })));
}

#[test]
fn a_server_certificate_lists_names_addresses_and_each_address_as_dns_text() {
    let server = Pki::new().server(&["localhost", "box.local", "192.168.1.10", "2001:db8::1", "localhost"]);
    let facts = server.facts();
    let names: Vec<String> = facts.alt_names.iter().map(AltName::to_string).collect();
    assert_eq!(
        names,
        [
            "DNS:localhost",
            "DNS:box.local",
            "IP:192.168.1.10",
            "IP:2001:db8::1",
            "DNS:192.168.1.10",
            "DNS:2001:db8::1"
        ]
    );
    assert_eq!(facts.subject.rfc2253(), "CN=localhost");
    assert_eq!(facts.ext_key_usage.as_deref(), Some(&[ExtKeyUsage::ServerAuth][..]));
    assert_eq!(facts.not_after, NOW.plus_days(90));
    assert_eq!(facts.critical_extensions, ["2.5.29.19", "2.5.29.15"]);
}

#[test]
fn a_device_certificate_is_for_clients_and_carries_its_name() {
    let device = Pki::new().device("kitchen-sensor");
    let facts = device.facts();
    assert_eq!(facts.common_names(), ["kitchen-sensor"]);
    assert_eq!(facts.ext_key_usage.as_deref(), Some(&[ExtKeyUsage::ClientAuth][..]));
    assert_eq!(facts.basic_constraints.map(|bc| bc.ca), Some(false));
    assert!(facts.alt_names.is_empty());
    assert_eq!(facts.not_before, NOW.plus_days(-1));
    assert_eq!(facts.critical_extensions, ["2.5.29.19", "2.5.29.15"]);
}

#[test]
fn nothing_in_an_operators_certificate_says_operator_but_its_record() {
    let pki = Pki::new();
    let name = Name::parse("alice").unwrap();
    let operator = pki.leaf(Holder::Operator(&name), End::Profile);
    let device = pki.leaf(Holder::Device(&name), End::Profile);
    assert_eq!(operator.facts().subject, device.facts().subject);
    assert_eq!(operator.facts().extensions, device.facts().extensions);
    assert_eq!(operator.facts().not_after, NOW.plus_days(30));
    let record = operator.record(&pki.issuing, Role::Operator, Some(&name), NOW);
    assert_eq!((record.role, &record.serial), (Role::Operator, &operator.facts().serial));
    assert_eq!(Some(&record.issuer), operator.facts().authority_key_id.as_ref());
}

#[test]
fn an_rsa_key_may_encipher_and_signs_as_a_ca() {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let rsa = std::sync::Arc::new(SoftKey::from_pkcs8_der(pkcs8.as_ref()).unwrap());
    let root = issue_root(rsa.clone(), &CaSubject::root("rsa", 1).unwrap(), serial(1), NOW).unwrap();
    assert_eq!(root.facts().signature_algorithm, "sha256WithRSAEncryption");
    assert_eq!(root.facts().self_signed, SelfSigned::Yes);
    let name = Name::parse("d").unwrap();
    let request = LeafRequest {
        holder: Holder::Device(&name),
        public_key: rsa.public_key(),
        serial: serial(2),
        now: NOW,
        end: End::Profile,
    };
    let leaf = issue_leaf(&root, &request).unwrap();
    assert!(leaf.facts().key_usage.unwrap().has(KeyUsageBit::KeyEncipherment));
}

#[test]
fn a_leaf_never_outlives_its_issuer() {
    let pki = Pki::new();
    let end = pki.issuing.facts().not_after;
    assert_eq!(pki.device("d").facts().not_after, end);
    let name = Name::parse("d").unwrap();
    let late = end.plus_days(-10);
    let key = SoftKey::generate().unwrap();
    let request = |end| LeafRequest {
        holder: Holder::Device(&name),
        public_key: key.public_key(),
        serial: serial(3),
        now: late,
        end,
    };
    assert_eq!(issue_leaf(&pki.issuing, &request(End::Profile)).unwrap().facts().not_after, end);
    let days = |n| End::Days(NonZeroU32::new(n).unwrap());
    assert_eq!(issue_leaf(&pki.issuing, &request(days(10))).unwrap().facts().not_after, end);
    let refused = issue_leaf(&pki.issuing, &request(days(11))).unwrap_err();
    assert!(matches!(refused, IssueError::OutlivesIssuer { days_max: 10, .. }), "{refused}");
}

#[test]
fn an_issuer_that_has_ended_or_not_begun_issues_nothing() {
    let pki = Pki::new();
    let name = Name::parse("d").unwrap();
    let key = SoftKey::generate().unwrap();
    let at = |now| {
        let request = LeafRequest {
            holder: Holder::Device(&name),
            public_key: key.public_key(),
            serial: serial(3),
            now,
            end: End::Profile,
        };
        issue_leaf(&pki.issuing, &request).map(|_| ())
    };
    let facts = pki.issuing.facts();
    assert!(at(facts.not_after).is_ok());
    assert!(matches!(at(facts.not_after.plus_secs(1)), Err(IssueError::IssuerNotCurrent { .. })));
    assert!(at(facts.not_before).is_ok());
    assert!(matches!(at(facts.not_before.plus_secs(-1)), Err(IssueError::IssuerNotCurrent { .. })));
}

#[test]
fn the_backdating_of_a_leaf_stops_where_its_issuer_begins() {
    let pki = Pki::new();
    let begin = pki.issuing.facts().not_before;
    let (name, key) = (Name::parse("d").unwrap(), SoftKey::generate().unwrap());
    let request = LeafRequest {
        holder: Holder::Device(&name),
        public_key: key.public_key(),
        serial: serial(3),
        now: begin.plus_secs(60),
        end: End::Profile,
    };
    assert_eq!(issue_leaf(&pki.issuing, &request).unwrap().facts().not_before, begin);
}

#[test]
fn a_ca_opens_with_its_own_key_only_and_only_if_it_is_a_ca() {
    let signer = key();
    let root = issue_root(signer.clone(), &CaSubject::root("x", 1).unwrap(), serial(1), NOW).unwrap();
    let der = root.certificate().der().to_vec();
    assert!(Ca::open(der.clone(), signer).is_ok());
    assert!(matches!(Ca::open(der, key()).map(|_| ()), Err(IssueError::KeyMismatch { .. })));
    let device_key = key();
    let name = Name::parse("d").unwrap();
    let request = LeafRequest {
        holder: Holder::Device(&name),
        public_key: device_key.public_key(),
        serial: serial(2),
        now: NOW,
        end: End::Profile,
    };
    let device = issue_leaf(&root, &request).unwrap();
    assert!(matches!(
        Ca::open(device.der().to_vec(), device_key).map(|_| ()),
        Err(IssueError::NotACa { .. })
    ));
}

#[test]
fn a_key_that_signs_wrongly_is_found_before_the_certificate_leaves() {
    struct Faulty(SoftKey);
    impl Signer for Faulty {
        fn algorithm(&self) -> sealmq_pki::SignatureAlgorithm {
            self.0.algorithm()
        }
        fn public_key(&self) -> &sealmq_pki::PublicKey {
            self.0.public_key()
        }
        fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, sealmq_pki::SignError> {
            self.0.sign(b"something else")
        }
    }
    let faulty = std::sync::Arc::new(Faulty(SoftKey::generate().unwrap()));
    let root = issue_root(faulty, &CaSubject::root("x", 1).unwrap(), serial(1), NOW);
    assert!(matches!(root.map(|_| ()), Err(IssueError::BadSignature { .. })));
}

#[test]
fn an_issuer_of_another_name_with_the_same_key_did_not_sign_it() {
    let signer = key();
    let root =
        |label| issue_root(signer.clone(), &CaSubject::root(label, 1).unwrap(), serial(1), NOW).unwrap();
    let (one, other) = (root("one"), root("other"));
    let der = one.certificate().der();
    assert_eq!(signed_by(der, one.facts()), Ok(SignedBy::Yes));
    assert_eq!(signed_by(der, other.facts()), Ok(SignedBy::No));
}

#[test]
fn a_server_without_a_name_is_refused() {
    let pki = Pki::new();
    let key = SoftKey::generate().unwrap();
    let request = LeafRequest {
        holder: Holder::Server(&[]),
        public_key: key.public_key(),
        serial: serial(3),
        now: NOW,
        end: End::Profile,
    };
    assert!(matches!(issue_leaf(&pki.issuing, &request), Err(IssueError::NoNames)));
}

#[test]
fn years_from_2050_on_are_written_as_generalized_time() {
    let late = Timestamp::from_secs(2_145_916_800); // 2038-01-01: a root of 20 years ends in 2058
    let root = issue_root(key(), &CaSubject::root("x", 1).unwrap(), serial(1), late).unwrap();
    assert_eq!(root.facts().not_after, late.plus_days(7305));
    let der = root.certificate().der();
    assert!(der.windows(16).any(|w| w == b"\x18\x0f20580101000000"), "no GeneralizedTime");
    assert!(der.windows(15).any(|w| w == b"\x17\x0d371231000000Z"), "no UTCTime");
}

#[test]
fn a_ca_label_that_could_confuse_is_refused() {
    for label in ["", " x", "x ", "a,b", "a\0b", "ä", &"x".repeat(41)] {
        assert!(CaSubject::root(label, 1).is_err(), "{label:?}");
    }
    assert_eq!(CaSubject::issuing(&"x".repeat(40), u16::MAX).unwrap().common_name().len(), 58);
}

/// Another TLS library's verifier takes the chain for this purpose at this moment, and nothing else.
fn webpki_accepts(pki: &Pki, leaf: &[u8], purpose: KeyUsage, now: Timestamp) -> Result<(), webpki::Error> {
    let root = CertificateDer::from(pki.root.certificate().der());
    let issuing = CertificateDer::from(pki.issuing.certificate().der());
    let leaf = CertificateDer::from(leaf);
    let anchors = [anchor_from_trusted_cert(&root)?];
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs() as u64));
    EndEntityCert::try_from(&leaf)?
        .verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &anchors, &[issuing], now, purpose, None, None)
        .map(|_| ())
}

#[test]
fn webpki_accepts_each_leaf_for_its_purpose_only() {
    let pki = Pki::new();
    let device = pki.device("d");
    let server = pki.server(&["localhost", "192.168.1.10"]);
    assert_eq!(webpki_accepts(&pki, device.der(), KeyUsage::client_auth(), NOW), Ok(()));
    assert!(webpki_accepts(&pki, device.der(), KeyUsage::server_auth(), NOW).is_err());
    assert_eq!(webpki_accepts(&pki, server.der(), KeyUsage::server_auth(), NOW), Ok(()));
    assert!(webpki_accepts(&pki, server.der(), KeyUsage::client_auth(), NOW).is_err());
    let der = CertificateDer::from(server.der());
    let server = EndEntityCert::try_from(&der).unwrap();
    for name in ["localhost", "192.168.1.10"] {
        assert!(
            server.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap()).is_ok(),
            "{name}"
        );
    }
    assert!(server.verify_is_valid_for_subject_name(&ServerName::try_from("192.168.1.11").unwrap()).is_err());
}

prop_compose! {
    fn name()(text in "[A-Za-z0-9_:@][A-Za-z0-9._:@-]{0,63}") -> Name {
        Name::parse(&text).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_issued_always_verifies_within_its_validity_and_never_outside(
        name in name(),
        start in 0i64..4_000_000_000,
        after in 0i64..300_000_000,
        bytes in any::<[u8; 16]>(),
    ) {
        prop_assume!(bytes != [0; 16]);
        let start = Timestamp::from_secs(86_400 + start);
        let pki = Pki::at(start);
        let key = SoftKey::generate().unwrap();
        let request = LeafRequest {
            holder: Holder::Device(&name),
            public_key: key.public_key(),
            serial: Serial::from_random(bytes).unwrap(),
            now: start.plus_secs(after),
            end: End::Profile,
        };
        let leaf = issue_leaf(&pki.issuing, &request).unwrap();
        let facts = Facts::parse(leaf.der()).unwrap();
        prop_assert_eq!(facts.common_names(), vec![name.as_str().to_owned()]);
        prop_assert_eq!(&facts.serial, &request.serial);
        let client = KeyUsage::client_auth;
        prop_assert_eq!(webpki_accepts(&pki, leaf.der(), client(), facts.not_before), Ok(()));
        prop_assert_eq!(webpki_accepts(&pki, leaf.der(), client(), facts.not_after), Ok(()));
        prop_assert!(webpki_accepts(&pki, leaf.der(), client(), facts.not_after.plus_secs(1)).is_err());
        if facts.not_before.as_secs() > 0 {
            prop_assert!(webpki_accepts(&pki, leaf.der(), client(), facts.not_before.plus_secs(-1)).is_err());
        }
    }

    #[test]
    fn a_server_certificate_is_valid_for_each_of_its_names(
        dns in proptest::collection::vec("[a-z][a-z0-9-]{0,10}[a-z0-9](\\.[a-z]{2,8}){0,2}", 0..4),
        ips in proptest::collection::vec(any::<IpAddr>(), 1..4),
    ) {
        let texts = dns.iter().cloned().chain(ips.iter().map(IpAddr::to_string));
        let hosts: Vec<HostName> = texts.map(|t| HostName::parse(&t).unwrap()).collect();
        let leaf = Pki::new().leaf(Holder::Server(&hosts), End::Profile);
        let der = CertificateDer::from(leaf.der());
        let cert = EndEntityCert::try_from(&der).unwrap();
        for host in hosts {
            let name = ServerName::try_from(host.to_string()).unwrap();
            prop_assert!(cert.verify_is_valid_for_subject_name(&name).is_ok(), "{host}");
        }
    }
}
