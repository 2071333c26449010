//! Which time is believed.
//!
//! Validity is judged at max(wall clock, floor). The floor is the date of the build, or the last time at which the
//! wall clock and the monotonic clock had gone together for an hour (kept in the inventory): a clock that is set back
//! brings no ended certificate to life again. Existing state starts with any clock; a CA is not made by a clock that
//! cannot be right.
//!
//! Pure but for [`wall_now`]: the two clocks are arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sealmq_pki::Timestamp;

use super::error::HomeError;

/// The date of this build.
pub fn build_date() -> Timestamp {
    let secs = env!("SEALMQ_BUILD_EPOCH_SECS").parse().expect("the build script writes a number");
    Timestamp::from_secs(secs)
}

/// The wall clock, unbelieved.
pub fn wall_now() -> Timestamp {
    let secs = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |secs| -secs),
    };
    Timestamp::from_secs(secs)
}

/// A CA is made between the date of the build and fifteen years later only.
pub fn check_creation(now: Timestamp, build: Timestamp) -> Result<(), HomeError> {
    let latest = build.plus_days(CREATION_DAYS_MAX);
    // A build on this machine may be seconds ahead of a clock that was just corrected; a day is no absurdity.
    if now >= build.plus_days(-1) && now <= latest {
        return Ok(());
    }
    Err(HomeError::AbsurdClock { now: now.to_string(), earliest: build.date(), latest: latest.date() })
}

/// The floor, shared by everyone who judges validity. It only rises.
#[derive(Clone, Debug)]
pub struct Floor(Arc<AtomicI64>);

impl Floor {
    /// The build date, or the last good time if that is later.
    pub fn new(build: Timestamp, last_good: Option<Timestamp>) -> Self {
        let secs = last_good.map_or(build, |good| good.max(build)).as_secs();
        Self(Arc::new(AtomicI64::new(secs)))
    }

    /// The time at which validity is judged when the wall clock says `wall`.
    pub fn judge_at(&self, wall: Timestamp) -> Timestamp {
        wall.max(self.value())
    }

    /// The floor itself.
    pub fn value(&self) -> Timestamp {
        Timestamp::from_secs(self.0.load(Ordering::Acquire))
    }

    fn raise(&self, to: Timestamp) {
        self.0.fetch_max(to.as_secs(), Ordering::AcqRel);
    }
}

/// What a look at the two clocks showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// They go together.
    Together,
    /// They have gone together for an hour: this time is good, the floor has been raised to it; keep it.
    Good(Timestamp),
    /// The wall clock left the monotonic one by this many seconds since they last went together (positive: ahead).
    Left {
        /// Wall minus what the monotonic clock says it should be.
        secs: i64,
    },
    /// As `Left`, for so long that the new time is taken as meant.
    Settled,
}

impl Seen {
    /// Whether certificates may be renewed by this clock now.
    pub fn may_renew(self) -> bool {
        match self {
            Self::Together | Self::Good(_) | Self::Settled => true,
            Self::Left { .. } => false,
        }
    }
}

/// Compares wall and monotonic clock, look by look.
#[derive(Debug)]
pub struct Watch {
    floor: Floor,
    /// Wall and monotonic time that belonged together.
    base: (Timestamp, Duration),
    good_at: Duration,
    left_at: Option<Duration>,
}

impl Watch {
    /// Starts with what both clocks say now. `mono` counts from any fixed moment.
    pub fn new(floor: Floor, wall: Timestamp, mono: Duration) -> Self {
        Self { floor, base: (wall, mono), good_at: mono, left_at: None }
    }

    /// Looks again.
    pub fn look(&mut self, wall: Timestamp, mono: Duration) -> Seen {
        let passed = i64::try_from(mono.saturating_sub(self.base.1).as_secs()).unwrap_or(i64::MAX);
        let secs = wall.secs_since(self.base.0.plus_secs(passed));
        if secs.abs() > APART_SECS_MAX {
            return self.look_apart(secs, wall, mono);
        }
        self.left_at = None;
        // NTP slews and small steps are no departure: follow them.
        self.base = (wall, mono);
        if mono.saturating_sub(self.good_at) < GOOD_AFTER {
            return Seen::Together;
        }
        self.good_at = mono;
        self.floor.raise(wall);
        Seen::Good(wall)
    }

    fn look_apart(&mut self, secs: i64, wall: Timestamp, mono: Duration) -> Seen {
        let since = *self.left_at.get_or_insert(mono);
        self.good_at = mono;
        if mono.saturating_sub(since) < SETTLED_AFTER {
            return Seen::Left { secs };
        }
        self.left_at = None;
        self.base = (wall, mono);
        Seen::Settled
    }
}

const CREATION_DAYS_MAX: i64 = 15 * 365;
/// More than this between the clocks is a departure.
const APART_SECS_MAX: i64 = 3600;
const GOOD_AFTER: Duration = Duration::from_secs(3600);
/// Renewing waits this long after a departure.
const SETTLED_AFTER: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_ca_is_made_by_a_believable_clock_only() {
        assert!(check_creation(BUILD.plus_days(30), BUILD).is_ok());
        assert!(check_creation(BUILD.plus_days(14 * 365), BUILD).is_ok());
        for absurd in [Timestamp::from_secs(0), BUILD.plus_days(-2), BUILD.plus_days(16 * 365)] {
            let error = check_creation(absurd, BUILD).unwrap_err();
            assert!(error.hint().contains("set the clock"), "{error}");
        }
    }

    #[test]
    fn validity_is_never_judged_below_the_floor() {
        let good = BUILD.plus_days(100);
        let floor = Floor::new(BUILD, Some(good));
        assert_eq!(floor.judge_at(BUILD.plus_days(1)), good);
        assert_eq!(floor.judge_at(good.plus_days(1)), good.plus_days(1));
        assert_eq!(Floor::new(BUILD, None).judge_at(Timestamp::from_secs(0)), BUILD);
        // What was kept before an older build date counts less than the build.
        assert_eq!(Floor::new(good, Some(BUILD)).value(), good);
    }

    #[test]
    fn an_hour_together_raises_the_floor() {
        let floor = Floor::new(BUILD, None);
        let start = BUILD.plus_days(10);
        let mut watch = Watch::new(floor.clone(), start, secs(5));
        assert_eq!(watch.look(start.plus_secs(3599), secs(3604)), Seen::Together);
        assert_eq!(floor.value(), BUILD);
        let later = start.plus_secs(3600);
        assert_eq!(watch.look(later, secs(3605)), Seen::Good(later));
        assert_eq!(floor.value(), later);
    }

    #[test]
    fn a_clock_that_leaps_stops_renewal_for_five_minutes_and_does_not_raise_the_floor() {
        let floor = Floor::new(BUILD, None);
        let mut watch = Watch::new(floor.clone(), BUILD, secs(0));
        let ahead = BUILD.plus_days(4000);
        let seen = watch.look(ahead, secs(10));
        assert!(matches!(seen, Seen::Left { .. }) && !seen.may_renew(), "{seen:?}");
        assert!(!watch.look(ahead.plus_secs(289), secs(299)).may_renew());
        assert_eq!(watch.look(ahead.plus_secs(300), secs(310)), Seen::Settled);
        assert!(watch.look(ahead.plus_secs(310), secs(320)).may_renew());
        assert_eq!(floor.value(), BUILD, "an hour must pass at the new time first");
    }

    #[test]
    fn a_leap_that_is_taken_back_is_forgotten() {
        let mut watch = Watch::new(Floor::new(BUILD, None), BUILD, secs(0));
        assert!(!watch.look(BUILD.plus_days(-3), secs(10)).may_renew());
        assert_eq!(watch.look(BUILD.plus_secs(20), secs(20)), Seen::Together);
    }
}
