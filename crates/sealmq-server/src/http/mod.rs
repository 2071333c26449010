//! HTTP as far as a broker needs it: the head of a request, the upgrade to WebSocket, files of a folder.
//!
//! What it is not: a web server. One request is answered for each connection, and the connection is closed.

pub mod api;
pub mod files;
pub(crate) mod request;
pub(crate) mod upgrade;
