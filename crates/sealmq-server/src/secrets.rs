//! `--tls-keylog`: the secrets of TLS connections in a file, in the format that packet analysers read.
//!
//! For the whole process, asked for on the command line alone: no configuration file and no reload can turn it on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sealmq_tls::SecretLog;

static FILE: OnceLock<Arc<SecretFile>> = OnceLock::new();

#[derive(Debug)]
struct SecretFile(Mutex<File>);

/// Opens the file, and has every TLS listener that is built from now on write to it.
///
/// # Errors
/// The file cannot be opened for appending, or it was asked for twice.
pub fn write_to(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    let file = Arc::new(SecretFile(Mutex::new(file)));
    FILE.set(file).map_err(|_| io::Error::other("secrets are written already"))
}

/// Where secrets go, if anywhere.
pub(crate) fn file() -> Option<Arc<dyn SecretLog>> {
    FILE.get().map(|file| Arc::clone(file) as Arc<dyn SecretLog>)
}

impl SecretLog for SecretFile {
    fn secret(&self, line: &str) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk ends what a developer sees, not a connection.
        let _ = file.write_all(line.as_bytes());
    }
}
