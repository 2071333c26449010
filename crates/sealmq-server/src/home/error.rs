//! What can be wrong with a data directory, in words, and what mends it.
//!
//! Every variant says what, where and the value; [`HomeError::hint`] is the command or the step that mends it.
//! Nothing here has changed the directory: an operation that fails leaves what it found.

use std::io;
use std::path::{Path, PathBuf};

/// Why an operation on the data directory was refused.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// No place was named and none follows from the environment.
    #[error("no place for the data directory: neither XDG_DATA_HOME nor HOME is set")]
    NoPlace,
    /// The operating system refused a file operation.
    #[error("cannot {doing} {path}: {source}", path = path.display())]
    Io {
        /// The verb: `read`, `write`, `create` …
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something else stands where a file or a folder should be.
    #[error("{path} is not a {expected}", path = path.display())]
    WrongKind {
        /// The place.
        path: PathBuf,
        /// `folder` or `regular file`.
        expected: &'static str,
    },
    /// The folder or key belongs to another user.
    #[error("{path} belongs to uid {owner}, this process runs as uid {uid}", path = path.display())]
    WrongOwner {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        uid: u32,
    },
    /// Others than the owner can reach a private file or folder.
    #[error("{path} has mode {mode:04o}: others than its owner can reach it", path = path.display())]
    WrongMode {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// The folder holds other things and was never a data directory.
    #[error("{path} is not empty and is no SealMQ data directory (found {found})", path = path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// Another process has the directory.
    #[error("{path} is in use by another process{holder}", path = path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// ` (pid N)`, or nothing where it is not known.
        holder: String,
    },
    /// There is no data directory yet.
    #[error("there is no SealMQ data directory at {path}", path = path.display())]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A part that is never made twice is missing.
    #[error("{path} is missing, but the rest of the CA is there", path = path.display())]
    Incomplete {
        /// The missing file.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{path}: {text}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        text: String,
    },
    /// The clock cannot be right, so no CA is made by it.
    #[error("the clock says {now}, which cannot be right: a CA is made between {earliest} and {latest} only")]
    AbsurdClock {
        /// The wall clock, as a date.
        now: String,
        /// The date of the build.
        earliest: String,
        /// Fifteen years later.
        latest: String,
    },
    /// A name for the server that cannot stand in a certificate.
    #[error("{}", first_part(.0))]
    Host(#[from] sealmq_pki::host::HostNameError),
    /// A certificate was not issued.
    #[error("{}", first_part(.0))]
    Issue(#[from] sealmq_pki::issue::IssueError),
    /// The revocation list cannot be made.
    #[error("{}", first_part(.0))]
    Crl(#[from] sealmq_pki::crl::CrlDraftError),
    /// The list beside the inventory knows of more than it does.
    #[error("the inventory {path} is older than the revocation list beside it: it knows of list {inventory}, the list is number {list}", path = path.display())]
    OlderThanList {
        /// The inventory.
        path: PathBuf,
        /// The number that it knows.
        inventory: u64,
        /// The number of the list.
        list: String,
    },
    /// A key cannot be made or used.
    #[error("{path}: {text}", path = path.display())]
    Key {
        /// The file it is in or should get into.
        path: PathBuf,
        /// The reason.
        text: String,
        /// What mends it.
        hint: String,
    },
    /// A name with a password and a certificate.
    #[error("the name '{name}' in {path} is also that of a certificate", path = passwd.display())]
    Clash {
        /// The name.
        name: String,
        /// The password file.
        passwd: PathBuf,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The database of the inventory could not be used.
    #[error(transparent)]
    Store(#[from] crate::inventory::StoreError),
    /// The rules of the inventory refused.
    #[error("{}", first_part(.0))]
    Inventory(#[from] sealmq_pki::inventory::InventoryError),
    /// The rules for names refused.
    #[error("{}", first_part(.0))]
    Name(#[from] sealmq_pki::NameError),
    /// A name or a request that the rules refuse.
    #[error("{what}")]
    Refused {
        /// What was refused and why.
        what: String,
        /// What to do instead.
        hint: String,
    },
}

impl HomeError {
    /// The `hint:` line: what mends it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoPlace => "name it: --data-dir DIR, or SEALMQ_DATA=DIR".to_owned(),
            Self::Io { path, source, .. } => io_hint(path, source),
            Self::WrongKind { path, .. } => {
                format!("move {} away, or choose another place with --data-dir DIR", path.display())
            }
            Self::WrongOwner { path, owner, .. } => {
                format!(
                    "run it as the owner: sudo -u '#{owner}' sealmq …, or give {} to this user with chown",
                    path.display()
                )
            }
            Self::WrongMode { path, wanted, .. } => format!("chmod {wanted:o} {}", path.display()),
            Self::Foreign { .. } => "choose an empty or a new folder with --data-dir DIR".to_owned(),
            Self::Locked { path, .. } => {
                format!("one broker per data directory: stop it, or use another --data-dir than {}", path.display())
            }
            Self::Absent { path } => {
                format!("make it: sealmq up --data-dir {}", path.display())
            }
            Self::Incomplete { path } if path.ends_with("sealmq.conf") => {
                "start the broker once, which writes it: sealmq up".to_owned()
            }
            Self::Incomplete { .. } => {
                "restore the whole data directory from a backup; it is not made again, because certificates of the old CA are in use".to_owned()
            }
            Self::Corrupt { path, .. } => format!("restore {} from a backup of the whole data directory", path.display()),
            Self::AbsurdClock { .. } => "set the clock (timedatectl set-ntp true, or date -s …), then start again".to_owned(),
            Self::Host(error) => hint_part(error).unwrap_or_default(),
            Self::Crl(error) => hint_part(error).unwrap_or_else(|| "try again; if it stays, look at ca/issuing".to_owned()),
            Self::OlderThanList { .. } => "who was revoked since would be let in again: bring the newest backup in with sealmq restore FILE --merge; without a newer one, a backup of this directory itself does (sealmq backup FILE): what the list holds stays revoked".to_owned(),
            Self::Issue(error) => hint_part(error).unwrap_or_else(|| "try again; if it stays, look at ca/issuing".to_owned()),
            Self::Key { hint, .. } => hint.clone(),
            Self::Clash { name, .. } => format!(
                "a name has one kind of proof: remove '{name}' from the password file, or revoke its certificate"
            ),
            Self::Random(_) => "check that getrandom(2) is allowed where this runs".to_owned(),
            Self::Store(error) => error.hint(),
            Self::Inventory(error) => hint_part(error)
                .unwrap_or_else(|| "restore the whole data directory from a backup".to_owned()),
            Self::Name(error) => hint_part(error).unwrap_or_default(),
            Self::Refused { hint, .. } => hint.clone(),
        }
    }

    /// An input/output error with its verb and place.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}

/// sealmq-pki writes `what\nhint: mend`; the two parts are shown by whoever shows errors.
fn first_part(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    text.split_once("\nhint: ").map_or(text.clone(), |(what, _)| what.to_owned())
}

fn hint_part(error: &impl std::fmt::Display) -> Option<String> {
    error.to_string().split_once("\nhint: ").map(|(_, hint)| hint.to_owned())
}

#[allow(clippy::wildcard_enum_match_arm, reason = "io::ErrorKind is open")]
fn io_hint(path: &Path, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            format!(
                "give this user the right to it, or choose another place with --data-dir DIR ({})",
                path.display()
            )
        }
        io::ErrorKind::StorageFull => "free some space on this disk".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => {
            "choose a place that can be written with --data-dir DIR".to_owned()
        }
        io::ErrorKind::NotADirectory => {
            format!(
                "a part of the path {} is a file: choose another place with --data-dir DIR",
                path.display()
            )
        }
        io::ErrorKind::NotFound => format!("check the path {}", path.display()),
        _ => format!("look at {} and its folder: ls -la", path.display()),
    }
}
