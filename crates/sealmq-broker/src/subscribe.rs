//! SUBSCRIBE and UNSUBSCRIBE. A topic that the ACL denies is granted: reads are judged at delivery.
//!
//! Order: interest is written first, then SUBACK is put out, then retained is read and put out, filter by filter, so
//! that no more than one filter's messages are held at a time. All of it is one step of the core: nothing is sent and
//! no forward taken in between.

use crate::{
    Broker, Event, Lane, Member, Millis, Mono, Now, Outgoing, Presence, Record, Retain, RetainSource,
    RetainedMessage, RetainedVersion, answers,
    deliver::EncodeOnce,
    heap::subscription_bytes,
    route::is_own,
    session::{ClientKind, Connection, NoLocal, RetainAsPublished, Subscription},
    sessions::SessionIndex,
    subscriber::Subscriber,
};
use sealmq_mqtt::{
    PacketId, QoS, ReasonCode, RetainHandling, Share, Subscribe, SubscriptionId, SubscriptionOptions,
    TopicFilter, Unsubscribe, Version,
};

/// A subscription that is to be given the retained messages of its filter.
struct Wish {
    filter: Box<str>,
    subscription: Subscription,
    novelty: Novelty,
}

/// Whether a subscription replaced an older one. [MQTT-3.8.4-3]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Novelty {
    New,
    Replaced,
}

impl Broker {
    /// Handles a SUBSCRIBE.
    /// [MQTT311-3.8.4-1] [MQTT311-3.8.4-5] [MQTT311-3.9.3-1] [MQTT-3.8.4-5] [MQTT311-3.8.4-4]
    pub(crate) fn subscribe(&mut self, now: Now, index: SessionIndex, subscribe: &Subscribe<'_>) {
        let Some(version) = self.version(index) else { return };
        let id = subscribe.properties.subscription_identifier();
        let (mut codes, mut wishes, mut gate) = (Vec::new(), Vec::new(), None);
        for asked in subscribe.subscriptions.iter() {
            let Some(connection) = self.session(index).connection() else { return };
            let filter = mounted_filter(&connection.rules.mount_point, asked.filter);
            let subscription = granted(connection, asked.options, id);
            codes.push(match self.subscribe_one(index, &filter, subscription) {
                Ok(novelty) => {
                    gate = self.record_subscription(index, &filter, asked.options, id).or(gate);
                    if gets_retained(&filter, asked.options.retain_handling, novelty) {
                        wishes.push(Wish { filter, subscription, novelty });
                    }
                    granted_code(subscription.qos)
                }
                // 3.x knows one failure. [MQTT311-3.9.3-2]
                Err(_) if !version.is_v5() => ReasonCode::UnspecifiedError,
                Err(reason) => reason,
            });
        }
        // [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-6]
        self.send(
            index,
            Outgoing::Packet(answers::suback(version, subscribe.packet_id, &codes)),
            Lane::Flow,
            gate,
        );
        let mut given = 0;
        for wish in wishes {
            if given >= self.limits.retained_given_max {
                let client = self.session(index).client_id.clone();
                return self.event(Event::RetainedHeldBack { client });
            }
            given += self.give_retained(now, index, &wish);
        }
    }

    /// Gives what is retained to a subscription, and says how many messages were looked at.
    /// [MQTT-3.8.4-4] [MQTT311-3.8.4-3] [MQTT311-3.3.1-6] [MQTT311-3.3.1-8]
    fn give_retained(&mut self, now: Now, index: SessionIndex, wish: &Wish) -> usize {
        let mut found = Vec::new();
        let version = self.tables.retained.read(&wish.filter, &mut found);
        // What was stored before a new subscription is its gift. One that was there before is owed every live copy.
        if wish.novelty == Novelty::New {
            self.mark_seen(index, &wish.filter, version);
        }
        let looked_at = found.len();
        for retained in found {
            if self.may_give(now.mono, index, &retained, wish.subscription) {
                let ids = wish.subscription.id.into_iter().collect();
                // [MQTT-3.3.1-8]
                let delivery = self.delivery(&retained.message, wish.subscription.qos, Retain::Retained, ids);
                self.deliver(now, index, &retained.message, delivery, &mut EncodeOnce::default());
            }
        }
        looked_at
    }

    fn subscribe_one(
        &mut self,
        index: SessionIndex,
        filter: &str,
        subscription: Subscription,
    ) -> Result<Novelty, ReasonCode> {
        if self.session(index).subscriptions.bound_reached(filter, &self.limits).is_some() {
            return Err(ReasonCode::QuotaExceeded);
        }
        let known = self.session(index).subscriptions.get(filter).is_some();
        if !known && !self.has_memory_for(subscription_bytes(filter)) {
            return Err(ReasonCode::QuotaExceeded);
        }
        let parsed = TopicFilter::parse(filter).map_err(|_| ReasonCode::TopicFilterInvalid)?;
        match parsed.share() {
            Some(share) => self.join_group(index, share, subscription)?,
            None => self.add_subscriber(index, filter, subscription),
        }
        let session = self.sessions.at_mut(index);
        let novelty =
            if session.subscriptions.get(filter).is_some() { Novelty::Replaced } else { Novelty::New };
        session.subscriptions.insert(filter, subscription);
        let client = session.client_id.clone();
        if novelty == Novelty::New {
            self.tables.heap.add(subscription_bytes(filter));
        }
        let new = u64::from(novelty == Novelty::New);
        self.counters.subscriptions += new;
        self.counters.shared_subscriptions += new * u64::from(is_shared(filter));
        self.event(Event::Subscribed { client, filter: Box::from(filter), qos: subscription.qos });
        Ok(novelty)
    }

    fn join_group(
        &mut self,
        index: SessionIndex,
        share: Share<'_>,
        subscription: Subscription,
    ) -> Result<(), ReasonCode> {
        let member = Member {
            shard: self.shard,
            client: self.session(index).client_id.clone(),
            qos: subscription.qos,
            presence: Presence::Online,
        };
        let joined = self.tables.groups.join(share.group, share.filter.as_str(), member);
        joined.map_err(|_| ReasonCode::QuotaExceeded)
    }

    fn add_subscriber(&mut self, index: SessionIndex, filter: &str, subscription: Subscription) {
        let first = self.subscribers.update(filter, |subscribers| {
            let first = subscribers.is_empty();
            match subscribers.iter_mut().find(|other| other.session == index) {
                Some(old) => old.subscription = subscription,
                None => {
                    subscribers.push(Subscriber { session: index, subscription, seen: RetainedVersion(0) })
                }
            }
            first
        });
        if first {
            self.tables.interest.add(filter, self.shard);
        }
    }

    /// Live copies up to `version` are repetitions for this subscription.
    fn mark_seen(&mut self, index: SessionIndex, filter: &str, version: RetainedVersion) {
        self.subscribers.update(filter, |subscribers| {
            if let Some(subscriber) = subscribers.iter_mut().find(|other| other.session == index) {
                subscriber.seen = version;
            }
        });
    }

    fn may_give(
        &self,
        now: Mono,
        index: SessionIndex,
        retained: &RetainedMessage,
        subscription: Subscription,
    ) -> bool {
        let message = &retained.message;
        let outlived = self
            .policy
            .retain_expiry
            .is_some_and(|span: Millis| message.expiry_secs.is_none() && message.received.mono + span <= now);
        if message.is_expired(now) || outlived {
            self.tables.retained.forget(&message.topic, retained.version);
            return false;
        }
        let own = subscription.no_local == NoLocal::Yes && is_own(message, &self.session(index).client_id);
        let rightful = match self.policy.retain_source {
            RetainSource::Checked => self.policy.still_allows(message.source.as_deref(), &message.topic),
            RetainSource::NotChecked => true,
        };
        !own && rightful
    }

    fn record_subscription(
        &mut self,
        index: SessionIndex,
        filter: &str,
        options: SubscriptionOptions,
        subscription_id: Option<SubscriptionId>,
    ) -> Option<crate::Commit> {
        self.append_session(index, |session| Record::Subscribed {
            client: session.client_id.clone(),
            filter: Box::from(filter),
            options,
            subscription_id,
        })
    }

    /// Handles an UNSUBSCRIBE. [MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-5]
    /// [MQTT-3.10.4-2] [MQTT-3.10.4-6] [MQTT311-3.10.4-1] [MQTT311-3.10.4-2] [MQTT311-3.10.4-6]
    pub(crate) fn unsubscribe(&mut self, index: SessionIndex, unsubscribe: &Unsubscribe<'_>) {
        let Some(version) = self.version(index) else { return };
        let (mut codes, mut gate) = (Vec::new(), None);
        for asked in unsubscribe.filters.iter() {
            let Some(connection) = self.session(index).connection() else { return };
            let filter = mounted_filter(&connection.rules.mount_point, asked);
            codes.push(if self.drop_subscription(index, &filter) {
                gate = self
                    .append_session(index, |session| Record::Unsubscribed {
                        client: session.client_id.clone(),
                        filter: filter.clone(),
                    })
                    .or(gate);
                let client = self.session(index).client_id.clone();
                self.event(Event::Unsubscribed { client, filter });
                ReasonCode::Success
            } else {
                ReasonCode::NoSubscriptionExisted
            });
        }
        self.unsuback(index, version, unsubscribe.packet_id, &codes, gate);
    }

    fn unsuback(
        &mut self,
        index: SessionIndex,
        version: Version,
        id: PacketId,
        codes: &[ReasonCode],
        gate: Option<crate::Commit>,
    ) {
        self.send(index, Outgoing::Packet(answers::unsuback(version, id, codes)), Lane::Flow, gate);
    }

    /// Takes a subscription out of the session, the index and the tables; whether there was one.
    /// [MQTT-3.10.4-3] [MQTT311-3.10.4-3]
    pub(crate) fn drop_subscription(&mut self, index: SessionIndex, filter: &str) -> bool {
        if self.session_mut(index).subscriptions.remove(filter).is_none() {
            return false;
        }
        self.tables.heap.sub(subscription_bytes(filter));
        self.counters.subscriptions -= 1;
        self.counters.shared_subscriptions -= u64::from(is_shared(filter));
        if let Some(share) = TopicFilter::parse(filter).ok().and_then(TopicFilter::share) {
            let client = &self.session(index).client_id;
            self.tables.groups.leave(share.group, share.filter.as_str(), client);
            return true;
        }
        let last = self.subscribers.update(filter, |subscribers| {
            subscribers.retain(|other| other.session != index);
            subscribers.is_empty()
        });
        if last {
            self.tables.interest.remove(filter, self.shard);
        }
        true
    }
}

/// Whether a subscription is given what is retained; a shared one is not (MQTT §4.8.2).
/// [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
fn gets_retained(filter: &str, handling: RetainHandling, novelty: Novelty) -> bool {
    let wanted = match handling {
        RetainHandling::SendAtSubscribe => true,
        RetainHandling::SendAtNewSubscribe => novelty == Novelty::New,
        RetainHandling::DoNotSend => false,
    };
    wanted && !filter.starts_with("$share/")
}

/// MQTT §4.8.2
fn is_shared(filter: &str) -> bool {
    filter.starts_with("$share/")
}

/// What a client is granted: at most the listener's QoS [MQTT-3.8.4-7]; a bridge's subscriptions are no-local and
/// retain-as-published.
/// [MQTT-3.2.2-10]
fn granted(
    connection: &Connection,
    options: SubscriptionOptions,
    id: Option<SubscriptionId>,
) -> Subscription {
    let bridge = connection.kind == ClientKind::Bridge;
    Subscription {
        qos: options.qos.min(connection.rules.max_qos),
        no_local: if options.no_local || bridge { NoLocal::Yes } else { NoLocal::No },
        retain_as_published: if options.retain_as_published || bridge {
            RetainAsPublished::Yes
        } else {
            RetainAsPublished::No
        },
        id,
    }
}

const fn granted_code(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::GRANTED_QOS_0,
        QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
        QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
    }
}

/// The filter with the mount point before it, inside `$share/GROUP/` where it has that.
fn mounted_filter(mount_point: &str, filter: TopicFilter<'_>) -> Box<str> {
    match filter.share() {
        _ if mount_point.is_empty() => Box::from(filter.as_str()),
        Some(share) => format!("$share/{}/{mount_point}{}", share.group, share.filter).into_boxed_str(),
        None => format!("{mount_point}{filter}").into_boxed_str(),
    }
}
