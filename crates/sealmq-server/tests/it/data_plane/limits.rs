//! What a stranger cannot take from others.

use std::io::Write;

use super::*;

#[test]
fn silent_connections_do_not_block_others() {
    let pki = Pki::new();
    let broker = Broker::start(|folder| pki.write_server(folder), MUTUAL);
    let _silent: Vec<_> = (0..50).map(|_| broker.tcp()).collect();
    let mut client =
        TlsClient::connect(broker.tcp(), &pki.ca_pem, Some(pki.device("d1")), Versions::OnlyV1_3);
    client.send(&connect("c", None));
    client.expect(&ACCEPTED);
}

#[test]
fn one_connection_too_many_is_closed_without_a_word_until_another_goes() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\nmax_connections 1\n");
    let mut first = broker.tcp();
    first.write_all(&connect("a", None)).unwrap();
    expect(&mut first, &ACCEPTED);
    let mut second = broker.tcp();
    let mut byte = [0];
    assert!(!matches!(second.read(&mut byte), Ok(1)));
    first.write_all(&[0xe0, 0]).unwrap();
    assert_eq!(rest(&mut first), b"");
    while broker.connections() > 0 {
        std::thread::yield_now();
    }
    let mut third = broker.tcp();
    third.write_all(&connect("b", None)).unwrap();
    expect(&mut third, &ACCEPTED);
    assert!(broker.stop().contains("max_connections of this listener is reached"));
}

#[test]
fn a_huge_first_packet_is_refused_by_its_header() {
    let broker = Broker::plain("listener PORT 127.0.0.1\nallow_anonymous true\n");
    let mut client = broker.tcp();
    client.write_all(&[0x10, 0xff, 0xff, 0xff, 0x7f]).unwrap();
    assert_eq!(rest(&mut client), b"");
    assert!(broker.stop().contains("rejected"));
}

const OPEN: &str = "listener PORT 127.0.0.1\nallow_anonymous true\n";

fn bounded(door: DoorLimits) -> Broker {
    Broker::bounded(|_| {}, OPEN, door, Threads::default())
}

/// Whether the broker has closed it without a word.
fn is_turned_away(stream: &mut TcpStream) -> bool {
    !matches!(stream.read(&mut [0]), Ok(1))
}

#[test]
fn waiting_connections_of_one_address_are_bounded_and_the_newest_goes() {
    let broker = bounded(DoorLimits { handshakes_per_address_max: 2, ..DoorLimits::default() });
    let (mut first, _second) = (broker.tcp(), broker.tcp());
    while broker.connections() < 2 {
        std::thread::yield_now();
    }
    assert!(is_turned_away(&mut broker.tcp()));
    // Whoever is let in does not wait any more, and makes room.
    first.write_all(&connect("a", None)).unwrap();
    expect(&mut first, &ACCEPTED);
    let mut third = broker.tcp();
    third.write_all(&connect("b", None)).unwrap();
    expect(&mut third, &ACCEPTED);
    assert!(broker.stop().contains("too many connections of this address wait"));
}

#[test]
fn strangers_together_hold_no_more_than_the_byte_budget() {
    let broker = bounded(DoorLimits { unauthenticated_bytes_max: 48 * 1024, ..DoorLimits::default() });
    let mut big = broker.tcp();
    // A CONNECT of 90,000 bytes that never ends; 100,000 are possible.
    big.write_all(&[0x10, 0x90, 0xbf, 0x05]).unwrap();
    big.write_all(&[&text("MQTT")[..], &[4, 2, 0, 60]].concat()).unwrap();
    let _ = big.write_all(&[0; 80_000]);
    assert!(is_turned_away(&mut big));
    while broker.connections() > 0 {
        std::thread::yield_now();
    }
    let mut small = broker.tcp();
    small.write_all(&connect("a", None)).unwrap();
    expect(&mut small, &ACCEPTED);
    let log = broker.stop();
    assert!(log.contains("hold too much memory"), "{log}");
}

#[test]
fn whoever_takes_too_long_is_let_go() {
    let broker = bounded(DoorLimits { connect_deadline: Duration::from_millis(50), ..DoorLimits::default() });
    let mut slow = broker.tcp();
    slow.write_all(&[0x10]).unwrap();
    assert!(is_turned_away(&mut slow));
    assert!(broker.stop().contains("did not finish handshake and CONNECT in time"));
}

#[test]
fn a_password_that_cannot_be_checked_lets_nobody_in() {
    // No thread hashes: the queue is as good as full for ever. (Full and late checks: unit tests of the pool.)
    let threads = Threads { hashing: 0, ..Threads::default() };
    let conf = "listener PORT 127.0.0.1\npassword_file DIR/passwd\n";
    let broker = Broker::bounded(super::refusals::write_passwords, conf, DoorLimits::default(), threads);
    let mut client = broker.tcp();
    client.write_all(&connect("c", Some(("anna", "secret")))).unwrap();
    assert_eq!(rest(&mut client), NOT_AUTHORISED);
    assert!(broker.stop().contains("the password check failed"));
}

#[test]
fn a_token_that_cannot_be_checked_lets_nobody_in() {
    let issuer = crate::fail_open::tokens::Issuer::new();
    for (hashing, answer) in [(0, NOT_AUTHORISED), (1, ACCEPTED)] {
        let threads = Threads { hashing, ..Threads::default() };
        let key = issuer.pem();
        let prepare = |folder: &Path| fs::write(folder.join("key.pem"), key).unwrap();
        let conf = "listener PORT 127.0.0.1\njwt_key DIR/key.pem\njwt_audience mqtt\n";
        let broker = Broker::bounded(prepare, conf, DoorLimits::default(), threads);
        let mut client = broker.tcp();
        let connect = connect("c", Some(("", &issuer.token("anna", 300, ""))));
        client.write_all(&connect).unwrap();
        expect(&mut client, &answer);
        assert_eq!(broker.stop().contains("the check of the token failed"), hashing == 0);
    }
}

/// A connection that takes hardly anything in as long as nobody reads.
fn narrow(broker: &Broker) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], broker.port)).into()).unwrap();
    socket.into()
}

#[test]
fn who_reads_no_answers_is_heard_no_more_and_gets_every_answer_once_it_reads() {
    const FAR_BEYOND_THE_BUFFERS_OF_THE_SYSTEM: usize = 24 << 20;
    let broker = Broker::plain(OPEN);
    let mut client = narrow(&broker);
    client.write_all(&connect("c", None)).unwrap();
    expect(&mut client, &ACCEPTED);
    client.set_write_timeout(Some(std::time::Duration::from_secs(3))).unwrap();
    let pings = [0xc0, 0].repeat(32_768);
    let mut sent = 0;
    // Until it takes no more.
    while let Ok(taken) = client.write(&pings[sent % 2..]) {
        sent += taken;
        assert!(sent < FAR_BEYOND_THE_BUFFERS_OF_THE_SYSTEM, "it keeps an answer for each of {sent} bytes");
    }
    let mut answers = vec![0; sent / 2 * 2];
    client.read_exact(&mut answers).unwrap();
    assert!(answers.chunks(2).all(|answer| answer == [0xd0, 0]));
    if sent % 2 == 1 {
        client.write_all(&[0]).unwrap();
        expect(&mut client, &[0xd0, 0]);
    }
    client.write_all(&[0xc0, 0]).unwrap();
    expect(&mut client, &[0xd0, 0]);
}

/// PUBLISH of 5.0, QoS 1, with a payload of that many octets.
fn large_publish(payload: usize) -> Vec<u8> {
    let body = [text("t").as_slice(), &[0, 1, 0], &vec![b'x'; payload]].concat();
    let lengths = [(body.len() & 0x7f) | 0x80, ((body.len() >> 7) & 0x7f) | 0x80, body.len() >> 14];
    [&[0x32], lengths.map(|seven| u8::try_from(seven).unwrap()).as_slice(), &body].concat()
}

/// What a packet becomes is held against `memory_limit`, and so is what is not a packet yet.
#[test]
fn a_large_packet_that_does_not_come_to_its_end_is_held_until_memory_limit_and_no_longer() {
    let broker = Broker::plain(&format!("{OPEN}memory_limit 1000000\n"));
    let [mut filler, mut large, mut small] = ["filler", "large", "small"].map(|id| {
        let mut client = broker.tcp();
        client.write_all(&connect_of(5, id, None)).unwrap();
        let mut head = [0; 2];
        client.read_exact(&mut head).unwrap();
        let mut body = vec![0; usize::from(head[1])];
        client.read_exact(&mut body).unwrap();
        assert_eq!((head[0], body[1]), (0x20, 0));
        client
    });
    let whole = large_publish(200_000);
    let (first, rest_of_it) = whole.split_at(150_000);
    large.write_all(first).unwrap();
    ping(&mut filler);
    large.write_all(rest_of_it).unwrap();
    expect(&mut large, &[0x40, 3, 0, 1, 0x10]);
    for (payload, many) in [("x".repeat(10_000), 1_000), ("x".to_owned(), 10_000)] {
        let full = (0..many).any(|n| keep(&mut filler, &format!("{many}/{n}"), &payload) == 0x97);
        assert!(full, "memory_limit is never reached");
    }
    // A few bytes of a packet are nothing that a client could be blamed for.
    small.write_all(&[0xc0]).unwrap();
    ping(&mut filler);
    small.write_all(&[0]).unwrap();
    expect(&mut small, &[0xd0, 0]);
    large.write_all(first).unwrap();
    assert_eq!(rest(&mut large), b"");
    ping(&mut filler);
}

fn ping(client: &mut TcpStream) {
    client.write_all(&[0xc0, 0]).unwrap();
    expect(client, &[0xd0, 0]);
}

/// Has a message retained; the reason code of PUBACK.
fn keep(client: &mut TcpStream, topic: &str, payload: &str) -> u8 {
    let body = [text(topic).as_slice(), &[0, 1, 0], payload.as_bytes()].concat();
    client.write_all(&packet(0x33, &body)).unwrap();
    let mut head = [0; 2];
    client.read_exact(&mut head).unwrap();
    let mut body = vec![0; usize::from(head[1])];
    client.read_exact(&mut body).unwrap();
    body.get(2).copied().unwrap_or(0)
}
