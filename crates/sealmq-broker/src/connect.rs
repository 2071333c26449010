//! CONNECT: the rules of both versions, the session it begins or continues, CONNACK.

use crate::{
    Assigned, Broker, ConnId, Ending, Event, Lane, Millis, Now, Outgoing, Output, Peer, Presence, Refusal,
    RetainedMessages, SessionOwner, Source, Start,
    answers::{self, Accepted},
    broker::Stage,
    heap::{CONNECTION_BYTES, SESSION_BYTES},
    places::Place,
    session::{
        AliasesOut, ClientKind, Connection, Incoming, Known, Life, Link, Session, Subscriptions, Will, Window,
    },
    sessions::SessionIndex,
    timers::{Deadlines, TimerKind},
    will,
};
use sealmq_mqtt::{Connect, ReasonCode, Version};
use std::{collections::BTreeMap, sync::Arc};

/// What a CONNECT that nothing refuses brings.
struct Passed {
    will: Option<Box<Will>>,
    /// Of a client that has no session yet.
    place: Option<Place>,
}

impl Broker {
    /// Adopts a connection, or refuses it with CONNACK.
    pub(crate) fn connected(&mut self, now: Now, conn: ConnId, connect: &Connect<'_>, mut peer: Peer) {
        self.counters.packets_received += 1;
        match self.check(now, connect, &mut peer) {
            Ok(passed) => self.adopt(now, conn, connect, peer, passed),
            Err(why) => self.refuse(conn, connect.version, peer, why),
        }
    }

    /// Everything that can refuse, before anything changes.
    fn check(&mut self, now: Now, connect: &Connect<'_>, peer: &mut Peer) -> Result<Passed, Refusal> {
        if self.stage == Stage::ShuttingDown {
            return Err(Refusal::Shutdown);
        }
        self.judge_newcomer(now.wall, &mut peer.principal)?;
        // Who names a method must have been authenticated by it. [MQTT-4.12.0-1]
        let done = peer.authentication.as_ref().map(|done| &*done.method);
        if connect.properties.authentication_method() != done {
            return Err(Refusal::AuthenticationMethod);
        }
        self.check_keep_alive(connect)?;
        let will =
            connect.will.as_ref().map(|asked| self.check_will(now, connect, asked, peer)).transpose()?;
        let will_bytes = will.as_ref().map_or(0, |will| will.message.size());
        let known = self.sessions.of_client(peer.client_id.as_str()).is_some();
        // Who is known may come back at the limit: what waits for it can only go this way.
        if (!known || will.is_some()) && !self.has_memory_for(SESSION_BYTES + CONNECTION_BYTES + will_bytes) {
            return Err(Refusal::Memory);
        }
        let place = match self.sessions.of_client(peer.client_id.as_str()) {
            Some(index) => {
                self.check_owner(index, peer)?;
                None
            }
            None => Some(self.tables.places.take(self.limits.sessions_max).ok_or(Refusal::Sessions)?),
        };
        Ok(Passed { will, place })
    }

    /// A client of 3.x cannot be told another keep alive, so it is refused; one of 5.0 is told. [MQTT-3.1.2-21]
    fn check_keep_alive(&self, connect: &Connect<'_>) -> Result<(), Refusal> {
        let asked = connect.keep_alive_secs;
        let too_long = self.policy.keep_alive_max_secs.is_some_and(|max| asked == 0 || asked > max);
        if too_long && !connect.version.is_v5() { Err(Refusal::KeepAlive) } else { Ok(()) }
    }

    fn check_will(
        &self,
        now: Now,
        connect: &Connect<'_>,
        asked: &sealmq_mqtt::Will<'_>,
        peer: &Peer,
    ) -> Result<Box<Will>, Refusal> {
        if self.limits.payload_bytes_max.is_some_and(|max| asked.payload.len() > max) {
            return Err(Refusal::Will);
        }
        // [MQTT-3.2.2-12]
        if asked.qos > peer.rules.max_qos {
            return Err(Refusal::WillQoS);
        }
        // [MQTT-3.2.2-13]
        if asked.retain && self.policy.retained == RetainedMessages::Unavailable {
            return Err(Refusal::WillRetain);
        }
        let source = Source::of(&peer.client_id, &peer.principal, &peer.rules, &self.policy);
        let mut will = will::from_connect(now, self.shard, connect, asked, &peer.rules, Arc::new(source));
        will.message = self.tables.heap.counted(will.message);
        // What is done by command is not left to an accident.
        if will.message.topic.starts_with("$CONTROL/") {
            return Err(Refusal::WillControl);
        }
        Ok(Box::new(will))
    }

    fn check_owner(&self, index: SessionIndex, peer: &Peer) -> Result<(), Refusal> {
        let session = self.session(index);
        // The client id of a bridge can be guessed; what waits for the other broker is nobody else's.
        if session.source.listener.is_of_bridges() && session.owner != peer.principal.owner {
            return Err(Refusal::SessionOfAnother);
        }
        match self.policy.session_owner {
            SessionOwner::Bound if self.session(index).owner != peer.principal.owner => {
                Err(Refusal::SessionOfAnother)
            }
            SessionOwner::Bound | SessionOwner::Mosquitto => Ok(()),
        }
    }

    /// [MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT-4.13.2-1] [MQTT311-3.2.2-5] [MQTT-3.14.0-1]
    fn refuse(&mut self, conn: ConnId, version: Version, peer: Peer, why: Refusal) {
        if let Some(packet) = answers::connack_refused(version, &why, peer.rules.max_qos) {
            self.counters.packets_sent += 1;
            let packet = Outgoing::Packet(packet);
            self.output(Output::Send { conn, packet, lane: Lane::Flow, gate: None });
        }
        self.event(Event::Refused { conn, client: peer.client_id, why: why.clone() });
        self.output(Output::Close { conn, why: Ending::Refused(why) });
    }

    /// [MQTT-3.1.4-5] [MQTT311-3.1.4-4] [MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT311-3.2.0-1]
    fn adopt(&mut self, now: Now, conn: ConnId, connect: &Connect<'_>, peer: Peer, passed: Passed) {
        let Passed { will, place } = passed;
        // Out of the session that may end now: a client that begins anew keeps its place.
        let known = self.sessions.of_client(peer.client_id.as_str());
        let place = known.map_or(place, |index| self.session_mut(index).place.take());
        let existing = self.make_way(now, connect, &peer);
        let resumed = existing.is_some();
        let keep_alive_secs = self.keep_alive(connect);
        let life = self.life(connect);
        let source = Arc::new(Source::of(&peer.client_id, &peer.principal, &peer.rules, &self.policy));
        let (client_id, assigned, rules) = (peer.client_id.clone(), peer.assigned, Arc::clone(&peer.rules));
        let owner = peer.principal.owner.clone();
        let username = peer.principal.username.clone();
        let authentication = peer.authentication.clone();
        let connection = self.connection(now, conn, connect, peer, keep_alive_secs);
        let index = match existing {
            Some(index) => index,
            None => self.sessions.insert(Session {
                client_id: client_id.clone(),
                owner: owner.clone(),
                source: Arc::clone(&source),
                life,
                link: Link::Offline,
                subscriptions: Subscriptions::default(),
                outgoing: Window::new(self.backlog.clone()),
                incoming: Incoming::default(),
                will: None,
                place: None,
                _charge: self.tables.heap.charge(SESSION_BYTES),
                deadlines: Deadlines::default(),
            }),
        };
        let session = self.session_mut(index);
        (session.owner, session.source, session.life, session.will) = (owner, source, life, will);
        session.place = place;
        session.link = Link::Online(Box::new(connection));
        self.sessions.bind(conn, index);
        self.arm_connection_timers(now, index);
        self.set_presence(index, Presence::Online);
        let gate = self.append_session(index, |session| session.record(None));
        let start = if connect.clean_start { Start::Clean } else { Start::Resume };
        let (version, announced) = (connect.version, keep_alive_secs);
        let accepted = Accepted {
            version,
            session_present: resumed,
            server_keep_alive: (announced != connect.keep_alive_secs).then_some(announced),
            assigned: (assigned == Assigned::ByServer).then_some(client_id.as_str()),
            retained: self.policy.retained,
            authentication: authentication.as_ref(),
            inflight_max: self.limits.inflight_max.max(1),
            rules: &rules,
        };
        let packet = Outgoing::Packet(answers::connack_accepted(&accepted));
        let fits = self.session(index).connection().is_some_and(|connection| connection.takes(packet.len()));
        if fits {
            self.send(index, packet, Lane::Flow, gate);
        }
        self.event(Event::Connected { conn, client: client_id, username, version, start, keep_alive_secs });
        if !fits {
            let rule = "Maximum Packet Size leaves no room for CONNACK";
            self.end_connection(now, index, Ending::ProtocolError(rule));
        } else if resumed {
            self.resume(now, index);
        }
    }

    /// Ends what stands in the way: an older connection of the same client id, and its session where the new one is
    /// clean. The session that is left, if any, is the one to continue. [MQTT-3.1.4-3] [MQTT-3.1.2-4] [MQTT-3.1.2-5]
    /// [MQTT-3.1.2-6] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [MQTT-3.2.2-3] [MQTT-3.1.2-23] [MQTT-4.1.0-2]
    /// [MQTT311-3.1.2-4] [MQTT311-3.1.2-6] [MQTT311-3.1.4-3] [MQTT311-3.2.2-2] [MQTT311-3.2.2-3]
    /// [MQTT311-4.1.0-1] [MQTT311-4.1.0-2] [MQTT311-3.1.4-2]
    fn make_way(&mut self, now: Now, connect: &Connect<'_>, peer: &Peer) -> Option<SessionIndex> {
        let client = &peer.client_id;
        let index = self.sessions.of_client(client.as_str())?;
        let session = self.session_mut(index);
        // A bridge would carry what somebody else has subscribed to the other broker.
        let strangers = peer.rules.listener.is_of_bridges() && !session.source.listener.is_of_bridges();
        let goes_on = !connect.clean_start && session.life != Life::Connection && !strangers;
        // The will of a session that goes on is taken back, and so is one that is delayed: its client is there again.
        // Only a session that ends publishes a will that is due at once. (mosquitto; [MQTT-3.1.3-9])
        if goes_on || session.will.as_ref().is_some_and(|will| will.delay != Millis(0)) {
            session.will = None;
        }
        if session.connection().is_some() {
            self.disconnect(now, index, ReasonCode::SessionTakenOver, Ending::TakenOver);
        }
        // That may have ended the session too.
        let index = self.sessions.of_client(client.as_str())?;
        if !goes_on {
            self.end_session(now, index);
            return None;
        }
        self.disarm(index, TimerKind::SessionEnd);
        self.disarm(index, TimerKind::Will);
        Some(index)
    }

    fn connection(
        &self,
        now: Now,
        conn: ConnId,
        connect: &Connect<'_>,
        peer: Peer,
        keep_alive_secs: u16,
    ) -> Connection {
        let properties = &connect.properties;
        let aliases_max =
            properties.topic_alias_maximum().unwrap_or(0).min(peer.rules.topic_alias_broker_max);
        Connection {
            conn,
            version: connect.version,
            kind: if connect.bridge { ClientKind::Bridge } else { ClientKind::Ordinary },
            // [MQTT-3.1.2-22] [MQTT311-3.1.2-24]
            silence_max: (keep_alive_secs != 0).then(|| Millis(u64::from(keep_alive_secs) * 1500)),
            last_received: now.mono,
            receive_max: properties
                .receive_maximum()
                .map_or(u16::MAX, std::num::NonZeroU16::get)
                .min(self.limits.inflight_max)
                .max(1)
                .into(),
            packet_bytes_max: properties.maximum_packet_size().map_or(usize::MAX, |max| max.get() as usize),
            aliases_in: BTreeMap::new(),
            aliases_out: AliasesOut::new(aliases_max),
            unwritten: 0,
            receiving: 0,
            receiving_max: self.limits.inflight_max.max(1).into(),
            admitted_by: peer.principal.admitted_by,
            generation: peer.principal.generation,
            ends_at: peer.principal.ends_at,
            authentication: peer.authentication.map(|done| Known::by(done.method)),
            rules: peer.rules,
            _charge: self.tables.heap.charge(CONNECTION_BYTES),
        }
    }

    /// The keep alive that counts. [MQTT-3.2.2-21]
    /// [MQTT-3.2.2-22]
    fn keep_alive(&self, connect: &Connect<'_>) -> u16 {
        match self.policy.keep_alive_max_secs {
            Some(max) if connect.keep_alive_secs == 0 || connect.keep_alive_secs > max => max,
            Some(_) | None => connect.keep_alive_secs,
        }
    }

    fn life(&self, connect: &Connect<'_>) -> Life {
        match (connect.version, connect.clean_start) {
            (Version::V5, _) => {
                Life::from_session_expiry(connect.properties.session_expiry_interval().unwrap_or(0))
            }
            (Version::V31 | Version::V311, true) => Life::Connection,
            (Version::V31 | Version::V311, false) => {
                self.policy.persistent_client_expiration.map_or(Life::Forever, Life::After)
            }
        }
    }

    /// Sends again what was under way, in its order, then what has waited. [MQTT-4.4.0-1] [MQTT311-4.4.0-1]
    fn resume(&mut self, now: Now, index: SessionIndex) {
        let released: Vec<_> = self.session(index).outgoing.released().collect();
        let version = self.session(index).connection().map_or(Version::V311, |connection| connection.version);
        for packet_id in released {
            self.send_flow(index, answers::pubrel(version, packet_id, ReasonCode::Success));
        }
        self.pump(now, index);
    }
}
