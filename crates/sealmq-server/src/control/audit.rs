//! The audit log for a command: page by page from the running broker, or from the file where none runs.
//!
//! The file is read without opening the data directory: an inventory that no broker starts on, because somebody has edited
//! the log, is the one that people want to look at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealmq_pki::audit::{Digest, Record};
use sealmq_pki::{Facts, PublicKey, Timestamp};
use serde::{Deserialize, Serialize};

use super::client::Connection;
use super::office;
use super::protocol::{Request, Response};
use crate::home::{AUDIT_HEAD, Home, HomeError, Place, first_certificate};
use crate::inventory::{AuditFile, Inventory};

/// Where the audit log is read.
pub struct AuditLog(Source);

enum Source {
    Broker(Connection),
    File { file: AuditFile, place: Place },
}

/// A part of the log, and what vouches for all of it.
#[derive(Clone, Debug)]
pub struct Page {
    /// Records in their order; none behind the last one.
    pub records: Vec<Record>,
    /// The head that was signed last, as it was kept beside the records.
    pub head: Option<String>,
    /// The issuing CA's key, which signs heads.
    pub key: PublicKey,
}

/// What goes over the socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageRow {
    records: Vec<RecordRow>,
    head: Option<String>,
    /// SubjectPublicKeyInfo, DER in Base64.
    key: String,
}

/// One record over the socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordRow {
    number: u64,
    at_secs: i64,
    actor: String,
    what: String,
    subjects: Vec<String>,
    details: String,
    why: String,
    previous: [u8; 32],
    hash: [u8; 32],
}

impl AuditLog {
    /// Finds the log of a data directory.
    ///
    /// # Errors
    /// There is none, or it is another user's.
    pub fn reach(place: &Place) -> Result<Self, HomeError> {
        if let Some(connection) = office::reach_broker(place)? {
            return Ok(Self(Source::Broker(connection)));
        }
        let file = AuditFile::open(&place.ca().inventory())?;
        Ok(Self(Source::File { file, place: place.clone() }))
    }

    /// Some records from number `first` on.
    ///
    /// # Errors
    /// The broker or the file gives no answer.
    pub fn page(&mut self, first: u64) -> Result<Page, HomeError> {
        match &mut self.0 {
            Source::Broker(connection) => {
                let response = office::unless_refused(connection.ask(&Request::AuditLog { first })?)?;
                let Response::AuditLog(page) = response else { return Err(office::unexpected()) };
                page.open()
            }
            Source::File { file, place } => Ok(Page {
                records: file.records(first, ROWS_MAX)?,
                head: file.setting(AUDIT_HEAD)?,
                key: issuing_key(place)?,
            }),
        }
    }
}

/// The answer of whoever has the directory open.
pub(super) fn answer(home: &Home, first: u64) -> Result<PageRow, HomeError> {
    let inventory: &Inventory = home.inventory();
    let records = inventory.audit_records(first, ROWS_MAX)?;
    let mut bytes = 0;
    let fitting = records.into_iter().map(RecordRow::from).take_while(|row| {
        let fits = bytes < PAGE_BYTES_MAX;
        bytes += row.bytes();
        fits
    });
    Ok(PageRow {
        records: fitting.collect(),
        head: inventory.setting(AUDIT_HEAD)?,
        key: BASE64.encode(home.issuing().signer().public_key().spki_der()),
    })
}

fn issuing_key(place: &Place) -> Result<PublicKey, HomeError> {
    let path = place.ca().issuing().certificate();
    let der = first_certificate(&path)?.ok_or_else(|| HomeError::Incomplete { path: path.clone() })?;
    let corrupt = |text: String| HomeError::Corrupt { path: path.clone(), text };
    let facts = Facts::parse(&der).map_err(|error| corrupt(error.to_string()))?;
    PublicKey::from_spki_der(&facts.spki_der).map_err(|error| corrupt(error.to_string()))
}

impl PageRow {
    fn open(self) -> Result<Page, HomeError> {
        let key = BASE64.decode(&self.key).ok().and_then(|spki| PublicKey::from_spki_der(&spki).ok());
        Ok(Page {
            records: self.records.into_iter().map(Record::from).collect(),
            head: self.head,
            key: key.ok_or_else(office::unexpected)?,
        })
    }
}

impl RecordRow {
    /// About what it takes in JSON: hashes as lists of numbers, texts escaped at worst.
    fn bytes(&self) -> usize {
        let texts = [&self.actor, &self.what, &self.details, &self.why].into_iter().chain(&self.subjects);
        512 + texts.map(|text| 2 * text.len() + 4).sum::<usize>()
    }
}

impl From<Record> for RecordRow {
    fn from(record: Record) -> Self {
        let Record { number, at, actor, what, subjects, details, why, previous, hash } = record;
        let (previous, hash) = (*previous.as_bytes(), *hash.as_bytes());
        Self { number, at_secs: at.as_secs(), actor, what, subjects, details, why, previous, hash }
    }
}

impl From<RecordRow> for Record {
    fn from(row: RecordRow) -> Self {
        let RecordRow { number, at_secs, actor, what, subjects, details, why, previous, hash } = row;
        let (previous, hash) = (Digest::from_bytes(previous), Digest::from_bytes(hash));
        Self {
            number,
            at: Timestamp::from_secs(at_secs),
            actor,
            what,
            subjects,
            details,
            why,
            previous,
            hash,
        }
    }
}

const ROWS_MAX: u32 = 500;
/// Half of the longest line: one record more than this may hold is below the other half.
const PAGE_BYTES_MAX: usize = super::protocol::LINE_BYTES_MAX / 2;
