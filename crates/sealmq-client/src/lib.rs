//! MQTT client: a pure [`Session`] and a driver, [`Client`], over TCP, TLS, WebSockets and unix sockets. Serves
//! the commands
//! `pub` and `sub`, the broker's self-test, bridges and tests.
//!
//! It is not an event loop of its own: whoever owns a [`Client`] awaits its next event.
//!
//! Invariants: the session reads no clock and owns no socket; a server is trusted only as its
//! [`ClientTls`](sealmq_tls::ClientTls) says; passwords have no `Debug`.

mod driver;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod message;
mod options;
mod property;
mod session;
mod url;
mod websocket;

pub use driver::{Client, Transport};
pub use error::{ClientError, PacketError, PublishError, Refusal, SessionError, SubscribeError};
pub use message::{Filter, Message, Outgoing, OwnMessages, Retain, RetainFlag, Will};
pub use options::{
    AuthMethod, CONNECT_TIMEOUT, Endpoint, INFLIGHT_MAX, KEEP_ALIVE_SECS, Nagle, Options, SessionOptions,
    Start, Trace,
};
pub use property::{Carrier, Property, PropertyError};
pub use sealmq_mqtt::{PacketId, QoS, ReasonCode, RetainHandling, Version};
pub use session::{Connected, Delivery, Event, Input, Now, Output, Session};
pub use url::{BrokerUrl, Scheme, UrlError};
pub use websocket::{ANSWER_BYTES_MAX, Framing, WebSocket, WebSocketError, WebSocketNonce};
