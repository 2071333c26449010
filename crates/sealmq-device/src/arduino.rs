//! ESP32 with the Arduino core: one header with everything that is this device's, one complete sketch.

use sealmq_pki::HostName;
use zeroize::Zeroizing;

use crate::bundle::{BundleFile, BundleRequest, Mode};

/// The sketch; all that differs between devices stands in the header.
const SKETCH: &str = include_str!("arduino/sealmq_device.ino");

/// Where the files stand: the Arduino IDE wants the folder to be called as the sketch.
const FOLDER: &str = "sealmq_device";

pub(crate) fn files(request: &BundleRequest<'_>) -> Vec<BundleFile> {
    let header = header(request);
    vec![
        BundleFile {
            name: format!("{FOLDER}/sealmq_certs.h"),
            mode: Mode::Secret,
            content: Zeroizing::new(header.as_bytes().to_vec()),
            what: "broker address, root certificate, device certificate and private key",
        },
        BundleFile::public(
            format!("{FOLDER}/{FOLDER}.ino"),
            SKETCH,
            "the sketch: open it in the Arduino IDE",
        ),
    ]
}

fn header(request: &BundleRequest<'_>) -> Zeroizing<String> {
    let (anchors, chain, key) = (request.anchors_pem(), request.chain_pem(), request.key.to_pem());
    let leaf = request.leaf().facts();
    let mut text = Zeroizing::new(String::with_capacity(anchors.len() + chain.len() + key.len() + 4096));
    text.push_str(&format!(
        "// {name}: certificate {serial}, valid until {end}.\n\
         // This file holds the device's PRIVATE KEY: keep it out of version control and of screenshots.\n\
         #ifndef SEALMQ_CERTS_H\n\
         #define SEALMQ_CERTS_H\n\n\
         #ifndef PROGMEM\n#define PROGMEM\n#endif\n\n\
         // The broker{others}.\n\
         static const char SEALMQ_HOST[] = \"{host}\";\n\
         static const unsigned short SEALMQ_PORT = {port};\n\n\
         // Who this device is: its name stands in its certificate too, and there it counts.\n\
         static const char SEALMQ_CLIENT_ID[] = \"{name}\";\n\
         static const char SEALMQ_TOPIC[] = \"{topic}\";\n\n\
         // First second at which the certificate is valid: an earlier clock is not set yet.\n\
         static const long long SEALMQ_NOT_BEFORE = {begin}LL;\n\n",
        name = request.name,
        serial = leaf.serial,
        end = leaf.not_after.date(),
        others = others(request.other_hosts),
        host = request.host,
        port = request.port,
        topic = request.topic(),
        begin = leaf.not_before.as_secs(),
    ));
    push_pem(
        &mut text,
        "SEALMQ_CA",
        "Root certificates that the broker's certificate must come from.",
        &anchors,
    );
    push_pem(
        &mut text,
        "SEALMQ_CERT",
        "This device's certificate, then the one of the CA that issued it.",
        &chain,
    );
    push_pem(&mut text, "SEALMQ_KEY", "This device's private key.", &key);
    text.push_str("#endif\n");
    text
}

/// A raw string: PEM text as it is, its last newline included, which mbedTLS needs.
fn push_pem(text: &mut String, name: &str, comment: &str, pem: &str) {
    text.push_str(&format!("// {comment}\nstatic const char {name}[] PROGMEM = R\"PEM("));
    text.push_str(pem);
    text.push_str(")PEM\";\n\n");
}

fn others(hosts: &[HostName]) -> String {
    if hosts.is_empty() {
        return String::new();
    }
    let names: Vec<String> = hosts.iter().map(HostName::to_string).collect();
    format!("; also reachable as {}", names.join(", "))
}
