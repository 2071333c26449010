//! How a connection ends: by the core's word, by the peer, by a deadline.
//!
//! What the core queued before its word is written first; then TLS says close_notify; then the writing direction is
//! shut and bytes of the peer are read for a moment longer. Closing at once would let a reset overtake the CONNACK or
//! DISCONNECT that says why.

use sealmq_broker::{ConnId, Ending, Input, Lost, Millis, Now};
use sealmq_mqtt::websocket::{CloseCode, write_close};

use super::conn::{Conn, Layer, State};
use super::{Closing, Shard};
use crate::established::Framing;

/// How long a client has to read our last words and close.
const CLOSING: Millis = Millis(3_000);
/// The same when the broker stops: everyone is told at once, and the process wants to end.
const CLOSING_AT_SHUTDOWN: Millis = Millis(500);

impl Shard {
    /// The core has let it go.
    pub(super) fn finish(&mut self, now: Now, id: ConnId, why: Ending) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if !conn.is_open() {
            return;
        }
        // Soonest first: those of a shutdown end before all that wait already.
        if why == Ending::Shutdown {
            self.closing.push_front(Closing { by: now.mono + CLOSING_AT_SHUTDOWN, conn: id });
        } else {
            self.closing.push_back(Closing { by: now.mono + CLOSING, conn: id });
        }
        conn.state = State::Finishing(why);
        conn.undecoded = Vec::new();
        conn.recount();
        self.make_dirty(id);
    }

    /// Says goodbye once everything is written.
    pub(super) fn finish_if_flushed(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        if !conn.may_finish() {
            return;
        }
        say_goodbye(conn);
        let client_waits = !matches!(conn.state, State::Finishing(Ending::Disconnected | Ending::Lost(_)));
        if !client_waits || conn.stream.shutdown_write().is_err() || conn.read_closed {
            self.drop_conn(id);
            return;
        }
        conn.state = State::Lingering;
        // Bytes that are there already raise no event.
        self.woken.push(id);
    }

    /// The peer or the network ended it. Always false: there is nothing more to read.
    /// [MQTT311-4.8.0-2]
    pub(super) fn lose(&mut self, now: Now, id: ConnId, cause: Lost) -> bool {
        if self.conns.get_mut(id).is_some_and(|conn| conn.is_open()) {
            self.handle(now, Input::Lost { conn: id, cause });
        }
        self.drop_conn(id);
        false
    }

    /// TLS failed: the alert is on its way out and must arrive before the close.
    pub(super) fn lose_tls(&mut self, now: Now, id: ConnId) -> bool {
        self.handle(now, Input::Lost { conn: id, cause: Lost::Tls });
        if let Some(conn) = self.conns.get_mut(id) {
            self.traffic.waiting -= conn.lines.waiting();
            conn.lines.clear();
        }
        self.finish(now, id, Ending::Lost(Lost::Tls));
        self.make_dirty(id);
        false
    }

    /// The peer's WebSocket is closed, by its close frame or because it sent what is no frame: ours is the last it gets.
    pub(super) fn lose_frames(&mut self, now: Now, id: ConnId, cause: Lost) -> bool {
        if !self.conns.get_mut(id).is_some_and(|conn| conn.is_open()) {
            return false;
        }
        self.handle(now, Input::Lost { conn: id, cause });
        // What it is still owed (CONNACK, acknowledgements) stands before the close frame.
        self.finish(now, id, Ending::Lost(cause));
        false
    }

    /// Whoever did not close in time is closed.
    pub(super) fn close_overdue(&mut self, now: Now) {
        while let Some(first) = self.closing.front().copied()
            && (first.by <= now.mono || self.conns.get_mut(first.conn).is_none())
        {
            self.closing.pop_front();
            self.drop_conn(first.conn);
        }
    }

    /// Closes the socket and gives its counts back. The poll forgets a socket that is closed.
    pub(super) fn drop_conn(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.take(id) {
            self.traffic.waiting -= conn.lines.waiting();
        }
    }
}

/// The last words of each layer. Best effort: a socket that takes no byte more gets none.
fn say_goodbye(conn: &mut Conn) {
    let mut frame = Vec::new();
    if let Framing::WebSocket(reader) = &conn.framing {
        // RFC 6455 §7.1.5: the peer's own code, or why it was cut off; else all is done, as mosquitto says.
        write_close(&mut frame, reader.closed().unwrap_or(CloseCode::NORMAL), None);
    }
    let mut last = Vec::new();
    match &mut conn.layer {
        Layer::Plain => last = frame,
        Layer::Tls(session) => {
            // A session that cannot seal is closed without words.
            let _ = session.seal(&frame, &mut last);
            session.close_notify(&mut last);
        }
    }
    if !last.is_empty() {
        let _ = conn.stream.write(&last);
    }
}
