//! One process per data directory.
//!
//! The lock is `flock` on `DATA/lock`, held as long as the value lives and released by the system when the process
//! ends, however it ends. The file's content (a process id) is for people; nothing decides by it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::error::HomeError;
use super::place::Place;

/// Holds the data directory.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, or says who has it. The folder exists already.
    pub fn take(place: &Place) -> Result<Self, HomeError> {
        let path = place.lock();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(&path)
            .map_err(|e| HomeError::io("open", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(HomeError::Locked { path: place.folder().to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(e)) => return Err(HomeError::io("lock", &path, e)),
        }
        note_holder(&mut file, &path)?;
        Ok(Self { _file: file })
    }
}

fn note_holder(file: &mut File, path: &Path) -> Result<(), HomeError> {
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|e| HomeError::io("write", path, e))
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(32).read_to_string(&mut text);
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!(" (pid {pid})"),
        (Ok(_) | Err(_), _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(dir.path());
        let first = Lock::take(&place).unwrap();
        let error = Lock::take(&place).unwrap_err();
        assert!(matches!(&error, HomeError::Locked { .. }), "{error}");
        assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
        drop(first);
        Lock::take(&place).unwrap();
    }
}
