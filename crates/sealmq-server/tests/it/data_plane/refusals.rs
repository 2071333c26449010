//! Who is refused, each beside the one who is let in.

use std::io::Write;

use sealmq_tls::Versions;

use super::*;

/// `anna` with the password `secret`: SHA-512 with a salt of twelve bytes, as mosquitto_passwd 1.x wrote it.
pub(super) fn write_passwords(folder: &Path) {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let salt = b"twelve bytes";
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &[&b"secret"[..], salt].concat());
    let line = format!("anna:$6${}${}\n", engine.encode(salt), engine.encode(hash));
    fs::write(folder.join("passwd"), line).unwrap();
}

/// [MQTT-3.1.4-6] [MQTT311-3.1.4-5]
#[test]
fn an_anonymous_client_is_refused_unless_the_file_allows_it() {
    let broker = Broker::plain("listener PORT 127.0.0.1\n");
    let mut client = broker.tcp();
    client.write_all(&connect("c", None)).unwrap();
    assert_eq!(rest(&mut client), NOT_AUTHORISED);
    let mut client = broker.tcp();
    client.write_all(&connect_of(5, "c", None)).unwrap();
    assert_eq!(rest(&mut client), [0x20, 3, 0, 0x87, 0]);
    let log = broker.stop();
    assert!(log.contains("Client c [") && log.contains("allow_anonymous true"), "{log}");

    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = broker.tcp();
    client.write_all(&connect("c", None)).unwrap();
    expect(&mut client, &ACCEPTED);
}

#[test]
fn a_user_name_that_nobody_can_check_counts_for_nothing() {
    let broker = Broker::plain("listener PORT 127.0.0.1\n");
    let mut client = broker.tcp();
    client.write_all(&connect("c", Some(("anna", "secret")))).unwrap();
    assert_eq!(rest(&mut client), NOT_AUTHORISED);
}

/// [MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT-4.13.2-1] [MQTT311-3.2.2-5]
#[test]
fn a_wrong_password_an_unknown_user_and_no_user_are_refused_beside_the_right_one() {
    let broker = Broker::start(write_passwords, "listener PORT 127.0.0.1\npassword_file DIR/passwd\n");
    for login in [Some(("anna", "Secret")), Some(("berta", "secret")), Some(("anna", "")), None] {
        let mut client = broker.tcp();
        client.write_all(&connect("c", login)).unwrap();
        assert_eq!(rest(&mut client), NOT_AUTHORISED, "{login:?}");
    }
    let mut client = broker.tcp();
    client.write_all(&connect("c", Some(("anna", "secret")))).unwrap();
    expect(&mut client, &ACCEPTED);
}

#[test]
fn a_client_whose_password_is_taken_away_is_let_go() {
    let broker = Broker::start(write_passwords, "listener PORT 127.0.0.1\npassword_file DIR/passwd\n");
    let mut client = broker.tcp();
    client.write_all(&connect("c", Some(("anna", "secret")))).unwrap();
    expect(&mut client, &ACCEPTED);
    fs::write(broker.folder.path().join("passwd"), "").unwrap();
    broker.reloader().reload().unwrap();
    assert_eq!(rest(&mut client), b"");
    assert!(broker.stop().contains("not authorised any more"));
}

#[test]
fn a_reload_with_a_bad_password_file_changes_nothing() {
    let broker = Broker::start(write_passwords, "listener PORT 127.0.0.1\npassword_file DIR/passwd\n");
    let mut client = broker.tcp();
    client.write_all(&connect("c", Some(("anna", "secret")))).unwrap();
    expect(&mut client, &ACCEPTED);
    fs::write(broker.folder.path().join("passwd"), "anna:plain\n").unwrap();
    assert!(broker.reloader().reload().is_err());
    client.write_all(&[0xc0, 0]).unwrap();
    expect(&mut client, &[0xd0, 0]);
    let mut second = broker.tcp();
    second.write_all(&connect("d", Some(("anna", "secret")))).unwrap();
    expect(&mut second, &ACCEPTED);
}

#[test]
fn without_a_certificate_nobody_gets_in_and_the_alert_says_why() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, None, Versions::OnlyV1_3);
    let refusal = client.refusal();
    assert!(refusal.contains("SMQ-T010"), "{refusal}");
    let log = broker.stop();
    assert!(log.contains("SMQ-T010 we refused the client") && log.contains("hint:"), "{log}");
}

#[test]
fn a_certificate_of_a_stranger_with_the_same_name_is_refused() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut client =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(stranger.device("d1")), Versions::OnlyV1_3);
    assert!(!client.refusal().contains("closed without an alert"));
    let mut client =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    client.send(&connect("c", None));
    client.expect(&ACCEPTED);
}

#[test]
fn plain_bytes_on_a_tls_port_and_tls_on_a_plain_port_are_named() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut client = broker.tcp();
    client.write_all(&connect("c", None)).unwrap();
    rest(&mut client);
    assert!(broker.stop().contains("SMQ-T013"));

    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = broker.tcp();
    client.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).unwrap();
    assert_eq!(rest(&mut client), b"");
    let log = broker.stop();
    assert!(log.contains("the client speaks TLS and this listener does not"), "{log}");
}

#[test]
fn an_unknown_protocol_level_is_told_so() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    for level in [0, 2, 6, 0x7f] {
        let mut client = broker.tcp();
        client.write_all(&connect_of(level, "c", None)).unwrap();
        // In the words of 5.0, as mosquitto: nobody knows which ones the client speaks.
        assert_eq!(rest(&mut client), [0x20, 3, 0, 0x84, 0], "{level}");
    }
}

/// [MQTT-3.1.3-7] [MQTT-3.2.2-16] [MQTT311-3.1.3-6] [MQTT-3.1.3-8] [MQTT311-3.1.3-9]
#[test]
fn an_empty_client_id_is_given_one_or_refused() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = broker.tcp();
    client.write_all(&connect("", None)).unwrap();
    expect(&mut client, &ACCEPTED);
    assert!(broker.stop().contains(" as auto-"));

    let conf = "listener PORT 127.0.0.1\nallow_anonymous true\nallow_zero_length_clientid false\n";
    let broker = Broker::plain(conf);
    let mut client = broker.tcp();
    client.write_all(&connect("", None)).unwrap();
    assert_eq!(rest(&mut client), [0x20, 2, 0, 2]);
}
