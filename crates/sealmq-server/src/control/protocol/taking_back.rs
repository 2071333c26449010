//! The words of `cert revoke`, `cert hold` and `cert unhold`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A certificate's right is to be taken back, or given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeBackRequest {
    /// Whose.
    pub whose: WhoseCertificate,
    /// What becomes of it.
    pub what: WhatNow,
    /// Whether a stored session stays.
    pub session: KeepSession,
    /// Why, in a person's words, for the audit log.
    pub comment: Option<String>,
}

/// Which certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhoseCertificate {
    /// All of a name, as typed.
    Name(String),
    /// The one with this serial, hex.
    Serial(String),
}

/// What becomes of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum WhatNow {
    /// They never count again.
    Revoke {
        /// RFC 5280's word.
        reason: String,
    },
    /// They do not count for now.
    Hold,
    /// They count again.
    Unhold,
}

/// What becomes of a stored session whose name is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepSession {
    /// It is forgotten.
    Drop,
    /// `--keep-session`.
    Keep,
}

/// What was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TakenBackRow {
    /// The certificates, as they stand now.
    pub certificates: Vec<TakenRow>,
    /// Users whose password was closed.
    pub passwords: Vec<String>,
    /// What it meant for sessions; none where no broker runs, or where it could not be told (then there is a problem).
    pub broker: Option<Swept>,
    /// The roles of the broker's own that have a new certificate: `server`, `operator`, …
    pub replaced: Vec<String>,
    /// The new revocation list; none where it could not be written (then there is a problem).
    pub crl: Option<CrlRow>,
    /// What could not be done of what follows the revocation, which itself holds.
    pub problems: Vec<Problem>,
}

/// One certificate of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TakenRow {
    /// Its holder's name, or its subject.
    pub name: String,
    /// Its serial number, hex.
    pub serial: String,
    /// `device`, `operator`, `server`.
    pub role: String,
    /// Last second of its validity, since the epoch.
    pub not_after_secs: i64,
    /// `valid`, `not yet`, `ended`, `held`, `revoked`.
    pub standing: String,
    /// Why it was revoked, RFC 5280's word.
    pub reason: Option<String>,
}

/// What became of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// Connections that ended.
    pub ended: u64,
    /// Stored sessions that were forgotten.
    pub forgotten: u64,
}

/// The list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CrlRow {
    /// Its number.
    pub number: String,
    /// How many certificates are on it.
    pub certificates: usize,
    /// When the next one is due at the latest, since the epoch.
    pub next_update_secs: i64,
    /// Where it stands, DER.
    pub file: PathBuf,
}

/// Something that could not be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Problem {
    /// What and why.
    pub what: String,
    /// What mends it.
    pub hint: String,
}
