//! Repeats of one refusal by one address: the first few are written, then counted, then summed up.
//!
//! A fleet with a wrong certificate retries for ever; without this its lines would hide all others. Pure: the time is
//! an argument. Bounded: at most [`KEYS_MAX`] (address, symptom) pairs are remembered, the stalest go first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Lines of one (address, symptom) written per [`WINDOW`].
pub const LINES_PER_WINDOW: u32 = 5;
/// After this long the count starts again, and what was muted is summed up.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Pairs remembered at most.
pub const KEYS_MAX: usize = 4_096;

/// Who, and what went wrong (a stable code).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symptom {
    /// The peer's address; `None` for a unix socket.
    pub address: Option<IpAddr>,
    /// A stable code, such as `SMQ-T003`.
    pub code: &'static str,
}

/// What to do with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Write it.
    Write,
    /// Write it, and say that so many of its kind were not written before it.
    WriteAfterMuted(u64),
    /// Do not write it.
    Mute,
}

#[derive(Debug)]
struct Count {
    since: Instant,
    seen: u32,
    muted: u64,
}

/// The memory of recent refusals.
#[derive(Debug, Default)]
pub struct Mute {
    counts: HashMap<Symptom, Count>,
}

impl Mute {
    /// Judges one more line of this symptom.
    pub fn judge(&mut self, symptom: Symptom, now: Instant) -> Verdict {
        if self.counts.len() >= KEYS_MAX && !self.counts.contains_key(&symptom) {
            self.forget_stale(now);
        }
        let count = self.counts.entry(symptom).or_insert(Count { since: now, seen: 0, muted: 0 });
        if now.duration_since(count.since) >= WINDOW {
            let muted = count.muted;
            *count = Count { since: now, seen: 1, muted: 0 };
            return if muted > 0 { Verdict::WriteAfterMuted(muted) } else { Verdict::Write };
        }
        count.seen += 1;
        if count.seen <= LINES_PER_WINDOW {
            return Verdict::Write;
        }
        count.muted += 1;
        Verdict::Mute
    }

    /// Takes the sums whose window is over, so that silence after a storm still shows how big it was.
    pub fn take_over(&mut self, now: Instant) -> Vec<(Symptom, u64)> {
        let mut over = Vec::new();
        self.counts.retain(|symptom, count| {
            let stale = now.duration_since(count.since) >= WINDOW;
            if stale && count.muted > 0 {
                over.push((*symptom, count.muted));
            }
            !stale
        });
        over
    }

    fn forget_stale(&mut self, now: Instant) {
        self.counts.retain(|_, count| now.duration_since(count.since) < WINDOW);
        if self.counts.len() >= KEYS_MAX {
            self.counts.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMPTOM: Symptom = Symptom { address: None, code: "SMQ-T001" };

    #[test]
    fn the_first_lines_are_written_and_the_rest_is_counted() {
        let (mut mute, now) = (Mute::default(), Instant::now());
        for _ in 0..LINES_PER_WINDOW {
            assert_eq!(mute.judge(SYMPTOM, now), Verdict::Write);
        }
        assert_eq!(mute.judge(SYMPTOM, now), Verdict::Mute);
        assert_eq!(mute.judge(SYMPTOM, now), Verdict::Mute);
        assert_eq!(mute.judge(SYMPTOM, now + WINDOW), Verdict::WriteAfterMuted(2));
    }

    #[test]
    fn another_symptom_of_the_same_address_is_written() {
        let (mut mute, now) = (Mute::default(), Instant::now());
        for _ in 0..100 {
            mute.judge(SYMPTOM, now);
        }
        assert_eq!(mute.judge(Symptom { code: "SMQ-T002", ..SYMPTOM }, now), Verdict::Write);
    }

    #[test]
    fn a_storm_that_ends_is_summed_up_once() {
        let (mut mute, now) = (Mute::default(), Instant::now());
        for _ in 0..10 {
            mute.judge(SYMPTOM, now);
        }
        assert_eq!(mute.take_over(now + WINDOW), [(SYMPTOM, 5)]);
        assert_eq!(mute.take_over(now + WINDOW), []);
    }

    #[test]
    fn its_memory_is_bounded() {
        let (mut mute, now) = (Mute::default(), Instant::now());
        for n in 0..(KEYS_MAX as u32 * 3) {
            let address = Some(IpAddr::from(n.to_be_bytes()));
            mute.judge(Symptom { address, code: "SMQ-T001" }, now);
        }
        assert!(mute.counts.len() <= KEYS_MAX);
    }
}
