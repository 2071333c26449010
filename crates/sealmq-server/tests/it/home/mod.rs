//! The data directory: made, opened, broken in every way that is known, and mended or refused.

mod broken;
mod crash;
mod keys;
mod proofs;
mod renewal;
mod requests;
mod revocation;

use std::path::{Path, PathBuf};

use sealmq_pki::Timestamp;
use sealmq_pki::host::HostName;
use sealmq_server::home::{Home, HomeError, Place, Report, Step, Surroundings, Wanted};

/// The date of the build in these tests.
pub(crate) const BUILD: Timestamp = Timestamp::from_secs(1_790_000_000);

/// A machine of its own, with a clock that a test sets.
pub(crate) struct Machine {
    folder: tempfile::TempDir,
    pub(crate) around: Surroundings,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let around = Surroundings {
            actor: sealmq_pki::inventory::Actor::User { uid: 1000 },
            now: BUILD.plus_days(10),
            build: BUILD,
            names: vec![host("localhost"), host("box")],
            addresses: ["127.0.0.1".parse().unwrap(), "192.168.1.7".parse().unwrap()].into(),
        };
        Self { folder: tempfile::tempdir().unwrap(), around }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn place(&self) -> Place {
        Place::at(&self.data())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.data().join(name)
    }

    pub(crate) fn try_up(&self) -> Result<(Home, Report), HomeError> {
        Home::up(&self.place(), &Wanted::default(), &self.around, &mut |_| Ok(()))
    }

    pub(crate) fn up(&self) -> (Home, Report) {
        self.try_up().unwrap()
    }

    /// Ends as a crash would, right after this step.
    fn up_until(&self, last: usize) -> Result<(), HomeError> {
        let mut count = 0;
        let stopped = HomeError::Refused { what: "stopped here".to_owned(), hint: String::new() };
        let mut stopped = Some(stopped);
        let ended = Home::up(&self.place(), &Wanted::default(), &self.around, &mut |_| {
            count += 1;
            if count > last { Err(stopped.take().expect("it ends at the first error")) } else { Ok(()) }
        });
        ended.map(|_| ())
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut note = |step| {
            steps.push(step);
            Ok(())
        };
        Home::up(&self.place(), &Wanted::default(), &self.around, &mut note).unwrap();
        steps
    }

    /// `up` fails and leaves every file as it was.
    fn refused(&self) -> HomeError {
        let before = contents(&self.data());
        let error = self.try_up().map(|_| ()).unwrap_err();
        assert_eq!(contents(&self.data()), before, "{error}");
        assert!(!error.hint().is_empty(), "{error}");
        error
    }
}

pub(crate) fn host(text: &str) -> HostName {
    HostName::parse(text).unwrap()
}

/// Every file with its bytes, but for the lock (the last holder's number) and SQLite's journals. Of the inventory what it
/// holds: that a key was loaded is in the audit log also if the start was refused afterwards.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if name != "lock" && !name.starts_with("inventory.db-") {
            let rows = (name == "inventory.db").then(|| rows(&path)).flatten();
            found.push((path.clone(), rows.unwrap_or_else(|| std::fs::read(&path).unwrap())));
        }
    }
    found.sort();
    found
}

/// All rows of an inventory but for its audit log, as text; `None` for a file that is none.
fn rows(path: &Path) -> Option<Vec<u8>> {
    let file = rusqlite::Connection::open(path).ok()?;
    let mut text = String::new();
    for table in ["certificate", "server_name", "setting", "seen"] {
        let mut statement = file.prepare(&format!("SELECT * FROM {table}")).ok()?;
        let columns = statement.column_count();
        let mut found = statement.query([]).ok()?;
        while let Some(row) = found.next().ok()? {
            for column in 0..columns {
                text.push_str(&format!("{:?}|", row.get_ref(column).ok()?));
            }
        }
    }
    Some(text.into_bytes())
}
