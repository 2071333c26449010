//! The real binary against the clients that people use: openssl, mosquitto_pub/sub, paho-mqtt, MQTT.js, mbedTLS.
//!
//! Servers listen on loopback only, on free ports, and are stopped by their own process id. A tool that is missing is a
//! skip with its name where a developer runs the tests, and a failure where `CI` is set.
#![allow(
    clippy::disallowed_methods,
    reason = "these tests are the shell: processes, clocks, the environment"
)]
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

mod as_another_user;
mod audit;
mod backup;
mod bounds;
mod bridges;
mod ca;
mod certs;
mod checking;
mod expiring;
mod fleet;
mod guide_walkthrough;
mod guides;
mod haproxy;
mod in_the_place_of_mosquitto;
mod log_format;
mod mbedtls;
mod ocsp;
mod options_file;
mod paho;
mod published;
mod refusals;
mod revoke;
mod scram;
mod service;
mod support;
mod targets;
mod up;
mod websockets;
