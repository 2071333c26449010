//! Every target of `device add`, used once by the tool that it is for or by the line that its README prints.

use crate::support::{Client, Home, has, mqtt_js};

/// The lines of a bundle's README that a person is to type.
fn printed(home: &Home, folder: &str, program: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(home.folder().join(folder).join("README.txt")).expect("a README");
    let lines: Vec<String> =
        readme.lines().map(str::trim).filter(|line| line.starts_with(program)).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "no line with {program} in:\n{readme}");
    lines
}

/// Types what the README prints, in the bundle's folder: it gets in; and stays out once the inventory has forgotten it.
fn as_printed(target: &str) {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    home.add_device("pump", &format!("--for {target}"));
    let folder = format!("pump-{target}");
    let lines = printed(&home, &folder, "mosquitto_pub");
    let subscriber =
        Client::start_command(&mut home.command(&["sub", "-t", "devices/#", "-v", "-C", "1", "-d"]));
    subscriber.wait_for("Subscribed");
    let there = home.folder().join(&folder);
    Client::start_shell(&there, &lines[0]).end().succeeded();
    subscriber.end().succeeded().says("devices/pump/hello Hello TLS!");
    home.forget("pump");
    Client::start_shell(&there, &lines[0]).end().refused();
    broker.wait_for_line(&["rejected", "CN=pump", "our inventory does not know it"]);
}

#[test]
fn files() {
    as_printed("files");
}

#[test]
fn home_assistant() {
    as_printed("home-assistant");
}

#[test]
fn mqttx_files() {
    as_printed("mqttx");
}

#[test]
fn node_red_files() {
    as_printed("node-red");
}

#[test]
fn mqttx_and_node_red_documents_with_mqtt_js() {
    let Some(modules) = mqtt_js() else { return };
    let home = Home::new();
    let broker = home.up();
    let script = crate::support::tests_file("clients/mqtt_js.cjs");
    for (target, document, version) in
        [("mqttx", "mqttx-connection.json", "p5"), ("node-red", "node-red-flow.json", "p4")]
    {
        home.add_device(target, &format!("--for {target}"));
        let node = || {
            let mut command = std::process::Command::new("node");
            command.arg(&script).arg(document).env("NODE_PATH", &modules);
            command.current_dir(home.folder().join(format!("{target}-{target}")));
            Client::start_command(&mut command).end()
        };
        node().succeeded().says(&format!("got 'hello from MQTT.js' back on devices/{target}/mqttjs"));
        broker.wait_for_line(&["New client connected", version, &format!("u'{target}'")]);
        home.forget(target);
        node().refused().says("turned away");
        broker.wait_for_line(&["rejected", &format!("CN={target}"), "our inventory does not know it"]);
    }
}

#[test]
fn pkcs12_with_openssl() {
    if !has("mosquitto_pub") {
        return;
    }
    let home = Home::new();
    let broker = home.up();
    home.add_device("pump", "--for pkcs12");
    let there = home.folder().join("pump-pkcs12");
    let dial = format!("openssl s_client -connect localhost:{} -CAfile ca.crt -tls1_2", home.port);
    // s_client knows a PKCS#12 file by its content since OpenSSL 3.0.
    let device = format!("{dial} -cert pump.p12 -key pump.p12 -pass file:pump.p12.passphrase");
    let mut stays = Client::start(&there, &device);
    stays.wait_for("Verify return code: 0 (ok)");
    stays.say("Q");
    stays.end().succeeded();
    for line in printed(&home, "pump-pkcs12", "openssl pkcs12") {
        // A person is asked for it; a test has no terminal.
        Client::start_shell(&there, &format!("{line} -passin file:pump.p12.passphrase")).end().succeeded();
        std::fs::write(there.join("wrong"), "wrong\n").expect("write");
        let wrong = format!("{} -passin file:wrong", line.replace("pump.pem", "nothing.pem"));
        Client::start_shell(&there, &wrong).end().refused();
    }
    let line = &printed(&home, "pump-pkcs12", "mosquitto_pub")[0];
    Client::start_shell(&there, line).end().succeeded();
    home.forget("pump");
    // The inventory is asked when the handshake is over: the connection ends, unasked.
    Client::start(&there, &device).end().says("closed");
    broker.wait_for_line(&["rejected", "CN=pump", "our inventory does not know it"]);
    Client::start_shell(&there, line).end().refused();
}

#[test]
fn sealmq_as_a_context_among_others() {
    let home = Home::new();
    let laptop = Home::new();
    let broker = home.up();
    for name in ["left", "right"] {
        home.add_device(name, "--for sealmq");
        let file = home.folder().join(format!("{name}-sealmq/{name}.sealmq.json"));
        laptop.succeeds(&["context", "add", file.to_str().expect("text")]);
    }
    let subscriber = Client::start_command(&mut laptop.command(&[
        "sub",
        "--context",
        "left",
        "-t",
        "devices/#",
        "-v",
        "-C",
        "1",
        "-d",
    ]));
    subscriber.wait_for("Subscribed");
    let publish = |context: &str| {
        laptop.command(&["pub", "--context", context, "-t", "devices/right/a", "-m", "hello", "-q", "1"])
    };
    Client::start_command(&mut publish("right")).end().succeeded();
    subscriber.end().succeeded().says("devices/right/a hello");
    broker.wait_for_line(&["New client connected", "u'right'"]);
    laptop.refused(&["pub", "--context", "nobody", "-t", "a", "-m", "b"]);
    home.forget("right");
    Client::start_command(&mut publish("right")).end().refused();
    Client::start_command(&mut publish("left")).end().succeeded();
}
