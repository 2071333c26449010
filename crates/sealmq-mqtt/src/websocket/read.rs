//! Frames to MQTT bytes.

use super::{CONTROL_BYTES_MAX, CloseCode, Opcode, Side, unmask};

/// The first two bytes, a length of eight, a mask.
const HEADER_BYTES_MAX: usize = 14;

/// Reads the frames of one connection, in pieces of any size.
#[derive(Debug, Clone)]
pub struct FrameReader {
    side: Side,
    state: State,
    /// Whether a message has begun whose last frame has not come.
    message: Message,
    /// A header that is not complete.
    header: [u8; HEADER_BYTES_MAX],
    header_len: u8,
    /// A control frame that is not complete.
    control: ControlPayload,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Data(Payload),
    Control(Opcode, Payload),
    /// By the peer's close frame, or because it broke the protocol: what our close frame says.
    Closed(CloseCode),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    None,
    Begun,
}

/// What is still to come of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Payload {
    left: u64,
    /// How much has come, modulo 4: the place in the mask.
    turn: u8,
    mask: Option<[u8; 4]>,
}

/// The payload of a control frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlPayload {
    bytes: [u8; CONTROL_BYTES_MAX],
    len: u8,
}

/// What the bytes said beside MQTT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// The most recent ping; earlier ones need no answer (RFC 6455 §5.5.3).
    pub ping: Option<ControlPayload>,
    /// A close frame came: this is what the answer says. What followed it was not read.
    pub close: Option<CloseCode>,
}

/// A peer that broke the protocol: close with [`Violation::code`], read nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// RFC 6455 §5.2: no extension was negotiated.
    #[error("a WebSocket frame has reserved bits set")]
    ReservedBits,
    /// RFC 6455 §5.2.
    #[error("a WebSocket frame has an unknown opcode")]
    UnknownOpcode,
    /// [MQTT-6.0.0-1] [MQTT311-6.0.0-1]
    #[error("a WebSocket frame is text; MQTT is binary")]
    Text,
    /// RFC 6455 §5.1.
    #[error("a WebSocket frame of a client is not masked")]
    Unmasked,
    /// RFC 6455 §5.1.
    #[error("a WebSocket frame of a server is masked")]
    Masked,
    /// RFC 6455 §5.5.
    #[error("a WebSocket control frame is fragmented or longer than 125 bytes")]
    Control,
    /// RFC 6455 §5.4.
    #[error("a WebSocket message is continued that has not begun, or begun before the last one has ended")]
    Fragments,
    /// RFC 6455 §5.2: the first bit of a length of eight bytes is 0.
    #[error("a WebSocket frame has a length of 2^63 or more")]
    Length,
    /// RFC 6455 §5.5.1, §7.4.
    #[error("a WebSocket close frame has no valid code")]
    CloseCode,
    /// RFC 6455 §5.5.1.
    #[error("the reason in a WebSocket close frame is not UTF-8")]
    CloseReason,
}

impl Violation {
    /// What the close frame says (RFC 6455 §7.4.1).
    #[must_use]
    pub fn code(self) -> CloseCode {
        match self {
            Violation::Text => CloseCode::UNSUPPORTED_DATA,
            Violation::CloseReason => CloseCode::INVALID_PAYLOAD,
            Violation::ReservedBits
            | Violation::UnknownOpcode
            | Violation::Unmasked
            | Violation::Masked
            | Violation::Control
            | Violation::Fragments
            | Violation::Length
            | Violation::CloseCode => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl FrameReader {
    /// At the start of the first frame.
    #[must_use]
    pub fn new(side: Side) -> FrameReader {
        FrameReader {
            side,
            state: State::Header,
            message: Message::None,
            header: [0; HEADER_BYTES_MAX],
            header_len: 0,
            control: ControlPayload::EMPTY,
        }
    }

    /// Reads all of `input` and appends the MQTT bytes in it to `mqtt`. Nothing is read once it is closed.
    ///
    /// # Errors
    /// The peer broke the protocol. What came before that is in `mqtt`.
    pub fn read(&mut self, input: &[u8], mqtt: &mut Vec<u8>) -> Result<Heard, Violation> {
        let read = self.read_frames(input, mqtt);
        if let Err(violation) = read {
            self.state = State::Closed(violation.code());
        }
        read
    }

    /// What our close frame says, once the peer has closed or broken the protocol.
    #[must_use]
    pub fn closed(&self) -> Option<CloseCode> {
        match self.state {
            State::Closed(code) => Some(code),
            State::Header | State::Data(_) | State::Control(..) => None,
        }
    }

    fn read_frames(&mut self, mut input: &[u8], mqtt: &mut Vec<u8>) -> Result<Heard, Violation> {
        let mut heard = Heard::default();
        loop {
            match self.state {
                State::Closed(_) => return Ok(heard),
                State::Header => {
                    let Some(rest) = self.read_header(input)? else { return Ok(heard) };
                    input = rest;
                }
                State::Data(payload) => {
                    let (came, rest) = payload.split(input);
                    let start = mqtt.len();
                    mqtt.extend_from_slice(came);
                    self.state = match payload.take(&mut mqtt[start..]) {
                        None => State::Header,
                        Some(payload) => State::Data(payload),
                    };
                    input = rest;
                }
                State::Control(opcode, payload) => {
                    let (came, rest) = payload.split(input);
                    let left = payload.take(self.control.push(came));
                    self.state = match left {
                        Some(payload) => State::Control(opcode, payload),
                        None => self.heard(opcode, &mut heard)?,
                    };
                    input = rest;
                }
            }
            // An empty control frame is whole with its header.
            let is_whole = matches!(self.state, State::Control(_, Payload { left: 0, .. }));
            if input.is_empty() && !is_whole {
                return Ok(heard);
            }
        }
    }

    /// Collects a header; gives what is behind it once it is whole.
    fn read_header<'a>(&mut self, input: &'a [u8]) -> Result<Option<&'a [u8]>, Violation> {
        for (at, byte) in input.iter().enumerate() {
            self.header[usize::from(self.header_len)] = *byte;
            self.header_len += 1;
            self.check_early()?;
            if self.header_len >= 2 && usize::from(self.header_len) == header_bytes(self.header[1]) {
                self.header_len = 0;
                self.begin()?;
                return Ok(Some(&input[at + 1..]));
            }
        }
        Ok(None)
    }

    /// What the first two bytes say is refused when they come, not when the frame does.
    fn check_early(&self) -> Result<(), Violation> {
        match self.header_len {
            1 => {
                if self.header[0] & 0x70 != 0 {
                    return Err(Violation::ReservedBits);
                }
                let opcode = Opcode::of(self.header[0] & 0x0f).ok_or(Violation::UnknownOpcode)?;
                self.check_order(opcode)
            }
            2 => match (self.side, self.header[1] & 0x80 != 0) {
                (Side::Server, false) => Err(Violation::Unmasked),
                (Side::Client, true) => Err(Violation::Masked),
                (Side::Server, true) | (Side::Client, false) => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn check_order(&self, opcode: Opcode) -> Result<(), Violation> {
        let last = self.header[0] & 0x80 != 0;
        match (opcode, self.message) {
            (Opcode::Text, _) => Err(Violation::Text),
            (Opcode::Continuation, Message::None) | (Opcode::Binary, Message::Begun) => {
                Err(Violation::Fragments)
            }
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) if !last => Err(Violation::Control),
            (Opcode::Continuation, Message::Begun)
            | (Opcode::Binary, Message::None)
            | (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => Ok(()),
        }
    }

    /// The header is whole and stands at the start of `self.header`.
    fn begin(&mut self) -> Result<(), Violation> {
        let [first, second, ..] = self.header;
        let opcode = Opcode::of(first & 0x0f).ok_or(Violation::UnknownOpcode)?;
        // Lengths in more bytes than they need are taken: mosquitto takes them, and nothing hangs on it.
        let (left, mask_at) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes([self.header[2], self.header[3]])), 4),
            127 => {
                let [_, _, length @ .., _, _, _, _] = self.header;
                (u64::from_be_bytes(length), 10)
            }
            short => (u64::from(short), 2),
        };
        if left >> 63 != 0 {
            return Err(Violation::Length);
        }
        let at = |place: usize| self.header[mask_at + place];
        let mask = (second & 0x80 != 0).then(|| [at(0), at(1), at(2), at(3)]);
        let payload = Payload { left, turn: 0, mask };
        self.state = match opcode {
            Opcode::Text | Opcode::Continuation | Opcode::Binary => {
                self.message = if first & 0x80 == 0 { Message::Begun } else { Message::None };
                // An empty frame has nothing to wait for.
                if left == 0 { State::Header } else { State::Data(payload) }
            }
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                if second & 0x7f > 125 {
                    return Err(Violation::Control);
                }
                self.control = ControlPayload::EMPTY;
                State::Control(opcode, payload)
            }
        };
        Ok(())
    }

    /// A control frame is whole.
    fn heard(&self, opcode: Opcode, heard: &mut Heard) -> Result<State, Violation> {
        match opcode {
            Opcode::Ping => heard.ping = Some(self.control),
            Opcode::Close => {
                let code = close_code(&self.control)?;
                heard.close = Some(code);
                return Ok(State::Closed(code));
            }
            // Nobody asked; it is allowed (RFC 6455 §5.5.3).
            Opcode::Pong | Opcode::Text | Opcode::Continuation | Opcode::Binary => {}
        }
        Ok(State::Header)
    }
}

/// How long the header is that has this second byte.
fn header_bytes(second: u8) -> usize {
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 == 0 { 0 } else { 4 }
}

/// What the answer to a close frame says: its own code, or that all is done.
fn close_code(payload: &[u8]) -> Result<CloseCode, Violation> {
    match payload {
        [] => Ok(CloseCode::NORMAL),
        [_] => Err(Violation::CloseCode),
        [high, low, reason @ ..] => {
            let code = CloseCode::new(u16::from_be_bytes([*high, *low])).ok_or(Violation::CloseCode)?;
            std::str::from_utf8(reason).map_err(|_| Violation::CloseReason)?;
            Ok(code)
        }
    }
}

impl Payload {
    /// What of `input` belongs to this frame, and the rest.
    fn split(self, input: &[u8]) -> (&[u8], &[u8]) {
        let here = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
        input.split_at(here)
    }

    /// Unmasks what came of it; what is still to come, if anything.
    fn take(self, came: &mut [u8]) -> Option<Payload> {
        if let Some(mask) = self.mask {
            unmask(came, mask, usize::from(self.turn));
        }
        let left = self.left - came.len() as u64;
        // The length modulo 4, which is all that the mask needs.
        let turn = (usize::from(self.turn) + came.len() % 4) % 4;
        (left > 0).then_some(Payload { left, turn: turn as u8, ..self })
    }
}

impl ControlPayload {
    const EMPTY: ControlPayload = ControlPayload { bytes: [0; CONTROL_BYTES_MAX], len: 0 };

    /// Appends; gives what was appended. The header has promised that it fits.
    fn push(&mut self, came: &[u8]) -> &mut [u8] {
        let start = usize::from(self.len);
        let end = (start + came.len()).min(CONTROL_BYTES_MAX);
        self.bytes[start..end].copy_from_slice(&came[..end - start]);
        self.len = end as u8;
        &mut self.bytes[start..end]
    }
}

impl std::ops::Deref for ControlPayload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}
