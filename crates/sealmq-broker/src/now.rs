//! The two clocks the core is told: a monotonic one for delays, the wall clock for what must outlive the process.
//!
//! The core never asks for the time. Every input carries a [`Now`]; in one process `mono` never goes back.

use std::ops::Add;

/// Milliseconds since some fixed moment of this process; never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z, as far as the shell trusts its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub u64);

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// For keep alive, will delay, session and message expiry inside this process.
    pub mono: Mono,
    /// For the end of certificates, and for what is written down.
    pub wall: Wall,
}

/// A span of time in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// `secs` seconds.
    pub const fn from_secs(secs: u64) -> Millis {
        Millis(secs.saturating_mul(1000))
    }
}

impl Mono {
    /// How long ago `earlier` was; zero if it is later than this.
    pub const fn since(self, earlier: Mono) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Millis> for Mono {
    type Output = Mono;

    fn add(self, span: Millis) -> Mono {
        Mono(self.0.saturating_add(span.0))
    }
}

impl Wall {
    /// How long until `later`; zero if it has passed.
    pub const fn until(self, later: Wall) -> Millis {
        Millis(later.0.saturating_sub(self.0))
    }
}
