//! What the inventory refuses, in words.

use thiserror::Error;

use crate::ids::{KeyId, Serial};
use crate::name::Name;
use crate::time::Timestamp;

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
    /// A certificate of the name is on hold, so nothing new is issued to its holder.
    #[error(
        "certificate {serial} of '{name}' is on hold\nhint: `sealmq cert unhold {name}` lets it count again; then rotate"
    )]
    OnHold {
        /// The name.
        name: Name,
        /// The certificate.
        serial: Serial,
    },
    /// Only what is on hold can be let go of.
    #[error("certificate {serial} is not on hold")]
    NotHeld {
        /// The serial.
        serial: Serial,
    },
    /// A certificate on hold becomes again what it was, nothing else.
    #[error("certificate {serial} is on hold, and can become only what it was before, or revoked")]
    NotAsBefore {
        /// The serial.
        serial: Serial,
    },
    /// What a person gave as the reason cannot be kept.
    #[error(transparent)]
    Reason(#[from] super::ReasonError),
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
