//! How long until the next attempt: `restart_timeout`.

/// `restart_timeout`, in milliseconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Restart {
    /// Always the same.
    Constant(u64),
    /// Decorrelated jitter: between `base` and three times the last wait, at most `cap`. Back to `base` after a connection
    /// that held for `stable`.
    Jitter {
        /// The shortest wait, and the first.
        base: u64,
        /// The longest.
        cap: u64,
        /// How long a connection must have held.
        stable: u64,
    },
}

impl Restart {
    /// mosquitto's: 5 to 30 seconds.
    pub const DEFAULT: Restart = Restart::Jitter { base: 5_000, cap: 30_000, stable: 0 };
}

/// The waits of one bridge, in their order.
#[derive(Clone, Debug)]
pub struct BackOff {
    restart: Restart,
    last: u64,
    random: u64,
}

/// A wait, and why it is so long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wait {
    /// As configured.
    Fixed(u64),
    /// The shortest, since the connection had been stable.
    Shortest(u64),
    /// Somewhere between.
    Jittered(u64),
}

impl Wait {
    /// How long.
    pub fn milliseconds(self) -> u64 {
        match self {
            Wait::Fixed(wait) | Wait::Shortest(wait) | Wait::Jittered(wait) => wait,
        }
    }
}

impl BackOff {
    /// Nothing has failed yet.
    pub fn new(restart: Restart, seed: u64) -> BackOff {
        // A xorshift generator stays at 0.
        BackOff { restart, last: 0, random: seed | 1 }
    }

    /// The wait after a failure; `held`: how long the connection had held, if there was one.
    pub fn next(&mut self, held: Option<u64>) -> Wait {
        match self.restart {
            Restart::Constant(wait) => Wait::Fixed(wait),
            Restart::Jitter { base, stable, .. } if held.is_some_and(|held| held >= stable) => {
                self.last = base;
                Wait::Shortest(base)
            }
            Restart::Jitter { base, cap, .. } => {
                let longest = self.last.max(base).saturating_mul(3);
                self.last = (base + self.random_below(longest - base + 1)).min(cap);
                Wait::Jittered(self.last)
            }
        }
    }

    fn random_below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }
}
