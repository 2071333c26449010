//! The guide's version 1 certificates, both directions, and what they must not open.

use sealmq_pki::cert::Version;
use sealmq_tls::{
    ClientTlsSpec, Code, LegacyClientCerts, LegacyServerCerts, Served, ServerTlsSpec, VerifyServer,
};

use crate::fixture::{CA, Pair, altered, encoded, fixtures, issue, now, root};
use crate::pair::{VERSIONS, chain_of, client, client_spec, meet, meet_at, policy, server, server_spec};

/// The guide's listener: its server.crt, its ca.crt, mutual TLS, CN as user name.
fn guide_server() -> ServerTlsSpec {
    let fixtures = fixtures();
    let key_pair = fixtures.guide_server.load();
    ServerTlsSpec { key_pair, anchors: vec![fixtures.guide_ca.source()], ..server_spec() }
}

fn guide_client(pair: Option<&Pair>) -> ClientTlsSpec {
    ClientTlsSpec { anchors: vec![fixtures().guide_ca.source()], ..client_spec(pair) }
}

fn is_version1(pair: &Pair) -> bool {
    let v1 = pair.facts().version == sealmq_pki::cert::Version::V1;
    if !v1 {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs OpenSSL before 3.2, which makes version 1 certificates"
        );
        println!("skipped: this openssl makes version 3 certificates from the guide's lines");
    }
    v1
}

const NAME: &str = "mqtt.example.com";

#[test]
fn the_guides_certificates_work_verbatim_in_both_versions() {
    if !is_version1(&fixtures().guide_client) {
        return;
    }
    for versions in VERSIONS {
        let mut spec = guide_server();
        spec.policy = policy(versions);
        let met = meet_at(&server(spec), &client(guide_client(Some(&fixtures().guide_client))), NAME, now());
        assert_eq!(met.name(), "client1");
        let judged = met.judged.as_ref().unwrap().as_ref().unwrap();
        assert_eq!(judged.identity().unwrap().findings()[0].code, "version-1-client-certificate");
        let said: Vec<&str> = met.ends.client.session.findings().iter().map(|finding| finding.code).collect();
        assert_eq!(said, ["legacy-server-certificate"; 2]);
    }
}

#[test]
fn version_1_ecdsa_leaves_work_too() {
    let leaf = fixtures().leaf("v1-ec", "/CN=ec1", None);
    if !is_version1(&leaf) {
        return;
    }
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        assert_eq!(meet(&server(spec), &client(client_spec(Some(&leaf)))).name(), "ec1");
    }
}

#[test]
fn accept_is_silent_and_deny_refuses() {
    if !is_version1(&fixtures().guide_client) {
        return;
    }
    let client = client(guide_client(Some(&fixtures().guide_client)));
    let mut spec = guide_server();
    spec.legacy_client_certs = LegacyClientCerts::Accept;
    let met = meet_at(&server(spec), &client, NAME, now());
    assert!(met.judged.unwrap().unwrap().identity().unwrap().findings().is_empty());
    let mut spec = guide_server();
    spec.legacy_client_certs = LegacyClientCerts::Deny;
    let met = meet_at(&server(spec), &client, NAME, now());
    assert_eq!(met.server_failure().code, Code::Version1);
    assert!(met.server_failure().hint().contains("version 3"));
}

#[test]
fn the_guides_server_certificate_logs_nobody_in() {
    if !is_version1(&fixtures().guide_server) {
        return;
    }
    let thief = client(guide_client(Some(&fixtures().guide_server)));
    for versions in VERSIONS {
        let mut spec = guide_server();
        spec.policy = policy(versions);
        let met = meet_at(&server(spec), &thief, NAME, now());
        assert_eq!(met.server_failure().code, Code::ServedAsClient);
    }
    // Served by another listener of this broker: refused as well, by the shared set.
    let mut spec = guide_server();
    spec.key_pair = fixtures().server.load();
    let other_listener = |spec: &ServerTlsSpec| {
        let mut client = guide_client(Some(&fixtures().guide_server));
        client.anchors.push(fixtures().ca.source());
        let met = meet(&server(spec.clone()), &self::client(client));
        met.ends.server.failure.map(|failure| failure.code)
    };
    assert_eq!(other_listener(&spec), None, "a broker that does not serve it cannot know");
    spec.served = Served::of([&fixtures().guide_server.load()]);
    assert_eq!(other_listener(&spec), Some(Code::ServedAsClient));
}

#[test]
fn a_forged_and_an_expired_version_1_leaf_are_refused() {
    let dir = fixtures().dir();
    let twin = root(dir, "v1-twin-root", "/O=Test/CN=Root", CA, 3650);
    let forged = issue(dir, &twin, "v1-forged", "/CN=client1", None, 365);
    let short = issue(dir, &fixtures().ca, "v1-short", "/CN=short1", None, 10);
    if !is_version1(&forged) {
        return;
    }
    for versions in VERSIONS {
        let mut spec = server_spec();
        spec.policy = policy(versions);
        let tls = server(spec);
        assert_eq!(meet(&tls, &client(client_spec(Some(&forged)))).server_failure().code, Code::BadSignature);
        let short = client(client_spec(Some(&short)));
        assert_eq!(meet_at(&tls, &short, "localhost", now().plus_days(9)).name(), "short1");
        assert_eq!(
            meet_at(&tls, &short, "localhost", now().plus_days(11)).server_failure().code,
            Code::Expired
        );
    }
}

#[test]
fn a_version_1_leaf_is_no_issuer_and_needs_an_anchor_above_it_not_an_intermediate() {
    let dir = fixtures().dir();
    let v1 = fixtures().leaf("v1-issuer", "/CN=v1 issuer", None);
    if !is_version1(&v1) {
        return;
    }
    let tls = server(server_spec());
    let below = issue(dir, &v1, "below-v1", "/CN=admin", None, 365);
    let met = meet(&tls, &client(client_spec(Some(&below.with_chain(&[&v1])))));
    assert_eq!(met.server_failure().code, Code::UnknownIssuer);
    let between = fixtures().leaf("v1-between", "/CN=Issuing", Some(CA));
    let under = issue(dir, &between, "v1-under", "/CN=under", None, 365);
    let met = meet(&tls, &client(client_spec(Some(&under.with_chain(&[&between])))));
    assert_eq!(met.server_failure().code, Code::UnknownIssuer);
}

#[test]
fn an_anchor_of_version_1_vouches_for_leaves_of_both_versions() {
    let dir = fixtures().dir();
    let anchor = issue(dir, &fixtures().ca, "v1-root", "/CN=V1 Root", None, 365);
    if !is_version1(&anchor) {
        return;
    }
    // `openssl x509 -signkey` without extensions makes a version 1 root.
    let (key, csr, out) = (dir.join("v1-root.key"), dir.join("v1-root.csr"), dir.join("v1-root.crt"));
    let path = |p: &std::path::Path| p.to_str().unwrap().to_owned();
    crate::fixture::openssl(&[
        "x509",
        "-req",
        "-in",
        &path(&csr),
        "-signkey",
        &path(&key),
        "-days",
        "365",
        "-out",
        &path(&out),
    ]);
    let anchor = Pair { cert: std::fs::read_to_string(out).unwrap(), ..anchor };
    let mut spec = server_spec();
    spec.anchors = vec![anchor.source()];
    let tls = server(spec);
    let old = issue(dir, &anchor, "v1-under-v1", "/CN=old", None, 300);
    let new = issue(dir, &anchor, "v3-under-v1", "/CN=new", Some(crate::fixture::CLIENT), 300);
    assert_eq!(meet(&tls, &client(client_spec(Some(&old)))).name(), "old");
    assert_eq!(meet(&tls, &client(client_spec(Some(&new)))).name(), "new");
}

#[test]
fn a_client_compares_the_cn_where_there_is_no_san_and_refuses_other_names() {
    if !is_version1(&fixtures().guide_server) {
        return;
    }
    let tls = server(guide_server());
    let pair = Some(&fixtures().guide_client);
    for dialled in ["127.0.0.1", "localhost"] {
        let met = meet_at(&tls, &client(guide_client(pair)), dialled, now());
        let failure = met.client_failure();
        assert_eq!(failure.code, Code::NameMismatch);
        assert!(failure.detail.contains("CN 'mqtt.example.com'"), "{failure}");
        assert!(failure.hint().contains("--insecure"), "{failure}");
        let mut insecure = guide_client(pair);
        insecure.verify = VerifyServer::InsecureAnyName;
        assert_eq!(meet_at(&tls, &client(insecure), dialled, now()).name(), "client1");
    }
    let mut deny = guide_client(pair);
    deny.legacy_server_certs = LegacyServerCerts::Deny;
    assert_eq!(meet_at(&tls, &client(deny), NAME, now()).client_failure().code, Code::Version1);
}

#[test]
fn an_anchor_that_ended_vouches_for_no_version_1_leaf() {
    let dir = fixtures().dir();
    let short = root(dir, "v1-short-root", "/CN=Short Root", CA, 10);
    let leaf = issue(dir, &short, "v1-outlives", "/CN=outlives", None, 365);
    if !is_version1(&leaf) {
        return;
    }
    let mut spec = server_spec();
    spec.anchors = vec![short.source()];
    let tls = server(spec);
    let client = client(client_spec(Some(&leaf)));
    assert_eq!(meet_at(&tls, &client, "localhost", now().plus_days(9)).name(), "outlives");
    let late = meet_at(&tls, &client, "localhost", now().plus_days(11));
    assert_eq!(late.server_failure().code, Code::AnchorEnded);
}

#[test]
fn insecure_still_checks_the_chain() {
    let mut insecure = client_spec(Some(&fixtures().guide_client));
    insecure.verify = VerifyServer::InsecureAnyName;
    let met = meet_at(&server(guide_server()), &client(insecure), NAME, now());
    assert_eq!(met.client_failure().code, Code::UnknownIssuer);
}

/// What openssl does not make: another algorithm in the certificate than the one that signed it, and version 2.
#[test]
fn a_version_1_leaf_is_signed_by_the_algorithm_that_it_names_and_version_2_is_refused() {
    let ca = &fixtures().ca;
    let leaf = fixtures().leaf("v1-odd", "/CN=odd", None);
    if !is_version1(&leaf) {
        return;
    }
    let refused = |pair: &Pair| {
        let met = meet(&server(server_spec()), &client(client_spec(Some(pair))));
        met.ends.server.failure.map(|failure| failure.code)
    };
    assert_eq!(refused(&altered(&leaf, ca, b"odd", b"ODD")), None);
    let (sha256, sha384) = ([0xce, 0x3d, 4, 3, 2], [0xce, 0x3d, 4, 3, 3]);
    assert_eq!(refused(&altered(&leaf, ca, &sha256, &sha384)), Some(Code::BadSignature));
    let serial = encoded(2, leaf.facts().serial.as_content());
    let version2 = [&[0xa0, 3, 2, 1, 1], serial.as_slice()].concat();
    let version2 = altered(&leaf, ca, &serial, &version2);
    assert_eq!(version2.facts().version, Version::V2);
    assert_eq!(refused(&version2), Some(Code::BadCertificate));
}

#[test]
fn a_version_1_leaf_that_begins_later_is_refused_until_then() {
    let leaf = fixtures().leaf("v1-later", "/CN=later", None);
    if !is_version1(&leaf) {
        return;
    }
    let tls = server(server_spec());
    let chain = chain_of(&tls, &leaf);
    let begins = leaf.facts().not_before;
    assert!(tls.judge(&chain, begins).is_ok());
    assert_eq!(tls.judge(&chain, begins.plus_secs(-1)).unwrap_err().code, Code::NotYetValid);
}
