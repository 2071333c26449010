//! Version 3 client certificates: who is let in, who is refused, and what the client is told.

use std::sync::OnceLock;

use sealmq_pki::pem;
use sealmq_tls::{ClientAuth, Code, Direction, Judged, LegacyClientCerts, PeerChain, PemSource, Stage};

use crate::fixture::{CA, CLIENT, NO_PURPOSE, Pair, SERVER, fixtures, issue, now, root};
use crate::pair::{VERSIONS, chain_of, client, client_spec, meet, meet_at, policy, server, server_spec};

#[test]
fn without_a_certificate_where_one_is_required_the_alert_reaches_the_client() {
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let met = meet(&server(spec), &client(client_spec(None)));
        let failure = met.server_failure();
        assert_eq!(
            (failure.code, failure.direction, failure.stage),
            (Code::NoCertificate, Direction::WeRefused, Stage::Handshake)
        );
        assert_eq!(met.client_failure().direction, Direction::TheyRefused);
        assert!(failure.text().contains("it sent no certificate"), "{failure}");
    }
}

#[test]
fn the_judgment_asks_for_the_certificate_again() {
    // Whatever a handshake (a resumed one, one from another listener) let through.
    for (auth, refused) in
        [(ClientAuth::Required, true), (ClientAuth::Optional, false), (ClientAuth::None, false)]
    {
        let mut spec = server_spec();
        spec.client_auth = auth;
        let judged = server(spec).judge(&PeerChain::NONE, now());
        assert_eq!(judged.err().map(|refusal| refusal.code), refused.then_some(Code::NoCertificate));
    }
}

#[test]
fn without_a_certificate_where_one_is_optional_the_client_is_anonymous() {
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        spec.client_auth = ClientAuth::Optional;
        let met = meet(&server(spec), &client(client_spec(None)));
        assert!(met.ends.established());
        assert!(matches!(met.judged, Some(Ok(Judged::Anonymous { .. }))));
    }
}

#[test]
fn an_optional_certificate_is_verified_as_a_required_one() {
    let mut spec = server_spec();
    spec.client_auth = ClientAuth::Optional;
    let tls = server(spec);
    assert_eq!(meet(&tls, &client(client_spec(Some(&fixtures().client)))).name(), "client1");
    let stranger = stranger();
    let met = meet(&tls, &client(client_spec(Some(&stranger))));
    assert_eq!(met.server_failure().code, Code::UnknownIssuer);
}

fn stranger() -> Pair {
    static STRANGER: OnceLock<Pair> = OnceLock::new();
    let make = || {
        let dir = fixtures().dir();
        let other = root(dir, "stranger-root", "/O=Test/CN=Other Root", CA, 3650);
        issue(dir, &other, "stranger", "/CN=client1", Some(CLIENT), 365)
    };
    STRANGER.get_or_init(make).clone()
}

#[test]
fn a_certificate_of_another_ca_is_refused_with_unknown_ca() {
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let met = meet(&server(spec), &client(client_spec(Some(&stranger()))));
        let failure = met.server_failure();
        assert_eq!(failure.code, Code::UnknownIssuer);
        assert_eq!(failure.certificate.as_ref().unwrap().subject, "CN=client1");
        let told = met.client_failure();
        assert_eq!((told.code, told.direction), (Code::UnknownIssuer, Direction::TheyRefused));
        assert!(told.detail.contains("48"), "{told}");
    }
}

#[test]
fn a_ca_with_the_same_name_and_another_key_is_refused_as_bad_signature() {
    let dir = fixtures().dir();
    let twin = root(dir, "twin-root", "/O=Test/CN=Root", CA, 3650);
    let forged = issue(dir, &twin, "forged", "/CN=client1", Some(CLIENT), 365);
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let met = meet(&server(spec), &client(client_spec(Some(&forged))));
        assert_eq!(met.server_failure().code, Code::BadSignature);
    }
}

#[test]
fn an_expired_and_a_not_yet_valid_leaf_are_refused_with_their_dates() {
    let short = issue(fixtures().dir(), &fixtures().ca, "short", "/CN=short", Some(CLIENT), 10);
    let tls = server(server_spec());
    let client = client(client_spec(Some(&short)));
    assert_eq!(meet_at(&tls, &client, "localhost", now().plus_days(9)).name(), "short");
    let late = meet_at(&tls, &client, "localhost", now().plus_days(11));
    assert_eq!(late.server_failure().code, Code::Expired);
    assert_eq!(late.client_failure().code, Code::Expired);
    // The CA is made first, so there is a moment at which it is valid and the leaf is not.
    let early = short.facts().not_before.plus_secs(-1);
    if fixtures().ca.facts().not_before <= early {
        let refusal = tls.judge(&crate::pair::chain_of(&tls, &short), early).unwrap_err();
        assert_eq!(refusal.code, Code::NotYetValid);
    }
}

#[test]
fn a_server_purpose_alone_makes_no_client_and_no_purpose_does() {
    let tls = server(server_spec());
    let serverish = fixtures().leaf("serverish", "/CN=serverish", Some(SERVER));
    let met = meet(&tls, &client(client_spec(Some(&serverish))));
    assert_eq!(met.server_failure().code, Code::WrongPurpose);
    let plain = fixtures().leaf("no-purpose", "/CN=plain", Some(NO_PURPOSE));
    assert_eq!(meet(&tls, &client(client_spec(Some(&plain)))).name(), "plain");
}

#[test]
fn a_leaf_is_no_issuer_and_a_ca_no_leaf() {
    let dir = fixtures().dir();
    let tls = server(server_spec());
    let below_leaf = issue(dir, &fixtures().client, "below-leaf", "/CN=admin", Some(CLIENT), 365);
    let met = meet(&tls, &client(client_spec(Some(&below_leaf.with_chain(&[&fixtures().client])))));
    assert_eq!(met.server_failure().code, Code::CaMisuse);
    let ca_leaf = fixtures().leaf("ca-leaf", "/CN=Issuing as leaf", Some(CA));
    let met = meet(&tls, &client(client_spec(Some(&ca_leaf))));
    assert!(
        matches!(met.server_failure().code, Code::CaMisuse | Code::WrongPurpose),
        "{}",
        met.server_failure()
    );
}

#[test]
fn an_intermediate_without_key_cert_sign_or_beyond_the_anchors_path_length_is_refused() {
    // Neither is looked at by webpki.
    let dir = fixtures().dir();
    let tls = server(server_spec());
    let weak = fixtures().leaf(
        "no-certsign",
        "/CN=No Cert Sign",
        Some("basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n"),
    );
    let leaf = issue(dir, &weak, "under-no-certsign", "/CN=x", Some(CLIENT), 365).with_chain(&[&weak]);
    assert_eq!(meet(&tls, &client(client_spec(Some(&leaf)))).server_failure().code, Code::CaMisuse);

    for (path_len, expected) in [("0", Some(Code::CaMisuse)), ("1", None)] {
        let extensions =
            format!("basicConstraints=critical,CA:TRUE,pathlen:{path_len}\nkeyUsage=critical,keyCertSign\n");
        let anchor = root(dir, &format!("pathlen{path_len}"), "/CN=Path Root", &extensions, 365);
        let between = issue(dir, &anchor, &format!("between{path_len}"), "/CN=Between", Some(CA), 365);
        let leaf = issue(dir, &between, &format!("deep{path_len}"), "/CN=deep", Some(CLIENT), 365)
            .with_chain(&[&between]);
        let mut spec = server_spec();
        spec.anchors = vec![anchor.source()];
        let met = meet(&server(spec), &client(client_spec(Some(&leaf))));
        assert_eq!(met.ends.server.failure.as_ref().map(|failure| failure.code), expected);
    }
}

#[test]
fn the_listeners_own_certificate_logs_nobody_in() {
    // No purpose field: webpki alone would take it.
    let served = fixtures().leaf(
        "served-no-purpose",
        "/CN=broker",
        Some(&format!("{NO_PURPOSE}subjectAltName=DNS:localhost\n")),
    );
    let mut spec = server_spec();
    let met = meet(&server(spec.clone()), &client(client_spec(Some(&served))));
    assert_eq!(met.name(), "broker", "a listener that does not serve it takes it");
    spec.key_pair = served.load();
    let met = meet(&server(spec), &client(client_spec(Some(&served))));
    assert_eq!(met.server_failure().code, Code::ServedAsClient);
}

#[test]
fn the_deny_rule_for_version_1_leaves_version_3_alone() {
    let mut spec = server_spec();
    spec.legacy_client_certs = LegacyClientCerts::Deny;
    assert_eq!(meet(&server(spec), &client(client_spec(Some(&fixtures().client)))).name(), "client1");
}

#[test]
fn an_unknown_ca_in_a_second_file_counts_as_well() {
    let stranger = stranger();
    let mut spec = server_spec();
    let other =
        PemSource::new("other.crt", std::fs::read(fixtures().dir().join("stranger-root.crt")).unwrap());
    spec.anchors.push(other);
    assert_eq!(meet(&server(spec), &client(client_spec(Some(&stranger)))).name(), "client1");
}

/// Signatures that were found good are not computed again: nothing else of the decision is left out, and nothing but the
/// very same signature is taken for one.
#[test]
fn a_known_signature_opens_nothing_that_the_decision_refuses() {
    let dir = fixtures().dir();
    let [ours, theirs] = ["known-a", "known-b"].map(|file| root(dir, file, "/CN=Known Root", CA, 3650));
    let device = issue(dir, &ours, "known-leaf", "/CN=known", Some(CLIENT), 365);
    let trusting = |ca: &Pair| {
        let mut spec = server_spec();
        spec.anchors = vec![ca.source()];
        server(spec)
    };
    let (home, elsewhere) = (trusting(&ours), trusting(&theirs));
    for _ in 0..2 {
        assert_eq!(meet(&home, &client(client_spec(Some(&device)))).name(), "known");
        // A CA of the same name with another key did not sign it, whoever else did.
        let met = meet(&elsewhere, &client(client_spec(Some(&device))));
        assert_eq!(met.server_failure().code, Code::BadSignature);
    }
    let later = now().plus_secs(366 * 86_400);
    let judged = home.judge(&chain_of(&home, &device), later).map_err(|refusal| refusal.code);
    assert_eq!(judged.err(), Some(Code::Expired));
    // One bit of the signature, and one of what is signed.
    let der = pem::of_label(device.cert.as_bytes(), "CERTIFICATE").unwrap()[0].to_vec();
    let common_name = der.windows(5).position(|bytes| bytes == b"known").unwrap();
    for at in [der.len() - 1, common_name] {
        let mut forged = der.clone();
        forged[at] ^= 1;
        let forged = Pair { cert: pem::encode("CERTIFICATE", &forged).to_string(), ..device.clone() };
        let met = meet(&home, &client(client_spec(Some(&forged))));
        assert_eq!(met.server_failure().code, Code::BadSignature, "{at}");
    }
}
