//! One record of the audit log.

use std::fmt;

use aws_lc_rs::digest;

use super::Tip;
use crate::ids::{KeyId, Serial};
use crate::inventory::Act;
use crate::name::NameKey;
use crate::time::Timestamp;

/// SHA-256. Displays as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// A CA was made here.
    CaCreated,
    /// A CA was brought here.
    CaImported,
    /// A CA's certificate or key was changed: extended, rolled over, moved offline.
    CaChanged,
    /// A certificate was issued and entered.
    CertificateIssued,
    /// A certificate was entered that somebody else had issued with our key.
    CertificateImported,
    /// A certificate has a successor.
    CertificateSuperseded,
    /// A certificate was put on hold.
    CertificateHeld,
    /// A certificate counts again after a hold.
    CertificateUnheld,
    /// A certificate was revoked.
    CertificateRevoked,
    /// A revocation list was signed.
    CrlSigned,
    /// A name logs in with a password from now on.
    UserAdded,
    /// A password was taken away.
    UserRemoved,
    /// A key was made.
    KeyCreated,
    /// A key was loaded to sign with.
    KeyLoaded,
    /// A key was decrypted with its passphrase.
    KeyDecrypted,
    /// A key left the data directory: exported, or in a backup.
    KeyExported,
    /// A key could not be read, decrypted or used.
    KeyFailed,
    /// The inventory's schema was changed by a newer SealMQ.
    SchemaMigrated,
    /// A backup was put back.
    Restored,
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A certificate. Displays as `certificate:ISSUER/SERIAL`.
    Certificate {
        /// Key identifier of its issuer.
        issuer: KeyId,
        /// Its serial.
        serial: Serial,
    },
    /// Somebody's name. Displays as `name:pump`.
    Name(NameKey),
    /// A key. Displays as `key:ID`.
    Key(KeyId),
}

/// A record that is to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What was done.
    pub what: What,
    /// To whom or what.
    pub subjects: Vec<Subject>,
    /// More, for people: words of ours, never a secret.
    pub details: String,
}

/// A record as it was written.
///
/// Its parts are texts, so that a log stays verifiable for a version that does not know all of their words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log, from 1.
    pub number: u64,
    /// When, by the clock that validity is judged by.
    pub at: Timestamp,
    /// Who, as [`Actor`](crate::inventory::Actor) displays.
    pub actor: String,
    /// What, as [`What::as_str`] says.
    pub what: String,
    /// To whom or what, as [`Subject`] displays.
    pub subjects: Vec<String>,
    /// More, for people.
    pub details: String,
    /// Why, in a person's words; empty where none were given.
    pub why: String,
    /// Hash of the record before; zeros for the first.
    pub previous: Digest,
    /// [`Record::digest`] when it was written.
    pub hash: Digest,
}

impl Draft {
    /// A record about these.
    pub fn new(what: What, subjects: Vec<Subject>) -> Draft {
        Draft { what, subjects, details: String::new() }
    }

    /// The same with more to say, of which 4,096 bytes are kept: a subject of an imported CA may be long.
    #[must_use]
    pub fn saying(self, details: impl Into<String>) -> Draft {
        let mut details: String = details.into();
        while details.len() > DETAILS_BYTES_MAX {
            details.pop();
        }
        Draft { details, ..self }
    }

    /// The record after `tip`.
    pub fn after(&self, tip: Tip, act: &Act) -> Record {
        let mut record = Record {
            number: tip.number + 1,
            at: act.at,
            actor: act.by.to_string(),
            what: self.what.as_str().to_owned(),
            subjects: self.subjects.iter().map(Subject::to_string).collect(),
            details: self.details.clone(),
            why: act.why.as_ref().map(ToString::to_string).unwrap_or_default(),
            previous: tip.hash,
            hash: Digest::ZERO,
        };
        record.hash = record.digest();
        record
    }
}

impl Record {
    /// SHA-256 over the canonical encoding: a line that names the format, number and time as 64-bit big-endian, the
    /// hash before, then each text with its length in front.
    pub fn digest(&self) -> Digest {
        let mut bytes = RECORD_FORMAT.to_vec();
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.at.as_secs().to_be_bytes());
        bytes.extend(self.previous.as_bytes());
        for text in [&self.actor, &self.what, &self.details, &self.why] {
            put_text(&mut bytes, text);
        }
        put_length(&mut bytes, self.subjects.len());
        for subject in &self.subjects {
            put_text(&mut bytes, subject);
        }
        Digest::of(&bytes)
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend(text.as_bytes());
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend((length as u64).to_be_bytes());
}

impl Digest {
    /// What stands in the place of the hash before the first record.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Digest(hash)
    }

    /// From 32 bytes that were a hash before.
    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl What {
    /// All of them.
    pub const ALL: [What; 19] = [
        What::CaCreated,
        What::CaImported,
        What::CaChanged,
        What::CertificateIssued,
        What::CertificateImported,
        What::CertificateSuperseded,
        What::CertificateHeld,
        What::CertificateUnheld,
        What::CertificateRevoked,
        What::CrlSigned,
        What::UserAdded,
        What::UserRemoved,
        What::KeyCreated,
        What::KeyLoaded,
        What::KeyDecrypted,
        What::KeyExported,
        What::KeyFailed,
        What::SchemaMigrated,
        What::Restored,
    ];

    /// Its word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            What::CaCreated => "ca-created",
            What::CaImported => "ca-imported",
            What::CaChanged => "ca-changed",
            What::CertificateIssued => "certificate-issued",
            What::CertificateImported => "certificate-imported",
            What::CertificateSuperseded => "certificate-superseded",
            What::CertificateHeld => "certificate-held",
            What::CertificateUnheld => "certificate-unheld",
            What::CertificateRevoked => "certificate-revoked",
            What::CrlSigned => "crl-signed",
            What::UserAdded => "user-added",
            What::UserRemoved => "user-removed",
            What::KeyCreated => "key-created",
            What::KeyLoaded => "key-loaded",
            What::KeyDecrypted => "key-decrypted",
            What::KeyExported => "key-exported",
            What::KeyFailed => "key-failed",
            What::SchemaMigrated => "schema-migrated",
            What::Restored => "restored",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Certificate { issuer, serial } => write!(f, "certificate:{issuer}/{serial}"),
            Subject::Name(name) => write!(f, "name:{name}"),
            Subject::Key(key) => write!(f, "key:{key}"),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

const DETAILS_BYTES_MAX: usize = 4096;
const RECORD_FORMAT: &[u8] = b"sealmq audit record 1\n";
