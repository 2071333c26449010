//! From socket to core: read, open, decode, within a budget per turn.

use std::io;

use sealmq_broker::{ConnId, Input, Lost, Now, Reading};
use sealmq_mqtt::websocket::{ControlPayload, Violation};
use sealmq_mqtt::{Decoded, Limits, Sender, decode};
use sealmq_tls::{Progress, TlsFailure};

use super::conn::{Conn, Hearing, Layer, State};
use super::{Lent, READ_BYTES, Shard};
use crate::established::Framing;

/// Reads of one connection before others have their turn.
const READS_PER_TURN: usize = 4;
/// A buffer beyond this is a large packet's: it goes with its connection, and the worker does not keep it.
const LENT_BYTES_MAX: usize = 4 * READ_BYTES;
/// The two packets that make forwards. MQTT §2.1.2
const PUBLISH: u8 = 3;
const PUBREL: u8 = 6;

/// What one read brought.
enum Brought {
    Bytes,
    /// Nothing more for now.
    Drained,
    /// Bytes, and after them close_notify or a close frame: they are handled, then the connection ends.
    LastBytes,
    /// The peer has closed its direction (with or without close_notify: an ordinary lost connection).
    End,
    Failed(Box<TlsFailure>),
    /// Bytes, and after them what is no WebSocket frame.
    Unframed(Violation),
    Broken,
}

/// Why decoding stopped.
enum Stopped {
    /// The next packet is not complete.
    Incomplete,
    /// A publisher must wait.
    Held,
    /// The client must read first.
    Unheard,
    /// The core has let the connection go, or it is gone.
    Over,
}

impl Shard {
    /// Reads from one connection and handles what came.
    pub(crate) fn serve(&mut self, now: Now, id: ConnId, lent: &mut Lent) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.in_ready = false;
        if conn.state != State::Open {
            self.discard(id, lent);
            return;
        }
        // Part of a large packet stays where it is: copied at each read it would cost the square of its length.
        let large = conn.undecoded.len() > READ_BYTES;
        let mut plain = if large {
            std::mem::take(&mut conn.undecoded)
        } else {
            let mut plain = std::mem::take(&mut lent.plain_in);
            plain.clear();
            plain.append(&mut conn.undecoded);
            plain
        };
        conn.recount();
        let again = self.serve_open(now, id, lent, &mut plain);
        if lent.plain_in.capacity() == 0 {
            plain.clear();
            lent.plain_in = if (1..=LENT_BYTES_MAX).contains(&plain.capacity()) {
                plain
            } else {
                Vec::with_capacity(READ_BYTES)
            };
        }
        if again {
            self.make_ready(id, lent);
        }
    }

    /// Decodes, reads, decodes … until nothing is left or the budget is used; says whether there may be more.
    fn serve_open(&mut self, now: Now, id: ConnId, lent: &mut Lent, plain: &mut Vec<u8>) -> bool {
        for _ in 0..READS_PER_TURN {
            match self.decode_all(now, id, plain) {
                Stopped::Incomplete => {}
                Stopped::Held | Stopped::Unheard => {
                    self.keep_undecoded(now, id, plain);
                    return false;
                }
                Stopped::Over => return false,
            }
            let Some(conn) = self.conns.get_mut(id) else { return false };
            make_room(plain, conn.need);
            let before = plain.len();
            let brought = read_some(conn, lent, plain);
            self.traffic.bytes_received += (plain.len() - before) as u64;
            match brought {
                Brought::Bytes => self.flush_answers(id),
                Brought::Drained => {
                    self.keep_undecoded(now, id, plain);
                    return false;
                }
                Brought::LastBytes => {
                    self.decode_last(now, id, plain);
                    return self.end(now, id);
                }
                Brought::End => return self.lose(now, id, Lost::Closed),
                Brought::Broken => return self.lose(now, id, Lost::Broken),
                Brought::Unframed(violation) => {
                    self.decode_last(now, id, plain);
                    self.report_violation(id, violation);
                    return self.lose_frames(now, id, Lost::Broken);
                }
                Brought::Failed(failure) => {
                    self.report_tls_failure(id, &failure);
                    return self.lose_tls(now, id);
                }
            }
        }
        match self.decode_all(now, id, plain) {
            Stopped::Incomplete => {
                self.keep_undecoded(now, id, plain);
                true
            }
            Stopped::Held | Stopped::Unheard => {
                self.keep_undecoded(now, id, plain);
                false
            }
            Stopped::Over => false,
        }
    }

    /// The peer has said that nothing more comes. What the core has let go already is written and closed as usual.
    fn end(&mut self, now: Now, id: ConnId) -> bool {
        match self.conns.get_mut(id) {
            Some(conn) if conn.is_open() => match conn.framing {
                Framing::Raw => self.lose(now, id, Lost::Closed),
                Framing::WebSocket(_) => self.lose_frames(now, id, Lost::Closed),
            },
            Some(_) | None => false,
        }
    }

    /// Nothing can come behind these, so they are handled whatever waits to be read.
    fn decode_last(&mut self, now: Now, id: ConnId, plain: &mut Vec<u8>) {
        if let Some(conn) = self.conns.get_mut(id) {
            conn.hearing = Hearing::Last;
        }
        self.decode_all(now, id, plain);
    }

    fn decode_all(&mut self, now: Now, id: ConnId, plain: &mut Vec<u8>) -> Stopped {
        let mut at = 0;
        let stopped = self.decode_from(now, id, plain, &mut at);
        plain.drain(..at);
        stopped
    }

    fn decode_from(&mut self, now: Now, id: ConnId, plain: &[u8], at: &mut usize) -> Stopped {
        let packet_bytes_max = self.ruling.as_ref().map_or(u32::MAX, |ruling| ruling.packet_bytes_max);
        loop {
            let rest = &plain[*at..];
            let hold = self.exchange.reading() == Reading::HoldPublishers;
            let Some(conn) = self.conns.get_mut(id).filter(|conn| conn.is_open()) else {
                return Stopped::Over;
            };
            if conn.must_read_first() {
                conn.hearing = Hearing::Waits;
                return Stopped::Unheard;
            }
            if rest.len() < conn.need.max(1) {
                return Stopped::Incomplete;
            }
            if hold && matches!(rest[0] >> 4, PUBLISH | PUBREL) {
                conn.held = true;
                self.held.push(id);
                self.handle(now, Input::Held { conn: id });
                return Stopped::Held;
            }
            let limits = Limits {
                packet_bytes_max: conn.packet_bytes_max.bytes(packet_bytes_max),
                topic_separators_max: self.topic_separators_max,
                sender: Sender::Client,
            };
            match decode(rest, conn.version, &limits) {
                Ok(Decoded::Incomplete { need }) => {
                    conn.need = need;
                    return Stopped::Incomplete;
                }
                Ok(Decoded::Packet { packet, len }) => {
                    conn.need = 1;
                    *at += len;
                    self.handle(now, Input::Received { conn: id, packet });
                }
                Err(error) => {
                    self.handle(now, Input::Malformed { conn: id, error });
                    return Stopped::Over;
                }
            }
        }
    }

    /// What TLS (key updates) and the WebSocket (pongs) answered by themselves is written at the end of the turn.
    fn flush_answers(&mut self, id: ConnId) {
        if self.conns.get_mut(id).is_some_and(|conn| !conn.batch.is_empty() || conn.pong.is_some()) {
            self.make_dirty(id);
        }
    }

    /// Keeps what is no whole packet yet, unless it is large and `memory_limit` is reached: as in mosquitto, whose
    /// allocation fails then, the connection ends.
    fn keep_undecoded(&mut self, now: Now, id: ConnId, plain: &mut Vec<u8>) {
        if plain.len() > READ_BYTES && self.broker.is_out_of_memory() {
            self.lose(now, id, Lost::Shut);
        } else if let Some(conn) = self.conns.get_mut(id) {
            conn.undecoded = if plain.len() > READ_BYTES { std::mem::take(plain) } else { plain.to_vec() };
            conn.recount();
        }
    }

    /// Reads on behalf of a connection that is being closed; its bytes mean nothing any more.
    fn discard(&mut self, id: ConnId, lent: &mut Lent) {
        for _ in 0..READS_PER_TURN {
            let Some(conn) = self.conns.get_mut(id) else { return };
            match conn.stream.read(&mut lent.read) {
                Ok(0) => {
                    conn.readable = false;
                    if conn.state == State::Lingering {
                        self.drop_conn(id);
                    }
                    return;
                }
                Ok(_) => {}
                Err(error) if is_transient(&error) => {
                    conn.readable = false;
                    return;
                }
                Err(_) => {
                    self.drop_conn(id);
                    return;
                }
            }
        }
        self.make_ready(id, lent);
    }
}

/// Room for what the next read brings: doubled, so that a large packet is moved a few times only, but never beyond it.
fn make_room(plain: &mut Vec<u8>, need: usize) {
    if plain.len() > READ_BYTES && plain.capacity() - plain.len() < READ_BYTES {
        let missing = need.saturating_sub(plain.len());
        plain.reserve_exact(missing.min(plain.len()) + READ_BYTES);
    }
}

/// Reads once; opens what came.
fn read_some(conn: &mut Conn, lent: &mut Lent, plain: &mut Vec<u8>) -> Brought {
    if matches!(&conn.framing, Framing::WebSocket(reader) if reader.closed().is_some()) {
        // The close frame came with CONNECT.
        return Brought::LastBytes;
    }
    if !conn.readable {
        return Brought::Drained;
    }
    let n = match conn.stream.read(&mut lent.read) {
        Ok(0) => return Brought::End,
        Ok(n) => n,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Brought::Bytes,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            conn.readable = false;
            return Brought::Drained;
        }
        Err(_) => return Brought::Broken,
    };
    // Edge-triggered: a read that did not fill the buffer has emptied the socket, and a new byte raises a new event.
    // Only the end of the stream may have been announced already.
    if n < lent.read.len() && !conn.read_closed {
        conn.readable = false;
    }
    let bytes = &lent.read[..n];
    match &mut conn.layer {
        Layer::Plain => take_mqtt(&mut conn.framing, &mut conn.pong, bytes, plain),
        Layer::Tls(session) => {
            let sealed = &mut lent.sealed_in;
            sealed.clear();
            sealed.append(&mut conn.unopened);
            sealed.extend_from_slice(bytes);
            let framed = &mut lent.framed_in;
            framed.clear();
            let target = match conn.framing {
                Framing::Raw => &mut *plain,
                Framing::WebSocket(_) => &mut *framed,
            };
            let opened = session.open(sealed, target, &mut conn.batch.bytes);
            conn.unopened = sealed.as_slice().to_vec();
            let unframed = take_mqtt(&mut conn.framing, &mut conn.pong, framed, plain);
            match (opened, unframed) {
                (Err(failure), _) => Brought::Failed(Box::new(failure)),
                (Ok(Progress::Closed), Brought::Bytes) => Brought::LastBytes,
                (Ok(Progress::Established | Progress::Handshaking | Progress::Closed), unframed) => unframed,
            }
        }
    }
}

/// Takes MQTT bytes as they are, or out of their frames.
fn take_mqtt(
    framing: &mut Framing,
    pong: &mut Option<Box<ControlPayload>>,
    opened: &[u8],
    plain: &mut Vec<u8>,
) -> Brought {
    let reader = match framing {
        Framing::Raw => {
            plain.extend_from_slice(opened);
            return Brought::Bytes;
        }
        Framing::WebSocket(reader) => reader,
    };
    match reader.read(opened, plain) {
        Ok(heard) => {
            if let Some(ping) = heard.ping {
                *pong = Some(Box::new(ping));
            }
            if heard.close.is_some() { Brought::LastBytes } else { Brought::Bytes }
        }
        Err(violation) => Brought::Unframed(violation),
    }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
