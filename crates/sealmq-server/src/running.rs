//! Starting the data plane, and what can be done to it while it runs.
//!
//! The order at the start: sockets are open and files are read (the caller's), privileges are dropped, then all
//! threads start, then the first connection is accepted. None starts later.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sealmq_broker::{Limits, ListenerId, Marks, Owner, Policy, ShardId, Tables};
use sealmq_pki::Name;
use sealmq_tls::ServerTls;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle as Task;

use crate::bridge::{BridgePlan, Bridges, LocalSide};
use crate::clock::Clock;
use crate::dollar_control::{ControlApi, Endpoint};
use crate::door::authenticate::CertificateNames;
use crate::door::fence::{Fence, FenceRules};
use crate::door::hashing::HashingPool;
use crate::door::limits::DoorLimits;
use crate::door::listener::ListenerState;
use crate::door::name_proofs::NameProofs;
use crate::door::passwords::PasswordTable;
use crate::door::{Door, DoorSpec, Nodelay};
use crate::expiry::seen::Seen;
use crate::hangup::Hangup;
use crate::listening::Listening;
pub use crate::listening::{BoundAddress, OpenListener};
use crate::log::{Event, Line, Log};
use crate::mailbox::Bell;
use crate::post::{Mail, OwnMessage, PostOffice, Ruling};
use crate::reload::Asks;
use crate::shard::{Shard, ShardSpec};
use crate::sys_tree::{self, Observed, Snapshot};
use crate::tables;
use crate::trust::{Judged, TrustCounter};
use crate::worker::{Pulse, Seat, Stop, Worker};

/// How often muted refusals are summed up.
const SUM_UP: Duration = Duration::from_secs(60);
/// How long the door's tasks have to say their last words.
const DOOR_STOPPING: Duration = Duration::from_secs(1);

/// Values in a shard's mailbox from which on log lines are not published.
const OWN_MAIL_MAX: usize = 1_024;

/// Everything the data plane starts with.
pub struct ServerSpec {
    /// What it serves.
    pub listeners: Vec<OpenListener>,
    /// Bounds of the core.
    pub limits: sealmq_broker::Limits,
    /// Bounds of the door.
    pub door_limits: DoorLimits,
    /// What clients may do.
    pub policy: Policy,
    /// The process's trust counter.
    pub trust: Arc<TrustCounter>,
    /// Names that passwords must not use; `None` without a data directory.
    pub names: Option<Arc<dyn CertificateNames>>,
    /// Bridges to other brokers.
    pub bridges: Vec<BridgePlan>,
    /// `set_tcp_nodelay`.
    pub nodelay: Nodelay,
    /// `sys_interval`; `None`: no `$SYS`.
    pub sys_interval: Option<Duration>,
    /// `enable_control_api`.
    pub control_api: ControlApi,
    /// SIGHUPs; `None`: nobody acts on any.
    pub(crate) hangup: Option<Arc<Hangup>>,
    /// How many shards and threads.
    pub threads: Threads,
    /// Where lines go.
    pub log: Log,
}

/// How many of each. All exist before the first client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// Shards: fixed while the process runs.
    pub shards: usize,
    /// Workers that run them.
    pub workers: usize,
    /// Threads of the door.
    pub door: usize,
    /// Threads that hash passwords, and as many that check tokens.
    pub hashing: usize,
}

impl Default for Threads {
    /// A shard per core, one worker that runs them all, two threads at the door.
    fn default() -> Threads {
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(ShardId::COUNT_MAX);
        Threads { shards: cores, workers: 1, door: 2, hashing: 1 }
    }
}

/// A data plane that runs. Dropping it without [`Running::stop`] ends the process's service at once.
pub struct Running {
    listening: Arc<Listening>,
    door: Arc<Door>,
    post: Arc<PostOffice>,
    trust: Arc<TrustCounter>,
    judged: Arc<Judged>,
    pulse: Arc<Pulse>,
    clock: Clock,
    stop: Arc<Stop>,
    runtime: Option<Runtime>,
    background: Vec<Task<()>>,
    bridges: Arc<Bridges>,
    workers: Vec<JoinHandle<()>>,
    failures: mpsc::Receiver<String>,
}

/// Starts shards, workers and the door.
///
/// # Errors
/// A thread, a poll or the runtime cannot be made.
pub fn start(spec: ServerSpec) -> io::Result<Running> {
    let threads = spec.threads;
    let (fail, failures) = mpsc::channel(threads.workers.max(1));
    let pulse = Arc::new(Pulse::new(threads.workers));
    let stop = Arc::new(Stop::default());
    let judged = Arc::new(Judged::new(threads.shards));
    let seats = (0..threads.workers).map(|_| Seat::new()).collect::<io::Result<Vec<_>>>()?;
    let bells: Vec<Arc<Bell>> =
        (0..threads.shards).map(|n| Arc::clone(&seats[n % seats.len()].bell)).collect();
    let post = Arc::new(PostOffice::new(bells, Marks::default()));
    let (tables, retained) = tables::new(&spec.limits, Arc::clone(&spec.trust) as _);
    let states = spec.listeners.iter().map(|listener| Arc::clone(&listener.state)).collect();
    let endpoint = Arc::new(Endpoint::new(states, spec.control_api));
    let pool = |name| {
        let limits = &spec.door_limits;
        HashingPool::start(name, threads.hashing, limits.hashing_queue_max, limits.hashing_deadline)
    };
    // Apart: wrong passwords, which are slow, hold up no token, nor the other way round.
    let (hashing, tokens) = (Arc::new(pool("hashing")?), pool("tokens")?);
    let shards = make_shards(&spec, &tables, &post, &judged, &endpoint, &hashing);
    let clock = Clock::start();
    let workers = start_workers(seats, shards, &clock, &pulse, &stop, &fail)?;

    let door = Arc::new(Door::new(DoorSpec {
        limits: spec.door_limits,
        hashing,
        tokens,
        trust: Arc::clone(&spec.trust) as _,
        names: spec.names,
        post: Arc::clone(&post),
        log: spec.log.clone(),
        topic_separators_max: sealmq_mqtt::Limits::of_broker().topic_separators_max,
        nodelay: spec.nodelay,
        policy: spec.policy,
        observed: Arc::new(Observed::new(retained, spec.sys_interval)),
        endpoint,
        asks: spec.hangup.map_or_else(Asks::default, Asks::hearing),
    }));
    let (roll, present) = crate::threads::roll_call(threads.door);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads.door)
        // tokio's own pool for blocking calls: nothing here uses it but name look-ups, which do not happen while running.
        .max_blocking_threads(1)
        .thread_name("door")
        .on_thread_start(move || {
            crate::threads::lower_priority();
            roll.present();
        })
        .enable_all()
        .build()?;
    present.wait();
    let here = bridge_side(&spec.trust, &post, &spec.log);
    // Their subscriptions are made before the first client is let in, so that nothing it publishes can miss them.
    let bridges = Arc::new(Bridges::start(here, spec.bridges)?);
    let listening = Arc::new(Listening::new(Arc::clone(&door), runtime.handle().clone()));
    for listener in spec.listeners {
        listening.open(listener);
    }
    let summing_up = runtime.spawn(sum_up_from_time_to_time(Arc::clone(&door)));
    let mut running = Running {
        listening,
        door,
        post,
        trust: spec.trust,
        judged,
        pulse,
        clock,
        stop,
        runtime: Some(runtime),
        background: vec![summing_up],
        bridges,
        workers,
        failures,
    };
    let told = running.runtime().spawn(crate::sys_tree::publish_for_ever(running.control()));
    running.background.push(told);
    Ok(running)
}

async fn sum_up_from_time_to_time(door: Arc<Door>) {
    loop {
        tokio::time::sleep(SUM_UP).await;
        door.sum_up_repeats();
    }
}

fn bridge_side(trust: &Arc<TrustCounter>, post: &Arc<PostOffice>, log: &Log) -> LocalSide {
    LocalSide { trust: Arc::clone(trust) as _, post: Arc::clone(post), log: log.clone() }
}

fn make_shards(
    spec: &ServerSpec,
    tables: &Tables,
    post: &Arc<PostOffice>,
    judged: &Arc<Judged>,
    endpoint: &Arc<Endpoint>,
    hashing: &Arc<HashingPool>,
) -> Vec<Shard> {
    let policy = Arc::new(spec.policy.clone());
    (0..spec.threads.shards)
        .filter_map(ShardId::new)
        .map(|id| {
            Shard::new(ShardSpec {
                id,
                limits: spec.limits.clone(),
                tables: tables.clone(),
                policy: Arc::clone(&policy),
                post: Arc::clone(post),
                marks: Marks::default(),
                judged: Arc::clone(judged),
                hashing: Arc::clone(hashing),
                log: spec.log.clone(),
                topic_separators_max: sealmq_mqtt::Limits::of_broker().topic_separators_max,
                endpoint: Arc::clone(endpoint),
            })
        })
        .collect()
}

/// Shard `n` belongs to worker `n % workers`, as the bells say.
fn start_workers(
    seats: Vec<Seat>,
    shards: Vec<Shard>,
    clock: &Clock,
    pulse: &Arc<Pulse>,
    stop: &Arc<Stop>,
    fail: &mpsc::Sender<String>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut crews: Vec<Vec<Shard>> = seats.iter().map(|_| Vec::new()).collect();
    for (n, shard) in shards.into_iter().enumerate() {
        let crew = n % crews.len();
        crews[crew].push(shard);
    }
    let mut threads = Vec::new();
    for (number, (seat, crew)) in seats.into_iter().zip(crews).enumerate() {
        let worker = Worker::new(number, seat, crew, clock.clone(), Arc::clone(pulse), Arc::clone(stop));
        let fail = fail.clone();
        threads.push(crate::threads::spawn(format!("worker-{number}"), move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.run()));
            let text = match outcome {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("worker {number} cannot go on: {error}"),
                Err(panic) => format!("worker {number} met a fault of ours: {}", words(panic.as_ref())),
            };
            // Full only if another worker has failed already: one reason to stop is enough.
            let _ = fail.try_send(text);
        })?);
    }
    Ok(threads)
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

impl Running {
    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("taken only by stop, which consumes self")
    }

    /// Where it listens now, in the order in which listeners were opened.
    #[must_use]
    pub fn addresses(&self) -> Vec<BoundAddress> {
        self.listening.addresses()
    }

    /// Its listeners of now.
    #[must_use]
    pub fn listeners(&self) -> Vec<Arc<ListenerState>> {
        self.listening.states()
    }

    /// The runtime of the door, for what belongs beside it (control socket, timers).
    #[must_use]
    pub fn handle(&self) -> tokio::runtime::Handle {
        self.runtime().handle().clone()
    }

    /// A handle that can change trust and publish from elsewhere.
    #[must_use]
    pub fn control(&self) -> Control {
        Control {
            listening: Arc::clone(&self.listening),
            post: Arc::clone(&self.post),
            trust: Arc::clone(&self.trust),
            judged: Arc::clone(&self.judged),
            door: Arc::clone(&self.door),
            bridges: Arc::clone(&self.bridges),
        }
    }

    /// The clock by which live sessions are judged.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Connections from accept to close.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.door.gatekeeper.connections()
    }

    /// The turns of the workers so far.
    #[must_use]
    pub fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Waits until a worker fails, and says why. For ever, if none does.
    pub async fn failed(&mut self) -> String {
        match self.failures.recv().await {
            Some(text) => text,
            None => std::future::pending().await,
        }
    }

    /// Stops: no new connections, bridges hang up, clients are told, what is queued is written, for a bounded time.
    pub fn stop(mut self, log: &Log) {
        self.listening.stop();
        for task in &self.background {
            task.abort();
        }
        self.bridges.stop();
        self.post.post_all(|| Mail::Shutdown);
        self.stop.order();
        self.post.ring_all();
        for worker in self.workers.drain(..) {
            // Its panic, if any, has been reported.
            let _ = worker.join();
        }
        let left = self.connections();
        if left > 0 {
            log.line(Line::new(
                Event::Stopping,
                format!("{left} connections did not end in time and are cut."),
            ));
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(DOOR_STOPPING);
        }
    }
}

/// What may be done to a running data plane from any thread.
#[derive(Clone)]
pub struct Control {
    pub(crate) listening: Arc<Listening>,
    post: Arc<PostOffice>,
    trust: Arc<TrustCounter>,
    judged: Arc<Judged>,
    pub(crate) door: Arc<Door>,
    bridges: Arc<Bridges>,
}

impl Control {
    /// These bridges from now on; each changes as its `bridge_reload_type` says.
    pub(crate) fn replace_bridges(&self, plans: Vec<BridgePlan>) {
        self.bridges.replace(plans);
    }

    /// Reloads that were asked for, as the door waits for them.
    pub(crate) fn asks(&self) -> &Arc<Asks> {
        &self.door.asks
    }

    /// Connections from accept to close.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.door.gatekeeper.connections()
    }

    /// Its listeners of now.
    #[must_use]
    pub fn listeners(&self) -> Vec<Arc<ListenerState>> {
        self.listening.states()
    }

    /// New connections of this listener get this TLS; live ones are judged by it. Answers the new generation.
    pub fn replace_tls(&self, listener: ListenerId, tls: Arc<ServerTls>) -> u64 {
        self.publish_tls(listener, tls);
        self.raise()
    }

    /// Half of [`Control::replace_tls`]: published, not raised yet.
    pub(crate) fn publish_tls(&self, listener: ListenerId, tls: Arc<ServerTls>) {
        if let Some(state) = self.listening.state(listener) {
            tls.in_force();
            state.change_terms(|terms| terms.tls = Some(tls));
        }
    }

    /// Half of [`Control::replace_passwords`]: published, not raised yet.
    pub(crate) fn publish_passwords(&self, listener: ListenerId, passwords: Option<Arc<PasswordTable>>) {
        if let Some(state) = self.listening.state(listener) {
            state.change_terms(|terms| terms.passwords = passwords);
        }
    }

    /// What proves names beside passwords and certificates now.
    pub(crate) fn proofs(&self, listener: ListenerId) -> Arc<NameProofs> {
        self.listening.state(listener).map(|state| state.proofs()).unwrap_or_default()
    }

    /// Passwords hashed since the start: what is remembered costs none.
    #[must_use]
    pub fn passwords_hashed(&self) -> u64 {
        self.door.hashing.checks_run()
    }

    /// The passwords that count now.
    pub(crate) fn passwords(&self, listener: ListenerId) -> Option<Arc<PasswordTable>> {
        self.listening.state(listener)?.passwords()
    }

    /// These passwords count from now on; who came in by one that is gone or changed is let go.
    pub fn replace_passwords(&self, listener: ListenerId, passwords: Option<Arc<PasswordTable>>) -> u64 {
        self.publish_passwords(listener, passwords);
        self.raise()
    }

    /// Newcomers are judged by these from now on; buckets and bans stay.
    pub fn replace_fence(&self, rules: FenceRules) {
        self.door.fence.replace(rules);
    }

    /// How often addresses may come, and who is banned.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.door.fence
    }

    /// Every shard goes by these from its next turn on, and judges by them whom [`Control::raise`] makes it judge.
    pub(crate) fn publish_ruling(&self, policy: Policy, limits: Limits, packet_bytes_max: u32) {
        self.post.publish_ruling(Ruling { policy: Arc::new(policy), limits, packet_bytes_max });
    }

    /// The generation of trust.
    pub(crate) fn generation(&self) -> u64 {
        sealmq_broker::TrustGeneration::current(&*self.trust)
    }

    /// The certificates that clients have shown.
    pub(crate) fn seen(&self) -> &Seen {
        &self.door.seen
    }

    /// How many shards there are.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.post.shards()
    }

    /// Something that can end sessions has changed, and is published: every shard judges again in its next turn.
    pub fn raise(&self) -> u64 {
        let generation = self.trust.raise();
        self.post.ring_all();
        generation
    }

    /// A certificate of this name is in the inventory now. If somebody goes by the name without it, everybody is judged
    /// again; else nobody is, since a judgment costs each session the look at its certificate.
    pub fn judge_holders_of(&self, name: &Name) {
        if self.door.names.as_ref().is_some_and(|names| names.is_held(name)) {
            self.raise();
        }
    }

    /// Waits until every shard has judged its sessions at `generation`; false if that took longer than `deadline`.
    #[must_use]
    pub fn wait_judged(&self, generation: u64, deadline: Duration) -> bool {
        let by = Instant::now() + deadline;
        while self.judged.everywhere() < generation {
            if Instant::now() >= by {
                return false;
            }
            self.post.ring_all();
            std::thread::park_timeout(Duration::from_millis(1));
        }
        true
    }

    /// Sessions so far that ended because a certificate was revoked or put on hold, or a password taken away.
    #[must_use]
    pub fn sessions_revoked(&self) -> u64 {
        self.judged.revoked()
    }

    /// Forgets what is kept for these owners, whom the last judgment let go: how many sessions that were. `None` if not
    /// every shard has answered within `deadline`; each will all the same.
    #[must_use]
    pub fn forget(&self, owners: &[Owner], deadline: Duration) -> Option<u64> {
        let by = Instant::now() + deadline;
        let (to, from) = std::sync::mpsc::channel();
        let owners: Arc<[Owner]> = owners.into();
        self.post.post_all(|| Mail::Forget(Arc::clone(&owners), to.clone()));
        let answer = || from.recv_timeout(by.saturating_duration_since(Instant::now())).ok();
        (0..self.shards()).map(|_| answer()).sum()
    }

    /// Publishes as the broker itself, unless the shard has `OWN_MAIL_MAX` values waiting: what a stranger can cause
    /// without end (log lines) must not fill the memory of a shard that is busy.
    pub fn publish_if_room(&self, message: OwnMessage) {
        let shard = ShardId::of_client(&message.topic, self.post.shards());
        if self.post.mail_waiting(shard) < OWN_MAIL_MAX {
            self.post.post(shard, Mail::Publish(message));
        }
    }

    /// What `$SYS` is made of, now.
    pub async fn look(&self) -> Snapshot {
        sys_tree::look(&self.door.observed, &self.post, &self.door.fence).await
    }

    pub(crate) fn observed(&self) -> &Observed {
        &self.door.observed
    }

    /// `sys_interval` from now on; `None`: no `$SYS`.
    pub fn replace_sys_interval(&self, every: Option<Duration>) {
        self.door.observed.replace_interval(every);
    }

    /// `enable_control_api` from now on.
    pub fn replace_control_api(&self, api: ControlApi) {
        self.door.endpoint.replace(api);
    }

    /// Tells `$CONTROL` which listeners there are now.
    pub(crate) fn list_listeners(&self) {
        self.door.endpoint.replace_listeners(self.listening.states());
    }

    /// Publishes as the broker itself.
    pub fn publish(&self, message: OwnMessage) {
        let shard = ShardId::of_client(&message.topic, self.post.shards());
        self.post.post(shard, Mail::Publish(message));
    }
}
