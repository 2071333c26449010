//! The header and the sketch, as a C++ compiler and the device's TLS library see them.

use std::path::Path;

use sealmq_device::Target;

use crate::fixture::{NOW, Pki, content, tool, unpack};

fn stand_in() -> String {
    format!("-I{}/tests/arduino-stand-in", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn header_and_sketch_compile_without_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let device = Pki::at(NOW).device("kitchen:1@home", "2001:db8::1", 8883);
    let folder = unpack(&device.bundle(Target::Arduino), dir.path()).join("sealmq_device");
    let include = stand_in();
    let args = ["-std=gnu++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", &include];
    let sketch = [&args[..], &["-include", "Arduino.h", "sealmq_device.ino"]].concat();
    if tool("g++", &sketch, &folder).is_none() {
        return;
    }
    std::fs::write(
        folder.join("alone.cpp"),
        "#include \"sealmq_certs.h\"\nint main() { return SEALMQ_CA[0] != '-'; }\n",
    )
    .unwrap();
    tool("g++", &["-std=gnu++11", "-fsyntax-only", "alone.cpp"], &folder);
}

/// Prints one of the header's strings through a compiled program, so that it is the compiler that reads them.
fn printed(folder: &Path, symbol: &str) -> Option<String> {
    let program = format!(
        "#include \"sealmq_certs.h\"\n#include <stdio.h>\nint main() {{ fputs({symbol}, stdout); return 0; }}\n"
    );
    std::fs::write(folder.join("print.cpp"), program).unwrap();
    tool("g++", &["-std=gnu++11", "print.cpp", "-o", "print"], folder)?;
    tool("./print", &[], folder)
}

#[test]
fn the_headers_strings_are_the_pem_texts_with_their_last_newline() {
    let dir = tempfile::tempdir().unwrap();
    let device = Pki::at(NOW).device("client1", "192.168.1.10", 8883);
    let folder = unpack(&device.bundle(Target::Arduino), dir.path()).join("sealmq_device");
    let Some(anchors) = printed(&folder, "SEALMQ_CA") else { return };
    assert_eq!(anchors, device.anchors[0].pem());
    let chain: String = device.chain.iter().map(sealmq_pki::Certificate::pem).collect();
    assert_eq!(printed(&folder, "SEALMQ_CERT").unwrap(), chain);
    assert_eq!(printed(&folder, "SEALMQ_KEY").unwrap(), device.key.to_pem().as_str());
    assert_eq!(printed(&folder, "SEALMQ_HOST").unwrap(), "192.168.1.10");
}

#[test]
fn the_sketch_waits_for_the_time_and_holds_nothing_of_the_device() {
    let pki = Pki::at(NOW);
    let (one, two) = (pki.device("client1", "192.168.1.10", 8883), pki.device("client2", "broker.local", 1));
    let sketch = content(&one.bundle(Target::Arduino), "sealmq_device/sealmq_device.ino");
    assert_eq!(sketch, content(&two.bundle(Target::Arduino), "sealmq_device/sealmq_device.ino"));
    let at = |what: &str| sketch.find(what).unwrap_or_else(|| panic!("no {what}"));
    assert!(at("!clockIsSet()") < at("!connectMqtt())"));
    for call in [
        "setCACert(SEALMQ_CA)",
        "setCertificate(SEALMQ_CERT)",
        "setPrivateKey(SEALMQ_KEY)",
        "setKeepAlive(15)",
    ] {
        at(call);
    }
    assert!(!sketch.contains("setInsecure"));
    let header = content(&one.bundle(Target::Arduino), "sealmq_device/sealmq_certs.h");
    let begin = one.chain[0].facts().not_before.as_secs();
    assert!(header.contains(&format!("SEALMQ_NOT_BEFORE = {begin}LL;")));
}
