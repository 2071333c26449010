//! What goes into a session and what comes out of it.

use sealmq_mqtt::{PacketId, ReasonCode};

use crate::Message;
use crate::error::{PublishError, SessionError};

/// A monotonic moment, in milliseconds since any fixed point.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Now(pub u64);

/// What happens to the connection below.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Input {
    /// A transport is open: CONNECT goes out.
    Opened,
    /// The transport is gone; the session waits for the next one.
    Lost,
    /// The moment of [`super::Session::poll_timeout`] has come.
    Timeout,
}

/// What the shell must do, in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// Write these bytes: one packet.
    Send(Vec<u8>),
    /// Tell the application.
    Event(Event),
    /// Close the transport once everything before this is written.
    Close,
}

/// What the application is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// The server has accepted the connection.
    Connected(Connected),
    /// A message has arrived (at QoS 2: and has been released).
    Message(Message),
    /// A message has reached the server as its QoS promises; at QoS 0 it has been handed to the transport.
    Published {
        /// What [`super::Session::publish`] returned.
        delivery: Delivery,
        /// What the server says; an error means that it did not take the message.
        reason: ReasonCode,
        /// The server's own words.
        reason_string: Option<String>,
    },
    /// A message will not be sent, because the server that we are connected to now does not take such ones.
    NotPublished {
        /// What [`super::Session::publish`] returned.
        delivery: Delivery,
        /// Why.
        error: PublishError,
    },
    /// The server's answer to a SUBSCRIBE, filter by filter.
    Subscribed {
        /// What [`super::Session::subscribe`] returned.
        packet_id: PacketId,
        /// The granted QoS or the refusal of each filter.
        reasons: Vec<ReasonCode>,
    },
    /// The server's answer to an UNSUBSCRIBE.
    Unsubscribed {
        /// What [`super::Session::unsubscribe`] returned.
        packet_id: PacketId,
        /// One code per filter; empty before MQTT 5.0.
        reasons: Vec<ReasonCode>,
    },
    /// The connection must end; a [`Output::Close`] follows.
    Failed(SessionError),
    /// A packet was sent or received, in mosquitto's words (with [`crate::Trace::On`]).
    Trace(String),
}

/// What CONNACK said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Connected {
    /// Whether the server kept a session of this client id.
    pub session_present: bool,
    /// The client id that the server chose, where the client gave none.
    pub assigned_client_id: Option<String>,
    /// The keep alive in force, in seconds.
    pub keep_alive_secs: u16,
}

/// A message given to [`super::Session::publish`]: counted from 1, never used twice in a session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Delivery(pub u64);
