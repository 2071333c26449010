//! The client's side of MQTT as a state machine: bytes and commands in, bytes and events out.
//!
//! It owns no socket and reads no clock. A session outlives its connections: what was on its way at QoS 1 and 2 is
//! sent again after a reconnect, and subscriptions are made again where the server kept none.
//!
//! Invariants: nothing is sent before CONNACK but CONNECT; never more on its way than the server's receive maximum
//! [MQTT-3.3.4-9]; a packet id belongs to one exchange at a time [MQTT-2.2.1-3]; after DISCONNECT nothing is sent
//! [MQTT-3.14.4-2].

mod inbound;
mod outbound;
mod trace;
mod wire;

use std::collections::{BTreeMap, VecDeque};

use sealmq_mqtt::{Ack, Decoded, Limits, Packet, PacketId, PacketType, Properties, ReasonCode, Version};

use crate::error::{PublishError, Refusal, SessionError, SubscribeError};
use crate::options::{SessionOptions, Start};
use crate::{Filter, Message, Outgoing, Property};
use inbound::Inbound;
use outbound::Outbound;

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
    /// The moment of [`Session::poll_timeout`] has come.
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
        /// What [`Session::publish`] returned.
        delivery: Delivery,
        /// What the server says; an error means that it did not take the message.
        reason: ReasonCode,
        /// The server's own words.
        reason_string: Option<String>,
    },
    /// A message will not be sent, because the server that we are connected to now does not take such ones.
    NotPublished {
        /// What [`Session::publish`] returned.
        delivery: Delivery,
        /// Why.
        error: PublishError,
    },
    /// The server's answer to a SUBSCRIBE, filter by filter.
    Subscribed {
        /// What [`Session::subscribe`] returned.
        packet_id: PacketId,
        /// The granted QoS or the refusal of each filter.
        reasons: Vec<ReasonCode>,
    },
    /// The server's answer to an UNSUBSCRIBE.
    Unsubscribed {
        /// What [`Session::unsubscribe`] returned.
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

/// A message given to [`Session::publish`]: counted from 1, never used twice in a session.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Delivery(pub u64);

/// The state machine.
pub struct Session {
    options: SessionOptions,
    state: State,
    client_id: String,
    server: Server,
    packet_ids: PacketIds,
    outbound: Outbound,
    inbound: Inbound,
    requests: BTreeMap<PacketId, Request>,
    subscriptions: Vec<Subscribed>,
    keep_alive: KeepAlive,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// No transport.
    Closed,
    /// CONNECT is out.
    Connecting,
    /// CONNACK has said yes.
    Connected,
    /// The last packet of this connection has been sent or received.
    Ended,
}

/// A SUBSCRIBE that the server has granted or is to grant: made again where the server lost it.
#[derive(Clone, Debug)]
struct Subscribed {
    filter: Filter,
    properties: Vec<Property>,
}

#[derive(Clone, Debug)]
enum Request {
    Subscribe { filters: usize },
    Unsubscribe,
}

/// What the server of this connection takes; MQTT 5.0 §3.2.2.3 with its defaults.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Server {
    pub(crate) receive_maximum: u16,
    pub(crate) qos_max: sealmq_mqtt::QoS,
    pub(crate) retain: Availability,
    pub(crate) packet_bytes_max: Option<u32>,
    pub(crate) topic_alias_max: u16,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Availability {
    Available,
    Missing,
}

#[derive(Clone, Copy, Debug, Default)]
struct KeepAlive {
    interval_ms: u64,
    last_sent: u64,
    ping_sent: Option<u64>,
}

/// Hands out packet ids that are free.
#[derive(Clone, Copy, Debug)]
struct PacketIds {
    next: PacketId,
}

impl Session {
    /// A session that waits for its first transport.
    pub fn new(options: SessionOptions) -> Self {
        let inflight_max = options.inflight_max;
        Self {
            client_id: options.client_id.clone(),
            inbound: Inbound::new(&options.properties),
            options,
            state: State::Closed,
            server: Server::unknown(),
            packet_ids: PacketIds { next: PacketId::MIN },
            outbound: Outbound::new(inflight_max),
            requests: BTreeMap::new(),
            subscriptions: Vec::new(),
            keep_alive: KeepAlive::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes what happened to the transport.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::Opened => self.open(now),
            Input::Lost => self.lost(),
            Input::Timeout => self.timeout(now),
        }
    }

    /// Takes what has been received so far, and returns how many bytes of it are done with. The rest belongs in
    /// front of what is received next.
    pub fn receive(&mut self, now: Now, bytes: &[u8]) -> usize {
        let limits = self.limits();
        let mut done = 0;
        while matches!(self.state, State::Connecting | State::Connected) {
            match sealmq_mqtt::decode(&bytes[done..], self.options.version, &limits) {
                Ok(Decoded::Incomplete { .. }) => break,
                Ok(Decoded::Packet { packet, len }) => {
                    done += len;
                    if let Err(error) = self.packet(now, packet) {
                        self.fail(now, error);
                    }
                }
                Err(error) => self.fail(now, SessionError::Malformed(error)),
            }
        }
        done
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is wanted.
    pub fn poll_timeout(&self) -> Option<Now> {
        match self.state {
            State::Connected => self.keep_alive.deadline().map(Now),
            State::Closed | State::Connecting | State::Ended => None,
        }
    }

    /// Gives a message to the session. At QoS 1 and 2 it waits for its turn, and for the next connection if need be.
    ///
    /// # Errors
    /// A message that MQTT or this server does not allow, a full queue, or QoS 0 without a connection.
    pub fn publish(&mut self, now: Now, message: Outgoing) -> Result<Delivery, PublishError> {
        wire::check_publish(&message, self.options.version)?;
        if self.state == State::Connected {
            self.server.check(&message, self.options.version)?;
        }
        let connected = self.state == State::Connected;
        let delivery = self.outbound.accept(message, connected)?;
        self.pump(now);
        Ok(delivery)
    }

    /// Whether [`Session::publish`] would put another message on its way at once.
    pub fn has_room(&self) -> bool {
        self.state == State::Connected && self.outbound.has_room(self.server.receive_maximum)
    }

    /// How many messages at QoS 1 and 2 have not reached the server yet.
    pub fn undelivered(&self) -> usize {
        self.outbound.undelivered()
    }

    /// Subscribes. The session subscribes again after a reconnect where the server kept nothing.
    ///
    /// # Errors
    /// A filter that is none, no filter at all, or no connection.
    pub fn subscribe(
        &mut self,
        now: Now,
        filters: &[Filter],
        properties: &[Property],
    ) -> Result<PacketId, SubscribeError> {
        wire::check_filters(filters)?;
        let packet_id = self.request_id()?;
        self.send(now, wire::subscribe(packet_id, filters, properties, self.options.version)?);
        for filter in filters {
            self.trace(|| trace::subscribe(packet_id, filter));
        }
        self.requests.insert(packet_id, Request::Subscribe { filters: filters.len() });
        for filter in filters {
            self.subscriptions.retain(|known| known.filter.filter != filter.filter);
            self.subscriptions.push(Subscribed { filter: filter.clone(), properties: properties.to_vec() });
        }
        Ok(packet_id)
    }

    /// Unsubscribes.
    ///
    /// # Errors
    /// A filter that is none, no filter at all, or no connection.
    pub fn unsubscribe(
        &mut self,
        now: Now,
        filters: &[String],
        properties: &[Property],
    ) -> Result<PacketId, SubscribeError> {
        wire::check_filter_texts(filters.iter().map(String::as_str))?;
        let packet_id = self.request_id()?;
        self.send(now, wire::unsubscribe(packet_id, filters, properties, self.options.version)?);
        for filter in filters {
            self.trace(|| trace::unsubscribe(packet_id, filter));
        }
        self.requests.insert(packet_id, Request::Unsubscribe);
        self.subscriptions.retain(|known| !filters.contains(&known.filter.filter));
        Ok(packet_id)
    }

    /// Says good-bye: DISCONNECT, then the transport is closed. Without a connection only the latter.
    pub fn disconnect(&mut self, now: Now, reason: ReasonCode, properties: &[Property]) {
        match self.state {
            State::Connected => {
                self.send_disconnect(now, reason, properties);
            }
            State::Closed | State::Connecting | State::Ended => {}
        }
        self.state = State::Ended;
        self.outputs.push_back(Output::Close);
    }

    /// The client id: as given, or as the server assigned it.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether CONNACK has said yes and nothing has ended the connection since.
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    fn open(&mut self, now: Now) {
        self.state = State::Connecting;
        self.server = Server::unknown();
        self.inbound.connection_opened();
        self.requests.clear();
        self.keep_alive = KeepAlive::new(self.options.keep_alive_secs);
        self.trace(trace::connect);
        match wire::connect(&self.options, &self.client_id) {
            Ok(packet) => self.send(now, packet),
            Err(error) => self.fail(now, SessionError::Connect(error)),
        }
    }

    fn lost(&mut self) {
        self.state = State::Closed;
    }

    fn timeout(&mut self, now: Now) {
        if self.state != State::Connected {
            return;
        }
        match self.keep_alive.due(now.0) {
            Due::Nothing => {}
            Due::Ping => {
                self.keep_alive.ping_sent = Some(now.0);
                self.trace(trace::pingreq);
                self.send(now, wire::plain(&Packet::PingReq, self.options.version));
            }
            // [MQTT-3.1.2-24] speaks of the server; a client that gets no PINGRESP closes, too (§3.1.2.10).
            Due::Dead => self.fail(now, SessionError::KeepAliveTimeout),
        }
    }

    fn packet(&mut self, now: Now, packet: Packet<'_>) -> Result<(), SessionError> {
        if self.state == State::Connecting {
            return match packet {
                Packet::ConnAck(connack) => self.connack(now, &connack),
                Packet::Auth(_) => Err(SessionError::AuthNotSupported),
                #[allow(clippy::wildcard_enum_match_arm, reason = "nothing else may come before CONNACK")]
                other => Err(SessionError::Unexpected(other.packet_type())),
            };
        }
        match packet {
            Packet::Publish(publish) => self.inbound_publish(now, &publish),
            Packet::PubAck(ack) => self.inbound_puback(now, &ack),
            Packet::PubRec(ack) => self.inbound_pubrec(now, &ack),
            Packet::PubRel(ack) => self.inbound_pubrel(now, &ack),
            Packet::PubComp(ack) => self.inbound_pubcomp(now, &ack),
            Packet::SubAck(suback) => self.suback(suback.packet_id, suback.codes.iter().collect()),
            Packet::UnsubAck(unsuback) => self.unsuback(unsuback.packet_id, unsuback.codes.iter().collect()),
            Packet::PingResp => {
                self.trace(trace::pingresp);
                self.keep_alive.ping_sent = None;
                Ok(())
            }
            Packet::Disconnect(disconnect) => {
                self.trace(|| trace::disconnected(disconnect.reason));
                Err(SessionError::Disconnected(Refusal::new(disconnect.reason, &disconnect.properties)))
            }
            // No authentication method was in CONNECT, so there is nothing to go on with [MQTT-4.12.0-6].
            Packet::Auth(_) => Err(SessionError::AuthNotSupported),
            Packet::ConnAck(_)
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq => Err(SessionError::Unexpected(packet.packet_type())),
        }
    }

    fn connack(&mut self, now: Now, connack: &sealmq_mqtt::ConnAck<'_>) -> Result<(), SessionError> {
        let (code, reason) = wire::connack_code(connack);
        self.trace_as_named(connack, code);
        if code != 0 {
            return Err(SessionError::Refused { code, refusal: Refusal::new(reason, &connack.properties) });
        }
        // [MQTT-3.2.2-4] a server with a session that we do not have: nothing to do, we have nothing to lose.
        self.state = State::Connected;
        self.server = Server::from_properties(&connack.properties);
        let keep_alive_secs = connack.properties.server_keep_alive().unwrap_or(self.options.keep_alive_secs);
        self.keep_alive = KeepAlive::new(keep_alive_secs);
        self.keep_alive.last_sent = now.0;
        let assigned_client_id = connack.properties.assigned_client_identifier().map(str::to_owned);
        if let Some(assigned) = &assigned_client_id {
            self.client_id.clone_from(assigned);
        }
        let connected =
            Connected { session_present: connack.session_present, assigned_client_id, keep_alive_secs };
        let kept = connected.session_present;
        self.outputs.push_back(Output::Event(Event::Connected(connected)));
        if !kept {
            self.inbound.session_lost();
            self.subscribe_again(now)?;
        }
        self.send_again(now, kept);
        self.pump(now);
        Ok(())
    }

    /// mosquitto's clients print an assigned client id from CONNACK on.
    fn trace_as_named(&mut self, connack: &sealmq_mqtt::ConnAck<'_>, code: u8) {
        if let Some(assigned) = connack.properties.assigned_client_identifier() {
            assigned.clone_into(&mut self.client_id);
        }
        self.trace(|| trace::connack(code));
    }

    fn subscribe_again(&mut self, now: Now) -> Result<(), SessionError> {
        for known in std::mem::take(&mut self.subscriptions) {
            self.subscribe(now, &[known.filter], &known.properties).map_err(SessionError::Subscribe)?;
        }
        Ok(())
    }

    fn suback(&mut self, packet_id: PacketId, reasons: Vec<ReasonCode>) -> Result<(), SessionError> {
        match self.requests.remove(&packet_id) {
            // [MQTT-3.9.3-1] one code per filter, in order.
            Some(Request::Subscribe { filters }) if filters == reasons.len() => {
                self.trace(trace::suback);
                self.outputs.push_back(Output::Event(Event::Subscribed { packet_id, reasons }));
                Ok(())
            }
            Some(_) | None => Err(SessionError::Unexpected(PacketType::SubAck)),
        }
    }

    fn unsuback(&mut self, packet_id: PacketId, reasons: Vec<ReasonCode>) -> Result<(), SessionError> {
        match self.requests.remove(&packet_id) {
            Some(Request::Unsubscribe) => {
                self.trace(trace::unsuback);
                self.outputs.push_back(Output::Event(Event::Unsubscribed { packet_id, reasons }));
                Ok(())
            }
            Some(_) | None => Err(SessionError::Unexpected(PacketType::UnsubAck)),
        }
    }

    fn request_id(&mut self) -> Result<PacketId, SubscribeError> {
        if self.state != State::Connected {
            return Err(SubscribeError::NotConnected);
        }
        self.free_packet_id().ok_or(SubscribeError::TooManyRequests)
    }

    fn free_packet_id(&mut self) -> Option<PacketId> {
        let (requests, outbound) = (&self.requests, &self.outbound);
        self.packet_ids.take(|id| requests.contains_key(&id) || outbound.uses(id))
    }

    /// Ends the connection because of what the server did: MQTT 5.0 tells it why [MQTT-4.13.1-1].
    fn fail(&mut self, now: Now, error: SessionError) {
        if let Some(reason) = error.tell_server()
            && self.options.version.is_v5()
            && self.state == State::Connected
        {
            self.send_disconnect(now, reason, &[]);
        }
        self.state = State::Ended;
        self.outputs.push_back(Output::Event(Event::Failed(error)));
        self.outputs.push_back(Output::Close);
    }

    /// Properties that MQTT forbids are left out rather than the good-bye.
    fn send_disconnect(&mut self, now: Now, reason: ReasonCode, properties: &[Property]) {
        let version = self.options.version;
        let packet = wire::disconnect(reason, properties, version).unwrap_or_else(|_| {
            wire::plain(&Packet::Disconnect(sealmq_mqtt::Disconnect::new(reason)), version)
        });
        self.trace(trace::disconnect);
        self.send(now, packet);
    }

    fn send_ack(
        &mut self,
        now: Now,
        packet: fn(Ack<'static>) -> Packet<'static>,
        id: PacketId,
        reason: ReasonCode,
    ) {
        let version = self.options.version;
        self.send(now, wire::plain(&packet(wire::ack(id, reason, version)), version));
    }

    fn send(&mut self, now: Now, packet: Vec<u8>) {
        self.keep_alive.last_sent = now.0;
        self.outputs.push_back(Output::Send(packet));
    }

    fn trace(&mut self, line: impl FnOnce() -> String) {
        if self.options.trace == crate::Trace::On {
            let name = if self.client_id.is_empty() { "(null)" } else { &self.client_id };
            self.outputs.push_back(Output::Event(Event::Trace(format!("Client {name} {}", line()))));
        }
    }

    fn limits(&self) -> Limits {
        let limits = Limits::of_client();
        let own = self.options.properties.iter().find_map(|property| {
            if let Property::MaximumPacketSize(bytes) = property { Some(*bytes) } else { None }
        });
        own.map_or(limits, |bytes| limits.with_packet_bytes_max(bytes))
    }
}

impl Server {
    fn unknown() -> Self {
        Self {
            receive_maximum: u16::MAX,
            qos_max: sealmq_mqtt::QoS::ExactlyOnce,
            retain: Availability::Available,
            packet_bytes_max: None,
            topic_alias_max: 0,
        }
    }

    fn from_properties(properties: &Properties<'_>) -> Self {
        let default = Self::unknown();
        Self {
            receive_maximum: properties
                .receive_maximum()
                .map_or(default.receive_maximum, std::num::NonZeroU16::get),
            qos_max: wire::qos_max(properties),
            retain: wire::retain_available(properties),
            packet_bytes_max: properties.maximum_packet_size().map(std::num::NonZeroU32::get),
            topic_alias_max: properties.topic_alias_maximum().unwrap_or(default.topic_alias_max),
        }
    }

    /// [MQTT-3.2.2-11] maximum QoS, [MQTT-3.2.2-14] retain, [MQTT-3.2.2-15] packet size, [MQTT-3.2.2-17] aliases.
    fn check(&self, message: &Outgoing, version: Version) -> Result<(), PublishError> {
        if message.qos > self.qos_max {
            return Err(PublishError::QoSNotSupported { qos: message.qos, max: self.qos_max });
        }
        if message.retain == crate::Retain::Stored && self.retain == Availability::Missing {
            return Err(PublishError::RetainNotSupported);
        }
        if version != Version::V5 {
            return Ok(());
        }
        for property in &message.properties {
            if let Property::TopicAlias(alias) = property
                && *alias > self.topic_alias_max
            {
                return Err(PublishError::TopicAlias { alias: *alias, max: self.topic_alias_max });
            }
        }
        match (self.packet_bytes_max, wire::publish_len(message, version)) {
            (Some(max), bytes) if bytes > max as usize => Err(PublishError::TooLarge { bytes, max }),
            (Some(_) | None, _) => Ok(()),
        }
    }
}

enum Due {
    Nothing,
    Ping,
    Dead,
}

impl KeepAlive {
    fn new(seconds: u16) -> Self {
        Self { interval_ms: u64::from(seconds) * 1000, last_sent: 0, ping_sent: None }
    }

    fn deadline(&self) -> Option<u64> {
        let from = self.ping_sent.unwrap_or(self.last_sent);
        (self.interval_ms > 0).then_some(from + self.interval_ms)
    }

    fn due(&self, now: u64) -> Due {
        match (self.deadline(), self.ping_sent) {
            (Some(deadline), Some(_)) if now >= deadline => Due::Dead,
            (Some(deadline), None) if now >= deadline => Due::Ping,
            (_, _) => Due::Nothing,
        }
    }
}

impl PacketIds {
    fn take(&mut self, used: impl Fn(PacketId) -> bool) -> Option<PacketId> {
        let first = self.next;
        loop {
            let id = self.next;
            self.next = id.next();
            if !used(id) {
                return Some(id);
            }
            if self.next == first {
                return None;
            }
        }
    }
}

impl SessionOptions {
    /// Whether the server is asked to forget what it kept.
    pub(crate) fn is_clean(&self) -> bool {
        self.start == Start::Clean
    }
}
