//! What goes into a bridge and what comes out of it.

use std::fmt;

use sealmq_mqtt::{ConnectReturnCode, ReasonCode};

/// A monotonic moment, in milliseconds since any fixed point.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Now(pub u64);

/// What happens around a bridge.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Input {
    /// It is to begin. Once.
    Start,
    /// The link to the local broker is gone.
    LocalLost,
    /// The link to the remote broker is open, TLS included: CONNECT goes out.
    RemoteOpened,
    /// It could not be opened, or is gone.
    RemoteLost,
    /// The address of [`Output::Probe`] can be reached.
    ProbeReached,
    /// It cannot.
    ProbeFailed,
    /// The moment of [`crate::Bridge::poll_timeout`] has come.
    Timeout,
    /// It is to end.
    Stop(Farewell),
}

/// Why a bridge ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Farewell {
    /// The process stops. The connection is cut without DISCONNECT, so that the will tells that the bridge is down.
    Shutdown,
    /// The configuration has it no longer: good-bye, and the local session goes with it.
    Removed,
    /// The configuration has another one of that name: good-bye, and the local session waits for it.
    Replaced,
}

/// What the shell must do, in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Output {
    /// Make a link to the local broker with this CONNECT. It counts as open at once.
    OpenLocal {
        /// The packet.
        connect: Vec<u8>,
    },
    /// Close that link once everything before this is written.
    CloseLocal,
    /// Open a link to the remote broker, [`Input::RemoteOpened`] or [`Input::RemoteLost`] is the answer.
    Dial {
        /// Which of the addresses.
        address: usize,
    },
    /// Close that link (or give up dialling) once everything before this is written. No answer.
    CloseRemote,
    /// See whether TCP gets through to this address: [`Input::ProbeReached`] or [`Input::ProbeFailed`].
    Probe {
        /// Which of the addresses.
        address: usize,
    },
    /// Bytes for the local broker: whole packets.
    SendLocal(Vec<u8>),
    /// Bytes for the remote broker: whole packets.
    SendRemote(Vec<u8>),
    /// For the log.
    Tell(Told),
    /// It has ended; nothing follows.
    Stopped,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// Something does not work.
    Error,
    /// Something should be mended.
    Warning,
    /// People want to know.
    Notice,
    /// Some people want to know.
    Information,
    /// Only who looks for a fault.
    Debug,
}

/// What a bridge tells the log. The texts are mosquitto's where it has one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// A local subscription is made.
    LocalSubscribe {
        /// The client id here.
        client_id: String,
        /// The filter.
        filter: String,
    },
    /// The remote broker has accepted us.
    Connected {
        /// The bridge.
        name: String,
    },
    /// The connection to the remote broker, or the attempt, is over.
    Lost {
        /// The bridge.
        name: String,
    },
    /// CONNACK of 3.x says no.
    RefusedV3(u8),
    /// CONNACK of 5.0 says no.
    RefusedV5(ReasonCode),
    /// 5.0 was refused as MQTT 3.x refuses it: the next attempt is 3.1.1.
    NotV5 {
        /// The bridge.
        name: String,
    },
    /// The remote broker broke the protocol.
    Fault {
        /// The bridge.
        name: String,
        /// What it did.
        text: String,
    },
    /// It has said DISCONNECT.
    Disconnected {
        /// The bridge.
        name: String,
        /// Why.
        reason: ReasonCode,
    },
    /// A SUBSCRIBE was refused.
    SubscriptionRefused {
        /// The bridge.
        name: String,
        /// The remote filter.
        filter: String,
    },
    /// A message that cannot be passed on was taken and dropped.
    Dropped {
        /// The bridge.
        name: String,
        /// The topic it came with.
        topic: String,
        /// Why.
        why: String,
    },
    /// The remote broker sent what no topic line asks for.
    Unasked {
        /// The bridge.
        name: String,
        /// The topic.
        topic: String,
    },
    /// The connection was stable for long enough.
    Stable {
        /// The bridge.
        name: String,
    },
    /// How long until the next attempt.
    BackOff {
        /// The bridge.
        name: String,
        /// Milliseconds.
        milliseconds: u64,
    },
    /// A lazy bridge had nothing to do.
    Idle {
        /// The client id here.
        client_id: String,
    },
    /// The first address can be reached again.
    PrimaryBack {
        /// The bridge.
        name: String,
    },
    /// The local broker did not take a link.
    LocalRefused {
        /// The bridge.
        name: String,
        /// Why.
        text: String,
    },
}

impl Told {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Told::RefusedV3(_) | Told::RefusedV5(_) | Told::LocalRefused { .. } => Severity::Error,
            Told::Fault { .. } | Told::SubscriptionRefused { .. } => Severity::Warning,
            Told::Connected { .. }
            | Told::Lost { .. }
            | Told::NotV5 { .. }
            | Told::Disconnected { .. }
            | Told::Dropped { .. }
            | Told::Idle { .. }
            | Told::PrimaryBack { .. } => Severity::Notice,
            Told::Unasked { .. } | Told::Stable { .. } | Told::BackOff { .. } => Severity::Information,
            Told::LocalSubscribe { .. } => Severity::Debug,
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::LocalSubscribe { client_id, filter } => {
                write!(f, "Bridge {client_id} doing local SUBSCRIBE on topic {filter}")
            }
            Told::Connected { name } => write!(f, "Bridge {name} connected."),
            Told::Lost { name } => write!(f, "Bridge {name} is not connected."),
            Told::RefusedV3(code) => write!(f, "Connection Refused: {}", refused_v3(*code)),
            Told::RefusedV5(reason) => write!(f, "Connection Refused: {}", refused_v5(*reason)),
            Told::NotV5 { name } => write!(
                f,
                "Warning: Remote bridge {name} does not support MQTT v5.0, reconnecting using MQTT v3.1.1."
            ),
            Told::Fault { name, text } => write!(f, "Bridge {name}: the remote broker {text}."),
            Told::Disconnected { name, reason } => {
                write!(f, "Bridge {name}: the remote broker ended the connection: {}.", reason.text())
            }
            Told::SubscriptionRefused { name, filter } => {
                write!(f, "Bridge {name}: the remote broker refused the subscription to {filter}.")
            }
            Told::Dropped { name, topic, why } => {
                write!(f, "Bridge {name}: a message to {topic} was dropped: {why}.")
            }
            Told::Unasked { name, topic } => {
                write!(f, "Bridge {name}: a message to {topic} was dropped: no topic line takes it in.")
            }
            Told::Stable { name } => {
                write!(f, "Bridge {name} connection was stable enough, resetting backoff")
            }
            Told::BackOff { name, milliseconds } => {
                write!(f, "Bridge {name} next backoff will be {milliseconds} ms")
            }
            Told::Idle { client_id } => {
                write!(f, "Bridge connection {client_id} has exceeded idle timeout, disconnecting.")
            }
            Told::PrimaryBack { name } => {
                write!(f, "Bridge {name}: its first address can be reached again, going back to it.")
            }
            Told::LocalRefused { name, text } => write!(f, "Bridge {name} has no session here: {text}."),
        }
    }
}

fn refused_v3(code: u8) -> &'static str {
    match ConnectReturnCode::from_u8(code) {
        Some(ConnectReturnCode::Accepted) | None => "unknown reason",
        Some(code) => code.text(),
    }
}

/// mosquitto's words for what a CONNACK of 5.0 may say.
fn refused_v5(reason: ReasonCode) -> String {
    let named = REASONS.iter().find(|(named, _)| *named == reason);
    named.map_or_else(|| capitalised(reason.text()), |(_, text)| (*text).to_owned())
}

/// Those that are more than the standard's words with a capital.
const REASONS: [(ReasonCode, &str); 8] = [
    (ReasonCode::QoSNotSupported, "QoS not supported (will retry)"),
    (ReasonCode::RetainNotSupported, "retain not available (will retry)"),
    (ReasonCode::BadUserNameOrPassword, "Bad User Name or Password"),
    (ReasonCode::ClientIdentifierNotValid, "Client Identifier not valid"),
    (ReasonCode::UnsupportedProtocolVersion, "Unsupported Protocol Version"),
    (ReasonCode::MalformedPacket, "Malformed Packet"),
    (ReasonCode::ProtocolError, "Protocol Error"),
    (ReasonCode::TopicNameInvalid, "Topic Name invalid"),
];

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
