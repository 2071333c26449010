//! Whether the file is damaged: SQLite reads all of it through, which takes as long as it is large.
//!
//! A small file is read before anything is believed. A large one is read on a thread of its own while the broker starts:
//! until damage is found each answer is as good as the pages that it comes from (SQLite refuses those that make no
//! sense), and from then on there is no answer at all.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::{Connection, InterruptHandle};

use super::error::StoreError;
use super::schema;

/// A file that was read through, or is being read.
pub(super) struct Examination {
    damaged: Arc<AtomicBool>,
    going_on: Option<GoingOn>,
}

struct GoingOn {
    stop: InterruptHandle,
    thread: JoinHandle<()>,
}

impl Examination {
    /// Reads the file through, now or on a thread.
    pub(super) fn begin(path: &Path, connection: &Connection) -> Result<Self, StoreError> {
        let bytes = std::fs::metadata(path).map_or(0, |facts| facts.len());
        let damaged = Arc::new(AtomicBool::new(false));
        if bytes <= AT_ONCE_BYTES_MAX {
            schema::check_content(connection, path)?;
            return Ok(Self { damaged, going_on: None });
        }
        let own = schema::open_to_read(path)?;
        let stop = own.get_interrupt_handle();
        let (path, found) = (path.to_owned(), Arc::clone(&damaged));
        let thread = std::thread::Builder::new()
            .name("inventory-check".to_owned())
            .spawn(move || read_through(&own, &path, &found))
            .map_err(|source| StoreError::Thread { source })?;
        Ok(Self { damaged, going_on: Some(GoingOn { stop, thread }) })
    }

    /// Whether damage was found until now.
    pub(super) fn has_found_damage(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }
}

/// An interrupted look and a lock in the way find nothing; whatever else goes wrong is damage.
fn read_through(connection: &Connection, path: &Path, found: &AtomicBool) {
    match schema::check_content(connection, path) {
        Ok(()) | Err(StoreError::Locked { .. }) => {}
        Err(StoreError::Sqlite { source, .. })
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => {}
        Err(_) => found.store(true, Ordering::Release),
    }
}

impl Drop for Examination {
    fn drop(&mut self) {
        if let Some(GoingOn { stop, thread }) = self.going_on.take() {
            stop.interrupt();
            // A panic of the thread was printed when it happened.
            let _ = thread.join();
        }
    }
}

/// Read in some 20 ms: more than ten thousand certificates.
const AT_ONCE_BYTES_MAX: u64 = 8 * 1024 * 1024;
