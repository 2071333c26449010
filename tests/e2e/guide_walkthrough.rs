//! Part A of the walkthrough: the guide as written, with nothing changed but the broker binary.

use crate::support::{Broker, Client, Guide, free_port, has};

/// Walkthrough A2, as written, with free ports instead of 1883 and 8883.
pub(crate) fn a2(plain: u16, tls: u16) -> String {
    format!(
        "# Listener for insecure connections (optional)
listener {plain}

# Listener for TLS connections
listener {tls}
certfile server.crt
keyfile server.key
cafile ca.crt

# Require client certificates (mutual TLS)
require_certificate true
use_identity_as_username true

# TLS version (disable old versions)
tls_version tlsv1.2 tlsv1.3

# Cipher suites (strong ciphers only)
ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
"
    )
}

struct Running {
    guide: Guide,
    broker: Broker,
    plain: u16,
    tls: u16,
}

fn guide_broker() -> Running {
    let guide = Guide::new();
    let (plain, tls) = (free_port(), free_port());
    let broker = Broker::start(guide.folder(), &a2(plain, tls));
    Running { guide, broker, plain, tls }
}

#[test]
fn the_guides_configuration_starts_and_says_what_each_listener_demands() {
    let running = guide_broker();
    running.broker.wait_for_line(&[&running.plain.to_string(), "anonymous"]);
    running.broker.wait_for_line(&[&running.tls.to_string(), "certificate"]);
    running.broker.wait_for_line(&["ca.crt", "ends in 36", "everything stops that day"]);
    running.broker.wait_for_line(&["server.crt", "ends in 36"]);
    running.broker.wait_for_line(&["server.crt", "version 1"]);
    running.broker.wait_for_line(&["server.crt", "no subject alternative name"]);
    assert!(running.broker.stop().success(), "SIGTERM ends the broker with 0");
}

#[test]
fn mosquitto_pub_and_sub_talk_over_mutual_tls_as_client1() {
    if !has("mosquitto_pub") {
        return;
    }
    let Running { guide, broker, tls, .. } = guide_broker();
    for version in ["tlsv1.2", "tlsv1.3"] {
        let flags = format!(
            "-h localhost -p {tls} --cafile ca.crt --cert client.crt --key client.key --insecure --tls-version {version}"
        );
        let subscriber = Client::start(
            guide.folder(),
            &format!("stdbuf -oL mosquitto_sub {flags} -t test/topic -C 1 -i sub-{version} -v -d"),
        );
        subscriber.wait_for("Subscribed");
        Client::run(
            guide.folder(),
            &format!("mosquitto_pub {flags} -t test/topic -m HelloTLS! -i pub-{version}"),
        )
        .succeeded();
        subscriber.end().succeeded().says("test/topic HelloTLS!");
        broker.wait_for_line(&["New client connected", &format!("sub-{version}"), "u'client1'"]);
    }
}

#[test]
fn our_own_pub_and_sub_accept_the_guides_certificates_in_both_directions() {
    let Running { guide, broker: _broker, tls, .. } = guide_broker();
    let flags =
        format!("-h localhost -p {tls} --cafile ca.crt --cert client.crt --key client.key --insecure");
    let subscriber = Client::start(guide.folder(), &format!("sealmq sub {flags} -t test/topic -C 1 -v -d"));
    subscriber.wait_for("Subscribed");
    Client::run(guide.folder(), &format!("sealmq pub {flags} -t test/topic -m Hello")).succeeded();
    subscriber.end().succeeded().says("test/topic Hello");
}

#[test]
fn our_own_pub_and_sub_work_with_a_mosquitto_that_serves_the_guides_certificates() {
    if !has("mosquitto") {
        return;
    }
    let guide = Guide::new();
    let tls = free_port();
    let configuration = format!(
        "listener {tls} 127.0.0.1\ncertfile server.crt\nkeyfile server.key\ncafile ca.crt\nrequire_certificate true\nuse_identity_as_username true\nuser root\n"
    );
    std::fs::write(guide.file("peer.conf"), configuration).expect("write the configuration");
    let mut command = std::process::Command::new(crate::support::find("mosquitto").expect("looked up above"));
    let _peer = Broker::start_command(command.args(["-c", "peer.conf"]).current_dir(guide.folder()));
    let flags =
        format!("-h localhost -p {tls} --cafile ca.crt --cert client.crt --key client.key --insecure");
    let subscriber = Client::start(guide.folder(), &format!("sealmq sub {flags} -t test/topic -C 1 -v -d"));
    subscriber.wait_for("Subscribed");
    Client::run(guide.folder(), &format!("sealmq pub {flags} -t test/topic -m Hello -q 1")).succeeded();
    subscriber.end().succeeded().says("test/topic Hello");
    let named = format!("-h localhost -p {tls} --cafile ca.crt --cert client.crt --key client.key");
    Client::run(guide.folder(), &format!("sealmq pub {named} -t a -m b")).refused().says("mqtt.example.com");
}

#[test]
fn openssl_verifies_the_server_and_tls_13_then_shows_certificate_required() {
    let Running { guide, broker, tls, .. } = guide_broker();
    Client::start(guide.folder(), &format!("openssl s_client -connect localhost:{tls} -CAfile ca.crt"))
        .end()
        .says("Verify return code: 0 (ok)")
        .says("certificate required");
    broker.wait_for_line(&["refused", "no certificate"]);
}

#[test]
fn tls_12_takes_exactly_the_configured_suites() {
    let Running { guide, broker: _broker, tls, .. } = guide_broker();
    let client = format!(
        "openssl s_client -connect localhost:{tls} -CAfile ca.crt -cert client.crt -key client.key -tls1_2 -cipher"
    );
    let mut accepted = Client::start(guide.folder(), &format!("{client} ECDHE-RSA-AES256-GCM-SHA384"));
    accepted.wait_for("Verify return code: 0 (ok)").wait_for("Cipher is ECDHE-RSA-AES256-GCM-SHA384");
    accepted.say("Q");
    for other in ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "AES256-GCM-SHA384"] {
        Client::run(guide.folder(), &format!("{client} {other}")).refused().says("handshake failure");
    }
}

#[test]
fn older_tls_does_not_exist() {
    let Running { guide, broker: _broker, tls, .. } = guide_broker();
    for version in ["-tls1", "-tls1_1"] {
        let line = format!(
            "openssl s_client -connect localhost:{tls} -CAfile ca.crt {version} -cipher DEFAULT@SECLEVEL=0"
        );
        Client::run(guide.folder(), &line).refused().says("alert");
    }
}

#[test]
fn the_plain_listener_refuses_anonymous_clients_and_the_log_says_how_to_allow_them() {
    if !has("mosquitto_pub") {
        return;
    }
    let Running { guide, broker, plain, .. } = guide_broker();
    Client::run(guide.folder(), &format!("mosquitto_pub -h localhost -p {plain} -t a -m b"))
        .refused()
        .says("not authori");
    broker.wait_for_line(&["allow_anonymous true"]);
}

#[test]
fn a_device_logs_in_with_name_and_password_over_server_only_tls() {
    if !has("mosquitto_pub") {
        return;
    }
    let guide = Guide::new();
    guide.shell("mosquitto_passwd -b -c passwd device1 secret && chmod 0600 passwd");
    let tls = free_port();
    let broker = Broker::start(
        guide.folder(),
        &format!("listener {tls}\ncertfile server.crt\nkeyfile server.key\npassword_file passwd\n"),
    );
    let flags = format!("-h localhost -p {tls} --cafile ca.crt --insecure -V mqttv311 -k 15 -t a/b");
    let subscriber = Client::start(
        guide.folder(),
        &format!("stdbuf -oL mosquitto_sub {flags} -u device1 -P secret -C 1 -d"),
    );
    subscriber.wait_for("Subscribed");
    Client::run(guide.folder(), &format!("mosquitto_pub {flags} -u device1 -P secret -m hello")).succeeded();
    subscriber.end().succeeded().says("hello");
    for wrong in ["-u device1 -P wrong", "-u nobody -P secret", ""] {
        Client::run(guide.folder(), &format!("mosquitto_pub {flags} {wrong} -m hello"))
            .refused()
            .says("not authori");
    }
    let mut stays =
        Client::start(guide.folder(), &format!("openssl s_client -connect localhost:{tls} -CAfile ca.crt"));
    stays.wait_for("Verify return code: 0 (ok)");
    stays.say("Q");
    stays.end().succeeded();
    assert!(broker.stop().success());
}
