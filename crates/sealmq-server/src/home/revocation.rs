//! Taking a certificate's right back: for good (`cert revoke`), for a while (`cert hold`), and giving it back
//! (`cert unhold`).
//!
//! Not here: the sessions that end by it (`control/taking_back.rs`), and the list (`super::crl`). Order of writes: the inventory, in one transaction with the
//! number of the next list and the note that a password is to go; the password file; the list ([`Home::publish`]). From the first of them on
//! the certificate is refused; what a crash leaves undone behind it, [`Home::finish_revocation`] does at the next start.

use sealmq_pki::audit::{Draft, Subject, What};
use sealmq_pki::inventory::{Inventory as _, InventoryError, Reason, Record, RevocationReason, Role, State};
use sealmq_pki::{Name, NameKey, Serial, Timestamp};

use super::create::{Progress, Step};
use super::error::HomeError;
use super::passwords;
use super::{Home, Surroundings};
use crate::inventory::Change;

/// Which certificates a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// All of this name that have not ended, superseded ones too; and its password.
    Name(Name),
    /// The one with this serial.
    Serial(Serial),
}

impl Whose {
    fn key(&self) -> Option<NameKey> {
        match self {
            Whose::Name(name) => Some(name.key()),
            Whose::Serial(_) => None,
        }
    }
}

/// What becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeBack {
    /// They never count again.
    Revoke(RevocationReason),
    /// They do not count until they are let go of.
    Hold,
    /// They count again as before the hold.
    Unhold,
}

/// What was done, and what it leaves.
#[derive(Debug)]
pub struct TakenBack {
    /// The certificates, as they are now. Those that had been so before are among them: a command that was cut off can be
    /// given again.
    pub certificates: Vec<Record>,
    /// The name that nobody goes by any more: none of its certificates counts.
    pub name: Option<Name>,
    /// The users whose password was closed, as the password file spelt them.
    pub passwords: Vec<String>,
    /// The number of the list that is to be published.
    pub(super) list_number: u64,
}

impl Home {
    /// Revokes, holds or lets go of certificates; `why` is for the audit log.
    ///
    /// # Errors
    /// Nobody is meant, or it makes no sense for who is; the inventory cannot be written. Then nothing has changed.
    pub fn take_back(
        &self,
        whose: &Whose,
        what: TakeBack,
        why: Option<Reason>,
        around: &Surroundings,
        done: Progress<'_>,
    ) -> Result<TakenBack, HomeError> {
        let act = self.act(around).because(why);
        let passwords = self.passwords_to_close(whose, what)?;
        let closes = passwords.first().and_then(|_| whose.key());
        let candidates = self.candidates(whose)?;
        let (certificates, list_number) = self.inventory().change(&act, |change| {
            let meant = meant(change, &candidates, whose, what)?;
            if meant.is_empty() && closes.is_none() {
                return Err(nobody(whose, what));
            }
            for record in &meant {
                check_role(record, what)?;
                if let Some(next) = next_state(record, what, act.at)? {
                    change.set_state(&record.issuer, &record.serial, next)?;
                }
            }
            if let Some(key) = &closes {
                change.keep_setting(PASSWORD_TO_CLOSE, key.as_str())?;
                change.note(&Draft::new(What::UserRemoved, vec![Subject::Name(key.clone())]))?;
            }
            let number = self.raise_crl_number(change)?;
            // As they are now.
            let mut certificates = Vec::new();
            for record in &meant {
                certificates.extend(change.find(&record.issuer, &record.serial)?);
            }
            Ok::<_, HomeError>((certificates, number))
        })?;
        done(Step::TakenBack)?;
        if let Some(key) = &closes {
            self.close_password(key, done)?;
        }
        let name = match what {
            TakeBack::Revoke(_) => self.name_that_is_gone(whose, &certificates, act.at)?,
            TakeBack::Hold | TakeBack::Unhold => None,
        };
        Ok(TakenBack { certificates, name, passwords, list_number })
    }

    /// Does what a crash left undone of a revocation: the password that was to go. The list is [`Home::ensure_list`]'s.
    pub(super) fn finish_revocation(&self) -> Result<(), HomeError> {
        let Some(key) = self.inventory().setting(PASSWORD_TO_CLOSE)?.filter(|key| !key.is_empty()) else {
            return Ok(());
        };
        let name = Name::parse(&key).map_err(|error| HomeError::Corrupt {
            path: self.place().ca().inventory(),
            text: format!("the setting {PASSWORD_TO_CLOSE}: {error}"),
        })?;
        self.close_password(&name.key(), &mut |_| Ok(()))
    }

    fn close_password(&self, key: &NameKey, done: Progress<'_>) -> Result<(), HomeError> {
        passwords::remove(&self.place().passwd(), key)?;
        done(Step::PasswordClosed)?;
        Ok(self.inventory().keep_setting(PASSWORD_TO_CLOSE, "")?)
    }

    /// The name of what was revoked, if nothing that counts, or may again, is left of it.
    fn name_that_is_gone(
        &self,
        whose: &Whose,
        certificates: &[Record],
        now: Timestamp,
    ) -> Result<Option<Name>, HomeError> {
        let name = match whose {
            Whose::Name(name) => Some(name),
            Whose::Serial(_) => certificates.iter().find_map(|record| record.name.as_ref()),
        };
        let Some(name) = name else { return Ok(None) };
        let lives = self.inventory().by_name(&name.key())?.iter().any(|record| record.is_live(now));
        Ok((!lives).then(|| name.clone()))
    }

    fn passwords_to_close(&self, whose: &Whose, what: TakeBack) -> Result<Vec<String>, HomeError> {
        let mut users = match what {
            TakeBack::Revoke(_) => self.users()?,
            TakeBack::Hold | TakeBack::Unhold => Vec::new(),
        };
        users.retain(|user| whose.key().is_some_and(|key| user.eq_ignore_ascii_case(key.as_str())));
        Ok(users)
    }

    fn candidates(&self, whose: &Whose) -> Result<Vec<Record>, HomeError> {
        Ok(match whose {
            Whose::Name(name) => self.inventory().by_name(&name.key())?,
            Whose::Serial(serial) => self.inventory().by_serial(serial)?,
        })
    }
}

/// The certificates that are meant, as they stand in the transaction that changes them.
fn meant(
    change: &Change<'_>,
    candidates: &[Record],
    whose: &Whose,
    what: TakeBack,
) -> Result<Vec<Record>, InventoryError> {
    let mut found = Vec::new();
    for candidate in candidates {
        let Some(record) = change.find(&candidate.issuer, &candidate.serial)? else { continue };
        let wanted = match whose {
            Whose::Serial(_) => true,
            Whose::Name(_) => record.not_after >= change.act().at && is_for(&record.state, what),
        };
        if wanted {
            found.push(record);
        }
    }
    Ok(found)
}

/// Whether a certificate in this state is among those that a name stands for. What has been done already is done again.
const fn is_for(state: &State, what: TakeBack) -> bool {
    match (what, state) {
        (TakeBack::Revoke(_), _) | (TakeBack::Unhold, State::Held { .. }) => true,
        (TakeBack::Hold, State::Valid | State::Superseded { .. } | State::Held { .. }) => true,
        (TakeBack::Hold, State::Revoked { .. }) => false,
        (TakeBack::Unhold, State::Valid | State::Superseded { .. } | State::Revoked { .. }) => false,
    }
}

/// The state that follows; `None` where it is the one already.
fn next_state(record: &Record, what: TakeBack, at: Timestamp) -> Result<Option<State>, InventoryError> {
    let serial = || record.serial.clone();
    match (what, &record.state) {
        (TakeBack::Revoke(_), State::Revoked { .. }) | (TakeBack::Hold, State::Held { .. }) => Ok(None),
        (TakeBack::Revoke(reason), State::Valid | State::Superseded { .. } | State::Held { .. }) => {
            Ok(Some(State::Revoked { at, reason }))
        }
        (TakeBack::Hold, State::Valid | State::Superseded { .. }) => Ok(Some(record.state.held(at))),
        (TakeBack::Hold | TakeBack::Unhold, State::Revoked { .. }) => {
            Err(InventoryError::Final { serial: serial() })
        }
        (TakeBack::Unhold, state) => match state.unheld() {
            Some(before) => Ok(Some(before)),
            None => Err(InventoryError::NotHeld { serial: serial() }),
        },
    }
}

/// A CA is not taken back by a list that it signs itself, and what the broker needs at once it makes anew: a hold would
/// never be let go of.
fn check_role(record: &Record, what: TakeBack) -> Result<(), HomeError> {
    let refuse = |why: &str, hint: &str| {
        Err(HomeError::Refused {
            what: format!("certificate {} is {why}", record.serial),
            hint: hint.to_owned(),
        })
    };
    match (record.role, what) {
        (Role::Root, _) => refuse(
            "the root: nobody above it can take it back",
            "make a new CA in another data directory (sealmq up --data-dir DIR) and give every device a new bundle",
        ),
        (Role::Issuing, _) => refuse(
            "the issuing CA's: everything that it issued would end with it, and only the root's list could say so",
            "revoke the certificates one by one; if its key is in other hands, make a new CA in another data directory (sealmq up --data-dir DIR) and give every device a new bundle",
        ),
        (Role::Server | Role::Operator | Role::OcspSigner, TakeBack::Hold) => refuse(
            "the broker's own: it would make itself another one at once",
            "revoke it: sealmq cert revoke --serial HEX makes a new one in its place",
        ),
        (Role::Server | Role::Operator | Role::OcspSigner, TakeBack::Revoke(_) | TakeBack::Unhold)
        | (Role::Device, _) => Ok(()),
    }
}

fn nobody(whose: &Whose, what: TakeBack) -> HomeError {
    let hint = "sealmq device list shows who there is".to_owned();
    let what = match (whose, what) {
        (Whose::Serial(serial), _) => format!("no certificate with serial {serial} is in the inventory"),
        (Whose::Name(name), TakeBack::Revoke(_)) => {
            format!("nobody is called '{name}': no certificate that has not ended, and no password")
        }
        (Whose::Name(name), TakeBack::Hold) => {
            format!("nobody called '{name}' has a certificate that counts")
        }
        (Whose::Name(name), TakeBack::Unhold) => format!("no certificate of '{name}' is on hold"),
    };
    HomeError::Refused { what, hint }
}

/// The setting with the name whose password is to go; empty: none.
const PASSWORD_TO_CLOSE: &str = "password_to_close";
