//! The MQTT broker as a state machine: sessions, router, retained messages, QoS, ACL, wills. Sans-I/O.
//!
//! What it is: one [`Broker`] per shard. It is given one [`Input`] at a time with the time of [`Now`], and asked for
//! [`Output`]s until there are none. What is one for all shards ([`Tables`]) it is given as an argument.
//! What it is not: it knows no socket, no thread, no file, no certificate, no password, and no number of shards.
//!
//! Invariants:
//! * Same inputs, same tables, same outputs, in the same order: no clock, no randomness, no iteration over a hash.
//! * A session, its window, its queue and a take-over are on one shard: the client id decides which.
//! * A client's own copies of what it publishes are given out before the acknowledgement of that publish.
//! * What a peer can grow has a bound in [`Limits`]. Nothing that a peer sends panics.
//! * Nobody is adopted or kept on a judgment older than the current trust generation.

mod acl;
mod answers;
mod broker;
mod connect;
mod control;
mod deliver;
mod errand;
mod event;
mod exchange;
#[doc(hidden)]
pub mod fuzzing;
mod groups;
mod heap;
mod ids;
mod interest;
mod io;
mod lifecycle;
mod limits;
mod message;
mod now;
mod peer;
mod places;
mod policy;
mod publish;
mod reauthenticate;
mod received;
mod record;
mod retained;
mod route;
mod session;
mod sessions;
mod subscribe;
mod subscriber;
mod tables;
mod timers;
mod trie;
mod trust;
mod will;

pub use acl::{
    Access, Acl, AclEntry, AclError, AclRules, AclUser, Action, Attribute, Attributes, Subject, TopicScope,
};
pub use answers::connack_refusal;
pub use broker::{Broker, SessionFacts};
pub use control::{ControlAnswer, ControlRequest, Unasked};
pub use errand::{AuthData, AuthStep, Authentication, Errand, ErrandOutcome, Renewed};
pub use event::{Counters, Event, Start};
pub use exchange::{Exchange, Letter, Mailbox, Marks, Reading};
pub use groups::GroupTable;
pub use heap::{Charge, Heap};
pub use ids::{ClientId, ConnId, ShardId, ShardSet};
pub use interest::InterestTable;
pub use io::{Delivery, Ending, Input, Lane, LocalPublish, Lost, Outgoing, Output, Refusal, Retain, Stored};
pub use limits::Limits;
pub use message::{Message, Source};
pub use now::{Millis, Mono, Now, Wall};
pub use peer::{
    Admission, Assigned, Ended, Farewell, ListenerId, ListenerRules, Peer, Principal, Role, TrustGeneration,
};
pub use places::Places;
pub use policy::{
    DollarTopics, Durability, OfflineQoS0, OutgoingQoS, Overlapping, Owner, Policy, RetainSource,
    RetainedMessages, SessionOwner, TakenBackWill,
};
pub use record::{Commit, Record};
pub use retained::RetainedTable;
pub use tables::{
    Forward, GroupsFull, Interest, Live, Member, Pick, Presence, Retained, RetainedFull, RetainedMessage,
    RetainedVersion, SharedGroups, Tables,
};
pub use trie::{FilterTrie, Occupant};
