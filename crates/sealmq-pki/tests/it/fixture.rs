//! A CA at a fixed time, and outside tools that may be missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use sealmq_pki::{
    Ca, CaSubject, Certificate, End, Holder, HostName, LeafRequest, Name, Serial, SoftKey, Timestamp,
    issue_intermediate, issue_leaf, issue_root,
};

/// 2026-06-01T00:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_780_272_000);

pub(crate) struct Pki {
    pub(crate) root: Ca,
    pub(crate) issuing: Ca,
    now: Timestamp,
}

impl Pki {
    pub(crate) fn new() -> Pki {
        Pki::at(NOW)
    }

    pub(crate) fn at(now: Timestamp) -> Pki {
        let root = issue_root(key(), &CaSubject::root("test 4f2a", 1).unwrap(), serial(1), now).unwrap();
        let subject = CaSubject::issuing("test 4f2a", 1).unwrap();
        let issuing = issue_intermediate(&root, key(), &subject, serial(2), now).unwrap();
        Pki { root, issuing, now }
    }

    pub(crate) fn server(&self, hosts: &[&str]) -> Certificate {
        let hosts: Vec<HostName> = hosts.iter().map(|h| HostName::parse(h).unwrap()).collect();
        self.leaf(Holder::Server(&hosts), End::Profile)
    }

    pub(crate) fn device(&self, name: &str) -> Certificate {
        self.leaf(Holder::Device(&Name::parse(name).unwrap()), End::WithIssuer)
    }

    pub(crate) fn leaf(&self, holder: Holder<'_>, end: End) -> Certificate {
        let key = SoftKey::generate().unwrap();
        let public_key = sealmq_pki::Signer::public_key(&key);
        issue_leaf(&self.issuing, &LeafRequest { holder, public_key, serial: serial(3), now: self.now, end })
            .unwrap()
    }
}

pub(crate) fn key() -> Arc<SoftKey> {
    Arc::new(SoftKey::generate().unwrap())
}

/// A serial with a set top bit, so that the encoder must add a zero octet.
pub(crate) fn serial(last: u8) -> Serial {
    let mut bytes = [0xc5; 16];
    bytes[15] = last;
    Serial::from_random(bytes).unwrap()
}

/// Runs an outside tool and returns its output, or `None` with a printed reason when it is not installed here.
///
/// # Panics
/// It fails; or it is missing while `CI=true`.
pub(crate) fn tool(program: &str, args: &[&str], dir: &Path) -> Option<String> {
    let (ok, text) = attempt(program, args, dir)?;
    assert!(ok, "{program} {} failed:\n{text}", args.join(" "));
    Some(text)
}

/// As [`tool`], but may fail: whether it succeeded, and what it printed.
pub(crate) fn attempt(program: &str, args: &[&str], dir: &Path) -> Option<(bool, String)> {
    match Command::new(program).args(args).current_dir(dir).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let required = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!required, "{program} is not installed, and CI requires it");
            println!("skipped: {program} is not installed");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

pub(crate) fn write(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
