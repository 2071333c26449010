//! From core to socket: packets are sealed late, in batches, and only when the last batch has left.

use std::io;

use sealmq_broker::{ConnId, Input, Lost, Now};
use sealmq_mqtt::websocket::{write_binary, write_pong};

use super::conn::{Conn, Hearing, Layer, State};
use super::{Lent, Shard};
use crate::established::Framing;
use crate::post::Waiting;

/// MQTT bytes sealed at once.
const BATCH_BYTES: usize = 64 * 1024;
/// Batches of one connection before others have their turn.
const BATCHES_PER_TURN: usize = 8;

enum Wrote {
    All,
    Blocked,
    Broken,
}

impl Shard {
    /// Writes for every connection that has something to write.
    pub(crate) fn flush_dirty(&mut self, now: Now, lent: &mut Lent) {
        for id in std::mem::take(&mut self.dirty) {
            if let Some(conn) = self.conns.get_mut(id) {
                conn.in_dirty = false;
                self.flush(now, id, lent);
                if let Some(conn) = self.conns.get_mut(id) {
                    conn.recount();
                    if conn.hearing == Hearing::Waits && !conn.must_read_first() {
                        conn.hearing = Hearing::Open;
                        self.make_ready(id, lent);
                    }
                }
            }
        }
    }

    fn flush(&mut self, now: Now, id: ConnId, lent: &mut Lent) {
        for _ in 0..BATCHES_PER_TURN {
            let Some(conn) = self.conns.get_mut(id) else { return };
            answer_ping(conn);
            if conn.batch.mqtt_bytes == 0 && conn.lines.has_ready() {
                self.traffic.waiting -= fill(conn, lent);
            }
            if conn.batch.is_empty() {
                conn.lines.rest();
                self.finish_if_flushed(id);
                return;
            }
            match write(conn, lent) {
                Wrote::All => {
                    let bytes = std::mem::take(&mut conn.batch.mqtt_bytes);
                    self.traffic.bytes_sent += bytes as u64;
                    if bytes > 0 && conn.is_open() {
                        self.handle(now, Input::Written { conn: id, bytes });
                    }
                }
                Wrote::Blocked => return,
                Wrote::Broken => {
                    self.lose(now, id, Lost::Broken);
                    return;
                }
            }
        }
        self.make_dirty(id);
    }
}

/// Takes packets that may go and seals them, records of whole packets where they fit. Says what waits no more.
fn fill(conn: &mut Conn, lent: &mut Lent) -> Waiting {
    let plain = &mut lent.plain_out;
    let mut out = std::mem::take(&mut lent.sealed_out);
    out.clear();
    // What TLS itself still had to send goes first, in the same write.
    out.extend_from_slice(&conn.batch.bytes[conn.batch.sent..]);
    conn.batch.sent = 0;
    let mut total = 0;
    let mut left = Waiting::default();
    while total < BATCH_BYTES && conn.lines.has_ready() {
        plain.clear();
        while let Some(packet) = conn.lines.peek() {
            let fits = plain.len() + packet.len() + overhead(&conn.framing) <= conn.record_bytes_max;
            if !plain.is_empty() && (!fits || total >= BATCH_BYTES) {
                break;
            }
            if let Some(packet) = conn.lines.pop() {
                left += Waiting { packets: 1, bytes: packet.len() as u64 };
                total += packet.len();
                match conn.framing {
                    Framing::Raw => packet.write(plain),
                    // A frame for each packet, as mosquitto: clients that take one for the other exist, and the four
                    // bytes are nothing beside a record.
                    Framing::WebSocket(_) => {
                        write_binary(plain, packet.len(), None, |out| packet.write(out));
                    }
                }
            }
        }
        match &mut conn.layer {
            Layer::Plain => out.extend_from_slice(plain),
            Layer::Tls(session) => {
                if session.seal(plain, &mut out).is_err() {
                    // A session that cannot seal any more has failed or said goodbye: nothing can be sent on it.
                    left += conn.lines.waiting();
                    conn.lines.clear();
                    conn.read_closed = true;
                    break;
                }
            }
        }
    }
    conn.batch.mqtt_bytes += total;
    conn.batch.bytes = out;
    left
}

/// Bytes of a frame's header at most, before a packet.
fn overhead(framing: &Framing) -> usize {
    match framing {
        Framing::Raw => 0,
        Framing::WebSocket(_) => 10,
    }
}

/// Answers the last ping of a WebSocket, but only once what is on its way has left: whoever sends pings and reads nothing
/// fills no buffer.
fn answer_ping(conn: &mut Conn) {
    if !conn.batch.is_empty() {
        return;
    }
    let Some(ping) = conn.pong.take() else { return };
    let mut frame = Vec::new();
    write_pong(&mut frame, &ping, None);
    match &mut conn.layer {
        Layer::Plain => conn.batch.bytes = frame,
        // A session that cannot seal any more answers nothing.
        Layer::Tls(session) => drop(session.seal(&frame, &mut conn.batch.bytes)),
    }
}

/// Writes what the socket takes. A batch that has left gives its buffer back to the worker.
fn write(conn: &mut Conn, lent: &mut Lent) -> Wrote {
    while !conn.batch.is_empty() {
        match conn.stream.write(&conn.batch.bytes[conn.batch.sent..]) {
            Ok(0) => return Wrote::Broken,
            Ok(n) => conn.batch.sent += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                conn.writable = false;
                keep_the_rest(conn, lent);
                return Wrote::Blocked;
            }
            Err(_) => return Wrote::Broken,
        }
    }
    let mut bytes = std::mem::take(&mut conn.batch.bytes);
    conn.batch.sent = 0;
    bytes.clear();
    if bytes.capacity() > lent.sealed_out.capacity() {
        lent.sealed_out = bytes;
    }
    Wrote::All
}

/// A connection that cannot write now keeps exactly the bytes it still has to write, not the worker's buffer.
fn keep_the_rest(conn: &mut Conn, lent: &mut Lent) {
    let rest = conn.batch.bytes[conn.batch.sent..].to_vec();
    let mut bytes = std::mem::replace(&mut conn.batch.bytes, rest);
    conn.batch.sent = 0;
    bytes.clear();
    if bytes.capacity() > lent.sealed_out.capacity() {
        lent.sealed_out = bytes;
    }
}

impl Conn {
    /// Whether the last word may be said: all is written, and nobody waits behind a gate.
    pub(super) fn may_finish(&self) -> bool {
        matches!(self.state, State::Finishing(_)) && self.is_flushed()
    }
}
