//! Signed answers that are kept: one for each way in which a certificate that we issued can be asked about.
//!
//! What it says is compared with the inventory each time, so a change is never answered with what was signed before it.

use std::collections::HashMap;
use std::sync::Arc;

use sealmq_pki::ocsp::Status;
use sealmq_pki::{Fingerprint, Timestamp};

/// Answers of one round, some 1.3 KB each; one round before it is kept.
const ROUND_MAX: usize = 2_048;

/// An answer that was signed.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) der: Arc<[u8]>,
    pub(super) status: Status,
    pub(super) signer: Fingerprint,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Timestamp,
}

impl Kept {
    /// Whether it can be given out still: it says what holds, by who signs now, and not half of its life is over.
    fn serves(&self, status: Status, signer: Fingerprint, now: Timestamp) -> bool {
        let half = self.next_update.secs_since(self.this_update) / 2;
        let current = self.this_update <= now && now < self.this_update.plus_secs(half);
        self.status == status && self.signer == signer && current
    }
}

/// By the CertID, DER: an answer repeats it byte for byte. Who is asked about moves to the front.
#[derive(Debug, Default)]
pub(super) struct Answers {
    now: HashMap<Vec<u8>, Kept>,
    before: HashMap<Vec<u8>, Kept>,
}

impl Answers {
    /// The answer that can be given out still.
    pub(super) fn find(
        &mut self,
        id: &[u8],
        status: Status,
        signer: Fingerprint,
        now: Timestamp,
    ) -> Option<Kept> {
        if let Some((id, kept)) = self.before.remove_entry(id) {
            self.add(id, kept);
        }
        self.now.get(id).filter(|kept| kept.serves(status, signer, now)).cloned()
    }

    /// Keeps an answer, in the place of an older one.
    pub(super) fn add(&mut self, id: Vec<u8>, kept: Kept) {
        if self.now.len() >= ROUND_MAX && !self.now.contains_key(&id) {
            self.before = std::mem::take(&mut self.now);
        }
        self.before.remove(&id);
        self.now.insert(id, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_780_272_000);
    const SIGNER: Fingerprint = Fingerprint::from_bytes([1; 32]);

    fn kept() -> Kept {
        Kept {
            der: Arc::from([0_u8]),
            status: Status::Good,
            signer: SIGNER,
            this_update: NOW,
            next_update: NOW.plus_secs(100),
        }
    }

    #[test]
    fn an_answer_serves_while_it_is_true_young_and_its_signers() {
        let mut answers = Answers::default();
        answers.add(vec![1], kept());
        let mut serves = |status, signer, now| answers.find(&[1], status, signer, now).is_some();
        assert!(serves(Status::Good, SIGNER, NOW) && serves(Status::Good, SIGNER, NOW.plus_secs(49)));
        assert!(!serves(Status::Good, SIGNER, NOW.plus_secs(50)), "half of its life is over");
        assert!(!serves(Status::Good, SIGNER, NOW.plus_secs(-1)), "a clock that was set back");
        assert!(!serves(Status::Unknown, SIGNER, NOW));
        assert!(!serves(Status::Good, Fingerprint::from_bytes([2; 32]), NOW));
        assert!(answers.find(&[2], Status::Good, SIGNER, NOW).is_none());
    }

    #[test]
    fn never_more_than_two_rounds_are_kept_and_who_is_asked_about_stays() {
        let mut answers = Answers::default();
        answers.add(vec![], kept());
        for n in 0..ROUND_MAX * 3 {
            answers.add(n.to_be_bytes().to_vec(), kept());
            assert!(n % 1_000 != 0 || answers.find(&[], Status::Good, SIGNER, NOW).is_some());
            assert!(answers.now.len() + answers.before.len() <= 2 * ROUND_MAX);
        }
        assert!(answers.find(&0_usize.to_be_bytes(), Status::Good, SIGNER, NOW).is_none(), "the oldest went");
    }
}
