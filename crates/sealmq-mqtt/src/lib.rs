//! MQTT 3.1, 3.1.1 and 5.0: bytes to packets and back; topics and filters. Sans-I/O.
//!
//! What it is: a strict codec. [`decode()`] reads one packet in place from a buffer, without copying or allocating;
//! [`encode()`] writes one; [`SharedPublish`] encodes a PUBLISH once for many receivers.
//! [`websocket`] reads and writes the frames in which browsers carry packets.
//! What it is not: a client or a broker. It keeps no state between packets: topic aliases, packet ids in flight and
//! quotas belong to the session.
//!
//! Invariants:
//! * The remaining length is held against [`Limits`] before any byte of the body is waited for: [`Decoded::Incomplete`]
//!   never asks for more than `Limits::packet_bytes_max`.
//! * Decoding allocates nothing, for any packet; its cost is linear in the packet's size.
//! * What [`encode()`] writes, [`decode()`] reads back as the same value, for every packet that it does not refuse.
//! * Nothing here panics on what a peer sends.
//!
//! Citations: `[MQTT-x]` is the OASIS text of 5.0, `[MQTT311-x]` that of 3.1.1, `MQTT 3.1 §x` IBM's text of 2010.

mod answer;
mod decode;
mod encode;
mod error;
mod filter;
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod matching;
pub mod packet;
mod packet_id;
mod packet_type;
mod property;
mod qos;
mod reader;
mod reason;
mod return_code;
mod secret;
mod shared_publish;
mod sink;
mod text;
mod topic;
mod varint;
mod version;
pub mod websocket;

pub use answer::Answer;
pub use decode::{Decoded, DecodedConnect, decode, decode_connect};
pub use encode::{EncodeError, encode, encoded_len};
pub use error::{DecodeError, Fault};
pub use filter::{Share, TopicFilter};
pub use limits::{Limits, Sender};
pub use matching::matches;
pub use packet::{
    Ack, Auth, ConnAck, ConnAckCode, Connect, Disconnect, FilterList, FilterListBuf, Packet, Publish,
    ReasonCodes, RetainHandling, SubAck, Subscribe, Subscription, SubscriptionList, SubscriptionListBuf,
    SubscriptionOptions, UnsubAck, Unsubscribe, Will,
};
pub use packet_id::PacketId;
pub use packet_type::PacketType;
pub use property::{
    ForwardedProperties, MaximumQoS, PayloadFormat, Place, Properties, PropertiesBuf, Property,
    PropertyError, PropertyId, PropertyIter, SubscriptionId, UserProperty,
};
pub use qos::{Dup, QoS};
pub use reason::ReasonCode;
pub use return_code::ConnectReturnCode;
pub use secret::Secret;
pub use shared_publish::{PublishParts, SharedPublish};
pub use topic::{TopicError, TopicName};
pub use version::Version;
