//! When a ping is due, and when the server counts as gone (MQTT 5.0 §3.1.2.10).

/// Times in milliseconds of [`super::Now`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeepAlive {
    interval_ms: u64,
    pub(super) last_sent: u64,
    pub(super) ping_sent: Option<u64>,
}

/// What the moment asks for.
pub(super) enum Due {
    Nothing,
    Ping,
    Dead,
}

impl KeepAlive {
    pub(super) fn new(seconds: u16) -> Self {
        Self { interval_ms: u64::from(seconds) * 1000, last_sent: 0, ping_sent: None }
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        let from = self.ping_sent.unwrap_or(self.last_sent);
        (self.interval_ms > 0).then_some(from + self.interval_ms)
    }

    /// [MQTT-3.1.2-20] [MQTT311-3.1.2-23]
    pub(super) fn due(&self, now: u64) -> Due {
        match (self.deadline(), self.ping_sent) {
            (Some(deadline), Some(_)) if now >= deadline => Due::Dead,
            (Some(deadline), None) if now >= deadline => Due::Ping,
            (_, _) => Due::Nothing,
        }
    }
}
