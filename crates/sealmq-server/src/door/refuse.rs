//! Turning someone away: what he is told, what the log says, and a close that lets him read it.
//!
//! Closing a socket with unread bytes makes the kernel send a reset, which can overtake the CONNACK or the alert. So:
//! write, shut the writing direction, read and throw away what still comes, for a short while, then close.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sealmq_broker::connack_refusal;
use sealmq_mqtt::{ConnAck, ConnAckCode, Packet, PropertiesBuf, QoS, Version, encode};
use sealmq_tls::{Code, Direction, TlsFailure};

use super::Door;
use super::authenticate::Denied;
use super::limits::Full;
use super::listener::ListenerState;
use super::proxy::refusal::ProxyRefusal;
use super::stream::{DoorStream, PeerAddress};
use crate::log::mute::Symptom;
use crate::log::{Escaped, Event, Line};

/// How long a refused peer has to read and close.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what it still sends is read.
const LINGER_BYTES: usize = 256 * 1024;

/// Why a connection does not become a client.
#[derive(Debug)]
pub(super) enum Turned {
    /// The PROXY header, or whose it is.
    Proxy(ProxyRefusal),
    /// TLS failed; the alert, if we owe one, is in the bytes to send.
    Tls(Box<TlsFailure>),
    /// CONNECT was refused, and who it was.
    Denied(Box<DeniedClient>),
    /// What came is no CONNECT.
    NotMqtt { code: &'static str, text: String, hint: Option<String> },
    /// It was no client: a browser got a page, or the word that there is none.
    Page { text: String },
    /// A bound was reached.
    Full(Full),
    /// The deadline passed.
    TooLate,
    /// The peer went before it had said anything that counts.
    Gone,
    /// A fault of ours.
    Fault(String),
}

/// Who was refused, and why.
#[derive(Debug)]
pub(super) struct DeniedClient {
    pub(super) denied: Denied,
    pub(super) client_id: String,
    pub(super) username: Option<String>,
}

impl Turned {
    /// A refusal of the codec.
    pub(super) fn not_mqtt(text: impl Into<String>) -> Turned {
        Turned::NotMqtt { code: "SMQ-D010", text: text.into(), hint: None }
    }
}

impl Turned {
    /// Whether somebody tried to be let in and failed: what `ban_after` counts. Not what is a fault of ours (a check
    /// that could not be made), and not what has nothing to do with who it is.
    pub(super) fn is_failed_authentication(&self) -> bool {
        match self {
            Turned::Denied(client) => client.denied.is_failed_authentication(),
            Turned::Tls(failure) => {
                let about_the_peer = failure.certificate.is_some() || failure.code == Code::NoCertificate;
                let cannot_tell = matches!(
                    failure.code,
                    Code::AnchorEnded | Code::InventorySilent | Code::RevocationUnknown
                );
                failure.direction == Direction::WeRefused && about_the_peer && !cannot_tell
            }
            Turned::Proxy(refusal) => matches!(refusal, ProxyRefusal::NoCertificate(_)),
            Turned::NotMqtt { .. }
            | Turned::Page { .. }
            | Turned::Full(_)
            | Turned::TooLate
            | Turned::Gone
            | Turned::Fault(_) => false,
        }
    }
}

impl Door {
    /// Counts a failed authentication, and says so where it bans the address.
    pub(super) fn count_failure(&self, address: &PeerAddress, turned: &Turned) {
        if !turned.is_failed_authentication() {
            return;
        }
        if let Some(ban) = self.fence.failed(address.ip(), Instant::now()) {
            let text = format!(
                "{} is banned for {} seconds: too many failed authentications.",
                ban.network,
                ban.left.as_secs()
            );
            let line = Line::new(Event::Banned, text).field("network", ban.network.to_string());
            self.log.line(line.hint("`sealmq ban lift ADDRESS` ends it where there is a data_dir, else a reload with `ban_after 0`"));
        }
    }

    /// The log line of a refusal.
    pub(super) fn log_turned(&self, listener: &ListenerState, address: &PeerAddress, turned: &Turned) {
        let (code, line) = match turned {
            Turned::Gone => return,
            Turned::Page { text } => {
                return self.log.with(Event::PageServed, || format!("Page for {address}: {text}."));
            }
            Turned::Proxy(refusal) => (refusal.code(), refusal.line(address, listener)),
            Turned::Tls(failure) => (failure.code.as_str(), tls_line(address, listener, failure)),
            Turned::Denied(client) => (client.denied.code, denied_line(address, client)),
            Turned::NotMqtt { code, text, hint } => {
                (*code, closed(Event::ConnectionRefused, address, listener, text, hint.as_deref()))
            }
            Turned::Full(full) => {
                (full.code(), closed(Event::LimitReached, address, listener, full.text(), None))
            }
            Turned::TooLate => {
                let text = "it did not finish handshake and CONNECT in time";
                ("SMQ-D011", closed(Event::ConnectionRefused, address, listener, text, None))
            }
            Turned::Fault(text) => ("SMQ-D012", closed(Event::DoorFault, address, listener, text, None)),
        };
        self.log_refusal(Symptom { address: address.ip(), code }, line.field("symptom", code));
    }
}

fn closed(
    event: Event,
    address: &PeerAddress,
    listener: &ListenerState,
    text: &str,
    hint: Option<&str>,
) -> Line {
    let text = format!("Connection from {address} on {} rejected, {}.", listener.name, Escaped(text));
    let line =
        Line::new(event, text).field("address", address.to_string()).field("listener", listener.name.clone());
    match hint {
        Some(hint) => line.hint(hint),
        None => line,
    }
}

fn tls_line(address: &PeerAddress, listener: &ListenerState, failure: &TlsFailure) -> Line {
    let whole = failure.to_string();
    let (what, hint) = whole.split_once("\nhint: ").unwrap_or((whole.as_str(), ""));
    let text = format!("Connection from {address} on {} rejected, {what}.", listener.name);
    let line = Line::new(Event::TlsRefused, text)
        .field("address", address.to_string())
        .field("listener", listener.name.clone());
    if hint.is_empty() { line } else { line.hint(hint) }
}

fn denied_line(address: &PeerAddress, client: &DeniedClient) -> Line {
    let DeniedClient { denied, client_id, username } = client;
    let username = username.as_deref();
    let name = username.map(|name| format!(", u'{}'", Escaped(name))).unwrap_or_default();
    let id = if client_id.is_empty() { "(no id)" } else { client_id.as_str() };
    let text = format!(
        "Client {} [{address}] disconnected: {}. ({} {}{name})",
        Escaped(id),
        denied.word,
        denied.code,
        denied.text
    );
    let line = Line::new(Event::ClientRefused, text)
        .field("address", address.to_string())
        .field("client_id", client_id.as_str())
        .field("username", username);
    match &denied.hint {
        Some(hint) => line.hint(hint.clone()),
        None => line,
    }
}

/// The CONNACK that says no, as the core would say it: without properties but a lowered Maximum QoS.
pub(super) fn connack(denied: &Denied, version: Version, max_qos: QoS) -> Bytes {
    connack_refusal(version, denied.reason, denied.return_code, max_qos)
}

pub(super) fn encode_connack(code: ConnAckCode, version: Version) -> Vec<u8> {
    let properties = PropertiesBuf::new();
    let packet =
        Packet::ConnAck(ConnAck { session_present: false, code, properties: properties.as_properties() });
    let mut out = Vec::new();
    // A CONNACK without properties always fits; were it not so, closing without one is still a refusal.
    let _ = encode(&packet, version, &mut out);
    out
}

/// Says the last words and closes so that they can be read.
pub(super) async fn close_gently(stream: DoorStream, last_words: &[u8]) {
    let said = tokio::time::timeout(LINGER, stream.write_all(last_words)).await;
    if !matches!(said, Ok(Ok(()))) || stream.shutdown_write().is_err() {
        return;
    }
    let drain = async {
        let mut buffer = [0; 4096];
        let mut left = LINGER_BYTES;
        while left > 0 {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(n) => left = left.saturating_sub(n),
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, drain).await;
}
