//! What is a topic name, what a topic filter: each refusal beside its accepting twin.

use sealmq_mqtt::{TopicError, TopicFilter, TopicName};

#[test]
fn a_topic_name_follows_the_rules() {
    let long = "a".repeat(65_536);
    let rows: &[(&str, &str, &str, TopicError)] = &[
        ("[MQTT-4.7.3-1] [MQTT311-4.7.3-1]", "/", "", TopicError::Empty),
        (
            "[MQTT-4.7.3-2] [MQTT311-4.7.3-2]",
            "a b",
            "a\0b",
            TopicError::ForbiddenCharacter { character: '\0' },
        ),
        ("MQTT §1.5.4", "a\u{a0}b", "a\u{85}b", TopicError::ForbiddenCharacter { character: '\u{85}' }),
        ("MQTT §1.5.4", "\u{fffd}", "\u{ffff}", TopicError::ForbiddenCharacter { character: '\u{ffff}' }),
        ("MQTT §1.5.4", "\u{10000}", "\u{1fffe}", TopicError::ForbiddenCharacter { character: '\u{1fffe}' }),
        ("MQTT §1.5.4", "\u{fdcf}", "\u{fdd0}", TopicError::ForbiddenCharacter { character: '\u{fdd0}' }),
        ("MQTT §1.5.4", "~", "\u{7f}", TopicError::ForbiddenCharacter { character: '\u{7f}' }),
        ("[MQTT-4.7.3-3] [MQTT311-4.7.3-3]", &long[1..], &long, TopicError::TooLong { bytes: 65_536 }),
        ("[MQTT-3.3.2-2] [MQTT311-3.3.2-2]", "a/b", "a/+", TopicError::WildcardInName { wildcard: '+' }),
        ("[MQTT-4.7.0-1] [MQTT311-4.7.1-1]", "a/b", "a#", TopicError::WildcardInName { wildcard: '#' }),
    ];
    for (cite, accepted, refused, error) in rows {
        assert_eq!(TopicName::parse(accepted).map(TopicName::as_str), Ok(*accepted), "{cite}");
        assert_eq!(TopicName::parse(refused), Err(*error), "{cite}");
    }
}

#[test]
fn a_byte_order_mark_is_a_character_like_others() {
    // [MQTT-1.5.4-3] [MQTT311-1.5.3-3]
    assert_eq!(TopicName::parse("\u{feff}a").unwrap().as_str(), "\u{feff}a");
}

#[test]
fn a_topic_filter_follows_the_rules() {
    use TopicError::{MisplacedMultiLevel, MisplacedSingleLevel, Share};
    let rows: &[(&str, &str, &str, TopicError)] = &[
        ("[MQTT-4.7.3-1]", "+", "", TopicError::Empty),
        ("[MQTT-4.7.1-1] [MQTT311-4.7.1-2]", "sport/tennis/#", "sport/tennis#", MisplacedMultiLevel),
        ("[MQTT-4.7.1-1] [MQTT311-4.7.1-2]", "sport/#", "sport/#/ranking", MisplacedMultiLevel),
        ("[MQTT-4.7.1-1]", "#", "#/", MisplacedMultiLevel),
        ("[MQTT-4.7.1-2] [MQTT311-4.7.1-3]", "sport/+", "sport+", MisplacedSingleLevel),
        ("[MQTT-4.7.1-2] [MQTT311-4.7.1-3]", "+/tennis/#", "+tennis/#", MisplacedSingleLevel),
        ("[MQTT-4.7.1-2]", "+/+", "++", MisplacedSingleLevel),
        ("[MQTT-4.8.2-1]", "$share/g/t", "$share//t", Share),
        ("[MQTT-4.8.2-2]", "$share/g/t", "$share/g", Share),
        ("[MQTT-4.8.2-2]", "$share/g//", "$share/g/", Share),
        ("[MQTT-4.8.2-2]", "$share/g/+", "$share/+/t", Share),
        ("[MQTT-4.8.2-2]", "$share/g/#", "$share/g#/t", MisplacedMultiLevel),
        ("[MQTT-4.8.2-2]", "$shared", "$share", Share),
        ("[MQTT-4.8.2-2]", "$share/g/t/#", "$share/g/t#", MisplacedMultiLevel),
        ("a group in a group", "$share/g/$SYS/#", "$share/g/$share/h/t", Share),
    ];
    for (cite, accepted, refused, error) in rows {
        assert_eq!(TopicFilter::parse(accepted).map(TopicFilter::as_str), Ok(*accepted), "{cite}");
        assert_eq!(TopicFilter::parse(refused), Err(*error), "{cite}: {refused}");
    }
}

#[test]
fn a_shared_filter_comes_apart_into_group_and_filter() {
    let share = TopicFilter::parse("$share/group/a/+/#").unwrap().share().unwrap();
    assert_eq!((share.group, share.filter.as_str()), ("group", "a/+/#"));
    assert_eq!(TopicFilter::parse("$shared").unwrap().share(), None);
    assert_eq!(TopicFilter::parse("$shared/a/b").unwrap().share(), None);
    assert_eq!(TopicFilter::parse("a/b").unwrap().unshared().as_str(), "a/b");
}

#[test]
fn levels_are_counted_with_the_empty_ones() {
    // [MQTT-4.7.3-4]
    let name = TopicName::parse("/a//b/").unwrap();
    assert_eq!(name.levels().collect::<Vec<_>>(), ["", "a", "", "b", ""]);
    assert_eq!(name.separators(), 4);
}
