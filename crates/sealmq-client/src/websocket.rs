//! MQTT inside a WebSocket, the client's end (RFC 6455 §4.1, §5.1; MQTT 5.0 §6): the request, the check of the answer, and
//! what goes over in frames afterwards. Sans-I/O: bytes, the nonce and the masks are arguments.
//!
//! What it is not: the frames themselves (`sealmq_mqtt::websocket`), TLS, cookies, redirects or HTTP authentication: an
//! answer other than "yes" is an error that names it.
//!
//! Invariants:
//! * No byte of MQTT leaves, and none is taken, before the answer proved that the server read our request and speaks MQTT.
//! * Every frame has a mask of its own, which the caller draws (RFC 6455 §10.3).
//! * The answer's head has [`ANSWER_BYTES_MAX`] bytes at most.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealmq_mqtt::websocket::{
    CloseCode, ControlPayload, FrameReader, Side, Violation, write_binary, write_close, write_pong,
};

/// Where a WebSocket for MQTT is asked for, as mosquitto's clients do.
const PATH: &str = "/mqtt";
/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of an answer's head at most.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024;
/// Header lines of an answer at most.
const HEADERS_MAX: usize = 64;
/// Characters of the server's words that an error repeats.
const WORDS_MAX: usize = 80;

/// What MQTT's bytes stand in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Framing {
    /// Nothing: packet after packet.
    #[default]
    None,
    /// The frames of a WebSocket: `ws://`, and `wss://` where there is TLS.
    WebSocket,
}

/// Sixteen random bytes, new for each connection (RFC 6455 §4.1).
#[derive(Clone, Copy)]
pub struct WebSocketNonce(pub [u8; 16]);

/// Why there is no WebSocket, or none any more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WebSocketError {
    /// The server ended the connection and had not answered.
    #[error("the server closed the connection instead of opening a WebSocket")]
    NoAnswer,
    /// What came is no answer of HTTP/1.1.
    #[error("the answer to the request for a WebSocket is not HTTP/1.1")]
    NotHttp,
    /// The head does not end.
    #[error(
        "the answer to the request for a WebSocket has more than {ANSWER_BYTES_MAX} bytes or {HEADERS_MAX} headers"
    )]
    TooLong,
    /// Not 101.
    #[error("the server opens no WebSocket: {status} {words}")]
    Refused {
        /// HTTP's status code.
        status: u16,
        /// What the server calls it, escaped.
        words: String,
    },
    /// RFC 6455 §4.1: a header is missing, comes more than once, or says something else.
    #[error("the answer to the request for a WebSocket has no valid {header}: {found}")]
    Header {
        /// Its name.
        header: &'static str,
        /// What stands there, escaped.
        found: String,
    },
    /// An extension that we did not ask for (RFC 6455 §4.1, item 5).
    #[error("the server wants the WebSocket extension {0}, which was not asked for")]
    Extension(String),
    /// A frame that a server must not send.
    #[error("the server broke the WebSocket protocol: {0}")]
    Frame(#[from] Violation),
    /// The server ended it.
    #[error("the server closed the WebSocket (code {})", .0.as_u16())]
    Closed(CloseCode),
}

/// One connection's WebSocket.
pub struct WebSocket {
    state: State,
    /// MQTT bytes that stand in no frame yet.
    waiting: Vec<u8>,
    pong: Option<ControlPayload>,
    close: Option<CloseCode>,
}

enum State {
    Asked {
        /// What `Sec-WebSocket-Accept` must say.
        accept: String,
        /// The answer so far.
        head: Vec<u8>,
    },
    Open(FrameReader),
    /// Our close frame is written or waits to be: nothing follows it.
    Closed,
}

impl WebSocket {
    /// Appends the request to `out`. `authority` is the server's host, and its port unless that is the scheme's.
    pub fn ask(authority: &str, nonce: WebSocketNonce, out: &mut Vec<u8>) -> Self {
        let key = STANDARD.encode(nonce.0);
        // [MQTT-6.0.0-3] [MQTT311-6.0.0-3]: `mqtt` is what we offer.
        out.extend_from_slice(
            format!(
                "GET {PATH} HTTP/1.1\r\nHost: {authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            .as_bytes(),
        );
        Self {
            state: State::Asked { accept: accept_of(&key), head: Vec::new() },
            waiting: Vec::new(),
            pong: None,
            close: None,
        }
    }

    /// Whether the server has yet to answer.
    pub fn is_asking(&self) -> bool {
        matches!(self.state, State::Asked { .. })
    }

    /// Takes MQTT bytes for the server; [`WebSocket::write_frame`] frames them.
    pub fn send(&mut self, mqtt: &[u8]) {
        self.waiting.extend_from_slice(mqtt);
    }

    /// How many MQTT bytes stand in no frame yet.
    pub fn unframed(&self) -> usize {
        self.waiting.len()
    }

    /// Reads all of `bytes`, and appends the MQTT bytes in them to `mqtt`. Pings are answered, and whatever ends the
    /// WebSocket is, by [`WebSocket::write_frame`].
    ///
    /// # Errors
    /// The WebSocket is over, or was never opened. What came before that is in `mqtt`.
    pub fn receive(&mut self, bytes: &[u8], mqtt: &mut Vec<u8>) -> Result<(), WebSocketError> {
        match &mut self.state {
            State::Closed => Ok(()),
            State::Open(_) => self.read_frames(bytes, mqtt),
            State::Asked { accept, head } => {
                // One byte more than allowed is enough to see that it is too long; frames may follow the head.
                head.extend_from_slice(bytes);
                let judged = judge(head, accept);
                match judged {
                    Ok(None) => Ok(()),
                    Ok(Some(taken)) => {
                        let rest = head.split_off(taken);
                        self.state = State::Open(FrameReader::new(Side::Client));
                        self.read_frames(&rest, mqtt)
                    }
                    Err(error) => {
                        self.state = State::Closed;
                        Err(error)
                    }
                }
            }
        }
    }

    /// Ends it from our side: what waits leaves first.
    pub fn close(&mut self) {
        if matches!(self.state, State::Open(_)) {
            self.close = Some(CloseCode::NORMAL);
        }
    }

    /// Whether [`WebSocket::write_frame`] has something to write.
    pub fn has_frame(&self) -> bool {
        let may_write = matches!(self.state, State::Open(_));
        (may_write && (self.pong.is_some() || !self.waiting.is_empty())) || self.close.is_some()
    }

    /// Appends one frame to `out`: the answer to a ping, or all that waits, or the close frame. `mask` must not have
    /// served another frame.
    pub fn write_frame(&mut self, mask: [u8; 4], out: &mut Vec<u8>) {
        match &self.state {
            State::Asked { .. } => {}
            State::Open(_) if self.pong.is_some() => {
                if let Some(ping) = self.pong.take() {
                    write_pong(out, &ping, Some(mask));
                }
            }
            State::Open(_) if !self.waiting.is_empty() => {
                let waiting = std::mem::take(&mut self.waiting);
                write_binary(out, waiting.len(), Some(mask), |out| out.extend_from_slice(&waiting));
            }
            State::Open(_) | State::Closed => {
                if let Some(code) = self.close.take() {
                    write_close(out, code, Some(mask));
                    self.state = State::Closed;
                }
            }
        }
    }

    fn read_frames(&mut self, bytes: &[u8], mqtt: &mut Vec<u8>) -> Result<(), WebSocketError> {
        let State::Open(reader) = &mut self.state else { return Ok(()) };
        let read = reader.read(bytes, mqtt);
        if let Some(code) = reader.closed() {
            self.close = Some(code);
            self.state = State::Closed;
        }
        let heard = read?;
        if let Some(ping) = heard.ping {
            self.pong = Some(ping);
        }
        heard.close.map_or(Ok(()), |code| Err(WebSocketError::Closed(code)))
    }
}

impl WebSocketError {
    /// Whether it may be better in a moment: a proxy whose broker is just starting again.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NoAnswer | Self::Closed(_) | Self::Refused { status: 500..=599, .. })
    }

    /// What mends it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::NoAnswer | Self::NotHttp | Self::TooLong => {
                "is this a WebSocket port (protocol websockets, or auto)? For wss:// say which CA to trust: --cafile FILE"
            }
            Self::Refused { status: 400..=499, .. } => {
                "the path asked for is /mqtt: is it the broker's, or a proxy's that sends it there?"
            }
            Self::Refused { status: 500..=599, .. } => "a proxy does not reach its broker: is that running?",
            Self::Refused { .. } => "give the address that it names, with -h and -p",
            Self::Header { header: "Sec-WebSocket-Protocol", .. } => {
                "that WebSocket is for something else than MQTT: check the port, and the path /mqtt at a proxy"
            }
            Self::Header { .. } | Self::Extension(_) | Self::Frame(_) => {
                "what answers is no WebSocket server, or something between changes what it says: check -h and -p"
            }
            Self::Closed(_) => "the broker's log says why",
        }
    }
}

/// What a server makes of a key (RFC 6455 §4.2.2, item 5.4). What SHA-1 is weak at does not matter here.
fn accept_of(key: &str) -> String {
    let text = [key.as_bytes(), GUID].concat();
    STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &text))
}

/// The bytes of the answer's head, if it is whole and says yes; `None` while it is not whole.
fn judge(head: &[u8], accept: &str) -> Result<Option<usize>, WebSocketError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let window = &head[..head.len().min(ANSWER_BYTES_MAX)];
    let taken = match answer.parse(window) {
        Ok(httparse::Status::Complete(taken)) => taken,
        Ok(httparse::Status::Partial) if head.len() > ANSWER_BYTES_MAX => {
            return Err(WebSocketError::TooLong);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(WebSocketError::TooLong),
        Err(_) => return Err(WebSocketError::NotHttp),
    };
    if answer.version != Some(1) {
        return Err(WebSocketError::NotHttp);
    }
    match answer.code {
        Some(101) => {}
        status => {
            let words = escaped(answer.reason.unwrap_or_default().as_bytes());
            return Err(WebSocketError::Refused { status: status.unwrap_or_default(), words });
        }
    }
    check_headers(answer.headers, accept)?;
    Ok(Some(taken))
}

/// RFC 6455 §4.1, items 2 to 6.
fn check_headers(headers: &[httparse::Header<'_>], accept: &str) -> Result<(), WebSocketError> {
    let check = |header: &'static str, is_right: &dyn Fn(&[u8]) -> bool| {
        let mut values = values(headers, header);
        match (values.next(), values.next()) {
            (Some(value), None) if is_right(value) => Ok(()),
            (None, _) => Err(WebSocketError::Header { header, found: "it is missing".to_owned() }),
            (Some(_), Some(_)) => {
                Err(WebSocketError::Header { header, found: "it comes more than once".to_owned() })
            }
            (Some(value), None) => Err(WebSocketError::Header { header, found: escaped(value) }),
        }
    };
    check("Upgrade", &|value| value.eq_ignore_ascii_case(b"websocket"))?;
    check("Connection", &|value| {
        value.split(|byte| *byte == b',').any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    })?;
    check("Sec-WebSocket-Accept", &|value| value == accept.as_bytes())?;
    if let Some(extension) = values(headers, "Sec-WebSocket-Extensions").find(|value| !value.is_empty()) {
        return Err(WebSocketError::Extension(escaped(extension)));
    }
    check("Sec-WebSocket-Protocol", &|value| value == b"mqtt")
}

fn values<'a>(
    headers: &'a [httparse::Header<'a>],
    name: &'static str,
) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.trim_ascii())
}

/// A peer's words for a person's terminal.
fn escaped(words: &[u8]) -> String {
    let text = String::from_utf8_lossy(words);
    text.chars().take(WORDS_MAX).flat_map(char::escape_debug).collect()
}
