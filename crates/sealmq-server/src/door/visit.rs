//! One connection on its way from `accept` to its shard.
//!
//! Its stages are those of [`Visit::admit`], in this order: limits (`accept.rs`, before there is a visit), the PROXY header
//! (`proxy/stage.rs`), TLS, HTTP and its upgrade to WebSocket (`web.rs`), CONNECT, authentication. One deadline is over all of them. Whatever is read is charged to the
//! budget of connections that are not admitted yet.

use std::sync::Arc;

use sealmq_broker::Peer;
use sealmq_config::Protocol;
use sealmq_mqtt::{
    Answer, ConnAckCode, Connect, DecodeError, Decoded, DecodedConnect, Limits, Packet, Version, decode,
    decode_connect,
};
use sealmq_tls::{Judged, Progress, Role, Stage, TlsFailure, TlsSession, VerifiedIdentity};
use zeroize::Zeroizing;

use super::Door;
use super::authenticate::{Authenticated, Denied, Rules, Shown, authenticate, check_version};
use super::enhanced::{
    AUTH_BYTES_MAX, Conversation, ScramLogin, Unproved, answer_of, auth_packet, check_method, protocol_error,
};
use super::limits::{ConnectionGuard, WaitingGuard};
use super::listener::ListenerState;
use super::proxy::stage::Vouched;
use super::refuse::{DeniedClient, Turned, close_gently, connack, encode_connack};
use super::stream::{DoorStream, Origin, PeerAddress};
use super::web::{Browsed, Certified, Inbound};
use crate::believed;
use crate::established::{Established, EstablishedLayer, Framing};
use crate::log::mute::Symptom;
use crate::log::{Event, Line};
use crate::trust::{Admitted, Carriage};

/// Bytes read at once. Small: a stranger is worth no more memory than that.
pub(super) const READ_BYTES: usize = 4 * 1024;

/// A connection that was counted and has said nothing yet.
pub(super) struct Visitor {
    pub(super) stream: DoorStream,
    pub(super) address: PeerAddress,
    pub(super) guard: ConnectionGuard,
    pub(super) waiting: WaitingGuard,
}

/// What has been read, and TLS if there is any.
pub(super) struct Visit<'a> {
    pub(super) door: &'a Door,
    pub(super) listener: &'a Arc<ListenerState>,
    stream: DoorStream,
    /// The client's: behind a proxy the one that its header gave, from then on.
    pub(super) address: PeerAddress,
    /// What a proxy said of its certificate.
    pub(super) vouched: Vouched,
    pub(super) waiting: WaitingGuard,
    tls: Option<Box<TlsSession>>,
    /// Received; TLS opens it in place, so it holds what CONNECT said.
    sealed: Zeroizing<Vec<u8>>,
    /// How MQTT lies in what TLS opened.
    pub(super) inbound: Inbound,
    /// The web page that it comes from.
    pub(super) browsed: Option<Box<Browsed>>,
    /// Opened, and HTTP or frames still.
    pub(super) framed: Zeroizing<Vec<u8>>,
    /// MQTT.
    pub(super) plain: Zeroizing<Vec<u8>>,
    /// To be written: handshake, alerts, CONNACK.
    out: Vec<u8>,
    /// Whether the peer has sent anything.
    heard: bool,
}

/// What the visit came to.
struct Admission {
    peer: Peer,
    again: Option<Arc<Admitted>>,
    connect_bytes: usize,
}

/// Takes one connection from accept to its shard, or turns it away.
pub(super) async fn visit(door: Arc<Door>, listener: Arc<ListenerState>, visitor: Visitor) {
    let Visitor { stream, address, guard, waiting } = visitor;
    let fault = FaultLine { door: &door, listener: &listener, address: address.clone() };
    // Before anything is asked of the listener, its TLS too: what changes meanwhile is judged again by the shard.
    let generation = door.trust.current();
    let tls = listener.tls().map(|tls| Box::new(tls.session(believed::now())));
    let mut visit = Visit {
        door: &door,
        listener: &listener,
        stream,
        address,
        vouched: Vouched::Nothing,
        waiting,
        tls,
        sealed: Zeroizing::new(Vec::new()),
        inbound: Inbound::of(listener.facts.protocol),
        browsed: None,
        framed: Zeroizing::new(Vec::new()),
        plain: Zeroizing::new(Vec::new()),
        out: Vec::new(),
        heard: false,
    };
    let outcome = tokio::time::timeout(door.limits.connect_deadline, visit.admit(generation)).await;
    match outcome.unwrap_or(Err(Turned::TooLate)) {
        Ok(admission) => {
            let address = visit.address.clone();
            match visit.into_established(admission, guard) {
                Ok(established) => door.hand_over(established),
                Err(turned) => door.log_turned(&listener, &address, &turned),
            }
        }
        Err(turned) => {
            door.log_turned(&listener, &visit.address, &turned);
            door.count_failure(&visit.address, &turned);
            visit.turn_away(&turned).await;
            drop(guard);
        }
    }
    drop(fault);
}

impl Visit<'_> {
    async fn admit(&mut self, generation: u64) -> Result<Admission, Turned> {
        let listener = Arc::clone(self.listener);
        if let Some(proxy) = &listener.proxy {
            self.read_proxy_header(proxy).await?;
        }
        let shown = self.shake_hands().await?;
        if listener.facts.protocol == Protocol::HttpApi {
            return Err(self.serve_api(shown, generation).await);
        }
        self.upgrade(if shown.is_some() { Certified::Yes } else { Certified::No }).await?;
        let limits = Limits {
            packet_bytes_max: self
                .door
                .limits
                .connect_bytes_max
                .min(self.listener.terms().rules.packet_bytes_max),
            topic_separators_max: self.door.topic_separators_max,
            ..Limits::of_broker()
        };
        let connect_bytes = self.read_connect(&limits).await?;
        self.door.fence.count_connect();
        let bytes = Zeroizing::new(self.plain[..connect_bytes].to_vec());
        let Ok(DecodedConnect::Connect { connect, .. }) = decode_connect(&bytes, &limits) else {
            return Err(Turned::Fault("CONNECT was lost".to_owned()));
        };
        self.door.asks.settled().await;
        let login = match connect.properties.authentication_method() {
            None => Ok(None),
            Some(method) => self.exchange(&connect, method, connect_bytes).await?.map(Some),
        };
        let rules = self.rules(generation);
        // For the log: who logs in by SCRAM need not say its name in CONNECT.
        let mut tried = connect.username.map(Arc::from);
        let outcome = match login {
            Ok(login) => {
                tried = login.as_ref().map(|login| Arc::clone(&login.username)).or(tried);
                authenticate(&rules, &connect, shown, login).await
            }
            Err(Unproved { denied, username }) => {
                tried = username.or(tried);
                Err(denied)
            }
        };
        match outcome {
            Ok(Authenticated { peer, admitted }) => {
                // Certificates of our own CA have a role, and are in the inventory.
                if let Some(proof) = admitted.proofs.certificate.as_ref().filter(|proof| proof.role.is_none())
                    && let Some(leaf) = proof.chain.certificates().first()
                {
                    self.door.seen.note(leaf, proof.name.as_deref(), believed::now());
                }
                let again = peer.authentication.is_some().then_some(admitted);
                Ok(Admission { peer, again, connect_bytes })
            }
            Err(denied) => {
                self.say(&connack(&denied, connect.version, self.listener.terms().rules.max_qos));
                Err(denied_of(&connect, tried.as_deref(), denied))
            }
        }
    }

    /// The exchange of AUTH packets between CONNECT and CONNACK: one question, one answer. Nothing else may come in
    /// between [MQTT-3.1.2-30]; the deadline over the whole visit is its deadline too.
    async fn exchange(
        &mut self,
        connect: &Connect<'_>,
        method: &str,
        at: usize,
    ) -> Result<Result<ScramLogin, Unproved>, Turned> {
        let proofs = self.listener.proofs();
        let first = connect.properties.authentication_data().map(|data| data.expose());
        let begun = check_version(&self.listener.access(), connect.version)
            .and_then(|()| check_method(&proofs, method))
            .and_then(|()| Conversation::begin(&proofs, first.unwrap_or_default()));
        let (conversation, challenge) = match begun {
            Ok(begun) => begun,
            Err(denied) => return Ok(Err(Unproved { denied, username: None })),
        };
        let username = conversation.username();
        self.say(&auth_packet(method, &challenge));
        self.flush().await?;
        let login = match self.read_answer(method, at).await? {
            Ok(answer) => conversation.finish(&answer),
            Err(denied) => Err(denied),
        };
        Ok(login.map_err(|denied| Unproved { denied, username: Some(username) }))
    }

    /// Reads one AUTH packet, takes it out of the bytes behind CONNECT, and gives its Authentication Data.
    async fn read_answer(
        &mut self,
        method: &str,
        at: usize,
    ) -> Result<Result<Zeroizing<Vec<u8>>, Denied>, Turned> {
        let limits = Limits { packet_bytes_max: AUTH_BYTES_MAX, ..Limits::of_broker() };
        loop {
            let (answer, len) = match decode(&self.plain[at..], Version::V5, &limits) {
                Ok(Decoded::Incomplete { .. }) => {
                    self.read_more().await?;
                    continue;
                }
                Ok(Decoded::Packet { packet: Packet::Auth(auth), len }) => (answer_of(&auth, method), len),
                Ok(Decoded::Packet { packet: Packet::Disconnect(_), .. }) => return Err(Turned::Gone),
                Ok(Decoded::Packet { .. }) => {
                    return Ok(Err(protocol_error("it sent another packet than AUTH before CONNACK")));
                }
                Err(error) => return Ok(Err(protocol_error(&error.to_string()))),
            };
            self.plain.drain(at..at + len);
            return Ok(answer);
        }
    }

    /// Runs the handshake to its end and the whole decision after it. Plain listeners have nothing to do here.
    async fn shake_hands(&mut self) -> Result<Option<Shown>, Turned> {
        // The client's first flight may have come behind the PROXY header, and has its answer then.
        self.flush().await?;
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.read_more().await?;
            self.flush().await?;
        }
        let Some(session) = self.tls.as_mut() else { return Ok(None) };
        let Some(tls) = self.listener.tls() else {
            return Err(Turned::Fault("its listener has no TLS any more".to_owned()));
        };
        let chain = session.peer_chain();
        let judged = tls.judge(&chain, believed::now());
        match judged {
            Ok(Judged::Identified(identity)) => {
                log_negotiated(self.door, &self.address, session);
                log_findings(self.door, &self.address, &identity);
                Ok(Some(Shown { chain, identity }))
            }
            Ok(Judged::Anonymous { .. }) => {
                log_negotiated(self.door, &self.address, session);
                Ok(None)
            }
            // The handshake verifier has said its alert already where the certificate is at fault; what only the
            // whole decision knows (inventory, identity) ends with close_notify.
            Err(refusal) => {
                Err(Turned::Tls(Box::new(TlsFailure::from_refusal(Role::Server, Stage::Judgment, refusal))))
            }
        }
    }

    /// Reads until CONNECT is whole and says how long it is.
    async fn read_connect(&mut self, limits: &Limits) -> Result<usize, Turned> {
        loop {
            match decode_connect(&self.plain, limits) {
                Ok(DecodedConnect::Connect { len, .. }) => return Ok(len),
                Ok(DecodedConnect::Incomplete { .. }) => {}
                Err(error) => return Err(self.refuse_bytes(&error)),
            }
            if self.is_closed() {
                return Err(Turned::not_mqtt("it closed its WebSocket before CONNECT"));
            }
            self.read_more().await?;
            // Tickets and the like go out with CONNACK; a failure of the peer's is answered at once.
        }
    }

    /// [MQTT-3.1.4-1] [MQTT311-3.1.4-1]
    fn refuse_bytes(&mut self, error: &DecodeError) -> Turned {
        match error.answer() {
            Answer::Close | Answer::Disconnect(_) => {}
            Answer::ReturnCode(code) => self.say(&encode_connack(ConnAckCode::V3(code), Version::V311)),
            Answer::ConnAck(reason) => self.say(&encode_connack(ConnAckCode::V5(reason), Version::V5)),
        }
        match self.plain.first() {
            // A TLS record of type handshake: RFC 8446 §5.1.
            Some(0x16) if self.tls.is_none() => Turned::NotMqtt {
                code: "SMQ-D013",
                text: "the client speaks TLS and this listener does not".to_owned(),
                hint: Some(format!(
                    "let the client connect to the TLS port, or give the listener on {} certfile and keyfile",
                    self.listener.name
                )),
            },
            Some(b'G' | b'H' | b'P' | b'O') => Turned::NotMqtt {
                code: "SMQ-D014",
                text: "the client speaks HTTP, not MQTT".to_owned(),
                hint: Some("a browser or a health check has the wrong port".to_owned()),
            },
            _ => Turned::not_mqtt(error.to_string()),
        }
    }

    /// What authentication goes by on this connection.
    pub(super) fn rules(&self, generation: u64) -> Rules<'_> {
        Rules {
            listener: self.listener,
            hashing: &self.door.hashing,
            tokens: &self.door.tokens,
            remembered: self.door.remembered.as_ref(),
            names: self.door.names.as_ref(),
            trust: &self.door.trust,
            vouched: &self.vouched,
            origin: self.origin(),
            carriage: self
                .tls
                .as_ref()
                .map_or(Carriage::Plain, |session| Carriage::Tls(session.negotiated())),
            browsed: self.browsed.as_deref(),
            generation,
        }
    }

    /// What is behind a proxy comes from elsewhere, whatever the header says: who may send one could say anything.
    fn origin(&self) -> Origin {
        match &self.listener.proxy {
            Some(_) => Origin::Elsewhere,
            None => self.stream.origin(&self.address),
        }
    }

    /// Reads once and takes in what came.
    pub(super) async fn read_more(&mut self) -> Result<(), Turned> {
        let mut buffer = Zeroizing::new([0; READ_BYTES]);
        let n = self.receive(buffer.as_mut()).await?;
        self.take_in(&buffer[..n])?;
        match self.inbound {
            // Tickets and the like go out with CONNACK.
            Inbound::Raw | Inbound::Undecided => Ok(()),
            // Answers to pings. A shard knows nothing of what the door still had to say.
            Inbound::WebSocket(_) => self.flush().await,
        }
    }

    /// Reads once. Always some bytes.
    pub(super) async fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Turned> {
        match self.stream.read(buffer).await {
            Ok(n) if n > 0 => Ok(n),
            Ok(_) | Err(_) => Err(self.ended()),
        }
    }

    /// Opens what the client sent, charges what is held.
    pub(super) fn take_in(&mut self, received: &[u8]) -> Result<(), Turned> {
        self.heard = true;
        let opened = match &self.inbound {
            Inbound::Raw => &mut self.plain,
            Inbound::Undecided | Inbound::WebSocket(_) => &mut self.framed,
        };
        // Beforehand: a buffer that grows leaves a copy behind that nobody wipes. An ordinary CONNECT fits.
        opened.reserve(received.len());
        let before = opened.len();
        match self.tls.as_mut() {
            None => opened.extend_from_slice(received),
            Some(session) => {
                self.sealed.extend_from_slice(received);
                match session.open(&mut self.sealed, opened, &mut self.out) {
                    Ok(Progress::Established | Progress::Handshaking) => {}
                    // Data may stand before close_notify: CONNECT, PUBLISH and DISCONNECT in one flight.
                    Ok(Progress::Closed) if opened.len() > before => {}
                    Ok(Progress::Closed) => return Err(self.ended()),
                    Err(failure) => return Err(Turned::Tls(Box::new(failure))),
                }
            }
        }
        self.read_frames()?;
        let held =
            self.sealed.capacity() + self.framed.capacity() + self.plain.capacity() + self.out.capacity();
        self.waiting.charge(held).map_err(Turned::Full)
    }

    /// The peer has closed: in the middle of a handshake that is a symptom, before it nobody's business.
    fn ended(&self) -> Turned {
        match &self.tls {
            Some(tls) if tls.is_handshaking() && self.heard => {
                Turned::Tls(Box::new(TlsFailure::closed_in_handshake(Role::Server)))
            }
            Some(_) | None => Turned::Gone,
        }
    }

    pub(super) async fn flush(&mut self) -> Result<(), Turned> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await.map_err(|_| self.ended())?;
            self.out.clear();
        }
        Ok(())
    }

    /// Adds MQTT bytes to what will be written.
    fn say(&mut self, mqtt: &[u8]) {
        let framed = self.framed(mqtt);
        self.send(&framed);
    }

    /// Adds bytes to what will be written, sealed if need be.
    pub(super) fn send(&mut self, plain: &[u8]) {
        match self.tls.as_mut() {
            None => self.out.extend_from_slice(plain),
            // A session that cannot seal is closed without words.
            Some(session) => drop(session.seal(plain, &mut self.out)),
        }
    }

    /// [MQTT-3.1.4-6] [MQTT311-3.1.4-5]
    async fn turn_away(mut self, turned: &Turned) {
        match turned {
            // Nothing is owed to who has gone, and nothing is spent on who took too long or too much.
            Turned::Gone | Turned::TooLate | Turned::Full(_) | Turned::Fault(_) => return,
            Turned::Proxy(_) => {}
            Turned::Tls(_) | Turned::Denied(_) | Turned::NotMqtt { .. } | Turned::Page { .. } => {
                self.send_close();
                if let Some(session) = self.tls.as_mut() {
                    session.close_notify(&mut self.out);
                }
            }
        }
        // The connection still counts as waiting while it lingers: refusals are bounded too.
        close_gently(self.stream, &self.out).await;
    }

    fn into_established(
        mut self,
        admission: Admission,
        guard: ConnectionGuard,
    ) -> Result<Established, Turned> {
        let Admission { peer, again, connect_bytes } = admission;
        let pending = self.plain[connect_bytes..].to_vec();
        self.plain.truncate(connect_bytes);
        let layer = match self.tls.take() {
            None => EstablishedLayer::Plain,
            Some(session) => EstablishedLayer::Tls {
                session,
                unopened: self.sealed.as_slice().to_vec(),
                unsent: self.out.as_slice().to_vec(),
                record_bytes_max: self.listener.terms().record_bytes_max,
            },
        };
        let stream = self.stream.loosen().map_err(|error| Turned::Fault(error.to_string()))?;
        Ok(Established {
            stream,
            layer,
            framing: match self.inbound {
                Inbound::Raw | Inbound::Undecided => Framing::Raw,
                Inbound::WebSocket(reader) => Framing::WebSocket(reader),
            },
            connect: std::mem::take(&mut self.plain),
            pending,
            peer,
            again,
            address: self.address,
            guard,
        })
    }
}

fn denied_of(connect: &Connect<'_>, tried: Option<&str>, denied: Denied) -> Turned {
    Turned::Denied(Box::new(DeniedClient {
        denied,
        client_id: connect.client_id.to_owned(),
        username: tried.map(str::to_owned),
    }))
}

fn log_negotiated(door: &Door, address: &PeerAddress, session: &TlsSession) {
    door.log.with(Event::TlsNegotiated, || {
        // One of our own protocols: nothing of the peer's text.
        let alpn = session.alpn().map(|name| format!(", ALPN {}", String::from_utf8_lossy(name)));
        format!(
            "Connection from {address} negotiated {} cipher {}{}{}",
            session.version().map_or("TLS", |version| version.as_str()),
            session.suite().unwrap_or("?"),
            alpn.unwrap_or_default(),
            if session.is_resumed() { ", resumed" } else { "" }
        )
    });
}

/// What is accepted and should be mended, at each use.
fn log_findings(door: &Door, address: &PeerAddress, identity: &VerifiedIdentity) {
    for finding in identity.findings() {
        let line = Line::new(Event::TrustFinding, format!("Connection from {address}: {}.", finding.text))
            .hint(finding.hint.clone())
            .field("finding", finding.code);
        door.log_refusal(Symptom { address: address.ip(), code: finding.code }, line);
    }
}

/// Says that a task panicked: that connection is closed, no other.
struct FaultLine<'a> {
    door: &'a Door,
    listener: &'a ListenerState,
    address: PeerAddress,
}

impl Drop for FaultLine<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = format!(
                "Connection from {} on {} closed: a fault of ours.",
                self.address, self.listener.name
            );
            self.door.log.line(Line::new(Event::DoorFault, text));
        }
    }
}
