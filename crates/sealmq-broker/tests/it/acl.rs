//! The access control list, alone and in the broker.

use crate::harness::{Net, What, dial};
use sealmq_broker::{
    Access, Acl, AclEntry, AclRules, AclUser, Action, DollarTopics, ListenerId, Policy, Role, Subject,
};
use sealmq_mqtt::{QoS, Version};
use std::sync::Arc;

fn entry(access: Access, filter: &str) -> AclEntry {
    AclEntry::new(access, filter).unwrap()
}

fn who<'a>(username: Option<&'a str>, client_id: &'a str) -> Subject<'a> {
    Subject { username, client_id, role: Role::Ordinary, attributes: None, topics: None }
}

/// mosquitto's example, more or less.
fn example() -> Acl {
    let mut rules = AclRules::new();
    rules.add(AclUser::Anonymous, entry(Access::Read, "public/#"));
    rules.add(AclUser::Named("roger"), entry(Access::ReadWrite, "foo/#"));
    rules.add(AclUser::Named("roger"), entry(Access::Write, "$own/#"));
    rules.add(AclUser::Named("roger"), entry(Access::Deny, "foo/secret"));
    rules.add_pattern(entry(Access::Write, "up/%u/%c/#"));
    rules.add_pattern(entry(Access::Read, "by-id/%c"));
    Acl::Rules(rules)
}

#[test]
fn no_file_allows_everything_and_an_empty_one_nothing() {
    assert!(Acl::Unrestricted.allows(&who(None, "c"), Action::Write, "t"));
    assert!(!Acl::Rules(AclRules::new()).allows(&who(None, "c"), Action::Read, "t"));
}

#[test]
fn entries_are_for_their_user_and_their_action() {
    let acl = example();
    for (subject, action, topic, expected) in [
        (who(Some("roger"), "c"), Action::Read, "foo/bar", true),
        (who(Some("roger"), "c"), Action::Write, "foo", true),
        (who(Some("roger"), "c"), Action::Write, "food", false),
        (who(Some("roger"), "c"), Action::Write, "$own/x", true),
        (who(Some("roger"), "c"), Action::Read, "$own/x", false),
        (who(Some("alice"), "c"), Action::Read, "foo/bar", false),
        (who(None, "c"), Action::Read, "public", true),
        (who(None, "c"), Action::Write, "public/x", false),
        (who(Some("roger"), "c"), Action::Read, "public/x", false),
    ] {
        assert_eq!(acl.allows(&subject, action, topic), expected, "{subject:?} {action} {topic}");
    }
}

#[test]
fn deny_counts_before_what_stands_above_it() {
    let acl = example();
    assert!(!acl.allows(&who(Some("roger"), "c"), Action::Read, "foo/secret"));
    assert!(acl.allows(&who(Some("roger"), "c"), Action::Read, "foo/secrets"));
}

#[test]
fn patterns_put_in_user_name_and_client_id() {
    let acl = example();
    for (subject, action, topic, expected) in [
        (who(Some("u"), "c"), Action::Write, "up/u/c/x", true),
        (who(Some("u"), "c"), Action::Write, "up/u/c", true),
        (who(Some("u"), "c"), Action::Write, "up/u/d/x", false),
        (who(Some("u"), "c"), Action::Write, "up/uu/c/x", false),
        (who(None, "c"), Action::Write, "up//c/x", false),
        (who(None, "c"), Action::Read, "by-id/c", true),
        (who(None, "c"), Action::Read, "by-id/%c", false),
        (who(Some("a/b"), "c"), Action::Write, "up/a/b/c/x", true),
    ] {
        assert_eq!(acl.allows(&subject, action, topic), expected, "{subject:?} {action} {topic}");
    }
}

#[test]
fn names_with_wildcards_are_denied_where_patterns_count() {
    let acl = example();
    for subject in [who(Some("+"), "c"), who(Some("u"), "#"), who(Some("u"), "+")] {
        for topic in ["up/u/c/x", "up/+/c/x", "by-id/c", "by-id/#", "by-id/+"] {
            assert!(
                !acl.allows(&subject, Action::Read, topic) && !acl.allows(&subject, Action::Write, topic)
            );
        }
    }
    assert!(acl.allows(&who(Some("u"), "c"), Action::Read, "by-id/c"));
}

#[test]
fn dollar_topics_need_an_entry_that_starts_with_a_dollar() {
    let mut rules = AclRules::new();
    rules.add(AclUser::Anonymous, entry(Access::ReadWrite, "#"));
    rules.add_pattern(entry(Access::ReadWrite, "+/%c"));
    let acl = Acl::Rules(rules.clone());
    assert!(!acl.allows(&who(None, "x"), Action::Read, "$SYS/x"));
    rules.add_pattern(entry(Access::Read, "$SYS/#"));
    assert!(Acl::Rules(rules).allows(&who(None, "x"), Action::Read, "$SYS/x"));
}

#[test]
fn nobody_publishes_to_sys_but_bridges_their_state() {
    let subject = who(Some("u"), "c");
    let mosquitto = Policy::default();
    let ours = Policy { dollar: DollarTopics::Operator, ..Policy::default() };
    let allows = |policy: &Policy, subject: &Subject<'_>, action, topic| {
        policy.allows(ListenerId::default(), subject, action, topic)
    };
    let operator = Subject { role: Role::Operator, ..subject };
    for (topic, action, under_mosquitto, to_everyone, to_operator) in [
        ("$SYS/broker/version", Action::Write, false, false, false),
        ("$SYS", Action::Write, false, false, false),
        ("$SYS/broker/connection/b/state", Action::Write, true, false, false),
        ("$SYS/broker/connection/b/c/state", Action::Write, false, false, false),
        ("$SYS/broker/connection//state", Action::Write, false, false, false),
        ("$SYS/broker/version", Action::Read, true, false, true),
        ("$CONTROL/x", Action::Write, true, false, true),
        ("$CONTROL", Action::Read, true, false, true),
        ("$SYSTEM/x", Action::Write, true, true, true),
        ("$share/g/t", Action::Write, false, false, false),
        ("t", Action::Write, true, true, true),
    ] {
        assert_eq!(
            allows(&mosquitto, &subject, action, topic),
            under_mosquitto,
            "mosquitto {topic} {action}"
        );
        assert_eq!(allows(&ours, &subject, action, topic), to_everyone, "ours {topic} {action}");
        assert_eq!(allows(&ours, &operator, action, topic), to_operator, "operator {topic} {action}");
    }
}

#[test]
fn what_is_the_operators_needs_no_line_in_the_list_and_nothing_else_is_given_by_the_role() {
    let empty = Arc::new(Acl::Rules(AclRules::new()));
    let ours = Policy { acl: empty, dollar: DollarTopics::Operator, ..Policy::default() };
    let device = who(Some("u"), "c");
    let operator = Subject { role: Role::Operator, ..device };
    let allows =
        |subject: &Subject<'_>, action, topic| ours.allows(ListenerId::default(), subject, action, topic);
    for (topic, action) in [("$SYS/broker/version", Action::Read), ("$CONTROL/x", Action::Write)] {
        assert!(allows(&operator, action, topic), "{topic}");
        assert!(!allows(&device, action, topic), "{topic}");
    }
    for (topic, action) in [("$SYS/x", Action::Write), ("$other/x", Action::Read), ("t", Action::Read)] {
        assert!(!allows(&operator, action, topic), "{topic}");
    }
}

/// [MQTT-4.3.3-9] [MQTT311-3.3.5-2]
#[test]
fn a_denied_publish_is_acknowledged_in_3_1_1_and_told_in_5_0() {
    let policy = Policy { acl: Arc::new(example()), ..Policy::default() };
    let mut net = Net::with(sealmq_broker::Limits::default(), policy, 1);
    let reader = net.connect(dial(Version::V5, "reader").user("roger"));
    net.sub(reader, "foo/#", QoS::AtMostOnce);
    let (five, three) = (net.v5("five"), net.v3("three"));
    net.put(five, "foo/x", "no", QoS::AtLeastOnce, 1);
    assert_eq!(net.take(five), What::PubAck(1, 0x87));
    net.put(five, "foo/x", "no", QoS::ExactlyOnce, 2);
    assert_eq!(net.take(five), What::PubRec(2, 0x87));
    net.put(three, "foo/x", "no", QoS::AtLeastOnce, 1);
    assert_eq!(net.take_got(three).bytes, [0x40, 2, 0, 1]);
    net.put(three, "foo/x", "no", QoS::ExactlyOnce, 2);
    net.pubrel(three, 2);
    assert_eq!(net.all(three), [What::PubRec(2, 0), What::PubComp(2, 0)]);
    net.say(three, "foo/x", "no");
    assert!(net.is_quiet(reader));
    net.say(reader, "foo/x", "yes");
    assert_eq!(net.payloads(reader), ["yes"]);
}

#[test]
fn a_denied_topic_is_granted_and_its_messages_are_kept_back() {
    let policy = Policy { acl: Arc::new(example()), ..Policy::default() };
    let mut net = Net::with(sealmq_broker::Limits::default(), policy, 1);
    let roger = net.connect(dial(Version::V5, "roger").user("roger"));
    let anonymous = net.v5("anonymous");
    net.retain(roger, "foo/x", "kept");
    net.sub(anonymous, "#", QoS::AtMostOnce);
    net.say(roger, "foo/x", "live");
    assert!(net.is_quiet(anonymous));
    net.sub(roger, "#", QoS::AtMostOnce);
    assert_eq!(net.payloads(roger), ["kept"]);
}

#[test]
fn a_listener_can_have_a_list_of_its_own() {
    let listener_acls = [(ListenerId(7), Arc::new(Acl::Rules(AclRules::new())))].into();
    let policy = Policy { listener_acls, ..Policy::default() };
    assert!(policy.allows(ListenerId(1), &who(None, "c"), Action::Read, "t"));
    assert!(!policy.allows(ListenerId(7), &who(None, "c"), Action::Read, "t"));
}

#[test]
fn what_waits_is_not_given_to_who_may_read_it_no_more() {
    for (later, expected) in [(Acl::Rules(AclRules::new()), 0), (Acl::Unrestricted, 1)] {
        let mut net = Net::new();
        let reader = net.connect(dial(Version::V311, "reader").resume());
        net.sub(reader, "t", QoS::AtLeastOnce);
        net.drop_conn(reader);
        let publisher = net.v5("p");
        net.put(publisher, "t", "x", QoS::AtLeastOnce, 1);
        let policy = Policy { acl: Arc::new(later), ..Policy::default() };
        net.input(0, sealmq_broker::Input::Policy(Arc::new(policy)));
        let reader = net.connect(dial(Version::V311, "reader").resume());
        assert_eq!(net.payloads(reader).len(), expected);
    }
}
