//! What every end-to-end test needs: certificates typed as the guide types them, a broker process, client processes.

mod broker;
mod certificates;
mod client;
mod home;
#[path = "../../ports.rs"]
mod ports;
mod tools;

pub(crate) use broker::{Background, Broker, Ends, PATIENCE, sealmq, wait};
pub(crate) use certificates::{Guide, shell};
pub(crate) use client::{Client, Outcome};
pub(crate) use home::{Home, text};
pub(crate) use ports::free_port;
pub(crate) use tools::{mbedtls_client, mbedtls_client_in, mqtt_js, python};

use std::path::{Path, PathBuf};

/// Whether a program can be used here. Missing: printed and false for a developer, a failure in CI.
pub(crate) fn has(program: &str) -> bool {
    there(program, find(program).is_some())
}

/// Says what is missing and gives false for a developer; fails in CI, where a skipped check is no check.
pub(crate) fn there(what: &str, found: bool) -> bool {
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{what} is missing: cargo xtask needs");
        eprintln!("skipped: {what} is not installed (cargo xtask needs)");
    }
    found
}

/// The path of a program, looked up as a shell does, with /usr/sbin for servers.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// A file under the repository's `tests/` folder.
pub(crate) fn tests_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(name)
}
