//! Reading `crlfile`: a file, or a folder of files, with or without the hashed names that OpenSSL wants.
//!
//! Which of the lists counts is for `sealmq-tls`. Here it is decided which files of a folder are meant: a file that looks
//! like a list and cannot be read is passed on, to be refused with its reason; what is something else is a finding.

use std::path::Path;

use sealmq_config::FileSetting;
use sealmq_tls::{CrlSource, Finding};

use crate::material::{UNUSABLE, finding, read as read_file};
use crate::plan::StartError;

/// Entries of a folder that are looked at; real ones hold a few.
const FILES_MAX: usize = 1024;

/// The files that `crlfile` names.
pub(crate) fn read(setting: &FileSetting) -> Result<(Vec<CrlSource>, Vec<Finding>), StartError> {
    let failed = |path: &str, error: std::io::Error| {
        let words = format!("Error: Unable to load certificate revocation file \"{path}\". Check crlfile.");
        StartError::new(format!("Error: {error}."), UNUSABLE)
            .saying(&words)
            .hint("check the path, and that the user the broker runs as may read it")
            .at(&setting.at)
    };
    if !setting.path.is_dir() {
        let bytes = read_file(&setting.path, 0).map_err(|error| failed(&setting.written, error))?;
        return Ok((vec![CrlSource::new(setting.written.clone(), bytes)], Vec::new()));
    }
    let paths = std::fs::read_dir(&setting.path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>())
        .map_err(|error| failed(&setting.written, error))?;
    let mut paths: Vec<_> = paths.into_iter().filter(|path| !path.is_dir() && !is_hidden(path)).collect();
    if paths.len() > FILES_MAX {
        let text =
            format!("Error: the crlfile folder \"{}\" holds more than {FILES_MAX} files.", setting.written);
        return Err(StartError::new(text, UNUSABLE).hint("keep only CRLs there").at(&setting.at));
    }
    paths.sort();
    let (mut sources, mut findings) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.display().to_string();
        let bytes = read_file(&path, 0).map_err(|error| failed(&name, error))?;
        if is_meant(&path, &bytes) {
            sources.push(CrlSource::new(name, bytes));
        } else {
            findings.push(finding(
                "no-crl-in-folder",
                format!("{name}: is no CRL and is ignored"),
                "keep only CRLs in the folder that crlfile names".to_owned(),
            ));
        }
    }
    if sources.is_empty() {
        let text = format!("Error: the crlfile folder \"{}\" holds no CRL.", setting.written);
        let hint = "put the CA's CRL there (`openssl ca -gencrl -out FILE`), also if nobody was revoked yet";
        return Err(StartError::new(text, UNUSABLE).hint(hint).at(&setting.at));
    }
    Ok((sources, findings))
}

/// Editors and package managers leave such files behind.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// By what it holds, or by its name: `.crl`, `.r0` as OpenSSL hashes them.
fn is_meant(path: &Path, bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN X509 CRL-----";
    let by_name = path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
        let hashed = extension.strip_prefix('r').is_some_and(|n| n.parse::<u16>().is_ok());
        hashed || extension.eq_ignore_ascii_case("crl")
    });
    by_name || bytes.first() == Some(&0x30) || bytes.windows(BEGIN.len()).any(|window| window == BEGIN)
}
