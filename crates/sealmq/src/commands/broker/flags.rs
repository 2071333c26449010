//! mosquitto's command line, read as mosquitto reads it: its words of errors, any order, no abbreviations.
//!
//! Not clap's: scripts look for these texts, `-h` has to begin with what they look for, and `-c` without a file is
//! mosquitto's error 3. A later flag does not undo an earlier one.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::super::log_format::LogFormatFlag;

/// The command line of a broker.
#[derive(Debug, Default, Clone)]
pub(crate) struct Flags {
    /// `-c`, in order. More than one file is read as if the second were the end of the first.
    pub(super) configs: Vec<PathBuf>,
    /// `-p`, at most [`PORTS_MAX`].
    pub(super) ports: Vec<u16>,
    pub(super) daemon: bool,
    pub(super) verbose: bool,
    pub(super) quiet: bool,
    pub(super) test_config: bool,
    pub(super) tls_keylog: Option<PathBuf>,
    pub(in super::super) log_format: Option<LogFormatFlag>,
}

/// What a command line asks for.
#[derive(Debug)]
pub(super) enum Asked {
    Run(Box<Flags>),
    /// `-h`, once the files of `-c` before it have been read: mosquitto reads each where it stands.
    Usage(Box<Flags>),
    /// `--version`.
    Version,
}

/// What is wrong with a command line: the text and what mends it. Exit code 3.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadFlags {
    pub(super) text: String,
    pub(super) hint: &'static str,
}

impl BadFlags {
    fn new(text: impl Into<String>, hint: &'static str) -> BadFlags {
        BadFlags { text: text.into(), hint }
    }
}

/// As mosquitto.
const PORTS_MAX: usize = 10;

/// What `-h` prints.
pub(crate) fn usage() -> String {
    format!("sealmq version {}\n\n{USAGE}", env!("CARGO_PKG_VERSION"))
}

/// The line with `Usage:` is mosquitto's own: scripts look for it.
const USAGE: &str = "\
sealmq is an MQTT v5.0/v3.1.1/v3.1 broker that runs in the place of mosquitto.

Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]
                 [-q] [--test-config] [--tls-keylog file] [--log-format human|json]

 -c : the configuration file (a mosquitto.conf).
 -d : go into the background after starting.
 -h : display this help.
 -p : listen on this port of this machine; may be given ten times. Ignored for files that define listeners.
 -q : quiet mode: log nothing. Wins over the file and over -v.
 -v : verbose mode: log everything. Wins over the file.
 --test-config : check the configuration and end. Exit code 3: it cannot be.
 --tls-keylog : write the secrets of every TLS connection to a file, for a packet analyser. Whoever reads the
      file reads the connections: never on a broker that is in use.
 --log-format : how log lines are written, whatever the file says.
 --version : display the version.

`sealmq broker` and a link named `mosquitto` take these flags, `sealmq` alone does if one of them comes first.
`sealmq up` makes a broker with TLS and certificates from nothing; `sealmq --help` shows the other commands.

Exit codes are mosquitto's: 3 for a command line or configuration that cannot be, 1 for what cannot be used or
opened, 13 for password and ACL files and plugins.
";

/// Reads the words after the program's (or the command's) name.
pub(super) fn parse(words: &[OsString]) -> Result<Asked, BadFlags> {
    let mut flags = Flags::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.to_str().unwrap_or_default() {
            "-c" | "--config-file" => {
                let file = words.next().ok_or_else(|| {
                    BadFlags::new(
                        "Error: -c argument given, but no config file specified.",
                        "write -c /etc/mosquitto/mosquitto.conf",
                    )
                })?;
                flags.configs.push(file.into());
            }
            "-p" | "--port" => flags.add_port(words.next())?,
            "--tls-keylog" => {
                let file = words.next().ok_or_else(|| {
                    BadFlags::new(
                        "Error: --tls-keylog argument given, but no file specified.",
                        "write --tls-keylog /root/keys.log",
                    )
                })?;
                flags.tls_keylog = Some(file.into());
            }
            "--log-format" => flags.log_format = Some(log_format(words.next())?),
            "-d" | "--daemon" => flags.daemon = true,
            "-q" | "--quiet" => flags.quiet = true,
            "-v" | "--verbose" => flags.verbose = true,
            "--test-config" => flags.test_config = true,
            "-h" | "--help" => return Ok(Asked::Usage(Box::new(flags))),
            "--version" => return Ok(Asked::Version),
            _ => {
                let text = format!("Error: Unknown option '{}'.", word.to_string_lossy());
                return Err(BadFlags::new(text, "-h shows what there is"));
            }
        }
    }
    Ok(Asked::Run(Box::new(flags)))
}

impl Flags {
    fn add_port(&mut self, word: Option<&OsString>) -> Result<(), BadFlags> {
        let word = word.ok_or_else(|| {
            BadFlags::new("Error: -p argument given, but no port specified.", "write -p 1883")
        })?;
        let number = leading_number(word);
        let port = u16::try_from(number).ok().filter(|port| *port > 0).ok_or_else(|| {
            BadFlags::new(format!("Error: Invalid port specified ({number})."), "1 to 65535 is possible")
        })?;
        if self.ports.len() == PORTS_MAX {
            let text = format!("Error: Only {PORTS_MAX} ports can be specified on the command line.");
            return Err(BadFlags::new(text, "put `listener PORT` lines into a configuration file"));
        }
        self.ports.push(port);
        Ok(())
    }
}

/// As C's `atoi`, by which mosquitto reads it: what follows the digits is not looked at.
fn leading_number(word: &OsStr) -> i64 {
    let text = word.to_string_lossy();
    let digits = text
        .trim_start()
        .char_indices()
        .take_while(|(at, c)| c.is_ascii_digit() || (*at == 0 && "+-".contains(*c)));
    digits.map(|(_, c)| c).collect::<String>().parse().unwrap_or(0)
}

fn log_format(word: Option<&OsString>) -> Result<LogFormatFlag, BadFlags> {
    match word.and_then(|word| word.to_str()) {
        Some("human") => Ok(LogFormatFlag::Human),
        Some("json") => Ok(LogFormatFlag::Json),
        Some(other) => {
            Err(BadFlags::new(format!("Error: Invalid log format '{other}'."), "it may be human or json"))
        }
        None => Err(BadFlags::new(
            "Error: --log-format argument given, but no format specified.",
            "it may be human or json",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, BadFlags> {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        parse(&words)
    }

    fn flags(line: &str) -> Flags {
        match read(line) {
            Ok(Asked::Run(flags)) => *flags,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn flags_are_taken_in_any_order() {
        for line in ["-d -v -c a.conf -p 1884 -p 1885", "-p 1884 -c a.conf --port 1885 --verbose --daemon"] {
            let flags = flags(line);
            assert_eq!((flags.daemon, flags.verbose, flags.quiet), (true, true, false), "{line}");
            assert_eq!((flags.configs, flags.ports), (vec!["a.conf".into()], vec![1884, 1885]), "{line}");
        }
    }

    #[test]
    fn errors_are_mosquittos() {
        let text = |line: &str| read(line).unwrap_err().text;
        assert_eq!(text("-c"), "Error: -c argument given, but no config file specified.");
        assert_eq!(text("-p"), "Error: -p argument given, but no port specified.");
        assert_eq!(text("-p 0"), "Error: Invalid port specified (0).");
        assert_eq!(text("-p 65536"), "Error: Invalid port specified (65536).");
        assert_eq!(text("-p -1"), "Error: Invalid port specified (-1).");
        assert_eq!(text("-p x"), "Error: Invalid port specified (0).");
        assert_eq!(flags("-p 1883x").ports, [1883]);
        assert_eq!(text("--tls-keylog"), "Error: --tls-keylog argument given, but no file specified.");
        assert_eq!(text("-v --unknown"), "Error: Unknown option '--unknown'.");
        assert_eq!(text("a.conf"), "Error: Unknown option 'a.conf'.");
        let eleven = "-p 1884 ".repeat(11);
        assert_eq!(text(&eleven), "Error: Only 10 ports can be specified on the command line.");
        assert_eq!(flags(&"-p 1884 ".repeat(10)).ports.len(), 10);
    }

    #[test]
    fn help_has_the_line_that_scripts_look_for() {
        assert!(usage().contains("\nUsage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]\n"));
        assert!(matches!(read("-v -h -c"), Ok(Asked::Usage(flags)) if flags.configs.is_empty()));
        assert!(matches!(read("-c a.conf -h"), Ok(Asked::Usage(flags)) if flags.configs.len() == 1));
        assert!(matches!(read("--version"), Ok(Asked::Version)));
    }
}
