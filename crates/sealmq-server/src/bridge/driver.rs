//! Drives one bridge: carries out what its machine wants, and tells it what happened.

use std::io;
use std::time::{Duration, Instant};

use sealmq_bridge::{Bridge, Farewell, Input, Now, Output, Severity};
use sealmq_client::{ClientError, Endpoint, Framing, Transport};
use sealmq_config::BridgeReload;
use socket2::{SockRef, TcpKeepalive};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle as Task;

use super::link::{LocalLink, Reads};
use super::plan::BridgePlan;
use super::{Go, LocalSide, STOP_MAX};
use crate::door::accept;
use crate::log::{Event, Line};

/// A side is not read while so much for the other one has not left.
const UNSENT_BYTES_MAX: usize = 256 * 1024;

/// What a bridge is told from outside.
pub(super) enum Order {
    /// End.
    Stop(Farewell),
    /// The configuration was read again.
    Replace {
        /// What it says now.
        plan: Box<BridgePlan>,
        /// When it counts, if it says something else.
        when: BridgeReload,
    },
}

/// Who wants to know that the subscriptions here are made.
pub(super) enum Ready {
    Nobody,
    Tell(std::sync::mpsc::Sender<()>),
}

/// What a bridge and the others that start with it tell each other.
pub(super) struct Start {
    pub(super) ready: Ready,
    pub(super) go: watch::Receiver<Go>,
}

/// How a machine came to its end.
enum End {
    Stopped,
    Next(Box<BridgePlan>),
}

/// A bridge, through all its configurations, until it is stopped.
pub(super) async fn run(
    here: LocalSide,
    mut plan: BridgePlan,
    mut orders: mpsc::Receiver<Order>,
    start: Start,
) {
    let Start { mut ready, go } = start;
    let mut stale = Vec::new();
    loop {
        let told = std::mem::replace(&mut ready, Ready::Nobody);
        let mut driver = Driver::new(here.clone(), plan, &stale, Start { ready: told, go: go.clone() });
        match driver.run(&mut orders).await {
            End::Stopped => return,
            End::Next(next) => {
                stale = driver.bridge.local_filters().map(str::to_owned).collect();
                plan = *next;
            }
        }
    }
}

struct Driver {
    here: LocalSide,
    plan: BridgePlan,
    bridge: Bridge,
    started: Instant,
    local: Option<LocalLink>,
    remote: Option<Transport>,
    dialling: Option<Task<Result<Transport, ClientError>>>,
    probing: Option<Task<bool>>,
    /// What the configuration says now, to be taken over when the connection ends.
    next: Option<Box<BridgePlan>>,
    start: Start,
    stopped: bool,
    /// Who does not answer is said once until he does.
    complained: Option<String>,
}

/// What there was to wait for.
enum Happened {
    Local(io::Result<()>),
    Remote(Result<(), ClientError>),
    Dialled(Result<Transport, ClientError>),
    Probed(bool),
    Time,
    Order(Option<Order>),
}

impl Driver {
    fn new(here: LocalSide, plan: BridgePlan, stale: &[String], start: Start) -> Driver {
        Driver {
            bridge: Bridge::new(plan.spec(stale, seed())),
            here,
            plan,
            started: Instant::now(),
            local: None,
            remote: None,
            dialling: None,
            probing: None,
            next: None,
            start,
            stopped: false,
            complained: None,
        }
    }

    async fn run(&mut self, orders: &mut mpsc::Receiver<Order>) -> End {
        self.input(Input::Start);
        loop {
            self.carry_out().await;
            if self.stopped {
                return self.next.take().map_or(End::Stopped, End::Next);
            }
            if self.next.is_some() && !self.bridge.is_connected() {
                self.input(Input::Stop(Farewell::Replaced));
                continue;
            }
            match self.wait(orders).await {
                Happened::Local(outcome) => self.local_moved(outcome),
                Happened::Remote(outcome) => self.remote_moved(outcome),
                Happened::Dialled(outcome) => self.dialled(outcome),
                Happened::Probed(true) => self.input(Input::ProbeReached),
                Happened::Probed(false) => self.input(Input::ProbeFailed),
                Happened::Time => self.input(Input::Timeout),
                Happened::Order(order) => self.ordered(order),
            }
        }
    }

    async fn wait(&mut self, orders: &mut mpsc::Receiver<Order>) -> Happened {
        let deadline = self.bridge.poll_timeout().map(|at| self.started + Duration::from_millis(at.0));
        let (reads_local, reads_remote) = (self.reads_local(), self.reads_remote());
        tokio::select! {
            order = orders.recv() => Happened::Order(order),
            outcome = local(self.local.as_mut(), reads_local) => Happened::Local(outcome),
            outcome = remote(self.remote.as_mut(), reads_remote) => Happened::Remote(outcome),
            outcome = finished(&mut self.dialling) => Happened::Dialled(
                outcome.unwrap_or_else(|| Err(ClientError::Lost { endpoint: String::new(), error: None })),
            ),
            outcome = finished(&mut self.probing) => Happened::Probed(outcome.unwrap_or(false)),
            () = sleep_until(deadline) => Happened::Time,
        }
    }

    fn reads_local(&self) -> Reads {
        let unsent = self.remote.as_ref().map_or(0, Transport::unsent);
        if unsent < UNSENT_BYTES_MAX { Reads::Yes } else { Reads::No }
    }

    fn reads_remote(&self) -> Reads {
        let unsent = self.local.as_ref().map_or(0, LocalLink::unsent);
        if self.bridge.reads_remote() && unsent < UNSENT_BYTES_MAX { Reads::Yes } else { Reads::No }
    }

    fn input(&mut self, input: Input) {
        self.bridge.handle(self.now(), input);
    }

    /// Does everything that the machine wants, and gives it what has been received and not been looked at yet.
    async fn carry_out(&mut self) {
        loop {
            while let Some(output) = self.bridge.poll_output() {
                self.output(output).await;
            }
            if self.bridge.is_ready()
                && let Ready::Tell(ready) = std::mem::replace(&mut self.start.ready, Ready::Nobody)
            {
                // Who does not wait any more does not care.
                let _ = ready.send(());
            }
            if !self.feed() {
                return;
            }
        }
    }

    /// Whether the machine took anything.
    fn feed(&mut self) -> bool {
        let now = self.now();
        let mut done = 0;
        if let Some(local) = &mut self.local {
            let taken = self.bridge.receive_local(now, &local.received);
            local.received.drain(..taken);
            done += taken;
        }
        if let Some(remote) = &mut self.remote {
            let plain = remote.received();
            let taken = self.bridge.receive_remote(now, plain);
            plain.drain(..taken);
            done += taken;
        }
        done > 0
    }

    async fn output(&mut self, output: Output) {
        match output {
            Output::OpenLocal { connect } => match LocalLink::open(&self.here, &self.plan, connect) {
                Ok(link) => self.local = Some(link),
                Err(error) => {
                    self.say(Event::BridgeFault, format!("no link to this broker: {error}"), None);
                    self.input(Input::LocalLost);
                }
            },
            Output::CloseLocal => {
                if let Some(link) = self.local.take() {
                    link.finish().await;
                }
            }
            Output::Dial { address } => self.dial(address),
            Output::CloseRemote => self.close_remote().await,
            Output::Probe { address } => self.probe(address),
            Output::SendLocal(bytes) => {
                if let Some(link) = &mut self.local {
                    link.send(&bytes);
                }
            }
            Output::SendRemote(bytes) => {
                if let Some(remote) = &mut self.remote {
                    remote.send(&bytes);
                }
            }
            Output::Tell(told) => {
                let event = match told.severity() {
                    Severity::Error => Event::BridgeFault,
                    Severity::Warning => Event::BridgeWarning,
                    Severity::Notice => Event::Bridge,
                    Severity::Information => Event::BridgeProgress,
                    Severity::Debug => Event::BridgeDetail,
                };
                let line = Line::new(event, told.to_string()).field("bridge", self.plan.name());
                self.here.log.line(line);
            }
            Output::Stopped => self.stopped = true,
        }
    }

    fn dial(&mut self, address: usize) {
        let Some(endpoint) = self.plan.endpoints.get(address).cloned() else { return };
        // mosquitto writes the address without brackets.
        let Endpoint::Tcp { host, port, .. } = &endpoint else { return };
        let text = format!("Connecting bridge {} ({host}:{port})", self.plan.name());
        self.here.log.line(Line::new(Event::Bridge, text).field("bridge", self.plan.name()));
        let tls = self.plan.tls.clone();
        let tuning = Tuning::of(&self.plan);
        let mut go = self.start.go.clone();
        self.dialling = Some(tokio::spawn(async move {
            // The sender gone: the process stops, and this task with it.
            let _ = go.wait_for(|go| *go == Go::Dial).await;
            let transport = Transport::open(&endpoint, tls.as_ref(), Framing::None).await?;
            tuning
                .apply(&transport)
                .map_err(|error| ClientError::Connect { endpoint: endpoint.to_string(), error })?;
            Ok(transport)
        }));
    }

    fn probe(&mut self, address: usize) {
        let Some(endpoint) = self.plan.endpoints.get(address).cloned() else { return };
        self.probing =
            Some(tokio::spawn(async move { Transport::open(&endpoint, None, Framing::None).await.is_ok() }));
    }

    async fn close_remote(&mut self) {
        if let Some(dialling) = self.dialling.take() {
            dialling.abort();
        }
        if let Some(mut remote) = self.remote.take() {
            // What the other broker does not take in time it does not get.
            let _ = tokio::time::timeout(STOP_MAX, remote.close()).await;
        }
    }

    fn dialled(&mut self, outcome: Result<Transport, ClientError>) {
        self.dialling = None;
        match outcome {
            Ok(transport) => {
                self.remote = Some(transport);
                self.input(Input::RemoteOpened);
            }
            Err(error) => self.remote_failed(&error),
        }
    }

    fn remote_moved(&mut self, outcome: Result<(), ClientError>) {
        // What arrived before the end still counts: a CONNACK with a refusal, a DISCONNECT with its reason.
        self.feed();
        match outcome {
            Ok(()) if self.bridge.is_connected() => self.complained = None,
            Ok(()) => {}
            // The machine may have ended it already, for a reason of its own.
            Err(_) if self.bridge.has_let_go() => {}
            Err(error) => self.remote_failed(&error),
        }
    }

    fn remote_failed(&mut self, error: &ClientError) {
        self.remote = None;
        let text = error.to_string();
        if self.complained.as_ref() != Some(&text) {
            if let ClientError::Resolve { error, .. } = error {
                // mosquitto's words, in a line of their own.
                let text = format!("Error creating bridge: {}.", accept::lookup_reason(error));
                self.here.log.line(Line::new(Event::BridgeFault, text).field("bridge", self.plan.name()));
            }
            self.say(Event::BridgeFault, text.clone(), error.hint());
            self.complained = Some(text);
        }
        self.input(Input::RemoteLost);
    }

    fn local_moved(&mut self, outcome: io::Result<()>) {
        self.feed();
        if outcome.is_err() {
            self.local = None;
            self.input(Input::LocalLost);
        }
    }

    fn ordered(&mut self, order: Option<Order>) {
        match order {
            // Whoever gives orders is gone: the process stops.
            None => self.input(Input::Stop(Farewell::Shutdown)),
            Some(Order::Stop(farewell)) => {
                self.next = None;
                self.input(Input::Stop(farewell));
            }
            Some(Order::Replace { plan, .. }) if plan.says_the_same_as(&self.plan) => {
                self.plan.tls = plan.tls;
                self.next = None;
            }
            Some(Order::Replace { plan, when }) => {
                self.next = Some(plan);
                if when == BridgeReload::Immediate {
                    self.input(Input::Stop(Farewell::Replaced));
                }
            }
        }
    }

    fn say(&self, event: Event, text: String, hint: Option<String>) {
        let line = Line::new(event, format!("Bridge {}: {text}.", self.plan.name()));
        let line = line.field("bridge", self.plan.name());
        self.here.log.line(match hint {
            Some(hint) => line.hint(hint),
            None => line,
        });
    }

    fn now(&self) -> Now {
        Now(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// `bridge_tcp_keepalive`, `bridge_tcp_user_timeout`.
struct Tuning {
    keepalive: Option<TcpKeepalive>,
    user_timeout: Option<Duration>,
}

impl Tuning {
    fn of(plan: &BridgePlan) -> Tuning {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let keepalive = plan.config.tcp_keepalive.map(|wanted| {
            TcpKeepalive::new()
                .with_time(seconds(wanted.idle_secs))
                .with_interval(seconds(wanted.interval_secs))
                .with_retries(wanted.count)
        });
        let user_timeout =
            plan.config.tcp_user_timeout.map(|milliseconds| Duration::from_millis(milliseconds.into()));
        Tuning { keepalive, user_timeout }
    }

    fn apply(&self, transport: &Transport) -> io::Result<()> {
        let socket = SockRef::from(transport);
        if let Some(keepalive) = &self.keepalive {
            socket.set_tcp_keepalive(keepalive)?;
        }
        #[cfg(target_os = "linux")]
        if let Some(timeout) = self.user_timeout {
            socket.set_tcp_user_timeout(Some(timeout))?;
        }
        Ok(())
    }
}

/// Any number that differs between bridges, processes and machines: two bridges must not dial in step.
fn seed() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

async fn local(link: Option<&mut LocalLink>, reads: Reads) -> io::Result<()> {
    match link {
        Some(link) => link.exchange(reads).await,
        None => std::future::pending().await,
    }
}

async fn remote(transport: Option<&mut Transport>, reads: Reads) -> Result<(), ClientError> {
    match (transport, reads) {
        (Some(transport), Reads::Yes) => transport.exchange().await,
        (Some(transport), Reads::No) => transport.send_only().await,
        (None, _) => std::future::pending().await,
    }
}

/// Waits for a task, and takes it out when it is done.
async fn finished<T>(task: &mut Option<Task<T>>) -> Option<T> {
    match task {
        Some(running) => {
            let outcome = running.await.ok();
            *task = None;
            outcome
        }
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
