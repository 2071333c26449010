//! Wills: what is published when a client goes without taking it back. MQTT §3.1.2.5, §3.1.3.2.2

use crate::{
    Action, Broker, ListenerRules, Message, Millis, Now, Retain, ShardId, Source, publish::mounted,
    session::Will, sessions::SessionIndex, timers::TimerKind,
};
use bytes::Bytes;
use sealmq_mqtt::{Connect, ForwardedProperties};
use std::sync::Arc;

/// The will that a CONNECT asks for; the caller has checked it.
/// [MQTT-3.1.2-14] [MQTT311-3.1.2-16] [MQTT-3.1.2-15] [MQTT311-3.1.2-17]
pub(crate) fn from_connect(
    now: Now,
    shard: ShardId,
    connect: &Connect<'_>,
    asked: &sealmq_mqtt::Will<'_>,
    rules: &ListenerRules,
    source: Arc<Source>,
) -> Will {
    let properties = &asked.properties;
    let delay = if connect.version.is_v5() { properties.will_delay_interval().unwrap_or(0) } else { 0 };
    Will {
        message: Message {
            origin: shard,
            sequence: 0,
            topic: mounted(&rules.mount_point, asked.topic.as_str()),
            payload: Bytes::copy_from_slice(asked.payload),
            properties: ForwardedProperties::of(properties),
            qos: asked.qos,
            retain: if asked.retain { Retain::Retained } else { Retain::Live },
            received: now,
            expiry_secs: properties.message_expiry_interval(),
            source: Some(source),
        },
        delay: Millis::from_secs(u64::from(delay)),
    }
}

impl Broker {
    /// The connection is gone and the session goes on: the will is due at once or after its delay, which the end of
    /// the session cuts short. [MQTT-3.1.2-8] [MQTT-3.1.3-9] [MQTT311-3.1.2-8]
    pub(crate) fn will_after_connection(&mut self, now: Now, index: SessionIndex) {
        match self.session(index).will.as_ref().map(|will| will.delay) {
            None => {}
            Some(Millis(0)) => self.will_due(now, index),
            Some(delay) => self.arm(index, TimerKind::Will, now.mono + delay),
        }
    }

    /// Publishes the will of a session that has one, now.
    /// [MQTT-3.1.2-7] [MQTT-3.1.2-10] [MQTT311-3.1.2-10] [MQTT311-3.1.2-12]
    pub(crate) fn will_due(&mut self, now: Now, index: SessionIndex) {
        if let Some(will) = self.session_mut(index).will.take() {
            self.publish_will(now, *will);
        }
    }

    /// Publishes a will if its owner may write there, as the policy says now.
    pub(crate) fn publish_will(&mut self, now: Now, will: Will) {
        let Will { mut message, .. } = will;
        let allowed = message.source.as_ref().is_some_and(|source| {
            self.policy.allows(source.listener, &source.subject(), Action::Write, &message.topic)
        });
        if !allowed {
            self.counters.publish_denied += 1;
            return;
        }
        // Its life begins when it is published. MQTT §3.1.3.2.4
        message.received = now;
        self.accept(now, message);
    }
}
