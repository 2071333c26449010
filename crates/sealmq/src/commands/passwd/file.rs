//! The password file on the disk: read whole, replaced in one step, as private as it was or more.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use super::Failure;

/// More than any real password file.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// A file that is there, and what it says.
pub(super) struct PasswordsOnDisk {
    path: PathBuf,
    facts: Metadata,
    text: String,
}

impl PasswordsOnDisk {
    /// Reads a file; a link is followed, once and for all, as mosquitto_passwd does.
    pub(super) fn open(path: &Path) -> Result<PasswordsOnDisk, Failure> {
        let failed = |error: io::Error| {
            let text = format!("Error: Unable to open password file {}. {}.", path.display(), plain(&error));
            Failure::new(text, "-c makes a new file")
        };
        let real = path.canonicalize().map_err(failed)?;
        let file = File::open(&real).map_err(failed)?;
        let facts = file.metadata().map_err(failed)?;
        if !facts.is_file() {
            return Err(failed(io::Error::other("It is no file")));
        }
        if facts.mode() & 0o007 != 0 {
            eprintln!(
                "Warning: File {0} has world readable permissions. Future versions will refuse to load this file.\nTo fix this, use `chmod 0600 {0}`.",
                real.display()
            );
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        Ok(PasswordsOnDisk { path: real, facts, text })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Writes another text in the place of this one, with the same owner and mode.
    pub(super) fn replace(&self, text: &str) -> Result<(), Failure> {
        if text == self.text {
            return Ok(());
        }
        put(&self.path, text, Some(&self.facts))
    }
}

/// Makes a new file, 0600; one that is there is replaced, and keeps its owner and mode.
pub(super) fn create(path: &Path, text: &str) -> Result<(), Failure> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    put(&real, text, fs::metadata(&real).ok().as_ref())
}

fn put(path: &Path, text: &str, like: Option<&Metadata>) -> Result<(), Failure> {
    let temporary = beside(path);
    let failed = |error: io::Error| {
        // Whatever is half written must not stay: it holds hashes.
        let _ = fs::remove_file(&temporary);
        let text = format!("Error: Unable to open file {} for writing. {}.", path.display(), plain(&error));
        Failure::new(text, "its folder must be writable: the file is replaced in one step")
    };
    if like.is_some_and(|facts| !facts.is_file()) {
        return Err(failed(io::Error::other("It is no file")));
    }
    write(&temporary, text, like).and_then(|()| fs::rename(&temporary, path)).map_err(failed)
}

fn write(temporary: &Path, text: &str, like: Option<&Metadata>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    if let Some(facts) = like {
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (facts.uid(), facts.gid()) {
            // Without it the broker, whose file it is, could not read it any more.
            fchown(&file, Some(facts.uid()), Some(facts.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(facts.mode() & 0o777))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A name in the same folder that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new.{}", std::process::id()));
    path.with_file_name(name)
}

/// The system's words without Rust's number behind them.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}
