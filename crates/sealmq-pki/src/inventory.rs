//! The inventory of our own CA: what was issued, to whom, and whether it still counts.
//!
//! For our own CA it is the list of what *is* valid: a certificate that is not in it is refused. Here are the records
//! and the rules; the database behind [`Inventory`] belongs to the server.

mod act;
mod error;

use std::fmt;

pub use act::{Act, Actor, Reason, ReasonError};
pub use error::InventoryError;

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
    /// What signs the issuing CA's OCSP answers.
    OcspSigner,
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
    /// It does not count until somebody lets go of it (`certificateHold`, RFC 5280 §5.3.1). Its name stays taken.
    Held {
        /// When.
        at: Timestamp,
        /// What it was superseded by before, which it is again afterwards.
        superseded: Option<Supersession>,
    },
    /// It does not count any more, and never will again.
    Revoked {
        /// When.
        at: Timestamp,
        /// Why.
        reason: RevocationReason,
    },
}

/// That a newer certificate of the same holder exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Supersession {
    /// When it was issued.
    pub at: Timestamp,
    /// Its serial, of the same issuer.
    pub by: Serial,
}

/// How a record came into the inventory. Certificates that were merely *seen* at a handshake are no records: they are
/// [`Sighting`]s, kept apart, so that nothing seen can ever count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Our CA issued it here.
    Issued,
    /// A person entered a certificate that our CA's key had signed: `cert adopt`, an imported CA.
    Imported,
}

/// A certificate that a verified peer showed, or that is configured somewhere: something to watch the end of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// SHA-256 of the certificate: what it is known by.
    pub fingerprint: Fingerprint,
    /// Issuer as RFC 2253 text.
    pub issuer: String,
    /// Serial number.
    pub serial: Serial,
    /// Its subject as RFC 2253 text.
    pub subject: String,
    /// First second of its validity.
    pub not_before: Timestamp,
    /// Last second of its validity.
    pub not_after: Timestamp,
    /// When it was seen first.
    pub first_seen: Timestamp,
    /// When it was seen last.
    pub last_seen: Timestamp,
}

/// Why a certificate was revoked (RFC 5280 §5.3.1). `removeFromCRL` is none; a hold is a state of its own,
/// [`State::Held`].
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
    /// How it came here.
    pub origin: Origin,
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
    /// It is on hold.
    Held,
    /// It was revoked.
    Revoked,
}

impl Record {
    /// Whether it counts at `now`. Superseded counts: the device may not have fetched its new one yet.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match &self.state {
            State::Revoked { .. } => Standing::Revoked,
            State::Valid | State::Superseded { .. } | State::Held { .. } if now > self.not_after => {
                Standing::Ended
            }
            State::Held { .. } => Standing::Held,
            State::Valid | State::Superseded { .. } if now < self.not_before => Standing::NotYet,
            State::Valid | State::Superseded { .. } => Standing::Counts,
        }
    }

    /// Whether its name is taken by it: it counts now, or will, or may again.
    pub fn is_live(&self, now: Timestamp) -> bool {
        match self.standing(now) {
            Standing::Counts | Standing::NotYet | Standing::Held => true,
            Standing::Ended | Standing::Revoked => false,
        }
    }
}

impl State {
    /// This state put on hold.
    pub fn held(&self, at: Timestamp) -> State {
        let superseded = match self {
            State::Superseded { at, by } => Some(Supersession { at: *at, by: by.clone() }),
            State::Held { superseded, .. } => superseded.clone(),
            State::Valid | State::Revoked { .. } => None,
        };
        State::Held { at, superseded }
    }

    /// What a certificate on hold is when it is let go of; `None` for one that is not on hold.
    pub fn unheld(&self) -> Option<State> {
        match self {
            State::Held { superseded: None, .. } => Some(State::Valid),
            State::Held { superseded: Some(newer), .. } => {
                Some(State::Superseded { at: newer.at, by: newer.by.clone() })
            }
            State::Valid | State::Superseded { .. } | State::Revoked { .. } => None,
        }
    }

    /// Its name in stores and lists: `valid`, `superseded`, `held`, `revoked`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            State::Valid => "valid",
            State::Superseded { .. } => "superseded",
            State::Held { .. } => "held",
            State::Revoked { .. } => "revoked",
        }
    }
}

/// Where records are kept.
///
/// An implementation makes (issuer, serial) unique in the store itself, and [`insert_new_name`](Inventory::insert_new_name)
/// one transaction: two `add`s of a name at the same moment leave one. Every change takes an [`Act`] (who, when, why) and
/// appends its [audit record](crate::audit) in the same transaction.
pub trait Inventory: Send + Sync {
    /// Adds a record whatever its name: servers, CAs, and the successor in a rotation.
    ///
    /// # Errors
    /// [`InventoryError::SerialTaken`], or the store cannot tell.
    fn insert(&self, record: &Record, act: &Act) -> Result<(), InventoryError>;

    /// Adds a record for somebody new, if [`name_is_free`] says so at the act's time; check and insert are one transaction.
    ///
    /// # Errors
    /// [`InventoryError::NameTaken`], [`InventoryError::SerialTaken`], or the store cannot tell.
    fn insert_new_name(&self, record: &Record, act: &Act) -> Result<(), InventoryError>;

    /// Adds the successor of a device's living certificates ([`predecessors`] at the act's time), which become
    /// [`State::Superseded`]: they count until their own end, for their holder may not have the new one yet. One
    /// transaction.
    ///
    /// # Errors
    /// [`InventoryError::NoPredecessor`], [`InventoryError::SerialTaken`], or the store cannot tell.
    fn insert_successor(&self, record: &Record, act: &Act) -> Result<(), InventoryError>;

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
    fn set_state(
        &self,
        issuer: &KeyId,
        serial: &Serial,
        state: State,
        act: &Act,
    ) -> Result<(), InventoryError>;

    /// Every record, oldest first.
    ///
    /// # Errors
    /// The store cannot tell.
    fn all(&self) -> Result<Vec<Record>, InventoryError>;
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
/// [`InventoryError::NoPredecessor`]; [`InventoryError::OnHold`] if one of them is: a new one would get round the hold.
pub fn predecessors<'a>(
    name: &Name,
    records_of_name: &'a [Record],
    now: Timestamp,
) -> Result<Vec<&'a Record>, InventoryError> {
    let living: Vec<&Record> = records_of_name
        .iter()
        .filter(|r| r.role == Role::Device && r.is_live(now) && r.name.as_ref() == Some(name))
        .collect();
    if let Some(held) = living.iter().find(|r| r.standing(now) == Standing::Held) {
        return Err(InventoryError::OnHold { name: name.clone(), serial: held.serial.clone() });
    }
    if living.is_empty() { Err(InventoryError::NoPredecessor { name: name.clone() }) } else { Ok(living) }
}

/// Whether a record may change to this state: revoked is final, and what is on hold counts again only as it did before.
///
/// # Errors
/// [`InventoryError::Final`], [`InventoryError::NotAsBefore`].
pub fn may_become(record: &Record, next: &State) -> Result<(), InventoryError> {
    let serial = || record.serial.clone();
    match (&record.state, next) {
        (State::Revoked { .. }, _) => Err(InventoryError::Final { serial: serial() }),
        (State::Held { .. }, State::Valid | State::Superseded { .. }) => {
            if record.state.unheld().as_ref() == Some(next) {
                Ok(())
            } else {
                Err(InventoryError::NotAsBefore { serial: serial() })
            }
        }
        (State::Held { .. } | State::Valid | State::Superseded { .. }, State::Held { .. }) => Ok(()),
        (State::Held { .. }, State::Revoked { .. })
        | (
            State::Valid | State::Superseded { .. },
            State::Valid | State::Superseded { .. } | State::Revoked { .. },
        ) => Ok(()),
    }
}

impl Origin {
    /// Both.
    pub const ALL: [Origin; 2] = [Origin::Issued, Origin::Imported];

    /// Its name in stores and lists: `issued`, `imported`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Origin::Issued => "issued",
            Origin::Imported => "imported",
        }
    }

    /// The origin of that name; an unknown one is none, and whoever asked must refuse.
    pub fn parse(text: &str) -> Option<Origin> {
        Origin::ALL.into_iter().find(|origin| origin.as_str() == text)
    }
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 6] =
        [Role::Root, Role::Issuing, Role::Server, Role::Device, Role::Operator, Role::OcspSigner];

    /// Its name in stores and lists: `root`, `issuing`, `server`, `device`, `operator`,
    /// `ocsp-signer`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Root => "root",
            Role::Issuing => "issuing",
            Role::Server => "server",
            Role::Device => "device",
            Role::Operator => "operator",
            Role::OcspSigner => "ocsp-signer",
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

    /// Its name in RFC 5280 §5.3.1: `unspecified`, `keyCompromise`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            RevocationReason::Unspecified => "unspecified",
            RevocationReason::KeyCompromise => "keyCompromise",
            RevocationReason::CaCompromise => "cACompromise",
            RevocationReason::AffiliationChanged => "affiliationChanged",
            RevocationReason::Superseded => "superseded",
            RevocationReason::CessationOfOperation => "cessationOfOperation",
        }
    }

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

    /// The reason of that name, regardless of case: openssl writes `CACompromise`.
    pub fn parse(text: &str) -> Option<RevocationReason> {
        RevocationReason::ALL.into_iter().find(|reason| reason.as_str().eq_ignore_ascii_case(text))
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
