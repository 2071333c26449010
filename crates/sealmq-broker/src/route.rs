//! From one message to all who get it: the tables, the other shards, the sessions of this one.
//!
//! Order: a retained message is stored first, then matched; the record comes before the forwards; live before shared;
//! and all of it before the acknowledgement, which the caller sends.

use crate::{
    Broker, ClientId, Commit, Delivery, Event, Forward, Live, Message, Now, Output, Overlapping, Pick,
    Record, Retain, RetainedVersion, ShardId, ShardSet, deliver::EncodeOnce, session::Subscription,
    sessions::SessionIndex, subscriber::Subscriber,
};
use sealmq_mqtt::{QoS, SubscriptionId};
use std::{mem, sync::Arc};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Routed {
    pub(crate) subscribers: Subscribers,
    /// The record that keeps it.
    pub(crate) commit: Option<Commit>,
}

/// Whether a subscription matched, on any shard. PUBACK of 5.0 says so. MQTT §3.4.2.1
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subscribers {
    None,
    Some,
}

/// The sessions of this shard that one message is for; kept between messages so that matching allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Route {
    hits: Vec<Hit>,
    /// By session index: the round in which it was hit, and where.
    marks: Vec<Mark>,
    round: u64,
}

#[derive(Debug)]
struct Hit {
    session: SessionIndex,
    qos: QoS,
    retain: Retain,
    subscription_ids: Vec<SubscriptionId>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    round: u64,
    at: usize,
}

impl Route {
    fn begin(&mut self, slots: usize) {
        self.round += 1;
        self.hits.clear();
        if self.marks.len() < slots {
            self.marks.resize(slots, Mark::default());
        }
    }

    /// See [`Overlapping`].
    fn hit(&mut self, subscriber: &Subscriber, published: Retain, overlapping: Overlapping) {
        let mark = &mut self.marks[subscriber.session.get()];
        if mark.round != self.round || overlapping == Overlapping::Each {
            *mark = Mark { round: self.round, at: self.hits.len() };
            let (session, qos) = (subscriber.session, QoS::AtMostOnce);
            self.hits.push(Hit { session, qos, retain: Retain::Live, subscription_ids: Vec::new() });
        }
        let hit = &mut self.hits[mark.at];
        hit.qos = hit.qos.max(subscriber.subscription.qos);
        hit.subscription_ids.extend(subscriber.subscription.id);
        // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
        if subscriber.keeps_retain() {
            hit.retain = published;
        }
    }
}

impl Broker {
    /// Sends an accepted message to everyone who is to get it. It gets its sequence here, so that sequences rise in the
    /// order of forwarding: a QoS 2 message is accepted at its PUBREL.
    pub(crate) fn accept(&mut self, now: Now, mut message: Message) -> Routed {
        self.sequence += 1;
        message.sequence = self.sequence;
        let message = &Arc::new(message);
        let retained = match message.retain {
            Retain::Retained => self.store_retained(message),
            Retain::Live => None,
        };
        let shards = self.tables.interest.shards(&message.topic);
        let mut picks = mem::take(&mut self.picks);
        self.tables.groups.pick(&message.topic, message.qos, &mut picks);
        let nobody = shards.is_empty() && picks.is_empty();
        let mut commit = None;
        if !nobody && message.qos != QoS::AtMostOnce {
            let (targets, picks) = (shards, &picks);
            commit = self.append(|| Record::Accepted {
                message: Arc::clone(message),
                targets,
                picks: picks.clone(),
            });
        }
        self.forward(message, retained, shards, &picks);
        if shards.contains(self.shard) {
            self.route_live(now, message, retained);
        }
        self.route_picks(
            now,
            message,
            picks.iter().filter(|pick| pick.shard == self.shard).cloned().collect(),
        );
        picks.clear();
        self.picks = picks;
        Routed { subscribers: if nobody { Subscribers::None } else { Subscribers::Some }, commit }
    }

    /// Takes a message from another shard, each sequence once.
    pub(crate) fn forwarded(&mut self, now: Now, from: ShardId, forward: Forward) {
        let last = self.taken.entry(from).or_insert(0);
        if forward.message.sequence <= *last {
            self.counters.forwards_repeated += 1;
            return;
        }
        *last = forward.message.sequence;
        self.counters.forwards_taken += 1;
        let sequence = forward.message.sequence;
        self.append(|| Record::Taken { from, sequence });
        match forward.live {
            Live::Subscribers => self.route_live(now, &forward.message, forward.retained),
            Live::PicksOnly => {}
        }
        self.route_picks(now, &forward.message, forward.picks);
    }

    /// [MQTT311-3.1.2-7] [MQTT311-3.3.1-5] [MQTT311-3.3.1-7] [MQTT311-3.3.1-12] [MQTT311-3.3.1-10]
    /// [MQTT311-3.3.1-11]
    fn store_retained(&mut self, message: &Arc<Message>) -> Option<RetainedVersion> {
        match self.tables.retained.store(message) {
            Ok(version) => {
                let life = || self.policy.retain_expiry.map(|life| message.received.mono + life);
                if let Some(end) = message.expires_at().or_else(life) {
                    self.sweep_at = Some(self.sweep_at.map_or(end, |at| at.min(end)));
                }
                self.append(|| Record::Retained { message: Arc::clone(message), version });
                Some(version)
            }
            Err(full) => {
                let client = message.source.as_ref().map(|source| source.client_id.clone());
                self.event(Event::RetainedFull { client, what: full.what });
                None
            }
        }
    }

    /// One forward to each other shard that needs the message.
    fn forward(
        &mut self,
        message: &Arc<Message>,
        retained: Option<RetainedVersion>,
        live: ShardSet,
        picks: &[Pick],
    ) {
        let mut targets = live;
        picks.iter().for_each(|pick| targets.insert(pick.shard));
        targets.remove(self.shard);
        for to in targets.iter() {
            let forward = Forward {
                message: Arc::clone(message),
                retained,
                live: if live.contains(to) { Live::Subscribers } else { Live::PicksOnly },
                picks: picks.iter().filter(|pick| pick.shard == to).cloned().collect(),
            };
            self.output(Output::Forward { to, forward });
        }
    }

    /// Delivers to the ordinary subscriptions of this shard.
    /// [MQTT-3.3.2-3] [MQTT311-3.3.2-3] [MQTT-4.5.0-1] [MQTT311-4.5.0-1]
    fn route_live(&mut self, now: Now, message: &Arc<Message>, retained: Option<RetainedVersion>) {
        let overlapping = self.policy.overlapping;
        let mut route = mem::take(&mut self.route);
        route.begin(self.sessions.slots());
        self.subscribers.matches(&message.topic, |subscribers| {
            for subscriber in subscribers {
                if subscriber.wants(retained, is_own(message, &self.session(subscriber.session).client_id)) {
                    route.hit(subscriber, message.retain, overlapping);
                }
            }
        });
        let mut encoded = EncodeOnce::default();
        for hit in &mut route.hits {
            let ids = mem::take(&mut hit.subscription_ids);
            let delivery = self.delivery(message, hit.qos, hit.retain, ids.into_boxed_slice());
            self.deliver(now, hit.session, message, delivery, &mut encoded);
        }
        self.route = route;
    }

    /// Delivers to the members picked of shared groups. A session that has ended since gets nothing, and neither does
    /// another in its place. [MQTT-4.8.2-5]
    fn route_picks(&mut self, now: Now, message: &Arc<Message>, picks: Vec<Pick>) {
        let mut encoded = EncodeOnce::default();
        for pick in picks {
            let found = self.sessions.of_client(pick.client.as_str()).and_then(|index| {
                let subscription = *self.session(index).subscriptions.get(&pick.filter)?;
                Some((index, subscription))
            });
            if let Some((index, subscription)) = found {
                let delivery = self.delivery_for(message, &subscription);
                self.deliver(now, index, message, delivery, &mut encoded);
            } else {
                self.counters.publish_dropped += 1;
            }
        }
    }

    /// [MQTT-3.3.4-5] [MQTT311-3.8.4-6]
    fn delivery_for(&self, message: &Message, subscription: &Subscription) -> Delivery {
        let retain = match subscription.retain_as_published {
            crate::session::RetainAsPublished::Yes => message.retain,
            crate::session::RetainAsPublished::No => Retain::Live,
        };
        self.delivery(message, subscription.qos, retain, subscription.id.into_iter().collect())
    }

    pub(crate) fn delivery(
        &self,
        message: &Message,
        granted: QoS,
        retain: Retain,
        ids: Box<[SubscriptionId]>,
    ) -> Delivery {
        let qos = match self.policy.outgoing_qos {
            crate::OutgoingQoS::Lower => granted.min(message.qos),
            crate::OutgoingQoS::Granted => granted,
        };
        Delivery { qos, retain, subscription_ids: ids }
    }
}

/// Whether `client` published the message itself. [MQTT-3.8.3-3]
pub(crate) fn is_own(message: &Message, client: &ClientId) -> bool {
    message.source.as_ref().is_some_and(|source| source.client_id == *client)
}
