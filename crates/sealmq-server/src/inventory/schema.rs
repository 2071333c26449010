//! The tables, their version, and how the file is opened.
//!
//! `user_version` is the schema's number, `application_id` says that the file is ours. A newer number is refused and
//! nothing is written; an older one is migrated ([`super::tables`]) when the file is opened to be changed.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use sealmq_pki::inventory::Act;

use super::error::StoreError;
use super::{audit, tables};

use crate::home::files;

/// "SEAL" as a number.
const APPLICATION_ID: i64 = 0x5345_414C;
/// The newest schema that this build knows.
pub(super) const SCHEMA_VERSION: i64 = 2;

/// Makes the file and its tables. It must not exist.
pub(super) fn create(path: &Path) -> Result<Connection, StoreError> {
    // Made by us first, so that SQLite gives its mode to the journal files too.
    files::create(path, b"", files::Mode::Private)
        .map_err(|error| StoreError::Untrusted { path: path.to_owned(), text: error.to_string() })?;
    let mut connection = connect(path)?;
    let transaction = connection.transaction().map_err(|e| failed(path, e))?;
    tables::make(&transaction).map_err(|e| failed(path, e))?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(|e| failed(path, e))?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(|e| failed(path, e))?;
    transaction.commit().map_err(|e| failed(path, e))?;
    Ok(connection)
}

/// Opens the file that is there, after a look at who can reach it and whether we know its schema.
pub(super) fn open(path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    check_file(path)?;
    let connection = connect(path)?;
    connection.busy_timeout(busy).map_err(|e| failed(path, e))?;
    check_schema(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "wal").map_err(|e| failed(path, e))?;
    // FULL: a certificate that was handed out is in the inventory after a power cut too.
    connection.pragma_update(None, "synchronous", "full").map_err(|e| failed(path, e))?;
    Ok(connection)
}

/// Opens the file for reading alone.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    check_file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| failed(path, e))?;
    check_schema(&connection, path)?;
    Ok(connection)
}

/// Reads the whole file for damage.
pub(super) fn check_content(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|e| failed(path, e))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Corrupt { path: path.to_owned(), text: verdict }) }
}

/// Migrates the tables of an older schema, all of them or none.
pub(super) fn bring_up_to_date(
    connection: &mut Connection,
    path: &Path,
    act: &Act,
) -> Result<(), StoreError> {
    let transaction = super::immediate(connection).map_err(|e| failed(path, e))?;
    let found: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|e| failed(path, e))?;
    if found < SCHEMA_VERSION {
        tables::migrate(&transaction, found, act).map_err(|e| failed(path, e))?;
    }
    transaction.commit().map_err(|e| failed(path, e))
}

/// Follows the newest records of the audit log.
pub(super) fn check_audit(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let newest = audit::check_newest(connection).map_err(|e| failed(path, e))?;
    newest.map(|_| ()).map_err(|broken| StoreError::Altered { path: path.to_owned(), broken })
}

/// SQLite's error in our words.
pub(super) fn failed(path: &Path, source: rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked { path },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Corrupt { path, text: source.to_string() }
        }
        _ => StoreError::Sqlite { path, source },
    }
}

fn connect(path: &Path) -> Result<Connection, StoreError> {
    // No SQLITE_OPEN_CREATE: a missing inventory must never become an empty one.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    Connection::open_with_flags(path, flags).map_err(|e| failed(path, e))
}

fn check_file(path: &Path) -> Result<(), StoreError> {
    let untrusted = |text: String| Err(StoreError::Untrusted { path: path.to_owned(), text });
    let facts = match std::fs::symlink_metadata(path) {
        Ok(facts) => facts,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        Err(e) => return untrusted(e.to_string()),
    };
    if !facts.is_file() {
        return untrusted("it is not a regular file".to_owned());
    }
    if facts.uid() != files::own_uid() {
        return untrusted(format!("it belongs to uid {}", facts.uid()));
    }
    let mode = facts.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return untrusted(format!("it has mode {mode:04o}"));
    }
    Ok(())
}

fn check_schema(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |name| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(|e| failed(path, e))
    };
    if number("application_id")? != APPLICATION_ID {
        let text = "it is not an inventory of SealMQ".to_owned();
        return Err(StoreError::Corrupt { path: path.to_owned(), text });
    }
    let found = number("user_version")?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    if !(tables::OLDEST..=SCHEMA_VERSION).contains(&found) {
        let text = format!("schema {found} does not exist");
        return Err(StoreError::Corrupt { path: path.to_owned(), text });
    }
    Ok(())
}
