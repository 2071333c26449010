//! A log's destinations, opened: what the writer works with, and what a reload has ready before it changes anything.

use super::sink::{LogFault, Sink};
use super::{Destination, LogSpec};

/// A [`LogSpec`] whose destinations are open.
pub struct OpenLog {
    pub(super) spec: LogSpec,
    pub(super) sinks: Vec<Sink>,
    pub(super) faults: Vec<LogFault>,
}

impl LogSpec {
    /// Opens every destination, as the user that the process is now.
    ///
    /// # Errors
    /// The first log file that cannot be opened for appending; what was open is closed.
    pub fn open(self) -> Result<OpenLog, LogFault> {
        let sinks = self.destinations.iter().map(Sink::open).collect::<Result<_, _>>()?;
        Ok(OpenLog { spec: self, sinks, faults: Vec::new() })
    }
}

impl OpenLog {
    /// Opens what can be; if something cannot, lines go to stderr, too.
    #[must_use]
    pub fn open_what_can_be(spec: LogSpec) -> OpenLog {
        let mut open = OpenLog { sinks: Vec::new(), faults: Vec::new(), spec };
        for destination in &open.spec.destinations {
            match Sink::open(destination) {
                Ok(sink) => open.sinks.push(sink),
                Err(fault) => open.faults.push(fault),
            }
        }
        if !open.faults.is_empty() && !open.spec.destinations.contains(&Destination::Stderr) {
            open.sinks.push(Sink::stderr());
        }
        open
    }

    /// Opens the destinations again, or keeps those that are open; the answer is what cannot be opened.
    pub(super) fn reopen(&mut self) -> Vec<LogFault> {
        match self.spec.clone().open() {
            Ok(again) => {
                self.sinks = again.sinks;
                Vec::new()
            }
            Err(fault) => vec![fault],
        }
    }
}
