//! What a stranger may take before he has said who he is: connections, handshakes, bytes.
//!
//! Every bound is counted by a guard that gives back on drop, so no path can forget it. Counting happens before the
//! first TLS byte is read. When a bound is reached the newest comer is refused; those who are in are left alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The bounds of the stage before authentication.
#[derive(Debug, Clone)]
pub struct DoorLimits {
    /// Connections over all listeners (`global_max_connections`).
    pub connections_max: Option<usize>,
    /// Connections that have not been admitted yet, over all listeners.
    pub handshakes_max: usize,
    /// The same for one IP address (unix sockets count as one).
    pub handshakes_per_address_max: usize,
    /// Bytes that all connections that are not admitted yet may hold in buffers of ours.
    pub unauthenticated_bytes_max: usize,
    /// From accept to the end of CONNECT, handshake included.
    pub connect_deadline: Duration,
    /// Largest CONNECT packet.
    pub connect_bytes_max: u32,
    /// Password checks that may wait for a hashing thread.
    pub hashing_queue_max: usize,
    /// How long a password check may take, waiting included.
    pub hashing_deadline: Duration,
}

impl Default for DoorLimits {
    fn default() -> DoorLimits {
        DoorLimits {
            connections_max: None,
            handshakes_max: 2_048,
            handshakes_per_address_max: 1_024,
            unauthenticated_bytes_max: 64 << 20,
            connect_deadline: Duration::from_secs(15),
            connect_bytes_max: 2_000_000,
            hashing_queue_max: 256,
            hashing_deadline: Duration::from_secs(10),
        }
    }
}

/// Which bound was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// `max_connections` of the listener.
    Listener,
    /// `global_max_connections`.
    Global,
    /// Handshakes that wait, over all addresses.
    Handshakes,
    /// Handshakes that wait, of this address.
    Address,
    /// Bytes of connections that are not admitted yet.
    Bytes,
}

impl Full {
    /// Stable code, for muting repeats.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Full::Listener => "SMQ-D001",
            Full::Global => "SMQ-D002",
            Full::Handshakes => "SMQ-D003",
            Full::Address => "SMQ-D004",
            Full::Bytes => "SMQ-D005",
        }
    }

    /// What was reached, for the log.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Full::Listener => "max_connections of this listener is reached",
            Full::Global => "global_max_connections is reached",
            Full::Handshakes => "too many connections wait to be let in",
            Full::Address => "too many connections of this address wait to be let in",
            Full::Bytes => "connections that wait to be let in hold too much memory",
        }
    }
}

/// A bounded counter; [`Counter::take`] gives a guard.
#[derive(Debug)]
pub struct Counter {
    used: AtomicUsize,
    max: usize,
}

/// One unit (or some) of a [`Counter`], given back on drop.
#[derive(Debug)]
pub struct Taken {
    counter: Arc<Counter>,
    amount: usize,
}

impl Counter {
    /// A counter that never goes above `max`.
    #[must_use]
    pub fn new(max: usize) -> Arc<Counter> {
        Arc::new(Counter { used: AtomicUsize::new(0), max })
    }

    /// How much is taken now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `amount`, or nothing if that would exceed the bound.
    pub fn take(self: &Arc<Self>, amount: usize) -> Option<Taken> {
        self.add(amount).then(|| Taken { counter: Arc::clone(self), amount })
    }

    fn add(&self, amount: usize) -> bool {
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(amount).filter(|n| *n <= self.max)
            })
            .is_ok()
    }
}

impl Taken {
    /// Sets how much this guard holds. Growing can fail, and then nothing changes.
    #[must_use]
    pub fn resize(&mut self, amount: usize) -> bool {
        if amount > self.amount {
            if !self.counter.add(amount - self.amount) {
                return false;
            }
        } else {
            self.counter.used.fetch_sub(self.amount - amount, Ordering::AcqRel);
        }
        self.amount = amount;
        true
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.counter.used.fetch_sub(self.amount, Ordering::AcqRel);
    }
}

/// Handshakes that wait, per address.
#[derive(Debug)]
pub struct PerAddress {
    waiting: Mutex<HashMap<Option<IpAddr>, usize>>,
    max: usize,
}

/// One waiting handshake of an address.
#[derive(Debug)]
pub struct AddressSlot {
    of: Arc<PerAddress>,
    address: Option<IpAddr>,
}

impl PerAddress {
    /// At most `max` each. Entries of addresses without a waiting handshake are not kept, so the map is bounded by
    /// the number of waiting handshakes.
    #[must_use]
    pub fn new(max: usize) -> Arc<PerAddress> {
        Arc::new(PerAddress { waiting: Mutex::new(HashMap::new()), max })
    }

    fn take(self: &Arc<Self>, address: Option<IpAddr>) -> Option<AddressSlot> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(address).or_insert(0);
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(AddressSlot { of: Arc::clone(self), address })
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut waiting = self.of.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.address);
            }
        }
    }
}

/// All bounds of the door.
#[derive(Debug)]
pub struct Gatekeeper {
    connections: Arc<Counter>,
    handshakes: Arc<Counter>,
    addresses: Arc<PerAddress>,
    bytes: Arc<Counter>,
}

/// What a connection holds from accept to close. The shard keeps it.
#[derive(Debug)]
pub struct ConnectionGuard {
    _listener: Taken,
    _global: Taken,
}

/// What a connection holds until it is admitted.
#[derive(Debug)]
pub struct WaitingGuard {
    _handshake: Taken,
    _address: AddressSlot,
    /// What its buffers may hold.
    pub bytes: Taken,
}

/// What rustls and our task keep for one connection that waits, beside its buffers.
const WAITING_BYTES: usize = 8 * 1024;

impl Gatekeeper {
    /// Counters at zero.
    #[must_use]
    pub fn new(limits: &DoorLimits) -> Gatekeeper {
        Gatekeeper {
            connections: Counter::new(limits.connections_max.unwrap_or(usize::MAX)),
            handshakes: Counter::new(limits.handshakes_max),
            addresses: PerAddress::new(limits.handshakes_per_address_max),
            bytes: Counter::new(limits.unauthenticated_bytes_max),
        }
    }

    /// Counts a connection that was just accepted.
    ///
    /// # Errors
    /// The bound that it would exceed: close it without a word.
    pub fn admit(
        &self,
        listener: &Arc<Counter>,
        address: Option<IpAddr>,
    ) -> Result<(ConnectionGuard, WaitingGuard), Full> {
        let listener = listener.take(1).ok_or(Full::Listener)?;
        let global = self.connections.take(1).ok_or(Full::Global)?;
        let handshake = self.handshakes.take(1).ok_or(Full::Handshakes)?;
        let slot = self.addresses.take(address).ok_or(Full::Address)?;
        let bytes = self.bytes.take(WAITING_BYTES).ok_or(Full::Bytes)?;
        Ok((
            ConnectionGuard { _listener: listener, _global: global },
            WaitingGuard { _handshake: handshake, _address: slot, bytes },
        ))
    }

    /// Connections from accept to close, over all listeners.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.used()
    }

    /// Connections that wait to be let in.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.handshakes.used()
    }
}

impl WaitingGuard {
    /// Charges what the buffers of this connection hold now.
    ///
    /// # Errors
    /// [`Full::Bytes`]: all waiting connections together hold too much; this one goes.
    pub fn charge(&mut self, buffered: usize) -> Result<(), Full> {
        if self.bytes.resize(WAITING_BYTES + buffered) { Ok(()) } else { Err(Full::Bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> DoorLimits {
        DoorLimits {
            connections_max: Some(3),
            handshakes_max: 2,
            handshakes_per_address_max: 1,
            unauthenticated_bytes_max: 3 * WAITING_BYTES,
            ..DoorLimits::default()
        }
    }

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn one_address_cannot_take_all_handshakes() {
        let (door, listener) = (Gatekeeper::new(&limits()), Counter::new(10));
        let first = door.admit(&listener, address(1)).unwrap();
        assert_eq!(door.admit(&listener, address(1)).unwrap_err(), Full::Address);
        assert!(door.admit(&listener, address(2)).is_ok());
        drop(first);
        assert!(door.admit(&listener, address(1)).is_ok());
    }

    #[test]
    fn waiting_handshakes_are_bounded_and_admitted_ones_do_not_count() {
        let (door, listener) = (Gatekeeper::new(&limits()), Counter::new(10));
        let (connection, waiting) = door.admit(&listener, address(1)).unwrap();
        let _second = door.admit(&listener, address(2)).unwrap();
        assert_eq!(door.admit(&listener, address(3)).unwrap_err(), Full::Handshakes);
        drop(waiting);
        assert!(door.admit(&listener, address(3)).is_ok());
        drop(connection);
    }

    #[test]
    fn a_connection_counts_until_it_is_closed() {
        let (door, listener) = (Gatekeeper::new(&limits()), Counter::new(1));
        let (connection, waiting) = door.admit(&listener, address(1)).unwrap();
        drop(waiting);
        assert_eq!(door.admit(&listener, address(2)).unwrap_err(), Full::Listener);
        drop(connection);
        assert!(door.admit(&listener, address(2)).is_ok());
        assert_eq!(door.connections(), 0);
    }

    #[test]
    fn bytes_of_all_waiting_connections_are_bounded_together() {
        let (door, listener) = (Gatekeeper::new(&limits()), Counter::new(10));
        let (_c1, mut first) = door.admit(&listener, address(1)).unwrap();
        let (_c2, mut second) = door.admit(&listener, address(2)).unwrap();
        assert!(first.charge(WAITING_BYTES).is_ok());
        assert_eq!(second.charge(1), Err(Full::Bytes));
        assert!(first.charge(0).is_ok());
        assert!(second.charge(1).is_ok());
    }

    #[test]
    fn a_refused_comer_leaves_no_trace() {
        let (door, listener) = (Gatekeeper::new(&limits()), Counter::new(10));
        let _first = door.admit(&listener, address(1)).unwrap();
        let _ = door.admit(&listener, address(1));
        assert_eq!((door.connections(), door.waiting(), listener.used()), (1, 1, 1));
    }
}
