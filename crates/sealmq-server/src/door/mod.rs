//! The door: everything between `accept` and an admitted client.
//!
//! It runs on tokio threads of lower priority. Each connection is one task: bounds before the first TLS byte,
//! PROXY header,
//! handshake, CONNECT, authentication, one deadline over all of it; then it leaves as one `Established` to its shard.
//! Nothing here handles a message of an admitted client.

pub mod accept;
pub(crate) mod api;
pub mod authenticate;
pub mod ban;
pub(crate) mod credentials;
pub(crate) mod enhanced;
pub mod fence;
#[cfg(test)]
pub(crate) mod fixture;
pub mod hashing;
pub(crate) mod held_names;
pub mod limits;
pub mod listener;
pub mod name_proofs;
pub mod network;
pub mod passwords;
pub(crate) mod pki;
pub mod proxy;
pub mod rate;
mod refuse;
mod remembered;
pub mod stream;
mod visit;
pub mod web;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sealmq_broker::{Policy, ShardId, TrustGeneration};

use crate::dollar_control::Endpoint;
use crate::established::Established;
use crate::expiry::seen::Seen;
use crate::log::mute::{Mute, Symptom, Verdict};
use crate::log::{Event, Line, Log};
use crate::post::{Mail, PostOffice};
use crate::reload::Asks;
use crate::sys_tree::Observed;
use authenticate::CertificateNames;
use fence::Fence;
use hashing::HashingPool;
use held_names::HeldNames;
use limits::{DoorLimits, Gatekeeper};
use remembered::{REMEMBERED_MAX, Remembered};

/// What all connections of the door share.
pub struct Door {
    pub(crate) limits: DoorLimits,
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) fence: Fence,
    pub(crate) hashing: Arc<HashingPool>,
    pub(crate) tokens: HashingPool,
    pub(crate) remembered: Option<Remembered>,
    pub(crate) trust: Arc<dyn TrustGeneration>,
    pub(crate) names: Option<Arc<HeldNames>>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) log: Log,
    pub(crate) topic_separators_max: u16,
    nodelay: AtomicBool,
    /// The policy at the start, for those who ask over HTTP; a reload posts another.
    pub(crate) policy: Policy,
    pub(crate) observed: Arc<Observed>,
    pub(crate) seen: Seen,
    pub(crate) endpoint: Arc<Endpoint>,
    /// Reloads that were asked for: who comes behind one waits for it.
    pub(crate) asks: Arc<Asks>,
    muted: Mutex<Mute>,
}

/// `set_tcp_nodelay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodelay {
    /// Small packets leave at once.
    On,
    /// The kernel waits for more.
    Off,
}

/// What a door is made of.
pub(crate) struct DoorSpec {
    pub(crate) limits: DoorLimits,
    pub(crate) hashing: Arc<HashingPool>,
    pub(crate) tokens: HashingPool,
    pub(crate) trust: Arc<dyn TrustGeneration>,
    pub(crate) names: Option<Arc<dyn CertificateNames>>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) log: Log,
    pub(crate) topic_separators_max: u16,
    pub(crate) nodelay: Nodelay,
    pub(crate) policy: Policy,
    pub(crate) observed: Arc<Observed>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) asks: Asks,
}

impl Door {
    pub(crate) fn new(spec: DoorSpec) -> Door {
        Door {
            gatekeeper: Gatekeeper::new(&spec.limits),
            fence: Fence::new(spec.limits.fence),
            limits: spec.limits,
            hashing: spec.hashing,
            tokens: spec.tokens,
            remembered: Remembered::new(REMEMBERED_MAX),
            trust: spec.trust,
            names: spec.names.map(HeldNames::new),
            post: spec.post,
            log: spec.log,
            topic_separators_max: spec.topic_separators_max,
            nodelay: AtomicBool::new(spec.nodelay == Nodelay::On),
            policy: spec.policy,
            observed: spec.observed,
            seen: Seen::default(),
            endpoint: spec.endpoint,
            asks: Arc::new(spec.asks),
            muted: Mutex::new(Mute::default()),
        }
    }

    /// `set_tcp_nodelay` of now.
    pub(crate) fn nodelay(&self) -> Nodelay {
        if self.nodelay.load(Ordering::Relaxed) { Nodelay::On } else { Nodelay::Off }
    }

    /// Another `set_tcp_nodelay`, for connections that come.
    pub(crate) fn set_nodelay(&self, nodelay: Nodelay) {
        self.nodelay.store(nodelay == Nodelay::On, Ordering::Relaxed);
    }

    /// A listener that was let go for a reload that then failed could not be opened again.
    pub(crate) fn log_lost_listener(&self, bind: &sealmq_config::Bind, error: &std::io::Error) {
        let text =
            format!("{} could not be opened again and stays closed: {error}.", crate::plan::name(bind));
        self.log.line(Line::new(Event::ReloadRefused, text).hint("mend the configuration and restart"));
    }

    /// Gives an admitted client to its shard.
    fn hand_over(&self, mut established: Established) {
        established.guard.settle(self.fence.settle(established.address.ip()));
        let shard = ShardId::of_client(established.peer.client_id.as_str(), self.post.shards());
        self.post.post(shard, Mail::Established(Box::new(established)));
    }

    /// Logs a refusal, unless this address has had its share of lines of this symptom.
    fn log_refusal(&self, symptom: Symptom, line: Line) {
        let verdict =
            self.muted.lock().unwrap_or_else(PoisonError::into_inner).judge(symptom, Instant::now());
        match verdict {
            Verdict::Write => self.log.line(line),
            Verdict::WriteAfterMuted(muted) => {
                self.log.line(line);
                self.log.line(repeats(symptom, muted));
            }
            Verdict::Mute => {}
        }
    }

    /// Sums up what was muted and is over; called from time to time.
    pub(crate) fn sum_up_repeats(&self) {
        let over = self.muted.lock().unwrap_or_else(PoisonError::into_inner).take_over(Instant::now());
        for (symptom, muted) in over {
            self.log.line(repeats(symptom, muted));
        }
    }
}

fn repeats(symptom: Symptom, muted: u64) -> Line {
    let who = symptom.address.map_or_else(|| "a unix socket".to_owned(), |address| address.to_string());
    Line::new(
        Event::RepeatsMuted,
        format!("{} from {who}: {muted} more like this were not written.", symptom.code),
    )
    .field("symptom", symptom.code)
    .field("address", who)
    .field("repeats", muted)
}
