//! The passphrase of the CA's keys: where it comes from, in one order, and how it stays a secret.
//!
//! The order: the file that the command line names (`-` is standard input), and nothing else where it names one;
//! else `$SEALMQ_CA_PASSPHRASE`; else systemd's credential `sealmq-ca-passphrase`; else the terminal, where there is
//! one. The first that is *there* decides: one that does not fit is refused, the next is not tried.
//!
//! Invariants: a passphrase has no `Debug`, is wiped when dropped, and is never an argument. The environment variable
//! is gone from this process before anything else runs: see [`hide_environment`].

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use nix::sys::memfd::{MFdFlags, memfd_create};
use zeroize::Zeroizing;

use super::error::HomeError;
use super::{files, prompt};

/// A passphrase: 1 to `PASSPHRASE_BYTES_MAX` bytes of one line.
pub struct Passphrase(Zeroizing<Vec<u8>>);

/// Where a passphrase can come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    /// The first line of a file.
    File(PathBuf),
    /// A line of standard input.
    StandardInput,
    /// `$SEALMQ_CA_PASSPHRASE`, as it was before [`hide_environment`].
    Environment,
    /// A file that systemd has put there for this service alone.
    Credential(PathBuf),
    /// A person.
    Terminal,
}

/// Where passphrases come from, in their order. The default is nowhere: an encrypted key is then refused.
#[derive(Clone, Debug, Default)]
pub struct Unlock {
    sources: Vec<Source>,
    read: Remembered,
}

/// What a file or standard input has said: neither need say it twice.
#[derive(Clone, Default)]
struct Remembered(Arc<Mutex<Option<Zeroizing<Vec<u8>>>>>);

/// Whether a passphrase is typed once, or twice because a slip would lock its owner out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Typing {
    Once,
    Twice,
}

/// A passphrase, and whether asking once more could bring another one.
pub(super) struct Found {
    pub(super) passphrase: Passphrase,
    pub(super) from: &'static str,
    pub(super) again: Again,
}

/// Whether a source may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// A person may mistype.
    Possible,
    /// It says the same again.
    Useless,
}

impl Passphrase {
    /// From bytes that are a passphrase: one line, not empty.
    pub(super) fn new(bytes: Zeroizing<Vec<u8>>, from: &str) -> Result<Self, HomeError> {
        if bytes.is_empty() {
            return Err(HomeError::Refused {
                what: format!("the passphrase from {from} is empty"),
                hint: "put it there, in one line".to_owned(),
            });
        }
        Ok(Self(bytes))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Refuses one that is tried in no time; asked where one is set, not where one is used.
    pub(super) fn check_length(&self) -> Result<(), HomeError> {
        if self.0.len() >= PASSPHRASE_BYTES_MIN {
            return Ok(());
        }
        Err(HomeError::Refused {
            what: format!("the new passphrase has {} bytes", self.0.len()),
            hint: format!(
                "take at least {PASSPHRASE_BYTES_MIN}; openssl rand -base64 24 makes one that nobody guesses"
            ),
        })
    }
}

impl Unlock {
    /// What this process has: `asked` (a flag) alone where it is given, else environment, credential, terminal.
    #[must_use]
    pub fn of_process(asked: Option<&Path>) -> Self {
        if let Some(file) = asked {
            return Self::asked(file);
        }
        let credentials = std::env::var_os(CREDENTIALS).filter(|folder| !folder.is_empty());
        let credential = credentials.map(|folder| Source::Credential(PathBuf::from(folder).join(CREDENTIAL)));
        let sources = [Some(Source::Environment), credential, Some(Source::Terminal)];
        Self::from_sources(sources.into_iter().flatten().collect())
    }

    /// This file alone; `-` is standard input.
    #[must_use]
    pub fn asked(file: &Path) -> Self {
        let source = match file.as_os_str().as_bytes() {
            b"-" => Source::StandardInput,
            _ => Source::File(file.to_owned()),
        };
        Self::from_sources(vec![source])
    }

    /// A flag's file, else the terminal: for a new passphrase, which is never that of the environment.
    #[must_use]
    pub fn new_one(asked: Option<&Path>) -> Self {
        asked.map_or_else(|| Self::from_sources(vec![Source::Terminal]), Self::asked)
    }

    fn from_sources(sources: Vec<Source>) -> Self {
        Self { sources, read: Remembered::default() }
    }

    /// Forgets what it has read: the keys are open, nobody needs it again.
    pub(super) fn forget(&self) {
        for kept in [&*self.read.0, &FROM_ENVIRONMENT] {
            kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }

    /// The passphrase under which a CA that is made now is encrypted: whatever is there without asking anybody.
    pub fn passphrase_of_new_keys(&self) -> Result<Option<Passphrase>, HomeError> {
        let sources = self.sources.iter().filter(|source| **source != Source::Terminal).cloned().collect();
        let silent = Self { sources, read: self.read.clone() };
        let Some(found) = silent.ask("", Typing::Once)? else { return Ok(None) };
        found.passphrase.check_length()?;
        Ok(Some(found.passphrase))
    }

    /// The passphrase of the first source that is there; `None` where none is.
    pub(super) fn ask(&self, what: &str, typing: Typing) -> Result<Option<Found>, HomeError> {
        for source in &self.sources {
            let (bytes, from) = match source {
                Source::File(path) => (Some(self.read.or_else(|| read_file(path))?), "the passphrase file"),
                Source::StandardInput => (Some(self.read.or_else(read_standard_input)?), "standard input"),
                Source::Environment => (from_environment(), "$SEALMQ_CA_PASSPHRASE"),
                Source::Credential(path) => (read_credential(path)?, "the credential sealmq-ca-passphrase"),
                Source::Terminal => (from_terminal(what, typing)?, "the terminal"),
            };
            if let Some(bytes) = bytes {
                let again = match source {
                    Source::Terminal => Again::Possible,
                    Source::File(_) | Source::StandardInput | Source::Environment | Source::Credential(_) => {
                        Again::Useless
                    }
                };
                return Ok(Some(Found { passphrase: Passphrase::new(bytes, from)?, from, again }));
            }
        }
        Ok(None)
    }
}

impl Remembered {
    fn or_else(
        &self,
        read: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, HomeError>,
    ) -> Result<Zeroizing<Vec<u8>>, HomeError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_none() {
            *kept = Some(read()?);
        }
        Ok(kept.clone().unwrap_or_default())
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered")
    }
}

/// Takes `$SEALMQ_CA_PASSPHRASE` out of this process, to be called before anything else.
///
/// Unsetting a variable is not enough: `/proc/PID/environ` shows what the process was started with, to everything
/// that runs as the same user. So the program is started anew in this same process, without the variable, and gets
/// the passphrase in a file that exists in memory only and is closed as soon as it was read.
///
/// # Errors
/// It cannot be done: the caller ends, since the passphrase would stay where others read it.
pub fn hide_environment() -> io::Result<()> {
    match std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        Some(value) => Err(start_anew(&Zeroizing::new(value.into_vec()))),
        None => take_handed_over(),
    }
}

fn start_anew(passphrase: &[u8]) -> io::Error {
    let handed = match memfd_create("sealmq-ca-passphrase", MFdFlags::empty()) {
        Ok(handed) => handed,
        Err(error) => return error.into(),
    };
    let number = handed.as_raw_fd();
    let written = handed.try_clone().and_then(|copy| File::from(copy).write_all(passphrase));
    if let Err(error) = written {
        return error;
    }
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_else(|| OsString::from("sealmq"));
    // `handed` has no close-on-exec flag: that is how it arrives.
    let error = Command::new("/proc/self/exe")
        .arg0(program)
        .args(arguments)
        .env_remove(VARIABLE)
        .env(HANDED_OVER, format!("{}:{number}", std::process::id()))
        .exec();
    drop(handed);
    error
}

/// What [`start_anew`] has left for this process; the number of the process tells it from a variable that a parent
/// left in our environment.
fn take_handed_over() -> io::Result<()> {
    let Some(text) = std::env::var_os(HANDED_OVER) else { return Ok(()) };
    let Some((process, number)) = text.to_str().and_then(|text| text.split_once(':')) else { return Ok(()) };
    if process.parse() != Ok(std::process::id()) {
        return Ok(());
    }
    let number: i32 = number.parse().map_err(io::Error::other)?;
    let mut file = File::open(format!("/proc/self/fd/{number}"))?;
    let bytes = first_line(|buffer| file.read(buffer))?;
    nix::unistd::close(number)?;
    *FROM_ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
    Ok(())
}

fn from_environment() -> Option<Zeroizing<Vec<u8>>> {
    FROM_ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, HomeError> {
    let mut file = File::open(path).map_err(|e| HomeError::io("read the passphrase file", path, e))?;
    let facts = file.metadata().map_err(|e| HomeError::io("read", path, e))?;
    check_reach(path, &facts)?;
    read_line(path, &mut file)
}

/// A regular file that strangers can read keeps no secret; a pipe (`<(pass show …)`) has no owner to speak of.
fn check_reach(path: &Path, facts: &std::fs::Metadata) -> Result<(), HomeError> {
    let mode = facts.permissions().mode() & 0o7777;
    if !facts.is_file() || mode & 0o027 == 0 && [files::own_uid(), 0].contains(&facts.uid()) {
        return Ok(());
    }
    if mode & 0o027 != 0 {
        return Err(HomeError::WrongMode { path: path.to_owned(), mode, wanted: 0o600 });
    }
    Err(HomeError::WrongOwner { path: path.to_owned(), owner: facts.uid(), uid: files::own_uid() })
}

/// systemd keeps the folder from everybody else; a service without this credential simply has none.
fn read_credential(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, HomeError> {
    match File::open(path) {
        Ok(mut file) => read_line(path, &mut file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HomeError::io("read the credential", path, error)),
    }
}

fn read_line(path: &Path, file: &mut File) -> Result<Zeroizing<Vec<u8>>, HomeError> {
    first_line(|buffer| file.read(buffer)).map_err(|e| HomeError::io("read", path, e))
}

/// Octet by octet and past Rust's own buffer: the next line may be the next passphrase, and a buffer is not wiped.
fn read_standard_input() -> Result<Zeroizing<Vec<u8>>, HomeError> {
    let stdin = io::stdin();
    first_line(|buffer| nix::unistd::read(stdin.as_fd(), buffer).map_err(io::Error::from))
        .map_err(|e| HomeError::io("read the passphrase from", Path::new("standard input"), e))
}

fn from_terminal(what: &str, typing: Typing) -> Result<Option<Zeroizing<Vec<u8>>>, HomeError> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let ask = |question: &str| {
        prompt::password(question)
            .map(|text| Zeroizing::new(text.as_bytes().to_vec()))
            .map_err(|e| HomeError::io("ask on", Path::new("/dev/tty"), e))
    };
    let first = ask(&format!("{what}: "))?;
    if typing == Typing::Twice && ask("once more: ")? != first {
        return Err(HomeError::Refused {
            what: "the two passphrases differ".to_owned(),
            hint: "type it again".to_owned(),
        });
    }
    Ok(Some(first))
}

/// The first line without its end, as openssl reads `-passin file:`.
fn first_line(mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<Zeroizing<Vec<u8>>> {
    // Sized beforehand: a buffer that grows would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX + 1));
    let mut octet = Zeroizing::new([0; 1]);
    while read(&mut octet[..])? == 1 && octet[0] != b'\n' {
        if line.len() > PASSPHRASE_BYTES_MAX {
            return Err(io::Error::other(format!("a line of more than {PASSPHRASE_BYTES_MAX} bytes")));
        }
        line.push(octet[0]);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

/// The variable that holds the passphrase.
const VARIABLE: &str = "SEALMQ_CA_PASSPHRASE";
/// `PROCESS:NUMBER`: the open file in which a process finds what stood in [`VARIABLE`].
const HANDED_OVER: &str = "SEALMQ_CA_PASSPHRASE_FD";
/// systemd.exec(5), `LoadCredential=`.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
const CREDENTIAL: &str = "sealmq-ca-passphrase";
/// The longest passphrase, in bytes.
const PASSPHRASE_BYTES_MAX: usize = 1024;
/// The shortest new one (NIST SP 800-63B §5.1.1.1 says 8).
const PASSPHRASE_BYTES_MIN: usize = 8;

static FROM_ENVIRONMENT: Mutex<Option<Zeroizing<Vec<u8>>>> = Mutex::new(None);

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &Path, content: &[u8], mode: u32) -> PathBuf {
        let path = dir.join("passphrase");
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn asked(path: &Path) -> Result<Vec<u8>, HomeError> {
        let found = Unlock::asked(path).ask("q", Typing::Once)?;
        Ok(found.expect("a file is there").passphrase.as_bytes().to_vec())
    }

    #[test]
    fn the_first_line_of_a_file_is_the_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        for content in [&b"a secret\n"[..], b"a secret", b"a secret\r\n", b"a secret\nmore\n"] {
            assert_eq!(asked(&file(dir.path(), content, 0o600)).unwrap(), b"a secret");
        }
        assert_eq!(asked(&file(dir.path(), b" spaces count \n", 0o400)).unwrap(), b" spaces count ");
    }

    #[test]
    fn a_file_that_is_empty_missing_too_long_or_open_to_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (content, mode) in [
            (&b""[..], 0o600),
            (b"\nsecond line\n", 0o600),
            (&[b'x'; PASSPHRASE_BYTES_MAX + 2][..], 0o600),
            (b"secret", 0o604),
            (b"secret", 0o620),
        ] {
            let error = asked(&file(dir.path(), content, mode)).unwrap_err();
            assert!(!error.hint().is_empty(), "{error}");
        }
        assert!(asked(&dir.path().join("none")).is_err());
        // A service group may read it, as Kubernetes mounts secrets.
        assert!(asked(&file(dir.path(), b"secret", 0o640)).is_ok());
    }

    #[test]
    fn a_named_file_is_the_only_source_and_a_credential_that_is_not_there_is_none() {
        assert_eq!(Unlock::of_process(Some(Path::new("f"))).sources, [Source::File("f".into())]);
        assert_eq!(Unlock::of_process(Some(Path::new("-"))).sources, [Source::StandardInput]);
        let sources = Unlock::of_process(None).sources;
        assert_eq!((sources.first(), sources.last()), (Some(&Source::Environment), Some(&Source::Terminal)));
        let dir = tempfile::tempdir().unwrap();
        let credential = |name: &str| Unlock::from_sources(vec![Source::Credential(dir.path().join(name))]);
        assert!(credential("none").ask("q", Typing::Once).unwrap().is_none());
        file(dir.path(), b"from systemd", 0o440);
        let found = credential("passphrase").ask("q", Typing::Once).unwrap().unwrap();
        assert_eq!(found.passphrase.as_bytes(), b"from systemd");
    }

    #[test]
    fn a_new_passphrase_has_a_length() {
        let of = |text: &str| Passphrase::new(Zeroizing::new(text.as_bytes().to_vec()), "here").unwrap();
        assert!(of("1234567").check_length().is_err());
        assert!(of("12345678").check_length().is_ok());
    }
}
