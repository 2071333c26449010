//! Helpers of the other modules: read a text, look at what came out.

use sealmq_config::{
    Arguments, Config, Diagnostic, Loader, NoLoader, Parsed, Severity, SourceFile, Unreadable, parse,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(crate) const NAME: &str = "test.conf";

pub(crate) fn source(text: impl AsRef<[u8]>) -> SourceFile {
    SourceFile { path: NAME.into(), bytes: text.as_ref().to_vec() }
}

pub(crate) fn read(text: impl AsRef<[u8]>) -> Parsed {
    parse(Some(&source(text)), &Arguments::default(), &NoLoader)
}

pub(crate) fn config(text: impl AsRef<[u8]>) -> Config {
    let parsed = read(text);
    parsed.config.unwrap_or_else(|| panic!("no configuration: {:#?}", parsed.diagnostics))
}

pub(crate) fn of(parsed: &Parsed, severity: Severity) -> Vec<&Diagnostic> {
    parsed.diagnostics.iter().filter(|finding| finding.severity == severity).collect()
}

/// The errors of a text, as `LINE: text`. Asserts that there is a configuration exactly if there are none.
pub(crate) fn errors(text: impl AsRef<[u8]>) -> Vec<String> {
    let parsed = read(text);
    let errors = of(&parsed, Severity::Error);
    assert_eq!(parsed.config.is_some(), errors.is_empty());
    let line = |finding: &Diagnostic| finding.place.as_ref().map_or(0, |place| place.line);
    errors.into_iter().map(|finding| format!("{}: {}", line(finding), finding.text)).collect()
}

pub(crate) fn warnings(text: impl AsRef<[u8]>) -> Vec<String> {
    let parsed = read(text);
    of(&parsed, Severity::Warning).into_iter().map(|finding| finding.text.clone()).collect()
}

/// Files in memory.
#[derive(Default)]
pub(crate) struct Files(pub(crate) BTreeMap<PathBuf, String>);

impl Files {
    pub(crate) fn of(files: &[(&str, &str)]) -> Files {
        Files(files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect())
    }
}

impl Loader for Files {
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, String> {
        let mut found: Vec<_> = self.0.keys().filter(|path| path.parent() == Some(folder)).cloned().collect();
        found.reverse(); // any order may come
        if found.is_empty() { Err("no such folder".to_owned()) } else { Ok(found) }
    }

    fn read(&self, file: &Path) -> Result<Vec<u8>, Unreadable> {
        let missing = || Unreadable::Because("no such file".to_owned());
        self.0.get(file).map(|text| text.clone().into_bytes()).ok_or_else(missing)
    }
}
