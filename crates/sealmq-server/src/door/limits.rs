//! What a stranger may take before he has said who he is: connections, handshakes, bytes.
//!
//! Every bound is counted by a guard that gives back on drop, so no path can forget it. Counting happens before the
//! first TLS byte is read. When a bound is reached the newest comer is refused; those who are in are left alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::fence::{FenceRules, Settled};
use super::network::Network;

/// The bounds of the stage before authentication.
#[derive(Debug, Clone)]
pub struct DoorLimits {
    /// Connections over all listeners (`global_max_connections`).
    pub connections_max: Option<usize>,
    /// Connections that have not been admitted yet, over all listeners.
    pub handshakes_max: usize,
    /// The same for one IPv4 address or IPv6 /64 (unix sockets count as one).
    pub handshakes_per_address_max: usize,
    /// Bytes that all connections that are not admitted yet may hold in buffers of ours.
    pub unauthenticated_bytes_max: usize,
    /// Of those, how many the connections of one IPv4 address or IPv6 /64 may hold beyond what an ordinary handshake
    /// and CONNECT take ([`ORDINARY_BYTES`] each): without it a few CONNECTs of 2 MB would shut everybody out.
    pub large_bytes_per_address_max: usize,
    /// How often an address may come, and when not at all.
    pub fence: FenceRules,
    /// From accept to the end of CONNECT, handshake included.
    pub connect_deadline: Duration,
    /// Largest CONNECT packet.
    pub connect_bytes_max: u32,
    /// Password checks that may wait for a hashing thread; as many tokens for theirs, and more in front of the queue.
    pub hashing_queue_max: usize,
    /// How long the check of a password or a token may take, waiting included.
    pub hashing_deadline: Duration,
}

impl Default for DoorLimits {
    fn default() -> DoorLimits {
        DoorLimits {
            connections_max: None,
            handshakes_max: 4_096,
            // 2,000 devices behind one address may come back at once.
            handshakes_per_address_max: 2_048,
            unauthenticated_bytes_max: 96 << 20,
            large_bytes_per_address_max: 8 << 20,
            fence: FenceRules::default(),
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
    /// The same, of this address.
    AddressBytes,
    /// `connection_rate` of this address.
    Rate,
    /// This address is banned (`ban_after`).
    Banned,
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
            Full::AddressBytes => "SMQ-D006",
            Full::Rate => "SMQ-D007",
            Full::Banned => "SMQ-D008",
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
            Full::AddressBytes => "connections of this address that wait to be let in hold too much memory",
            Full::Rate => "this address connects too often (connection_rate)",
            Full::Banned => "this address is banned after failed authentications (ban_after)",
        }
    }
}

/// A bounded counter; [`Counter::take`] gives a guard.
#[derive(Debug)]
pub struct Counter {
    used: AtomicUsize,
    max: AtomicUsize,
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
        Arc::new(Counter { used: AtomicUsize::new(0), max: AtomicUsize::new(max) })
    }

    /// Another bound from now on. Who is counted above it stays; nobody comes until there is room.
    pub fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Release);
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
        let max = self.max.load(Ordering::Acquire);
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(amount).filter(|n| *n <= max)
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

/// What waits, per network.
#[derive(Debug)]
pub struct PerAddress {
    waiting: Mutex<HashMap<Network, Waiting>>,
    max: usize,
    large_bytes_max: usize,
}

/// What one network has waiting.
#[derive(Debug, Default)]
struct Waiting {
    handshakes: usize,
    large_bytes: usize,
}

/// One waiting handshake of a network.
#[derive(Debug)]
pub struct AddressSlot {
    of: Arc<PerAddress>,
    network: Network,
    large_bytes: usize,
}

impl PerAddress {
    /// At most `max` handshakes and so many bytes each. Entries of networks without a waiting handshake are not kept,
    /// so the map is bounded by the number of waiting handshakes.
    #[must_use]
    pub fn new(max: usize, large_bytes_max: usize) -> Arc<PerAddress> {
        Arc::new(PerAddress { waiting: Mutex::new(HashMap::new()), max, large_bytes_max })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Network, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, network: Network) -> Option<AddressSlot> {
        let mut waiting = self.lock();
        let count = waiting.entry(network).or_default();
        if count.handshakes >= self.max {
            return None;
        }
        count.handshakes += 1;
        Some(AddressSlot { of: Arc::clone(self), network, large_bytes: 0 })
    }
}

impl AddressSlot {
    /// Sets how many bytes beyond the ordinary this connection holds. Growing can fail, and then nothing changes.
    fn resize(&mut self, large_bytes: usize) -> bool {
        if large_bytes == self.large_bytes {
            return true;
        }
        let mut waiting = self.of.lock();
        let count = waiting.entry(self.network).or_default();
        let total = count.large_bytes - self.large_bytes + large_bytes;
        if large_bytes > self.large_bytes && total > self.of.large_bytes_max {
            return false;
        }
        count.large_bytes = total;
        self.large_bytes = large_bytes;
        true
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut waiting = self.of.lock();
        if let Some(count) = waiting.get_mut(&self.network) {
            count.handshakes -= 1;
            count.large_bytes -= self.large_bytes;
            if count.handshakes == 0 {
                waiting.remove(&self.network);
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
    settled: Option<Settled>,
}

impl ConnectionGuard {
    /// The connection has become a session: its address is not banned while it lasts.
    pub(crate) fn settle(&mut self, settled: Settled) {
        self.settled = Some(settled);
    }
}

impl ConnectionGuard {
    /// For a connection of the broker's own: it takes nobody's place.
    pub(crate) fn uncounted() -> ConnectionGuard {
        let free = || Taken { counter: Counter::new(0), amount: 0 };
        ConnectionGuard { _listener: free(), _global: free(), settled: None }
    }
}

/// What a connection holds until it is admitted.
#[derive(Debug)]
pub struct WaitingGuard {
    _handshake: Taken,
    address: AddressSlot,
    bytes: Taken,
}

/// What rustls and our task keep for one connection that waits, beside its buffers.
const WAITING_BYTES: usize = 8 * 1024;
/// What the buffers of an ordinary handshake and CONNECT hold: a device with a chain of three, or a token as password.
pub const ORDINARY_BYTES: usize = 32 * 1024;

impl Gatekeeper {
    /// Counters at zero.
    #[must_use]
    pub fn new(limits: &DoorLimits) -> Gatekeeper {
        Gatekeeper {
            connections: Counter::new(limits.connections_max.unwrap_or(usize::MAX)),
            handshakes: Counter::new(limits.handshakes_max),
            addresses: PerAddress::new(limits.handshakes_per_address_max, limits.large_bytes_per_address_max),
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
        let slot = self.addresses.take(Network::of(address)).ok_or(Full::Address)?;
        let bytes = self.bytes.take(WAITING_BYTES).ok_or(Full::Bytes)?;
        Ok((
            ConnectionGuard { _listener: listener, _global: global, settled: None },
            WaitingGuard { _handshake: handshake, address: slot, bytes },
        ))
    }

    /// Counts a waiting connection for another address: the one that its PROXY header gave.
    ///
    /// # Errors
    /// [`Full::Address`]: that address has as many as it may; this connection goes.
    pub fn readdress(&self, waiting: &mut WaitingGuard, address: Option<IpAddr>) -> Result<(), Full> {
        let network = Network::of(address);
        if waiting.address.network != network {
            waiting.address = self.addresses.take(network).ok_or(Full::Address)?;
        }
        Ok(())
    }

    /// Another `global_max_connections`; `None`: no limit.
    pub fn set_connections_max(&self, max: Option<usize>) {
        self.connections.set_max(max.unwrap_or(usize::MAX));
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
    /// [`Full::Bytes`], [`Full::AddressBytes`]: all waiting connections together, or those of this address, hold too
    /// much; this one goes.
    pub fn charge(&mut self, buffered: usize) -> Result<(), Full> {
        if !self.address.resize(buffered.saturating_sub(ORDINARY_BYTES)) {
            return Err(Full::AddressBytes);
        }
        if self.bytes.resize(WAITING_BYTES + buffered) { Ok(()) } else { Err(Full::Bytes) }
    }

    /// Counts for another address from now on: the one that a PROXY header names.
    ///
    /// # Errors
    /// [`Full::Address`], [`Full::AddressBytes`]: that address has as much waiting as it may.
    pub fn move_to(&mut self, address: Option<IpAddr>) -> Result<(), Full> {
        let mut slot = self.address.of.take(Network::of(address)).ok_or(Full::Address)?;
        if !slot.resize(self.address.large_bytes) {
            return Err(Full::AddressBytes);
        }
        self.address = slot;
        Ok(())
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
    fn a_proxied_connection_counts_for_its_client_and_no_more_for_its_proxy() {
        let (door, listener) = (Gatekeeper::new(&limits()), Counter::new(10));
        let (_c1, mut first) = door.admit(&listener, address(1)).unwrap();
        assert_eq!(door.readdress(&mut first, address(9)), Ok(()));
        let (_c2, mut second) = door.admit(&listener, address(1)).unwrap();
        assert_eq!(door.readdress(&mut second, address(9)), Err(Full::Address));
        drop(first);
        assert_eq!(door.readdress(&mut second, address(9)), Ok(()));
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
    fn one_address_cannot_fill_the_byte_budget_with_large_packets() {
        let limits = DoorLimits {
            handshakes_max: 100,
            handshakes_per_address_max: 50,
            connections_max: None,
            large_bytes_per_address_max: 4 << 20,
            ..DoorLimits::default()
        };
        let (door, listener) = (Gatekeeper::new(&limits), Counter::new(100));
        let mut held: Vec<_> = (0..3).map(|_| door.admit(&listener, address(1)).unwrap().1).collect();
        let large = ORDINARY_BYTES + (2 << 20);
        assert!(held[0].charge(large).is_ok() && held[1].charge(large).is_ok());
        assert_eq!(held[2].charge(large), Err(Full::AddressBytes));
        // What is ordinary passes still, and others have their own share.
        assert!(held[2].charge(ORDINARY_BYTES).is_ok());
        let mut other = door.admit(&listener, address(2)).unwrap().1;
        assert!(other.charge(large).is_ok());
        held.remove(0);
        assert!(held[1].charge(large).is_ok());
    }

    #[test]
    fn a_subnet_counts_as_one_address_and_a_proxied_client_as_itself() {
        let (door, listener) = (Gatekeeper::new(&limits()), Counter::new(10));
        let v6 = |text: &str| Some(text.parse().unwrap());
        let (_c, mut first) = door.admit(&listener, v6("2001:db8::1")).unwrap();
        assert_eq!(door.admit(&listener, v6("2001:db8::2")).unwrap_err(), Full::Address);
        first.move_to(address(1)).unwrap();
        assert!(door.admit(&listener, v6("2001:db8::2")).is_ok());
        let (_c, mut second) = door.admit(&listener, v6("2001:db8::2")).unwrap();
        assert_eq!(second.move_to(address(1)), Err(Full::Address));
    }

    #[test]
    fn a_lower_bound_sends_nobody_away_and_lets_nobody_in() {
        let counter = Counter::new(2);
        let (first, second) = (counter.take(1).unwrap(), counter.take(1).unwrap());
        counter.set_max(1);
        drop(first);
        assert!(counter.take(1).is_none());
        drop(second);
        assert!(counter.take(1).is_some());
    }

    #[test]
    fn a_refused_comer_leaves_no_trace() {
        let (door, listener) = (Gatekeeper::new(&limits()), Counter::new(10));
        let _first = door.admit(&listener, address(1)).unwrap();
        let _ = door.admit(&listener, address(1));
        assert_eq!((door.connections(), door.waiting(), listener.used()), (1, 1, 1));
    }
}
