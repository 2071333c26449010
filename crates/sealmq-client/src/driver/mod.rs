//! Drives a [`Session`] over a transport: the only part of the client with a clock and a socket.
//!
//! All waiting happens in [`Client::next_event`], which may be dropped at any await without losing a byte, so that
//! it can stand in a `select!` beside signals, timeouts and standard input.
#![allow(clippy::wildcard_enum_match_arm, reason = "waits pick one event out of all")]
#![allow(clippy::disallowed_methods, reason = "the driver is the shell: it reads the monotonic clock")]

mod transport;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use sealmq_mqtt::{QoS, ReasonCode};

use crate::error::{ClientError, PublishError, SubscribeError};
use crate::options::Options;
use crate::session::{Connected, Delivery, Event, Input, Now, Output, Session};
use crate::{Filter, Message, Outgoing, Property};
pub use transport::Transport;

/// A connected client.
pub struct Client {
    options: Options,
    session: Session,
    started: Instant,
    transport: Option<Transport>,
    events: VecDeque<Event>,
    /// Why the transport ended, told after the events that came before.
    ended: Option<ClientError>,
    closing: bool,
}

/// A caller that publishes from a file or a pipe stops reading it while this much has not left.
const UNSENT_BYTES_MAX: usize = 256 * 1024;

/// Random bytes for a nonce.
pub(crate) fn random_seed() -> Option<sealmq_auth::scram::NonceSeed> {
    let mut seed = sealmq_auth::scram::NonceSeed([0; 18]);
    aws_lc_rs::rand::fill(&mut seed.0).ok().map(|()| seed)
}

impl Client {
    /// A client that has yet to connect, see [`Client::open`].
    pub fn new(options: Options) -> Self {
        Self {
            session: Session::new(options.session.clone()),
            options,
            started: Instant::now(),
            transport: None,
            events: VecDeque::new(),
            ended: None,
            closing: false,
        }
    }

    /// Connects, and waits for CONNACK.
    ///
    /// # Errors
    /// The name, TCP, TLS, or the server's refusal; nothing within [`Options::connect_timeout`].
    pub async fn connect(options: Options) -> Result<Self, ClientError> {
        let mut client = Self::new(options);
        client.reconnect().await?;
        Ok(client)
    }

    /// Connects once more after a loss, and waits for CONNACK. What was on its way is sent again.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn reconnect(&mut self) -> Result<Connected, ClientError> {
        let timeout = self.options.connect_timeout;
        let opened = async {
            self.open().await?;
            self.connected().await
        };
        match tokio::time::timeout(timeout, opened).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.transport = None;
                self.session.handle(now_since(self.started), Input::Lost);
                Err(self.timed_out(timeout))
            }
        }
    }

    /// Opens the transport and sends CONNECT; the answer is an event. Most callers want [`Client::reconnect`].
    ///
    /// # Errors
    /// The name, or TCP.
    pub async fn open(&mut self) -> Result<(), ClientError> {
        self.closing = false;
        self.ended = None;
        let Options { endpoint, tls, framing, .. } = &self.options;
        self.transport = Some(Transport::open(endpoint, tls.as_ref(), *framing).await?);
        self.session.handle(self.now(), Input::Opened);
        self.drain();
        Ok(())
    }

    /// The next thing that happens. `None` once the connection has been closed by [`Client::disconnect`].
    ///
    /// # Errors
    /// The connection is gone; [`Client::reconnect`] makes another one.
    pub async fn next_event(&mut self) -> Result<Option<Event>, ClientError> {
        loop {
            self.drain();
            if let Some(event) = self.events.pop_front() {
                match event {
                    Event::Failed(error) => {
                        self.flush_and_close().await;
                        return Err(error.into());
                    }
                    event => return Ok(Some(event)),
                }
            }
            if self.closing {
                self.flush_and_close().await;
                return Ok(None);
            }
            if let Some(error) = self.ended.take() {
                return Err(error);
            }
            self.turn().await?;
        }
    }

    /// The next message. Other events on the way are dropped.
    ///
    /// # Errors
    /// The connection is gone.
    pub async fn next_message(&mut self) -> Result<Option<Message>, ClientError> {
        loop {
            match self.next_event().await? {
                Some(Event::Message(message)) => return Ok(Some(message)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Gives a message to the session; [`Event::Published`] tells when it has arrived.
    ///
    /// # Errors
    /// As [`Session::publish`].
    pub fn publish(&mut self, message: Outgoing) -> Result<Delivery, PublishError> {
        let delivery = self.session.publish(self.now(), message);
        self.drain();
        delivery
    }

    /// Publishes, and waits until the server has the message. Other events stay in order for
    /// [`Client::next_event`].
    ///
    /// # Errors
    /// The connection is gone, or the server refused the message.
    pub async fn publish_and_wait(&mut self, message: Outgoing) -> Result<(), ClientError> {
        let topic = message.topic.clone();
        let wanted = self.publish(message)?;
        let is_ours = |event: &Event| matches!(event, Event::Published { delivery, .. } | Event::NotPublished { delivery, .. } if *delivery == wanted);
        match self.wait_for(is_ours).await? {
            Event::Published { reason, .. } if reason.is_error() => {
                Err(ClientError::MessageRefused { topic, reason })
            }
            Event::NotPublished { error, .. } => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Subscribes; [`Event::Subscribed`] is the answer.
    ///
    /// # Errors
    /// As [`Session::subscribe`].
    pub fn subscribe(
        &mut self,
        filters: &[Filter],
        properties: &[Property],
    ) -> Result<sealmq_mqtt::PacketId, SubscribeError> {
        let packet_id = self.session.subscribe(self.now(), filters, properties);
        self.drain();
        packet_id
    }

    /// Subscribes to one filter, and waits for the server's yes. Other events stay in order.
    ///
    /// # Errors
    /// The connection is gone, or the server refused.
    pub async fn subscribe_and_wait(&mut self, filter: &str, qos: QoS) -> Result<(), ClientError> {
        let wanted = self.subscribe(&[Filter::new(filter, qos)], &[])?;
        let is_ours =
            |event: &Event| matches!(event, Event::Subscribed { packet_id, .. } if *packet_id == wanted);
        match self.wait_for(is_ours).await? {
            Event::Subscribed { reasons, .. } => match reasons.first() {
                Some(reason) if reason.is_error() => {
                    Err(ClientError::SubscriptionRefused { filter: filter.to_owned(), reason: *reason })
                }
                Some(_) | None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Unsubscribes; [`Event::Unsubscribed`] is the answer.
    ///
    /// # Errors
    /// As [`Session::unsubscribe`].
    pub fn unsubscribe(
        &mut self,
        filters: &[String],
        properties: &[Property],
    ) -> Result<sealmq_mqtt::PacketId, SubscribeError> {
        let packet_id = self.session.unsubscribe(self.now(), filters, properties);
        self.drain();
        packet_id
    }

    /// Says good-bye. The bytes leave while [`Client::next_event`] is awaited until it gives `None`.
    pub fn disconnect(&mut self, reason: ReasonCode, properties: &[Property]) {
        self.session.disconnect(self.now(), reason, properties);
        self.drain();
    }

    /// Says good-bye and waits until that has left.
    pub async fn close(mut self) {
        self.disconnect(ReasonCode::NORMAL_DISCONNECTION, &[]);
        self.flush_and_close().await;
    }

    /// Whether another message would leave at once: a caller that reads its messages from somewhere waits for it.
    pub fn has_room(&self) -> bool {
        let unsent = self.transport.as_ref().map_or(0, Transport::unsent);
        self.session.has_room() && unsent < UNSENT_BYTES_MAX
    }

    /// Traces that are waiting: after a connection that failed, what was sent and received before.
    pub fn take_traces(&mut self) -> Vec<String> {
        let mut traces = Vec::new();
        self.events.retain(|event| match event {
            Event::Trace(line) => {
                traces.push(line.clone());
                false
            }
            _ => true,
        });
        traces
    }

    /// The pure session: its client id, what has not been delivered.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What TLS was agreed on and who the server is, where there is TLS and its handshake is done.
    pub fn tls(&self) -> Option<&sealmq_tls::TlsSession> {
        self.transport.as_ref().and_then(Transport::tls)
    }

    async fn connected(&mut self) -> Result<Connected, ClientError> {
        match self.wait_for(|event| matches!(event, Event::Connected(_))).await? {
            Event::Connected(connected) => Ok(connected),
            _ => Ok(Connected::default()),
        }
    }

    /// Waits for one event and keeps the others.
    async fn wait_for(&mut self, wanted: impl Fn(&Event) -> bool) -> Result<Event, ClientError> {
        let mut others = VecDeque::new();
        let found = loop {
            match self.next_event().await {
                Ok(Some(event)) if wanted(&event) => break Ok(event),
                Ok(Some(event)) => others.push_back(event),
                Ok(None) => {
                    break Err(ClientError::Lost {
                        endpoint: self.options.endpoint.to_string(),
                        error: None,
                    });
                }
                Err(error) => break Err(error),
            }
        };
        others.append(&mut self.events);
        self.events = others;
        found
    }

    /// Waits for the transport or the timer, once.
    async fn turn(&mut self) -> Result<(), ClientError> {
        let deadline = self.session.poll_timeout().map(|at| self.started + Duration::from_millis(at.0));
        let Some(transport) = self.transport.as_mut() else {
            return Err(ClientError::Lost { endpoint: self.options.endpoint.to_string(), error: None });
        };
        let outcome = tokio::select! {
            outcome = transport.exchange() => outcome,
            () = sleep_until(deadline) => {
                self.session.handle(now_since(self.started), Input::Timeout);
                return Ok(());
            }
        };
        let now = now_since(self.started);
        // What arrived before the end still counts: a CONNACK with a refusal, a DISCONNECT with its reason.
        let plain = transport.received();
        let done = self.session.receive(now, plain);
        plain.drain(..done);
        self.drain();
        if let Err(error) = outcome {
            self.transport = None;
            self.ended = Some(error);
            self.session.handle(now, Input::Lost);
        }
        Ok(())
    }

    /// Carries out what the session wants.
    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => {
                    if let Some(transport) = self.transport.as_mut() {
                        transport.send(&bytes);
                    }
                }
                Output::Event(event) => self.events.push_back(event),
                Output::Close => self.closing = true,
            }
        }
    }

    async fn flush_and_close(&mut self) {
        if let Some(mut transport) = self.transport.take() {
            // A peer that reads nothing must not hold the process: what it does not take in time it does not get.
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, transport.close()).await;
        }
        self.session.handle(self.now(), Input::Lost);
        self.closing = true;
    }

    fn timed_out(&self, timeout: Duration) -> ClientError {
        ClientError::Timeout { endpoint: self.options.endpoint.to_string(), seconds: timeout.as_secs() }
    }

    fn now(&self) -> Now {
        now_since(self.started)
    }
}

/// How long the last bytes may take to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

fn now_since(started: Instant) -> Now {
    Now(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX))
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
