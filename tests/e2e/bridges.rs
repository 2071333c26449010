//! Bridges to real brokers: Debian's mosquitto and another SealMQ, plain and over mutual TLS, through restarts of either
//! side under QoS 1 traffic. Messages are numbered and counted at the end.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Broker, Client, Guide, find, free_port, has, shell};

/// A broker in a folder of its own that can be stopped and started again.
struct Site {
    folder: TempDir,
    kind: Kind,
    configuration: String,
    port: u16,
    broker: Option<Broker>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    SealMq,
    /// With its persistence: it keeps queues over a restart, which SealMQ does not yet.
    Mosquitto,
}

impl Site {
    fn new(kind: Kind, more: &str) -> Site {
        Site::on(kind, TempDir::new().expect("a temporary folder"), free_port(), more)
    }

    fn on(kind: Kind, folder: TempDir, port: u16, more: &str) -> Site {
        let persistence = match kind {
            Kind::SealMq => String::new(),
            // mosquitto runs as whoever tests, and writes into its own folder.
            Kind::Mosquitto => format!(
                "persistence true\npersistence_location {}/\nuser {}\n",
                folder.path().display(),
                whoami()
            ),
        };
        let configuration = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n{persistence}{more}"
        );
        let mut site = Site { folder, kind, configuration, port, broker: None };
        site.start();
        site
    }

    fn start(&mut self) {
        std::fs::write(self.folder.path().join("mosquitto.conf"), &self.configuration).expect("write it");
        self.broker = Some(match self.kind {
            Kind::SealMq => Broker::start(self.folder.path(), &self.configuration),
            Kind::Mosquitto => Broker::start_command(
                Command::new(find("mosquitto").expect("checked by the caller"))
                    .args(["-c", "mosquitto.conf", "-v"])
                    .current_dir(self.folder.path()),
            ),
        });
    }

    /// Replaces a part of its configuration while it runs, and waits until that is in force.
    fn reload(&mut self, old: &str, new: &str) {
        assert!(self.configuration.contains(old));
        self.configuration = self.configuration.replace(old, new);
        std::fs::write(self.folder.path().join("mosquitto.conf"), &self.configuration).expect("write it");
        let before = self.broker().log().matches("Reloaded").count();
        self.broker().signal("HUP");
        while self.broker().log().matches("Reloaded").count() == before {
            self.broker().wait_for_line(&["Reload"]);
            assert!(!self.broker().log().contains("Reload refused"), "{}", self.broker().log());
            std::thread::yield_now();
        }
    }

    fn stop(&mut self) {
        let status = self.broker.take().expect("it runs").stop();
        assert!(status.success(), "{status}");
    }

    fn broker(&self) -> &Broker {
        self.broker.as_ref().expect("it runs")
    }

    /// Publishes the numbers, one after the other, at QoS 1; every one of them is acknowledged.
    fn publish(&self, topic: &str, numbers: std::ops::Range<u32>) {
        let line = format!("mosquitto_pub -p {} -q 1 -t {topic} -l", self.port);
        let mut client = Client::start(self.folder.path(), &line);
        numbers.for_each(|number| client.say(&number.to_string()));
        client.close_input();
        client.end().succeeded();
    }

    /// A subscriber that comes back, with a session of its own, until it has all `count` messages.
    fn subscribe(&self, filter: &str, count: u32) -> Client {
        let line = format!(
            "stdbuf -oL mosquitto_sub -p {} -q 1 -c -i watcher-{count} -t {filter} -C {count}",
            self.port
        );
        let client = Client::start(self.folder.path(), &format!("{line} -d"));
        client.wait_for("Subscribed");
        client
    }
}

fn whoami() -> String {
    let output = Command::new("id").arg("-un").output().expect("id can be started");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The numbers among what a client has printed.
fn numbers(text: &str) -> BTreeSet<u32> {
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

fn bridge(name: &str, to: u16, lines: &str) -> String {
    format!("connection {name}\naddress 127.0.0.1:{to}\nrestart_timeout 1\n{lines}\n")
}

#[test]
fn messages_go_both_ways_between_sealmq_and_mosquitto() {
    if !has("mosquitto") || !has("mosquitto_pub") {
        return;
    }
    let there = Site::new(Kind::Mosquitto, "");
    let here = Site::new(
        Kind::SealMq,
        &bridge("site2", there.port, "topic up/# out 1 here/ there/\ntopic down/# in 1 here/ there/"),
    );
    here.broker().wait_for_line(&["Bridge site2 connected."]);
    let (up, down) = (there.subscribe("there/up/#", 20), here.subscribe("here/down/#", 20));
    here.publish("here/up/a", 0..20);
    there.publish("there/down/b", 0..20);
    assert_eq!(numbers(&up.end().succeeded().text).len(), 20);
    assert_eq!(numbers(&down.end().succeeded().text).len(), 20);
    let state = "mosquitto_sub -W 10 -C 1 -t $SYS/broker/connection/+/state -p";
    for site in [&here, &there] {
        Client::run(Path::new("."), &format!("{state} {}", site.port)).succeeded().says("1");
    }
}

#[test]
fn the_other_broker_restarts_under_traffic_and_nothing_is_lost() {
    if !has("mosquitto") || !has("mosquitto_pub") {
        return;
    }
    let mut there = Site::new(Kind::Mosquitto, "");
    let here = Site::new(Kind::SealMq, &bridge("site2", there.port, "topic up/# out 1\ntopic down/# in 1"));
    here.broker().wait_for_line(&["Bridge site2 connected."]);
    let (up, down) = (there.subscribe("up/#", 120), here.subscribe("down/#", 60));
    for round in 0..3 {
        let first = round * 40;
        there.publish("down/b", round * 20..round * 20 + 20);
        here.publish("up/a", first..first + 20);
        there.stop();
        here.publish("up/a", first + 20..first + 40);
        there.start();
    }
    assert_eq!(numbers(&up.end().succeeded().text), (0..120).collect());
    assert_eq!(numbers(&down.end().succeeded().text), (0..60).collect());
}

/// The first of a chain of three brokers: messages go from it over a SealMQ that is restarted to a mosquitto.
fn over_a_sealmq_that_restarts(first: Kind) {
    if !has("mosquitto") || !has("mosquitto_pub") {
        return;
    }
    let last = Site::new(Kind::Mosquitto, "");
    let mut middle = Site::new(Kind::SealMq, &bridge("on", last.port, "topic up/# out 1"));
    let first = Site::new(first, &bridge("off", middle.port, "topic up/# out 1"));
    let all = last.subscribe("up/#", 80);
    for round in 0..2 {
        let start = round * 40;
        first.publish("up/a", start..start + 20);
        // What it has taken from the first it must have passed on: without persistence it is the only one that has it.
        let seen = (start..start + 20).map(|number| number.to_string());
        seen.for_each(|number| {
            all.wait_for(&format!("\n{number}\n"));
        });
        middle.stop();
        first.publish("up/a", start + 20..start + 40);
        middle.start();
        (start + 20..start + 40).for_each(|number| {
            all.wait_for(&format!("\n{number}\n"));
        });
    }
    assert_eq!(numbers(&all.end().succeeded().text), (0..80).collect());
}

#[test]
fn a_sealmq_between_a_sealmq_and_a_mosquitto_restarts_and_nothing_is_lost() {
    over_a_sealmq_that_restarts(Kind::SealMq);
}

#[test]
fn a_sealmq_that_a_mosquitto_bridges_to_restarts_and_nothing_is_lost() {
    over_a_sealmq_that_restarts(Kind::Mosquitto);
}

#[test]
fn what_goes_both_ways_comes_back_to_nobody() {
    if !has("mosquitto_pub") {
        return;
    }
    for kind in [Kind::SealMq, Kind::Mosquitto] {
        if kind == Kind::Mosquitto && !has("mosquitto") {
            continue;
        }
        for version in ["mqttv311", "mqttv50"] {
            let there = Site::new(kind, "");
            let lines = format!("topic # both 1\nbridge_protocol_version {version}");
            let here = Site::new(Kind::SealMq, &bridge("all", there.port, &lines));
            here.broker().wait_for_line(&["Bridge all connected."]);
            let (near, far) = (here.subscribe("a/#", 11), there.subscribe("a/#", 11));
            here.publish("a/b", 0..5);
            there.publish("a/b", 5..10);
            // The eleventh is the last that can come: an echo of any before it would stand in its place.
            here.publish("a/end", 10..11);
            for side in [near, far] {
                let text = side.end().succeeded().text;
                assert_eq!(numbers(&text), (0..11).collect(), "{text}");
            }
        }
    }
}

/// The guide's certificates, version 1, and one of the same kind for `localhost`.
fn guide() -> Guide {
    let guide = Guide::new();
    guide.shell(
        "openssl genrsa -out local.key 2048
        openssl req -new -key local.key -out local.csr -subj /CN=localhost
        openssl x509 -req -days 365 -in local.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out local.crt",
    );
    guide
}

/// A mosquitto with mutual TLS whose certificate is `certificate`.
fn tls_mosquitto(guide: &Guide, certificate: &str) -> (Site, u16) {
    let (folder, port) = (guide.folder().display(), free_port());
    let listener = format!(
        "listener {port}\ncafile {folder}/ca.crt\ncertfile {folder}/{certificate}.crt\nkeyfile {folder}/{certificate}.key\n\
        require_certificate true\nuse_identity_as_username true\n"
    );
    (Site::new(Kind::Mosquitto, &listener), port)
}

fn tls_bridge(guide: &Guide, port: u16, more: &str) -> String {
    let folder = guide.folder().display();
    format!(
        "connection sealed\naddress localhost:{port}\nrestart_timeout 1\ntopic up/# out 1\n\
        bridge_cafile {folder}/ca.crt\nbridge_certfile {folder}/client.crt\nbridge_keyfile {folder}/client.key\n{more}\n"
    )
}

#[test]
fn mutual_tls_with_the_guides_version_1_certificates_through_a_restart() {
    if !has("mosquitto") || !has("mosquitto_pub") {
        return;
    }
    let guide = guide();
    let (mut there, port) = tls_mosquitto(&guide, "local");
    let here = Site::new(Kind::SealMq, &tls_bridge(&guide, port, ""));
    here.broker().wait_for_line(&["Bridge sealed connected."]);
    let up = there.subscribe("up/#", 40);
    here.publish("up/a", 0..20);
    there.stop();
    here.publish("up/a", 20..40);
    there.start();
    assert_eq!(numbers(&up.end().succeeded().text), (0..40).collect());
}

#[test]
fn a_server_that_is_not_who_was_dialled_gets_nothing() {
    if !has("mosquitto") || !has("mosquitto_pub") {
        return;
    }
    let guide = guide();
    // The guide's own certificate is for mqtt.example.com, and we dial localhost.
    let (_there, port) = tls_mosquitto(&guide, "server");
    let refusing = Site::new(Kind::SealMq, &tls_bridge(&guide, port, ""));
    refusing.broker().wait_for_line(&["Bridge sealed:", "mqtt.example.com"]);
    assert!(!refusing.broker().log().contains("Bridge sealed connected."));
    let accepting = Site::new(Kind::SealMq, &tls_bridge(&guide, port, "bridge_insecure true"));
    accepting.broker().wait_for_line(&["Bridge sealed connected."]);
    accepting.broker().wait_for_line(&["bridge_insecure", "can be the other broker"]);
}

#[test]
fn a_version_1_server_is_refused_where_the_bridge_denies_it() {
    if !has("mosquitto") {
        return;
    }
    let guide = guide();
    let (_there, port) = tls_mosquitto(&guide, "local");
    let refusing = Site::new(Kind::SealMq, &tls_bridge(&guide, port, "legacy_server_certs deny"));
    refusing.broker().wait_for_line(&["Bridge sealed:", "version 1"]);
    assert!(!refusing.broker().log().contains("Bridge sealed connected."));
}

#[test]
fn another_ca_than_the_bridges_own_vouches_for_nobody() {
    if !has("mosquitto") {
        return;
    }
    let guide = guide();
    guide.shell("openssl req -new -x509 -newkey rsa:2048 -nodes -keyout other.key -days 9 -subj /CN=Other -out other.crt");
    let (_there, port) = tls_mosquitto(&guide, "local");
    let configuration = tls_bridge(&guide, port, "").replace("/ca.crt", "/other.crt");
    let here = Site::new(Kind::SealMq, &configuration);
    here.broker().wait_for_line(&["Bridge sealed:", "localhost"]);
    assert!(!here.broker().log().contains("Bridge sealed connected."));
}

/// The first configuration of docs/guides/bridges.md, with this machine's names and paths in it.
#[test]
fn the_configuration_of_the_guide_is_run() {
    if !has("mosquitto") || !has("mosquitto_pub") {
        return;
    }
    let guide = guide();
    guide.shell("cp ca.crt site2-ca.crt; cp client.crt site1.crt; cp client.key site1.key");
    let (there, port) = tls_mosquitto(&guide, "local");
    let page = crate::guides::page("docs/guides/bridges.md");
    let configuration = crate::guides::blocks(&page, "conf")
        .remove(0)
        .replace("listener 8883", &format!("listener {} 127.0.0.1", free_port()))
        .replace("site2.example.com:8883", &format!("localhost:{port}"))
        .replace("/etc/sealmq/", &format!("{}/", guide.folder().display()));
    let broker = Broker::start(
        guide.folder(),
        &format!("{configuration}\nlistener {} 127.0.0.1\nlistener_allow_anonymous true\n", free_port()),
    );
    broker.wait_for_line(&["Bridge site2 connected."]);
    let watcher = there.subscribe("$SYS/broker/connection/+/state", 1);
    watcher.end().succeeded().says("1");
}

#[test]
fn a_bridge_with_a_user_name_goes_by_the_access_list_and_one_without_by_its_topics() {
    if !has("mosquitto_pub") {
        return;
    }
    let there = Site::new(Kind::SealMq, "");
    let folder = TempDir::new().expect("a temporary folder");
    let acl = folder.path().join("acl");
    let text = "topic readwrite #\nuser clerk\ntopic write let/#\ntopic read let/#\n";
    std::fs::write(&acl, text).expect("write the list");
    shell(folder.path(), "chmod 600 acl");
    for (name, denied) in [("local_username clerk\n", true), ("", false)] {
        let lines = format!("topic # both 1\n{name}");
        let more = format!("acl_file {}\n{}", acl.display(), bridge("b", there.port, &lines));
        let here = Site::new(Kind::SealMq, &more);
        here.broker().wait_for_line(&["Bridge b connected."]);
        // Either way the last message ends both subscribers; what came before it tells whether the list counted.
        let count = if denied { 1 } else { 2 };
        let (near, far) = (here.subscribe("+/x", count), there.subscribe("+/y", count));
        there.publish("deny/x", 1..2);
        there.publish("let/x", 2..3);
        here.publish("deny/y", 1..2);
        here.publish("let/y", 2..3);
        let expected: BTreeSet<u32> = if denied { [2].into() } else { [1, 2].into() };
        assert_eq!(numbers(&near.end().succeeded().text), expected, "inwards, {name:?}");
        assert_eq!(numbers(&far.end().succeeded().text), expected, "outwards, {name:?}");
    }
}

#[test]
fn a_ca_file_that_is_half_readable_stops_the_start() {
    let guide = guide();
    guide.shell("cp ca.crt half.crt; printf '%s\\n' '-----BEGIN CERTIFICATE-----' 'AAAA' >> half.crt");
    for (file, starts) in [("ca.crt", true), ("half.crt", false), ("missing.crt", false)] {
        let configuration = format!(
            "listener {} 127.0.0.1\nconnection b\naddress localhost:{}\ntopic a\nbridge_cafile {}\n",
            free_port(),
            free_port(),
            guide.file(file).display()
        );
        if starts {
            assert!(Broker::start(guide.folder(), &configuration).stop().success());
            continue;
        }
        std::fs::write(guide.file("mosquitto.conf"), configuration).expect("write it");
        let outcome = Client::run(guide.folder(), "sealmq -c mosquitto.conf").refused();
        assert_eq!(outcome.status.code(), Some(1), "{}", outcome.text);
        outcome.says(file).says("mosquitto.conf:5");
    }
}

#[test]
fn a_reload_changes_a_bridge_at_once_or_when_its_connection_ends_and_removes_it() {
    if !has("mosquitto") || !has("mosquitto_pub") {
        return;
    }
    let mut there = Site::new(Kind::Mosquitto, "");
    let to = |lines: &str| bridge("b", there.port, lines);
    let (one, two) = (
        to("topic one/# out 1\nbridge_reload_type immediate"),
        to("topic two/# out 1\nbridge_reload_type immediate"),
    );
    let three = to("topic three/# out 1");
    let mut here = Site::new(Kind::SealMq, &one);
    here.broker().wait_for_line(&["Bridge b connected."]);
    let all = there.subscribe("+/a", 3);
    here.publish("one/a", 1..2);
    all.wait_for("\n1\n");
    here.reload(&one, &two);
    here.broker().wait_for_line(&["doing local SUBSCRIBE on topic two/#"]);
    here.publish("one/a", 9..10);
    here.publish("two/a", 2..3);
    all.wait_for("\n2\n");
    here.reload(&two, &three);
    here.publish("two/a", 3..4);
    there.stop();
    there.start();
    here.broker().wait_for_line(&["doing local SUBSCRIBE on topic three/#"]);
    here.publish("three/a", 4..5);
    let text = all.end().succeeded().text;
    assert_eq!(numbers(&text), [1, 2, 3].into(), "the old topics count until the connection ends: {text}");
    here.reload(&three, "");
    here.broker().wait_for_line(&["local.", "disconnected"]);
}

/// One reason for one refusal, in mosquitto's words, and no second one made up from the end of the connection.
#[test]
fn a_broker_that_refuses_the_bridge_is_quoted() {
    let there = Site::new(Kind::SealMq, "listener_allow_anonymous false\n");
    let here = Site::new(Kind::SealMq, &bridge("b", there.port, "topic a out"));
    here.broker().wait_for_line(&["Connection Refused: not authorised"]);
    here.broker().wait_for_line(&["Connecting bridge b (127.0.0.1:"]);
    assert!(!here.broker().log().contains("was lost"), "{}", here.broker().log());
}
