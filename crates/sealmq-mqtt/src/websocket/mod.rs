//! MQTT over WebSocket frames (RFC 6455 §5; MQTT 5.0 §6): frames to MQTT bytes and back. Sans-I/O.
//!
//! What it is not: the HTTP handshake before the first frame, and extensions: none is ever negotiated, so reserved bits
//! are errors.
//!
//! Invariants:
//! * A frame's length costs nothing: payload is unmasked and handed on as it comes, however long the frame says it is.
//!   Only a control frame is collected, and it has 125 bytes at most.
//! * One frame may hold part of a packet or several of them. [MQTT-6.0.0-2] [MQTT311-6.0.0-2]

mod close;
mod read;

pub use close::CloseCode;
pub use read::{ControlPayload, FrameReader, Heard, Violation};

/// Bytes of a control frame's payload at most (RFC 6455 §5.5).
pub const CONTROL_BYTES_MAX: usize = 125;

/// Which end of the connection we are. A client masks, a server does not (RFC 6455 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We read what a client sent.
    Server,
    /// We read what a server sent.
    Client,
}

/// The frames of RFC 6455 §5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn of(nibble: u8) -> Option<Opcode> {
        Some(match nibble {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Opcode::Continuation => 0x0,
            Opcode::Text => 0x1,
            Opcode::Binary => 0x2,
            Opcode::Close => 0x8,
            Opcode::Ping => 0x9,
            Opcode::Pong => 0xa,
        }
    }
}

/// A mask for frames of a client: four bytes that whoever runs scripts in front of the wire cannot foresee
/// (RFC 6455 §10.3). A server has none.
pub type Mask = Option<[u8; 4]>;

/// Appends a binary frame that holds what `payload` appends. [MQTT-6.0.0-1] [MQTT311-6.0.0-1]
pub fn write_binary(out: &mut Vec<u8>, payload_bytes: usize, mask: Mask, payload: impl FnOnce(&mut Vec<u8>)) {
    write_frame(out, Opcode::Binary, payload_bytes, mask, payload);
}

/// Appends the answer to a ping.
pub fn write_pong(out: &mut Vec<u8>, ping: &ControlPayload, mask: Mask) {
    write_frame(out, Opcode::Pong, ping.len(), mask, |out| out.extend_from_slice(ping));
}

/// Appends a close frame.
pub fn write_close(out: &mut Vec<u8>, code: CloseCode, mask: Mask) {
    write_frame(out, Opcode::Close, 2, mask, |out| out.extend_from_slice(&code.as_u16().to_be_bytes()));
}

/// A whole message in one frame; the length in as few bytes as it takes.
fn write_frame(
    out: &mut Vec<u8>,
    opcode: Opcode,
    payload_bytes: usize,
    mask: Mask,
    payload: impl FnOnce(&mut Vec<u8>),
) {
    const FIN: u8 = 0x80;
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(FIN | opcode.bits());
    match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
        (Ok(short @ 0..=125), _) => out.push(masked | short),
        (_, Ok(middle)) => {
            out.push(masked | 126);
            out.extend_from_slice(&middle.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(masked | 127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        out.extend_from_slice(&mask);
    }
    let start = out.len();
    payload(out);
    debug_assert_eq!(out.len() - start, payload_bytes);
    if let Some(mask) = mask {
        unmask(&mut out[start..], mask, 0);
    }
}

/// Masks or unmasks; `at` is the position of the first byte in its frame's payload.
fn unmask(bytes: &mut [u8], mask: [u8; 4], at: usize) {
    let mut turned = mask;
    turned.rotate_left(at % 4);
    // Eight bytes at once: this is the one loop over every byte that a client sends.
    let [a, b, c, d] = turned;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip([a, b, c, d].into_iter().cycle()) {
        *byte ^= mask;
    }
}
