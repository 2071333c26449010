//! The revocation list on disk, read again when it has changed.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sealmq_pki::cert::SignedBy;
use sealmq_pki::{Crl, Facts, Timestamp};

/// A million revoked certificates.
const CRL_BYTES_MAX: u64 = 64 << 20;

/// The file of one issuer's list.
pub(super) struct CrlFile {
    path: PathBuf,
    issuer: Facts,
    last: Mutex<Option<(Stamp, List)>>,
}

/// A list that was read.
#[derive(Clone)]
pub(super) struct List {
    pub(super) der: Arc<[u8]>,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Timestamp,
}

/// What changes when a file does.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl CrlFile {
    pub(super) fn new(path: PathBuf, issuer: Facts) -> CrlFile {
        CrlFile { path, issuer, last: Mutex::default() }
    }

    /// The list as it is now; `None` where there is none, or something else: nobody is to be sent a file that is no list
    /// of this issuer.
    pub(super) fn read(&self) -> Option<List> {
        let mut file = File::open(&self.path).ok()?;
        let facts = file.metadata().ok().filter(|facts| facts.is_file() && facts.len() <= CRL_BYTES_MAX)?;
        let stamp =
            Stamp { inode: facts.ino(), bytes: facts.len(), modified: (facts.mtime(), facts.mtime_nsec()) };
        // A value that is put there whole.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, list)) = &*last
            && *known == stamp
        {
            return Some(list.clone());
        }
        let mut der = Vec::new();
        file.by_ref().take(CRL_BYTES_MAX).read_to_end(&mut der).ok()?;
        let list = self.parse(der)?;
        *last = Some((stamp, list.clone()));
        Some(list)
    }

    fn parse(&self, der: Vec<u8>) -> Option<List> {
        let bytes: Arc<[u8]> = der.as_slice().into();
        let crl = Crl::parse(der).ok()?;
        let signed = crl.signed_by(&self.issuer).ok()?;
        (signed == SignedBy::Yes).then(|| List {
            der: bytes,
            this_update: crl.this_update(),
            next_update: crl.next_update(),
        })
    }
}
