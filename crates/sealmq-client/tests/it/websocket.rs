//! MQTT inside a WebSocket: what the client asks for, which answers it takes, and what stands in the frames.
#![allow(clippy::disallowed_methods, reason = "the server's end of a real socket needs a thread of its own")]

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealmq_client::{
    ANSWER_BYTES_MAX, Client, ClientError, Framing, Options, WebSocket, WebSocketError, WebSocketNonce,
};
use sealmq_mqtt::websocket::{CloseCode, Violation};

/// RFC 6455 §1.3: this nonce is `dGhlIHNhbXBsZSBub25jZQ==`.
const NONCE: WebSocketNonce = WebSocketNonce(*b"the sample nonce");
const YES: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
const MASK: [u8; 4] = [1, 2, 3, 4];

fn asked() -> WebSocket {
    WebSocket::ask("broker.example:8083", NONCE, &mut Vec::new())
}

fn opened() -> WebSocket {
    let mut socket = asked();
    assert_eq!(socket.receive(YES.as_bytes(), &mut Vec::new()), Ok(()));
    assert!(!socket.is_asking());
    socket
}

/// What a server's answer comes to.
fn answered(answer: &str) -> Result<(), WebSocketError> {
    let (mut socket, mut mqtt) = (asked(), Vec::new());
    let outcome = socket.receive(answer.as_bytes(), &mut mqtt);
    assert!(mqtt.is_empty());
    outcome
}

fn frames(socket: &mut WebSocket, mut mask: impl FnMut() -> [u8; 4]) -> Vec<u8> {
    let mut out = Vec::new();
    while socket.has_frame() {
        socket.write_frame(mask(), &mut out);
    }
    out
}

/// [MQTT-6.0.0-3] [MQTT311-6.0.0-3]
#[test]
fn the_request_offers_mqtt_and_nothing_else() {
    let mut out = Vec::new();
    WebSocket::ask("broker.example:8083", NONCE, &mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "GET /mqtt HTTP/1.1\r\nHost: broker.example:8083\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\
         Sec-WebSocket-Version: 13\r\n\r\n"
    );
}

#[test]
fn the_answer_is_taken_whole_in_pieces_and_with_frames_behind_it() {
    let answer = [YES.as_bytes(), b"\x82\x02\xd0\x00"].concat();
    for step in [1, 7, answer.len()] {
        let (mut socket, mut mqtt) = (asked(), Vec::new());
        for piece in answer.chunks(step) {
            assert_eq!(socket.receive(piece, &mut mqtt), Ok(()));
        }
        assert_eq!(mqtt, b"\xd0\x00", "in pieces of {step}");
    }
}

/// RFC 6455 §4.1: each check, one change away from the answer that is taken.
#[test]
fn an_answer_with_one_thing_wrong_is_refused() {
    assert_eq!(answered(YES), Ok(()));
    assert_eq!(answered(&YES.replace("WebSocket\r\n", "websocket\r\n")), Ok(()));
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let twice = format!("{accept}{accept}");
    for (from, to, header) in [
        ("Upgrade: WebSocket\r\n", "", "Upgrade"),
        ("Upgrade: WebSocket\r\n", "Upgrade: h2c\r\n", "Upgrade"),
        ("Connection: keep-alive, Upgrade\r\n", "", "Connection"),
        ("keep-alive, Upgrade", "keep-alive", "Connection"),
        (accept, "", "Sec-WebSocket-Accept"),
        (accept, &twice, "Sec-WebSocket-Accept"),
        ("s3pPLM", "s3pplm", "Sec-WebSocket-Accept"),
        ("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", "Sec-WebSocket-Accept"),
        ("Sec-WebSocket-Protocol: mqtt\r\n", "", "Sec-WebSocket-Protocol"),
        ("Protocol: mqtt\r\n", "Protocol: mqttv3.1\r\n", "Sec-WebSocket-Protocol"),
        ("Protocol: mqtt\r\n", "Protocol: mqtt, chat\r\n", "Sec-WebSocket-Protocol"),
    ] {
        let answer = YES.replace(from, to);
        assert_ne!(answer, YES);
        let outcome = answered(&answer);
        assert!(
            matches!(outcome, Err(WebSocketError::Header { header: named, .. }) if named == header),
            "{answer}: {outcome:?}"
        );
    }
    let extended = YES.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    assert_eq!(answered(&extended), Err(WebSocketError::Extension("permessage-deflate".into())));
}

#[test]
fn another_status_is_named_and_its_words_are_escaped() {
    let refused = |status, words: &str| Err(WebSocketError::Refused { status, words: words.into() });
    assert_eq!(answered("HTTP/1.1 404 Not Found\r\n\r\n"), refused(404, "Not Found"));
    assert_eq!(answered(&YES.replace("101 Switching Protocols", "200 OK")), refused(200, "OK"));
    assert_eq!(answered("HTTP/1.1 502 a\tb\r\n\r\n"), refused(502, "a\\tb"));
    assert_eq!(answered(&YES.replace("HTTP/1.1", "HTTP/1.0")), Err(WebSocketError::NotHttp));
    assert_eq!(answered("\x20\x02\x00\x00"), Err(WebSocketError::NotHttp));
}

#[test]
fn the_head_of_an_answer_has_a_bound() {
    let filled = |bytes: usize| {
        let padding = "x".repeat(bytes - YES.len() - "X: \r\n".len());
        YES.replace("\r\n\r\n", &format!("\r\nX: {padding}\r\n\r\n"))
    };
    assert_eq!(filled(ANSWER_BYTES_MAX).len(), ANSWER_BYTES_MAX);
    assert_eq!(answered(&filled(ANSWER_BYTES_MAX)), Ok(()));
    assert_eq!(answered(&filled(ANSWER_BYTES_MAX + 1)), Err(WebSocketError::TooLong));
    let many = |count| YES.replace("\r\n\r\n", &format!("\r\n{}\r\n", "A: b\r\n".repeat(count)));
    assert_eq!(answered(&many(60)), Ok(()));
    assert_eq!(answered(&many(61)), Err(WebSocketError::TooLong));
    // One that never ends is not collected for ever.
    let (mut socket, mut collected) = (asked(), 0);
    let endless =
        std::iter::repeat_n(b"A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", 100_000);
    assert_eq!(socket.receive(b"HTTP/1.1 101 x\r\n", &mut Vec::new()), Ok(()));
    let end = endless.into_iter().find_map(|line| {
        collected += line.len();
        socket.receive(line, &mut Vec::new()).err()
    });
    assert_eq!(end, Some(WebSocketError::TooLong));
    assert!(collected <= ANSWER_BYTES_MAX + 100, "{collected}");
}

#[test]
fn nothing_of_mqtt_leaves_before_the_answer() {
    let mut socket = asked();
    socket.send(b"\xc0\x00");
    assert!(!socket.has_frame());
    socket.close();
    assert!(!socket.has_frame());
    assert_eq!(socket.receive(YES.as_bytes(), &mut Vec::new()), Ok(()));
    // Masked: 0xc0 ^ 1, 0x00 ^ 2.
    assert_eq!(frames(&mut socket, || MASK), [0x82, 0x82, 1, 2, 3, 4, 0xc1, 0x02]);
}

/// RFC 6455 §5.5.2, §5.5.3
#[test]
fn a_ping_is_answered_under_a_mask_of_its_own() {
    let mut socket = opened();
    socket.send(b"\xc0\x00");
    assert_eq!(socket.receive(b"\x89\x02hi", &mut Vec::new()), Ok(()));
    let mut drawn = 0_u8;
    let out = frames(&mut socket, || {
        drawn += 1;
        [drawn; 4]
    });
    assert_eq!(
        out,
        [&[0x8a, 0x82, 1, 1, 1, 1, b'h' ^ 1, b'i' ^ 1][..], &[0x82, 0x82, 2, 2, 2, 2, 0xc2, 2]].concat()
    );
}

/// RFC 6455 §5.1, §5.6, §7.1.7; [MQTT-6.0.0-1]
#[test]
fn a_server_that_breaks_the_protocol_hears_why() {
    for (frame, violation) in [
        (&b"\x82\x82\x00\x00\x00\x00\xd0\x00"[..], Violation::Masked),
        (b"\x81\x02\xd0\x00", Violation::Text),
        (b"\xc2\x02\xd0\x00", Violation::ReservedBits),
    ] {
        let (mut socket, mut mqtt) = (opened(), Vec::new());
        socket.send(b"\xc0\x00");
        assert_eq!(socket.receive(frame, &mut mqtt), Err(WebSocketError::Frame(violation)));
        assert!(mqtt.is_empty());
        let [high, low] = violation.code().as_u16().to_be_bytes();
        // The close frame and nothing else.
        assert_eq!(frames(&mut socket, || MASK), [0x88, 0x82, 1, 2, 3, 4, high ^ 1, low ^ 2]);
        socket.send(b"\xc0\x00");
        assert!(!socket.has_frame());
    }
    let (mut socket, mut mqtt) = (opened(), Vec::new());
    assert_eq!(socket.receive(b"\x82\x02\xd0\x00", &mut mqtt), Ok(()));
    assert_eq!(mqtt, b"\xd0\x00");
}

/// RFC 6455 §5.5.1
#[test]
fn a_close_frame_is_answered_by_the_same_code_once() {
    let mut socket = opened();
    let going_away = CloseCode::new(1001).unwrap();
    assert_eq!(socket.receive(b"\x88\x02\x03\xe9", &mut Vec::new()), Err(WebSocketError::Closed(going_away)));
    assert_eq!(frames(&mut socket, || [0; 4]), [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
    socket.close();
    assert!(!socket.has_frame());
}

#[test]
fn our_own_end_leaves_behind_what_waits() {
    let mut socket = opened();
    socket.send(b"\xe0\x00");
    socket.close();
    assert_eq!(
        frames(&mut socket, || [0; 4]),
        [0x82, 0x82, 0, 0, 0, 0, 0xe0, 0, 0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]
    );
}

/// The server's end of a real socket.
struct Server(TcpStream);

impl Server {
    /// Takes a connection, reads the request, and answers it.
    fn accept(listener: &TcpListener, answer: impl Fn(&str) -> String) -> (Server, String) {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let request = String::from_utf8(request).unwrap();
        let key =
            request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap().to_owned();
        let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let accept = STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
        stream.write_all(answer(&accept).as_bytes()).unwrap();
        (Server(stream), key)
    }

    fn yes(accept: &str) -> String {
        YES.replace("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept)
    }

    /// A short frame of the client: its first byte, its mask, its payload.
    fn frame(&mut self) -> (u8, [u8; 4], Vec<u8>) {
        let (mut head, mut mask) = ([0; 2], [0; 4]);
        self.0.read_exact(&mut head).unwrap();
        assert!(head[1] & 0x80 != 0, "a client masks");
        self.0.read_exact(&mut mask).unwrap();
        let mut payload = vec![0; usize::from(head[1] & 0x7f)];
        self.0.read_exact(&mut payload).unwrap();
        payload.iter_mut().zip(mask.into_iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        (head[0], mask, payload)
    }
}

fn connect_to(listener: &TcpListener) -> Options {
    let port = listener.local_addr().unwrap().port();
    Options { framing: Framing::WebSocket, ..Options::new("127.0.0.1", port, None) }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn over_a_socket_each_key_and_each_mask_is_new() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let options = || connect_to(&listener);
    let (first, second) = (options(), options());
    let server = std::thread::spawn(move || {
        let mut keys = Vec::new();
        let mut masks = Vec::new();
        for _ in 0..2 {
            let (mut server, key) = Server::accept(&listener, Server::yes);
            keys.push(key);
            let (opcode, mask, connect) = server.frame();
            assert_eq!((opcode, connect[0]), (0x82, 0x10));
            masks.push(mask);
            server.0.write_all(b"\x82\x04\x20\x02\x00\x00\x89\x00").unwrap();
            let (opcode, mask, ping) = server.frame();
            assert_eq!((opcode, ping.len()), (0x8a, 0));
            masks.push(mask);
            server.0.write_all(b"\x88\x02\x03\xe9").unwrap();
            let (opcode, mask, code) = server.frame();
            assert_eq!((opcode, code), (0x88, vec![0x03, 0xe9]));
            masks.push(mask);
        }
        (keys, masks)
    });
    for options in [first, second] {
        let lost = block_on(async {
            let mut client = Client::connect(options).await.unwrap();
            client.next_event().await
        });
        let Err(ClientError::Lost { error: Some(error), .. }) = lost else { panic!("{lost:?}") };
        assert_eq!(error.to_string(), "the server closed the WebSocket (code 1001)");
    }
    let (mut keys, mut masks) = server.join().unwrap();
    keys.dedup();
    assert_eq!(keys.len(), 2);
    masks.sort_unstable();
    masks.dedup();
    // Six masks of 32 random bits: two of them are equal once in 300 million runs.
    assert_eq!(masks.len(), 6);
}

#[test]
fn over_a_socket_an_answer_for_another_key_is_refused() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let options = connect_to(&listener);
    let server = std::thread::spawn(move || {
        let (mut server, _) = Server::accept(&listener, |_| YES.to_owned());
        let mut sent = Vec::new();
        server.0.read_to_end(&mut sent).unwrap();
        sent
    });
    let refused = block_on(Client::connect(options)).err();
    assert!(
        matches!(
            &refused,
            Some(ClientError::WebSocket {
                error: WebSocketError::Header { header: "Sec-WebSocket-Accept", .. },
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(server.join().unwrap().is_empty(), "CONNECT, and the password in it, stays here");
}

#[test]
fn over_a_socket_silence_is_no_answer() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let options = connect_to(&listener);
    let server = std::thread::spawn(move || drop(Server::accept(&listener, |_| String::new())));
    let refused = block_on(Client::connect(options)).err();
    server.join().unwrap();
    assert!(
        matches!(&refused, Some(ClientError::WebSocket { error: WebSocketError::NoAnswer, .. })),
        "{refused:?}"
    );
}

#[test]
fn the_corpus_holds() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/websocket_answer");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "{}", folder.display());
    for file in files {
        sealmq_client::fuzzing::websocket_answer(&std::fs::read(file).unwrap());
    }
}
