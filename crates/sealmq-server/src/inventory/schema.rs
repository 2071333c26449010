//! The tables, their version, and how the file is opened.
//!
//! `user_version` is the schema's number, `application_id` says that the file is ours. A newer number is refused and
//! nothing is written.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::error::StoreError;
use crate::home::files;

/// "SEAL" as a number.
const APPLICATION_ID: i64 = 0x5345_414C;
/// The newest schema that this build knows.
pub(super) const SCHEMA_VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE certificate (
    place         INTEGER PRIMARY KEY, -- order of insertion
    issuer        BLOB NOT NULL,       -- key identifier
    serial        BLOB NOT NULL,       -- content octets of the INTEGER
    role          TEXT NOT NULL CHECK (role IN ('root', 'issuing', 'server', 'operator', 'device')),
    name          TEXT,
    name_key      TEXT,                -- the name in lower case
    subject       TEXT NOT NULL,       -- RFC 2253
    not_before    INTEGER NOT NULL,    -- seconds since the epoch
    not_after     INTEGER NOT NULL,
    fingerprint   BLOB NOT NULL CHECK (length(fingerprint) = 32),
    spki_sha256   BLOB NOT NULL CHECK (length(spki_sha256) = 32),
    state         TEXT NOT NULL CHECK (state IN ('valid', 'superseded', 'revoked')),
    state_at      INTEGER,             -- when it was superseded or revoked
    superseded_by BLOB,                -- serial of the same issuer
    revoke_reason INTEGER,             -- RFC 5280 section 5.3.1
    made_at       INTEGER NOT NULL,
    bundles       TEXT NOT NULL,       -- names of targets, separated by spaces
    UNIQUE (issuer, serial)
) STRICT;
CREATE INDEX certificate_by_name ON certificate (name_key);
CREATE TABLE server_name (
    name      TEXT PRIMARY KEY,
    origin    TEXT NOT NULL CHECK (origin IN ('given', 'address')),
    last_seen INTEGER NOT NULL,
    place     INTEGER NOT NULL       -- order in which names were given
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Makes the file and its tables. It must not exist.
pub(super) fn create(path: &Path) -> Result<Connection, StoreError> {
    // Made by us first, so that SQLite gives its mode to the journal files too.
    files::create(path, b"", files::Mode::Private)
        .map_err(|error| StoreError::Untrusted { path: path.to_owned(), text: error.to_string() })?;
    let mut connection = connect(path)?;
    let transaction = connection.transaction().map_err(|e| failed(path, e))?;
    transaction.execute_batch(TABLES).map_err(|e| failed(path, e))?;
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

/// Reads the whole file for damage.
pub(super) fn check_content(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let verdict: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(|e| failed(path, e))?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Corrupt { path: path.to_owned(), text: verdict }) }
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
    if found < SCHEMA_VERSION {
        let text = format!("schema {found} does not exist");
        return Err(StoreError::Corrupt { path: path.to_owned(), text });
    }
    Ok(())
}
