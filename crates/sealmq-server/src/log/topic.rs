//! `log_dest topic`: lines as messages on `$SYS/broker/log/…`, one topic for each kind, as mosquitto.
//!
//! The log starts before the broker does: until [`Outlet::connect`], lines for topics go nowhere, since nobody can have
//! subscribed.

use std::sync::OnceLock;

use super::Level;

type Publish = Box<dyn Fn(&'static str, String) + Send + Sync>;

/// Where lines leave for their topics.
#[derive(Default)]
pub(super) struct Outlet(OnceLock<Publish>);

impl Outlet {
    /// From now on `publish` gets topic and payload of each line. Only the first call counts.
    pub(super) fn connect(&self, publish: Publish) {
        // A log serves one broker.
        let _ = self.0.set(publish);
    }

    pub(super) fn publish(&self, level: Level, text: String) {
        if let Some(publish) = self.0.get() {
            publish(topic_of(level), text);
        }
    }
}

fn topic_of(level: Level) -> &'static str {
    match level {
        Level::Error => "$SYS/broker/log/E",
        Level::Warning => "$SYS/broker/log/W",
        Level::Notice => "$SYS/broker/log/N",
        Level::Information => "$SYS/broker/log/I",
        Level::Debug | Level::Internal => "$SYS/broker/log/D",
        Level::Subscribe => "$SYS/broker/log/M/subscribe",
        Level::Unsubscribe => "$SYS/broker/log/M/unsubscribe",
        Level::Websockets => "$SYS/broker/log/WS",
    }
}
