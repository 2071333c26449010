//! What the fuzz target runs: a plain function, which a test on stable also runs over the corpus.

use crate::websocket::{WebSocket, WebSocketNonce};

/// What the server must say to [`NONCE`] (RFC 6455 §1.3).
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const NONCE: WebSocketNonce = WebSocketNonce(*b"the sample nonce");

/// Any bytes as a server's answer to the request for a WebSocket and the frames behind it: read at once or byte by byte
/// the same comes out, nothing of MQTT leaves or is taken unless the server has proved that it read the request, and
/// writing comes to an end.
pub fn websocket_answer(bytes: &[u8]) {
    let (at_once, one_by_one) = (read(bytes, bytes.len().max(1)), read(bytes, 1));
    assert_eq!(at_once, one_by_one);
    let (_, mqtt, out) = at_once;
    let proved = bytes.windows(ACCEPT.len()).any(|window| window == ACCEPT);
    assert!(proved || (mqtt.is_empty() && out.is_empty()));
    assert!(mqtt.len() <= bytes.len());
}

fn read(bytes: &[u8], step: usize) -> (Option<crate::WebSocketError>, Vec<u8>, Vec<u8>) {
    let (mut out, mut mqtt) = (Vec::new(), Vec::new());
    let mut socket = WebSocket::ask("broker.example:8083", NONCE, &mut out);
    out.clear();
    socket.send(b"\xc0\x00");
    let error = bytes.chunks(step).find_map(|piece| socket.receive(piece, &mut mqtt).err());
    // Pings are answered, a packet and a close frame leave: not more than these three.
    for _ in 0..3 {
        if socket.has_frame() {
            socket.write_frame([1, 2, 3, 4], &mut out);
        }
    }
    assert!(!socket.has_frame());
    (error, mqtt, out)
}
