//! The properties of MQTT 5.0 (§2.2.2): which exist, what they hold, where they may stand.
//!
//! Invariant: the bytes inside [`Properties`], [`PropertiesBuf`] and [`ForwardedProperties`] have been checked, each
//! identifier against the packet it stands in, its multiplicity and its value. Reading them again cannot fail.

mod buf;
mod forwarded;
mod list;
mod table;
mod value;

pub(crate) use buf::put_len_prefixed;
pub use buf::{PropertiesBuf, PropertyError};
pub use forwarded::ForwardedProperties;
pub use list::{Properties, PropertyIter};
pub use table::{Place, Property, PropertyId};
pub use value::{MaximumQoS, PayloadFormat, SubscriptionId, UserProperty};
