//! Topic aliases in both directions.

use crate::harness::{Client, Net, Pub, What, dial};
use sealmq_mqtt::{Property, QoS, Version};
use std::num::NonZeroU16;

fn publish(net: &mut Net, client: Client, topic: &str, alias: u16) {
    let properties = [Property::TopicAlias(NonZeroU16::new(alias).unwrap())];
    net.publish(client, Pub { topic, payload: b"x", properties: &properties, ..Pub::default() });
}

#[test]
fn a_clients_alias_stands_for_its_topic_until_it_is_set_anew() {
    // [MQTT-3.3.2-12] MQTT §3.3.2.3.4
    let mut net = Net::new();
    let (client, subscriber) = (net.v5("c"), net.v3("s"));
    net.sub(subscriber, "#", QoS::AtMostOnce);
    for (topic, alias) in [("a", 10), ("", 10), ("b", 10), ("", 10)] {
        publish(&mut net, client, topic, alias);
    }
    let topics: Vec<String> = (0..4).map(|_| net.msg(subscriber).topic).collect();
    assert_eq!(topics, ["a", "a", "b", "b"]);
}

#[test]
fn an_alias_above_the_maximum_or_never_set_ends_the_connection() {
    // [MQTT-3.3.2-9]
    let mut net = Net::new();
    let high = net.v5("high");
    publish(&mut net, high, "a", 11);
    assert_eq!(net.take(high), What::Disconnect(0x94));
    let unset = net.v5("unset");
    publish(&mut net, unset, "", 3);
    assert_eq!(net.take(unset), What::Disconnect(0x82));
}

/// [MQTT-3.3.2-7]
#[test]
fn an_alias_ends_with_its_connection() {
    // MQTT §3.3.2.3.4
    let mut net = Net::new();
    let client = net.connect(dial(Version::V5, "c").lasting());
    publish(&mut net, client, "a", 1);
    net.drop_conn(client);
    let client = net.connect(dial(Version::V5, "c").lasting());
    publish(&mut net, client, "", 1);
    assert_eq!(net.take(client), What::Disconnect(0x82));
}

#[test]
fn the_first_topics_towards_a_client_that_allows_it_get_aliases() {
    // [MQTT-3.1.2-26]
    let mut net = Net::new();
    let subscriber = net.connect(dial(Version::V5, "s").with(Property::TopicAliasMaximum(2)));
    net.sub(subscriber, "#", QoS::AtMostOnce);
    let publisher = net.v3("p");
    for topic in ["a", "b", "c", "a", "c"] {
        net.say(publisher, topic, "x");
    }
    let seen: Vec<_> = (0..5).map(|_| net.msg(subscriber)).map(|msg| (msg.topic, msg.alias)).collect();
    let expected = [("a", Some(1)), ("b", Some(2)), ("c", None), ("", Some(1)), ("c", None)];
    assert_eq!(seen, expected.map(|(topic, alias)| (topic.to_owned(), alias)));
}

/// [MQTT-3.3.2-11]
#[test]
fn a_client_that_does_not_allow_aliases_gets_none() {
    // [MQTT-3.1.2-27]
    let mut net = Net::new();
    let client = net.v5("c");
    net.sub(client, "a", QoS::AtMostOnce);
    net.say(client, "a", "x");
    assert_eq!(net.msg(client).alias, None);
}

#[test]
fn max_topic_alias_broker_bounds_what_we_set() {
    let mut net = Net::new();
    let asked = dial(Version::V5, "s").with(Property::TopicAliasMaximum(9));
    let subscriber = net.connect(asked.rules(|rules| rules.topic_alias_broker_max = 1));
    net.sub(subscriber, "#", QoS::AtMostOnce);
    net.say(subscriber, "a", "x");
    net.say(subscriber, "b", "x");
    assert_eq!((net.msg(subscriber).alias, net.msg(subscriber).alias), (Some(1), None));
}
