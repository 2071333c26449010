//! Why the inventory cannot be used, and what mends it.

use std::path::PathBuf;

/// The database cannot be used. What the inventory's *rules* refuse is [`sealmq_pki::inventory::InventoryError`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is not there.
    #[error("the inventory {path} is missing", path = path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is a symbolic link, belongs to someone else, or others can reach it.
    #[error("the inventory {path} cannot be trusted: {text}", path = path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        text: String,
    },
    /// Not a database of ours, or a damaged one.
    #[error("the inventory {path} is damaged: {text}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite or we found.
        text: String,
    },
    /// Somebody changed the audit log behind our back.
    #[error("the inventory {path} was changed by somebody else: {broken}", path = path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// Where its audit log is broken.
        broken: sealmq_pki::audit::Broken,
    },
    /// Written by a newer SealMQ.
    #[error("the inventory {path} has schema {found}, this SealMQ knows up to {known}", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema version in the file.
        found: i64,
        /// The newest that we know.
        known: i64,
    },
    /// No thread for the look at a large file.
    #[error("a thread that looks for damage in the inventory cannot be started: {source}")]
    Thread {
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file was replaced or removed under the running process.
    #[error("the inventory {path} was replaced or removed while it was in use", path = path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// Someone else holds a lock on it.
    #[error("the inventory {path} is locked by another process", path = path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// SQLite said something else.
    #[error("the inventory {path} failed: {source}", path = path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's words.
        source: rusqlite::Error,
    },
}

impl StoreError {
    /// The `hint:` line.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { .. } | Self::Corrupt { .. } => {
                "bring it back from a backup: sealmq restore FILE --merge (move a damaged one away first), or restore the whole data directory; without its inventory nobody can tell which certificates of this CA are valid".to_owned()
            }
            Self::Altered { .. } => "find out who writes to it (sealmq audit-log verify shows where the log breaks off), then restore the data directory from a backup".to_owned(),
            Self::Untrusted { path, .. } => format!("make it a regular file of this user's: chmod 600 {}", path.display()),
            Self::Newer { .. } => "install the SealMQ that wrote it, or a newer one; an older one works again only with a backup from before".to_owned(),
            Self::Replaced { .. } => "restart the broker; stop it before you restore a backup".to_owned(),
            Self::Thread { .. } => "raise the limit of processes of this user (ulimit -u, TasksMax=)".to_owned(),
            Self::Locked { path } => format!("find who holds it: fuser {}", path.display()),
            Self::Sqlite { path, .. } => format!("look whether the disk is full (df {0}) and who may write {0}", path.display()),
        }
    }
}
