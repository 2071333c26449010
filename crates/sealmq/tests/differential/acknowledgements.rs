//! PUBACK, PUBREC, PUBREL, PUBCOMP: in order, out of order, unknown, twice, malformed.

use super::stage::Scenario;
use super::wire::{hex, publish, publish5, subscribe, subscribe5, v4, v5};
use super::{OPEN, compare};

#[test]
fn acknowledgements_are_taken_the_same() {
    compare(
        OPEN,
        &[
            Scenario {
                name: "unknown ids 3.1.1",
                run: |s| {
                    for (id, bytes) in
                        [("u1", "40020009"), ("u2", "50020009"), ("u3", "62020009"), ("u4", "70020009")]
                    {
                        s.ask("a", v4(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "unknown ids 5.0",
                run: |s| {
                    for (id, bytes) in
                        [("u5", "40020009"), ("u6", "50020009"), ("u7", "62020009"), ("u8", "70020009")]
                    {
                        s.ask("a", v5(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "id 0",
                run: |s| {
                    for (id, bytes) in
                        [("v1", "40020000"), ("v2", "50020000"), ("v3", "62020000"), ("v4", "70020000")]
                    {
                        s.ask("a", v4(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                        s.ask("b", v5(id));
                        s.ask("b", hex(bytes));
                        s.cut("b");
                    }
                },
            },
            Scenario {
                name: "flags",
                run: |s| {
                    for (id, bytes) in
                        [("w1", "41020001"), ("w2", "52020001"), ("w3", "60020001"), ("w4", "71020001")]
                    {
                        s.ask("a", v4(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                        s.ask("b", v5(id));
                        s.ask("b", hex(bytes));
                        s.cut("b");
                    }
                },
            },
            Scenario {
                name: "longer in 3.1.1",
                run: |s| {
                    for (id, bytes) in [
                        ("x1", "4003000100"),
                        ("x2", "5003000100"),
                        ("x3", "6203000100"),
                        ("x4", "7003000100"),
                    ] {
                        s.ask("a", v4(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "reason codes 5.0",
                run: |s| {
                    for (id, bytes) in [
                        ("y1", "4003000110"),
                        ("y2", "4003000101"),
                        ("y3", "5003000180"),
                        ("y4", "6203000192"),
                        ("y5", "6203000110"),
                        ("y6", "7003000192"),
                        ("y7", "400400010000"),
                        ("y8", "4005000100 01 00"),
                        ("y9", "4009000100 05 1f000278 79"),
                    ] {
                        s.ask("a", v5(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "too short",
                run: |s| {
                    for (id, bytes) in [("z1", "4000"), ("z2", "400100"), ("z3", "620100")] {
                        s.ask("a", v5(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                        s.ask("b", v4(id));
                        s.ask("b", hex(bytes));
                        s.cut("b");
                    }
                },
            },
            Scenario {
                name: "qos 2 out of order",
                run: |s| {
                    s.ask("a", v4("aa1"));
                    s.ask("a", subscribe(1, &[("aa1/t", 2)]));
                    s.ask("p", v4("aa1p"));
                    s.ask("p", publish(0x34, "aa1/t", 1, "one"));
                    s.ask("p", publish(0x34, "aa1/t", 2, "two"));
                    s.ask("p", hex("62020002"));
                    s.listen("a");
                    s.ask("p", hex("62020001"));
                    s.listen("a");
                    s.ask("p", hex("62020001"));
                    s.ask("a", hex("50020002"));
                    s.ask("a", hex("50020001"));
                    s.ask("a", hex("70020002"));
                    s.ask("a", hex("70020001"));
                },
            },
            Scenario {
                name: "qos 2 duplicates",
                run: |s| {
                    s.ask("a", v5("aa2"));
                    s.ask("a", subscribe5(1, "", &[("aa2/t", 0)]));
                    s.ask("p", v5("aa2p"));
                    s.ask("p", publish5(0x34, "aa2/t", 1, "", "one"));
                    s.ask("p", publish5(0x3c, "aa2/t", 1, "", "one"));
                    s.ask("p", hex("62020001"));
                    s.ask("p", hex("62020001"));
                    s.listen("a");
                },
            },
            Scenario {
                name: "qos 2 duplicate that does not say so",
                run: |s| {
                    s.ask("p", v5("aa4p"));
                    s.ask("p", publish5(0x34, "aa4/t", 1, "", "one"));
                    s.ask("p", publish5(0x34, "aa4/t", 1, "", "one"));
                },
            },
            Scenario {
                name: "qos 1 duplicate",
                run: |s| {
                    s.ask("a", v4("aa3"));
                    s.ask("a", subscribe(1, &[("aa3/t", 0)]));
                    s.ask("a", publish(0x32, "aa3/t", 1, "one"));
                    s.ask("a", publish(0x3a, "aa3/t", 1, "one"));
                },
            },
            Scenario {
                name: "wrong acknowledgement for qos 1",
                run: |s| {
                    for (id, bytes) in [("ab1", "50020001"), ("ab2", "70020001"), ("ab3", "62020001")] {
                        s.ask("a", v5(id));
                        s.ask("a", subscribe5(1, "", &[(id, 1)]));
                        s.ask("a", publish5(0x32, id, 1, "", "x"));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                    }
                },
            },
            Scenario {
                name: "wrong acknowledgement for qos 2",
                run: |s| {
                    for (id, bytes) in [("ac1", "40020001"), ("ac2", "70020001")] {
                        s.ask("a", v5(id));
                        s.ask("a", subscribe5(1, "", &[(id, 2)]));
                        s.ask("p", v5("acp"));
                        s.ask("p", publish5(0x34, id, 1, "", "x"));
                        s.ask("p", hex("62020001"));
                        s.listen("a");
                        s.ask("a", hex(bytes));
                        s.cut("a");
                        s.cut("p");
                    }
                },
            },
            Scenario {
                name: "pubrec with error",
                run: |s| {
                    s.ask("a", v5("ad1"));
                    s.ask("a", subscribe5(1, "", &[("ad1", 2)]));
                    s.ask("p", v5("ad1p"));
                    s.ask("p", publish5(0x34, "ad1", 1, "", "x"));
                    s.ask("p", hex("62020001"));
                    s.listen("a");
                    s.ask("a", hex("5003000180"));
                    s.ask("a", hex("62020001"));
                },
            },
            Scenario {
                name: "receive maximum of the client",
                run: |s| {
                    s.ask("a", v5("ae1").properties("210001"));
                    s.ask("a", subscribe5(1, "", &[("ae1", 1)]));
                    s.ask("p", v5("ae1p"));
                    s.ask("p", publish5(0x32, "ae1", 1, "", "1"));
                    s.ask("p", publish5(0x32, "ae1", 2, "", "2"));
                    s.ask("p", publish5(0x30, "ae1", 2, "", "0"));
                    s.listen("a");
                    s.ask("a", hex("40020001"));
                    s.ask("a", hex("40020002"));
                },
            },
            Scenario {
                name: "window of 20",
                run: |s| {
                    s.ask("a", v4("af1"));
                    s.ask("a", subscribe(1, &[("af1", 1)]));
                    s.ask("p", v4("af1p"));
                    for id in 1..=22 {
                        s.ask("p", publish(0x32, "af1", id, "x"));
                    }
                    s.listen("a");
                    s.ask("a", hex("40020003"));
                    s.ask("a", hex("40020001"));
                },
            },
        ],
    );
}
