//! The fence before the first byte: how often an address may come, and whether it may come at all.
//!
//! Asked once for each connection, before TLS and before anything is allocated for it. On a listener with the PROXY
//! protocol the header's address is asked about, after the header was read. Holds the rules of now, which a reload
//! replaces; buckets and bans stay.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::ban::{Ban, BanList, BanRule, Inside};
use super::limits::Full;
use super::network::Network;
use super::rate::{ConnectionRate, Empty, RateTable};

/// What a reload can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FenceRules {
    /// `connection_rate`; `None`: 0, off.
    pub rate: Option<ConnectionRate>,
    /// `ban_after`; `None`: off.
    pub ban: Option<BanRule>,
}

impl Default for FenceRules {
    fn default() -> FenceRules {
        FenceRules { rate: Some(ConnectionRate::default()), ban: None }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Fence {
    rules: Mutex<FenceRules>,
    rate: Mutex<RateTable>,
    bans: Mutex<BanList>,
    inside: Arc<Established>,
    sockets: AtomicU64,
    connects: AtomicU64,
}

/// From which networks sessions are established. Bounded by the connections there are.
#[derive(Debug, Default)]
struct Established(Mutex<HashMap<Network, usize>>);

/// One established session of a network; held until its connection closes.
#[derive(Debug)]
pub struct Settled {
    of: Arc<Established>,
    network: Network,
}

impl Fence {
    /// With these rules.
    #[must_use]
    pub fn new(rules: FenceRules) -> Fence {
        Fence {
            rules: Mutex::new(rules),
            rate: Mutex::default(),
            bans: Mutex::default(),
            inside: Arc::default(),
            sockets: AtomicU64::new(0),
            connects: AtomicU64::new(0),
        }
    }

    /// Other rules from now on.
    pub fn replace(&self, rules: FenceRules) {
        *lock(&self.rules) = rules;
    }

    /// Whether a connection of this address may say its first byte.
    ///
    /// # Errors
    /// [`Full::Banned`], [`Full::Rate`]: close it without a word.
    pub fn knock(&self, address: Option<IpAddr>, now: Instant) -> Result<(), Full> {
        let (network, rules) = (Network::of(address), *lock(&self.rules));
        // Bans end with the rule that made them.
        if rules.ban.is_some() && lock(&self.bans).is_banned(network, self.inside.of(network), now) {
            return Err(Full::Banned);
        }
        match rules.rate {
            Some(rate) => lock(&self.rate).take(rate, network, now).map_err(|Empty| Full::Rate),
            None => Ok(()),
        }
    }

    /// An authentication of this address failed; says whether that banned it.
    pub fn failed(&self, address: Option<IpAddr>, now: Instant) -> Option<Ban> {
        let rule = lock(&self.rules).ban?;
        let network = Network::of(address);
        lock(&self.bans).failed(rule, network, self.inside.of(network), now)
    }

    /// A session is established from this address, until the guard goes.
    #[must_use]
    pub fn settle(&self, address: Option<IpAddr>) -> Settled {
        let network = Network::of(address);
        *lock(&self.inside.0).entry(network).or_insert(0) += 1;
        Settled { of: Arc::clone(&self.inside), network }
    }

    /// The bans that last, soonest to end first.
    #[must_use]
    pub fn bans(&self, now: Instant) -> Vec<Ban> {
        if lock(&self.rules).ban.is_some() { lock(&self.bans).list(now) } else { Vec::new() }
    }

    /// Ends the ban of an address; whether there was one.
    pub fn lift(&self, address: IpAddr) -> bool {
        lock(&self.bans).lift(Network::of(Some(address)))
    }

    /// A socket was accepted.
    pub(crate) fn count_socket(&self) {
        self.sockets.fetch_add(1, Ordering::Relaxed);
    }

    /// A CONNECT was read.
    pub(crate) fn count_connect(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
    }

    /// Sockets accepted and CONNECTs read since the start.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.sockets.load(Ordering::Relaxed), self.connects.load(Ordering::Relaxed))
    }
}

impl Established {
    fn of(&self, network: Network) -> Inside {
        if lock(&self.0).contains_key(&network) { Inside::Somebody } else { Inside::Nobody }
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        let mut inside = lock(&self.of.0);
        if let Some(count) = inside.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                inside.remove(&self.network);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Tables of plain values are whole after a panic elsewhere.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::rate::Loopback;
    use super::*;
    use std::time::Duration;

    const BAN: BanRule =
        BanRule { failures: 2, within: Duration::from_secs(10), lasts: Duration::from_secs(60) };

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn an_address_with_an_established_session_is_not_banned_until_it_has_gone() {
        let fence = Fence::new(FenceRules { rate: None, ban: Some(BAN) });
        let now = Instant::now();
        let settled = fence.settle(address(1));
        for _ in 0..10 {
            assert_eq!(fence.failed(address(1), now), None);
        }
        assert_eq!(fence.knock(address(1), now), Ok(()));
        drop(settled);
        assert!(fence.failed(address(1), now).is_some());
        assert_eq!(fence.knock(address(1), now), Err(Full::Banned));
        assert_eq!(fence.knock(address(2), now), Ok(()));
        // Somebody got in meanwhile (from behind the same address, past a proxy): the ban does not hit him.
        let _settled = fence.settle(address(1));
        assert_eq!(fence.knock(address(1), now), Ok(()));
    }

    #[test]
    fn a_reload_that_turns_bans_off_ends_them_and_buckets_stay() {
        let rate = ConnectionRate { per_second: 1, burst: 1, loopback: Loopback::Counted };
        let fence = Fence::new(FenceRules { rate: Some(rate), ban: Some(BAN) });
        let now = Instant::now();
        assert_eq!(fence.knock(address(1), now), Ok(()));
        let _ = (fence.failed(address(1), now), fence.failed(address(1), now));
        assert_eq!(fence.knock(address(1), now), Err(Full::Banned));
        assert_eq!(fence.bans(now).len(), 1);
        fence.replace(FenceRules { rate: Some(rate), ban: None });
        assert_eq!(fence.knock(address(1), now), Err(Full::Rate));
        assert!(fence.bans(now).is_empty());
        fence.replace(FenceRules { rate: None, ban: None });
        assert_eq!(fence.knock(address(1), now), Ok(()));
    }

    #[test]
    fn by_default_nobody_is_banned() {
        let fence = Fence::new(FenceRules::default());
        let now = Instant::now();
        for _ in 0..1_000 {
            assert_eq!(fence.failed(address(1), now), None);
        }
        assert_eq!(fence.knock(address(1), now), Ok(()));
    }
}
