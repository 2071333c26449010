//! What has been said, as text: a line for each certificate, `FINGERPRINT THRESHOLD NOT_AFTER`.

use std::fmt::Write as _;

use thiserror::Error;

use super::{REMEMBERED_MAX, Threshold, Watch};
use crate::ids::Fingerprint;
use crate::time::Timestamp;

/// The gravest threshold that was said of a certificate, and when that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) threshold: Threshold,
    pub(super) not_after: Timestamp,
}

/// Why a text is no memory.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// Of another version, or no memory at all.
    #[error("line 1 is not '{HEAD}'")]
    Head,
    /// A line that says nothing.
    #[error("line {0} is not 'FINGERPRINT THRESHOLD SECONDS'")]
    Line(usize),
    /// More than are ever written.
    #[error("more than {REMEMBERED_MAX} lines")]
    TooMany,
}

const HEAD: &str = "sealmq expiry alarms 1";

impl Watch {
    /// What has been said, for [`Watch::remembering`].
    pub fn memory(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for (id, said) in &self.said {
            let _ = writeln!(text, "{id} {} {}", said.threshold.name(), said.not_after.as_secs());
        }
        text
    }

    /// Goes on where another one has stopped.
    ///
    /// # Errors
    /// The text is not one of [`Watch::memory`]; without it everything that is due is said again.
    pub fn remembering(memory: &str) -> Result<Watch, MemoryError> {
        let mut lines = memory.lines();
        if lines.next() != Some(HEAD) {
            return Err(MemoryError::Head);
        }
        let mut watch = Watch::default();
        for (line, number) in lines.zip(2..) {
            if number > REMEMBERED_MAX + 1 {
                return Err(MemoryError::TooMany);
            }
            let (id, said) = read(line).ok_or(MemoryError::Line(number))?;
            watch.said.insert(id, said);
        }
        Ok(watch)
    }
}

fn read(line: &str) -> Option<(Fingerprint, Said)> {
    let mut words = line.split(' ');
    let (id, threshold, secs) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let threshold = Threshold::parse(threshold)?;
    let not_after = Timestamp::from_secs(secs.parse().ok()?);
    Some((Fingerprint::parse_hex(id)?, Said { threshold, not_after }))
}
