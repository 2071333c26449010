//! Our client's decision about servers of version 3.

use sealmq_tls::{BadServerName, ClientTls, Code, Direction, LegacyServerCerts, Role, VerifyServer};

use crate::fixture::{CA, CLIENT, NO_PURPOSE, SERVER, fixtures, issue, now, root};
use crate::pair::{client, client_spec, meet_at, server, server_spec};

#[test]
fn names_and_addresses_in_the_san_are_accepted_and_no_others() {
    let tls = server(server_spec());
    let client = client(client_spec(Some(&fixtures().client)));
    for name in ["localhost", "LOCALHOST", "mqtt.example.com", "127.0.0.1"] {
        assert_eq!(meet_at(&tls, &client, name, now()).name(), "client1", "{name}");
    }
    for name in ["example.com", "127.0.0.2", "::1", "evil.mqtt.example.com"] {
        let met = meet_at(&tls, &client, name, now());
        let failure = met.client_failure();
        assert_eq!(
            (failure.code, failure.role, failure.direction),
            (Code::NameMismatch, Role::Client, Direction::WeRefused)
        );
        assert!(failure.detail.contains("DNS:mqtt.example.com"), "{failure}");
        assert_eq!(met.server_failure().direction, Direction::TheyRefused);
    }
}

#[test]
fn a_san_outweighs_the_cn() {
    let pair = fixtures().leaf("san-wins", "/CN=other.example.com", Some(SERVER));
    let mut spec = server_spec();
    spec.key_pair = pair.load();
    let met =
        meet_at(&server(spec), &client(client_spec(Some(&fixtures().client))), "other.example.com", now());
    assert_eq!(met.client_failure().code, Code::NameMismatch);
}

#[test]
fn a_cn_alone_serves_under_our_own_anchor_and_only_while_legacy_warns() {
    let pair = fixtures().leaf("cn-only", "/CN=old.example.com", Some(NO_PURPOSE));
    let mut spec = server_spec();
    spec.key_pair = pair.load();
    let tls = server(spec);
    let mut client_side = client_spec(Some(&fixtures().client));
    let met = meet_at(&tls, &client(client_side.clone()), "old.example.com", now());
    assert!(met.ends.established());
    assert_eq!(met.ends.client.session.findings()[0].code, "legacy-server-certificate");
    client_side.legacy_server_certs = LegacyServerCerts::Deny;
    let met = meet_at(&tls, &client(client_side), "old.example.com", now());
    assert_eq!(met.client_failure().code, Code::NameMismatch);
}

#[test]
fn another_ca_the_wrong_purpose_and_an_expired_server_are_refused() {
    let dir = fixtures().dir();
    let other = root(dir, "server-stranger-root", "/CN=Elsewhere", CA, 365);
    let stranger = issue(dir, &other, "server-stranger", "/CN=localhost", Some(SERVER), 365);
    let clientish = fixtures().leaf(
        "clientish",
        "/CN=localhost",
        Some(&format!("{CLIENT}subjectAltName=DNS:localhost\n")),
    );
    for (pair, days, code) in [
        (&stranger, 0, Code::UnknownIssuer),
        (&clientish, 0, Code::WrongPurpose),
        (&fixtures().server, 366, Code::Expired),
    ] {
        let mut spec = server_spec();
        spec.key_pair = pair.load();
        let met = meet_at(
            &server(spec),
            &client(client_spec(Some(&fixtures().client))),
            "localhost",
            now().plus_days(days),
        );
        assert_eq!(met.client_failure().code, code);
        assert_eq!(met.server_failure().direction, Direction::TheyRefused);
    }
}

#[test]
fn a_name_that_no_certificate_can_hold_needs_insecure() {
    let mut spec = client_spec(None);
    let error = client(spec.clone()).session("my broker", now()).unwrap_err();
    assert_eq!(error, BadServerName { name: "my broker".into() });
    spec.verify = VerifyServer::InsecureAnyName;
    client(spec).session("my broker", now()).unwrap();
}

#[test]
fn a_client_without_any_anchor_is_not_built() {
    let mut spec = client_spec(None);
    spec.anchors = Vec::new();
    let error = ClientTls::build(spec, now()).unwrap_err();
    assert!(error.to_string().contains("no trust anchor"), "{error}");
}
