//! What the fuzz targets run: plain functions, which a test on stable also runs over the corpus.
//!
//! Each panics where an invariant of the crate is broken, and only then.

use crate::{Arguments, Diagnostic, NoLoader, SourceFile, acl_file, parse, passwords, scram_file};

/// Any bytes as a configuration: a configuration comes out exactly if there is no error, and findings can be printed.
pub fn config(bytes: &[u8]) {
    let main = SourceFile { path: "fuzz.conf".into(), bytes: bytes.to_vec() };
    let parsed = parse(Some(&main), &Arguments::default(), &NoLoader);
    assert_eq!(parsed.config.is_none(), parsed.diagnostics.iter().any(Diagnostic::is_error));
    assert!(parsed.config.is_none_or(|config| !config.listeners.is_empty()));
    printable(&parsed.diagnostics);
}

/// Any bytes as a password file.
pub fn passwords(bytes: &[u8]) {
    let parsed = passwords::parse_file(&SourceFile { path: "fuzz".into(), bytes: bytes.to_vec() });
    assert_eq!(parsed.value.is_none(), parsed.diagnostics.iter().any(Diagnostic::is_error));
    printable(&parsed.diagnostics);
}

/// Any bytes as a SCRAM file; what is read is written, and is the same.
pub fn scram_file(bytes: &[u8]) {
    let parsed = scram_file::parse_file(&SourceFile { path: "fuzz".into(), bytes: bytes.to_vec() });
    assert_eq!(parsed.value.is_none(), parsed.diagnostics.iter().any(Diagnostic::is_error));
    printable(&parsed.diagnostics);
    if let Some(file) = parsed.value {
        let written = SourceFile { path: "fuzz".into(), bytes: file.to_text().as_bytes().to_vec() };
        assert!(scram_file::parse_file(&written).value.is_some_and(|again| again == file));
    }
}

/// Any bytes as an ACL file.
pub fn acl_file(bytes: &[u8]) {
    let parsed = acl_file::parse_file(&SourceFile { path: "fuzz".into(), bytes: bytes.to_vec() });
    assert_eq!(parsed.value.is_none(), parsed.diagnostics.iter().any(Diagnostic::is_error));
    printable(&parsed.diagnostics);
}

/// A finding goes to a terminal: nothing in it may steer that, or fill it.
fn printable(diagnostics: &[Diagnostic]) {
    for finding in diagnostics {
        let text = finding.to_string();
        assert!(text.len() < 10_000);
        assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
    }
}
