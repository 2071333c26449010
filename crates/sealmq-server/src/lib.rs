//! The I/O shell of SealMQ's broker: everything that touches the world.
//!
//! The *door* (tokio threads) accepts, runs handshakes, reads CONNECT and authenticates; it hands one value,
//! `Established`, to a *shard*: sockets, timers and one `sealmq_broker::Broker`. *Workers* (threads with one
//! `mio::Poll` each) run shards. Beside them stand the data directory (`home`), the `inventory` of certificates and
//! the `control` socket.
//!
//! What is not here: MQTT rules (sealmq-broker), bytes and packets (sealmq-mqtt), who a certificate is (sealmq-tls),
//! what a configuration file means (sealmq-config). This crate holds no `unsafe`.
//!
//! Invariants: nothing that a peer sends before it is authenticated can delay a message of an established client;
//! every refusal has a log line in plain words; what cannot be checked refuses.
#![cfg(unix)]
// This crate is the shell: clocks, threads and the environment are its business.
#![allow(clippy::disallowed_methods)]

pub mod believed;
pub mod bridge;
pub mod clock;
pub mod control;
mod crl_files;
pub mod directory;
pub mod dollar_control;
pub mod door;
pub mod established;
mod expiry;
pub mod fuzzing;
mod hangup;
pub mod home;
pub mod http;
pub mod inventory;
mod listening;
pub mod log;
pub mod logging;
pub mod mailbox;
mod material;
pub mod notify;
pub mod password_lines;
mod pid_file;
pub mod pki_http;
pub mod plan;
pub mod post;
pub mod privileges;
pub mod reload;
pub mod rereading;
pub mod running;
pub mod secrets;
pub mod serve;
mod shard;
pub mod signals;
pub mod startup;
pub mod sys_tree;
pub mod tables;
pub mod threads;
pub mod trust;
mod trust_watch;
pub mod worker;
