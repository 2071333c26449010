//! What an ESP32 does: mbedTLS with the generated header, against Debian's mosquitto with our server certificate.

use std::path::Path;

use sealmq_device::Target;

use crate::fixture::{Demand, Mosquitto, Pki, attempt, tool, unpack};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients/mbedtls_client.c");

/// Compiles the C client into `dir`; with the header of a bundle if one is given.
fn compiled(header: Option<&Path>, name: &str, dir: &Path) -> Option<String> {
    let out = dir.join(name).display().to_string();
    let define = header.map(|h| format!("-DSEALMQ_HEADER=\"{}\"", h.display()));
    let mut args = vec!["-Wall", "-Wextra", "-Werror", CLIENT];
    args.extend(define.as_deref());
    args.extend(["-lmbedtls", "-lmbedx509", "-lmbedcrypto", "-o", &out]);
    if !Path::new("/usr/include/mbedtls/ssl.h").exists() {
        let required = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!required, "libmbedtls-dev is not installed, and CI requires it");
        println!("skipped: libmbedtls-dev is not installed");
        return None;
    }
    tool("cc", &args, dir)?;
    Some(out)
}

#[test]
fn the_generated_header_connects_by_address_and_gets_its_message_back() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::of_today();
    let hosts = ["localhost", "127.0.0.1"];
    let Some(broker) = Mosquitto::start(&pki, &hosts, Demand::Certificate, dir.path()) else { return };
    let device = pki.device("client1", "127.0.0.1", broker.port);
    let folder = unpack(&device.bundle(Target::Arduino), dir.path());
    let header = folder.join("sealmq_device/sealmq_certs.h");
    let Some(client) = compiled(Some(&header), "client", dir.path()) else { return };
    let text = tool(&client, &[], dir.path()).unwrap();
    assert!(text.contains("TLSv1.2") && text.contains("back on devices/client1/hello"), "{text}");
    let text = tool(&client, &["--server-name", "localhost"], dir.path()).unwrap();
    assert!(text.contains("back on"), "{text}");
    let (connected, text) = attempt(&client, &["--server-name", "other.example"], dir.path()).unwrap();
    assert!(!connected && text.contains("CN") && text.contains("-0x2700"), "{text}");
}

#[test]
fn files_work_too_and_no_certificate_or_a_strangers_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::of_today();
    let Some(broker) = Mosquitto::start(&pki, &["127.0.0.1"], Demand::Certificate, dir.path()) else {
        return;
    };
    let Some(client) = compiled(None, "client", dir.path()) else { return };
    let port = broker.port.to_string();
    let folder = unpack(&pki.device("client1", "127.0.0.1", broker.port).bundle(Target::Files), dir.path());
    let base = ["--host", "127.0.0.1", "--port", &port, "--cafile", "ca.crt"];
    let own = [&base[..], &["--cert", "client1.crt", "--key", "client1.key"]].concat();
    tool(&client, &own, &folder).unwrap();
    let (connected, text) = attempt(&client, &base, &folder).unwrap();
    assert!(!connected && text.contains("mbedTLS -0x"), "{text}");

    let stranger = Pki::of_today().device("client1", "127.0.0.1", broker.port);
    let strangers = tempfile::tempdir().unwrap();
    let strangers = unpack(&stranger.bundle(Target::Files), strangers.path());
    std::fs::copy(folder.join("ca.crt"), strangers.join("ca.crt")).unwrap();
    let (connected, text) = attempt(&client, &own, &strangers).unwrap();
    assert!(!connected && text.contains("mbedTLS -0x"), "{text}");
}

#[test]
fn a_password_over_server_only_tls_works_and_a_wrong_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::of_today();
    let Some(broker) = Mosquitto::start(&pki, &["127.0.0.1"], Demand::Password, dir.path()) else { return };
    let Some(client) = compiled(None, "client", dir.path()) else { return };
    let port = broker.port.to_string();
    let base = ["--host", "127.0.0.1", "--port", &port, "--cafile", "roots.crt", "--tls-version", "1.2"];
    tool(&client, &[&base[..], &["--user", "sensor", "--password", "secret"]].concat(), dir.path()).unwrap();
    let wrong = [&base[..], &["--user", "sensor", "--password", "wrong"]].concat();
    let (connected, text) = attempt(&client, &wrong, dir.path()).unwrap();
    assert!(!connected && text.contains("refused with return code 5"), "{text}");
}
