//! The time at which this process judges validity: the wall clock, but never below the floor.
//!
//! A process has one clock, so it has one floor: the date of the build, raised by the data directory's last good time
//! (see [`crate::home::Floor`]). It only rises. A clock that is set back brings no ended certificate to life again.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use sealmq_pki::Timestamp;

use crate::home::{build_date, wall_now};

static FLOOR_SECS: LazyLock<AtomicI64> = LazyLock::new(|| AtomicI64::new(build_date().as_secs()));

/// The time to judge at.
#[must_use]
pub fn now() -> Timestamp {
    wall_now().max(Timestamp::from_secs(FLOOR_SECS.load(Ordering::Acquire)))
}

/// This time has passed: nothing is judged before it from now on.
pub fn raise_floor(to: Timestamp) {
    FLOOR_SECS.fetch_max(to.as_secs(), Ordering::AcqRel);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_is_judged_at_the_wall_clock_and_never_below_what_has_passed() {
        let before = now();
        assert!(before >= wall_now().plus_secs(-1) && before >= build_date());
        // Ahead of the wall clock by a second: enough to see, harmless to other tests of this process.
        let ahead = wall_now().plus_secs(1);
        raise_floor(ahead);
        assert!(now() >= ahead);
        raise_floor(Timestamp::from_secs(0));
        assert!(now() >= ahead);
    }
}
