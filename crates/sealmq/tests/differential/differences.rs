//! Where SealMQ answers otherwise than mosquitto, and why: Debian's 2.0.11 in one table, 2.1 (2.1.2 was run) in the
//! other. What stands in the first only is what 2.1 does.

use super::peers::Release;

/// One step of one scenario.
pub(super) struct Difference {
    pub(super) scenario: &'static str,
    /// The step's number in the scenario, from 0.
    pub(super) step: usize,
    /// What we answer.
    pub(super) ours: &'static str,
    pub(super) reason: &'static str,
}

const SAYS_WHY: &str = "5.0 lets a server say why before it closes (MQTT §4.13); 2.0 closes without a word";
const STRICT: &str = "malformed or a protocol error by the standard, which 2.0 overlooks: reserved flags \
    [MQTT-2.1.3-1], trailing bytes, values and codes that are not defined, packets that only servers send";
const CONTRACT: &str = "as mosquitto 2.1: order of CONNACK's properties, max_keepalive, 0x8E at a take-over, 0x81 for \
    too many levels";
const CODE: &str = "mosquitto 2.1's choice between malformed and protocol error";
const WINDOW: &str = "each acknowledgement makes room for one message, not two";
const SHARE: &str =
    "`$share/` has its meaning in every filter, and a share name is not empty [MQTT-4.8.2-1] [MQTT-4.8.2-2]";
const ORDER: &str = "order of properties as mosquitto 2.1";
const RECEIVE_MAX: &str =
    "more than Receive Maximum is DISCONNECT 0x93 (MQTT §3.3.4); mosquitto 2.1 answers 0x97 and goes on";
const SHARED_RETAINED: &str = "a shared subscription is given nothing retained (MQTT §4.8.2)";
const NO_LOCAL: &str = "no local holds for retained messages, too [MQTT-3.8.3-3]";
const SHORTEST: &str = "a length is in its shortest form [MQTT-1.5.5-1]";
const CONTROL: &str = "$CONTROL answers at once; mosquitto 2.1 behind the next packet, 2.0 not at all";
const ALIAS: &str = "topic aliases towards the client, as mosquitto 2.1 (max_topic_alias_broker)";
const EACH: &str = "a copy for each subscription that matches, as mosquitto 2.1 (allow_duplicate_messages)";
const LEVEL: &str = "as mosquitto 2.1: 0x84 in the form of 5.0, and nothing to a bridge of 5.0";

const fn row(scenario: &'static str, step: usize, ours: &'static str, reason: &'static str) -> Difference {
    Difference { scenario, step, ours, reason }
}

// One row of the table is one row of the text.
#[rustfmt::skip]
pub(super) const DIFFERENCES: &[Difference] = &[
    row("level 6", 0, "2003008400 | closed", LEVEL),
    row("5.0 receive maximum 0", 0, "2003008200 | closed", SAYS_WHY),
    row("5.0 maximum packet size 0", 0, "2003008200 | closed", SAYS_WHY),
    row("5.0 session expiry twice", 0, "2003008200 | closed", SAYS_WHY),
    row("5.0 unknown property", 0, "2003008100 | closed", SAYS_WHY),
    row("5.0 property of another packet", 0, "2003008200 | closed", SAYS_WHY),
    row("5.0 request problem information 2", 0, "2003008200 | closed", SAYS_WHY),
    row("5.0 authentication data alone", 0, "2003008200 | closed", STRICT),
    row("5.0 trailing bytes", 0, "2003008100 | closed", SAYS_WHY),
    row("5.0 id with U+0001", 0, "2003008500 | closed", SAYS_WHY),
    row("auth 5.0", 1, "e00182 | closed", SAYS_WHY),
    row("re-auth 5.0", 1, "e00182 | closed", SAYS_WHY),
    row("packets of a server", 3, "closed", STRICT),
    row("packets of a server", 5, "closed", STRICT),
    row("packets of a server", 7, "closed", STRICT),
    row("packets of a server", 9, "e00182 | closed", SAYS_WHY),
    row("packets of a server", 11, "e00182 | closed", STRICT),
    row("packets of a server", 13, "e00182 | closed", STRICT),
    row("packets of a server", 15, "e00182 | closed", STRICT),
    row("limits 5.0", 0, "201200000f13001e220003250027000000c82401", CONTRACT),
    row("limits keep alive 0", 0, "201200000f13001e220003250027000000c82401", CONTRACT),
    row("limits 3.1.1 keep alive 60", 0, "20020002 | closed", CONTRACT),
    row("limits 3.1.1 keep alive 0", 0, "20020002 | closed", CONTRACT),
    row("id 0", 3, "e00182 | closed", SAYS_WHY),
    row("id 0", 7, "e00182 | closed", SAYS_WHY),
    row("id 0", 11, "e00182 | closed", SAYS_WHY),
    row("id 0", 15, "e00182 | closed", SAYS_WHY),
    row("flags", 1, "closed", STRICT),
    row("flags", 3, "e00181 | closed", STRICT),
    row("flags", 5, "closed", STRICT),
    row("flags", 7, "e00181 | closed", STRICT),
    row("flags", 11, "e00181 | closed", SAYS_WHY),
    row("flags", 13, "closed", STRICT),
    row("flags", 15, "e00181 | closed", STRICT),
    row("longer in 3.1.1", 1, "closed", STRICT),
    row("longer in 3.1.1", 3, "closed", STRICT),
    row("longer in 3.1.1", 5, "closed", STRICT),
    row("longer in 3.1.1", 7, "closed", STRICT),
    row("reason codes 5.0", 3, "e00182 | closed", STRICT),
    row("reason codes 5.0", 9, "e00182 | closed", STRICT),
    row("reason codes 5.0", 15, "e00181 | closed", SAYS_WHY),
    row("too short", 1, "e00181 | closed", SAYS_WHY),
    row("too short", 5, "e00181 | closed", SAYS_WHY),
    row("too short", 9, "e00181 | closed", SAYS_WHY),
    row("wrong acknowledgement for qos 1", 3, "e00182 | closed", SAYS_WHY),
    row("wrong acknowledgement for qos 1", 7, "e00182 | closed", SAYS_WHY),
    row("wrong acknowledgement for qos 2", 6, "e00182 | closed", SAYS_WHY),
    row("wrong acknowledgement for qos 2", 13, "e00182 | closed", SAYS_WHY),
    row("window of 20", 26, "32080003616631001578", WINDOW),
    row("window of 20", 27, "32080003616631001678", WINDOW),
    row("reserved types", 7, "e00182 | closed", SAYS_WHY),
    row("reserved types", 11, "e00182 | closed", SAYS_WHY),
    row("remaining length not shortest", 3, "e00181 | closed", STRICT),
    row("pingreq with a body", 1, "closed", STRICT),
    row("pingreq with a body", 3, "closed", STRICT),
    row("pingreq with flags", 1, "closed", STRICT),
    row("pingreq with flags", 3, "e00181 | closed", STRICT),
    row("disconnect with flags", 3, "e00181 | closed", SAYS_WHY),
    row("disconnect with a body", 19, "e00181 | closed", SAYS_WHY),
    row("publish properties cut short", 5, "e00182 | closed", SAYS_WHY),
    row("connect cut short", 3, "2003008100", SAYS_WHY),
    row("properties pass", 5, "3016000467342f740e2600016100016202000000640b0778", ORDER),
    row("topic alias 0", 1, "e00182 | closed", CODE),
    row("wildcard in topic", 1, "e00181 | closed", CODE),
    row("topic levels", 19, "e00181 | closed", CONTRACT),
    row("topic levels", 28, "e00181 | closed", CONTRACT),
    row("publish to $SYS and others", 3, "40020001 | 3039001324434f4e54524f4c2f782f726573706f6e7365007b226572726f72223a2022656e64706f696e74206e6f7420617661696c61626c65227d", CONTROL),
    row("dup with qos 0", 1, "e00181 | closed", STRICT),
    row("dup with qos 0", 3, "closed", STRICT),
    row("subscription id in publish", 1, "e00182 | closed", STRICT),
    row("payload format with other bytes", 2, "e00182 | closed", STRICT),
    row("response topic with wildcard", 1, "e00182 | closed", STRICT),
    row("receive maximum of the broker", 21, "e00193 | closed", RECEIVE_MAX),
    row("retained to shared", 3, "900400010000", SHARED_RETAINED),
    row("retained no local", 2, "900400010000", NO_LOCAL),
    row("retained with alias and properties", 3, "900400010000 | 311600046b392f740e260001610001620300016a23000172", ALIAS),
    row("retained with alias and properties", 5, "300a0000032300016c697665", ALIAS),
    row("retained with alias and properties", 7, "300a0000032300016c697665", ALIAS),
    row("taken over 5.0", 2, "e0018e | closed", SAYS_WHY),
    row("taken over, resumed", 3, "e0018e | closed", SAYS_WHY),
    row("invalid filters 3.1.1", 13, "closed", SHARE),
    row("invalid filters 3.1.1", 15, "closed", SHARE),
    row("invalid filters 3.1.1", 17, "closed", SHARE),
    row("invalid filters 3.1.1", 19, "closed", SHARE),
    row("invalid filters 3.1.1", 21, "closed", SHARE),
    row("invalid filters 3.1.1", 27, "closed", SHARE),
    row("invalid filters 5.0", 13, "e00182 | closed", SHARE),
    row("invalid filters 5.0", 15, "e00182 | closed", SHARE),
    row("invalid filters 5.0", 17, "e00182 | closed", SHARE),
    row("invalid filters 5.0", 19, "e00182 | closed", SHARE),
    row("invalid filters 5.0", 21, "e00182 | closed", SHARE),
    row("invalid filters 5.0", 27, "e00182 | closed", SHARE),
    row("invalid filters in unsubscribe", 13, "closed", SHARE),
    row("invalid filters in unsubscribe", 15, "e00182 | closed", SHARE),
    row("invalid filters in unsubscribe", 17, "closed", SHARE),
    row("invalid filters in unsubscribe", 19, "e00182 | closed", SHARE),
    row("no local on shared", 1, "e00182 | closed", STRICT),
    row("subscription id twice", 1, "e00182 | closed", SAYS_WHY),
    row("level 0", 0, "2003008400 | closed", LEVEL),
    row("level 2", 0, "2003008400 | closed", LEVEL),
    row("properties pass", 2, "3027000467342f741f01010300016a08000172090002636426000161000162260001610001630b0778", ORDER),
    row("empty topic", 1, "e00181 | closed", CODE),
    row("denied subscribe", 7, "320900046f6b2f74000178 | 300700046f6b2f7478", EACH),
    row("overlapping 3.1.1", 2, "320900046d382f74000178 | 300700046d382f7478 | 40020001", EACH),
];

/// Where SealMQ answers otherwise than mosquitto 2.1.
#[rustfmt::skip]
pub(super) const DIFFERENCES_2_1: &[Difference] = &[
    row("remaining length not shortest", 3, "e00181 | closed", SHORTEST),
    row("publish to $SYS and others", 3, "40020001 | 3039001324434f4e54524f4c2f782f726573706f6e7365007b226572726f72223a2022656e64706f696e74206e6f7420617661696c61626c65227d", CONTROL),
    row("publish to $SYS and others", 4, "4003000187", CONTROL),
    row("receive maximum of the broker", 21, "e00193 | closed", RECEIVE_MAX),
    row("retained no local", 2, "900400010000", NO_LOCAL),
    row("invalid filters 3.1.1", 15, "closed", SHARE),
    row("invalid filters 3.1.1", 27, "closed", SHARE),
    row("invalid filters 5.0", 15, "e00182 | closed", SHARE),
    row("invalid filters 5.0", 27, "e00182 | closed", SHARE),
    row("invalid filters in unsubscribe", 17, "closed", SHARE),
    row("invalid filters in unsubscribe", 19, "e00182 | closed", SHARE),
];

pub(super) fn find(release: Release, scenario: &str, step: usize) -> Option<&'static Difference> {
    let table = match release {
        Release::V2_0 => DIFFERENCES,
        Release::V2_1 => DIFFERENCES_2_1,
    };
    table.iter().find(|row| row.scenario == scenario && row.step == step)
}
