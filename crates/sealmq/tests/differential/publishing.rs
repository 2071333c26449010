//! PUBLISH: topics, aliases, retained messages, what is refused, what the access list denies.

use super::stage::Scenario;
use super::wire::{hex, publish, publish5, subscribe, subscribe5, v4, v5};
use super::{OPEN, compare};

/// For clients without a user name.
pub(super) const ACL: &str = "topic readwrite ok/#\ntopic read in/#\ntopic write out/#\n";

#[test]
fn a_publish_is_answered_and_delivered_the_same() {
    compare(
        OPEN,
        &[
            Scenario {
                name: "qos 0 1 2 without subscriber 5.0",
                run: |s| {
                    s.ask("a", v5("g1"));
                    s.ask("a", publish5(0x30, "g1/t", 0, "", "x"));
                    s.ask("a", publish5(0x32, "g1/t", 1, "", "x"));
                    s.ask("a", publish5(0x34, "g1/t", 2, "", "x"));
                    s.ask("a", hex("62020002"));
                },
            },
            Scenario {
                name: "qos 0 1 2 without subscriber 3.1.1",
                run: |s| {
                    s.ask("a", v4("g2"));
                    s.ask("a", publish(0x30, "g2/t", 0, "x"));
                    s.ask("a", publish(0x32, "g2/t", 1, "x"));
                    s.ask("a", publish(0x34, "g2/t", 2, "x"));
                    s.ask("a", hex("62020002"));
                },
            },
            Scenario {
                name: "own message before the acknowledgement",
                run: |s| {
                    s.ask("a", v5("g3"));
                    s.ask("a", subscribe5(1, "", &[("g3/t", 2)]));
                    s.ask("a", publish5(0x32, "g3/t", 1, "", "x"));
                    s.ask("a", publish5(0x34, "g3/t", 2, "", "y"));
                    s.ask("a", hex("62020002"));
                },
            },
            Scenario {
                name: "properties pass",
                run: |s| {
                    s.ask("a", v5("g4"));
                    s.ask("a", subscribe5(1, "0b07", &[("g4/t", 0)]));
                    s.ask(
                        "a",
                        publish5(
                            0x30,
                            "g4/t",
                            0,
                            "0101 0300016a 08000172 0900026364 260001610001 62 26000161000163",
                            "x",
                        ),
                    );
                    s.ask("b", v4("g4b"));
                    s.ask("b", subscribe(1, &[("g4/t", 0)]));
                    s.ask("a", publish5(0x30, "g4/t", 0, "0200000064 260001610001 62", "x"));
                    s.listen("b");
                },
            },
            Scenario {
                name: "topic alias",
                run: |s| {
                    s.ask("a", v5("g5"));
                    s.ask("a", subscribe5(1, "", &[("g5/t", 0)]));
                    s.ask("a", publish5(0x30, "g5/t", 0, "230001", "x"));
                    s.ask("a", publish5(0x30, "", 0, "230001", "y"));
                    s.ask("a", publish5(0x30, "g5/u", 0, "230001", "x"));
                    s.ask("a", publish5(0x30, "", 0, "230001", "not there"));
                    s.ask("a", publish5(0x30, "", 0, "230002", "x"));
                },
            },
            Scenario {
                name: "topic alias 0",
                run: |s| {
                    s.ask("a", v5("g6"));
                    s.ask("a", publish5(0x30, "g6/t", 0, "230000", "x"));
                },
            },
            Scenario {
                name: "topic alias above maximum",
                run: |s| {
                    s.ask("a", v5("g7"));
                    s.ask("a", publish5(0x30, "g7/t", 0, "23000b", "x"));
                },
            },
            Scenario {
                name: "empty topic",
                run: |s| {
                    s.ask("a", v5("g8"));
                    s.ask("a", publish5(0x30, "", 0, "", "x"));
                    s.ask("b", v4("g8b"));
                    s.ask("b", publish(0x30, "", 0, "x"));
                },
            },
            Scenario {
                name: "wildcard in topic",
                run: |s| {
                    s.ask("a", v5("g9"));
                    s.ask("a", publish5(0x32, "g9/#", 1, "", "x"));
                    s.ask("b", v4("g9b"));
                    s.ask("b", publish(0x32, "g9/+", 1, "x"));
                },
            },
            Scenario {
                name: "topic characters",
                run: |s| {
                    for (id, topic) in [
                        ("h1", "a\u{1}b"),
                        ("h2", "a\u{1f}b"),
                        ("h3", "a\u{7f}b"),
                        ("h4", "a\u{80}b"),
                        ("h5", "a\u{9f}b"),
                        ("h6", "a\u{a0}b"),
                        ("h7", "a\u{fdcf}b"),
                        ("h8", "a\u{fdd0}b"),
                        ("h9", "a\u{fdef}b"),
                        ("h10", "a\u{fffe}b"),
                        ("h11", "a\u{ffff}b"),
                        ("h12", "a\u{1fffe}b"),
                        ("h13", "a\u{feff}b"),
                        ("h14", "a\u{10ffff}b"),
                    ] {
                        s.ask("a", v5(id));
                        s.ask("a", publish5(0x32, topic, 1, "", "x"));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "topic bytes that are no UTF-8",
                run: |s| {
                    for (id, topic) in [
                        ("i1", &b"a\0b"[..]),
                        ("i2", b"a\xffb"),
                        ("i3", b"a\xc0\x80b"),
                        ("i4", b"a\xed\xa0\x80b"),
                        ("i5", b"a\xf4\x90\x80\x80b"),
                        ("i6", b"a\xe2\x82"),
                    ] {
                        s.ask("a", v5(id));
                        s.ask("a", publish5(0x32, topic, 1, "", "x"));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "topic levels",
                run: |s| {
                    for (id, separators) in [("j1", 199), ("j2", 200), ("j3", 201)] {
                        let topic = format!("j{}", "/x".repeat(separators));
                        s.ask("a", v5(id));
                        s.ask("a", publish5(0x32, &topic, 1, "", "x"));
                        s.cut("a");
                        s.ask("b", v4(id));
                        s.ask("b", publish(0x32, &topic, 1, "x"));
                        s.cut("b");
                        s.ask("c", v5(id));
                        s.ask("c", subscribe5(1, "", &[(&topic, 1)]));
                        s.cut("c");
                        s.ask("d", v4(id).flags(6).and(&topic).and("x"));
                        s.cut("d");
                        s.ask("e", v5(id));
                        s.ask("e", subscribe5(1, "", &[(&format!("$share/g/{topic}"), 1)]));
                        s.cut("e");
                    }
                    s.ask("a", v5("j4"));
                    s.ask("a", publish5(0x32, "/".repeat(65_535), 1, "", "x"));
                },
            },
            Scenario {
                name: "publish to $SYS and others",
                run: |s| {
                    s.ask("a", v5("g10"));
                    s.ask("a", publish5(0x32, "$SYS/x", 1, "", "x"));
                    s.ask("a", publish5(0x34, "$SYS/x", 2, "", "x"));
                    s.ask("a", publish5(0x32, "$CONTROL/x", 1, "", "x"));
                    s.ask("a", publish5(0x32, "$share/g/x", 1, "", "x"));
                    s.ask("a", publish5(0x32, "$other/x", 1, "", "x"));
                    s.ask("b", v4("g10b"));
                    s.ask("b", publish(0x32, "$SYS/x", 1, "x"));
                    s.ask("b", publish(0x32, "$share/g/x", 1, "x"));
                },
            },
            Scenario {
                name: "packet id 0",
                run: |s| {
                    s.ask("a", v5("g11"));
                    s.ask("a", publish5(0x32, "t", 0, "", "x"));
                    s.ask("b", v4("g11b"));
                    s.ask("b", publish(0x32, "t", 0, "x"));
                },
            },
            Scenario {
                name: "qos 3",
                run: |s| {
                    s.ask("a", v5("g12"));
                    s.ask("a", publish5(0x36, "t", 1, "", "x"));
                    s.ask("b", v4("g12b"));
                    s.ask("b", publish(0x36, "t", 1, "x"));
                },
            },
            Scenario {
                name: "dup with qos 0",
                run: |s| {
                    s.ask("a", v5("g13"));
                    s.ask("a", publish5(0x38, "t", 1, "", "x"));
                    s.ask("b", v4("g13b"));
                    s.ask("b", publish(0x38, "t", 1, "x"));
                },
            },
            Scenario {
                name: "subscription id in publish",
                run: |s| {
                    s.ask("a", v5("g14"));
                    s.ask("a", publish5(0x32, "t", 1, "0b01", "x"));
                },
            },
            Scenario {
                name: "payload format with other bytes",
                run: |s| {
                    s.ask("a", v5("g15"));
                    s.ask("a", publish5(0x32, "t", 1, "0101", [0xff, 0xfe]));
                    s.ask("a", publish5(0x32, "t", 1, "0102", "x"));
                },
            },
            Scenario {
                name: "response topic with wildcard",
                run: |s| {
                    s.ask("a", v5("g16"));
                    s.ask("a", publish5(0x32, "t", 1, "080003722f23", "x"));
                },
            },
            Scenario {
                name: "receive maximum of the broker",
                run: |s| {
                    s.ask("a", v5("g17"));
                    for id in 1..=20 {
                        s.ask("a", publish5(0x34, "g17/t", id, "", "x"));
                    }
                    s.ask("a", publish5(0x34, "g17/t", 21, "", "x"));
                },
            },
            Scenario {
                name: "maximum packet size of the client",
                run: |s| {
                    s.ask("a", v5("g18").properties("2700000014"));
                    s.ask("a", subscribe5(1, "", &[("g18/t", 1)]));
                    s.ask("p", v5("g18p"));
                    s.ask("p", publish5(0x32, "g18/t", 1, "", [b'x'; 40]));
                    s.listen("a");
                    s.ask("p", publish5(0x32, "g18/t", 1, "", "y"));
                    s.listen("a");
                },
            },
        ],
    );
}

#[test]
fn retained_messages_are_the_same() {
    compare(
        OPEN,
        &[
            Scenario {
                name: "retained, order and flags",
                run: |s| {
                    s.ask("p", v5("k1p"));
                    for topic in ["k1/b", "k1/a/x", "k1", "k1/a", "k1/a/x/y"] {
                        s.ask("p", publish5(0x33, topic, 1, "", topic));
                    }
                    s.ask("a", v5("k1"));
                    s.ask("a", subscribe5(1, "", &[("k1/a/#", 0)]));
                    s.ask("a", subscribe5(2, "0b05", &[("k1/+/x", 1)]));
                    s.ask("a", subscribe5(3, "", &[("k1/a/x", 0x08)]));
                    s.ask("b", v4("k1b"));
                    s.ask("b", subscribe(1, &[("k1", 0), ("k1/b", 2)]));
                },
            },
            Scenario {
                name: "retain handling",
                run: |s| {
                    s.ask("p", v5("k2p"));
                    s.ask("p", publish5(0x31, "k2/t", 0, "", "r"));
                    s.ask("a", v5("k2"));
                    s.ask("a", subscribe5(1, "", &[("k2/t", 0x10)]));
                    s.ask("a", subscribe5(2, "", &[("k2/t", 0x10)]));
                    s.ask("a", subscribe5(3, "", &[("k2/t", 0x20)]));
                    s.ask("a", subscribe5(4, "", &[("k2/t", 0x00)]));
                    s.ask("a", subscribe5(5, "", &[("k2/t", 0x30)]));
                },
            },
            Scenario {
                name: "retain handling new",
                run: |s| {
                    s.ask("p", v5("k3p"));
                    s.ask("p", publish5(0x31, "k3/t", 0, "", "r"));
                    s.ask("a", v5("k3"));
                    s.ask("a", subscribe5(1, "", &[("k3/t", 0x20)]));
                    s.ask("a", subscribe5(2, "", &[("k3/t", 0x10)]));
                },
            },
            Scenario {
                name: "retained removed",
                run: |s| {
                    s.ask("a", v5("k4"));
                    s.ask("a", publish5(0x33, "k4/t", 1, "", "r"));
                    s.ask("a", publish5(0x33, "k4/t", 1, "", ""));
                    s.ask("a", subscribe5(1, "", &[("k4/t", 0)]));
                    s.ask("a", publish5(0x33, "k4/t", 1, "", ""));
                },
            },
            Scenario {
                name: "retain as published",
                run: |s| {
                    s.ask("a", v5("k5"));
                    s.ask("a", subscribe5(1, "", &[("k5/t", 0x08)]));
                    s.ask("b", v5("k5b"));
                    s.ask("b", subscribe5(1, "", &[("k5/t", 0)]));
                    s.ask("p", v4("k5p"));
                    s.ask("p", publish(0x31, "k5/t", 0, "r"));
                    s.listen("a");
                    s.listen("b");
                },
            },
            Scenario {
                name: "retained to shared",
                run: |s| {
                    s.ask("p", v5("k6p"));
                    s.ask("p", publish5(0x31, "k6/t", 0, "", "r"));
                    s.ask("a", v5("k6"));
                    s.ask("a", subscribe5(1, "", &[("$share/g/k6/t", 0)]));
                },
            },
            Scenario {
                name: "retained no local",
                run: |s| {
                    s.ask("a", v5("k7"));
                    s.ask("a", publish5(0x31, "k7/t", 0, "", "r"));
                    s.ask("a", subscribe5(1, "", &[("k7/t", 4)]));
                },
            },
            Scenario {
                name: "retained overlapping",
                run: |s| {
                    s.ask("p", v5("k8p"));
                    s.ask("p", publish5(0x31, "k8/t", 0, "", "r"));
                    s.ask("a", v5("k8"));
                    s.ask("a", subscribe5(1, "", &[("k8/t", 0), ("k8/+", 0)]));
                },
            },
            Scenario {
                name: "retained with alias and properties",
                run: |s| {
                    s.ask("p", v5("k9p"));
                    s.ask("p", publish5(0x31, "k9/t", 0, "230001 26000161000162 0300016a", "r"));
                    s.ask("a", v5("k9").properties("22000a"));
                    s.ask("a", subscribe5(1, "", &[("k9/t", 0)]));
                    s.ask("p", publish5(0x30, "k9/t", 0, "", "live"));
                    s.listen("a");
                    s.ask("p", publish5(0x30, "k9/t", 0, "", "live"));
                    s.listen("a");
                },
            },
        ],
    );
}

#[test]
fn the_access_list_denies_the_same() {
    const CONF: &str = "allow_anonymous true\nacl_file DIR/acl\nmax_packet_size 2000000\n";
    compare(
        CONF,
        &[
            Scenario {
                name: "denied publish 3.1.1",
                run: |s| {
                    s.ask("a", v4("l1"));
                    s.ask("a", publish(0x30, "in/t", 0, "x"));
                    s.ask("a", publish(0x32, "in/t", 1, "x"));
                    s.ask("a", publish(0x34, "in/t", 2, "x"));
                    s.ask("a", hex("62020002"));
                },
            },
            Scenario {
                name: "denied publish 5.0",
                run: |s| {
                    s.ask("a", v5("l2"));
                    s.ask("a", publish5(0x30, "in/t", 0, "", "x"));
                    s.ask("a", publish5(0x32, "in/t", 1, "", "x"));
                    s.ask("a", publish5(0x34, "in/t", 2, "", "x"));
                    s.ask("a", hex("62020002"));
                },
            },
            Scenario {
                name: "denied subscribe",
                run: |s| {
                    s.ask("a", v4("l3"));
                    s.ask("a", subscribe(1, &[("no/t", 1), ("ok/t", 1), ("#", 0)]));
                    s.ask("b", v5("l3b"));
                    s.ask("b", subscribe5(1, "", &[("no/t", 1), ("ok/t", 1), ("out/#", 0)]));
                    s.ask("b", publish5(0x32, "out/t", 1, "", "x"));
                    s.listen("a");
                    s.ask("b", publish5(0x32, "ok/t", 1, "", "x"));
                    s.listen("a");
                },
            },
            Scenario {
                name: "denied will",
                run: |s| {
                    s.ask("w", v4("l4w"));
                    s.ask("w", subscribe(1, &[("ok/#", 0)]));
                    s.ask("a", v4("l4").flags(6).and("no/will").and("x"));
                    s.ask("b", v5("l4b").flags(6).raw("00").and("no/will").and("x"));
                    s.listen("w");
                },
            },
        ],
    );
}
