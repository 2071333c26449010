//! Tools that are more than a program of the system: a client to compile, a library for Python, one for Node.js.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{find, tests_file, there};

/// A Python that has paho-mqtt.
pub(crate) fn python() -> Option<String> {
    let works = Command::new("python3").args(["-c", "import paho.mqtt"]).output();
    there("paho-mqtt", works.is_ok_and(|out| out.status.success())).then(|| "python3".to_owned())
}

/// The environment in which `node` finds MQTT.js: where `cargo xtask needs` puts it, or where `NODE_PATH` says.
pub(crate) fn mqtt_js() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/ci-npm/node_modules");
    let modules = std::env::var_os("NODE_PATH").map_or(installed, PathBuf::from);
    let works = Command::new("node").args(["-e", "require('mqtt')"]).env("NODE_PATH", &modules).output();
    there("MQTT.js", works.is_ok_and(|out| out.status.success())).then_some(modules)
}

/// The mbedTLS client that takes its certificates as files; compiled once per run.
pub(crate) fn mbedtls_client() -> Option<&'static Path> {
    static COMPILED: OnceLock<Option<(TempDir, PathBuf)>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let folder = TempDir::new().expect("a temporary folder");
        let program = mbedtls_client_in(folder.path(), None)?;
        Some((folder, program))
    });
    compiled.as_ref().map(|(_, program)| program.as_path())
}

/// The mbedTLS client with a generated header in it, compiled into `folder`.
pub(crate) fn mbedtls_client_in(folder: &Path, header: Option<&Path>) -> Option<PathBuf> {
    let library = Path::new("/usr/include/mbedtls/ssl.h").exists();
    if !there("libmbedtls-dev", library) || !there("cc", find("cc").is_some()) {
        return None;
    }
    let program = folder.join("mbedtls_client");
    let mut compiler = Command::new("cc");
    compiler.args(["-Wall", "-Wextra", "-Werror"]).arg(tests_file("clients/mbedtls_client.c"));
    if let Some(header) = header {
        compiler.arg(format!("-DSEALMQ_HEADER=\"{}\"", header.display()));
    }
    compiler.args(["-lmbedtls", "-lmbedx509", "-lmbedcrypto", "-o"]).arg(&program);
    let output = compiler.output().expect("the compiler was found above");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(program)
}
