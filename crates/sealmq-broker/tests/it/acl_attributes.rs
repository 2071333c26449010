//! Patterns that go by fields of the client's certificate.

use sealmq_broker::{
    Access, Acl, AclEntry, AclError, AclRules, AclUser, Action, Attribute, Attributes, Role, Subject,
};

fn pattern(access: Access, filter: &str) -> AclEntry {
    AclEntry::pattern(access, filter).unwrap()
}

fn list(patterns: &[(Access, &str)]) -> Acl {
    let mut rules = AclRules::new();
    for (access, filter) in patterns {
        rules.add_pattern(pattern(*access, filter));
    }
    Acl::Rules(rules)
}

fn fields(fields: &[(Attribute, &str)]) -> Attributes {
    let mut attributes = Attributes::default();
    fields.iter().for_each(|(attribute, text)| attributes.add(*attribute, text));
    attributes
}

fn allows(acl: &Acl, attributes: Option<&Attributes>, topic: &str) -> bool {
    let subject =
        Subject { username: Some("u"), client_id: "c", role: Role::Ordinary, attributes, topics: None };
    acl.allows(&subject, Action::Write, topic)
}

#[test]
fn a_pattern_puts_in_every_field_by_its_name() {
    for attribute in Attribute::ALL {
        let acl = list(&[(Access::ReadWrite, &format!("by/%{{{}}}/#", attribute.name()))]);
        let has = fields(&[(attribute, "plant1")]);
        assert!(allows(&acl, Some(&has), "by/plant1/x"), "{attribute:?}");
        assert!(!allows(&acl, Some(&has), "by/plant2/x"), "{attribute:?}");
        assert!(!allows(&acl, Some(&has), &format!("by/%{{{}}}/x", attribute.name())));
        assert_eq!(Attribute::parse(attribute.name()), Some(attribute));
    }
    let acl = list(&[(Access::Write, "%{ou}/%u/%{cn}")]);
    let both = fields(&[(Attribute::OrganizationalUnit, "pumps"), (Attribute::CommonName, "p7")]);
    assert!(allows(&acl, Some(&both), "pumps/u/p7") && !allows(&acl, Some(&both), "pumps/u/u"));
}

#[test]
fn who_lacks_a_field_gets_nothing_by_it() {
    let acl = list(&[(Access::ReadWrite, "by/%{ou}/#")]);
    let with = fields(&[(Attribute::OrganizationalUnit, "a")]);
    let without = fields(&[(Attribute::CommonName, "a")]);
    assert!(allows(&acl, Some(&with), "by/a/x"));
    for topic in ["by/a/x", "by//x", "by/%{ou}/x", "by/x"] {
        assert!(!allows(&acl, Some(&without), topic), "{topic}");
        assert!(!allows(&acl, None, topic), "{topic}");
    }
}

#[test]
fn a_field_that_would_widen_a_filter_is_put_into_none() {
    let acl = list(&[(Access::ReadWrite, "by/%{cn}/#")]);
    for text in ["+", "#", "a/b", "a+", "", "a\u{0}"] {
        let wide = fields(&[(Attribute::CommonName, text)]);
        for topic in ["by/a/x", "by/a/b/x", "by/+/x", "by//x"] {
            assert!(!allows(&acl, Some(&wide), topic), "{text:?} {topic}");
        }
    }
    let plain = fields(&[(Attribute::CommonName, "a")]);
    assert!(allows(&acl, Some(&plain), "by/a/x"));
}

#[test]
fn what_a_deny_line_cannot_be_put_into_is_denied_whole() {
    let acl =
        list(&[(Access::Deny, "secret/%{ou}/#"), (Access::ReadWrite, "+/%u/#"), (Access::ReadWrite, "t")]);
    let mut several = Attributes::default();
    several.add_unusable(Attribute::OrganizationalUnit);
    for topic in ["secret/u/x", "t", "a/u/b"] {
        assert!(!allows(&acl, Some(&several), topic), "{topic}");
    }
    // Its twins: a field that is there denies its own topics, one that is absent denies none.
    let one = fields(&[(Attribute::OrganizationalUnit, "u")]);
    assert!(!allows(&acl, Some(&one), "secret/u/x") && allows(&acl, Some(&one), "t"));
    assert!(allows(&acl, None, "secret/u/x") && allows(&acl, None, "t"));
}

#[test]
fn a_topic_line_takes_it_literally() {
    let mut rules = AclRules::new();
    rules.add(AclUser::Named("u"), AclEntry::new(Access::Write, "by/%{cn}").unwrap());
    let acl = Acl::Rules(rules);
    let has = fields(&[(Attribute::CommonName, "a")]);
    assert!(allows(&acl, Some(&has), "by/%{cn}") && !allows(&acl, Some(&has), "by/a"));
    assert!(!acl.names_attributes() && list(&[(Access::Read, "%{cn}")]).names_attributes());
}

#[test]
fn a_field_that_there_is_not_makes_no_pattern() {
    for filter in ["by/%{uid}/#", "by/%{}", "by/%{cn", "by/%{CN}"] {
        let error = AclEntry::pattern(Access::Deny, filter).unwrap_err();
        assert!(matches!(error, AclError::Attribute { .. }), "{filter}: {error}");
    }
    assert!(AclEntry::pattern(Access::Deny, "by/%{cn}/%{fingerprint}").is_ok());
}
