//! A scenario and what is heard when it is played to a broker.
//!
//! No answer is waited for by time: behind every step goes a PINGREQ, and what comes before its PINGRESP is the
//! answer. A broker that closes instead ends the step with `closed`. (Linux hands over what was received before a
//! reset, so the PINGREQ that such a broker leaves unread costs nothing.)

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use super::line::Line;
use super::peers::Server;
use super::wire::PINGREQ;

/// A name and the steps.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Stage<'_>),
}

/// What one step brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) who: &'static str,
    pub(super) sent: String,
    /// Packets in hexadecimal, ` | ` between them, `closed` at the end if the broker closed.
    pub(super) heard: String,
}

/// The connections of a scenario, by name.
pub(super) struct Stage<'a> {
    server: &'a Server,
    connections: BTreeMap<&'static str, Line>,
    steps: Vec<Step>,
}

/// Plays it to a broker, over the transport that it listens on.
pub(super) fn play(server: &Server, scenario: &Scenario) -> Vec<Step> {
    let mut stage = Stage { server, connections: BTreeMap::new(), steps: Vec::new() };
    (scenario.run)(&mut stage);
    stage.steps
}

impl Stage<'_> {
    /// `who` (connected first if it is new, or was closed) sends bytes and hears what the broker says to them.
    pub(super) fn ask(&mut self, who: &'static str, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.send(who, &[bytes, &PINGREQ].concat());
        self.hear(who, bytes, Until::PingResp);
    }

    /// The same without a PINGREQ: what comes is one packet, or the end.
    pub(super) fn ask_alone(&mut self, who: &'static str, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.send(who, bytes);
        self.hear(who, bytes, Until::OnePacket);
    }

    /// `who` hears what has come meanwhile.
    pub(super) fn listen(&mut self, who: &'static str) {
        self.ask(who, []);
    }

    /// `who` waits for a packet that time or another's end will bring.
    pub(super) fn await_packet(&mut self, who: &'static str) {
        self.hear(who, &[], Until::OnePacket);
    }

    /// The connection of `who` is cut without DISCONNECT.
    pub(super) fn cut(&mut self, who: &'static str) {
        if let Some(stream) = self.connections.remove(who) {
            stream.cut();
        }
    }

    fn send(&mut self, who: &'static str, bytes: &[u8]) {
        let server = self.server;
        let stream = self.connections.entry(who).or_insert_with(|| server.dial());
        // A broker may close while we write.
        let _ = stream.write_all(bytes);
    }

    fn hear(&mut self, who: &'static str, sent: &[u8], until: Until) {
        let stream = self.connections.get_mut(who).unwrap();
        let mut heard = Vec::new();
        loop {
            match packet(stream) {
                Some(packet) if until == Until::PingResp && packet == [0xd0, 0] => break,
                Some(packet) => heard.push(show(&packet)),
                None => {
                    heard.push("closed".to_owned());
                    self.connections.remove(who);
                    break;
                }
            }
            if until == Until::OnePacket {
                break;
            }
        }
        self.steps.push(Step { who, sent: show(sent), heard: heard.join(" | ") });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    PingResp,
    OnePacket,
}

/// One packet; `None`: closed.
fn packet(stream: &mut Line) -> Option<Vec<u8>> {
    let mut bytes = vec![byte(stream)?];
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let next = byte(stream)?;
        bytes.push(next);
        length |= usize::from(next & 0x7f) << shift;
        shift += 7;
        if next & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    bytes.extend(body);
    Some(bytes)
}

fn byte(stream: &mut Line) -> Option<u8> {
    let mut one = [0];
    match stream.read_exact(&mut one) {
        Ok(()) => Some(one[0]),
        Err(error) => {
            let timed_out =
                matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut);
            assert!(!timed_out, "the broker neither answers nor closes");
            None
        }
    }
}

/// Hexadecimal, shortened; a client id that the broker chose becomes question marks.
fn show(bytes: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    if let Some(at) = bytes.windows(5).position(|window| window == b"auto-") {
        let end = (at + 5 + 36).min(bytes.len());
        for byte in bytes[at + 5..end].iter_mut().filter(|byte| byte.is_ascii_hexdigit()) {
            *byte = b'?';
        }
    }
    let hex: String = bytes.iter().take(96).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 96 { format!("{hex}...({} bytes)", bytes.len()) } else { hex }
}
