//! What a reload reads again, tried at the start as the user that will read it.
//!
//! A certificate that root could read and the broker's user cannot serves for sixty days and fails at its first renewal.
//! Nothing is refused here: the start has what it needs. Each file is a finding with the lines that mend it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use sealmq_config::{Config, FileSetting};

use crate::log::{Event, Line};
use crate::plan::StartError;
use crate::privileges::Target;

/// Every file and folder that the listeners and bridges of a configuration name, with its key: what a reload reads again.
#[must_use]
pub fn files(config: &Config) -> Vec<(&'static str, &FileSetting)> {
    let mut files: Vec<(&str, &FileSetting)> = Vec::new();
    for listener in &config.listeners {
        let access = &listener.access;
        files.extend(access.password_file.as_ref().map(|file| ("password_file", file)));
        files.extend(access.scram_file.as_ref().map(|file| ("scram_file", file)));
        files.extend(access.jwt.as_ref().map(|jwt| ("jwt_key", &jwt.key)));
        files.extend(access.acl_file.as_ref().map(|file| ("acl_file", file)));
        let Some(tls) = &listener.tls else { continue };
        files.push(("certfile", &tls.certfile));
        files.push(("keyfile", &tls.keyfile));
        files.extend(tls.cafile.as_ref().map(|file| ("cafile", file)));
        files.extend(tls.capath.as_ref().map(|file| ("capath", file)));
        files.extend(tls.crl.file.as_ref().map(|file| ("crlfile", file)));
        for pair in &tls.sni_certificates {
            files.extend([("sni_certificate", &pair.certificate), ("sni_certificate", &pair.key)]);
        }
    }
    for tls in config.bridges.iter().filter_map(|bridge| bridge.tls.as_ref()) {
        files.extend(tls.cafile.as_ref().map(|file| ("bridge_cafile", file)));
        files.extend(tls.capath.as_ref().map(|file| ("bridge_capath", file)));
        if let Some(own) = &tls.certificate {
            files.extend([("bridge_certfile", &own.certfile), ("bridge_keyfile", &own.keyfile)]);
        }
    }
    files
}

/// A finding for each file that the configuration names and that `target` cannot read.
///
/// # Errors
/// The system did not let us act as that user, or be root again.
pub fn findings(config: &Config, target: &Target) -> Result<Vec<Line>, StartError> {
    let files = files(config);
    let mut found = Vec::new();
    let mut seen = Vec::new();
    for (key, file) in files {
        if !seen.contains(&&file.path) {
            seen.push(&file.path);
            found.extend(finding(key, &file.path, target)?);
        }
    }
    Ok(found)
}

/// The finding about one file, if there is one. `key` is what names it.
///
/// # Errors
/// As [`findings`].
pub fn finding(key: &str, path: &Path, target: &Target) -> Result<Option<Line>, StartError> {
    // As root, before: where a link leads (Let's Encrypt's `live` leads to `archive`).
    let places = [Some(path.to_owned()), path.canonicalize().ok()];
    let (opened, closed) = target.acting(|| (open(path), closed_folders(places.into_iter().flatten())))?;
    let Err(error) = opened else { return Ok(None) };
    let user = target.name();
    let text = format!(
        "User '{user}', whom the broker goes on as, cannot read {key} \"{}\" ({error}): it works until it is read again, and a renewal or a reload will fail.",
        path.display()
    );
    let line = Line::new(Event::FileFinding, text).hint(cure(user, path, &closed));
    Ok(Some(line.field("file", path.display().to_string()).field("user", user)))
}

fn open(path: &Path) -> io::Result<()> {
    match File::open(path)?.metadata()?.is_dir() {
        true => std::fs::read_dir(path).map(drop),
        false => Ok(()),
    }
}

/// The folders above these files that may not be entered.
fn closed_folders(places: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut closed: Vec<PathBuf> = Vec::new();
    for place in places {
        for folder in place.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            let entered = std::fs::metadata(folder.join("."));
            if entered.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied) {
                closed.push(folder.to_owned());
            }
        }
    }
    closed.sort();
    closed.dedup();
    closed
}

/// Lines for a shell. The default entry (`-d`) is for the file that a renewal puts in the place of this one.
fn cure(user: &str, path: &Path, closed: &[PathBuf]) -> String {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut lines: Vec<String> =
        closed.iter().map(|folder| format!("setfacl -m u:{user}:x {}", quoted(folder))).collect();
    lines.push(format!("setfacl -m u:{user}:r {}", quoted(&real)));
    if let Some(folder) = real.parent() {
        lines.push(format!("setfacl -d -m u:{user}:r {}", quoted(folder)));
    }
    let (group, file) = (format!("chgrp {user} {}", quoted(&real)), quoted(&real));
    format!("{} (without access lists: {group} && chmod g+r {file})", lines.join(" && "))
}

/// As a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@=~".contains(c);
    match text.chars().all(plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cure_is_ready_to_paste() {
        let text = cure("mosquitto", Path::new("/no/such file.pem"), &[PathBuf::from("/no")]);
        assert_eq!(
            text,
            "setfacl -m u:mosquitto:x /no && setfacl -m u:mosquitto:r '/no/such file.pem' && setfacl -d -m u:mosquitto:r /no \
             (without access lists: chgrp mosquitto '/no/such file.pem' && chmod g+r '/no/such file.pem')"
        );
    }

    #[test]
    fn a_quote_in_a_name_stays_one() {
        assert_eq!(quoted(Path::new("/a'b")), "'/a'\\''b'");
    }
}
