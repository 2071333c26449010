//! Ports for servers that tests start: each is handed out once per process, and to no client by the system.
//!
//! `bind` to port 0 and letting go of it is not enough: until the server listens, the system may give the same port to
//! another test, or to a connection as its own end. So they are taken from below the range of such ports.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Where the ports of this file begin and end. Linux' own range begins at 32768, others' above it.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nothing listens on at 127.0.0.1, and that no other test of this process gets.
pub(crate) fn free_port() -> u16 {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Two test programs at once begin at different places.
    let begin = std::process::id().wrapping_mul(101) % u32::from(COUNT);
    for _ in 0..COUNT {
        let given = u32::from(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = FIRST + u16::try_from((begin + given) % u32::from(COUNT)).expect("less than COUNT");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} on is free");
}
