//! `ban_after`: addresses that fail to authenticate again and again are closed unheard for a while. Off by default.
//!
//! Pure: the time is an argument. Bounded in both tables; when one is full, the entry that ends soonest goes. It never
//! hits a network from which a session is established: behind one NAT address sit those who guess and those who work,
//! and nobody may end the second's way in by guessing. Lost at the end of the process.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::network::Network;

/// Networks whose failures are counted at one time.
pub const COUNTED_MAX: usize = 16_384;
/// Bans at one time.
pub const BANS_MAX: usize = 16_384;

/// `ban_after FAILURES SECONDS DURATION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanRule {
    /// So many failed authentications …
    pub failures: u32,
    /// … within this time …
    pub within: Duration,
    /// … ban the network for so long.
    pub lasts: Duration,
}

/// Whether somebody is in from a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// An established session is.
    Somebody,
    /// None.
    Nobody,
}

/// One ban, for lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// Whom it keeps out.
    pub network: Network,
    /// How long it still lasts.
    pub left: Duration,
}

/// Failures and bans.
#[derive(Debug)]
pub struct BanList {
    failures: Ending<u32>,
    bans: Ending<()>,
}

impl Default for BanList {
    fn default() -> BanList {
        BanList::new(COUNTED_MAX, BANS_MAX)
    }
}

impl BanList {
    /// With these bounds.
    #[must_use]
    pub fn new(counted_max: usize, bans_max: usize) -> BanList {
        BanList { failures: Ending::new(counted_max), bans: Ending::new(bans_max) }
    }

    /// One more failed authentication; says whether the network is banned by it.
    pub fn failed(&mut self, rule: BanRule, network: Network, inside: Inside, now: Instant) -> Option<Ban> {
        self.failures.forget_ended(now);
        let count = match self.failures.of(network, now) {
            Some(count) => {
                *count = count.saturating_add(1);
                *count
            }
            None => {
                self.failures.insert(network, now + rule.within, 1);
                1
            }
        };
        if count < rule.failures.max(1) || inside == Inside::Somebody {
            return None;
        }
        self.failures.remove(network);
        self.bans.forget_ended(now);
        self.bans.insert(network, now + rule.lasts, ());
        Some(Ban { network, left: rule.lasts })
    }

    /// Whether a newcomer of this network is turned away.
    pub fn is_banned(&mut self, network: Network, inside: Inside, now: Instant) -> bool {
        inside == Inside::Nobody && self.bans.of(network, now).is_some()
    }

    /// Those that last, soonest to end first.
    #[must_use]
    pub fn list(&self, now: Instant) -> Vec<Ban> {
        let lasting = self.bans.order.iter().filter(|(until, _)| *until > now);
        lasting.map(|(until, network)| Ban { network: *network, left: *until - now }).collect()
    }

    /// Ends a ban, and forgets the failures; whether there was one.
    pub fn lift(&mut self, network: Network) -> bool {
        self.failures.remove(network);
        self.bans.remove(network)
    }
}

/// Values of networks that end at an instant; at most so many.
#[derive(Debug)]
struct Ending<T> {
    values: HashMap<Network, (Instant, T)>,
    order: BTreeSet<(Instant, Network)>,
    max: usize,
}

impl<T> Ending<T> {
    fn new(max: usize) -> Ending<T> {
        Ending { values: HashMap::new(), order: BTreeSet::new(), max: max.max(1) }
    }

    fn of(&mut self, network: Network, now: Instant) -> Option<&mut T> {
        self.values.get_mut(&network).filter(|(until, _)| *until > now).map(|(_, value)| value)
    }

    fn insert(&mut self, network: Network, until: Instant, value: T) {
        self.remove(network);
        while self.values.len() >= self.max
            && let Some((_, first)) = self.order.pop_first()
        {
            self.values.remove(&first);
        }
        self.values.insert(network, (until, value));
        self.order.insert((until, network));
    }

    fn remove(&mut self, network: Network) -> bool {
        let Some((until, _)) = self.values.remove(&network) else { return false };
        self.order.remove(&(until, network))
    }

    fn forget_ended(&mut self, now: Instant) {
        while self.order.first().is_some_and(|(until, _)| *until <= now)
            && let Some((_, network)) = self.order.pop_first()
        {
            self.values.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BanRule =
        BanRule { failures: 3, within: Duration::from_secs(10), lasts: Duration::from_secs(60) };

    fn network(n: u64) -> Network {
        Network::V6(n + 1)
    }

    fn at(start: Instant, secs: u64) -> Instant {
        start + Duration::from_secs(secs)
    }

    #[test]
    fn three_failures_within_the_time_ban_and_the_ban_ends_by_itself() {
        let (mut list, start) = (BanList::default(), Instant::now());
        assert_eq!(list.failed(RULE, network(1), Inside::Nobody, start), None);
        assert_eq!(list.failed(RULE, network(1), Inside::Nobody, at(start, 1)), None);
        assert!(!list.is_banned(network(1), Inside::Nobody, at(start, 1)));
        assert!(list.failed(RULE, network(1), Inside::Nobody, at(start, 2)).is_some());
        assert!(list.is_banned(network(1), Inside::Nobody, at(start, 61)));
        assert!(!list.is_banned(network(2), Inside::Nobody, at(start, 61)));
        assert!(!list.is_banned(network(1), Inside::Nobody, at(start, 62)));
    }

    #[test]
    fn slow_failures_ban_nobody() {
        let (mut list, start) = (BanList::default(), Instant::now());
        for n in 0..20 {
            assert_eq!(list.failed(RULE, network(1), Inside::Nobody, at(start, n * 6)), None);
        }
    }

    #[test]
    fn a_network_with_a_session_is_never_banned_and_a_ban_does_not_hit_it() {
        let (mut list, start) = (BanList::default(), Instant::now());
        for _ in 0..100 {
            assert_eq!(list.failed(RULE, network(1), Inside::Somebody, start), None);
        }
        assert!(!list.is_banned(network(1), Inside::Nobody, start));
        // The session is gone: the next failure bans.
        assert!(list.failed(RULE, network(1), Inside::Nobody, start).is_some());
        assert!(list.is_banned(network(1), Inside::Nobody, start));
        assert!(!list.is_banned(network(1), Inside::Somebody, start));
    }

    #[test]
    fn bans_are_listed_and_lifted() {
        let (mut list, start) = (BanList::default(), Instant::now());
        for _ in 0..3 {
            let _ = list.failed(RULE, network(1), Inside::Nobody, start);
        }
        let left = Duration::from_secs(50);
        assert_eq!(list.list(at(start, 10)), [Ban { network: network(1), left }]);
        assert!(list.lift(network(1)) && !list.lift(network(1)));
        assert!(!list.is_banned(network(1), Inside::Nobody, at(start, 10)));
        assert!(list.list(at(start, 10)).is_empty());
    }

    #[test]
    fn both_tables_are_bounded() {
        let (mut list, start) = (BanList::new(10, 5), Instant::now());
        for n in 0..1_000 {
            let _ = list.failed(RULE, network(n), Inside::Nobody, start);
        }
        assert_eq!((list.failures.values.len(), list.failures.order.len()), (10, 10));
        for n in 0..1_000 {
            let _ = list.failed(BanRule { failures: 1, ..RULE }, network(n), Inside::Nobody, start);
        }
        assert_eq!((list.bans.values.len(), list.bans.order.len()), (5, 5));
    }
}
