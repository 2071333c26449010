//! What a PROXY header may say, and whose.

use std::io::Write as _;

use super::*;
use crate::data_plane::{NOT_AUTHORISED, Pki, rest};

const V1: &[u8] = b"PROXY TCP4 192.0.2.5 127.0.0.1 6275 1883\r\n";

/// Version 2 from 192.0.2.5:6275, with `PP2_TYPE_SSL`: bits, verification, common name.
fn v2(tls: Option<(u8, u32, &str)>) -> Vec<u8> {
    let mut rest = vec![192, 0, 2, 5, 127, 0, 0, 1, 0x18, 0x83, 7, 0x5b];
    if let Some((bits, verify, name)) = tls {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let name = [&[0x22][..], &length(name.as_bytes()), name.as_bytes()].concat();
        let value = [&[bits][..], &verify.to_be_bytes(), &name].concat();
        rest.extend([&[0x20][..], &length(&value), &value].concat());
    }
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11"[..], &length, &rest].concat()
}

/// What the broker answers to a header and a CONNECT behind it in one segment.
fn answer(broker: &Broker, header: &[u8], connect: &[u8], bytes: usize) -> Vec<u8> {
    let mut client = broker.tcp();
    client.write_all(&[header, connect].concat()).unwrap();
    let mut got = vec![0; bytes];
    std::io::Read::read_exact(&mut client, &mut got).unwrap();
    got
}

fn closed(broker: &Broker, header: &[u8]) {
    let mut client = broker.tcp();
    client.write_all(&[header, &connect("c", None)].concat()).unwrap();
    assert_eq!(rest(&mut client), b"");
}

#[test]
fn a_header_from_a_stranger_is_refused() {
    let conf = "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 2\n";
    let broker = Broker::plain(&format!("{conf}proxy_protocol_from 192.0.2.0/24\n"));
    closed(&broker, &v2(None));
    assert!(broker.stop().contains("rejected, PROXY headers from there are not believed"));
    let broker = Broker::plain(&format!("{conf}proxy_protocol_from 192.0.2.0/24 127.0.0.0/8\n"));
    assert_eq!(answer(&broker, &v2(None), &connect("c", None), 4), ACCEPTED);
    assert!(broker.stop().contains("New client connected from 192.0.2.5:6275 as c"));
}

#[test]
fn nobody_comes_past_the_proxy_without_a_header() {
    for (version, header) in [(1, V1.to_vec()), (2, v2(None))] {
        let broker = Broker::plain(&format!(
            "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol {version}\n"
        ));
        closed(&broker, b"");
        assert_eq!(answer(&broker, &header, &connect("c", None), 4), ACCEPTED);
    }
}

/// A health check, a header without end, and one in single bytes.
#[test]
fn a_health_check_lets_nobody_in_and_a_header_may_come_in_single_bytes() {
    for (version, header, long) in [
        (1, V1.to_vec(), [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200], b"\r\n"].concat()),
        (2, v2(None), [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x01\xf5"[..], &[0; 501]].concat()),
    ] {
        let broker = Broker::plain(&format!(
            "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol {version}\n"
        ));
        if version == 2 {
            closed(&broker, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
            assert!(!broker.log().contains("rejected"), "{}", broker.log());
        }
        let mut endless = broker.tcp();
        let _ = endless.write_all(&long);
        assert!(!matches!(std::io::Read::read(&mut endless, &mut [0]), Ok(1)));
        let mut client = broker.tcp();
        client.set_nodelay(true).unwrap();
        for byte in [&header[..], &connect("c", None)].concat() {
            client.write_all(&[byte]).unwrap();
        }
        crate::data_plane::expect(&mut client, &ACCEPTED);
        assert!(!broker.stop().contains("127.0.0.1:0 as"));
    }
}

#[test]
fn a_header_counts_against_the_byte_budget_of_strangers() {
    let door = DoorLimits { unauthenticated_bytes_max: 8 * 1024 + 256, ..DoorLimits::default() };
    let conf = "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 1\n";
    let broker = Broker::bounded(|_| {}, conf, door, Threads { workers: 1, shards: 1, ..Threads::default() });
    let mut client = broker.tcp();
    client.write_all(b"PROXY ").unwrap();
    assert_eq!(rest(&mut client), b"");
    assert!(broker.stop().contains("hold too much memory"));
}

/// Who comes without an address comes from the proxy's.
#[test]
fn how_often_a_proxy_may_come_without_an_address_is_bounded() {
    let broker = Broker::plain(
        "connection_rate 1 2\nlistener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 1\n",
    );
    for _ in 0..200 {
        let _ = broker.tcp().write_all(b"PROXY UNKNOWN\r\n");
    }
    while !broker.log().contains("this address connects too often (connection_rate)") {
        let mut client = broker.tcp();
        let _ = client.write_all(&[&b"PROXY UNKNOWN\r\n"[..], &connect("c", None)].concat());
        let mut got = [0; 4];
        let came = std::io::Read::read_exact(&mut client, &mut got);
        assert!(came.is_err(), "let in");
    }
}

/// A browser shows the proxy its owner's certificate for any page, as it does us.
#[test]
fn a_page_from_elsewhere_with_a_certificate_that_a_proxy_vouches_for_is_a_finding() {
    let broker = Broker::plain(
        "listener PORT 127.0.0.1\nprotocol websockets\nenable_proxy_protocol 2\n\
         use_identity_as_username true\n",
    );
    let arrive = |field: &str| {
        let request = crate::data_plane::websockets::request(field);
        assert_eq!(answer(&broker, &v2(Some((5, 0, "d1"))), &request, 12), b"HTTP/1.1 101");
    };
    arrive("Origin: http://localhost\r\n");
    assert!(!broker.log().contains("uses its visitor's certificate"), "{}", broker.log());
    arrive("Origin: https://evil.example\r\n");
    assert!(broker.stop().contains("uses its visitor's certificate"));
}

#[test]
fn a_certificate_that_the_proxy_did_not_find_good_lets_nobody_in() {
    let broker = Broker::plain(
        "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 2\nrequire_certificate true\n",
    );
    for tls in [None, Some((1, 0, "d1")), Some((5, 1, "d1")), Some((4, 0, "d1")), Some((0, 0, "d1"))] {
        closed(&broker, &v2(tls));
    }
    assert_eq!(answer(&broker, &v2(Some((5, 0, "d1"))), &connect("c", None), 4), ACCEPTED);
    let log = broker.stop();
    assert!(log.contains("Connection from 192.0.2.5:6275 rejected, client did not provide a certificate."));
}

#[test]
fn tls_between_client_and_proxy_can_be_demanded() {
    let broker = Broker::plain(
        "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 2\n\
         proxy_protocol_v2_require_tls true\n",
    );
    // haproxy describes TLS also where there was none.
    for tls in [None, Some((0, u32::MAX, ""))] {
        closed(&broker, &v2(tls));
    }
    assert_eq!(answer(&broker, &v2(Some((1, 1, ""))), &connect("c", None), 4), ACCEPTED);
    let log = broker.stop();
    assert!(
        log.contains("Connection from 192.0.2.5:6275 rejected, client did not connect using TLS."),
        "{log}"
    );
}

#[test]
fn the_proxy_names_the_client_whatever_connect_says_and_nobody_else_does() {
    let broker =
        Broker::plain("listener PORT 127.0.0.1\nenable_proxy_protocol 2\nuse_identity_as_username true\n");
    let admin = connect("c", Some(("admin", "whatever")));
    for tls in [None, Some((5, 1, "d1")), Some((1, 0, "d1"))] {
        assert_eq!(answer(&broker, &v2(tls), &admin, 4), BAD_NAME, "{tls:?}");
    }
    for name in ["", "+", "a\u{0}b"] {
        assert_eq!(answer(&broker, &v2(Some((5, 0, name))), &admin, 4), NOT_AUTHORISED, "{name:?}");
    }
    assert_eq!(answer(&broker, &v2(Some((5, 0, "d1"))), &admin, 4), ACCEPTED);
    let log = broker.stop();
    assert!(log.contains("u'd1'") && !log.contains("c60, u'admin'"), "{log}");
    assert!(log.contains("Client c [192.0.2.5:6275] disconnected: not authorised."), "{log}");
}

/// The session of a certificate that was shown to us is not given to who comes with its name through a proxy.
#[test]
fn a_name_from_a_proxy_is_another_identity_than_the_same_name_from_a_certificate() {
    let pki = Pki::new();
    let conf = "session_owner bound\nlistener PORT 127.0.0.1\ncertfile DIR/server.crt\nkeyfile DIR/server.key\n\
        cafile DIR/ca.crt\nrequire_certificate true\nuse_identity_as_username true\n\
        listener 0 DIR/proxied\nenable_proxy_protocol 2\nuse_identity_as_username true\n";
    let broker = Broker::start(|folder| pki.write_server(folder), conf);
    let mut direct =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    direct.send(&connect("c", None));
    accepted(&mut direct);
    let proxied = |id: &str| {
        let mut client = crate::data_plane::unix(&broker.folder.path().join("proxied"));
        client.write_all(&[v2(Some((5, 0, "d1"))), connect(id, None)].concat()).unwrap();
        let mut got = [0; 4];
        std::io::Read::read_exact(&mut client, &mut got).unwrap();
        got
    };
    assert_eq!(proxied("c"), NOT_AUTHORISED);
    assert_eq!(proxied("another"), ACCEPTED);
}

/// The header is not sealed: whoever may send one can write the machine's own address into it.
#[test]
fn no_header_makes_the_operator_come_from_this_machine() {
    let own = Own::with(&format!("{OWN}enable_proxy_protocol 1\n"), |_| {});
    let arrive = |header: &[u8], key_pair| {
        let (tcp, anchors) = (own.broker.tcp(), own.home.anchors_pem());
        let mut client = TlsClient::connect_behind(header, tcp, anchors, Some(key_pair), Versions::OnlyV1_3);
        client.send(&connect("c", None));
        client.read_exactly(4)
    };
    for header in [&b"PROXY TCP4 127.0.0.1 127.0.0.1 6275 8883\r\n"[..], b"PROXY UNKNOWN\r\n", V1] {
        assert_eq!(arrive(header, own.operator()), NOT_AUTHORISED);
    }
    assert_eq!(arrive(V1, own.device("d1")), ACCEPTED);
    let direct = Own::start();
    let mut operator = direct.arrive(direct.operator(), "c");
    accepted(&mut operator);
}

/// The deadline of the door counts from accept, not from the header.
#[test]
fn a_header_that_never_comes_is_waited_for_only_so_long() {
    let door =
        DoorLimits { connect_deadline: std::time::Duration::from_millis(300), ..DoorLimits::default() };
    let broker = Broker::bounded(
        |_| {},
        "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 2\n",
        door,
        Threads { workers: 1, shards: 1, ..Threads::default() },
    );
    for begun in [&b""[..], b"\r\n\r\n\0\r\nQUIT\n"] {
        let mut client = broker.tcp();
        client.write_all(begun).unwrap();
        assert_eq!(rest(&mut client), b"");
    }
    assert_eq!(answer(&broker, &v2(None), &connect("c", None), 4), ACCEPTED);
}

/// Bans and limits go by the client, not by the proxy that all share.
#[test]
fn waiting_connections_are_counted_for_the_address_in_the_header() {
    let door = DoorLimits { handshakes_per_address_max: 2, ..DoorLimits::default() };
    let broker = Broker::bounded(
        |_| {},
        "listener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 1\n",
        door,
        Threads { workers: 1, shards: 1, ..Threads::default() },
    );
    let mut waiting = Vec::new();
    let refused = "Connection from 192.0.2.5:6275 on";
    while !broker.log().contains(refused) {
        assert!(waiting.len() < 1_000, "nobody is refused");
        let mut client = broker.tcp();
        // Refused at once while the broker has not read enough of the others' headers.
        let _ = client.write_all(V1);
        waiting.push(client);
    }
    assert!(broker.stop().contains("too many connections of this address wait to be let in"));
}

/// `connection_rate`: one address used up its share, the next one has its own, and the proxy is neither.
#[test]
fn how_often_somebody_may_come_goes_by_the_address_in_the_header() {
    let broker = Broker::plain(
        "connection_rate 1 2\nlistener PORT 127.0.0.1\nallow_anonymous true\nenable_proxy_protocol 1\n",
    );
    let v1 = |last: u8| format!("PROXY TCP4 192.0.2.{last} 127.0.0.1 6275 1883\r\n").into_bytes();
    for client in 1..6 {
        assert_eq!(answer(&broker, &v1(client), &connect("c", None), 4), ACCEPTED);
    }
    let greedy = v1(9);
    while !broker.log().contains("Connection from 192.0.2.9:6275 on") {
        let _ = broker.tcp().write_all(&greedy);
    }
    assert!(broker.stop().contains("this address connects too often (connection_rate)"));
}
