//! Passwords that were found right, remembered as an HMAC under a key that this process made for itself.
//!
//! A password hash costs tens of milliseconds on purpose. After a power cut ten thousand devices come back at once, each
//! with the password that it had a minute ago: with what is remembered here each costs one HMAC. Only right passwords
//! are remembered, so a guess costs the full hash, for known and unknown names alike. The tag covers listener, name,
//! entry and password: an entry that was changed fits no old tag. Neither password nor name is kept.
//!
//! Bounded; when it is full the oldest goes, and its owner pays one hash.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::hmac;
use sealmq_broker::ListenerId;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::passwords::EntryMark;

/// Logins that are remembered: some 12 MB when all are.
pub(crate) const REMEMBERED_MAX: usize = 100_000;

/// Who a login is by, before its password counts.
#[derive(Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) listener: ListenerId,
    pub(crate) username: &'a str,
    pub(crate) entry: EntryMark,
}

/// See the module.
pub(crate) struct Remembered {
    key: hmac::Key,
    table: Mutex<Table>,
    max: usize,
}

#[derive(Default)]
struct Table {
    tags: HashMap<[u8; 32], [u8; 32]>,
    /// Oldest first.
    order: VecDeque<[u8; 32]>,
}

impl Remembered {
    /// Empty, under a fresh key. `None` where there is no randomness: then nothing is remembered.
    pub(crate) fn new(max: usize) -> Option<Remembered> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).ok()?;
        let remembered =
            Remembered { key: hmac::Key::new(hmac::HMAC_SHA256, &key), table: Mutex::default(), max };
        key.zeroize();
        Some(remembered)
    }

    /// Whether this password was found right for this entry before.
    pub(crate) fn knows(&self, login: &Login<'_>, password: &[u8]) -> bool {
        // Computed in any case: how long it takes says nothing of who was here before.
        let (slot, tag) = (self.slot(login), self.tag(login, password));
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.tags.get(&slot).is_some_and(|known| bool::from(known.ct_eq(&tag)))
    }

    /// Remembers a password that was just found right.
    pub(crate) fn learn(&self, login: &Login<'_>, password: &[u8]) {
        let (slot, tag) = (self.slot(login), self.tag(login, password));
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.tags.insert(slot, tag).is_none() {
            table.order.push_back(slot);
        }
        while table.tags.len() > self.max {
            let Some(oldest) = table.order.pop_front() else { return };
            table.tags.remove(&oldest);
        }
    }

    /// One per listener and name: a new password takes the place of the old one.
    fn slot(&self, login: &Login<'_>) -> [u8; 32] {
        self.sign(b"slot", login, &[])
    }

    fn tag(&self, login: &Login<'_>, password: &[u8]) -> [u8; 32] {
        self.sign(b"tag.", login, &[login.entry.as_bytes(), password])
    }

    fn sign(&self, what: &[u8; 4], login: &Login<'_>, rest: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(what);
        context.update(&login.listener.0.to_be_bytes());
        // Its length before it: no name can borrow bytes from what stands behind it.
        context.update(&(login.username.len() as u64).to_be_bytes());
        context.update(login.username.as_bytes());
        for part in rest {
            context.update(part);
        }
        context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(listener: u16, username: &str, entry: u8) -> Login<'_> {
        Login { listener: ListenerId(listener), username, entry: EntryMark::of_bytes([entry; 32]) }
    }

    #[test]
    fn only_the_same_password_for_the_same_entry_name_and_listener_is_known() {
        let remembered = Remembered::new(10).unwrap();
        remembered.learn(&login(1, "anna", 7), b"secret");
        assert!(remembered.knows(&login(1, "anna", 7), b"secret"));
        for (other, password) in [
            (login(1, "anna", 7), &b"Secret"[..]),
            (login(1, "anna", 7), b""),
            (login(1, "anna", 8), b"secret"),
            (login(2, "anna", 7), b"secret"),
            (login(1, "ann", 7), b"secret"),
        ] {
            assert!(!remembered.knows(&other, password));
        }
        assert!(!Remembered::new(10).unwrap().knows(&login(1, "anna", 7), b"secret"));
    }

    #[test]
    fn a_new_password_takes_the_place_of_the_old_one_and_the_table_is_bounded() {
        let remembered = Remembered::new(2).unwrap();
        remembered.learn(&login(1, "anna", 7), b"old");
        remembered.learn(&login(1, "anna", 8), b"new");
        assert!(!remembered.knows(&login(1, "anna", 7), b"old"));
        assert!(remembered.knows(&login(1, "anna", 8), b"new"));
        remembered.learn(&login(1, "berta", 7), b"b");
        remembered.learn(&login(1, "clara", 7), b"c");
        assert!(!remembered.knows(&login(1, "anna", 8), b"new"), "the oldest has gone");
        assert!(
            remembered.knows(&login(1, "berta", 7), b"b") && remembered.knows(&login(1, "clara", 7), b"c")
        );
        let table = remembered.table.lock().unwrap();
        assert_eq!((table.tags.len(), table.order.len()), (2, 2));
    }
}
