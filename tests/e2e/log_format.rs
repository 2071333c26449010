//! `--log-format json`: every line is one JSON object, also the refusal of a client whose name tries to forge one.

use crate::support::{Broker, Client, Guide, free_port, has, sealmq};

#[test]
fn every_line_is_one_json_object_whatever_a_client_calls_itself() {
    if !has("mosquitto_pub") {
        return;
    }
    let guide = Guide::new();
    let port = free_port();
    std::fs::write(guide.file("m.conf"), format!("listener {port} 127.0.0.1\nallow_anonymous true\n"))
        .expect("write the configuration");
    let broker = Broker::start_command(
        sealmq().args(["-c", "m.conf", "-v", "--log-format", "json"]).current_dir(guide.folder()),
    );
    let forged = r#"a"},{"event":"forged"#;
    Client::run(guide.folder(), &format!("mosquitto_pub -p {port} -i {forged} -t a -m b")).succeeded();
    let line = broker.wait_for_line(&["forged", "New client connected"]);
    let object: serde_json::Value = serde_json::from_str(&line).expect("a JSON object");
    assert_eq!(object["client_id"].as_str(), Some(forged), "{line}");
    for line in broker.log().lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(object.is_object(), "{line}");
    }
}
