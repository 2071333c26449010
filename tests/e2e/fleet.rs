//! `up` with a fleet: twenty devices with a certificate each, paho over mutual TLS, and the broker's end and return.

use std::time::Instant;

use crate::support::{Client, Home, Outcome, has, python, tests_file};

const FLEET: usize = 20;

fn names() -> Vec<String> {
    (0..FLEET).map(|number| format!("unit{number:02}")).collect()
}

fn scenario(home: &Home, python: &str, version: &str) -> Outcome {
    let script = tests_file("clients/paho_scenario.py");
    let ca = home.data().join("ca/ca.crt");
    let line = format!(
        "{python} {} localhost {} {version} {} {}",
        script.display(),
        home.port,
        ca.display(),
        names().join(" ")
    );
    Client::run(home.folder(), &line)
}

fn proof(name: &str) -> String {
    format!("--cert {name}-files/{name}.crt --key {name}-files/{name}.key")
}

#[test]
fn twenty_devices_talk_before_and_after_a_restart_with_the_certificates_they_have() {
    let Some(python) = python() else { return };
    let home = Home::new();
    let broker = home.up();
    for name in names() {
        home.add_device(&name, "");
    }
    scenario(&home, &python, "311").succeeded().says("all passed");
    for name in names() {
        broker.wait_for_line(&["New client connected", &format!("u'{name}'")]);
    }
    assert!(broker.stop().success(), "SIGTERM ends the broker with 0");

    let started = Instant::now();
    let _broker = home.up();
    eprintln!("second start of `up` with {FLEET} devices: ready after {:?}", started.elapsed());
    scenario(&home, &python, "5").succeeded().says("all passed");
}

#[test]
fn a_certificate_that_the_inventory_forgets_is_refused_from_that_moment_and_its_neighbour_is_not() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    home.add_device("stays", "");
    home.add_device("goes", "");
    assert!(home.mosquitto_pub(&proof("stays")) && home.mosquitto_pub(&proof("goes")), "{}", broker.log());
    home.forget("goes");
    assert!(!home.mosquitto_pub(&proof("goes")), "{}", broker.log());
    broker.wait_for_line(&["rejected", "we refused", "CN=goes", "our inventory does not know it"]);
    assert!(home.mosquitto_pub(&proof("stays")), "{}", broker.log());
    assert!(broker.stop().success());
    let _broker = home.up();
    assert!(!home.mosquitto_pub(&proof("goes")), "a restart brings nothing back");
    assert!(home.mosquitto_pub(&proof("stays")));
}

#[test]
fn openssl_verifies_the_broker_by_name_and_only_a_device_stays_connected() {
    let home = Home::new();
    let broker = home.up();
    home.add_device("probe", "");
    let ca = home.data().join("ca/ca.crt").display().to_string();
    let line = format!("openssl s_client -connect localhost:{} -CAfile {ca} -verify_return_error", home.port);
    for version in ["-tls1_2", "-tls1_3"] {
        for name in ["-verify_hostname localhost", "-verify_ip 127.0.0.1"] {
            let device = proof("probe").replace("--", "-");
            let mut stays =
                Client::start(home.folder(), &format!("{line} {version} {name} -x509_strict {device}"));
            stays.wait_for("Verify return code: 0 (ok)");
            stays.say("Q");
            stays.end().succeeded();
        }
        let stranger = format!("{line} {version} -verify_hostname other.example.com");
        Client::run(home.folder(), &stranger).refused().says("hostname mismatch");
        Client::start(home.folder(), &format!("{line} {version}")).end().refused().says("alert");
        let distrust = line.replace(&ca, &format!("{}/ca/issuing/issuing.crt", home.data().display()));
        Client::run(home.folder(), &format!("{distrust} {version}")).refused();
    }
    broker.wait_for_line(&["rejected", "it sent no certificate, and one is required here"]);
}

#[test]
fn subscribers_come_back_by_themselves_when_the_broker_does() {
    if !has("mosquitto_sub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    home.add_device("stays", "");
    let flags = format!("-h localhost -p {} --cafile {}/ca/ca.crt", home.port, home.data().display());
    // Of 3.1.1: mosquitto_sub ends where a server of MQTT 5 tells it that it shuts down.
    let subscribers = ["mosquitto_sub -i three", "sealmq sub -i ours"].map(|program| {
        let line = format!("{program} {flags} {} -t test/back -C 1", proof("stays"));
        let id = program.split_whitespace().last().expect("a client id");
        let subscriber = Client::start(home.folder(), &line);
        broker.wait_for_line(&["New client connected", &format!(" as {id} "), "u'stays'"]);
        subscriber
    });
    assert!(broker.stop().success());
    let broker = home.up();
    home.succeeds(&["pub", "-t", "test/back", "-m", "welcome", "-r", "-q", "1"]);
    for subscriber in subscribers {
        subscriber.end().succeeded().says("welcome");
    }
    broker.wait_for_line(&["New client connected", " as three ", "u'stays'"]);
}
