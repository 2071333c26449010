//! MQTT in WebSocket frames, as browsers and their libraries speak it: RFC 6455, and mosquitto's handshake to the byte.

use std::io::Write;

use sealmq_tls::Versions;

use super::*;

const PLAIN: &str = "listener PORT 127.0.0.1\nprotocol websockets\nallow_anonymous true\n";
const ANSWER: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: Ako91O0lxiq8gN0+b9YCijMx8lk=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x05\x7f\0\0\x01\x18\x83\x07\x5b";

/// The request of a client, with one more field.
pub(crate) fn request(field: &str) -> Vec<u8> {
    format!(
        "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: 1JaITHdgDZVd/4OE2AzTTA==\r\nSec-WebSocket-Protocol: mqtt\r\n\
         Sec-WebSocket-Version: 13\r\n{field}\r\n"
    )
    .into_bytes()
}

/// A masked frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [1, 2, 3, 4];
    let mut out = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
    assert!(payload.len() < 126);
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, payload)
}

/// A frame of the broker.
fn from_broker(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, u8::try_from(payload.len()).unwrap()], payload].concat()
}

fn close_of(code: u16) -> Vec<u8> {
    from_broker(0x88, &code.to_be_bytes())
}

fn flight() -> Vec<u8> {
    [connect("c1", None), subscribe("t/#"), publish("t/a", "hi")].concat()
}

/// A frame for each packet, as mosquitto.
fn answers() -> Vec<u8> {
    [&ACCEPTED[..], &[0x90, 3, 0, 1, 0], &publish("t/a", "hi")]
        .map(|packet| from_broker(0x82, packet))
        .concat()
}

/// Dials, shakes hands, connects.
fn session(broker: &Broker) -> TcpStream {
    let mut client = broker.tcp();
    client.write_all(&request("")).unwrap();
    expect(&mut client, ANSWER.as_bytes());
    client.write_all(&binary(&connect("c1", None))).unwrap();
    expect(&mut client, &from_broker(0x82, &ACCEPTED));
    client
}

/// [MQTT-6.0.0-1] [MQTT-6.0.0-2] [MQTT-6.0.0-4] [MQTT311-6.0.0-1] [MQTT311-6.0.0-2] [MQTT311-6.0.0-4]
#[test]
fn request_frames_and_packets_in_one_flight() {
    let broker = Broker::plain(PLAIN);
    let mut client = broker.tcp();
    client.write_all(&[request(""), binary(&flight())].concat()).unwrap();
    expect(&mut client, &[ANSWER.as_bytes(), &answers()].concat());
}

/// [MQTT-6.0.0-2] [MQTT311-6.0.0-2]
#[test]
fn packets_that_span_frames_in_single_bytes() {
    let broker = Broker::plain(PLAIN);
    let mut client = broker.tcp();
    client.set_nodelay(true).unwrap();
    let frames: Vec<u8> = flight().chunks(5).flat_map(binary).collect();
    for byte in [request(""), frames].concat() {
        client.write_all(&[byte]).unwrap();
    }
    expect(&mut client, &[ANSWER.as_bytes(), &answers()].concat());
}

#[test]
fn over_tls_in_one_flight() {
    for versions in [Versions::OnlyV1_2, Versions::OnlyV1_3] {
        let pki = Pki::new();
        let broker =
            Broker::start(|folder| pki.write_server(folder), &format!("{MUTUAL}protocol websockets\n"));
        let mut client = TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), versions);
        client.send(&[request(""), binary(&flight())].concat());
        client.expect(&[ANSWER.as_bytes(), &answers()].concat());
        client.send(&frame(0x89, b"still there?"));
        client.expect(&from_broker(0x8a, b"still there?"));
        client.send(&frame(0x88, &1000_u16.to_be_bytes()));
        client.expect(&close_of(1000));
        assert!(broker.stop().contains("u'd1'"));
    }
}

#[test]
fn behind_a_proxy_header_in_one_flight() {
    let broker = Broker::plain(&format!("{PLAIN}enable_proxy_protocol 2\n"));
    let mut client = broker.tcp();
    client.write_all(&[PROXY_V2, &request(""), &binary(&flight())].concat()).unwrap();
    expect(&mut client, &[ANSWER.as_bytes(), &answers()].concat());
    assert!(broker.stop().contains("New client connected from 192.0.2.5:6275 as c1"));
}

#[test]
fn over_tls_behind_a_proxy_header_in_one_flight() {
    let pki = Pki::new();
    let conf = format!("{MUTUAL}protocol websockets\nenable_proxy_protocol 1\n");
    let broker = Broker::start(|folder| pki.write_server(folder), &conf);
    let header = b"PROXY TCP4 192.0.2.5 127.0.0.1 6275 1883\r\n";
    let device = Some(pki.device("d1"));
    let mut client = TlsClient::connect_behind(header, broker.tcp(), &pki.ca_pem, device, Versions::OnlyV1_3);
    client.send(&[request(""), binary(&flight())].concat());
    client.expect(&[ANSWER.as_bytes(), &answers()].concat());
    assert!(broker.stop().contains("New client connected from 192.0.2.5:6275 as c1"));
}

#[test]
fn one_port_for_both_where_the_first_bytes_tell() {
    let auto = PLAIN.replace("websockets", "auto");
    let raw = [ACCEPTED.to_vec(), vec![0x90, 3, 0, 1, 0], publish("t/a", "hi")].concat();
    let broker = Broker::plain(&auto);
    let mut client = broker.tcp();
    client.write_all(&flight()).unwrap();
    expect(&mut client, &raw);
    let mut client = broker.tcp();
    client.write_all(&[request(""), binary(&flight())].concat()).unwrap();
    expect(&mut client, &[ANSWER.as_bytes(), &answers()].concat());

    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), &format!("{MUTUAL}protocol auto\n"));
    let dial = || TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    let mut client = dial();
    client.send(&flight());
    client.expect(&raw);
    let mut client = dial();
    client.send(&[request(""), binary(&flight())].concat());
    client.expect(&[ANSWER.as_bytes(), &answers()].concat());
}

#[test]
fn pings_are_answered_before_connect_after_it_and_between_fragments() {
    let broker = Broker::plain(PLAIN);
    let mut client = broker.tcp();
    client.write_all(&[request(""), frame(0x89, b"early")].concat()).unwrap();
    expect(&mut client, &[ANSWER.as_bytes(), &from_broker(0x8a, b"early")].concat());
    let connect = connect("c1", None);
    let fragments =
        [frame(0x02, &connect[..5]), frame(0x89, b"between"), frame(0x80, &connect[5..])].concat();
    client.write_all(&fragments).unwrap();
    expect(&mut client, &[from_broker(0x8a, b"between"), from_broker(0x82, &ACCEPTED)].concat());
    client.write_all(&[frame(0x02, &[0xc0]), frame(0x89, b""), frame(0x80, &[0])].concat()).unwrap();
    expect(&mut client, &[from_broker(0x8a, b""), from_broker(0x82, &[0xd0, 0])].concat());
}

/// Whoever sends pings and reads nothing gets the last answer, and no queue of all of them.
#[test]
fn only_the_last_of_many_pings_needs_an_answer() {
    let broker = Broker::plain(PLAIN);
    let mut client = session(&broker);
    let mut pings: Vec<u8> = (0..5_000_u32).flat_map(|n| frame(0x89, &n.to_be_bytes())).collect();
    pings.extend(frame(0x89, b"last"));
    client.write_all(&pings).unwrap();
    let mut answers = 0;
    loop {
        let mut got = [0; 6];
        client.read_exact(&mut got).unwrap();
        assert_eq!(got[..2], [0x8a, 4]);
        answers += 1;
        if &got[2..] == b"last" {
            break;
        }
    }
    assert!(answers < 5_000, "{answers}");
}

#[test]
fn a_close_frame_is_answered_with_its_code_and_the_will_is_published() {
    let broker = Broker::plain(PLAIN);
    for (said, answered) in [(vec![], 1000_u16), (1001_u16.to_be_bytes().to_vec(), 1001)] {
        let mut client = session(&broker);
        client.write_all(&frame(0x88, &said)).unwrap();
        assert_eq!(rest(&mut client), close_of(answered));
    }
    assert!(broker.stop().contains("Client c1 [127.0.0.1:"));
}

#[test]
fn disconnect_and_a_close_frame_end_it_with_all_done() {
    let broker = Broker::plain(PLAIN);
    let mut client = session(&broker);
    client.write_all(&[binary(&[0xe0, 0]), frame(0x88, &1000_u16.to_be_bytes())].concat()).unwrap();
    assert_eq!(rest(&mut client), close_of(1000));
    // All of it in one flight: nothing is read after CONNECT, and nothing announces more.
    let mut client = broker.tcp();
    let all = [request(""), binary(&connect("c2", None)), frame(0x88, &1000_u16.to_be_bytes())].concat();
    client.write_all(&all).unwrap();
    let expected = [ANSWER.as_bytes(), &from_broker(0x82, &ACCEPTED), &close_of(1000)].concat();
    assert_eq!(rest(&mut client), expected);
    let log = broker.stop();
    assert!(log.contains("disconnected.") && log.contains("c2 [127.0.0.1:"), "{log}");
}

/// [MQTT-6.0.0-1] [MQTT311-6.0.0-1]
#[test]
fn what_is_no_frame_of_a_client_closes_with_the_code_that_says_why() {
    let broker = Broker::plain(PLAIN);
    let of_length = |length: u64| [&[0x82, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    let bad: [(Vec<u8>, u16); 8] = [
        (of_length(1 << 63), 1002),
        (of_length(u64::MAX), 1002),
        (frame(0x81, b"text"), 1003),
        (from_broker(0x82, &[0xc0, 0]), 1002),
        (frame(0xc2, &[0xc0, 0]), 1002),
        (frame(0x80, &[0xc0, 0]), 1002),
        (frame(0x09, b""), 1002),
        (frame(0x88, &[0x03, 0xe8, 0xff]), 1007),
    ];
    for (bytes, code) in bad {
        let mut client = session(&broker);
        client.write_all(&bytes).unwrap();
        assert_eq!(rest(&mut client), close_of(code), "{bytes:02x?} of a session");
        let mut stranger = broker.tcp();
        stranger.write_all(&[request(""), bytes.clone()].concat()).unwrap();
        let expected = [ANSWER.as_bytes(), &close_of(code)].concat();
        assert_eq!(rest(&mut stranger), expected, "{bytes:02x?} of a stranger");
    }
    session(&broker);
    let log = broker.stop();
    assert!(log.contains("rejected, a WebSocket frame is text"), "{log}");
}

#[test]
fn a_refused_connect_has_its_connack_in_a_frame() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nprotocol websockets\nallow_anonymous false\n");
    let mut client = broker.tcp();
    client.write_all(&[request(""), binary(&connect("c1", None))].concat()).unwrap();
    let expected = [ANSWER.as_bytes(), &from_broker(0x82, &NOT_AUTHORISED), &close_of(1000)].concat();
    assert_eq!(rest(&mut client), expected);
}

#[test]
fn a_page_of_another_origin_is_closed_without_an_answer() {
    let broker = Broker::plain(&format!("{PLAIN}websockets_origin https://a.example\n"));
    for (field, answer) in
        [("Origin: https://evil.example\r\n", ""), ("Origin: https://a.example\r\n", ANSWER), ("", ANSWER)]
    {
        let mut client = broker.tcp();
        client.write_all(&request(field)).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(rest(&mut client), answer.as_bytes(), "{field}");
    }
    assert!(broker.stop().contains("non-matching http origin"));
}

#[test]
fn a_head_that_is_too_large_is_no_head() {
    let broker = Broker::plain(&format!("packet_buffer_size 1024\n{PLAIN}"));
    let cookie = |bytes: usize| format!("Cookie: {}\r\n", "x".repeat(bytes));
    for (bytes, answer) in [(2_000, ""), (9_000, ""), (500, ANSWER)] {
        let mut client = broker.tcp();
        client.write_all(&request(&cookie(bytes))).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(rest(&mut client), answer.as_bytes(), "{bytes}");
    }
    // Without an end, and a byte at a time.
    let mut slow = broker.tcp();
    slow.write_all(&request("")[..100]).unwrap();
    while slow.write_all(b"Cookie: xxxxxxxxxxxxxxxxxxxx\r\n").is_ok() {
        std::thread::yield_now();
    }
    assert!(broker.stop().contains("larger than packet_buffer_size"));
}

#[test]
fn fields_without_end_and_a_request_without_end_are_let_go() {
    let door = DoorLimits { connect_deadline: Duration::from_millis(300), ..DoorLimits::default() };
    let broker = Broker::bounded(|_| {}, PLAIN, door, Threads::default());
    // Six fields are the request's own.
    let many = |fields: usize| request(&"A: b\r\n".repeat(fields));
    let mut client = broker.tcp();
    client.write_all(&many(94)).unwrap();
    expect(&mut client, ANSWER.as_bytes());
    let mut client = broker.tcp();
    client.write_all(&many(95)).unwrap();
    assert_eq!(rest(&mut client), b"");
    let mut client = broker.tcp();
    let _ = client.write_all(&many(100_000));
    assert!(!matches!(client.read(&mut [0]), Ok(1)));
    let mut slow = broker.tcp();
    slow.write_all(&request("")[..100]).unwrap();
    assert_eq!(rest(&mut slow), b"");
    let log = broker.stop();
    assert!(log.contains("it has more than 100 fields"), "{log}");
    assert!(log.contains("did not finish handshake and CONNECT in time"), "{log}");
}

#[test]
fn what_is_no_http_is_refused() {
    let broker = Broker::plain(PLAIN);
    let mut client = broker.tcp();
    client.write_all(&connect("c", None)).unwrap();
    assert_eq!(rest(&mut client), b"");
    assert!(broker.stop().contains("it is no HTTP request"));
}

#[test]
fn http_dir_is_served_and_nothing_beside_it() {
    let prepare = |folder: &Path| {
        fs::create_dir(folder.join("www")).unwrap();
        fs::write(folder.join("www/index.html"), "<h1>hi</h1>").unwrap();
        fs::write(folder.join("secret"), "secret").unwrap();
    };
    let broker = Broker::start(prepare, &format!("{PLAIN}http_dir DIR/www\n"));
    let get = |first: &str| {
        let mut client = broker.tcp();
        client.write_all(format!("{first} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        String::from_utf8(rest(&mut client)).unwrap()
    };
    let page = get("GET /");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\n<h1>hi</h1>"), "{page}");
    let head = get("HEAD /index.html");
    assert!(head.contains("Content-Length: 11") && head.ends_with("\r\n\r\n"), "{head}");
    for path in ["GET /../secret", "GET /%2e%2e/secret", "GET /missing"] {
        assert!(get(path).starts_with("HTTP/1.1 404 "), "{path}");
    }
    assert!(get("POST /").starts_with("HTTP/1.1 405 "));
    session(&broker);
}

#[test]
fn without_http_dir_a_browser_is_told_what_is_here() {
    let broker = Broker::plain(PLAIN);
    let mut client = broker.tcp();
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(rest(&mut client).starts_with(b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"));
}
