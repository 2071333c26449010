//! The answer to the verifier's question: is this certificate of ours valid, and whose is it?
//!
//! Answers are kept in memory. SQLite's `data_version` changes when anyone else has committed; it is asked before each
//! answer (a read of shared memory, no disk), and any change empties the cache, so that a certificate that was added
//! or revoked a moment ago, by this process or another, is known at once.

use std::collections::HashMap;
use std::sync::PoisonError;

use rusqlite::Connection;
use sealmq_pki::inventory::{Record, Role, State};
use sealmq_pki::{Fingerprint, KeyId, Name, Serial};

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
}

impl Reader {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, version: None, answers: HashMap::new() }
    }

    fn status(&mut self, issuer: &KeyId, serial: &Serial) -> rusqlite::Result<Status> {
        let version = self.connection.pragma_query_value(None, "data_version", |row| row.get(0))?;
        if self.version != Some(version) {
            self.answers.clear();
            self.version = Some(version);
        }
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
}

impl Inventory {
    /// How the certificate with this serial of this issuer stands. An error means: nobody can tell, refuse.
    pub fn status(&self, issuer: &KeyId, serial: &Serial) -> Result<Status, StoreError> {
        self.check_still_there()?;
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.status(issuer, serial).map_err(|e| self.failed(e))
    }
}

impl sealmq_tls::Known for Inventory {
    fn status(&self, issuer: &KeyId, serial: &Serial) -> sealmq_tls::Status {
        match Inventory::status(self, issuer, serial) {
            Ok(Status::Valid { role, fingerprint, .. }) => sealmq_tls::Status::Valid { role, fingerprint },
            Ok(Status::Revoked) => sealmq_tls::Status::Revoked,
            Ok(Status::Unknown) => sealmq_tls::Status::Unknown,
            Err(_) => sealmq_tls::Status::CannotTell,
        }
    }
}

fn status_of(record: Record) -> Status {
    match record.state {
        // The holder of a superseded certificate may not have fetched its new one yet.
        State::Valid | State::Superseded { .. } => {
            Status::Valid { role: record.role, name: record.name, fingerprint: record.fingerprint }
        }
        State::Revoked { .. } => Status::Revoked,
    }
}

/// Some 200 bytes each.
const ANSWERS_MAX: usize = 16_384;
