//! Every bundle: its files, modes, manifest, determinism, and what is refused.

use std::os::unix::fs::PermissionsExt;

use sealmq_device::{Bundle, BundleError, Mode, Target};
use sealmq_pki::{Name, SoftKey};
use serde_json::Value;

use crate::fixture::{Demand, Mosquitto, NOW, Pki, content, tool, unpack};

#[test]
fn each_target_is_found_by_its_name_and_by_no_other() {
    for target in Target::ALL {
        assert_eq!(Target::parse(target.as_str()), Ok(target));
    }
    let shown = Target::parse("arduinp\n").unwrap_err().to_string();
    assert!(
        shown.contains("hint: ") && shown.contains("arduino") && !shown.contains("arduinp\n'"),
        "{shown}"
    );
}

#[test]
fn every_file_with_a_key_is_secret_and_no_other_file_holds_one() {
    let device = Pki::at(NOW).device("kitchen:1", "broker.local", 8883);
    let key = device.key.to_pem();
    let marker = key.lines().nth(1).unwrap();
    for target in Target::ALL {
        let bundle = device.bundle(target);
        for file in &bundle.files {
            let text = String::from_utf8_lossy(&file.content);
            let holds_key = text.contains("PRIVATE KEY-----") || text.contains(marker);
            let packed = file.name.contains(".p12");
            assert_eq!(file.mode == Mode::Secret, holds_key || packed, "{target}: {}", file.name);
            assert!(!file.name.starts_with('/') && !file.name.contains("..") && !file.name.contains(':'));
        }
        assert!(bundle.files.iter().any(|f| f.mode == Mode::Secret), "{target} has no key at all");
    }
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    for target in Target::ALL {
        let (one, two) = (device.bundle(target), device.bundle(target));
        for (a, b) in one.files.iter().zip(&two.files) {
            assert!(a.name == b.name && a.content == b.content, "{target}: {}", a.name);
        }
    }
}

#[test]
fn the_manifest_lists_every_file_with_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    for target in Target::ALL {
        let bundle = device.bundle(target);
        let folder = unpack(&bundle, dir.path());
        let manifest: Value = serde_json::from_str(&content(&bundle, "manifest.json")).unwrap();
        assert_eq!(manifest["id"], "client1");
        assert_eq!(manifest["target"], target.as_str());
        assert_eq!(manifest["serial"], device.chain[0].facts().serial.to_string());
        assert_eq!(manifest["not_after"], device.chain[0].facts().not_after.to_string());
        assert_eq!(manifest["anchors"][0]["subject"], "CN=test 77 Root CA G1,O=SealMQ");
        let listed = manifest["files"].as_array().unwrap();
        assert_eq!(listed.len(), bundle.files.len() - 1);
        for entry in listed {
            let name = entry["name"].as_str().unwrap();
            let Some(sum) = tool("sha256sum", &[name], &folder) else { return };
            assert_eq!(sum.split(' ').next(), entry["sha256"].as_str(), "{name}");
            let mode = std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777;
            assert_eq!(format!("{mode:04o}"), entry["mode"].as_str().unwrap(), "{name}");
        }
    }
}

#[test]
fn the_readme_names_every_file_it_comes_with() {
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    for target in Target::ALL {
        let bundle = device.bundle(target);
        let readme = content(&bundle, "README.txt");
        for file in bundle.files.iter().filter(|f| f.name != "README.txt") {
            let name = file.name.rsplit('/').next().unwrap();
            assert!(readme.contains(name), "{target}: {name} is not in:\n{}", readme.as_str());
        }
        assert!(readme.contains(&device.chain[0].facts().not_after.date()), "{target}");
    }
}

#[test]
fn a_key_or_a_certificate_of_somebody_else_is_refused() {
    let pki = Pki::at(NOW);
    let device = pki.device("client1", "192.168.1.10", 8883);
    let refused = |change: &dyn Fn(&mut sealmq_device::BundleRequest<'_>)| {
        let mut request = device.request();
        change(&mut request);
        Bundle::build(Target::Files, &request).err().map(|e| e.to_string()).unwrap_or_default()
    };
    assert_eq!(refused(&|_| ()), "");
    let (other_key, other_name) = (SoftKey::generate().unwrap(), Name::parse("client2").unwrap());
    let mut request = device.request();
    request.key = &other_key;
    assert!(matches!(Bundle::build(Target::Files, &request), Err(BundleError::Certificate { .. })));
    let mut request = device.request();
    request.name = &other_name;
    assert!(matches!(Bundle::build(Target::Files, &request), Err(BundleError::Certificate { .. })));
    assert!(refused(&|r| r.chain = &[]).contains("there is none"));
    assert!(refused(&|r| r.anchors = &[]).contains("no root"));
}

#[test]
fn mqttx_and_node_red_files_hold_the_paths_and_fields_that_their_importers_require() {
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    let mut request = device.request();
    request.folder = Some("/home/me/client1-mqttx");
    let mqttx = Bundle::build(Target::Mqttx, &request).unwrap();
    let connection: Value = serde_json::from_str(&content(&mqttx, "mqttx-connection.json")).unwrap();
    let connection = &connection.as_array().unwrap()[0];
    // MQTTX refuses a connection without these, and skips one without an id.
    for field in ["id", "clientId", "name", "host", "port", "certType", "ca"] {
        assert!(!connection[field].is_null() && connection[field] != "", "{field}");
    }
    assert_eq!((&connection["ssl"], &connection["rejectUnauthorized"]), (&true.into(), &true.into()));
    for field in ["ca", "cert", "key"] {
        let path = connection[field].as_str().unwrap();
        let name = path.strip_prefix("/home/me/client1-mqttx/").unwrap();
        assert!(mqttx.files.iter().any(|f| f.name == name), "{field}: {path}");
    }

    let node_red = Bundle::build(Target::NodeRed, &request).unwrap();
    let flow: Value = serde_json::from_str(&content(&node_red, "node-red-flow.json")).unwrap();
    let node = |kind: &str| flow.as_array().unwrap().iter().find(|n| n["type"] == kind).unwrap().clone();
    let (tls, broker, input) = (node("tls-config"), node("mqtt-broker"), node("mqtt in"));
    assert_eq!(tls["verifyservercert"], true);
    assert_eq!(
        (&broker["tls"], &broker["usetls"], &broker["port"]),
        (&tls["id"], &true.into(), &"8883".into())
    );
    assert_eq!((&input["broker"], &input["z"]), (&broker["id"], &node("tab")["id"]));
    assert_eq!(input["wires"][0][0], node("debug")["id"]);
    for field in ["ca", "cert", "key"] {
        let name = tls[field].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        assert!(node_red.files.iter().any(|f| f.name == name), "{field}");
    }
}

#[test]
fn the_command_in_each_readme_works_as_printed() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::of_today();
    let Some(broker) = Mosquitto::start(&pki, &["localhost", "127.0.0.1"], Demand::Certificate, dir.path())
    else {
        return;
    };
    let device = pki.device("client1", "127.0.0.1", broker.port);
    for target in [Target::Files, Target::Mqttx, Target::HomeAssistant, Target::NodeRed] {
        let bundle = device.bundle(target);
        let folder = unpack(&bundle, dir.path());
        let readme = content(&bundle, "README.txt");
        let line = readme.lines().find(|l| l.trim_start().starts_with("mosquitto_pub")).unwrap();
        tool("sh", &["-ec", line.trim()], &folder).unwrap();
    }
}
