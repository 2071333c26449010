//! The inventory of our own CA: what was issued, to whom, and whether it still counts.
//!
//! For our own CA it is the list of what *is* valid: a certificate that is not in it is refused. Here are the records
//! and the rules; the database behind [`Inventory`] belongs to the server.

use std::fmt;

use thiserror::Error;

use crate::ids::{Fingerprint, KeyId, Serial};
use crate::name::{Name, NameKey};
use crate::time::Timestamp;

/// What a certificate of ours is for. The operator is known by this, at (issuer, serial), never by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The root.
    Root,
    /// An issuing CA.
    Issuing,
    /// This server.
    Server,
    /// A device, or any other client.
    Device,
    /// Someone who may see and change the broker itself.
    Operator,
}

/// Whether a certificate still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It counts, between its dates.
    Valid,
    /// A newer one of the same holder exists; it counts until its own end, or until its holder is revoked.
    Superseded {
        /// When the newer one was issued.
        at: Timestamp,
        /// The newer one's serial, of the same issuer.
        by: Serial,
    },
    /// It does not count any more, and never will again.
    Revoked {
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
}

/// Why a certificate was revoked (RFC 5280 §5.3.1); `removeFromCRL` and holds are not among them on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// No reason given.
    Unspecified,
    /// Somebody else may have the key: the stolen device.
    KeyCompromise,
    /// The issuing CA's key may be in other hands.
    CaCompromise,
    /// The holder is called otherwise now.
    AffiliationChanged,
    /// A newer certificate took its place.
    Superseded,
    /// The holder is gone.
    CessationOfOperation,
}

/// One certificate that we issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Key identifier of the CA that issued it (its own, for a root).
    pub issuer: KeyId,
    /// Serial number, unique with the issuer.
    pub serial: Serial,
    /// What it is for.
    pub role: Role,
    /// Who holds it; devices and operators have a name.
    pub name: Option<Name>,
    /// Its subject as RFC 2253 text, for people.
    pub subject: String,
    /// First second of its validity.
    pub not_before: Timestamp,
    /// Last second of its validity.
    pub not_after: Timestamp,
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub spki_sha256: Fingerprint,
    /// Whether it counts.
    pub state: State,
    /// When it was issued.
    pub made_at: Timestamp,
    /// The bundles it was put into, by the names of their targets (`files`, `arduino`, …).
    pub bundles: Vec<String>,
}

/// How a record stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Counts,
    /// Its validity has not begun.
    NotYet,
    /// Its validity is over.
    Ended,
    /// It was revoked.
    Revoked,
}

impl Record {
    /// Whether it counts at `now`. Superseded counts: the device may not have fetched its new one yet.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match &self.state {
            State::Revoked { .. } => Standing::Revoked,
            State::Valid | State::Superseded { .. } if now < self.not_before => Standing::NotYet,
            State::Valid | State::Superseded { .. } if now > self.not_after => Standing::Ended,
            State::Valid | State::Superseded { .. } => Standing::Counts,
        }
    }

    /// Whether its name is taken by it: it counts now, or will.
    pub fn is_live(&self, now: Timestamp) -> bool {
        matches!(self.standing(now), Standing::Counts | Standing::NotYet)
    }
}

/// Where records are kept.
///
/// An implementation makes (issuer, serial) unique in the store itself, and [`insert_new_name`](Inventory::insert_new_name)
/// one transaction: two `add`s of a name at the same moment leave one.
pub trait Inventory: Send + Sync {
    /// Adds a record whatever its name: servers, CAs, and the successor in a rotation.
    ///
    /// # Errors
    /// [`InventoryError::SerialTaken`], or the store cannot tell.
    fn insert(&self, record: &Record) -> Result<(), InventoryError>;

    /// Adds a record for somebody new, if [`name_is_free`] says so at `now`; check and insert are one transaction.
    ///
    /// # Errors
    /// [`InventoryError::NameTaken`], [`InventoryError::SerialTaken`], or the store cannot tell.
    fn insert_new_name(&self, record: &Record, now: Timestamp) -> Result<(), InventoryError>;

    /// Adds the successor of a device's living certificates ([`predecessors`] at `now`), which become
    /// [`State::Superseded`]: they count until their own end, for their holder may not have the new one yet. One
    /// transaction.
    ///
    /// # Errors
    /// [`InventoryError::NoPredecessor`], [`InventoryError::SerialTaken`], or the store cannot tell.
    fn insert_successor(&self, record: &Record, now: Timestamp) -> Result<(), InventoryError>;

    /// The record of one certificate.
    ///
    /// # Errors
    /// The store cannot tell; then nobody may assume that there is none.
    fn find(&self, issuer: &KeyId, serial: &Serial) -> Result<Option<Record>, InventoryError>;

    /// All records of a name, regardless of case and state.
    ///
    /// # Errors
    /// The store cannot tell.
    fn by_name(&self, name: &NameKey) -> Result<Vec<Record>, InventoryError>;

    /// Whether the name logs in with a password. A name has one kind of proof.
    ///
    /// # Errors
    /// The store cannot tell.
    fn has_password(&self, name: &NameKey) -> Result<bool, InventoryError>;

    /// Changes what a record counts for, if [`may_become`] allows it.
    ///
    /// # Errors
    /// [`InventoryError::Unknown`], [`InventoryError::Final`], or the store cannot tell.
    fn set_state(&self, issuer: &KeyId, serial: &Serial, state: State) -> Result<(), InventoryError>;

    /// Every record, oldest first.
    ///
    /// # Errors
    /// The store cannot tell.
    fn all(&self) -> Result<Vec<Record>, InventoryError>;
}

/// Why the inventory did not do it.
#[derive(Debug, Error)]
pub enum InventoryError {
    /// The same serial from the same issuer exists.
    #[error("a certificate with serial {serial} of issuer {issuer} is in the inventory already")]
    SerialTaken {
        /// The issuer's key identifier.
        issuer: KeyId,
        /// The serial.
        serial: Serial,
    },
    /// A live certificate has this name.
    #[error(
        "the name '{name}' is taken: its certificate {serial} is valid until {not_after}\nhint: `sealmq device rotate {name}` issues a new one in its place; another device needs another name"
    )]
    NameTaken {
        /// The name as it lives.
        name: Name,
        /// The live certificate.
        serial: Serial,
        /// Its end.
        not_after: Timestamp,
    },
    /// The name logs in with a password.
    #[error(
        "the name '{name}' is taken: it logs in with a password\nhint: a name has one kind of proof; remove the user first, or choose another name"
    )]
    PasswordName {
        /// The name.
        name: Name,
    },
    /// Nothing to rotate.
    #[error(
        "no device called '{name}' has a certificate that counts\nhint: `sealmq device add {name}` makes its first one; `sealmq device list` shows all"
    )]
    NoPredecessor {
        /// The name as it was asked for.
        name: Name,
    },
    /// No such certificate.
    #[error("no certificate with serial {serial} of issuer {issuer} is in the inventory")]
    Unknown {
        /// The issuer's key identifier.
        issuer: KeyId,
        /// The serial.
        serial: Serial,
    },
    /// Revoked is final.
    #[error("certificate {serial} is revoked, and stays so\nhint: issue a new one")]
    Final {
        /// The serial.
        serial: Serial,
    },
    /// The store gave no answer: missing, locked, damaged. Whoever asked must refuse.
    #[error("the inventory cannot be read or written: {reason}")]
    CannotTell {
        /// What the store says.
        reason: String,
    },
}

/// Whether a name may be given to somebody new: no certificate lives under it (regardless of case), and no password.
///
/// # Errors
/// [`InventoryError::NameTaken`] by the certificate that lives longest, or [`InventoryError::PasswordName`].
pub fn name_is_free(
    name: &Name,
    records_of_name: &[Record],
    has_password: bool,
    now: Timestamp,
) -> Result<(), InventoryError> {
    let live = records_of_name
        .iter()
        .filter(|r| r.is_live(now) && r.name.as_ref().is_some_and(|n| n.key() == name.key()))
        .max_by_key(|r| r.not_after);
    if let Some(record) = live {
        return Err(InventoryError::NameTaken {
            name: record.name.clone().unwrap_or_else(|| name.clone()),
            serial: record.serial.clone(),
            not_after: record.not_after,
        });
    }
    if has_password { Err(InventoryError::PasswordName { name: name.clone() }) } else { Ok(()) }
}

/// The certificates that a new one of this name takes the place of: a device's, alive, the name spelt as they have it.
///
/// # Errors
/// [`InventoryError::NoPredecessor`].
pub fn predecessors<'a>(
    name: &Name,
    records_of_name: &'a [Record],
    now: Timestamp,
) -> Result<Vec<&'a Record>, InventoryError> {
    let living: Vec<&Record> = records_of_name
        .iter()
        .filter(|r| r.role == Role::Device && r.is_live(now) && r.name.as_ref() == Some(name))
        .collect();
    if living.is_empty() { Err(InventoryError::NoPredecessor { name: name.clone() }) } else { Ok(living) }
}

/// Whether a record may change to this state: revoked is final.
///
/// # Errors
/// [`InventoryError::Final`].
pub fn may_become(record: &Record, next: &State) -> Result<(), InventoryError> {
    match (&record.state, next) {
        (State::Revoked { .. }, State::Valid | State::Superseded { .. } | State::Revoked { .. }) => {
            Err(InventoryError::Final { serial: record.serial.clone() })
        }
        (
            State::Valid | State::Superseded { .. },
            State::Valid | State::Superseded { .. } | State::Revoked { .. },
        ) => Ok(()),
    }
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [Role::Root, Role::Issuing, Role::Server, Role::Device, Role::Operator];

    /// Its name in stores and lists: `root`, `issuing`, `server`, `device`, `operator`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Root => "root",
            Role::Issuing => "issuing",
            Role::Server => "server",
            Role::Device => "device",
            Role::Operator => "operator",
        }
    }

    /// The role of that name; an unknown one is none, and whoever asked must refuse.
    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl RevocationReason {
    /// All reasons.
    pub const ALL: [RevocationReason; 6] = [
        RevocationReason::Unspecified,
        RevocationReason::KeyCompromise,
        RevocationReason::CaCompromise,
        RevocationReason::AffiliationChanged,
        RevocationReason::Superseded,
        RevocationReason::CessationOfOperation,
    ];

    /// The CRLReason of RFC 5280 §5.3.1.
    pub const fn code(self) -> u8 {
        match self {
            RevocationReason::Unspecified => 0,
            RevocationReason::KeyCompromise => 1,
            RevocationReason::CaCompromise => 2,
            RevocationReason::AffiliationChanged => 3,
            RevocationReason::Superseded => 4,
            RevocationReason::CessationOfOperation => 5,
        }
    }

    /// The reason of that code.
    pub fn from_code(code: u8) -> Option<RevocationReason> {
        RevocationReason::ALL.into_iter().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
