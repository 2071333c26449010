//! The process's clocks, as the core wants them.
//!
//! Whoever comes in is judged by the wall clock at once (see [`crate::believed`]). Whoever is in is ended by a calmer
//! one: a wall clock that leaves the monotonic one by more than an hour is believed after five minutes only, so that a
//! wrong answer of one time server does not throw a whole fleet out. It never runs below the floor.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sealmq_broker::{Millis, Mono, Now, Wall};

use crate::believed;

/// Both clocks. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    calm: Arc<Mutex<CalmWall>>,
}

impl Clock {
    /// Monotonic zero is now.
    #[must_use]
    pub fn start() -> Clock {
        Clock { started: Instant::now(), calm: Arc::new(Mutex::new(CalmWall::new(wall(), Mono(0)))) }
    }

    /// Both.
    #[must_use]
    pub fn now(&self) -> Now {
        let mono = self.mono();
        let mut calm = self.calm.lock().unwrap_or_else(PoisonError::into_inner);
        Now { mono, wall: calm.look(wall(), mono) }
    }

    /// The monotonic one alone.
    #[must_use]
    pub fn mono(&self) -> Mono {
        Mono(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// The wall clock, not below the floor: a clock that was set back ends nothing later than it should.
fn wall() -> Wall {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let floor = u64::try_from(believed::now().as_secs()).unwrap_or_default().saturating_mul(1000);
    Wall(u64::try_from(wall).unwrap_or(u64::MAX).max(floor))
}

/// A wall clock whose leaps are believed late.
#[derive(Debug)]
struct CalmWall {
    /// Times that belonged together.
    base: (Wall, Mono),
    left_at: Option<Mono>,
}

impl CalmWall {
    fn new(wall: Wall, mono: Mono) -> CalmWall {
        CalmWall { base: (wall, mono), left_at: None }
    }

    /// The wall time to end sessions by, when the clocks say `wall` and `mono`.
    fn look(&mut self, wall: Wall, mono: Mono) -> Wall {
        let expected = Wall(self.base.0.0.saturating_add(mono.since(self.base.1).0));
        if wall.0.abs_diff(expected.0) <= LEAP.0 {
            // NTP slews and small steps are no leap: follow them.
            *self = CalmWall::new(wall, mono);
            return wall;
        }
        let since = *self.left_at.get_or_insert(mono);
        if mono.since(since) < BELIEVED_AFTER {
            return expected;
        }
        *self = CalmWall::new(wall, mono);
        wall
    }
}

/// More than this between what was expected and what the wall clock says is a leap.
const LEAP: Millis = Millis::from_secs(3600);
const BELIEVED_AFTER: Millis = Millis::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    const START: Wall = Wall(1_800_000_000_000);
    const HOUR: u64 = 3_600_000;

    fn at(millis: u64) -> Wall {
        Wall(START.0 + millis)
    }

    #[test]
    fn small_steps_are_followed_at_once() {
        let mut calm = CalmWall::new(START, Mono(0));
        assert_eq!(calm.look(at(1_000), Mono(1_000)), at(1_000));
        assert_eq!(calm.look(at(HOUR), Mono(2_000)), at(HOUR));
        assert_eq!(calm.look(at(HOUR - 500_000), Mono(3_000)), at(HOUR - 500_000));
    }

    #[test]
    fn a_leap_is_believed_after_five_minutes_and_not_before() {
        let mut calm = CalmWall::new(START, Mono(0));
        let leapt = |mono: u64| Wall(START.0 + 400 * 24 * HOUR + mono);
        assert_eq!(calm.look(leapt(1_000), Mono(1_000)), at(1_000));
        assert_eq!(calm.look(leapt(300_000), Mono(300_000)), at(300_000));
        assert_eq!(calm.look(leapt(301_000), Mono(301_000)), leapt(301_000));
        assert_eq!(calm.look(leapt(302_000), Mono(302_000)), leapt(302_000));
    }

    #[test]
    fn a_leap_that_is_taken_back_is_forgotten() {
        let mut calm = CalmWall::new(START, Mono(0));
        assert_eq!(calm.look(Wall(START.0 * 2), Mono(200_000)), at(200_000));
        assert_eq!(calm.look(at(250_000), Mono(250_000)), at(250_000));
        assert_eq!(calm.look(Wall(START.0 * 2), Mono(400_000)), at(400_000));
    }
}
