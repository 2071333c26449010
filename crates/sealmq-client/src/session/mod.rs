//! The client's side of MQTT as a state machine: bytes and commands in, bytes and events out.
//!
//! It owns no socket and reads no clock. A session outlives its connections: what was on its way at QoS 1 and 2 is
//! sent again after a reconnect, and subscriptions are made again where the server kept none.
//!
//! Invariants: nothing is sent before CONNACK but CONNECT; never more on its way than the server's receive maximum
//! [MQTT-3.3.4-9]; a packet id belongs to one exchange at a time [MQTT-2.2.1-3]; after DISCONNECT nothing is sent
//! [MQTT-3.14.4-2].

mod events;
mod inbound;
mod keep_alive;
mod login;
mod outbound;
mod requests;
mod server;
mod trace;
mod wire;

use std::collections::{BTreeMap, VecDeque};

use sealmq_mqtt::{Ack, Decoded, Limits, Packet, PacketId, ReasonCode};

use crate::error::{PublishError, Refusal, SessionError};
use crate::options::{SessionOptions, Start};
use crate::{Outgoing, Property};
pub use events::{Connected, Delivery, Event, Input, Now, Output};
use inbound::Inbound;
use keep_alive::{Due, KeepAlive};
use login::Login;
use outbound::Outbound;
use requests::{PacketIds, Request, Subscribed};
pub(crate) use server::{Availability, Server};

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
    login: Login,
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
            login: Login::Plain,
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

    /// Says good-bye: DISCONNECT, then the transport is closed. Without a connection only the latter.
    /// [MQTT-3.14.4-1] [MQTT311-3.14.4-1] [MQTT311-3.14.4-2]
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
        let packet = self.begin_login().and_then(|()| {
            wire::connect(&self.options, &self.client_id, self.login.first().as_deref())
                .map_err(SessionError::Connect)
        });
        match packet {
            Ok(packet) => self.send(now, packet),
            Err(error) => self.fail(now, error),
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
            if let Packet::ConnAck(connack) = &packet {
                return self.connack(now, connack);
            }
            if let Packet::Auth(auth) = &packet {
                return self.challenged(now, auth);
            }
            return Err(SessionError::Unexpected(packet.packet_type()));
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
            // Only a client begins a re-authentication, and this one does not. [MQTT-4.12.1-1]
            Packet::Auth(_) => Err(SessionError::AuthNotSupported),
            Packet::ConnAck(_)
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq => Err(SessionError::Unexpected(packet.packet_type())),
        }
    }

    /// [MQTT-3.2.2-5]
    fn connack(&mut self, now: Now, connack: &sealmq_mqtt::ConnAck<'_>) -> Result<(), SessionError> {
        let (code, reason) = wire::connack_code(connack);
        self.trace_as_named(connack, code);
        if code != 0 {
            return Err(SessionError::Refused { code, refusal: Refusal::new(reason, &connack.properties) });
        }
        self.check_server(connack)?;
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

impl SessionOptions {
    /// Whether the server is asked to forget what it kept.
    pub(crate) fn is_clean(&self) -> bool {
        self.start == Start::Clean
    }
}
