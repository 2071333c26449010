//! Files with options for `pub` and `sub`, as mosquitto_pub and mosquitto_sub take them: `-o FILE`, or else
//! `mosquitto_pub` and `mosquitto_sub` in `$XDG_CONFIG_HOME` or `~/.config`.
//!
//! One option a line, its value behind a space; lines that begin with `#` are comments. What stands on the command line
//! wins. Unlike there, a file that is named and cannot be read is an error: the `--cafile` in it may be what makes the
//! connection TLS.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::report::Failure;

/// More than any list of options has.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The arguments with the options of the file in front of those that were typed.
///
/// # Errors
/// The file cannot be read, or `-o` is given twice.
pub(crate) fn with_options_file(mut arguments: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let name = match arguments.get(1).and_then(|word| word.to_str()) {
        Some("pub") => "mosquitto_pub",
        Some("sub") => "mosquitto_sub",
        Some(_) | None => return Ok(arguments),
    };
    let Some((path, text)) = text(&arguments, name)? else { return Ok(arguments) };
    arguments.splice(2..2, options(&text, &path)?);
    Ok(arguments)
}

/// The file and what stands in it, where there is one.
fn text(arguments: &[OsString], name: &str) -> Result<Option<(PathBuf, String)>, Failure> {
    let mut named = arguments.iter().skip_while(|word| *word != "-o").skip(1);
    if let Some(path) = named.next() {
        if named.any(|word| word == "-o") {
            return Err(Failure::new("-o is given twice").hint("put all options into one file"));
        }
        return read(Path::new(path)).map(|text| Some((path.into(), text))).map_err(|error| {
            Failure::new(format!("cannot read {}: {error}", Path::new(path).display()))
                .hint("-o wants a file with one option a line, as in: -h mqtt.example.com")
        });
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = set("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".config")));
    let Some(path) = folder.map(|folder| folder.join(name)) else { return Ok(None) };
    match read(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(error) => Err(Failure::new(format!("cannot read {}: {error}", path.display()))
            .hint("its options count for each call, as mosquitto's clients have it; remove it, or name another with -o")),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn options(text: &str, path: &Path) -> Result<Vec<OsString>, Failure> {
    let mut words: Vec<OsString> = Vec::new();
    for (nth, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let line = line.trim_start_matches(' ').trim_end_matches('\r');
        let (option, value) = match line.split_once(' ') {
            Some((option, value)) => (option, Some(value)),
            None => (line, None),
        };
        let place = || format!("{}:{}", path.display(), nth + 1);
        match option {
            "" => continue,
            "-o" => {
                return Err(Failure::new(format!("{}: -o in a file of options", place()))
                    .hint("put all options into one file"));
            }
            option if !option.starts_with('-') => {
                return Err(Failure::new(format!("{}: '{option}' is no option", place()))
                    .hint("one option a line, its value behind a space, as in: -h mqtt.example.com"));
            }
            option => words.push(option.into()),
        }
        match value {
            // Three or four words, which mosquitto's own reader takes for one and refuses.
            Some(value) if matches!(option, "-D" | "--property") => {
                words.extend(value.split_whitespace().map(OsString::from));
            }
            Some(value) => words.push(OsStr::new(value).to_owned()),
            None => {}
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        options(text, Path::new("f")).unwrap()
    }

    #[test]
    fn each_line_is_an_option_and_its_value() {
        let text =
            "# broker\n-h mqtt.example.com\r\n\n--ws\n  -P a pass word\n-D connect user-property a b\n";
        assert_eq!(
            words(text),
            [
                "-h",
                "mqtt.example.com",
                "--ws",
                "-P",
                "a pass word",
                "-D",
                "connect",
                "user-property",
                "a",
                "b"
            ]
            .map(OsString::from)
        );
        assert!(words("#-h a\n\n").is_empty());
    }

    #[test]
    fn what_is_no_option_is_named_with_its_line() {
        let error = options("-r\nhost a\n", Path::new("f")).unwrap_err();
        assert!(format!("{error:?}").contains("f:2: 'host' is no option"), "{error:?}");
        assert!(options("-o other\n", Path::new("f")).is_err());
    }
}
