//! CONNECT: versions, ids, wills, keep alive, credentials, take-over, sessions.

use super::stage::Scenario;
use super::wire::{hex, packet, publish, publish5, subscribe, subscribe5, v4, v5, v31};
use super::{OPEN, compare};

/// `u` with the password `p`, as mosquitto_passwd wrote it.
pub(super) const PASSWORDS: &str = include_str!("passwords.txt");

#[test]
fn a_connect_is_answered_the_same() {
    compare(
        OPEN,
        &[
            Scenario { name: "3.1", run: |s| s.ask("a", v31("c1")) },
            Scenario { name: "3.1.1", run: |s| s.ask("a", v4("c2")) },
            Scenario { name: "5.0", run: |s| s.ask("a", v5("c3")) },
            Scenario { name: "3.1 empty id", run: |s| s.ask("a", v31("")) },
            Scenario { name: "3.1.1 empty id clean", run: |s| s.ask("a", v4("")) },
            Scenario { name: "3.1.1 empty id not clean", run: |s| s.ask("a", v4("").flags(0)) },
            Scenario { name: "5.0 empty id", run: |s| s.ask("a", v5("")) },
            Scenario { name: "5.0 empty id not clean", run: |s| s.ask("a", v5("").flags(0)) },
            Scenario { name: "3.1 long id", run: |s| s.ask("a", v31("123456789012345678901234567890")) },
            Scenario { name: "bridge 3.1", run: |s| s.ask("a", crate::wire::Connect::new(0x83, "c4")) },
            Scenario { name: "bridge 3.1.1", run: |s| s.ask("a", crate::wire::Connect::new(0x84, "c5")) },
            Scenario { name: "bridge 5", run: |s| s.ask("a", crate::wire::Connect::new(0x85, "c6")) },
            Scenario { name: "level 0", run: |s| s.ask("a", crate::wire::Connect::new(0, "c7")) },
            Scenario { name: "level 6", run: |s| s.ask("a", crate::wire::Connect::new(6, "c7")) },
            Scenario { name: "level 2", run: |s| s.ask("a", crate::wire::Connect::new(2, "c7")) },
            Scenario {
                name: "MQTT with level 3",
                run: |s| s.ask("a", crate::wire::Connect { name: b"MQTT", ..v31("c8") }),
            },
            Scenario {
                name: "MQIsdp with level 4",
                run: |s| s.ask("a", crate::wire::Connect { name: b"MQIsdp", ..v4("c8") }),
            },
            Scenario {
                name: "unknown name",
                run: |s| s.ask("a", crate::wire::Connect { name: b"MQTX", ..v4("c8") }),
            },
            Scenario { name: "3.1.1 reserved flag", run: |s| s.ask("a", v4("c9").flags(3)) },
            Scenario { name: "5.0 reserved flag", run: |s| s.ask("a", v5("c9").flags(3)) },
            Scenario { name: "3.1 reserved flag", run: |s| s.ask("a", v31("c9").flags(3)) },
            Scenario {
                name: "3.1.1 will qos 3",
                run: |s| s.ask("a", v4("c9").flags(0x1e).and("w").and("x")),
            },
            Scenario {
                name: "5.0 will qos 3",
                run: |s| s.ask("a", v5("c9").flags(0x1e).raw("00").and("w").and("x")),
            },
            Scenario { name: "3.1.1 will qos without will", run: |s| s.ask("a", v4("c9").flags(0x0a)) },
            Scenario { name: "5.0 will retain without will", run: |s| s.ask("a", v5("c9").flags(0x22)) },
            Scenario {
                name: "3.1.1 password without name",
                run: |s| s.ask("a", v4("c9").flags(0x42).and("p")),
            },
            Scenario {
                name: "5.0 password without name",
                run: |s| s.ask("a", v5("c9").flags(0x42).and("p")),
            },
            Scenario { name: "3.1.1 keep alive 0", run: |s| s.ask("a", v4("c10").keep_alive(0)) },
            Scenario { name: "5.0 keep alive 65535", run: |s| s.ask("a", v5("c10").keep_alive(65_535)) },
            Scenario { name: "5.0 receive maximum 0", run: |s| s.ask("a", v5("c10").properties("210000")) },
            Scenario {
                name: "5.0 maximum packet size 0",
                run: |s| s.ask("a", v5("c10").properties("2700000000")),
            },
            Scenario {
                name: "5.0 session expiry twice",
                run: |s| s.ask("a", v5("c10").properties("11000000011100000001")),
            },
            Scenario { name: "5.0 unknown property", run: |s| s.ask("a", v5("c10").properties("7f00")) },
            Scenario {
                name: "5.0 property of another packet",
                run: |s| s.ask("a", v5("c10").properties("230001")),
            },
            Scenario {
                name: "5.0 request problem information 2",
                run: |s| s.ask("a", v5("c10").properties("1702")),
            },
            Scenario {
                name: "5.0 authentication method",
                run: |s| s.ask("a", v5("c10").properties("15000141")),
            },
            Scenario {
                name: "5.0 authentication data alone",
                run: |s| s.ask("a", v5("c10").properties("16000141")),
            },
            Scenario { name: "3.1.1 trailing bytes", run: |s| s.ask("a", v4("c11").raw("00")) },
            Scenario { name: "5.0 trailing bytes", run: |s| s.ask("a", v5("c11").raw("00")) },
            Scenario {
                name: "3.1.1 will topic with wildcard",
                run: |s| s.ask("a", v4("c11").flags(6).and("w/#").and("x")),
            },
            Scenario {
                name: "5.0 will topic with wildcard",
                run: |s| s.ask("a", v5("c11").flags(6).raw("00").and("w/#").and("x")),
            },
            Scenario {
                name: "3.1.1 empty will topic",
                run: |s| s.ask("a", v4("c11").flags(6).and("").and("x")),
            },
            Scenario { name: "3.1.1 id not UTF-8", run: |s| s.ask("a", v4("").raw("").and([0xff])) },
            Scenario {
                name: "3.1.1 id with NUL",
                run: |s| s.ask("a", crate::wire::Connect { payload: hex("0003610062"), ..v4("") }),
            },
            Scenario { name: "3.1.1 id with U+0001", run: |s| s.ask("a", v4("a\u{1}b")) },
            Scenario { name: "3.1.1 id with U+007F", run: |s| s.ask("a", v4("a\u{7f}b")) },
            Scenario { name: "3.1.1 id with U+0085", run: |s| s.ask("a", v4("a\u{85}b")) },
            Scenario { name: "3.1.1 id with U+FDD0", run: |s| s.ask("a", v4("a\u{fdd0}b")) },
            Scenario { name: "3.1.1 id with U+FFFE", run: |s| s.ask("a", v4("a\u{fffe}b")) },
            Scenario { name: "3.1.1 id with U+1FFFF", run: |s| s.ask("a", v4("a\u{1ffff}b")) },
            Scenario { name: "5.0 id with U+0001", run: |s| s.ask("a", v5("a\u{1}b")) },
            Scenario {
                name: "3.1.1 user name with U+0001",
                run: |s| s.ask("a", v4("c12").flags(0x82).and("a\u{1}b")),
            },
            Scenario { name: "publish first", run: |s| s.ask("a", publish(0x30, "t", 0, "x")) },
            Scenario { name: "pingreq first", run: |s| s.ask_alone("a", [0xc0, 0]) },
            Scenario { name: "auth first", run: |s| s.ask_alone("a", [0xf0, 0]) },
            Scenario { name: "disconnect first", run: |s| s.ask_alone("a", [0xe0, 0]) },
            Scenario {
                name: "connect flags in fixed header",
                run: |s| {
                    s.ask_alone("a", {
                        let mut bytes = v4("c13").bytes();
                        bytes[0] = 0x11;
                        bytes
                    })
                },
            },
            Scenario {
                name: "second connect 3.1.1",
                run: |s| {
                    s.ask("a", v4("c14"));
                    s.ask("a", v4("c14"));
                },
            },
            Scenario {
                name: "second connect 5.0",
                run: |s| {
                    s.ask("a", v5("c15"));
                    s.ask("a", v5("c15"));
                },
            },
            Scenario {
                name: "auth 5.0",
                run: |s| {
                    s.ask("a", v5("c16"));
                    s.ask("a", hex("f000"));
                },
            },
            Scenario {
                name: "re-auth 5.0",
                run: |s| {
                    s.ask("a", v5("c16"));
                    s.ask("a", hex("f00619 04 15000141"));
                },
            },
            Scenario {
                name: "auth 3.1.1",
                run: |s| {
                    s.ask("a", v4("c17"));
                    s.ask("a", hex("f000"));
                },
            },
            Scenario {
                name: "packets of a server",
                run: |s| {
                    for (id, bytes) in
                        [("s1", "20020000"), ("s2", "9003000100"), ("s3", "b0020001"), ("s4", "d000")]
                    {
                        s.ask("a", v4(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                    }
                    for (id, bytes) in
                        [("s5", "2003000000"), ("s6", "900400010000"), ("s7", "b00400010000"), ("s8", "d000")]
                    {
                        s.ask("a", v5(id));
                        s.ask("a", hex(bytes));
                        s.cut("a");
                    }
                },
            },
        ],
    );
}

#[test]
fn sessions_and_take_over_are_the_same() {
    compare(
        OPEN,
        &[
            Scenario {
                name: "session present 3.1.1",
                run: |s| {
                    s.ask("a", v4("d1").flags(0));
                    s.ask("a", subscribe(1, &[("d1/t", 1)]));
                    s.cut("a");
                    s.ask("p", v4("d1p"));
                    s.ask("p", publish(0x32, "d1/t", 7, "one"));
                    s.ask("a", v4("d1").flags(0));
                    s.cut("a");
                    s.ask("a", v4("d1").flags(0));
                    s.ask("a", hex("40020001"));
                    s.ask("a", hex("e000"));
                    s.ask("a", v4("d1"));
                },
            },
            Scenario {
                name: "session present 3.1",
                run: |s| {
                    s.ask("a", v31("d2").flags(0));
                    s.ask("a", hex("e000"));
                    s.ask("a", v31("d2").flags(0));
                },
            },
            Scenario {
                name: "session present 5.0",
                run: |s| {
                    s.ask("a", v5("d3").flags(0).properties("1100000064"));
                    s.ask("a", subscribe5(1, "", &[("d3/t", 2)]));
                    s.ask("a", hex("e000"));
                    s.ask("p", v5("d3p"));
                    s.ask("p", publish5(0x34, "d3/t", 7, "", "two"));
                    s.ask("p", hex("62020007"));
                    s.ask("a", v5("d3").flags(0).properties("1100000064"));
                    s.cut("a");
                    s.ask("a", v5("d3").flags(0).properties("1100000064"));
                    s.ask("a", hex("50020001"));
                    s.cut("a");
                    s.ask("a", v5("d3").flags(0).properties("1100000064"));
                    s.ask("a", hex("70020001"));
                    s.ask("a", v5("d3other"));
                },
            },
            Scenario {
                name: "no expiry is no session 5.0",
                run: |s| {
                    s.ask("a", v5("d4").flags(0));
                    s.ask("a", hex("e000"));
                    s.ask("a", v5("d4").flags(0));
                },
            },
            Scenario {
                name: "disconnect with expiry 0",
                run: |s| {
                    s.ask("a", v5("d5").flags(0).properties("1100000064"));
                    s.ask("a", hex("e007 00 05 1100000000"));
                    s.ask("a", v5("d5").flags(0));
                },
            },
            Scenario {
                name: "disconnect makes it last",
                run: |s| {
                    s.ask("a", v5("d6").flags(0));
                    s.ask("a", hex("e007 00 05 1100000064"));
                },
            },
            Scenario {
                name: "taken over 5.0",
                run: |s| {
                    s.ask("a", v5("d7"));
                    s.ask("b", v5("d7"));
                    s.listen("a");
                },
            },
            Scenario {
                name: "taken over 3.1.1",
                run: |s| {
                    s.ask("a", v4("d8"));
                    s.ask("b", v4("d8"));
                    s.listen("a");
                },
            },
            Scenario {
                name: "taken over, resumed",
                run: |s| {
                    s.ask("a", v5("d9").properties("1100000064"));
                    s.ask("a", subscribe5(1, "", &[("d9/t", 1)]));
                    s.ask("b", v5("d9").flags(0).properties("1100000064"));
                    s.listen("a");
                    s.ask("b", publish5(0x32, "d9/t", 3, "", "x"));
                },
            },
            Scenario {
                name: "will at take over 3.1.1",
                run: |s| {
                    s.ask("w", v4("d10w"));
                    s.ask("w", subscribe(1, &[("d10/will", 0)]));
                    s.ask("a", v4("d10").flags(6).and("d10/will").and("gone"));
                    s.ask("b", v4("d10"));
                    s.listen("w");
                },
            },
            Scenario {
                name: "will at loss 5.0",
                run: |s| {
                    s.ask("w", v5("d11w"));
                    s.ask("w", subscribe5(1, "", &[("d11/will", 2)]));
                    s.ask("a", v5("d11").flags(0x0e).raw("04 03000174").and("d11/will").and("gone"));
                    s.cut("a");
                    s.await_packet("w");
                },
            },
            Scenario {
                name: "will with delay",
                run: |s| {
                    s.ask("w", v5("d12w"));
                    s.ask("w", subscribe5(1, "", &[("d12/will", 0)]));
                    let connect = || {
                        v5("d12")
                            .flags(6)
                            .properties("1100000064")
                            .raw("05 1800000001")
                            .and("d12/will")
                            .and("gone")
                    };
                    s.ask("a", connect());
                    s.cut("a");
                    s.await_packet("w");
                    s.listen("w");
                },
            },
            Scenario {
                name: "will taken back",
                run: |s| {
                    s.ask("w", v4("d13w"));
                    s.ask("w", subscribe(1, &[("d13/will", 0)]));
                    s.ask("a", v4("d13").flags(6).and("d13/will").and("gone"));
                    s.ask("a", hex("e000"));
                    s.listen("w");
                },
            },
            Scenario {
                name: "disconnect with will",
                run: |s| {
                    s.ask("w", v5("d14w"));
                    s.ask("w", subscribe5(1, "", &[("d14/will", 0)]));
                    s.ask("a", v5("d14").flags(6).raw("00").and("d14/will").and("gone"));
                    s.ask("a", hex("e00104"));
                    s.await_packet("w");
                },
            },
            Scenario {
                name: "retained will",
                run: |s| {
                    s.ask("w", v4("d15w"));
                    s.ask("w", subscribe(1, &[("d15/will", 1)]));
                    s.ask("a", v4("d15").flags(0x2e).and("d15/will").and("gone"));
                    s.cut("a");
                    s.await_packet("w");
                    s.ask("x", v4("d15x"));
                    s.ask("x", subscribe(1, &[("d15/will", 1)]));
                },
            },
            Scenario {
                name: "keep alive runs out",
                run: |s| {
                    s.ask("a", v5("d16").keep_alive(1));
                    s.await_packet("a");
                },
            },
        ],
    );
}

#[test]
fn credentials_are_judged_the_same() {
    const CONF: &str = "password_file DIR/passwords\nmax_packet_size 2000000\n";
    compare(
        CONF,
        &[
            Scenario { name: "anonymous 3.1", run: |s| s.ask("a", v31("e1")) },
            Scenario { name: "anonymous 3.1.1", run: |s| s.ask("a", v4("e1")) },
            Scenario { name: "anonymous 5.0", run: |s| s.ask("a", v5("e1")) },
            Scenario { name: "right 3.1.1", run: |s| s.ask("a", v4("e2").flags(0xc2).and("u").and("p")) },
            Scenario { name: "right 5.0", run: |s| s.ask("a", v5("e3").flags(0xc2).and("u").and("p")) },
            Scenario { name: "wrong 3.1.1", run: |s| s.ask("a", v4("e4").flags(0xc2).and("u").and("q")) },
            Scenario { name: "wrong 5.0", run: |s| s.ask("a", v5("e4").flags(0xc2).and("u").and("q")) },
            Scenario { name: "no password 3.1.1", run: |s| s.ask("a", v4("e5").flags(0x82).and("u")) },
            Scenario { name: "unknown 5.0", run: |s| s.ask("a", v5("e5").flags(0xc2).and("n").and("p")) },
            Scenario { name: "password alone 5.0", run: |s| s.ask("a", v5("e6").flags(0x42).and("p")) },
        ],
    );
}

#[test]
fn a_listener_with_limits_says_the_same() {
    const CONF: &str = "allow_anonymous true\nmax_packet_size 200\nmessage_size_limit 20\nmax_keepalive 30\n\
                        max_inflight_messages 0\nretain_available false\nmax_qos 1\nmax_topic_alias 3\n\
                        allow_zero_length_clientid false\n";
    compare(
        CONF,
        &[
            Scenario { name: "limits 5.0", run: |s| s.ask("a", v5("f1")) },
            Scenario { name: "limits keep alive 30", run: |s| s.ask("a", v5("f1").keep_alive(30)) },
            Scenario { name: "limits keep alive 0", run: |s| s.ask("a", v5("f1").keep_alive(0)) },
            Scenario { name: "limits 3.1.1 keep alive 60", run: |s| s.ask("a", v4("f2")) },
            Scenario { name: "limits 3.1.1 keep alive 0", run: |s| s.ask("a", v4("f2").keep_alive(0)) },
            Scenario { name: "limits 3.1.1 empty id", run: |s| s.ask("a", v4("").keep_alive(9)) },
            Scenario { name: "limits 5.0 empty id", run: |s| s.ask("a", v5("").keep_alive(9)) },
            Scenario {
                name: "limits will too large 3.1.1",
                run: |s| {
                    s.ask("a", v4("f3").keep_alive(9).flags(6).and("t").and([b'x'; 21]));
                },
            },
            Scenario {
                name: "limits will too large 5.0",
                run: |s| {
                    s.ask("a", v5("f3").keep_alive(9).flags(6).raw("00").and("t").and([b'x'; 21]));
                },
            },
            Scenario {
                name: "limits will QoS 2 5.0",
                run: |s| {
                    s.ask("a", v5("f3").keep_alive(9).flags(0x16).raw("00").and("t").and("x"));
                },
            },
            Scenario {
                name: "limits will QoS 2 3.1.1",
                run: |s| {
                    s.ask("a", v4("f3").keep_alive(9).flags(0x16).and("t").and("x"));
                },
            },
            Scenario {
                name: "limits retained will 5.0",
                run: |s| {
                    s.ask("a", v5("f3").keep_alive(9).flags(0x26).raw("00").and("t").and("x"));
                },
            },
            Scenario {
                name: "limits retained will 3.1.1",
                run: |s| {
                    s.ask("a", v4("f3").keep_alive(9).flags(0x26).and("t").and("x"));
                },
            },
            Scenario {
                name: "payload too large",
                run: |s| {
                    s.ask("a", v5("f4").keep_alive(9));
                    s.ask("a", publish5(0x30, "t", 0, "", [b'x'; 21]));
                    s.ask("a", publish5(0x32, "t", 1, "", [b'x'; 21]));
                    s.ask("b", v4("f5").keep_alive(9));
                    s.ask("b", publish(0x32, "t", 1, [b'x'; 21]));
                },
            },
            Scenario {
                name: "packet too large 5.0",
                run: |s| {
                    s.ask("a", v5("f6").keep_alive(9));
                    s.ask("a", publish5(0x30, "t", 0, "", [b'x'; 300]));
                },
            },
            Scenario {
                name: "packet too large 3.1.1",
                run: |s| {
                    s.ask("a", v4("f7").keep_alive(9));
                    s.ask("a", publish(0x30, "t", 0, [b'x'; 300]));
                },
            },
            Scenario {
                name: "qos above 5.0",
                run: |s| {
                    s.ask("a", v5("f8").keep_alive(9));
                    s.ask("a", publish5(0x34, "t", 1, "", "x"));
                },
            },
            Scenario {
                name: "qos above 3.1.1",
                run: |s| {
                    s.ask("a", v4("f9").keep_alive(9));
                    s.ask("a", publish(0x34, "t", 1, "x"));
                },
            },
            Scenario {
                name: "qos granted",
                run: |s| {
                    s.ask("a", v4("f10").keep_alive(9));
                    s.ask("a", subscribe(1, &[("f10", 2)]));
                },
            },
            Scenario {
                name: "retain refused",
                run: |s| {
                    s.ask("a", v5("f11").keep_alive(9));
                    s.ask("a", publish5(0x31, "t", 1, "", "x"));
                    s.ask("b", v4("f12").keep_alive(9));
                    s.ask("b", publish(0x31, "t", 1, "x"));
                },
            },
            Scenario {
                name: "alias above",
                run: |s| {
                    s.ask("a", v5("f13").keep_alive(9));
                    s.ask("a", publish5(0x30, "t", 1, "230003", "x"));
                    s.ask("a", publish5(0x30, "t", 1, "230004", "x"));
                },
            },
            Scenario {
                name: "connect above max_packet_size",
                run: |s| {
                    s.ask("a", v5("f14").keep_alive(9).flags(0x82).and([b'u'; 300]));
                    s.ask("b", v4("f14").keep_alive(9).flags(0x82).and([b'u'; 300]));
                },
            },
            Scenario {
                name: "disconnect packet",
                run: |s| {
                    s.ask("b", v4("f15").keep_alive(9));
                    s.ask("b", packet(0xe0, []));
                },
            },
        ],
    );
}
