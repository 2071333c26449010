//! The secrets of sessions as lines of an NSS key log, which packet analysers read. Off unless somebody asks for it by a
//! name that says what it is.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

/// Takes the lines.
pub trait SecretLog: fmt::Debug + Send + Sync {
    /// One line with its end: label, client random and secret, the last two in hexadecimal.
    fn secret(&self, line: &str);
}

/// A [`SecretLog`] as rustls wants it.
#[derive(Clone, Debug)]
pub(crate) struct Secrets(Arc<dyn SecretLog>);

impl Secrets {
    pub(crate) fn new(log: Arc<dyn SecretLog>) -> Secrets {
        Secrets(log)
    }
}

impl rustls::KeyLog for Secrets {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        self.0.secret(&format!("{label} {} {}\n", hex(client_random), hex(secret)));
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
