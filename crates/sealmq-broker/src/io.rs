//! What goes into the core and what comes out of it.
//!
//! One [`Input`] enum, one [`Output`] enum. After each input the shell drains the outputs, in order. What a connection
//! is sent travels in two lines ([`Lane`]); within a line the order is the order of the outputs.

use crate::{
    ClientId, ConnId, ControlAnswer, ControlRequest, Errand, ErrandOutcome, Event, Forward, Limits, Message,
    Owner, Peer, Policy, ShardId,
    record::{Commit, Record},
};
use bytes::Bytes;
use sealmq_mqtt::{Connect, DecodeError, Dup, Packet, PacketId, QoS, SharedPublish, SubscriptionId};
use std::sync::Arc;

/// Everything that can happen to a shard.
#[derive(Debug)]
pub enum Input<'a> {
    /// The door has authenticated a connection and hands it over. Always the first input of its [`ConnId`].
    Connected {
        /// The connection's number from now on.
        conn: ConnId,
        /// Its CONNECT.
        connect: &'a Connect<'a>,
        /// Who it is and which rules its listener has.
        peer: Peer,
    },
    /// One packet of an adopted connection, in the order of the bytes.
    Received {
        /// Which connection.
        conn: ConnId,
        /// The packet, decoded with the version of its CONNECT.
        packet: Packet<'a>,
    },
    /// The bytes of a connection are no packet; the shell reads no further.
    Malformed {
        /// Which connection.
        conn: ConnId,
        /// What the codec found.
        error: DecodeError,
    },
    /// The connection is gone: no DISCONNECT came.
    Lost {
        /// Which connection.
        conn: ConnId,
        /// How it ended.
        cause: Lost,
    },
    /// That many bytes of what [`Output::Send`] gave have left towards the client.
    Written {
        /// Which connection.
        conn: ConnId,
        /// MQTT bytes (before TLS).
        bytes: usize,
    },
    /// Bytes of this connection wait undecoded because publishers are held ([`crate::Reading::HoldPublishers`]): its
    /// keep alive must not run out on what we do not read.
    Held {
        /// Which connection.
        conn: ConnId,
    },
    /// A message from another shard.
    Forwarded {
        /// The origin.
        from: ShardId,
        /// The message and whom of this shard it is for.
        forward: Forward,
    },
    /// A message that the broker itself publishes (`$SYS`, bridge states): no ACL, no acknowledgement.
    Local(LocalPublish<'a>),
    /// The answer to [`Output::Control`].
    ControlAnswer(ControlAnswer<'a>),
    /// Every record up to this one is durable.
    Committed {
        /// The last one.
        upto: Commit,
    },
    /// The answer to [`Output::Fetch`], oldest first; fewer than asked only if there are no more.
    Fetched {
        /// Whose queue.
        client: ClientId,
        /// Its next messages.
        messages: Vec<Stored>,
    },
    /// The answer to [`Output::Errand`].
    ErrandDone {
        /// Whose errand it was.
        conn: ConnId,
        /// What it came to.
        outcome: ErrandOutcome,
    },
    /// Once per turn of the worker's loop: judges the sessions again where the trust generation has moved.
    Turn,
    /// The configuration was reloaded.
    Policy(Arc<Policy>),
    /// The configuration was reloaded: these bounds hold from now on. What is queued or in flight above a new bound
    /// stays; nothing more is taken until there is room. What CONNACK has announced to a live connection (Receive
    /// Maximum) holds for it until it ends, as in mosquitto; a newcomer is told the new one.
    Limits(Limits),
    /// The right of these owners to be here was taken back for good, and [`Input::Turn`] has let their clients go: what is
    /// kept for them is forgotten. A session whose client is still here stays.
    Forget(&'a [Owner]),
    /// The process stops: every client is told and let go; wills are published.
    Shutdown,
}

/// A message of the broker itself.
#[derive(Debug, Clone, Copy)]
pub struct LocalPublish<'a> {
    /// A valid topic name.
    pub topic: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// Quality of service.
    pub qos: QoS,
    /// Whether it is kept for later subscribers.
    pub retain: Retain,
}

/// The RETAIN flag of a PUBLISH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Retain {
    /// RETAIN 0.
    #[default]
    Live,
    /// RETAIN 1.
    Retained,
}

/// How a connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The peer closed it without DISCONNECT.
    Closed,
    /// Reset, or any other socket error.
    Broken,
    /// TLS failed on it.
    Tls,
    /// The shell shut it: what it has sent of a packet does not fit into `memory_limit`.
    Shut,
}

/// A message that comes back from the store.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The message.
    pub message: Arc<Message>,
    /// How it is to be delivered.
    pub delivery: Delivery,
}

/// How one session gets one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The lower of what was published and what was granted.
    pub qos: QoS,
    /// The RETAIN flag to send.
    pub retain: Retain,
    /// The identifiers of all subscriptions that matched. [MQTT-3.3.4-4]
    pub subscription_ids: Box<[SubscriptionId]>,
}

/// What the shell is to do, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send a packet. [`Input::Written`] answers with its bytes.
    Send {
        /// To whom.
        conn: ConnId,
        /// What.
        packet: Outgoing,
        /// Which of the two lines it waits in.
        lane: Lane,
        /// Not before this is durable; `None`: at once.
        gate: Option<Commit>,
    },
    /// Close, after everything queued before this in both lines has been written. No input of this connection counts
    /// from now on. Also given for a connection that was [`Input::Lost`]: there is nothing left to close then.
    Close {
        /// Which.
        conn: ConnId,
        /// Why, for the log.
        why: Ending,
    },
    /// Give a message to another shard, through [`crate::Exchange`].
    Forward {
        /// The target.
        to: ShardId,
        /// The message.
        forward: Forward,
    },
    /// Write a record down. Numbers rise by one.
    Append {
        /// Its number.
        commit: Commit,
        /// What happened.
        record: Record,
    },
    /// Bring the next messages of a queue back from the store.
    Fetch {
        /// Whose queue.
        client: ClientId,
        /// At most so many.
        messages_max: usize,
    },
    /// A client asks the broker itself for something. Answered with [`Input::ControlAnswer`], or not at all.
    Control(ControlRequest),
    /// Find something out and come back with [`Input::ErrandDone`], always, and without holding anything up.
    Errand {
        /// Who waits for it.
        conn: ConnId,
        /// What.
        errand: Errand,
    },
    /// For the log, `$SYS` and metrics.
    Event(Event),
}

/// The two first-in-first-out lines of a connection. The first never holds back the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Acknowledgements of the client's own publishes: PUBACK, PUBREC, PUBCOMP.
    Ack,
    /// Everything else.
    Flow,
}

/// A packet on its way to a client.
#[derive(Debug, Clone)]
pub enum Outgoing {
    /// A PUBLISH that was encoded once for many.
    Publish {
        /// The encoded packet.
        shared: SharedPublish,
        /// This receiver's packet id; `None` at QoS 0.
        packet_id: Option<PacketId>,
        /// Whether it may have been sent before.
        dup: Dup,
    },
    /// Any other packet, encoded.
    Packet(Bytes),
}

impl Outgoing {
    /// Its bytes on the wire.
    pub fn len(&self) -> usize {
        match self {
            Outgoing::Publish { shared, .. } => shared.len(),
            Outgoing::Packet(bytes) => bytes.len(),
        }
    }

    /// Whether it has none; never, for what the core sends.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends its bytes to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Outgoing::Publish { shared, packet_id, dup } => {
                shared
                    .write(*packet_id, *dup, out)
                    .expect("made by the core: a packet id exactly above QoS 0");
            }
            Outgoing::Packet(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The client sent DISCONNECT.
    Disconnected,
    /// The client is gone without one.
    Lost(Lost),
    /// Its CONNECT was refused; CONNACK said so.
    Refused(Refusal),
    /// Another connection uses its client id now.
    TakenOver,
    /// Nothing came for one and a half times the keep alive.
    KeepAliveTimeout,
    /// What it sent is no MQTT.
    Malformed(DecodeError),
    /// What it sent breaks the protocol, with the rule in words.
    ProtocolError(&'static str),
    /// It reached a bound of [`crate::Limits`].
    Limit(&'static str),
    /// Its judgment was taken back: revoked, CA gone, account gone.
    NotAuthorised(crate::Ended),
    /// Its certificate has ended.
    CertificateEnded,
    /// The broker stops.
    Shutdown,
}

/// Why a CONNECT was refused by the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The trust that admitted it has moved, and the new judgment is no.
    NotAuthorised(crate::Ended),
    /// Its certificate has ended between judgment and adoption.
    CertificateEnded,
    /// The session of this client id belongs to another identity.
    SessionOfAnother,
    /// Keep alive above `max_keepalive` (3.x).
    KeepAlive,
    /// It asks for an authentication method by which the door has not authenticated it.
    AuthenticationMethod,
    /// Its will is larger than `message_size_limit` or has too many levels.
    Will,
    /// Its will is for `$CONTROL/`.
    WillControl,
    /// Its will has a QoS above the listener's.
    WillQoS,
    /// Its will is retained, and retained messages are switched off.
    WillRetain,
    /// `global_max_clients` sessions exist.
    Sessions,
    /// `memory_limit` is reached, and it has no session yet or wants a will.
    Memory,
    /// The broker stops.
    Shutdown,
}
