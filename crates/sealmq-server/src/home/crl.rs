//! The issuing CA's revocation list on disk: `ca/crl/issuing.crl` (DER) and `issuing.pem`.
//!
//! The inventory is the truth, the list is what others can have of it. Order of writes: the inventory with the list's new
//! number ([`CRL_NUMBER`]), the PEM file, the DER file. A crash in between leaves an older list than the number says,
//! which the next start sees and signs anew, with a number of its own: no number is ever given to two lists. A list that
//! is *newer* than the inventory is another matter: then the inventory is an old one.

use sealmq_pki::Timestamp;
use sealmq_pki::audit::{Draft, What};
use sealmq_pki::cert::SignedBy;
use sealmq_pki::crl::{Crl, CrlDraft, CrlNumber, Listing, Why};
use sealmq_pki::inventory::{InventoryError, Record, State};

use super::create::{Progress, Step};
use super::error::HomeError;
use super::files::{self, Mode};
use super::revocation::TakenBack;
use super::{Home, Surroundings};
use crate::inventory::Change;

/// A list that was signed and stands on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub number: CrlNumber,
    /// How many certificates are on it.
    pub certificates: usize,
    /// When the next one is due at the latest.
    pub next_update: Timestamp,
}

/// What became of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListState {
    /// The one on disk serves.
    Kept,
    /// A new one was signed.
    Signed(Listed),
}

impl Home {
    /// Signs the list anew where that is needed: there is none, it is damaged, another CA's, older than the inventory, half
    /// its life is over, or it is dated in the future (the clock had been wrong).
    pub fn ensure_list(&self, around: &Surroundings, done: Progress<'_>) -> Result<ListState, HomeError> {
        let now = self.judge_at(around);
        if self.list_serves(now)? {
            return Ok(ListState::Kept);
        }
        let act = self.act(around);
        let number = self.inventory().change(&act, |change| self.raise_crl_number(change))?;
        done(Step::ListNumbered)?;
        self.write_list(number, now, done).map(ListState::Signed)
    }

    /// The list on disk; `None` where there is none that can be read.
    pub fn list(&self) -> Result<Option<Crl>, HomeError> {
        let der = files::read(&self.place().ca().issuing_crl())?;
        Ok(der.and_then(|der| Crl::parse(der).ok()))
    }

    fn list_serves(&self, now: Timestamp) -> Result<bool, HomeError> {
        let Some(crl) = self.list()? else { return Ok(false) };
        let numbered = crl_number(self.inventory().setting(CRL_NUMBER)?.as_deref());
        if let Some(list) = crl.number().filter(|number| **number > numbered.into()) {
            let path = self.place().ca().inventory();
            return Err(HomeError::OlderThanList { path, inventory: numbered, list: list.to_string() });
        }
        let half_life = crl.this_update().plus_secs(crl.next_update().secs_since(crl.this_update()) / 2);
        let ours = crl.signed_by(self.issuing().facts());
        Ok(files::is_there(&self.place().ca().issuing_crl_pem())?
            && ours == Ok(SignedBy::Yes)
            && crl.number() == Some(&numbered.into())
            && (crl.this_update()..half_life).contains(&now))
    }

    /// The number of the next list, in the transaction that makes one necessary.
    pub(super) fn raise_crl_number(&self, change: &Change<'_>) -> Result<u64, InventoryError> {
        let number = crl_number(change.setting(CRL_NUMBER)?.as_deref()) + 1;
        change.keep_setting(CRL_NUMBER, &number.to_string())?;
        change.note(&Draft::new(What::CrlSigned, Vec::new()).saying(format!("number {number}")))?;
        Ok(number)
    }

    /// Writes the list that this change made necessary.
    ///
    /// # Errors
    /// It cannot be signed or written. The change holds all the same; the next start, or the broker within the hour, tries again.
    pub fn publish(
        &self,
        taken: &TakenBack,
        around: &Surroundings,
        done: Progress<'_>,
    ) -> Result<Listed, HomeError> {
        self.write_list(taken.list_number, self.judge_at(around), done)
    }

    /// Signs and writes the list with what the inventory says now.
    fn write_list(&self, number: u64, now: Timestamp, done: Progress<'_>) -> Result<Listed, HomeError> {
        let ca = self.place().ca();
        let previous = self.list()?.map(|crl| crl.this_update());
        let issuer = self.issuing().inventory_id();
        let records = self.inventory().not_counting(issuer)?;
        // Of these nobody knows when they end; they stay.
        let mut entries = self.inventory().listed(issuer)?;
        entries.retain(|listed| records.iter().all(|record| record.serial != listed.serial));
        entries.extend(records.iter().filter(|record| is_due(record, previous, now)).filter_map(listing));
        let draft = CrlDraft {
            number: number.into(),
            this_update: now,
            next_update: now.plus_days(LIFE_DAYS),
            entries,
        };
        let crl = draft.sign(self.issuing())?;
        files::ensure_folder(&ca.crl())?;
        files::replace(&ca.issuing_crl_pem(), crl.pem().as_bytes(), Mode::Public)?;
        done(Step::ListPem)?;
        files::replace(&ca.issuing_crl(), crl.der(), Mode::Public)?;
        done(Step::List)?;
        Ok(Listed { number: number.into(), certificates: crl.len(), next_update: crl.next_update() })
    }
}

/// RFC 5280 §5: an entry stays until it has stood on a list that was issued behind its certificate's end. One whole life
/// of a list, so that a list that a revoke made early is not the only one.
fn is_due(record: &Record, previous: Option<Timestamp>, now: Timestamp) -> bool {
    now <= record.not_after.plus_days(LIFE_DAYS)
        || previous.is_none_or(|previous| previous <= record.not_after)
}

fn listing(record: &Record) -> Option<Listing> {
    let (at, why) = match &record.state {
        State::Revoked { at, reason } => (*at, Why::Revoked(*reason)),
        State::Held { at, .. } => (*at, Why::OnHold),
        State::Valid | State::Superseded { .. } => return None,
    };
    Some(Listing { serial: record.serial.clone(), at, why })
}

/// What the setting says; a new directory has none.
pub(crate) fn crl_number(setting: Option<&str>) -> u64 {
    setting.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The setting with the number of the newest list that was signed, or was to be.
pub(crate) const CRL_NUMBER: &str = "crl_number";
/// pki-facts §3.3: seven days, signed anew at half of them.
const LIFE_DAYS: i64 = 7;
