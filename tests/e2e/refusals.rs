//! Who must stay out, over the wire, each beside somebody who gets in; and the line that says who refused whom and why.

use crate::support::{Broker, Client, Guide, free_port, has};

fn mutual(port: u16) -> String {
    format!(
        "listener {port}\ncertfile server.crt\nkeyfile server.key\ncafile ca.crt\nrequire_certificate true\nuse_identity_as_username true\n"
    )
}

/// Publishes with mosquitto_pub, over both TLS versions, with this certificate: it gets in, or it does not.
fn publish(guide: &Guide, port: u16, certificate: &str, gets_in: Expected) {
    for version in ["tlsv1.2", "tlsv1.3"] {
        let line = format!(
            "mosquitto_pub -h localhost -p {port} --cafile ca.crt --insecure --tls-version {version} {certificate} -q 1 -t a -m b"
        );
        let outcome = Client::run(guide.folder(), &line);
        match gets_in {
            Expected::GetsIn => drop(outcome.succeeded()),
            Expected::StaysOut => drop(outcome.refused()),
        }
    }
}

#[derive(Clone, Copy)]
enum Expected {
    GetsIn,
    StaysOut,
}
use Expected::{GetsIn, StaysOut};

/// Starts the guide's broker, shows that client1 gets in, that `certificate` does not, and that one log line holds all
/// of `reason`.
fn stays_out(prepare: &str, certificate: &str, reason: &[&str]) {
    if !has("mosquitto_pub") {
        return;
    }
    let guide = Guide::new();
    guide.shell(prepare);
    let port = free_port();
    let broker = Broker::start(guide.folder(), &mutual(port));
    publish(&guide, port, "--cert client.crt --key client.key", GetsIn);
    publish(&guide, port, certificate, StaysOut);
    broker.wait_for_line(reason);
}

#[test]
fn a_client_without_a_certificate() {
    stays_out("", "", &["refused", "no certificate"]);
}

#[test]
fn a_certificate_from_another_ca() {
    stays_out(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout other.key -out other.crt -subj /CN=OtherCA
         openssl req -new -newkey rsa:2048 -nodes -keyout stranger.key -out stranger.csr -subj /CN=client1
         openssl x509 -req -days 30 -in stranger.csr -CA other.crt -CAkey other.key -CAcreateserial -out stranger.crt",
        "--cert stranger.crt --key stranger.key",
        &["refused", "client1"],
    );
}

#[test]
fn a_certificate_from_another_ca_of_the_same_name() {
    stays_out(
        r#"openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout other.key -out other.crt -subj "/C=US/ST=State/L=City/O=MyOrg/CN=MyCA"
         openssl req -new -newkey rsa:2048 -nodes -keyout stranger.key -out stranger.csr -subj "/C=US/ST=State/L=City/O=MyOrg/CN=client1"
         openssl x509 -req -days 30 -in stranger.csr -CA other.crt -CAkey other.key -CAcreateserial -out stranger.crt"#,
        "--cert stranger.crt --key stranger.key",
        &["refused", "client1"],
    );
}

#[test]
fn an_expired_certificate() {
    stays_out(
        "openssl req -new -key client.key -out old.csr -subj /CN=old
         openssl x509 -req -days -1 -in old.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out old.crt",
        "--cert old.crt --key client.key",
        &["refused", "expired"],
    );
}

#[test]
fn the_guides_own_server_certificate_used_as_a_client() {
    stays_out("", "--cert server.crt --key server.key", &["listener"]);
}

#[test]
fn a_certificate_for_servers_only() {
    stays_out(
        "printf 'extendedKeyUsage=serverAuth\n' > ext
         openssl req -new -key client.key -out web.csr -subj /CN=web
         openssl x509 -req -days 30 -in web.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile ext -out web.crt",
        "--cert web.crt --key client.key",
        &["refused", "purpose"],
    );
}

#[test]
fn a_leaf_in_the_cafile_makes_nobody_a_ca() {
    stays_out(
        "openssl req -new -newkey rsa:2048 -nodes -keyout evil.key -out evil.csr -subj /CN=evil
         openssl x509 -req -days 30 -in evil.csr -CA client.crt -CAkey client.key -CAcreateserial -out evil.crt
         cat client.crt >> ca.crt",
        "--cert evil.crt --key evil.key",
        &["refused", "evil"],
    );
}

#[test]
fn everybody_when_the_ca_has_expired() {
    if !has("mosquitto_pub") {
        return;
    }
    let guide = Guide::new();
    guide.shell(
        "cp ca.crt good-ca.crt
         openssl req -new -key ca.key -out ca.csr -subj '/C=US/ST=State/L=City/O=MyOrg/CN=MyCA'
         printf 'basicConstraints=critical,CA:TRUE\n' > ext
         openssl x509 -req -days -1 -in ca.csr -signkey ca.key -extfile ext -out ca.crt
         cat good-ca.crt >> /dev/null",
    );
    let port = free_port();
    let started = std::panic::catch_unwind(|| Broker::start(guide.folder(), &mutual(port)));
    let refusal = started.err().expect("no anchor is left, so the broker must not start");
    let text = refusal.downcast_ref::<String>().expect("the panic carries the broker's output");
    assert!(text.contains("expired") && text.contains("hint:"), "{text}");
    guide.shell("cp good-ca.crt ca.crt");
    let _broker = Broker::start(guide.folder(), &mutual(port));
    publish(&guide, port, "--cert client.crt --key client.key", GetsIn);
}

#[test]
fn plain_mqtt_on_the_tls_port_and_tls_on_the_plain_port_are_named_in_the_log() {
    if !has("mosquitto_pub") {
        return;
    }
    let guide = Guide::new();
    let (plain, tls) = (free_port(), free_port());
    let broker =
        Broker::start(guide.folder(), &format!("allow_anonymous true\nlistener {plain}\n{}", mutual(tls)));
    Client::run(guide.folder(), &format!("mosquitto_pub -h localhost -p {tls} -t a -m b")).refused();
    broker.wait_for_line(&["refused", "plain"]);
    let tls_on_plain = format!("mosquitto_pub -h localhost -p {plain} --cafile ca.crt --insecure -t a -m b");
    Client::run(guide.folder(), &tls_on_plain).refused();
    broker.wait_for_line(&["TLS", &plain.to_string()]);
    Client::run(guide.folder(), &format!("mosquitto_pub -h localhost -p {plain} -t a -m b")).succeeded();
    publish(&guide, tls, "--cert client.crt --key client.key", GetsIn);
}
