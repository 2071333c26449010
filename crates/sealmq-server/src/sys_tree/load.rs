//! `$SYS/broker/load/…`: per minute, averaged over 1, 5 and 15 minutes, as the load of a Unix system is.
//!
//! Each average forgets with `exp(-elapsed / window)`. Pure: the time is an argument.

use std::time::Instant;

use super::metrics::LOADS;

/// How long an average remembers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// The last level of its topics.
    pub name: &'static str,
    secs: f64,
}

/// The three of mosquitto.
pub const WINDOWS: [Window; 3] = [
    Window { name: "1min", secs: 60.0 },
    Window { name: "5min", secs: 300.0 },
    Window { name: "15min", secs: 900.0 },
];

/// The smallest change that is said.
const CHANGE: f64 = 0.01;

const COUNT: usize = LOADS.len();

/// The averages of all loads.
#[derive(Debug, Default)]
pub(super) struct Averages {
    before: Option<(Instant, [u64; COUNT])>,
    values: [[f64; WINDOWS.len()]; COUNT],
    said: [[f64; WINDOWS.len()]; COUNT],
}

impl Averages {
    /// Takes the totals of now, and gives for each load the windows and their values as text.
    pub(super) fn update(
        &mut self,
        totals: [u64; COUNT],
        now: Instant,
    ) -> [[(Window, String); WINDOWS.len()]; COUNT] {
        if let Some((then, before)) = self.before {
            let elapsed = now.saturating_duration_since(then).as_secs_f64();
            if elapsed > 0.0 {
                self.move_on(totals, before, elapsed);
            }
        }
        self.before = Some((now, totals));
        std::array::from_fn(|load| {
            std::array::from_fn(|window| {
                let (value, said) = (self.values[load][window], &mut self.said[load][window]);
                if (value - *said).abs() >= CHANGE {
                    *said = value;
                }
                (WINDOWS[window], format!("{said:.2}"))
            })
        })
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate in 53 bits is exact enough")]
    fn move_on(&mut self, totals: [u64; COUNT], before: [u64; COUNT], elapsed: f64) {
        for ((values, total), before) in self.values.iter_mut().zip(totals).zip(before) {
            // Less than before: a shard did not answer in time.
            let per_minute = total.saturating_sub(before) as f64 * 60.0 / elapsed;
            for (value, window) in values.iter_mut().zip(WINDOWS) {
                *value = per_minute + (-elapsed / window.secs).exp() * (*value - per_minute);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn texts(averages: &mut Averages, total: u64, now: Instant) -> [String; 3] {
        let mut totals = [0; COUNT];
        totals[0] = total;
        averages.update(totals, now)[0].clone().map(|(_, value)| value)
    }

    #[test]
    fn they_begin_at_nought_and_follow_the_formula() {
        let (mut averages, start) = (Averages::default(), Instant::now());
        let mut at = |secs, total| texts(&mut averages, total, start + Duration::from_secs(secs));
        assert_eq!(at(0, 0), ["0.00", "0.00", "0.00"]);
        // mosquitto 2.1.2 with sys_interval 2, 2 messages in the first 2 seconds: measured.
        assert_eq!(at(2, 2), ["1.97", "0.40", "0.13"]);
        assert_eq!(at(4, 2), ["1.90", "0.40", "0.13"]);
        // For ever 10 messages in 10 seconds are 60 a minute.
        let last = (1..1_000).map(|n| at(4 + n * 10, 2 + n * 10)).last().unwrap();
        for value in last {
            assert!((value.parse::<f64>().unwrap() - 60.0).abs() < 2.0 * CHANGE, "{value}");
        }
    }

    #[test]
    fn a_total_that_goes_back_counts_as_nothing() {
        let (mut averages, start) = (Averages::default(), Instant::now());
        texts(&mut averages, 100, start);
        assert_eq!(texts(&mut averages, 50, start + Duration::from_secs(10)), ["0.00", "0.00", "0.00"]);
    }
}
