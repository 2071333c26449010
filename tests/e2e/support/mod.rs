//! What every end-to-end test needs: certificates typed as the guide types them, a broker process, client processes.

mod broker;
mod certificates;
mod client;

pub(crate) use broker::{Broker, free_port, sealmq};
pub(crate) use certificates::Guide;
pub(crate) use client::Client;

use std::path::{Path, PathBuf};

/// Whether a program can be used here. Missing: printed and false for a developer, a failure in CI.
pub(crate) fn has(program: &str) -> bool {
    let found = find(program).is_some();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing: cargo xtask needs");
        eprintln!("skipped: {program} is not installed (cargo xtask needs)");
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
