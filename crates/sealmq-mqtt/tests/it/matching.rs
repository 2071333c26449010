//! The matcher against one that is too simple to be wrong, and against mosquitto's tables.

use crate::generators::{filter, topic};
use proptest::prelude::*;
use sealmq_mqtt::{TopicFilter, TopicName, matches};

/// By recursion over whole lists of levels, straight from MQTT §4.7.
fn naive(filter: &[&str], topic: &[&str]) -> bool {
    match (filter, topic) {
        (["#"], _) => true,
        ([], []) => true,
        (["+", filter @ ..], [_, topic @ ..]) => naive(filter, topic),
        ([wanted, filter @ ..], [given, topic @ ..]) => wanted == given && naive(filter, topic),
        _ => false,
    }
}

fn naive_with_dollar(filter: &str, topic: &str) -> bool {
    let wild = filter.starts_with('+') || filter.starts_with('#');
    let (filter, levels): (Vec<_>, Vec<_>) = (filter.split('/').collect(), topic.split('/').collect());
    !(wild && topic.starts_with('$')) && naive(&filter, &levels)
}

fn does_match(filter: &str, topic: &str) -> bool {
    matches(&TopicFilter::parse(filter).unwrap(), &TopicName::parse(topic).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5000))]

    /// [MQTT311-4.7.3-4]
    #[test]
    fn it_agrees_with_a_naive_matcher(filter in filter(), topic in topic()) {
        let parsed = TopicFilter::parse(&filter).unwrap();
        let plain = parsed.unshared();
        prop_assert_eq!(does_match(&filter, &topic), naive_with_dollar(plain.as_str(), &topic));
    }

    #[test]
    fn a_topic_matches_itself_and_hash_its_parents(topic in topic()) {
        prop_assert!(does_match(&topic, &topic));
        let children = topic.clone() + "/#";
        prop_assert!(does_match(&children, &topic));
    }
}

#[test]
fn the_standards_examples_and_mosquittos_table_hold() {
    // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT311-4.7.1-2] [MQTT311-4.7.1-3] [MQTT311-4.7.2-1]
    let rows = [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        ("sport/#", "sport", true),
        ("#", "a", true),
        ("#", "/", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("#", "$SYS/broker", false),
        ("+/broker", "$SYS/broker", false),
        ("+/monitor/Clients", "$SYS/monitor/Clients", false),
        ("$SYS/#", "$SYS/broker/uptime", true),
        ("$SYS/#", "$SYS", true),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
        ("$share/g/#", "$SYS/broker", false),
        ("$share/g/$SYS/#", "$SYS/broker", true),
        ("$share/g/a/+", "a/b", true),
        ("foo/+/baz", "foo/bar/baz", true),
        ("foo/+/baz", "foo/bar/bar", false),
        ("foo/+/#", "foo/bar/baz", true),
        ("foo/+/#", "foo/", true),
        ("foo/+/#", "foo", false),
        ("/#", "/foo", true),
        ("/#", "foo", false),
        ("+foo", "+foo", false),
        ("ACCOUNTS", "Accounts", false),
        ("a//b", "a//b", true),
        ("a/+/b", "a//b", true),
    ];
    for (filter, topic, expected) in rows {
        let found = match (TopicFilter::parse(filter), TopicName::parse(topic)) {
            (Ok(filter), Ok(topic)) => matches(&filter, &topic),
            _ => false,
        };
        assert_eq!(found, expected, "{filter} against {topic}");
    }
}
