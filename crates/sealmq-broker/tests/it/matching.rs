//! The indexes against the reference matcher of the codec.

use proptest::prelude::*;
use sealmq_broker::{
    Access, Acl, AclEntry, AclRules, AclUser, Action, FilterTrie, InterestTable, Message, Mono, Now, Retain,
    RetainedTable, Role, ShardId, Subject, Wall,
};
use sealmq_mqtt::{ForwardedProperties, QoS, TopicFilter, TopicName, matches};
use std::{collections::BTreeSet, sync::Arc};

/// Few different levels, so that they meet; the empty one and `$` among them.
fn topic() -> impl Strategy<Value = String> {
    let level = prop_oneof![Just(""), Just("a"), Just("b"), Just("$"), Just("$SYS"), Just("é")];
    let levels = prop::collection::vec(level, 1..5);
    levels.prop_map(|levels| levels.join("/")).prop_filter("topics are not empty", |topic| !topic.is_empty())
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => Just(""), 3 => Just("a"), 3 => Just("b"), 2 => Just("$SYS"), 3 => Just("+")];
    (prop::collection::vec(level, 0..4), prop::bool::ANY).prop_filter_map(
        "filters are not empty",
        |(mut levels, hash)| {
            if hash {
                levels.push("#");
            }
            let filter = levels.join("/");
            (!filter.is_empty()).then_some(filter)
        },
    )
}

fn reference(filter: &str, topic: &str) -> bool {
    matches(&TopicFilter::parse(filter).unwrap(), &TopicName::parse(topic).unwrap())
}

fn message(topic: &str) -> Arc<Message> {
    Arc::new(Message {
        origin: ShardId::new(0).unwrap(),
        sequence: 0,
        topic: topic.into(),
        payload: bytes::Bytes::from_static(b"x"),
        properties: ForwardedProperties::default(),
        qos: QoS::AtMostOnce,
        retain: Retain::Retained,
        received: Now { mono: Mono(0), wall: Wall(0) },
        expiry_secs: None,
        source: None,
    })
}

/// What orders the retained messages that match: for each level, when the first topic came that has it; the parent of a
/// `#` behind all below it.
fn place(topics: &[String], filter: &str, topic: &str) -> Vec<usize> {
    let levels: Vec<&str> = topic.split('/').collect();
    let mut place: Vec<usize> = (1..=levels.len())
        .map(|depth| {
            let front = levels[..depth].join("/");
            let has = |other: &String| *other == front || other.starts_with(&format!("{front}/"));
            topics.iter().position(has).unwrap_or(usize::MAX)
        })
        .collect();
    if filter.ends_with('#') && filter.split('/').count() == levels.len() + 1 {
        place.push(usize::MAX);
    }
    place
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// [MQTT-3.3.2-3] [MQTT311-3.3.2-3]
    #[test]
    fn the_trie_finds_what_the_reference_matches(
        filters in prop::collection::btree_set(filter(), 0..12),
        removed in prop::collection::vec(filter(), 0..6),
        topic in topic(),
    ) {
        let mut trie: FilterTrie<Vec<String>> = FilterTrie::new();
        for filter in &filters {
            trie.update(filter, |held| held.push(filter.clone()));
        }
        for filter in &removed {
            trie.update(filter, Vec::clear);
        }
        let mut found: Vec<&str> = Vec::new();
        trie.matches(&topic, |held| found.extend(held.iter().map(String::as_str)));
        found.sort_unstable();
        let left = filters.iter().filter(|filter| !removed.contains(filter));
        let expected: Vec<&str> = left.map(String::as_str).filter(|filter| reference(filter, &topic)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_trie_that_is_emptied_holds_no_node(filters in prop::collection::vec(filter(), 0..12)) {
        let mut table = InterestTable::default();
        let shard = ShardId::new(3).unwrap();
        filters.iter().for_each(|filter| table.add(filter, shard));
        filters.iter().for_each(|filter| table.remove(filter, shard));
        prop_assert!(table.is_empty());
    }

    #[test]
    fn the_retained_table_finds_what_the_reference_matches_in_order(
        topics in prop::collection::hash_set(topic(), 0..20),
        filter in filter(),
    ) {
        let topics: Vec<String> = topics.into_iter().collect();
        let mut table = RetainedTable::new(usize::MAX, usize::MAX);
        for topic in &topics {
            table.store(&message(topic)).unwrap();
        }
        let mut found = Vec::new();
        table.read(&filter, &mut found);
        let found: Vec<&str> = found.iter().map(|retained| &*retained.message.topic).collect();
        let mut expected: Vec<&str> = topics.iter().map(String::as_str).filter(|topic| reference(&filter, topic)).collect();
        expected.sort_by_key(|topic| place(&topics, &filter, topic));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_retained_table_that_is_emptied_holds_nothing(
        topics in prop::collection::vec(topic(), 0..20),
        cleared in prop::collection::vec(topic(), 0..20),
    ) {
        let mut table = RetainedTable::new(usize::MAX, usize::MAX);
        for topic in &topics {
            table.store(&message(topic)).unwrap();
        }
        for topic in &cleared {
            table.store(&Arc::new(Message { payload: bytes::Bytes::new(), ..Message::clone(&message(topic)) })).unwrap();
        }
        let kept: BTreeSet<&String> = topics.iter().filter(|topic| !cleared.contains(topic)).collect();
        prop_assert_eq!(table.len(), kept.len());
        let mut found = Vec::new();
        table.read("#", &mut found);
        table.read("$SYS/#", &mut found);
        found.iter().for_each(|retained| table.forget(&retained.message.topic, retained.version));
        if !topics.iter().any(|topic| topic.starts_with('$')) {
            prop_assert_eq!((table.len(), table.bytes()), (0, 0));
        }
    }

    #[test]
    fn an_acl_filter_matches_as_the_reference_does(filter in filter(), topic in topic()) {
        let mut rules = AclRules::new();
        rules.add(AclUser::Anonymous, AclEntry::new(Access::Read, &filter).unwrap());
        let subject = Subject { username: None, client_id: "c", role: Role::Ordinary, attributes: None, topics: None };
        let allowed = Acl::Rules(rules).allows(&subject, Action::Read, &topic);
        prop_assert_eq!(allowed, reference(&filter, &topic));
    }

    #[test]
    fn a_pattern_matches_as_its_text_with_the_names_put_in(filter in filter(), topic in topic(), name in "[ab/]{1,3}") {
        let pattern = filter.replace('b', "%u");
        let mut rules = AclRules::new();
        rules.add_pattern(AclEntry::new(Access::Read, &pattern).unwrap());
        let subject = Subject { username: Some(&name), client_id: "c", role: Role::Ordinary, attributes: None, topics: None };
        let allowed = Acl::Rules(rules).allows(&subject, Action::Read, &topic);
        prop_assert_eq!(allowed, reference(&pattern.replace("%u", &name), &topic));
    }
}
