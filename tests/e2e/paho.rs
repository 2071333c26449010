//! paho-mqtt, MQTT 3.1.1 and 5.0: twenty clients over mutual TLS, every QoS, retained messages, wills, groups.

use crate::support::{Broker, Client, Guide, free_port, python, tests_file};

fn scenario(version: &str) {
    let Some(python) = python() else { return };
    let guide = Guide::new();
    let port = free_port();
    let _broker = Broker::start(
        guide.folder(),
        &format!(
            "listener {port}\ncertfile server.crt\nkeyfile server.key\ncafile ca.crt\nrequire_certificate true\nuse_identity_as_username true\n"
        ),
    );
    let script = tests_file("clients/paho_scenario.py");
    Client::run(guide.folder(), &format!("{python} {} localhost {port} {version}", script.display()))
        .succeeded()
        .says("all passed");
}

#[test]
fn twenty_clients_of_mqtt_311() {
    scenario("311");
}

#[test]
fn twenty_clients_of_mqtt_5() {
    scenario("5");
}
