//! The inventory of our own CA, in SQLite: the list of what *is* valid.
//!
//! It implements [`sealmq_pki::inventory::Inventory`] (the rules are there) and answers the verifier's question about
//! a certificate of ours from a cache that notices every change, by this process or another, before it answers.
//! A file that is missing, replaced, locked or damaged gives no answer, and whoever asked refuses.
//!
//! Invariants: one transaction per change, with its audit record in it; (issuer, serial) is unique in the database itself; a newer schema is
//! refused before anything is written; a missing file never becomes an empty one.

mod audit;
mod change;
mod error;
mod examine;
mod known;
mod list;
mod listed;
mod names;
mod rows;
mod schema;
mod seen;
mod tables;

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use sealmq_pki::audit::{Draft, Subject, What};
use sealmq_pki::crl::Listing;
use sealmq_pki::inventory::{self, Act, InventoryError, Record, State};
use sealmq_pki::{KeyId, NameKey, Serial, Timestamp};

pub use audit::AuditFile;
pub use change::Change;
pub use error::StoreError;
pub use list::{Filter, NamePattern, NamePatternError, Order};
pub use names::{Origin, ServerName};
pub use seen::SEEN_MAX;

use crate::home::passwords;
use examine::Examination;
use known::Reader;
pub use known::Status;

/// The inventory, open.
pub struct Inventory {
    path: PathBuf,
    passwd: PathBuf,
    file: FileId,
    examination: Examination,
    writer: Mutex<Connection>,
    reader: Mutex<Reader>,
}

/// Which file is open, whatever its path shows later.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

/// A copy of the database as it is at one moment, whoever writes to it meanwhile.
pub fn copy(path: &Path) -> Result<Vec<u8>, StoreError> {
    let failed = |e| schema::failed(path, e);
    let connection = schema::open_to_read(path)?;
    let mut into = Connection::open_in_memory().map_err(failed)?;
    {
        let backup = rusqlite::backup::Backup::new(&connection, &mut into).map_err(failed)?;
        backup.run_to_completion(PAGES_A_STEP, PAUSE, None).map_err(failed)?;
    }
    // A reader in memory cannot be in WAL mode, and neither is what it gives.
    let bytes = into.serialize(rusqlite::MAIN_DB).map_err(failed)?;
    Ok(bytes.to_vec())
}

const PAGES_A_STEP: std::ffi::c_int = 1024;
const PAUSE: Duration = Duration::from_millis(1);

impl Inventory {
    /// Makes the database with the records of a new CA in it and closes it again. `keys` were made for it.
    pub fn create(path: &Path, first: &[Record], keys: &[KeyId], act: &Act) -> Result<(), StoreError> {
        let mut connection = schema::create(path)?;
        let transaction = connection.transaction().map_err(|e| schema::failed(path, e))?;
        first_rows(&transaction, first, keys, act).map_err(|e| schema::failed(path, e))?;
        transaction.commit().map_err(|e| schema::failed(path, e))?;
        connection.close().map_err(|(_, e)| schema::failed(path, e))
    }

    /// Opens the database, brings an older schema up to date (which `act` is recorded for), and looks for damage: the
    /// whole file's structure (`examine`), and the newest records of the audit log. `passwd` is the password file, whose names are
    /// taken too.
    pub fn open(path: &Path, passwd: &Path, act: &Act) -> Result<Self, StoreError> {
        let mut writer = schema::open(path, WRITE_WAIT)?;
        let examination = Examination::begin(path, &writer)?;
        schema::bring_up_to_date(&mut writer, path, act)?;
        schema::check_audit(&writer, path)?;
        Self::around(path, passwd, writer, examination)
    }

    fn around(
        path: &Path,
        passwd: &Path,
        writer: Connection,
        examination: Examination,
    ) -> Result<Self, StoreError> {
        let reader = Reader::new(schema::open(path, READ_WAIT)?);
        let file = FileId::of(path).ok_or_else(|| StoreError::Missing { path: path.to_owned() })?;
        Ok(Self {
            path: path.to_owned(),
            passwd: passwd.to_owned(),
            file,
            examination,
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
        })
    }

    /// The records with this serial: one, unless two CAs gave it.
    pub fn by_serial(&self, serial: &Serial) -> Result<Vec<Record>, StoreError> {
        rows::by_serial(&*self.writer()?, serial).map_err(|e| self.failed(e))
    }

    /// This issuer's certificates that are revoked or on hold, oldest first.
    pub fn not_counting(&self, issuer: &KeyId) -> Result<Vec<Record>, StoreError> {
        rows::not_counting(&*self.writer()?, issuer).map_err(|e| self.failed(e))
    }

    /// What stands on this issuer's lists without a record: revoked behind a backup that was put back.
    pub fn listed(&self, issuer: &KeyId) -> Result<Vec<Listing>, StoreError> {
        listed::all(&*self.writer()?, issuer).map_err(|e| self.failed(e))
    }

    /// A value that was kept under `key`.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let writer = self.writer()?;
        let mut statement =
            writer.prepare_cached("SELECT value FROM setting WHERE key = ?1").map_err(|e| self.failed(e))?;
        let mut found = statement.query([key]).map_err(|e| self.failed(e))?;
        let row = found.next().map_err(|e| self.failed(e))?;
        row.map(|row| row.get(0)).transpose().map_err(|e| self.failed(e))
    }

    /// Keeps a value under `key`.
    pub fn keep_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        self.writer()?.execute(change::KEEP_SETTING, [key, value]).map(|_| ()).map_err(|e| self.failed(e))
    }

    /// Valid certificates that no later one of the same holder takes the place of: all that end until `by`, and the
    /// first that ends after it.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub fn not_replaced_until(&self, by: Timestamp) -> Result<Vec<Record>, StoreError> {
        rows::not_replaced_until(&*self.writer()?, by).map_err(|e| self.failed(e))
    }

    fn writer(&self) -> Result<MutexGuard<'_, Connection>, StoreError> {
        self.check_still_there()?;
        // A poisoned lock: the transaction of the thread that panicked has been rolled back when its guard went.
        Ok(self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn check_still_there(&self) -> Result<(), StoreError> {
        if self.examination.has_found_damage() {
            let text = "SQLite found damage in it".to_owned();
            return Err(StoreError::Corrupt { path: self.path.clone(), text });
        }
        if FileId::of(&self.path) == Some(self.file) {
            Ok(())
        } else {
            Err(StoreError::Replaced { path: self.path.clone() })
        }
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        schema::failed(&self.path, error)
    }

    fn cannot_tell(&self, error: rusqlite::Error) -> InventoryError {
        self.failed(error).into()
    }

    fn password_names(&self) -> Result<Vec<NameKey>, InventoryError> {
        passwords::taken_names(&self.passwd)
            .map_err(|error| InventoryError::CannotTell { reason: error.to_string() })
    }
}

impl From<StoreError> for InventoryError {
    fn from(error: StoreError) -> Self {
        Self::CannotTell { reason: error.to_string() }
    }
}

impl inventory::Inventory for Inventory {
    fn insert(&self, record: &Record, act: &Act) -> Result<(), InventoryError> {
        self.change(act, |change| change.insert(record))
    }

    fn insert_new_name(&self, record: &Record, act: &Act) -> Result<(), InventoryError> {
        self.change(act, |change| change.insert_new_name(record))
    }

    fn insert_successor(&self, record: &Record, act: &Act) -> Result<(), InventoryError> {
        self.change(act, |change| change.insert_successor(record))
    }

    fn find(&self, issuer: &KeyId, serial: &Serial) -> Result<Option<Record>, InventoryError> {
        rows::find(&*self.writer()?, issuer, serial).map_err(|e| self.cannot_tell(e))
    }

    fn by_name(&self, name: &NameKey) -> Result<Vec<Record>, InventoryError> {
        rows::by_name(&*self.writer()?, name).map_err(|e| self.cannot_tell(e))
    }

    fn has_password(&self, name: &NameKey) -> Result<bool, InventoryError> {
        Ok(self.password_names()?.contains(name))
    }

    fn set_state(
        &self,
        issuer: &KeyId,
        serial: &Serial,
        state: State,
        act: &Act,
    ) -> Result<(), InventoryError> {
        self.change(act, |change| change.set_state(issuer, serial, state))
    }

    fn all(&self) -> Result<Vec<Record>, InventoryError> {
        rows::all(&*self.writer()?).map_err(|e| self.cannot_tell(e))
    }
}

fn first_rows(
    transaction: &rusqlite::Transaction<'_>,
    first: &[Record],
    keys: &[KeyId],
    act: &Act,
) -> rusqlite::Result<()> {
    let made: Vec<Subject> = keys.iter().cloned().map(Subject::Key).collect();
    // A CA that brought its key along was not made here.
    let what = if made.is_empty() { What::CaImported } else { What::CaCreated };
    audit::append(transaction, &Draft::new(what, Vec::new()), act)?;
    if !made.is_empty() {
        audit::append(transaction, &Draft::new(What::KeyCreated, made), act)?;
    }
    for record in first {
        rows::insert(transaction, record)?;
        audit::append(transaction, &change::told_of(record), act)?;
    }
    Ok(())
}

impl FileId {
    fn of(path: &Path) -> Option<Self> {
        let facts = std::fs::symlink_metadata(path).ok()?;
        Some(Self { device: facts.dev(), inode: facts.ino() })
    }
}

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory").field("path", &self.path).finish_non_exhaustive()
    }
}

fn immediate(connection: &mut Connection) -> rusqlite::Result<rusqlite::Transaction<'_>> {
    // IMMEDIATE takes the write lock before the check, so that check and insert see the same state.
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

const WRITE_WAIT: Duration = Duration::from_secs(5);
/// A handshake waits no longer than this for a lock; then the answer is "cannot tell".
const READ_WAIT: Duration = Duration::from_millis(250);
