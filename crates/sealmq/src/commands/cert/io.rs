//! What the commands on certificates read and write, and what they say about it.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use sealmq_pki::{Certificate, KeyError, SoftKey, Timestamp, pem};
use sealmq_server::control::CertIssued;
use sealmq_server::home::files::{self, Mode};
use sealmq_server::home::prompt_password;
use serde_json::json;

use crate::commands::device::{home_failure, text_failure};
use crate::report::Failure;

/// The longest file that is read here: requests, certificates and keys are a few kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where something goes.
pub(super) enum Output {
    /// `-`: standard output.
    Standard,
    /// A file that must not exist yet.
    New(PathBuf),
}

impl Output {
    pub(super) fn of(path: PathBuf) -> Self {
        if path.as_os_str() == "-" { Self::Standard } else { Self::New(path) }
    }

    /// Writes it whole, or says why not.
    pub(super) fn write(&self, bytes: &[u8], mode: Mode) -> Result<(), Failure> {
        match self {
            Self::Standard => {
                let mut out = std::io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush()).map_err(|e| {
                    Failure::new(format!("cannot write to standard output: {e}"))
                        .hint("name a file: --out FILE")
                })
            }
            Self::New(path) => {
                if files::is_there(path).map_err(home_failure)? {
                    return Err(Failure::new(format!("{} is there already", path.display()))
                        .hint("nothing is overwritten: name another file with --out, or move it away"));
                }
                files::create(path, bytes, mode).map_err(home_failure)
            }
        }
    }

    /// Removes what this command has written; its certificate opens nothing.
    pub(super) fn take_back(&self) {
        if let Self::New(path) = self
            && let Err(error) = std::fs::remove_file(path)
        {
            eprintln!("warning: {} stays, and opens nothing: {error}", path.display());
        }
    }

    pub(super) fn shown(&self) -> String {
        match self {
            Self::Standard => "standard output".to_owned(),
            Self::New(path) => path.display().to_string(),
        }
    }
}

/// The bytes of a file, or of standard input where it is `-`.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot read {}: {e}", path.display()))
            .hint("name a file that this user can read, or - for standard input")
    };
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::new(format!("{} is larger than 1 MiB", path.display()))
            .hint("it holds no request, certificate or key: is it the right file?"));
    }
    Ok(bytes)
}

/// The first certificate in a PEM or DER file.
pub(super) fn certificate(path: &Path) -> Result<Certificate, Failure> {
    Ok(certificates(path)?.swap_remove(0))
}

/// The certificates in a PEM or DER file: at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let bytes = read(path)?;
    let failed = |error: &dyn std::fmt::Display| text_failure(&format!("{}: {error}", path.display()));
    let ders: Vec<Vec<u8>> = if matches!(bytes.as_slice(), [0x30, 0x81..=0x84, ..]) {
        vec![bytes]
    } else {
        let blocks = pem::of_label(&bytes, "CERTIFICATE").map_err(|error| failed(&error))?;
        blocks.iter().map(|der| der.to_vec()).collect()
    };
    if ders.is_empty() {
        return Err(Failure::new(format!("{} holds no certificate", path.display()))
            .hint("name the file with the line -----BEGIN CERTIFICATE-----"));
    }
    ders.into_iter().map(|der| Certificate::from_der(der).map_err(|error| failed(&error))).collect()
}

/// A private key; one under a passphrase is asked for it.
pub(super) fn key(path: &Path) -> Result<SoftKey, Failure> {
    let text = zeroize::Zeroizing::new(read(path)?);
    let found = match SoftKey::from_pem(&text) {
        Err(KeyError::PassphraseNeeded) => {
            let passphrase =
                prompt_password(&format!("passphrase of {}: ", path.display())).map_err(|e| {
                    Failure::new(format!("cannot ask for the passphrase of {}: {e}", path.display()))
                        .hint("run it in a terminal, or decrypt the key: openssl pkey -in FILE -out PLAIN")
                })?;
            SoftKey::from_encrypted_pem(&text, passphrase.as_bytes())
        }
        other => other,
    };
    found.map_err(|error| text_failure(&format!("{}: {error}", path.display())))
}

/// The certificate and the CA's behind it, as a peer wants them.
pub(super) fn chain(issued: &CertIssued) -> String {
    issued.certificate_pem.clone() + &issued.issuing_pem
}

/// What was made, for people or for programs.
pub(super) fn report(issued: &CertIssued, profile: &str, written: &[String], json: bool) {
    let (begin, end) =
        (Timestamp::from_secs(issued.not_before_secs), Timestamp::from_secs(issued.not_after_secs));
    if json {
        let facts = json!({
            "subject": issued.subject,
            "serial": issued.serial,
            "profile": profile,
            "notBefore": begin.to_string(),
            "notAfter": end.to_string(),
            "files": written,
        });
        println!("{facts}");
        return;
    }
    // Standard output may be the certificate itself.
    eprintln!(
        "{}: certificate until {}, profile {profile}, serial {}",
        issued.subject,
        end.date(),
        issued.serial
    );
    written.iter().for_each(|file| eprintln!("    {file}"));
}
