//! `$SYS`: what the broker says about itself, retained, every `sys_interval` seconds, under mosquitto's names.
//!
//! A topic is published again only when its value has changed, as in mosquitto. What a name counts is mosquitto's:
//! `messages/...` is every packet, `publish/messages/...` is PUBLISH alone. Who may read the tree is the core's
//! (`Policy`): under a data directory, operators.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sealmq_broker::{Counters, Retain};

use crate::post::OwnMessage;
use crate::running::Control;

/// How long the shards have to say what they have counted.
const COUNTING: Duration = Duration::from_secs(1);

/// Publishes at once and then every `every`, until the runtime ends.
pub(crate) async fn publish_for_ever(control: Control, every: Duration) {
    let started = Instant::now();
    let mut tree = Tree::default();
    loop {
        let counters = control.counters(COUNTING).await;
        for message in tree.update(&counters, started.elapsed()) {
            control.publish(message);
        }
        tokio::time::sleep(every).await;
    }
}

/// What was said last.
#[derive(Debug, Default)]
struct Tree {
    said: BTreeMap<&'static str, String>,
    connected_max: u64,
}

impl Tree {
    /// The messages that say what has changed.
    fn update(&mut self, counters: &Counters, uptime: Duration) -> Vec<OwnMessage> {
        self.connected_max = self.connected_max.max(counters.clients_connected);
        let away = counters.sessions.saturating_sub(counters.clients_connected).to_string();
        let (total, connected) = (counters.sessions.to_string(), counters.clients_connected.to_string());
        let values = [
            ("$SYS/broker/version", format!("sealmq version {}", env!("CARGO_PKG_VERSION"))),
            ("$SYS/broker/uptime", format!("{} seconds", uptime.as_secs())),
            ("$SYS/broker/clients/total", total),
            ("$SYS/broker/clients/connected", connected.clone()),
            ("$SYS/broker/clients/active", connected),
            ("$SYS/broker/clients/disconnected", away.clone()),
            ("$SYS/broker/clients/inactive", away),
            ("$SYS/broker/clients/maximum", self.connected_max.to_string()),
            ("$SYS/broker/subscriptions/count", counters.subscriptions.to_string()),
            ("$SYS/broker/messages/received", counters.packets_received.to_string()),
            ("$SYS/broker/messages/sent", counters.packets_sent.to_string()),
            ("$SYS/broker/publish/messages/received", counters.publish_received.to_string()),
            ("$SYS/broker/publish/messages/sent", counters.publish_sent.to_string()),
            ("$SYS/broker/publish/messages/dropped", counters.publish_dropped.to_string()),
        ];
        values.into_iter().filter_map(|(topic, value)| self.say(topic, value)).collect()
    }

    fn say(&mut self, topic: &'static str, value: String) -> Option<OwnMessage> {
        if self.said.get(topic) == Some(&value) {
            return None;
        }
        let message = OwnMessage {
            topic: topic.into(),
            payload: value.clone().into_bytes().into_boxed_slice(),
            retain: Retain::Retained,
        };
        self.said.insert(topic, value);
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(messages: &[OwnMessage]) -> Vec<&str> {
        messages.iter().map(|message| &*message.topic).collect()
    }

    #[test]
    fn the_first_time_everything_is_said_and_later_what_has_changed() {
        let mut tree = Tree::default();
        assert_eq!(tree.update(&Counters::default(), Duration::ZERO).len(), 14);
        assert!(tree.update(&Counters::default(), Duration::ZERO).is_empty());
        let busier = Counters { subscriptions: 3, ..Counters::default() };
        let said = tree.update(&busier, Duration::ZERO);
        assert_eq!(topics(&said), ["$SYS/broker/subscriptions/count"]);
        assert_eq!(*said[0].payload, *b"3");
    }

    #[test]
    fn the_maximum_remembers_and_who_is_away_is_no_connection() {
        let mut tree = Tree::default();
        tree.update(&Counters { sessions: 5, clients_connected: 4, ..Counters::default() }, Duration::ZERO);
        tree.update(&Counters { sessions: 5, clients_connected: 1, ..Counters::default() }, Duration::ZERO);
        assert_eq!(tree.said["$SYS/broker/clients/maximum"], "4");
        assert_eq!(tree.said["$SYS/broker/clients/disconnected"], "4");
    }
}
