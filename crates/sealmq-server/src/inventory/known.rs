//! The answers to the verifier's and the door's questions: is this certificate of ours valid, and whose is it? Does one
//! live under this name?
//!
//! Answers are kept in memory. SQLite's `data_version` changes when anyone else has committed; it is asked before each
//! answer (a read of shared memory, no disk), and any change empties the cache, so that a certificate that was added
//! or revoked a moment ago, by this process or another, is known at once.

use std::collections::HashMap;
use std::sync::PoisonError;

use rusqlite::Connection;
use sealmq_pki::inventory::{InventoryError, Record, Role, State};
use sealmq_pki::{Fingerprint, KeyId, Name, NameKey, Serial, Timestamp};

use super::{Inventory, StoreError, rows};

/// What the inventory knows of a certificate, its dates aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It counts.
    Valid {
        /// What it is for.
        role: Role,
        /// Who holds it.
        name: Option<Name>,
        /// SHA-256 of the certificate that was issued: another one under its serial is not this one.
        fingerprint: Fingerprint,
    },
    /// It is on hold: refused like a revoked one, until somebody lets go of it.
    Held,
    /// It was revoked.
    Revoked,
    /// It is not in the inventory: nobody here issued it, or its issue was never finished.
    Unknown,
}

/// A connection of its own, and what it answered since the last change.
pub(super) struct Reader {
    connection: Connection,
    version: Option<i64>,
    answers: HashMap<(KeyId, Serial), Status>,
    /// The last second in which a certificate lives under a name; `None`: none does, ever again.
    lives: HashMap<NameKey, Option<Timestamp>>,
}

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, version: None, answers: HashMap::new(), lives: HashMap::new() }
    }

    /// Forgets what was answered before the last change.
    fn look_for_changes(&mut self) -> rusqlite::Result<()> {
        let version = self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version != Some(version) {
            self.answers.clear();
            self.lives.clear();
            self.version = Some(version);
        }
        Ok(())
    }

    fn status(&mut self, issuer: &KeyId, serial: &Serial) -> rusqlite::Result<Status> {
        self.look_for_changes()?;
        let key = (issuer.clone(), serial.clone());
        if let Some(status) = self.answers.get(&key) {
            return Ok(status.clone());
        }
        let status = rows::find(&self.connection, issuer, serial)?.map_or(Status::Unknown, status_of);
        // Strangers' serials are not kept: they could fill the memory.
        if status != Status::Unknown {
            if self.answers.len() >= ANSWERS_MAX {
                self.answers.clear();
            }
            self.answers.insert(key, status.clone());
        }
        Ok(status)
    }

    /// The whole record, as it stands now.
    fn record(&mut self, issuer: &KeyId, serial: &Serial) -> rusqlite::Result<Option<Record>> {
        rows::find(&self.connection, issuer, serial)
    }

    /// Kept for names of strangers too: whoever goes by a name is asked about at each change of trust.
    fn lives_until(&mut self, name: &NameKey) -> rusqlite::Result<Option<Timestamp>> {
        self.look_for_changes()?;
        if let Some(end) = self.lives.get(name) {
            return Ok(*end);
        }
        let namesakes = rows::by_name(&self.connection, name)?;
        let end = namesakes.iter().filter(|record| !is_revoked(record)).map(|record| record.not_after).max();
        if self.lives.len() >= ANSWERS_MAX {
            self.lives.clear();
        }
        self.lives.insert(name.clone(), end);
        Ok(end)
    }
}

impl Inventory {
    /// Whether a certificate lives under this name at `now`, or will: then nothing else counts for it.
    pub fn certificate_lives(&self, name: &NameKey, now: Timestamp) -> Result<bool, InventoryError> {
        self.check_still_there()?;
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let end = reader.lives_until(name).map_err(|e| self.cannot_tell(e))?;
        Ok(end.is_some_and(|end| now <= end))
    }

    /// How the certificate with this serial of this issuer stands. An error means: nobody can tell, refuse.
    pub fn status(&self, issuer: &KeyId, serial: &Serial) -> Result<Status, StoreError> {
        self.check_still_there()?;
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.status(issuer, serial).map_err(|e| self.failed(e))
    }
}

impl Inventory {
    /// The record of a certificate as it stands at this moment. Unlike [`find`](sealmq_pki::inventory::Inventory::find) it
    /// waits for no writer, so that strangers' questions delay nobody.
    pub fn record_now(&self, issuer: &KeyId, serial: &Serial) -> Result<Option<Record>, StoreError> {
        self.check_still_there()?;
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.record(issuer, serial).map_err(|e| self.failed(e))
    }
}

impl sealmq_tls::Known for Inventory {
    fn status(&self, issuer: &KeyId, serial: &Serial) -> sealmq_tls::Status {
        match Inventory::status(self, issuer, serial) {
            Ok(Status::Valid { role, fingerprint, .. }) => sealmq_tls::Status::Valid { role, fingerprint },
            Ok(Status::Held) => sealmq_tls::Status::Held,
            Ok(Status::Revoked) => sealmq_tls::Status::Revoked,
            Ok(Status::Unknown) => sealmq_tls::Status::Unknown,
            Err(_) => sealmq_tls::Status::CannotTell,
        }
    }
}

fn is_revoked(record: &Record) -> bool {
    match record.state {
        State::Valid | State::Superseded { .. } | State::Held { .. } => false,
        State::Revoked { .. } => true,
    }
}

fn status_of(record: Record) -> Status {
    match record.state {
        // The holder of a superseded certificate may not have fetched its new one yet.
        State::Valid | State::Superseded { .. } => {
            Status::Valid { role: record.role, name: record.name, fingerprint: record.fingerprint }
        }
        State::Held { .. } => Status::Held,
        State::Revoked { .. } => Status::Revoked,
    }
}

/// Some 200 bytes each.
const ANSWERS_MAX: usize = 16_384;
