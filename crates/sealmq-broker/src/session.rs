//! A session: what the broker remembers of a client, and the connection it has now, if any.

mod backlog;
mod incoming;
mod window;

pub(crate) use backlog::Backlog;
pub(crate) use incoming::Incoming;
pub(crate) use window::{Enqueued, FullSaid, Queued, Receiver, Stage, StoreBehind, Window};

use crate::{
    Admission, Charge, ClientId, ConnId, Limits, ListenerRules, Message, Millis, Mono, Owner, Policy,
    Principal, Record, Source, Wall, places::Place, timers::Deadlines,
};
use sealmq_mqtt::{QoS, SubscriptionId, Version};
use std::{collections::BTreeMap, sync::Arc};

/// A session of this shard.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: ClientId,
    pub(crate) owner: Owner,
    /// Who its client is, as the last connection said: what the ACL asks for, also while the client is away.
    pub(crate) source: Arc<Source>,
    pub(crate) life: Life,
    pub(crate) link: Link,
    /// By the filter with the mount point in it.
    pub(crate) subscriptions: Subscriptions,
    pub(crate) outgoing: Window,
    pub(crate) incoming: Incoming,
    pub(crate) will: Option<Box<Will>>,
    pub(crate) deadlines: Deadlines,
    /// Its place among the sessions of all shards; without one only while it is ended to begin anew.
    pub(crate) place: Option<Place>,
    pub(crate) _charge: Charge,
}

/// How long a session lasts without a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// It ends with the connection: Session Expiry Interval 0, or a clean session of 3.x.
    Connection,
    /// It ends that long after. MQTT §3.1.2.11.2
    After(Millis),
    /// It does not end: Session Expiry Interval 0xFFFFFFFF, or `clean_session` 0 of 3.x.
    Forever,
}

impl Life {
    /// From the property of 5.0.
    pub(crate) fn from_session_expiry(secs: u32) -> Life {
        match secs {
            0 => Life::Connection,
            u32::MAX => Life::Forever,
            secs => Life::After(Millis::from_secs(u64::from(secs))),
        }
    }
}

/// Whether the client is connected.
#[derive(Debug)]
pub(crate) enum Link {
    Online(Box<Connection>),
    Offline,
}

/// What belongs to one network connection and is forgotten with it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) conn: ConnId,
    pub(crate) version: Version,
    pub(crate) kind: ClientKind,
    pub(crate) rules: Arc<ListenerRules>,
    /// One and a half times the keep alive; `None`: off. [MQTT-3.1.2-22]
    pub(crate) silence_max: Option<Millis>,
    pub(crate) last_received: Mono,
    /// How many QoS 1 and 2 messages we may have in flight towards it: the lower of `inflight_max` and its Receive
    /// Maximum. [MQTT-3.3.4-9]
    pub(crate) receive_max: usize,
    /// The largest packet it takes. [MQTT-3.1.2-24]
    pub(crate) packet_bytes_max: usize,
    /// What the client's aliases stand for, the mount point put before.
    pub(crate) aliases_in: BTreeMap<u16, Arc<str>>,
    pub(crate) aliases_out: AliasesOut,
    /// Bytes given out and not yet reported as written.
    pub(crate) unwritten: usize,
    /// QoS 1 and 2 messages received on this connection and not finally acknowledged. [MQTT-3.3.4-7]
    pub(crate) receiving: usize,
    /// The Receive Maximum that CONNACK announced: it holds for this connection whatever is reloaded meanwhile.
    pub(crate) receiving_max: usize,
    pub(crate) admitted_by: Arc<dyn Admission>,
    pub(crate) generation: u64,
    pub(crate) ends_at: Option<Wall>,
    /// The method by which it authenticated in AUTH packets; `None`: by none, and it may send no AUTH.
    pub(crate) authentication: Option<Box<Known>>,
    pub(crate) _charge: Charge,
}

/// An Authentication Method, and how far an exchange is. [MQTT-4.12.1-1]
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) method: Box<str>,
    pub(crate) turn: AuthTurn,
}

/// Who speaks next in an exchange of AUTH packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthTurn {
    /// There is none.
    Nobodys,
    /// An errand is under way.
    Ours,
    /// It was asked.
    Clients,
}

impl Connection {
    /// Whether a packet of `len` bytes is within its Maximum Packet Size. [MQTT-3.1.2-24] As in mosquitto the first byte
    /// is not counted: what its clients get from it today they get from us.
    pub(crate) const fn takes(&self, len: usize) -> bool {
        len <= self.packet_bytes_max.saturating_add(1)
    }
}

/// What the client says it is: protocol level 0x83 or 0x84 is a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Ordinary,
    /// Its subscriptions are no-local and retain-as-published.
    Bridge,
}

/// Topic aliases that we have set towards a client: the first topics get one, as in mosquitto.
#[derive(Debug, Default)]
pub(crate) struct AliasesOut {
    max: u16,
    numbers: BTreeMap<Arc<str>, u16>,
}

/// How a topic goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopicForm {
    /// As itself.
    Plain,
    /// As itself, setting this alias.
    Setting(u16),
    /// As nothing but this alias.
    Alias(u16),
}

impl AliasesOut {
    pub(crate) fn new(max: u16) -> AliasesOut {
        AliasesOut { max, numbers: BTreeMap::new() }
    }

    /// How `topic` would go out now.
    pub(crate) fn form(&self, topic: &str) -> TopicForm {
        if self.max == 0 {
            return TopicForm::Plain;
        }
        match self.numbers.get(topic) {
            Some(number) => TopicForm::Alias(*number),
            None if self.numbers.len() < usize::from(self.max) => {
                TopicForm::Setting(u16::try_from(self.numbers.len() + 1).expect("below max, a u16"))
            }
            None => TopicForm::Plain,
        }
    }

    /// Remembers what was sent.
    pub(crate) fn sent(&mut self, topic: &Arc<str>, form: TopicForm) {
        if let TopicForm::Setting(number) = form {
            self.numbers.insert(Arc::clone(topic), number);
        }
    }
}

/// A session's subscriptions, ordinary and shared, and what they count for.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    by_filter: BTreeMap<Box<str>, Subscription>,
    bytes: usize,
}

/// What was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) qos: QoS,
    pub(crate) no_local: NoLocal,
    pub(crate) retain_as_published: RetainAsPublished,
    pub(crate) id: Option<SubscriptionId>,
}

/// [MQTT-3.8.3-3]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoLocal {
    No,
    Yes,
}

/// [MQTT-3.3.1-12] [MQTT-3.3.1-13]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetainAsPublished {
    No,
    Yes,
}

impl Subscriptions {
    pub(crate) fn get(&self, filter: &str) -> Option<&Subscription> {
        self.by_filter.get(filter)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_filter.len()
    }

    pub(crate) fn filters(&self) -> impl Iterator<Item = &str> {
        self.by_filter.keys().map(|filter| &**filter)
    }

    /// The bound that one more filter would pass.
    pub(crate) fn bound_reached(&self, filter: &str, limits: &Limits) -> Option<&'static str> {
        if self.by_filter.contains_key(filter) {
            None
        } else if self.by_filter.len() >= limits.subscriptions_max {
            Some("subscriptions_max")
        } else if self.bytes + filter.len() > limits.subscription_bytes_max {
            Some("subscription_bytes_max")
        } else {
            None
        }
    }

    pub(crate) fn insert(&mut self, filter: &str, subscription: Subscription) {
        if self.by_filter.insert(Box::from(filter), subscription).is_none() {
            self.bytes += filter.len();
        }
    }

    pub(crate) fn remove(&mut self, filter: &str) -> Option<Subscription> {
        let removed = self.by_filter.remove(filter)?;
        self.bytes -= filter.len();
        Some(removed)
    }
}

/// What is published if the client goes without saying so. MQTT §3.1.2.5
#[derive(Debug)]
pub(crate) struct Will {
    pub(crate) message: Message,
    pub(crate) delay: Millis,
}

impl Session {
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match &self.link {
            Link::Online(connection) => Some(connection),
            Link::Offline => None,
        }
    }

    pub(crate) fn connection_mut(&mut self) -> Option<&mut Connection> {
        match &mut self.link {
            Link::Online(connection) => Some(connection),
            Link::Offline => None,
        }
    }

    /// What is written down of it as a whole.
    pub(crate) fn record(&self, away_since: Option<Wall>) -> Record {
        let expiry = match self.life {
            Life::Connection => Some(Millis(0)),
            Life::After(span) => Some(span),
            Life::Forever => None,
        };
        Record::Session { client: self.client_id.clone(), owner: self.owner.clone(), expiry, away_since }
    }

    /// Whether it outlives its connection, so that what changes in it is written down.
    pub(crate) fn is_persistent(&self) -> bool {
        match self.life {
            Life::Connection => false,
            Life::After(_) | Life::Forever => true,
        }
    }
}

impl Source {
    pub(crate) fn of(
        client_id: &ClientId,
        principal: &Principal,
        rules: &ListenerRules,
        policy: &Policy,
    ) -> Source {
        let named = policy.acl_of(rules.listener).names_attributes();
        Source {
            client_id: client_id.clone(),
            username: principal.username.clone(),
            role: principal.role,
            attributes: named.then(|| principal.admitted_by.attributes()).flatten(),
            listener: rules.listener,
            topics: principal.topics.clone(),
        }
    }
}
