//! One connection of a shard: socket, TLS, what waits in both directions. It decides nothing.

use std::sync::Arc;

use sealmq_broker::{Charge, ConnId, Ending};
use sealmq_mqtt::Version;
use sealmq_mqtt::websocket::ControlPayload;
use sealmq_tls::TlsSession;

use super::errands::Proving;
use super::lines::Lines;
use crate::door::limits::ConnectionGuard;
use crate::door::stream::{PeerAddress, ShardStream};
use crate::established::Framing;

/// Plain bytes, or TLS over them.
pub(crate) enum Layer {
    Plain,
    Tls(Box<TlsSession>),
}

/// How far a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Packets go both ways.
    Open,
    /// The core has let it go: what waits is written, then it is closed.
    Finishing(Ending),
    /// Everything is written and said; bytes of the peer are read and thrown away until it closes too, so that our
    /// last words are not overtaken by a reset.
    Lingering,
}

/// Whether packets of the client are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// Yes.
    Open,
    /// Not until it has read some of the answers that wait for it; then it is looked at again.
    Waits,
    /// They are the last, of one read: all of them.
    Last,
}

/// A sealed batch on its way out.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Bytes for the socket.
    pub(crate) bytes: Vec<u8>,
    /// How many of them have left.
    pub(crate) sent: usize,
    /// MQTT bytes in it, reported to the core when all have left.
    pub(crate) mqtt_bytes: usize,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }
}

/// Who is at the other end, for log lines.
#[derive(Debug)]
pub(crate) struct Who {
    pub(crate) address: PeerAddress,
    pub(crate) client_id: Arc<str>,
}

/// How large a packet of a connection may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PacketBytesMax {
    /// A client: as CONNACK has told it, and no more than `max_packet_size` is now.
    Told(u32),
    /// A bridge of ours: whatever the reload says.
    Fixed(u32),
}

impl PacketBytesMax {
    /// `now` is `max_packet_size`.
    pub(crate) fn bytes(self, now: u32) -> u32 {
        match self {
            PacketBytesMax::Told(told) => told.min(now),
            PacketBytesMax::Fixed(bytes) => bytes,
        }
    }
}

pub(crate) struct Conn {
    pub(crate) id: ConnId,
    pub(crate) stream: ShardStream,
    pub(crate) layer: Layer,
    pub(crate) framing: Framing,
    /// The last ping of its WebSocket, not answered yet. Only the last: a client that does not read makes no queue.
    pub(crate) pong: Option<Box<ControlPayload>>,
    pub(crate) version: Version,
    pub(crate) packet_bytes_max: PacketBytesMax,
    pub(crate) record_bytes_max: usize,
    /// Ciphertext of a record that is not complete.
    pub(crate) unopened: Vec<u8>,
    /// Plain bytes that are no whole packet yet, or that stay undecoded while publishers are held.
    pub(crate) undecoded: Vec<u8>,
    /// At least so many bytes make the packet at the front of `undecoded`.
    pub(crate) need: usize,
    /// Counts `undecoded` and `batch`.
    pub(crate) charge: Charge,
    pub(crate) lines: Lines,
    pub(crate) batch: Batch,
    pub(crate) state: State,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The poll said that the peer will send no more: the last bytes are read up to the end of the stream.
    pub(crate) read_closed: bool,
    /// It stands in the worker's queue of connections to read.
    pub(crate) in_ready: bool,
    /// It stands in the shard's list of connections to flush.
    pub(crate) in_dirty: bool,
    /// It stands in the shard's list of connections whose packets wait behind gates.
    pub(crate) in_gated: bool,
    /// A PUBLISH or PUBREL at its front waits until publishers are read again.
    pub(crate) held: bool,
    pub(crate) hearing: Hearing,
    pub(crate) who: Box<Who>,
    /// For a client that authenticated in AUTH packets, and may again.
    pub(crate) proving: Option<Box<Proving>>,
    pub(crate) _guard: ConnectionGuard,
}

impl Conn {
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Counts what its buffers hold now.
    pub(crate) fn recount(&mut self) {
        self.charge.resize(self.undecoded.len() + self.batch.bytes.len());
    }

    /// Whether it is not heard until its client has read some of what it asked for.
    pub(crate) fn must_read_first(&self) -> bool {
        self.is_open() && self.hearing != Hearing::Last && self.lines.has_too_many_answers()
    }

    /// Whether it is read when there is something: it neither waits for publishers' turn nor for its client to read.
    pub(crate) fn is_heard(&self) -> bool {
        !self.held && self.hearing != Hearing::Waits
    }

    /// Whether it has nothing left to write.
    pub(crate) fn is_flushed(&self) -> bool {
        self.batch.is_empty() && self.lines.is_empty()
    }
}
