//! Packets that are none, and DISCONNECT and PINGREQ with too much in them.

use super::stage::Scenario;
use super::wire::{hex, v4, v5};
use super::{OPEN, compare};

/// In a session of 3.1.1 and one of 5.0.
fn both(s: &mut super::stage::Stage<'_>, id: &str, bytes: &str) {
    s.ask("a", v4(id));
    s.ask("a", hex(bytes));
    s.cut("a");
    s.ask("b", v5(id));
    s.ask("b", hex(bytes));
    s.cut("b");
}

#[test]
fn malformed_packets_end_the_same() {
    compare(
        OPEN,
        &[
            Scenario {
                name: "reserved types",
                run: |s| {
                    both(s, "ba1", "0000");
                    both(s, "ba2", "f000");
                    both(s, "ba3", "f100");
                },
            },
            Scenario { name: "remaining length of five bytes", run: |s| both(s, "bb1", "30ffffffff01") },
            Scenario { name: "remaining length not shortest", run: |s| both(s, "bb2", "c08000") },
            Scenario { name: "pingreq with a body", run: |s| both(s, "bb3", "c00100") },
            Scenario { name: "pingreq with flags", run: |s| both(s, "bb4", "c100") },
            Scenario { name: "disconnect with flags", run: |s| both(s, "bb5", "e100") },
            Scenario { name: "disconnect", run: |s| both(s, "bb6", "e000") },
            Scenario {
                name: "disconnect with a body",
                run: |s| {
                    both(s, "bb7", "e00100");
                    both(s, "bb8", "e00180");
                    both(s, "bb9", "e00103");
                    both(s, "bb10", "e0020000");
                    both(s, "bb11", "e003000100");
                },
            },
            Scenario {
                name: "publish cut short",
                run: |s| {
                    both(s, "bc1", "3000");
                    both(s, "bc2", "300100");
                    both(s, "bc3", "30020005");
                    both(s, "bc4", "3204000161 00");
                    both(s, "bc5", "3203000161");
                },
            },
            Scenario {
                name: "publish properties cut short",
                run: |s| {
                    s.ask("b", v5("bd1"));
                    s.ask("b", hex("30040001 61 05"));
                    s.ask("c", v5("bd2"));
                    s.ask("c", hex("30050001 61 01 01"));
                    s.ask("d", v5("bd3"));
                    s.ask("d", hex("30080001 61 04 01000100"));
                    s.ask("e", v5("bd4"));
                    s.ask("e", hex("30080001 61 80808080 01"));
                },
            },
            Scenario {
                name: "subscribe cut short",
                run: |s| {
                    both(s, "be1", "8200");
                    both(s, "be2", "820100");
                    both(s, "be3", "8204000100 05");
                    both(s, "be4", "8205 0001 0001 61");
                    both(s, "be5", "a204 0001 0005");
                },
            },
            Scenario {
                name: "connect cut short",
                run: |s| {
                    s.ask_alone("a", hex("100c00044d5154540402003c0005"));
                    s.ask_alone("b", hex("100400044d51"));
                    s.ask_alone("c", hex("1000"));
                    s.ask_alone("d", hex("100d00044d5154540502003c050000"));
                },
            },
            Scenario { name: "topic length above the packet", run: |s| both(s, "bf1", "3005ffff616263") },
        ],
    );
}
