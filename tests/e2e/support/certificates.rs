//! Certificates made by the guide's own commands, verbatim, and broken ones beside them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// A folder with the guide's files (walkthrough A1): ca, server and client, key and certificate each. OpenSSL before
/// 3.2 makes X.509 version 1 certificates without a SAN here; that is the point.
pub(crate) struct Guide {
    folder: TempDir,
}

impl Guide {
    /// A folder of its own for one test. The keys are made once per test process and copied.
    pub(crate) fn new() -> Self {
        static ORIGINAL: OnceLock<TempDir> = OnceLock::new();
        let original = ORIGINAL.get_or_init(|| {
            let folder = TempDir::new().expect("a temporary folder");
            shell(folder.path(), A1);
            folder
        });
        let folder = TempDir::new().expect("a temporary folder");
        for entry in std::fs::read_dir(original.path()).expect("the folder was just made") {
            let entry = entry.expect("the folder was just made");
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copy a certificate");
        }
        Self { folder }
    }

    /// The folder itself: the broker's working directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of one of its files.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs more commands in the folder.
    pub(crate) fn shell(&self, script: &str) -> &Self {
        shell(self.folder.path(), script);
        self
    }
}

/// Runs a script with `sh -e` in a folder; a command that fails fails the test with its output.
pub(crate) fn shell(folder: &Path, script: &str) {
    let output = Command::new("sh")
        .arg("-ec")
        .arg(script)
        .current_dir(folder)
        .output()
        .expect("a shell can be started");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Walkthrough A1, as typed.
const A1: &str = r#"
openssl genrsa -out ca.key 2048
openssl req -new -x509 -days 365 -key ca.key -out ca.crt -subj "/C=US/ST=State/L=City/O=MyOrg/CN=MyCA"
openssl genrsa -out server.key 2048
openssl req -new -key server.key -out server.csr -subj "/C=US/ST=State/L=City/O=MyOrg/CN=mqtt.example.com"
openssl x509 -req -days 365 -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt
openssl genrsa -out client.key 2048
openssl req -new -key client.key -out client.csr -subj "/C=US/ST=State/L=City/O=MyOrg/CN=client1"
openssl x509 -req -days 365 -in client.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out client.crt
"#;
