//! `connection_rate`: how many connections an address may open, before the first byte of TLS.
//!
//! A token bucket each, kept as one instant: when it will be full again (GCRA, ITU-T I.371). Pure: the time is an
//! argument. Bounded: at most [`NETWORKS_MAX`] buckets that are not full. When there are more, the one that is full
//! again soonest goes: what it remembered is the least. Whoever wants his own empty bucket forgotten would have to
//! empty all others further first.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::network::Network;

/// Buckets that are remembered. About 10 MB when all are in use.
pub const NETWORKS_MAX: usize = 65_536;
/// Full buckets that are forgotten with each connection: more than one, so that old ones go faster than new ones come.
const FORGOTTEN_AT_ONCE: usize = 4;

/// `connection_rate RATE BURST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionRate {
    /// Connections per second, in the long run. At least 1.
    pub per_second: u32,
    /// Connections at once after a rest. At least 1.
    pub burst: u32,
    /// Whether connections from this machine count.
    pub loopback: Loopback,
}

/// Whether connections from this machine count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// As any other: the key was written.
    Counted,
    /// Not: behind a relay on this machine everybody comes from loopback.
    Exempt,
}

impl Default for ConnectionRate {
    /// 2,000 devices behind one address, all at once, and 200 a second for ever.
    fn default() -> ConnectionRate {
        ConnectionRate { per_second: 200, burst: 2_000, loopback: Loopback::Exempt }
    }
}

/// The buckets of all addresses.
#[derive(Debug)]
pub struct RateTable {
    full_at: HashMap<Network, Instant>,
    /// The same, soonest full first.
    order: BTreeSet<(Instant, Network)>,
    networks_max: usize,
}

/// The bucket of this address is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Empty;

impl Default for RateTable {
    fn default() -> RateTable {
        RateTable::new(NETWORKS_MAX)
    }
}

impl RateTable {
    /// At most so many buckets.
    #[must_use]
    pub fn new(networks_max: usize) -> RateTable {
        RateTable { full_at: HashMap::new(), order: BTreeSet::new(), networks_max: networks_max.max(1) }
    }

    /// Takes a token of this network.
    ///
    /// # Errors
    /// [`Empty`]: there is none. Asking costs nothing: who goes on knocking is not kept out longer.
    pub fn take(&mut self, rate: ConnectionRate, network: Network, now: Instant) -> Result<(), Empty> {
        if rate.loopback == Loopback::Exempt && network.is_this_machine() {
            return Ok(());
        }
        self.forget_full(now);
        let token = Duration::from_secs(1) / rate.per_second.max(1);
        let whole = token * rate.burst.max(1);
        let before = self.full_at.get(&network).copied();
        let full_at = before.map_or(now, |at| at.max(now)) + token;
        if full_at > now + whole {
            return Err(Empty);
        }
        match before {
            Some(old) => {
                self.order.remove(&(old, network));
            }
            None => self.make_room(),
        }
        self.full_at.insert(network, full_at);
        self.order.insert((full_at, network));
        Ok(())
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full_at.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.full_at.is_empty()
    }

    fn forget_full(&mut self, now: Instant) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.order.first() {
                Some((full_at, _)) if *full_at <= now => self.forget_first(),
                Some(_) | None => return,
            }
        }
    }

    fn make_room(&mut self) {
        while self.full_at.len() >= self.networks_max {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, network)) = self.order.pop_first() {
            self.full_at.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    const RATE: ConnectionRate = ConnectionRate { per_second: 2, burst: 3, loopback: Loopback::Counted };

    fn v4(last: u8) -> Network {
        Network::of(Some(IpAddr::from([192, 0, 2, last])))
    }

    fn v6(subnet: u64) -> Network {
        Network::V6(0x2001_0db8_0000_0000 + subnet)
    }

    #[test]
    fn a_burst_passes_then_the_rate_counts_and_a_rest_fills_the_bucket() {
        let (mut table, start) = (RateTable::default(), Instant::now());
        let mut take = |millis| table.take(RATE, v4(1), start + Duration::from_millis(millis)).is_ok();
        assert!(take(0) && take(0) && take(0));
        assert!(!take(0) && !take(499));
        assert!(take(500));
        assert!(!take(999));
        assert!(take(10_000) && take(10_000) && take(10_000));
        assert!(!take(10_000));
    }

    #[test]
    fn one_address_empties_no_other_bucket_but_its_own_subnet() {
        let (mut table, now) = (RateTable::default(), Instant::now());
        for _ in 0..3 {
            assert!(table.take(RATE, v4(1), now).is_ok());
        }
        assert_eq!(table.take(RATE, v4(1), now), Err(Empty));
        assert!(table.take(RATE, v4(2), now).is_ok());
        let of = |text: &str| Network::of(Some(text.parse().unwrap()));
        for last in ["::1", "::2", "::3"] {
            assert!(table.take(RATE, of(&format!("2001:db8:0:1{last}")), now).is_ok());
        }
        assert_eq!(table.take(RATE, of("2001:db8:0:1::4"), now), Err(Empty));
        assert!(table.take(RATE, of("2001:db8:0:2::4"), now).is_ok());
    }

    #[test]
    fn two_thousand_devices_behind_one_address_are_back_within_thirty_seconds() {
        // All knock at once; who is shed tries again a second later.
        let (mut table, start) = (RateTable::default(), Instant::now());
        let rate = ConnectionRate::default();
        let mut outside = 2_000 + 4_000; // those who come back, and two more fleets behind the same address
        for second in 0..30 {
            let now = start + Duration::from_secs(second);
            let knocking = outside;
            outside -= (0..knocking).filter(|_| table.take(rate, v4(1), now).is_ok()).count();
            if second == 0 {
                assert_eq!(outside, 4_000, "the first fleet is in at once");
            }
        }
        assert_eq!(outside, 0);
    }

    #[test]
    fn a_stranger_with_many_subnets_neither_grows_the_table_nor_gets_his_own_bucket_forgotten() {
        let (mut table, now) = (RateTable::new(100), Instant::now());
        for _ in 0..3 {
            assert!(table.take(RATE, v6(0), now).is_ok());
        }
        for subnet in 1..10_000 {
            assert!(table.take(RATE, v6(subnet), now).is_ok());
        }
        assert_eq!(table.len(), 100);
        assert_eq!(table.take(RATE, v6(0), now), Err(Empty));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let (mut table, now) = (RateTable::default(), Instant::now());
        for subnet in 0..100 {
            assert!(table.take(RATE, v6(subnet), now).is_ok());
        }
        let later = now + Duration::from_secs(60);
        for _ in 0..40 {
            let _ = table.take(RATE, v4(1), later);
        }
        assert_eq!(table.len(), 1);
        assert!(!table.is_empty());
    }

    #[test]
    fn this_machine_is_exempt_unless_the_key_was_written() {
        let (mut table, now) = (RateTable::default(), Instant::now());
        let loopback = Network::of(Some(IpAddr::from([127, 0, 0, 1])));
        let exempt = ConnectionRate { loopback: Loopback::Exempt, ..RATE };
        assert!((0..100).all(|_| table.take(exempt, loopback, now).is_ok()));
        assert!((0..3).all(|_| table.take(RATE, loopback, now).is_ok()));
        assert_eq!(table.take(RATE, loopback, now), Err(Empty));
    }
}
