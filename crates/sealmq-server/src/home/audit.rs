//! The signed head of the audit log: when one is due, and making it.
//!
//! A head proves something only where somebody else keeps it: it goes to the log, and from there to wherever the log
//! goes. The last one is kept beside the records as well, so that `audit-log verify` always has one to compare with.

use sealmq_pki::Timestamp;
use sealmq_pki::audit::{SignedHead, What};

use super::error::HomeError;
use super::{Home, Surroundings};

impl Home {
    /// Signs the end of the audit log as it is now.
    ///
    /// # Errors
    /// The key does not sign, or the inventory cannot be used.
    pub fn sign_audit_head(&self, around: &Surroundings) -> Result<SignedHead, HomeError> {
        let head = self.inventory().audit_head(self.judge_at(around))?;
        let signed = head.sign(self.issuing().signer()).map_err(|error| HomeError::Key {
            path: self.place().ca().issuing().key(),
            text: error.to_string(),
            hint: "look at the key, or at the token that holds it".to_owned(),
        })?;
        self.inventory().keep_setting(AUDIT_HEAD, &signed.to_string())?;
        Ok(signed)
    }

    /// Whether a new head is to be signed: the last one is a day old, or somebody's right was taken or given back since.
    ///
    /// # Errors
    /// The inventory cannot be used.
    pub fn audit_head_is_due(&self, around: &Surroundings) -> Result<bool, HomeError> {
        let Some(last) = self.inventory().setting(AUDIT_HEAD)?.and_then(|text| SignedHead::parse(&text).ok())
        else {
            return Ok(true);
        };
        let now: Timestamp = self.judge_at(around);
        let last = last.claimed();
        Ok(now >= last.at.plus_days(1) || self.inventory().audit_has_since(last.number, &TAKEN_BACK)?)
    }
}

/// The setting with the newest head.
pub(crate) const AUDIT_HEAD: &str = "audit_head";
/// What must not wait for the next day: whoever takes it out of the log would be in again.
const TAKEN_BACK: [What; 4] =
    [What::CertificateRevoked, What::CertificateHeld, What::CertificateUnheld, What::UserRemoved];
