//! What the core says happened, as mosquitto's log lines (contract section 4).

use sealmq_broker::{ConnId, Ending, Lost, Refusal, Start};
use sealmq_mqtt::Version;
use sealmq_mqtt::websocket::Violation;
use sealmq_tls::TlsFailure;

use super::Shard;
use crate::log::{Escaped, Event, Line};

impl Shard {
    pub(super) fn report(&mut self, event: sealmq_broker::Event) {
        use sealmq_broker::Event as Core;
        match event {
            Core::Connected { conn, client, username, version, start, keep_alive_secs } => {
                let start = match start {
                    Start::Clean => 1,
                    Start::Resume => 0,
                };
                let name =
                    username.as_deref().map(|name| format!(", u'{}'", Escaped(name))).unwrap_or_default();
                let (address, id) = (self.address(conn), Escaped(client.as_str()));
                let level = level_of(version);
                let text = format!(
                    "New client connected from {address} as {id} (p{level}, c{start}, k{keep_alive_secs}{name})."
                );
                let line = Line::new(Event::ClientConnected, text)
                    .field("address", address)
                    .field("client_id", client.as_str())
                    .field("username", username.as_deref())
                    .field("protocol_level", level)
                    .field("keep_alive_secs", keep_alive_secs);
                self.log.line(line);
            }
            Core::Refused { conn, client, why } => {
                let text = format!(
                    "Client {} [{}] disconnected: {}.",
                    Escaped(client.as_str()),
                    self.address(conn),
                    words_of_refusal(&why)
                );
                self.log.line(Line::new(Event::ClientRefused, text).field("client_id", client.as_str()));
            }
            Core::Disconnected { conn, client, why } => {
                if let Ending::NotAuthorised(ended) = &why {
                    self.judged.let_go(ended);
                }
                self.report_end(conn, client.as_str(), &why);
            }
            Core::SessionEnded { client } => {
                self.log
                    .with(Event::Protocol, || format!("Session of {} has ended.", Escaped(client.as_str())));
            }
            Core::Subscribed { client, filter, qos } => {
                self.log.with(Event::Subscribed, || {
                    format!("{} {} {}", Escaped(client.as_str()), qos.as_u8(), Escaped(&filter))
                });
            }
            Core::Unsubscribed { client, filter } => {
                self.log.with(Event::Unsubscribed, || {
                    format!("{} {}", Escaped(client.as_str()), Escaped(&filter))
                });
            }
            Core::QueueFull { client } => {
                let text = format!(
                    "Outgoing messages are being dropped for client {}: its queue is full.",
                    Escaped(client.as_str())
                );
                let hint =
                    "it does not take its messages fast enough; max_queued_messages says how many may wait";
                self.log.line(Line::new(Event::Dropped, text).hint(hint).field("client_id", client.as_str()));
            }
            Core::MemoryFull { held, max } => {
                let text = format!(
                    "memory_limit is reached ({held} of {max} bytes): no message, subscription or new client is taken."
                );
                let hint = "raise memory_limit and reload, or let less wait: max_queued_messages, \
                            persistent_client_expiration, retain_expiry_interval";
                self.log.line(Line::new(Event::LimitReached, text).hint(hint));
            }
            Core::RetainedFull { client, what } => {
                let who = client.map_or_else(|| "the broker".to_owned(), |c| Escaped(c.as_str()).to_string());
                self.log.line(Line::new(
                    Event::Dropped,
                    format!("A retained message of {who} was not kept: {what}."),
                ));
            }
            Core::RetainedHeldBack { client } => {
                let text = format!(
                    "Retained messages are held back from client {}: one SUBSCRIBE asked for too many.",
                    Escaped(client.as_str())
                );
                let hint = "subscribe with narrower filters, or with fewer of them in one packet";
                self.log.line(Line::new(Event::Dropped, text).hint(hint).field("client_id", client.as_str()));
            }
            Core::Judged { generation } => self.judged.report(self.id.index(), generation),
        }
    }

    fn report_end(&mut self, conn: ConnId, client: &str, why: &Ending) {
        let address = self.address(conn);
        let id = Escaped(client);
        let (event, text) = match words_of_ending(why) {
            None => (Event::ClientDisconnected, format!("Client {id} [{address}] disconnected.")),
            Some(words) => {
                let event = match why {
                    Ending::NotAuthorised(_) | Ending::CertificateEnded => Event::SessionEnded,
                    Ending::Disconnected
                    | Ending::Lost(_)
                    | Ending::Refused(_)
                    | Ending::TakenOver
                    | Ending::KeepAliveTimeout
                    | Ending::Malformed(_)
                    | Ending::ProtocolError(_)
                    | Ending::Limit(_)
                    | Ending::Shutdown => Event::ClientDisconnected,
                };
                (event, format!("Client {id} [{address}] disconnected: {words}."))
            }
        };
        self.log.line(Line::new(event, text).field("address", address).field("client_id", client));
    }

    pub(super) fn report_tls_failure(&mut self, conn: ConnId, failure: &TlsFailure) {
        let Some(conn) = self.conns.get_mut(conn) else { return };
        let whole = failure.to_string();
        let (what, hint) = whole.split_once("\nhint: ").unwrap_or((whole.as_str(), ""));
        let text =
            format!("Client {} [{}]: TLS failed, {what}.", Escaped(&conn.who.client_id), conn.who.address);
        self.log.line(Line::new(Event::TlsRefused, text).hint(hint).field("symptom", failure.code.as_str()));
    }

    pub(super) fn report_violation(&mut self, conn: ConnId, violation: Violation) {
        let Some(conn) = self.conns.get_mut(conn) else { return };
        self.log.with(Event::Protocol, || {
            format!("Client {} [{}]: {violation}.", Escaped(&conn.who.client_id), conn.who.address)
        });
    }

    fn address(&mut self, conn: ConnId) -> String {
        self.conns.get_mut(conn).map_or_else(|| "(gone)".to_owned(), |conn| conn.who.address.to_string())
    }
}

/// The protocol level as mosquitto logs it.
fn level_of(version: Version) -> u8 {
    match version {
        Version::V31 => 3,
        Version::V311 => 4,
        Version::V5 => 5,
    }
}

fn words_of_refusal(why: &Refusal) -> String {
    match why {
        Refusal::NotAuthorised(ended) => format!("not authorised ({ended})"),
        Refusal::CertificateEnded => "not authorised (its certificate or token has ended)".to_owned(),
        Refusal::SessionOfAnother => {
            "not authorised (the session of this client id belongs to another identity)".to_owned()
        }
        Refusal::KeepAlive => "keep alive above max_keepalive".to_owned(),
        Refusal::AuthenticationMethod => "bad authentication method".to_owned(),
        Refusal::Will => "its will is too large or has too many topic levels".to_owned(),
        Refusal::WillControl => "its will is for $CONTROL".to_owned(),
        Refusal::WillQoS => "the QoS of its will is above max_qos".to_owned(),
        Refusal::WillRetain => "its will is retained, and retain_available is false".to_owned(),
        Refusal::Sessions => "global_max_clients is reached".to_owned(),
        Refusal::Memory => "memory_limit is reached".to_owned(),
        Refusal::Shutdown => "the broker stops".to_owned(),
    }
}

/// `None` for an ordinary DISCONNECT, which mosquitto logs without a reason.
fn words_of_ending(why: &Ending) -> Option<String> {
    Some(match why {
        Ending::Disconnected => return None,
        // mosquitto tells neither from the other: a reset is what a client sends that was killed.
        Ending::Lost(Lost::Closed | Lost::Broken) => "connection closed by client".to_owned(),
        Ending::Lost(Lost::Tls) => "TLS failed".to_owned(),
        Ending::Lost(Lost::Shut) => "memory_limit is reached".to_owned(),
        Ending::Refused(refusal) => words_of_refusal(refusal),
        Ending::TakenOver => "session taken over".to_owned(),
        Ending::KeepAliveTimeout => "exceeded timeout".to_owned(),
        Ending::Malformed(text) => format!("malformed packet ({text})"),
        Ending::ProtocolError(text) => format!("protocol error ({text})"),
        Ending::Limit(text) => format!("limit reached ({text})"),
        Ending::NotAuthorised(ended) => format!("not authorised any more ({ended})"),
        Ending::CertificateEnded => "its certificate or token has ended".to_owned(),
        Ending::Shutdown => "the broker stops".to_owned(),
    })
}
