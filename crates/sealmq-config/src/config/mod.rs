//! The typed configuration: what a broker that starts is told.
//!
//! Everything here is resolved: defaults are filled in, aliases are gone, `per_listener_settings` has been applied (each
//! [`Listener`] carries its own [`Access`]), relative paths have been put onto their base. Field names are the keys of
//! the file. A key that SealMQ does not honour has no field: it has become a diagnostic.
//!
//! Invariant: a `Config` exists only if no error was found, so whoever holds one may start.

mod bridge;
mod global;
mod listener;
mod proxy;

pub use bridge::*;
pub use global::*;
pub use listener::*;
pub use proxy::*;

use crate::diagnostic::Place;
use std::path::{Path, PathBuf};

/// A whole configuration without errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What holds for the whole broker.
    pub global: Global,
    /// Where it listens. Never empty.
    pub listeners: Vec<Listener>,
    /// Bridges to other brokers.
    pub bridges: Vec<Bridge>,
    /// Whether the file named any listener.
    pub mode: Mode,
}

/// Who chose the listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Neither `listener` nor `port` in the file (or no file): 127.0.0.1 and ::1 only, on 1883 or the ports of `-p`;
    /// anonymous clients allowed unless the file says no.
    LocalOnly,
    /// The file names listeners: anonymous clients refused unless it allows them.
    Configured,
}

/// A file or folder named by a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileSetting {
    /// Where it is: as written if absolute, else on the base (the working directory, or `data_dir` where it is set).
    pub path: PathBuf,
    /// As it stands in the file.
    pub written: String,
    /// Where the key stands.
    pub at: Place,
}

impl AsRef<Path> for FileSetting {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// A text with the place where it was written, for errors that only its user can find (cipher lists, addresses).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TextSetting {
    /// The text.
    pub text: String,
    /// Where the key stands.
    pub at: Place,
}
