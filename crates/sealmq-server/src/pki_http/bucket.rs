//! How many signatures strangers may cause. Pure: the time is an argument.

use std::time::{Duration, Instant};

/// A token bucket, kept as the moment at which it will be full again (GCRA, ITU-T I.371).
#[derive(Debug)]
pub(super) struct Bucket {
    full_at: Option<Instant>,
    token: Duration,
    whole: Duration,
}

impl Bucket {
    /// So many a second in the long run, and so many at once after a rest.
    pub(super) fn new(per_second: u32, burst: u32) -> Bucket {
        let token = Duration::from_secs(1) / per_second;
        Bucket { full_at: None, token, whole: token * burst }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Empty> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.token;
        if full_at > now + self.whole {
            return Err(Empty);
        }
        self.full_at = Some(full_at);
        Ok(())
    }
}

/// There is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Empty;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        let (mut bucket, start) = (Bucket::new(10, 3), Instant::now());
        let taken = |bucket: &mut Bucket, millis: u64| {
            let now = start + Duration::from_millis(millis);
            (0..100).take_while(|_| bucket.take(now).is_ok()).count()
        };
        assert_eq!(taken(&mut bucket, 0), 3);
        assert_eq!(taken(&mut bucket, 99), 0);
        assert_eq!(taken(&mut bucket, 100), 1);
        assert_eq!(taken(&mut bucket, 10_000), 3, "no more than the burst, however long the rest");
    }
}
