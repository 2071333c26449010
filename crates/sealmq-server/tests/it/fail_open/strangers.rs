//! Who speaks something else, or too early.

use std::io::Write as _;

use super::*;
use crate::data_plane::{MUTUAL, Pki, rest};

const GET: &[u8] =
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

#[test]
fn a_browser_is_refused_and_named_on_both_kinds_of_port() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut browser = broker.tcp();
    browser.write_all(GET).unwrap();
    assert_eq!(rest(&mut browser), b"");
    answers(broker.tcp(), &connect("c", None), &ACCEPTED);
    assert!(broker.stop().contains("the client speaks HTTP, not MQTT"));

    // Over TLS, with a certificate that the person in front of it chose from a list.
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let dial = || TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    let mut browser = dial();
    browser.send(GET);
    assert_eq!(browser.refusal(), "closed without an alert");
    let mut client = dial();
    client.send(&connect("c", None));
    accepted(&mut client);
    assert!(broker.stop().contains("the client speaks HTTP, not MQTT"));
}

/// With TLS 1.3 a client may send before the broker has seen its certificate, or its lack of one.
#[test]
fn nobody_speaks_mqtt_before_the_decision_on_the_certificate() {
    let (pki, stranger) = (Pki::new(), Pki::new());
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    for key_pair in [None, Some(stranger.device("d1"))] {
        let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, key_pair, Versions::OnlyV1_3);
        client.send(&connect("early", None));
        assert!(!client.refusal().contains("closed without an alert"));
    }
    let mut client =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    client.send(&connect("in-time", None));
    accepted(&mut client);
    let log = broker.stop();
    assert!(log.contains("in-time") && !log.contains("early"), "{log}");
}
