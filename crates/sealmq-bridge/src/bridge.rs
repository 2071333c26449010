//! The bridge: its two links, its timers, when it dials which address.

use std::collections::VecDeque;

use sealmq_mqtt::{PacketId, QoS, Version};

use crate::backoff::{BackOff, Wait};
use crate::inward::Inward;
use crate::io::{Farewell, Input, Now, Output, Told};
use crate::local::Local;
use crate::outward::Outward;
use crate::remote::Link;
use crate::spec::{AddressOrder, BridgeSpec, Start, StartType};
use crate::wire;

/// The state machine.
pub struct Bridge {
    pub(crate) spec: BridgeSpec,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) local: Local,
    pub(crate) remote: Remote,
    pub(crate) outward: Outward,
    pub(crate) inward: Inward,
    pub(crate) local_ids: PacketIds,
    pub(crate) remote_ids: PacketIds,
    pub(crate) learned: Learned,
    /// Whether the local subscriptions have been made once.
    pub(crate) ready: bool,
    backoff: BackOff,
    address: usize,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Running,
    Stopped,
}

/// The link to the remote broker.
#[derive(Debug)]
pub(crate) enum Remote {
    /// None.
    Down {
        /// When it is dialled again; `None`: not by the clock.
        retry_at: Option<Now>,
    },
    /// The shell dials.
    Dialling {
        /// When that takes too long.
        give_up_at: Now,
    },
    /// CONNECT is out.
    Connecting {
        /// When that takes too long.
        give_up_at: Now,
    },
    /// CONNACK has said yes.
    Up(Box<Link>),
}

/// What refusals have taught us about the remote broker; it outlives connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Learned {
    pub(crate) version: Version,
    pub(crate) takes_bridge_bit: bool,
    pub(crate) qos_max: QoS,
    pub(crate) takes_retain: bool,
}

/// Packet ids, counted.
#[derive(Debug)]
pub(crate) struct PacketIds {
    next: PacketId,
}

/// TCP and TLS may take so long.
const DIAL_MS: u64 = 30_000;
/// How often a first address that is not in use is probed, as in mosquitto.
pub(crate) const PROBE_MS: u64 = 5_000;

impl Bridge {
    /// A bridge that waits for [`Input::Start`].
    pub fn new(spec: BridgeSpec) -> Bridge {
        Bridge {
            outputs: VecDeque::new(),
            local: Local::Down { retry_at: None },
            remote: Remote::Down { retry_at: None },
            outward: Outward::default(),
            inward: Inward::default(),
            local_ids: PacketIds { next: PacketId::MIN },
            remote_ids: PacketIds { next: PacketId::MIN },
            learned: Learned {
                version: spec.version,
                takes_bridge_bit: spec.try_private,
                qos_max: QoS::ExactlyOnce,
                takes_retain: spec.outgoing_retain,
            },
            ready: false,
            backoff: BackOff::new(spec.restart, spec.seed),
            address: 0,
            stage: Stage::Running,
            spec,
        }
    }

    /// Takes what has happened.
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.stage == Stage::Stopped {
            return;
        }
        match input {
            Input::Start => self.open_local(),
            Input::LocalLost => self.local_lost(now),
            Input::RemoteOpened => self.remote_opened(now),
            Input::RemoteLost => self.remote_lost(now),
            Input::ProbeReached => self.back_to_first(now),
            Input::ProbeFailed => self.probe_failed(now),
            Input::Timeout => self.timeout(now),
            Input::Stop(farewell) => self.stop(now, farewell),
        }
    }

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is wanted.
    pub fn poll_timeout(&self) -> Option<Now> {
        if self.stage == Stage::Stopped {
            return None;
        }
        let local = match self.local {
            Local::Down { retry_at } => retry_at,
            Local::Connecting | Local::Up { .. } => None,
        };
        let remote = match &self.remote {
            Remote::Down { retry_at } => *retry_at,
            Remote::Dialling { give_up_at } | Remote::Connecting { give_up_at } => Some(*give_up_at),
            Remote::Up(link) => link.deadline(&self.spec),
        };
        local.into_iter().chain(remote).min()
    }

    /// Whether the subscriptions here are made: what is published from now on is not missed.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether the remote broker has let us in.
    pub fn is_connected(&self) -> bool {
        matches!(self.remote, Remote::Up(_))
    }

    /// Whether it has no connection to the remote broker and waits for none: one that still stands is to be closed.
    pub fn has_let_go(&self) -> bool {
        matches!(self.remote, Remote::Down { .. })
    }

    /// The filters that it subscribes at the local broker.
    pub fn local_filters(&self) -> impl Iterator<Item = &str> {
        self.spec.topics.iter().filter(|rule| rule.goes_out()).map(crate::TopicRule::local_filter)
    }

    fn timeout(&mut self, now: Now) {
        if let Local::Down { retry_at: Some(at) } = self.local
            && at <= now
        {
            self.open_local();
        }
        match &self.remote {
            Remote::Down { retry_at: Some(at) } if *at <= now => self.dial(now),
            Remote::Dialling { give_up_at } | Remote::Connecting { give_up_at } if *give_up_at <= now => {
                self.fault(now, "did not answer in time");
            }
            Remote::Up(_) => self.link_timeout(now),
            Remote::Down { .. } | Remote::Dialling { .. } | Remote::Connecting { .. } => {}
        }
    }

    pub(crate) fn dial(&mut self, now: Now) {
        self.remote = Remote::Dialling { give_up_at: Now(now.0 + DIAL_MS) };
        self.outputs.push_back(Output::Dial { address: self.address });
    }

    /// A lazy bridge wakes when enough messages wait, or when no more can: the window towards us is full.
    pub(crate) fn wake(&mut self, now: Now) {
        let StartType::Lazy { threshold, .. } = self.spec.start_type else { return };
        let window = usize::from(self.spec.inflight_max.max(1));
        if self.outward.len() >= threshold.min(window) && self.ready {
            self.dial(now);
        }
    }

    /// The connection, or the attempt, is over: whatever ended it.
    pub(crate) fn remote_lost(&mut self, now: Now) {
        let held = match &self.remote {
            Remote::Down { .. } => return,
            Remote::Dialling { .. } | Remote::Connecting { .. } => None,
            Remote::Up(link) => Some(now.0.saturating_sub(link.since.0)),
        };
        if held.is_some() {
            self.announce(now, b"0");
            let name = self.spec.name.clone();
            self.tell(Told::Lost { name });
        }
        self.outward.remote_lost();
        self.address = (self.address + 1) % self.spec.addresses.max(1);
        let retry_at = match self.spec.start_type {
            StartType::Automatic => Some(Now(now.0 + self.next_wait(held))),
            StartType::Lazy { .. } | StartType::Once => None,
        };
        self.remote = Remote::Down { retry_at };
        if !self.qos0_waits() {
            self.outward.forget_qos0();
        }
        self.forget_queue();
        self.wake(now);
    }

    /// `local_cleansession true`: what waits for a remote broker that is away is not kept.
    fn forget_queue(&mut self) {
        if self.spec.local_start == Start::Clean {
            for entry in self.outward.clear() {
                self.acknowledge_local(entry.local, entry.message.qos);
            }
        }
    }

    fn next_wait(&mut self, held: Option<u64>) -> u64 {
        let wait = self.backoff.next(held);
        let name = || self.spec.name.clone();
        let milliseconds = wait.milliseconds();
        let told = match wait {
            Wait::Fixed(_) => return milliseconds,
            Wait::Shortest(_) => vec![Told::Stable { name: name() }],
            Wait::Jittered(_) => Vec::new(),
        };
        let backoff = Told::BackOff { name: name(), milliseconds };
        told.into_iter().chain([backoff]).for_each(|told| self.tell(told));
        milliseconds
    }

    /// Ends the connection because of what the remote broker did.
    pub(crate) fn fault(&mut self, now: Now, text: &str) {
        let (name, text) = (self.spec.name.clone(), text.to_owned());
        self.tell(Told::Fault { name, text });
        self.hang_up(now);
    }

    /// Ends the connection as if it had been lost.
    pub(crate) fn hang_up(&mut self, now: Now) {
        self.outputs.push_back(Output::CloseRemote);
        self.remote_lost(now);
    }

    fn back_to_first(&mut self, now: Now) {
        let Remote::Up(link) = &mut self.remote else { return };
        link.probe_at = None;
        if self.address == 0 {
            return;
        }
        let name = self.spec.name.clone();
        self.tell(Told::PrimaryBack { name });
        self.hang_up(now);
        self.address = 0;
        self.dial(now);
    }

    fn probe_failed(&mut self, now: Now) {
        if let Remote::Up(link) = &mut self.remote {
            link.probe_at = Some(Now(now.0 + PROBE_MS));
        }
    }

    /// Whether the first address is to be looked for.
    pub(crate) fn probes(&self) -> bool {
        self.spec.address_order == AddressOrder::PreferFirst && self.address != 0
    }

    fn stop(&mut self, now: Now, farewell: Farewell) {
        match (farewell, &self.remote) {
            (Farewell::Removed | Farewell::Replaced, Remote::Up(_)) => {
                self.say_down();
                let bytes = wire::disconnect(self.learned.version, None);
                self.outputs.push_back(Output::SendRemote(bytes));
                self.announce(now, b"0");
            }
            (Farewell::Removed | Farewell::Replaced | Farewell::Shutdown, _) => {}
        }
        self.outputs.push_back(Output::CloseRemote);
        if matches!(self.local, Local::Up { .. }) {
            let expiry = match farewell {
                Farewell::Removed => Some(0),
                Farewell::Replaced | Farewell::Shutdown => None,
            };
            self.outputs.push_back(Output::SendLocal(wire::disconnect(Version::V5, expiry)));
        }
        self.outputs.extend([Output::CloseLocal, Output::Stopped]);
        self.stage = Stage::Stopped;
    }

    pub(crate) fn tell(&mut self, told: Told) {
        self.outputs.push_back(Output::Tell(told));
    }

    pub(crate) fn remote_id(&mut self) -> PacketId {
        let outward = &self.outward;
        self.remote_ids.take(|id| outward.uses_remote(id))
    }
}

impl PacketIds {
    /// The next that is free. There are more ids than a window has places, so there is one.
    pub(crate) fn take(&mut self, used: impl Fn(PacketId) -> bool) -> PacketId {
        loop {
            let id = self.next;
            self.next = id.next();
            if !used(id) {
                return id;
            }
        }
    }
}
