//! How an error reaches the person who typed the command: `error: what`, its causes, and a `hint:` line.

use std::process::ExitCode;

/// An error of a command: what went wrong, and what mends it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: Option<String>,
    exit_code: u8,
}

impl Failure {
    /// A failure that says `what` went wrong: lower case, no final dot. Ends the process with 1.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit_code: 1 }
    }

    /// What went wrong, as it was said.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Adds the line that says how to mend it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The process ends with this code instead of 1.
    pub(crate) fn exit_code(mut self, code: u8) -> Self {
        self.exit_code = code;
        self
    }
}

/// Only the exit code of the outcome: for `--quiet`.
pub(crate) fn finish_quietly(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(failure.exit_code),
    }
}

/// Prints the failure to standard error and gives the exit code.
pub(crate) fn finish(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.what);
            if let Some(hint) = &failure.hint {
                for line in hint.lines() {
                    eprintln!("hint: {line}");
                }
            }
            ExitCode::from(failure.exit_code)
        }
    }
}
