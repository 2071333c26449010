//! What proves a name on a listener beside certificates and its password file: a SCRAM file, keys of tokens.
//!
//! Swapped whole at a reload. A session remembers which entry or key admitted it and under which demands; what is gone
//! or changed admits it no longer.

use std::sync::Arc;

use aws_lc_rs::digest;
use sealmq_auth::jwt::{KeyMark, Keys, Rules, TokenError, Verified, verify};
use sealmq_auth::scram::{Decoys, Lookup};
use sealmq_broker::Wall;
use sealmq_config::scram_file::ScramFile;
use sealmq_pki::Timestamp;

use super::passwords::EntryMark;

/// See the module. Empty: nothing but certificates and passwords counts.
#[derive(Debug, Default)]
pub struct NameProofs {
    pub(crate) scram: Option<ScramTable>,
    pub(crate) tokens: Option<Arc<TokenJudge>>,
}

impl NameProofs {
    /// Whether somebody could log in by them.
    #[must_use]
    pub fn lets_somebody_in(&self) -> bool {
        self.tokens.is_some() || self.scram.as_ref().is_some_and(|table| !table.file.is_empty())
    }

    /// Whether they are there at all: then no name is believed unproved.
    #[must_use]
    pub fn are_configured(&self) -> bool {
        self.tokens.is_some() || self.scram.is_some()
    }
}

/// The users of a `scram_file`.
pub struct ScramTable {
    file: ScramFile,
    decoys: Decoys,
}

impl std::fmt::Debug for ScramTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScramTable").field("users", &self.file.len()).finish_non_exhaustive()
    }
}

impl ScramTable {
    /// Over a file. Without a decoy key in it, one is made of the whole file: it changes when the file does.
    #[must_use]
    pub fn new(file: ScramFile) -> ScramTable {
        let key = file.decoy_key().copied().unwrap_or_else(|| {
            let all = digest::digest(&digest::SHA256, file.to_text().as_bytes());
            all.as_ref().try_into().expect("SHA-256 has 32 bytes")
        });
        let decoys = Decoys::like(key, file.iter().map(|(_, entry)| entry));
        ScramTable { file, decoys }
    }

    /// The entry of a name, or a decoy; both are made, so that both take the same time.
    pub(crate) fn look_up(&self, username: &str) -> Lookup {
        let decoy = self.decoys.entry(username);
        match self.file.find(username) {
            Some(entry) => Lookup::Known(entry.clone()),
            None => Lookup::Unknown(decoy),
        }
    }

    /// The mark of a name's entry.
    pub(crate) fn mark(&self, username: &str) -> Option<EntryMark> {
        self.file.find(username).map(|entry| EntryMark::of_bytes(entry.mark()))
    }

    pub(crate) fn has(&self, username: &str, mark: &EntryMark) -> bool {
        self.mark(username).as_ref() == Some(mark)
    }
}

/// Keys of tokens and what is demanded of these.
#[derive(Debug)]
pub struct TokenJudge {
    keys: Keys,
    rules: Arc<Rules>,
}

/// What a session keeps of the token that admitted it.
#[derive(Debug)]
pub(crate) struct TokenProof {
    pub(crate) username: Arc<str>,
    key: KeyMark,
    rules: Arc<Rules>,
    /// The first millisecond in which it has ended.
    pub(crate) ends_at: Wall,
}

impl TokenJudge {
    /// Over the keys of a `jwt_key`.
    #[must_use]
    pub fn new(keys: Keys, rules: Rules) -> TokenJudge {
        TokenJudge { keys, rules: Arc::new(rules) }
    }

    /// Judges a token; what it says of topics comes beside the proof.
    pub(crate) fn judge(&self, token: &[u8], now: Timestamp) -> Result<(TokenProof, Verified), TokenError> {
        let verified = verify(&self.keys, &self.rules, token, now.as_secs())?;
        let ends_at = Wall(u64::try_from(verified.expires_at_secs).unwrap_or(0).saturating_mul(1000));
        let proof = TokenProof {
            username: Arc::from(verified.username.as_str()),
            key: verified.key,
            rules: Arc::clone(&self.rules),
            ends_at,
        };
        Ok((proof, verified))
    }

    /// Whether a token that was good before is good still.
    pub(crate) fn upholds(&self, proof: &TokenProof, now: Wall) -> bool {
        self.keys.has(&proof.key) && *self.rules == *proof.rules && now < proof.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::Issuer;
    use super::*;

    #[test]
    fn a_token_is_upheld_until_its_last_millisecond_by_its_key_and_under_its_demands() {
        let (issuer, other) = (Issuer::new(), Issuer::new());
        let judge = issuer.judge();
        let (proof, _) =
            judge.judge(issuer.token("anna", 1_000).as_bytes(), Timestamp::from_secs(900)).unwrap();
        assert_eq!(proof.ends_at, Wall(1_000_000));
        assert!(judge.upholds(&proof, Wall(999_999)));
        assert!(!judge.upholds(&proof, Wall(1_000_000)), "it has ended");
        assert!(issuer.judge().upholds(&proof, Wall(999_999)), "the same key and demands, read again");
        assert!(!other.judge().upholds(&proof, Wall(999_999)), "its key is gone");
        let stricter = Rules { audience: Some("mqtt".to_owned()), ..Rules::default() };
        assert!(!issuer.judge_by(stricter).upholds(&proof, Wall(999_999)), "more is demanded now");
    }
}
