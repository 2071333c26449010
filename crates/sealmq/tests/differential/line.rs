//! A connection to a broker over one of the ways on which it takes MQTT: bare, in TLS, in WebSocket frames, or both.
//!
//! A client of its own, so that what it reads is what the broker sent: nothing here knows MQTT.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use sealmq_tls::{ClientTls, TlsSession, Versions};

use super::certificates::{Certificates, now};

/// Nothing on loopback takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transport {
    pub(super) security: Security,
    pub(super) framing: Framing,
}

/// What is around the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    Bare,
    /// The server shows a certificate.
    Server(Versions),
    /// Both do.
    Mutual(Versions),
}

/// How packets lie in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Stream,
    /// One binary frame for what is sent at a time, however many packets it is.
    Frames,
    /// A message of one-byte fragments for the first bytes, with a ping behind the first, and the rest in its last.
    Fragments,
}

impl Transport {
    pub(super) const TCP: Transport = Transport { security: Security::Bare, framing: Framing::Stream };

    /// The lines of the listener; files are in the broker's folder.
    pub(super) fn listener(self) -> String {
        let framing = match self.framing {
            Framing::Stream => "",
            Framing::Frames | Framing::Fragments => "protocol websockets\n",
        };
        let security = match self.security {
            Security::Bare => "",
            Security::Server(_) => "certfile server.crt\nkeyfile server.key\n",
            Security::Mutual(_) => {
                "certfile server.crt\nkeyfile server.key\ncafile ca.crt\nrequire_certificate true\n"
            }
        };
        format!("{framing}{security}")
    }
}

/// The connection.
pub(super) struct Line {
    tcp: TcpStream,
    tls: Option<TlsSession>,
    framing: Framing,
    /// Of TLS, not opened yet.
    sealed: Vec<u8>,
    /// Of WebSocket frames, not taken apart yet.
    framed: Vec<u8>,
    /// Of MQTT, not read yet.
    plain: Vec<u8>,
    closed: bool,
}

impl Line {
    /// Dials, and shakes the hands that the way asks for.
    pub(super) fn dial(port: u16, transport: Transport, certificates: &Certificates) -> Line {
        let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        tcp.set_nodelay(true).unwrap();
        let tls = match transport.security {
            Security::Bare => None,
            Security::Server(versions) => Some(certificates.client(versions, None)),
            Security::Mutual(versions) => Some(certificates.client(versions, Some(certificates.device()))),
        };
        let tls = tls.map(|tls: ClientTls| tls.session("localhost", now()).unwrap());
        let framing = transport.framing;
        let (sealed, framed, plain) = (Vec::new(), Vec::new(), Vec::new());
        let mut line = Line { tcp, tls, framing, sealed, framed, plain, closed: false };
        line.shake_hands();
        if line.framing != Framing::Stream {
            line.upgrade();
        }
        line
    }

    /// Cuts it without a word.
    pub(super) fn cut(&self) {
        let _ = self.tcp.shutdown(Shutdown::Both);
    }

    fn shake_hands(&mut self) {
        let Some(tls) = &mut self.tls else { return };
        let mut out = Vec::new();
        tls.open(&mut self.sealed, &mut self.framed, &mut out).unwrap();
        self.tcp.write_all(&out).unwrap();
        while self.tls.as_ref().is_some_and(TlsSession::is_handshaking) {
            self.fill().unwrap();
            assert!(!self.closed, "closed in the handshake");
        }
    }

    fn upgrade(&mut self) {
        let request = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: 1JaITHdgDZVd/4OE2AzTTA==\r\nSec-WebSocket-Protocol: mqtt\r\n\
            Sec-WebSocket-Version: 13\r\n\r\n";
        self.seal(request.as_bytes()).unwrap();
        let end = loop {
            if let Some(at) = self.framed.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(!self.closed, "closed in the upgrade");
            self.fill().unwrap();
        };
        let answer: Vec<u8> = self.framed.drain(..end).collect();
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    }

    fn seal(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.tcp.write_all(bytes) };
        let mut out = Vec::new();
        tls.seal(bytes, &mut out).map_err(io::Error::other)?;
        self.tcp.write_all(&out)
    }

    /// Reads once and opens TLS; what comes lies in `framed`.
    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 16_384];
        let n = self.tcp.read(&mut buffer)?;
        self.closed |= n == 0;
        let Some(tls) = &mut self.tls else {
            self.framed.extend_from_slice(&buffer[..n]);
            return Ok(());
        };
        self.sealed.extend_from_slice(&buffer[..n]);
        let mut out = Vec::new();
        let opened = tls.open(&mut self.sealed, &mut self.framed, &mut out);
        // A broker that has closed takes no more; what it said before counts.
        let _ = self.tcp.write_all(&out);
        opened.map(|_| ()).map_err(io::Error::other)
    }

    /// Moves MQTT's bytes to `plain`.
    fn unframe(&mut self) {
        if self.framing == Framing::Stream {
            self.plain.append(&mut self.framed);
            return;
        }
        while let Some((first, payload)) = take_frame(&mut self.framed) {
            match first {
                0x82 => self.plain.extend(payload),
                0x88 => self.closed = true,
                0x8a => assert_eq!(payload, PING, "the answer to our ping"),
                _ => panic!("a frame that starts with {first:#04x}"),
            }
        }
    }
}

impl Read for Line {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.unframe();
        while self.plain.is_empty() && !self.closed {
            self.fill()?;
            self.unframe();
        }
        let n = into.len().min(self.plain.len());
        into[..n].copy_from_slice(&self.plain[..n]);
        self.plain.drain(..n);
        Ok(n)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let framed = match self.framing {
            Framing::Stream => bytes.to_vec(),
            Framing::Frames => frame(0x82, bytes),
            Framing::Fragments => fragments(bytes),
        };
        self.seal(&framed)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const PING: &[u8] = b"between";

/// As many bytes of a message are fragments of their own: past the fixed header and into what it announces.
const SINGLE: usize = 9;

fn fragments(bytes: &[u8]) -> Vec<u8> {
    let (single, rest) = bytes.split_at(bytes.len().min(SINGLE));
    let mut out = Vec::new();
    for (at, byte) in single.iter().enumerate() {
        out.extend(frame(if at == 0 { 0x02 } else { 0x00 }, &[*byte]));
        if at == 0 {
            out.extend(frame(0x89, PING));
        }
    }
    out.extend(frame(0x80, rest));
    out
}

/// A masked frame of a client.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [0x5a, 0x01, 0xfe, 0x33];
    let mut out = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length @ 0..126) => out.push(0x80 | length.to_be_bytes()[1]),
        Ok(length) => {
            out.push(0x80 | 126);
            out.extend(length.to_be_bytes());
        }
        Err(_) => {
            out.push(0x80 | 127);
            out.extend(u64::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    out.extend(MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// The first byte and the payload of a frame of the broker, if a whole one is there.
fn take_frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap()))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap())).unwrap()),
        length => (2, usize::from(length)),
    };
    bytes.get(start..start + length)?;
    let frame: Vec<u8> = bytes.drain(..start + length).collect();
    Some((frame[0], frame[start..].to_vec()))
}
