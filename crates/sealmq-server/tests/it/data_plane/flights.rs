//! CONNECT, SUBSCRIBE and PUBLISH in one flight: what came behind CONNECT raises no event at the shard.

use std::io::Write;

use sealmq_tls::Versions;

use super::*;

fn flight() -> Vec<u8> {
    [connect("c1", None), subscribe("t/#"), publish("t/a", "hi")].concat()
}

fn answer() -> Vec<u8> {
    [ACCEPTED.to_vec(), vec![0x90, 3, 0, 1, 0], publish("t/a", "hi")].concat()
}

/// [MQTT-4.2.0-1] [MQTT311-7.1.1-1] [MQTT311-7.1.2-1]
#[test]
fn over_tcp() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = broker.tcp();
    client.write_all(&flight()).unwrap();
    expect(&mut client, &answer());
}

#[test]
fn over_a_unix_socket() {
    let broker = Broker::plain("listener 0 DIR/sock\nallow_anonymous true\n");
    let mut client = unix(&broker.folder.path().join("sock"));
    client.write_all(&flight()).unwrap();
    expect(&mut client, &answer());
}

fn over_tls(versions: Versions) {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), versions);
    client.send(&flight());
    client.expect(&answer());
    assert!(broker.stop().contains("u'd1'"));
}

#[test]
fn over_tls_1_2() {
    over_tls(Versions::OnlyV1_2);
}

/// [MQTT-4.2.0-1] [MQTT311-7.1.1-1] [MQTT311-7.1.2-1]
#[test]
fn over_tls_1_3() {
    over_tls(Versions::OnlyV1_3);
}

#[test]
fn a_packet_in_single_bytes_arrives_whole() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = broker.tcp();
    client.set_nodelay(true).unwrap();
    for byte in flight() {
        client.write_all(&[byte]).unwrap();
    }
    expect(&mut client, &answer());
}

#[test]
fn clients_of_different_shards_reach_each_other() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut subscribers: Vec<_> = (0..8)
        .map(|n| {
            let mut client = broker.tcp();
            client.write_all(&[connect(&format!("s{n}"), None), subscribe("t/#")].concat()).unwrap();
            expect(&mut client, &[ACCEPTED.to_vec(), vec![0x90, 3, 0, 1, 0]].concat());
            client
        })
        .collect();
    let mut publisher = broker.tcp();
    publisher.write_all(&[connect("p", None), publish("t/x", "all")].concat()).unwrap();
    for subscriber in &mut subscribers {
        expect(subscriber, &publish("t/x", "all"));
    }
}

const PROXY_V1: &[u8] = b"PROXY TCP4 192.0.2.5 127.0.0.1 6275 1883\r\n";
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x05\x7f\0\0\x01\x18\x83\x07\x5b";

#[test]
fn behind_a_proxy_header_in_the_same_segment() {
    for (version, header) in [(1, PROXY_V1), (2, PROXY_V2)] {
        let broker = Broker::plain(&format!(
            "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol {version}\n"
        ));
        let mut client = broker.tcp();
        client.write_all(&[header, &flight()].concat()).unwrap();
        expect(&mut client, &answer());
        assert!(broker.stop().contains("New client connected from 192.0.2.5:6275 as c1"));
    }
}

#[test]
fn behind_a_proxy_header_in_single_bytes() {
    for (version, header) in [(1, PROXY_V1), (2, PROXY_V2)] {
        let broker = Broker::plain(&format!(
            "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol {version}\n"
        ));
        let mut client = broker.tcp();
        client.set_nodelay(true).unwrap();
        for byte in [header, &flight()].concat() {
            client.write_all(&[byte]).unwrap();
        }
        expect(&mut client, &answer());
    }
}

#[test]
fn over_tls_behind_a_proxy_header() {
    let pki = Pki::new();
    let broker =
        Broker::start(|folder| pki.write_server(folder), &format!("{MUTUAL}enable_proxy_protocol 1\n"));
    let device = Some(pki.device("d1"));
    let mut client =
        TlsClient::connect_behind(PROXY_V1, broker.tcp(), &pki.ca_pem, device, Versions::OnlyV1_3);
    client.send(&flight());
    client.expect(&answer());
    assert!(broker.stop().contains("New client connected from 192.0.2.5:6275 as c1"));
}

/// A health check of haproxy: it wants to see that somebody listens, and leaves no line.
#[test]
fn a_proxy_that_talks_for_itself_is_closed_without_a_word() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 2\n");
    let mut check = broker.tcp();
    check.write_all(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").unwrap();
    assert_eq!(rest(&mut check), b"");
    let log = broker.stop();
    assert!(!log.contains("127.0.0.1:"), "{log}");
}
