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

/// A browser shows its owner's certificate to whatever page makes it connect: where we are our own authority, no page
/// from elsewhere speaks in its visitor's name; under a mosquitto.conf it is pointed out, as mosquitto lets it in.
#[test]
fn a_page_from_elsewhere_does_not_use_its_visitors_certificate() {
    let request = |origin: &str| {
        format!(
            "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: 1JaITHdgDZVd/4OE2AzTTA==\r\nSec-WebSocket-Protocol: mqtt\r\n\
             Sec-WebSocket-Version: 13\r\n{origin}\r\n"
        )
    };
    let foreign = request("Origin: https://evil.example\r\n");
    let own = Own::with(&format!("{OWN}protocol websockets\n"), |_| {});
    let mut page = own.dial(Some(own.device("d1")));
    page.send(foreign.as_bytes());
    assert_eq!(page.refusal(), "closed without an alert");
    for welcome in [request(""), request("Origin: https://localhost\r\n")] {
        let mut client = own.dial(Some(own.device(if welcome.contains("Origin") { "d2" } else { "d3" })));
        client.send(welcome.as_bytes());
        client.expect(b"HTTP/1.1 101 ");
    }
    // It may where the file names it, and until it does not any more.
    let named = format!("{OWN}protocol websockets\nwebsockets_origin https://evil.example\n");
    own.broker.reload(&named).unwrap();
    let mut page = own.dial(Some(own.device("d4")));
    page.send(foreign.as_bytes());
    page.read_until(b"\r\n\r\n");
    let packet = connect("d4", None);
    page.send(&[&[0x82, 0x80 | u8::try_from(packet.len()).unwrap(), 0, 0, 0, 0], &packet[..]].concat());
    page.expect(&[&[0x82, 4][..], &ACCEPTED].concat());
    own.broker.reload(&format!("{OWN}protocol websockets\n")).unwrap();
    assert_eq!(page.refusal(), "closed without an alert");

    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), &format!("{MUTUAL}protocol websockets\n"));
    let mut page = TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    page.send(foreign.as_bytes());
    page.expect(b"HTTP/1.1 101 ");
    assert!(broker.stop().contains("a web page of another origin that uses its visitor's certificate"));

    // Without a certificate there is nothing to borrow.
    let broker = Broker::plain("listener PORT 127.0.0.1\nprotocol websockets\nallow_anonymous true\n");
    answers(broker.tcp(), foreign.as_bytes(), b"HTTP/1.1 101 ");
    assert!(!broker.stop().contains("web page of another origin"));
}
