//! A bridge between two brokers as a state machine: what happened to its two links and the time go in, bytes for both
//! links and wishes (dial, close, probe) come out. Sans-I/O.
//!
//! What it is: the relay itself. Towards both brokers it is a client, but not one that owns messages: a QoS 1 or 2
//! message stays the sender's until the other side has taken it, so the acknowledgement of one side is made of the
//! acknowledgement of the other. That is why it is built on the codec and not on `sealmq_client::Session`, which
//! acknowledges what it has received and keeps what it is to send.
//! What it is not: a socket, a clock, TLS, a configuration file. It decides when to dial which address, and nothing else
//! about connections.
//!
//! Invariants:
//! * A message of QoS 1 or 2 is acknowledged to the side it came from only after the other side has acknowledged it, or
//!   when it can never take it (too large, refused, expired), which is told.
//! * What is held is bounded: towards the remote broker by the window that we announce to the local one and by
//!   [`BridgeSpec::queued_max`] at QoS 0, towards the local broker by [`INWARD_WAITING_MAX`] plus the windows. The remote
//!   broker is not read while its messages do not leave ([`Bridge::reads_remote`]).
//! * Packet ids towards the remote broker are counted over all its connections, as mosquitto does.
//! * The remote broker can put messages only where an `in` (or `both`) topic says so.

mod aliases;
mod backoff;
mod bridge;
#[doc(hidden)]
pub mod fuzzing;
mod inward;
mod io;
mod local;
mod message;
mod outward;
mod remote;
mod spec;
mod topics;
mod wire;

pub use backoff::{BackOff, Restart, Wait};
pub use bridge::Bridge;
pub use inward::INWARD_WAITING_MAX;
pub use io::{Farewell, Input, Now, Output, Severity, Told};
pub use spec::{AddressOrder, BridgeSpec, Notifications, OfflineQoS0, Start, StartType};
pub use topics::{Direction, RuleError, TopicRule};
