//! The audit log's table: append, read, and look whether the chain holds.
//!
//! A record is appended in the transaction of the change that it tells of, or the change does not happen.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, Transaction};
use sealmq_pki::Timestamp;
use sealmq_pki::audit::{Broken, Chain, Digest, Draft, Head, Record, Tip, What};
use sealmq_pki::inventory::Act;

use super::{Inventory, StoreError, immediate, schema};

/// Appends a record to what is there.
pub(super) fn append(transaction: &Transaction<'_>, draft: &Draft, act: &Act) -> rusqlite::Result<()> {
    let record = draft.after(tip(transaction)?, act);
    let mut statement = transaction.prepare_cached(
        "INSERT INTO audit (number, at, actor, what, subjects, details, why, previous, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    statement.execute((
        as_integer(record.number),
        record.at.as_secs(),
        &record.actor,
        &record.what,
        record.subjects.join("\n"),
        &record.details,
        &record.why,
        record.previous.as_bytes(),
        record.hash.as_bytes(),
    ))?;
    Ok(())
}

/// The last record.
pub(super) fn tip(connection: &Connection) -> rusqlite::Result<Tip> {
    let mut statement =
        connection.prepare_cached("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1")?;
    let last = statement
        .query_row([], |row| Ok(Tip { number: number(row)?, hash: Digest::from_bytes(row.get(1)?) }))
        .optional()?;
    Ok(last.unwrap_or(Tip::START))
}

/// Up to `rows_max` records from `first` on.
pub(super) fn read(connection: &Connection, first: u64, rows_max: u32) -> rusqlite::Result<Vec<Record>> {
    connection
        .prepare_cached(
            "SELECT number, at, actor, what, subjects, details, why, previous, hash FROM audit
             WHERE number >= ?1 ORDER BY number LIMIT ?2",
        )?
        .query_map((as_integer(first), rows_max), record)?
        .collect()
}

/// Follows the newest records, which is what every opening can afford; the whole chain is `audit-log verify`'s.
pub(super) fn check_newest(connection: &Connection) -> rusqlite::Result<Result<Tip, Broken>> {
    let tip = tip(connection)?;
    let first = tip.number.saturating_sub(u64::from(NEWEST)) + 1;
    let records = read(connection, first, NEWEST)?;
    let before = match records.first() {
        Some(record) if first > 1 => Tip { number: first - 1, hash: record.previous },
        Some(_) | None => Tip::START,
    };
    let mut chain = Chain::after(before, Vec::new());
    Ok(records.iter().try_for_each(|record| chain.follow(record)).and_then(|()| chain.end()))
}

/// SQLite's integers are signed; the log will not get that long.
fn as_integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &Row<'_>) -> rusqlite::Result<u64> {
    let number: i64 = row.get(0)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, number))
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let subjects: String = row.get(4)?;
    Ok(Record {
        number: number(row)?,
        at: Timestamp::from_secs(row.get(1)?),
        actor: row.get(2)?,
        what: row.get(3)?,
        subjects: subjects.split('\n').filter(|subject| !subject.is_empty()).map(str::to_owned).collect(),
        details: row.get(5)?,
        why: row.get(6)?,
        previous: Digest::from_bytes(row.get(7)?),
        hash: Digest::from_bytes(row.get(8)?),
    })
}

/// The audit log of an inventory that no broker has open and that need not be whole: this is how one finds out.
pub struct AuditFile {
    path: PathBuf,
    connection: Connection,
}

impl AuditFile {
    /// Opens the file for reading alone.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = schema::open_to_read(path)?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Up to `rows_max` records from number `first` on, as they stand.
    pub fn records(&self, first: u64, rows_max: u32) -> Result<Vec<Record>, StoreError> {
        read(&self.connection, first, rows_max).map_err(|e| schema::failed(&self.path, e))
    }

    /// A value that was kept under `key`.
    pub fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.connection
            .query_row("SELECT value FROM setting WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(|e| schema::failed(&self.path, e))
    }
}

impl Inventory {
    /// Up to `rows_max` records of the audit log from number `first` on, as they stand.
    pub fn audit_records(&self, first: u64, rows_max: u32) -> Result<Vec<Record>, StoreError> {
        read(&*self.writer()?, first, rows_max).map_err(|e| self.failed(e))
    }

    /// The end of the audit log at `at`, to be signed.
    pub fn audit_head(&self, at: Timestamp) -> Result<Head, StoreError> {
        Ok(Head::of(tip(&*self.writer()?).map_err(|e| self.failed(e))?, at))
    }

    /// Whether one of these was done after record `number`.
    pub fn audit_has_since(&self, number: u64, what: &[What]) -> Result<bool, StoreError> {
        let writer = self.writer()?;
        let sql = "SELECT EXISTS (SELECT 1 FROM audit WHERE number > ?1 AND what = ?2)";
        let mut statement = writer.prepare_cached(sql).map_err(|e| self.failed(e))?;
        for what in what {
            let found: bool = statement
                .query_row((as_integer(number), what.as_str()), |row| row.get(0))
                .map_err(|e| self.failed(e))?;
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Appends a record of something that changes no row: a key that was loaded, exported, or failed.
    pub fn note(&self, draft: &Draft, act: &Act) -> Result<(), StoreError> {
        let mut writer = self.writer()?;
        let transaction = immediate(&mut writer).map_err(|e| self.failed(e))?;
        append(&transaction, draft, act).map_err(|e| self.failed(e))?;
        transaction.commit().map_err(|e| self.failed(e))
    }

    /// Appends a record and does what it tells of outside the database; if that fails, there is no record.
    ///
    /// A crash between the two leaves the deed without its record, never the reverse; deeds are made so that they can
    /// be done again.
    pub fn note_with<T, E: From<StoreError>>(
        &self,
        draft: &Draft,
        act: &Act,
        deed: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = self.writer()?;
        let transaction = immediate(&mut writer).map_err(|e| self.failed(e))?;
        append(&transaction, draft, act).map_err(|e| self.failed(e))?;
        let done = deed()?;
        transaction.commit().map_err(|e| self.failed(e))?;
        Ok(done)
    }
}

/// How many records each opening of the inventory follows.
const NEWEST: u32 = 256;
