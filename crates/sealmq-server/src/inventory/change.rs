//! A change of the inventory: rows, settings and the audit records that tell of them, in one transaction.
//!
//! Everything that several callers do in steps is put together from [`Change`]; nothing else writes certificates.

use rusqlite::{OptionalExtension, Transaction};
use sealmq_pki::audit::{Draft, Subject, What};
use sealmq_pki::crl::Listing;
use sealmq_pki::inventory::{self, Act, InventoryError, Origin, Record, State};
use sealmq_pki::{KeyId, NameKey, Serial};

use super::{Inventory, audit, immediate, listed, rows, schema};

/// A transaction that holds the write lock. What it does happens when the closure that got it succeeds, or not at all.
pub struct Change<'a> {
    inventory: &'a Inventory,
    transaction: &'a Transaction<'a>,
    act: &'a Act,
}

impl Inventory {
    /// Makes a change: all of it, with its audit records, or nothing.
    ///
    /// The write lock is taken before `work` runs, so what it reads is what it changes.
    ///
    /// # Errors
    /// Those of `work`; [`InventoryError::CannotTell`] if the store fails, and then nothing has happened.
    pub fn change<T, E: From<InventoryError>>(
        &self,
        act: &Act,
        work: impl FnOnce(&Change<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut writer = self.writer().map_err(InventoryError::from)?;
        let transaction = immediate(&mut writer).map_err(|e| self.cannot_tell(e))?;
        let done = work(&Change { inventory: self, transaction: &transaction, act })?;
        transaction.commit().map_err(|e| self.cannot_tell(e))?;
        Ok(done)
    }
}

impl Change<'_> {
    /// Who does it, when and why.
    pub fn act(&self) -> &Act {
        self.act
    }

    /// Adds a record whatever its name.
    ///
    /// # Errors
    /// [`InventoryError::SerialTaken`], or the store cannot tell.
    pub fn insert(&self, record: &Record) -> Result<(), InventoryError> {
        rows::insert(self.transaction, record).map_err(|e| self.refused(record, e))?;
        self.note(&told_of(record))
    }

    /// Adds a record for somebody new, if the name is free.
    ///
    /// # Errors
    /// [`InventoryError::NameTaken`], [`InventoryError::PasswordName`], [`InventoryError::SerialTaken`], or the store
    /// cannot tell.
    pub fn insert_new_name(&self, record: &Record) -> Result<(), InventoryError> {
        if let Some(name) = &record.name {
            let key = name.key();
            let has_password = self.inventory.password_names()?.contains(&key);
            inventory::name_is_free(name, &self.by_name(&key)?, has_password, self.act.at)?;
        }
        self.insert(record)
    }

    /// Adds the successor of a device's living certificates, which become superseded.
    ///
    /// # Errors
    /// [`InventoryError::NoPredecessor`], [`InventoryError::OnHold`], [`InventoryError::SerialTaken`], or the store
    /// cannot tell.
    pub fn insert_successor(&self, record: &Record) -> Result<(), InventoryError> {
        let Some(name) = &record.name else { return Err(nameless()) };
        let namesakes = self.by_name(&name.key())?;
        let old = inventory::predecessors(name, &namesakes, self.act.at)?;
        self.insert(record)?;
        // One that was superseded before keeps its successor.
        for old in old.into_iter().filter(|old| old.state == State::Valid) {
            let state = State::Superseded { at: self.act.at, by: record.serial.clone() };
            self.set_state(&old.issuer, &old.serial, state)?;
        }
        Ok(())
    }

    /// Changes what a record counts for, if [`inventory::may_become`] allows it.
    ///
    /// # Errors
    /// [`InventoryError::Unknown`], those of [`inventory::may_become`], or the store cannot tell.
    pub fn set_state(&self, issuer: &KeyId, serial: &Serial, state: State) -> Result<(), InventoryError> {
        let Some(record) = self.find(issuer, serial)? else {
            return Err(InventoryError::Unknown { issuer: issuer.clone(), serial: serial.clone() });
        };
        inventory::may_become(&record, &state)?;
        rows::set_state(self.transaction, issuer, serial, &state).map_err(|e| self.cannot_tell(e))?;
        self.note(&told_of_state(&record, &state))
    }

    /// The record of one certificate.
    ///
    /// # Errors
    /// The store cannot tell.
    pub fn find(&self, issuer: &KeyId, serial: &Serial) -> Result<Option<Record>, InventoryError> {
        rows::find(self.transaction, issuer, serial).map_err(|e| self.cannot_tell(e))
    }

    /// All records of a name, regardless of case and state.
    ///
    /// # Errors
    /// The store cannot tell.
    pub fn by_name(&self, name: &NameKey) -> Result<Vec<Record>, InventoryError> {
        rows::by_name(self.transaction, name).map_err(|e| self.cannot_tell(e))
    }

    /// Keeps that a list said this about a serial that no record has.
    ///
    /// # Errors
    /// The store cannot tell.
    pub fn keep_listed(&self, issuer: &KeyId, listing: &Listing) -> Result<(), InventoryError> {
        listed::keep(self.transaction, issuer, listing).map_err(|e| self.cannot_tell(e))
    }

    /// What a list said about a serial that had no record then.
    ///
    /// # Errors
    /// The store cannot tell.
    pub fn listed(&self, issuer: &KeyId, serial: &Serial) -> Result<Option<Listing>, InventoryError> {
        listed::find(self.transaction, issuer, serial).map_err(|e| self.cannot_tell(e))
    }

    /// Appends an audit record of its own.
    ///
    /// # Errors
    /// The store cannot tell.
    pub fn note(&self, draft: &Draft) -> Result<(), InventoryError> {
        audit::append(self.transaction, draft, self.act).map_err(|e| self.cannot_tell(e))
    }

    /// A value that was kept under `key`.
    ///
    /// # Errors
    /// The store cannot tell.
    pub fn setting(&self, key: &str) -> Result<Option<String>, InventoryError> {
        self.transaction
            .query_row("SELECT value FROM setting WHERE key = ?1", [key], |row| row.get(0))
            .optional()
            .map_err(|e| self.cannot_tell(e))
    }

    /// Keeps a value under `key`.
    ///
    /// # Errors
    /// The store cannot tell.
    pub fn keep_setting(&self, key: &str, value: &str) -> Result<(), InventoryError> {
        self.transaction.execute(KEEP_SETTING, [key, value]).map(|_| ()).map_err(|e| self.cannot_tell(e))
    }

    fn cannot_tell(&self, error: rusqlite::Error) -> InventoryError {
        schema::failed(&self.inventory.path, error).into()
    }

    fn refused(&self, record: &Record, error: rusqlite::Error) -> InventoryError {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) {
            return InventoryError::SerialTaken {
                issuer: record.issuer.clone(),
                serial: record.serial.clone(),
            };
        }
        self.cannot_tell(error)
    }
}

/// The audit record of a certificate that was entered.
pub(super) fn told_of(record: &Record) -> Draft {
    let what = match record.origin {
        Origin::Issued => What::CertificateIssued,
        Origin::Imported => What::CertificateImported,
    };
    Draft::new(what, subjects(record)).saying(format!(
        "{}, subject {}, valid {} to {}, SHA-256 {}",
        record.role, record.subject, record.not_before, record.not_after, record.fingerprint
    ))
}

fn told_of_state(record: &Record, state: &State) -> Draft {
    let subjects = subjects(record);
    match state {
        State::Valid => Draft::new(What::CertificateUnheld, subjects),
        State::Superseded { by, .. } => match &record.state {
            State::Held { .. } => Draft::new(What::CertificateUnheld, subjects),
            State::Valid | State::Superseded { .. } | State::Revoked { .. } => {
                Draft::new(What::CertificateSuperseded, subjects).saying(format!("by {by}"))
            }
        },
        State::Held { .. } => Draft::new(What::CertificateHeld, subjects),
        State::Revoked { reason, .. } => {
            Draft::new(What::CertificateRevoked, subjects).saying(reason.as_str())
        }
    }
}

fn subjects(record: &Record) -> Vec<Subject> {
    let certificate = Subject::Certificate { issuer: record.issuer.clone(), serial: record.serial.clone() };
    let name = record.name.as_ref().map(|name| Subject::Name(name.key()));
    std::iter::once(certificate).chain(name).collect()
}

fn nameless() -> InventoryError {
    InventoryError::CannotTell { reason: "a successor needs the name that it succeeds".to_owned() }
}

pub(super) const KEEP_SETTING: &str =
    "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value";
