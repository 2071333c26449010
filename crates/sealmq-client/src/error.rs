//! What can go wrong for a client, typed, and what mends it.
//!
//! `Display` says what happened on one line; [`ClientError::hint`] says what to do about it.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "only some reason codes and system errors have a mend of their own"
)]

use sealmq_mqtt::{DecodeError, EncodeError, PacketType, Properties, QoS, ReasonCode, TopicError};
use sealmq_tls::TlsFailure;

use crate::websocket::WebSocketError;

/// A packet cannot be written: MQTT forbids what it should hold.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PacketError {
    /// A text or a length that MQTT forbids.
    #[error("{0}")]
    Encode(EncodeError),
    /// A property that MQTT forbids.
    #[error("{0}")]
    Property(sealmq_mqtt::PropertyError),
    /// A property with a value that MQTT forbids.
    #[error("the value of the property {name} is not allowed")]
    PropertyValue {
        /// Its name.
        name: &'static str,
    },
    /// The will's topic is no topic name.
    #[error("will topic '{topic}' {error}")]
    WillTopic {
        /// The topic.
        topic: String,
        /// The rule.
        error: TopicError,
    },
}

/// A message cannot be published.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PublishError {
    /// No connection, and QoS 0 does not wait for one.
    #[error("not connected")]
    NotConnected,
    /// The application publishes faster than the server acknowledges.
    #[error("{waiting} messages wait for the server already")]
    QueueFull {
        /// How many.
        waiting: usize,
    },
    /// The topic is no topic name.
    #[error("topic '{topic}' {error}")]
    Topic {
        /// The topic.
        topic: String,
        /// The rule.
        error: TopicError,
    },
    /// The server takes no such QoS [MQTT-3.2.2-11].
    #[error("QoS {qos} is not supported by the server, at most {max} is")]
    QoSNotSupported {
        /// The message's.
        qos: QoS,
        /// The server's.
        max: QoS,
    },
    /// The server stores no messages [MQTT-3.2.2-14].
    #[error("the server does not support retained messages")]
    RetainNotSupported,
    /// Larger than the server takes [MQTT-3.2.2-15], or than MQTT can express.
    #[error("a packet of {bytes} bytes is too large, the server takes {max}")]
    TooLarge {
        /// The PUBLISH.
        bytes: usize,
        /// The limit.
        max: u32,
    },
    /// More than the server's topic alias maximum [MQTT-3.2.2-17].
    #[error("topic alias {alias} is not accepted by the server, at most {max} is")]
    TopicAlias {
        /// The alias.
        alias: u16,
        /// The server's maximum.
        max: u16,
    },
    /// What MQTT forbids.
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// A SUBSCRIBE or UNSUBSCRIBE cannot be sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SubscribeError {
    /// No connection.
    #[error("not connected")]
    NotConnected,
    /// [MQTT-3.8.3-2]
    #[error("no topic filter given")]
    NoFilter,
    /// The filter is none.
    #[error("topic filter '{filter}' {error}")]
    Filter {
        /// The filter.
        filter: String,
        /// The rule.
        error: TopicError,
    },
    /// All 65,535 packet ids are in use.
    #[error("too many requests wait for the server")]
    TooManyRequests,
    /// What MQTT forbids.
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// The server's no: a reason and what it adds in its own words (escaped, since a peer wrote them).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The reason.
    pub reason: ReasonCode,
    /// Its reason string.
    pub reason_string: Option<String>,
    /// Where it says to go instead.
    pub server_reference: Option<String>,
}

/// The connection must end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SessionError {
    /// CONNECT cannot be sent.
    #[error("cannot connect: {0}")]
    Connect(PacketError),
    /// CONNACK said no.
    #[error("connection refused by the broker: {refusal} (code {code})")]
    Refused {
        /// The code on the wire: 1 to 5 before MQTT 5.0, 128 and more since.
        code: u8,
        /// In words.
        refusal: Refusal,
    },
    /// The server said good-bye.
    #[error("disconnected by the broker: {0}")]
    Disconnected(Refusal),
    /// The server did not answer a ping.
    #[error("the broker does not answer: no PINGRESP within the keep alive interval")]
    KeepAliveTimeout,
    /// The server sent bytes that are no MQTT.
    #[error("the broker sent what MQTT does not allow: {0}")]
    Malformed(DecodeError),
    /// The server sent a packet that has no place there.
    #[error("the broker sent an unexpected {0}")]
    Unexpected(PacketType),
    /// The server sends AUTH where none was asked for, or by another method.
    #[error("the broker asks for another authentication than this client offers")]
    AuthNotSupported,
    /// The exchange by SCRAM failed on the server's side.
    #[error("{0}")]
    Scram(sealmq_auth::scram::ClientError),
    /// A name or password that SCRAM does not take.
    #[error("user name and password: {0}")]
    NotPrintable(sealmq_auth::scram::NotPrintable),
    /// No nonce could be made.
    #[error("there is no randomness to log in with")]
    NoRandomness,
    /// The server used a topic alias that it had not set, or one above our maximum.
    #[error("the broker used the topic alias {alias}, which is not set")]
    TopicAlias {
        /// The alias; 0 where there was neither topic nor alias.
        alias: u16,
    },
    /// The server has more QoS 2 messages on their way than we allowed.
    #[error("the broker sent more than {max} QoS 2 messages at once")]
    ReceiveMaximum {
        /// What we said.
        max: u16,
    },
    /// A subscription could not be made again.
    #[error("cannot subscribe again: {0}")]
    Subscribe(SubscribeError),
}

/// A connection could not be made, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The name has no address.
    #[error("host name '{host}' is not known: {error}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver says.
        error: std::io::Error,
    },
    /// TCP or the unix socket did not connect.
    #[error("cannot connect to {endpoint}: {error}")]
    Connect {
        /// Where to.
        endpoint: String,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// TLS came to nothing.
    #[error("TLS with {endpoint} failed: {}", one_line(.failure))]
    Tls {
        /// With whom.
        endpoint: String,
        /// The failure.
        failure: Box<TlsFailure>,
    },
    /// The name to verify is neither a DNS name nor an address.
    #[error("'{host}' is no name that a certificate can have")]
    ServerName {
        /// The name.
        host: String,
    },
    /// It took too long.
    #[error("{endpoint} did not answer within {seconds} s")]
    Timeout {
        /// Who.
        endpoint: String,
        /// How long we waited.
        seconds: u64,
    },
    /// There is no WebSocket, or something is wrong with it.
    #[error("{endpoint}: {error}")]
    WebSocket {
        /// With whom.
        endpoint: String,
        /// What.
        error: WebSocketError,
    },
    /// The connection is gone.
    #[error("the connection to {endpoint} was lost{}", cause(.error))]
    Lost {
        /// To whom.
        endpoint: String,
        /// What the operating system says; `None` where the server just closed it.
        error: Option<std::io::Error>,
    },
    /// MQTT came to nothing.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A message could not be given to the session.
    #[error("cannot publish: {0}")]
    Publish(#[from] PublishError),
    /// A subscription could not be given to the session.
    #[error("cannot subscribe: {0}")]
    Subscribe(#[from] SubscribeError),
    /// The server refused a subscription that the caller relies on.
    #[error("the broker refused the subscription to '{filter}': {reason}")]
    SubscriptionRefused {
        /// The filter.
        filter: String,
        /// Why.
        reason: ReasonCode,
    },
    /// The server refused a message that the caller relies on.
    #[error("the broker refused the message on '{topic}': {reason}")]
    MessageRefused {
        /// The topic.
        topic: String,
        /// Why.
        reason: ReasonCode,
    },
}

fn cause(error: &Option<std::io::Error>) -> String {
    error.as_ref().map_or_else(String::new, |error| format!(": {error}"))
}

/// The failure without its hint, which [`ClientError::hint`] gives.
fn one_line(failure: &TlsFailure) -> String {
    let mut line = format!("{} {}", failure.code, failure.text());
    if !failure.detail.is_empty() {
        line.push_str(&format!(": {}", failure.detail));
    }
    if let Some(certificate) = &failure.certificate {
        line.push_str(&format!(" ({certificate})"));
    }
    line
}

impl Refusal {
    pub(crate) fn new(reason: ReasonCode, properties: &Properties<'_>) -> Self {
        Self {
            reason,
            reason_string: properties.reason_string().map(str::to_owned),
            server_reference: properties.server_reference().map(str::to_owned),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.reason.text())?;
        if let Some(words) = &self.reason_string {
            write!(formatter, ", \"{}\"", words.escape_debug())?;
        }
        if let Some(place) = &self.server_reference {
            write!(formatter, ", use {} instead", place.escape_debug())?;
        }
        Ok(())
    }
}

impl SessionError {
    /// The reason code with which a client leaves, where it is the server's fault and there is one.
    pub(crate) fn tell_server(&self) -> Option<ReasonCode> {
        match self {
            Self::Malformed(error) => Some(error.reason_code()),
            Self::Unexpected(_) | Self::AuthNotSupported => Some(ReasonCode::ProtocolError),
            Self::Scram(_) => Some(ReasonCode::NotAuthorized),
            Self::TopicAlias { .. } => Some(ReasonCode::TopicAliasInvalid),
            Self::ReceiveMaximum { .. } => Some(ReasonCode::ReceiveMaximumExceeded),
            Self::KeepAliveTimeout => Some(ReasonCode::UnspecifiedError),
            Self::Connect(_)
            | Self::Refused { .. }
            | Self::Disconnected(_)
            | Self::Subscribe(_)
            | Self::NotPrintable(_)
            | Self::NoRandomness => None,
        }
    }

    /// What to do about it.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { refusal, .. } | Self::Disconnected(refusal) => mend(refusal.reason),
            Self::Malformed(_) | Self::Unexpected(_) => Some(
                "is this the MQTT port? HTTP, WebSockets (--ws) and TLS (--cafile FILE) have ports of their own",
            ),
            Self::AuthNotSupported => Some("use a certificate, or a user name and a password"),
            Self::Scram(sealmq_auth::scram::ClientError::ServerProof) => Some(
                "this may not be your broker: it let you in without knowing your password; check the address",
            ),
            Self::Scram(_) => {
                Some("the broker's SCRAM is not RFC 7677's; update it, or leave --auth-method out")
            }
            Self::NotPrintable(_) => Some("give -u NAME and -P PASSWORD in printable ASCII, both not empty"),
            Self::NoRandomness => Some("a broken system: getrandom(2) fails"),
            Self::KeepAliveTimeout => {
                Some("the network or the broker is gone; try again, perhaps with a longer -k")
            }
            Self::Connect(_) | Self::TopicAlias { .. } | Self::ReceiveMaximum { .. } | Self::Subscribe(_) => {
                None
            }
        }
    }
}

/// What to do about a reason code of CONNACK or DISCONNECT.
fn mend(reason: ReasonCode) -> Option<&'static str> {
    let hint = match reason {
        ReasonCode::UnsupportedProtocolVersion => "try another version: -V mqttv311 or -V mqttv5",
        ReasonCode::ClientIdentifierNotValid => "choose another client id with -i; with -c one must be given",
        ReasonCode::BadUserNameOrPassword => {
            "check -u and -P, or give --cert and --key where the broker wants a certificate; its log says which"
        }
        ReasonCode::NotAuthorized => {
            "check -u and -P, or --cert and --key: what this broker wants, its log says"
        }
        ReasonCode::ServerUnavailable | ReasonCode::ServerBusy | ReasonCode::ServerShuttingDown => {
            "try again in a moment"
        }
        ReasonCode::SessionTakenOver => "another client uses the same client id: choose another one with -i",
        ReasonCode::KeepAliveTimeout => {
            "the broker heard nothing for too long: is a shorter -k needed on this network?"
        }
        ReasonCode::PacketTooLarge => {
            "send a smaller message, or raise max_packet_size in the broker's configuration"
        }
        ReasonCode::QoSNotSupported => "use a lower QoS with -q",
        ReasonCode::RetainNotSupported => "leave out -r, or --will-retain",
        ReasonCode::Banned | ReasonCode::AdministrativeAction => "ask who runs the broker; its log says more",
        ReasonCode::UseAnotherServer | ReasonCode::ServerMoved => "connect to the server that it names",
        _ => return None,
    };
    Some(hint)
}

impl ClientError {
    /// What mends it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Resolve { host, .. } => {
                Some(format!("check the spelling of '{host}', or connect to its address with -h"))
            }
            Self::Connect { error, endpoint } => connect_hint(error.kind(), endpoint),
            Self::Tls { failure, .. } => Some(failure.hint()),
            Self::ServerName { .. } => Some("give a host name or an address with -h".to_owned()),
            Self::Timeout { .. } => Some(
                "a firewall may drop the packets, or the port speaks another protocol: check -h and -p"
                    .to_owned(),
            ),
            Self::WebSocket { error, .. } => Some(error.hint().to_owned()),
            Self::Lost { error, .. } => lost_hint(error.as_ref()),
            Self::Session(error) => error.hint().map(str::to_owned),
            Self::SubscriptionRefused { .. } | Self::MessageRefused { .. } => {
                Some("the broker's access rules (acl) decide; its log names the rule".to_owned())
            }
            Self::Publish(PublishError::QoSNotSupported { .. }) => Some("use a lower QoS with -q".to_owned()),
            Self::Publish(PublishError::RetainNotSupported) => Some("leave out -r".to_owned()),
            Self::Publish(PublishError::TooLarge { .. }) => {
                Some("send less, or raise max_packet_size in the broker's configuration".to_owned())
            }
            Self::Publish(_) | Self::Subscribe(_) => None,
        }
    }
}

fn connect_hint(kind: std::io::ErrorKind, endpoint: &str) -> Option<String> {
    match kind {
        std::io::ErrorKind::ConnectionRefused => Some(format!(
            "nothing listens on {endpoint}: start the broker (sealmq up), or name another one with -h and -p"
        )),
        std::io::ErrorKind::NotFound => Some("there is no such socket: is the broker running?".to_owned()),
        std::io::ErrorKind::PermissionDenied => {
            Some("the socket or the network belongs to someone else".to_owned())
        }
        std::io::ErrorKind::AddrNotAvailable => Some("-A must be an address of this computer".to_owned()),
        std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable => {
            Some("there is no way to that network: check -h and the network's cable, Wi-Fi or VPN".to_owned())
        }
        _ => None,
    }
}

fn lost_hint(error: Option<&std::io::Error>) -> Option<String> {
    match error {
        None => Some(
            "the broker closed it without a word: plain MQTT on a TLS port ends so (give --cafile FILE), \
             MQTT on a WebSocket port (add --ws), and so does a client whose log in failed; the broker's log says why"
                .to_owned(),
        ),
        Some(_) => Some("the network or the broker ended it: its log says; plain MQTT on a TLS port ends so, too (give --cafile FILE)".to_owned()),
    }
}
