//! What must hold when everything has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use sealmq_broker::RetainedMessage;
use sealmq_mqtt::{QoS, TopicFilter, TopicName, matches};

use crate::client::Client;
use crate::history::{MessageNumber, Received};
use crate::world::{GROUPS, TOPICS, World};

/// All checks on what the random part left.
pub(crate) fn history(world: &World) {
    for client in &world.clients {
        qos2_never_twice(client);
        order_kept(world, client);
        if !world.trust.is_revoked(client.number) && World::group_of(client.number).is_none() {
            nothing_lost(world, client);
        }
    }
    retained_is_current(world);
    for group in GROUPS {
        one_member_each(world, group);
    }
}

/// Every acknowledged QoS 1 or 2 message reached every session that was subscribed before it was sent and still is.
fn nothing_lost(world: &World, client: &Client) {
    let got: BTreeSet<MessageNumber> =
        client.received.iter().filter(|one| one.epoch == client.epoch).map(|one| one.message).collect();
    for (filter, active) in &client.subscriptions {
        for (number, published) in world.history.published.iter().enumerate() {
            let promised = published.acknowledged
                && published.qos.min(active.qos) >= QoS::AtLeastOnce
                && published.sent.is_some_and(|sent| sent > active.since)
                && covers(filter, published.topic);
            assert!(
                !promised || got.contains(&number),
                "{} lost message {number} {published:?}: subscribed to {filter} {active:?}",
                client.id
            );
        }
    }
}

fn qos2_never_twice(client: &Client) {
    let mut seen = BTreeSet::new();
    for one in client.received.iter().filter(|one| one.qos == QoS::ExactlyOnce && !one.retain) {
        assert!(
            seen.insert((one.epoch, one.message)),
            "{} got QoS 2 message {} twice",
            client.id,
            one.message
        );
    }
}

/// Per publisher, topic and QoS, first copies come in the order of publishing. [MQTT-4.6.0-5] [MQTT-4.6.0-6]
///
/// Left out is what a repetition by the publisher (QoS 1) may bring first: messages that were sent before there was a
/// subscription at that QoS, and those that came as retained messages before.
fn order_kept(world: &World, client: &Client) {
    let mut last: BTreeMap<_, MessageNumber> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for one in client.received.iter().filter(|one| one.epoch == client.epoch) {
        let published = &world.history.published[one.message];
        let subscribed = client.subscriptions.iter().any(|(filter, active)| {
            covers(filter, published.topic)
                && published.qos.min(active.qos) == one.qos
                && published.sent.is_some_and(|sent| sent > active.since)
        });
        if !seen.insert(one.message) || one.retain || !subscribed {
            continue;
        }
        let line = (published.publisher, published.topic, published.qos, one.qos);
        let before = last.insert(line, one.message);
        assert!(
            before.is_none_or(|before| before < one.message),
            "{}: message {} of {published:?} came after {before:?}",
            client.id,
            one.message
        );
    }
}

/// What is retained is nobody's overtaken value, and every subscription that it matches has it.
fn retained_is_current(world: &World) {
    for (topic, kept) in retained(world) {
        let published = &world.history.published[kept];
        let newer = world.history.published.iter().enumerate().skip(kept + 1).find(|(_, other)| {
            other.publisher == published.publisher
                && other.topic == topic
                && other.qos == published.qos
                && other.retain
                && other.acknowledged
        });
        assert!(newer.is_none(), "{topic} keeps {kept}, and {newer:?} of the same publisher came later");
        if published.qos == QoS::AtMostOnce {
            continue;
        }
        for client in &world.clients {
            let subscribed = client
                .subscriptions
                .iter()
                .any(|(filter, active)| active.qos != QoS::AtMostOnce && covers(filter, &topic));
            let alive = !world.trust.is_revoked(client.number) && World::group_of(client.number).is_none();
            let got = client.received.iter().any(|one| one.message == kept && one.epoch == client.epoch);
            assert!(!alive || !subscribed || got, "{} never got {kept}, which {topic} retains", client.id);
        }
    }
}

/// No two members of a group got the same message; one at QoS 1 that the publisher repeats is a new one to the broker.
fn one_member_each(world: &World, group: &str) {
    let mut holder: BTreeMap<MessageNumber, usize> = BTreeMap::new();
    for client in world.clients.iter().filter(|client| World::group_of(client.number) == Some(group)) {
        let once = |one: &&Received| world.history.published[one.message].qos != QoS::AtLeastOnce;
        for one in client.received.iter().filter(once) {
            let other = holder.insert(one.message, client.number).filter(|other| *other != client.number);
            assert!(
                other.is_none(),
                "{group}: message {} went to {} and to {other:?}",
                one.message,
                client.number
            );
        }
    }
}

pub(crate) fn late_subscriber_gets_what_is_retained(world: &mut World) {
    let number = plain_client(world);
    world.come_to_rest();
    world.subscribe_as(number, "#", QoS::ExactlyOnce);
    world.come_to_rest();
    let got: BTreeMap<String, MessageNumber> = world.clients[number]
        .received
        .iter()
        .filter(|one| one.retain)
        .map(|one| (world.history.published[one.message].topic.to_owned(), one.message))
        .collect();
    assert_eq!(got, retained(world), "a new subscriber gets exactly what is retained");
}

/// Four members on whatever shards their names give them, two publishers: strictly in turn.
pub(crate) fn groups_take_strict_turns(world: &mut World) {
    let members: Vec<usize> = (0..4).map(|_| plain_client(world)).collect();
    world.come_to_rest();
    for member in &members {
        world.subscribe_as(*member, "$share/late/a/x", QoS::AtLeastOnce);
        world.come_to_rest();
    }
    let publishers = [plain_client(world), plain_client(world)];
    world.come_to_rest();
    let mut turns = Vec::new();
    for round in 0..12 {
        let message = world.publish_as(publishers[round % 2], TOPICS[0], QoS::AtLeastOnce, false);
        world.come_to_rest();
        let has = |one: &Received| one.message == message;
        let winners: Vec<usize> = members
            .iter()
            .copied()
            .filter(|member| world.clients[*member].received.iter().any(has))
            .collect();
        assert_eq!(winners.len(), 1, "message {message} of the group went to {winners:?}");
        turns.extend(winners);
    }
    assert_eq!(turns, members.repeat(3), "strict round-robin in order of subscription");
}

/// A late client that is not one of the shared subscribers.
fn plain_client(world: &mut World) -> usize {
    loop {
        let number = world.late_client();
        if World::group_of(number).is_none() {
            return number;
        }
    }
}

fn retained(world: &World) -> BTreeMap<String, MessageNumber> {
    let mut found: Vec<RetainedMessage> = Vec::new();
    world.tables.retained.read("#", &mut found);
    let number = |one: &RetainedMessage| {
        let text = std::str::from_utf8(&one.message.payload).expect("payloads are numbers");
        (one.message.topic.to_string(), text.parse().expect("payloads are numbers"))
    };
    found.iter().map(number).collect()
}

fn covers(filter: &str, topic: &str) -> bool {
    let filter = TopicFilter::parse(filter).expect("a valid filter");
    matches(&filter, &TopicName::parse(topic).expect("a valid topic"))
}
