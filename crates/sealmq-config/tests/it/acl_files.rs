//! ACL files: every line is a rule or the file is refused.

use sealmq_broker::{Acl, Action, Role, Subject};
use sealmq_config::acl_file::{AclFile, AclWhom, parse_file};
use sealmq_config::{FileParsed, SourceFile};

fn read(text: &str) -> FileParsed<AclFile> {
    parse_file(&SourceFile { path: "acl".into(), bytes: text.into() })
}

fn error(text: &str) -> String {
    let parsed = read(text);
    assert!(parsed.value.is_none());
    parsed.diagnostics.iter().find(|finding| finding.is_error()).unwrap().to_string()
}

#[test]
fn rules_are_for_those_above_whom_they_stand() {
    let file = read(
        "# all\ntopic read $SYS/#\n\nuser alice\ntopic a/b\ntopic deny a/secret \t\nuser bob smith\n  topic write  with blank/#\r\npattern readwrite devices/%u/#\n",
    );
    assert_eq!(file.diagnostics, []);
    let lines = file.value.unwrap().lines;
    let rules: Vec<_> = lines
        .into_iter()
        .map(|line| (line.at.line, line.whom, format!("{:?} {}", line.access, line.filter)))
        .collect();
    let user = |name: &str| AclWhom::User(name.into());
    assert_eq!(
        rules,
        [
            (2, AclWhom::Anonymous, "Read $SYS/#".to_owned()),
            (5, user("alice"), "ReadWrite a/b".to_owned()),
            (6, user("alice"), "Deny a/secret".to_owned()),
            (8, user("bob smith"), "Write with blank/#".to_owned()),
            (9, AclWhom::Everyone, "ReadWrite devices/%u/#".to_owned()),
        ]
    );
}

#[test]
fn the_core_gets_each_rule_for_whom_it_is() {
    let file = read(
        "topic read open\nuser alice\ntopic write a/#\ntopic deny a/secret\npattern read devices/%u/#\n",
    );
    let acl = Acl::Rules(file.value.unwrap().rules());
    let allows = |username, action, topic| {
        acl.allows(
            &Subject { username, client_id: "c", role: Role::Ordinary, attributes: None, topics: None },
            action,
            topic,
        )
    };
    assert!(allows(None, Action::Read, "open") && !allows(Some("alice"), Action::Read, "open"));
    assert!(allows(Some("alice"), Action::Write, "a/x") && !allows(Some("bob"), Action::Write, "a/x"));
    assert!(!allows(Some("alice"), Action::Write, "a/secret") && !allows(Some("alice"), Action::Read, "a/x"));
    assert!(
        allows(Some("bob"), Action::Read, "devices/bob/x")
            && !allows(Some("bob"), Action::Read, "devices/alice/x")
    );
}

#[test]
fn an_empty_file_is_a_valid_one() {
    assert_eq!(read("\n# nothing\n").value.unwrap(), AclFile::default());
}

#[test]
fn a_line_that_is_no_rule_makes_the_file_unusable() {
    for (text, expected) in [
        ("user\n", "Error: Missing username in acl_file \"acl\".\nError found at acl:1."),
        ("topic\n", "Error: Empty topic in acl_file \"acl\".\nError found at acl:1."),
        (
            "user a\ntopic rw a/b\n",
            "Error: Invalid topic access type \"rw\" in acl_file \"acl\".\nError found at acl:2.",
        ),
        (
            "topic read a/#/b\n",
            "Error: Invalid ACL topic \"a/#/b\" in acl_file \"acl\".\nError found at acl:1.",
        ),
        ("topic deny a+\n", "Error: Invalid ACL topic \"a+\" in acl_file \"acl\".\nError found at acl:1."),
        ("allow a\n", "Error: Invalid line in acl_file \"acl\": allow.\nError found at acl:1."),
        ("user\tbob\n", "Error: Invalid line in acl_file \"acl\": user\tbob.\nError found at acl:1."),
        ("topic read a\u{1}\n", "Error: Malformed UTF-8 in acl_file \"acl\".\nError found at acl:1."),
    ] {
        let found = error(text);
        assert!(found.starts_with(expected) && found.contains("\nhint: "), "{found}");
    }
}

#[test]
fn what_is_legal_and_likely_not_meant_is_pointed_out() {
    let text =
        |file: &str| read(file).diagnostics.into_iter().map(|finding| finding.text).collect::<Vec<_>>();
    assert_eq!(text("pattern read a/b\n"), ["Warning: ACL pattern 'a/b' does not contain '%c' or '%u'."]);
    assert_eq!(
        text("topic read a/%u\n"),
        ["Warning: '%u', '%c' and '%{' in \"a/%u\" are taken literally: this is a topic line."]
    );
    assert_eq!(read("pattern read by/%{ou}/#\n").diagnostics, []);
    assert!(error("topic read a/b # c\n").contains("a comment needs a line of its own"));
    assert!(read("pattern read a/b\n").value.is_some());
}

#[test]
fn a_pattern_may_name_fields_of_the_certificate_that_there_are() {
    assert!(read("pattern readwrite by/%{ou}/%{cn}/#\n").value.is_some());
    let found = error("pattern read by/%{org}/#\n");
    assert!(
        found.contains("`%{org}`") && found.contains("%{ou}") && found.contains("%{fingerprint}"),
        "{found}"
    );
}
