//! Where the text comes from: the caller reads, this crate does not.

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use std::path::{Path, PathBuf};

/// A configuration file that has been read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path as the user gave it; diagnostics name it so, and a relative `data_dir` is taken from its folder.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Reads what `include_dir` names. The server's implementation uses the file system, a test's a map.
pub trait Loader {
    /// The paths of all entries of `folder`, in any order. Errors are one sentence without `Error:`.
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, String>;
    /// The bytes of a file.
    fn read(&self, file: &Path) -> Result<Vec<u8>, Unreadable>;
}

/// Why a file that `include_dir` found cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is a folder.
    Folder,
    /// Another reason, one sentence without `Error:`.
    Because(String),
}

/// A loader for configurations without `include_dir`: every look-up fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLoader;

impl Loader for NoLoader {
    fn list(&self, _folder: &Path) -> Result<Vec<PathBuf>, String> {
        Err("include_dir cannot be read here".to_owned())
    }

    fn read(&self, _file: &Path) -> Result<Vec<u8>, Unreadable> {
        Err(Unreadable::Because("include_dir cannot be read here".to_owned()))
    }
}

/// What the command line adds to the file.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// `-p PORT`, at most ten. Ignored (with a warning) where the file defines listeners.
    pub ports: Vec<u16>,
    /// `-v`, `-q` or neither.
    pub verbosity: Verbosity,
}

/// `-v` and `-q`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verbosity {
    /// As the file says.
    #[default]
    FromFile,
    /// `-v`: all log types, whatever the file says.
    All,
    /// `-q`: no log lines at all.
    Quiet,
}

/// The outcome of reading a configuration.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// `Some` exactly if no diagnostic is an error.
    pub config: Option<Config>,
    /// All findings, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

/// The outcome of reading a password or ACL file.
#[derive(Clone, Debug)]
pub struct FileParsed<T> {
    /// What it says: `Some` exactly if no diagnostic is an error. A reload keeps the old value otherwise.
    pub value: Option<T>,
    /// All findings, in the order of lines.
    pub diagnostics: Vec<Diagnostic>,
}
