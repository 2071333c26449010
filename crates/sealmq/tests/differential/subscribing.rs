//! SUBSCRIBE and UNSUBSCRIBE: filters, options, shared groups, overlaps.

use super::stage::Scenario;
use super::wire::{
    Connect, hex, packet, publish, publish5, subscribe, subscribe5, unsubscribe, unsubscribe5, v4, v5,
};
use super::{OPEN, compare};

#[test]
fn a_subscribe_is_answered_the_same() {
    compare(
        OPEN,
        &[
            Scenario {
                name: "granted 3.1.1",
                run: |s| {
                    s.ask("a", v4("m1"));
                    s.ask("a", subscribe(9, &[("m1/a", 0), ("m1/b", 1), ("m1/c", 2)]));
                    s.ask("a", unsubscribe(10, &["m1/a", "m1/none"]));
                },
            },
            Scenario {
                name: "granted 5.0",
                run: |s| {
                    s.ask("a", v5("m2"));
                    s.ask("a", subscribe5(9, "", &[("m2/a", 0), ("m2/b", 1), ("m2/c", 2)]));
                    s.ask("a", unsubscribe5(10, &["m2/a", "m2/none"]));
                },
            },
            Scenario {
                name: "invalid filters 3.1.1",
                run: |s| {
                    for (id, filter) in [
                        ("n1", ""),
                        ("n2", "a/#/b"),
                        ("n3", "a#"),
                        ("n4", "a+/b"),
                        ("n5", "#/"),
                        ("n6", "+a"),
                        ("n7", "$share/g"),
                        ("n8", "$share//t"),
                        ("n9", "$share/g/"),
                        ("n10", "$share/+/t"),
                        ("n11", "$share/#"),
                        ("n12", "$share/g+/t"),
                        ("n13", "a\u{1}b"),
                        ("n14", "$share/g/$share/h/t"),
                        ("n15", "$shared/g/t"),
                        ("n16", "$share"),
                    ] {
                        s.ask("a", v4(id));
                        s.ask("a", subscribe(1, &[(filter, 0)]));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "invalid filters 5.0",
                run: |s| {
                    for (id, filter) in [
                        ("o1", ""),
                        ("o2", "a/#/b"),
                        ("o3", "a#"),
                        ("o4", "a+/b"),
                        ("o5", "#/"),
                        ("o6", "+a"),
                        ("o7", "$share/g"),
                        ("o8", "$share//t"),
                        ("o9", "$share/g/"),
                        ("o10", "$share/+/t"),
                        ("o11", "$share/#"),
                        ("o12", "$share/g+/t"),
                        ("o13", "a\u{1}b"),
                        ("o14", "$share/g/$share/h/t"),
                        ("o15", "$shared/g/t"),
                        ("o16", "$share"),
                    ] {
                        s.ask("a", v5(id));
                        s.ask("a", subscribe5(1, "", &[(filter, 0)]));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "invalid filters in unsubscribe",
                run: |s| {
                    for (id, filter) in
                        [("p1", ""), ("p2", "a/#/b"), ("p3", "a+"), ("p4", "$share/g"), ("p5", "$share//t")]
                    {
                        s.ask("a", v4(id));
                        s.ask("a", unsubscribe(1, &[filter]));
                        s.cut("a");
                        s.ask("b", v5(id));
                        s.ask("b", unsubscribe5(1, &[filter]));
                        s.cut("b");
                    }
                },
            },
            Scenario {
                name: "no filter",
                run: |s| {
                    s.ask("a", v4("m3"));
                    s.ask("a", packet(0x82, [0, 1]));
                    s.ask("b", v5("m3b"));
                    s.ask("b", packet(0x82, [0, 1, 0]));
                    s.ask("c", v4("m3c"));
                    s.ask("c", packet(0xa2, [0, 1]));
                    s.ask("d", v5("m3d"));
                    s.ask("d", packet(0xa2, [0, 1, 0]));
                },
            },
            Scenario {
                name: "options 3.1.1",
                run: |s| {
                    for (id, options) in [("q1", 3), ("q2", 4), ("q3", 0x80)] {
                        s.ask("a", v4(id));
                        s.ask("a", subscribe(1, &[("q", options)]));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "options 5.0",
                run: |s| {
                    for (id, options) in [("r1", 3), ("r2", 0x30), ("r3", 0x40), ("r4", 0x80), ("r5", 0x2f)] {
                        s.ask("a", v5(id));
                        s.ask("a", subscribe5(1, "", &[("r", options)]));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "no local on shared",
                run: |s| {
                    s.ask("a", v5("m4"));
                    s.ask("a", subscribe5(1, "", &[("$share/g/m4", 4)]));
                },
            },
            Scenario {
                name: "subscription id 0",
                run: |s| {
                    s.ask("a", v5("m5"));
                    s.ask("a", subscribe5(1, "0b00", &[("m5", 0)]));
                },
            },
            Scenario {
                name: "subscription id twice",
                run: |s| {
                    s.ask("a", v5("m6"));
                    s.ask("a", subscribe5(1, "0b010b02", &[("m6", 0)]));
                },
            },
            Scenario {
                name: "packet id 0 in subscribe",
                run: |s| {
                    s.ask("a", v4("m7"));
                    s.ask("a", subscribe(0, &[("m7", 0)]));
                    s.ask("b", v5("m7b"));
                    s.ask("b", subscribe5(0, "", &[("m7", 0)]));
                    s.ask("c", v5("m7c"));
                    s.ask("c", unsubscribe5(0, &["m7"]));
                },
            },
            Scenario {
                name: "fixed header flags",
                run: |s| {
                    for (id, first) in [("t1", 0x80), ("t2", 0x83), ("t3", 0xa0)] {
                        s.ask("a", v4(id));
                        s.ask("a", packet(first, hex("0001 0001 61 00")));
                        s.cut("a");
                        s.ask("b", v5(id));
                        s.ask("b", packet(first, hex("0001 00 0001 61 00")));
                        s.cut("b");
                    }
                },
            },
            Scenario {
                name: "overlapping 3.1.1",
                run: |s| {
                    s.ask("a", v4("m8"));
                    s.ask("a", subscribe(1, &[("m8/#", 0), ("m8/+", 1)]));
                    s.ask("a", publish(0x32, "m8/t", 1, "x"));
                },
            },
            Scenario {
                name: "overlapping 5.0 with ids",
                run: |s| {
                    s.ask("a", v5("m9"));
                    s.ask("a", subscribe5(1, "0b01", &[("m9/#", 0)]));
                    s.ask("a", subscribe5(2, "0b02", &[("m9/+", 1)]));
                    s.ask("a", publish5(0x32, "m9/t", 1, "", "x"));
                },
            },
            Scenario {
                name: "no local",
                run: |s| {
                    s.ask("a", v5("m10"));
                    s.ask("a", subscribe5(1, "", &[("m10/t", 4)]));
                    s.ask("a", publish5(0x32, "m10/t", 1, "", "x"));
                    s.ask("b", v5("m10b"));
                    s.ask("b", publish5(0x30, "m10/t", 1, "", "x"));
                    s.listen("a");
                },
            },
            Scenario {
                name: "a bridge gets no local",
                run: |s| {
                    s.ask("a", Connect::new(0x84, "m11"));
                    s.ask("a", subscribe(1, &[("m11/t", 0)]));
                    s.ask("a", publish(0x30, "m11/t", 1, "x"));
                    s.ask("b", v4("m11b"));
                    s.ask("b", publish(0x31, "m11/t", 1, "x"));
                    s.listen("a");
                },
            },
            Scenario {
                name: "shared in turn",
                run: |s| {
                    s.ask("a", v5("m12a"));
                    s.ask("a", subscribe5(1, "", &[("$share/g/m12/t", 0)]));
                    s.ask("b", v4("m12b"));
                    s.ask("b", subscribe(1, &[("$share/g/m12/t", 0)]));
                    s.ask("p", v5("m12p"));
                    for payload in ["1", "2", "3", "4", "5"] {
                        s.ask("p", publish5(0x30, "m12/t", 0, "", payload));
                    }
                    s.listen("a");
                    s.listen("b");
                    s.ask("b", unsubscribe(2, &["$share/g/m12/t"]));
                    s.ask("p", publish5(0x32, "m12/t", 1, "", "6"));
                    s.listen("a");
                },
            },
            Scenario {
                name: "shared beside ordinary",
                run: |s| {
                    s.ask("a", v5("m13a"));
                    s.ask("a", subscribe5(1, "", &[("$share/g/m13/t", 0), ("m13/t", 0)]));
                    s.ask("a", publish5(0x32, "m13/t", 1, "", "x"));
                },
            },
            Scenario {
                name: "dollar topics and wildcards",
                run: |s| {
                    s.ask("a", v5("m14"));
                    s.ask("a", subscribe5(1, "", &[("+/m14", 0), ("$m14/#", 0)]));
                    s.ask("a", publish5(0x30, "$m14/m14", 0, "", "x"));
                    s.ask("a", publish5(0x30, "/m14", 0, "", "y"));
                    s.ask("a", publish5(0x30, "x/m14", 0, "", "z"));
                },
            },
            Scenario {
                name: "subscribed again",
                run: |s| {
                    s.ask("a", v5("m15"));
                    s.ask("a", subscribe5(1, "0b01", &[("m15/t", 1)]));
                    s.ask("a", subscribe5(2, "", &[("m15/t", 0)]));
                    s.ask("a", publish5(0x32, "m15/t", 1, "", "x"));
                    s.ask("a", unsubscribe5(3, &["m15/t"]));
                    s.ask("a", publish5(0x32, "m15/t", 1, "", "x"));
                },
            },
        ],
    );
}
