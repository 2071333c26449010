//! mosquitto_passwd's command line, read as it reads it: flags first, then file, user and password; its words of errors.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;

use sealmq_server::password_lines::Kind;

/// What is to be done to which file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) task: Task,
    pub(super) kind: Kind,
}

/// One use of the command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// `-c FILE USER`.
    Create { file: Place, user: String, password: Source },
    /// `FILE USER`.
    Set { file: PathBuf, user: String, password: Source },
    /// `-D FILE USER`.
    Delete { file: PathBuf, user: String },
    /// `-U FILE`.
    Hash { file: PathBuf },
}

/// Where a new file goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    File(PathBuf),
    StandardOutput,
}

/// Where the password comes from.
#[derive(PartialEq, Eq)]
pub(super) enum Source {
    /// Asked for, twice.
    Asked,
    /// `-b`.
    Argument(String),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Source::Asked => "Asked",
            Source::Argument(_) => "Argument(…)",
        })
    }
}

/// Why a command line is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadFlags {
    /// Only the usage is shown.
    Usage,
    /// With this text.
    Error(String),
}

fn error<T>(text: impl Into<String>) -> Result<T, BadFlags> {
    Err(BadFlags::Error(format!("Error: {}", text.into())))
}

/// mosquitto's number, for `-H sha512-pbkdf2`.
const ITERATIONS_DEFAULT: NonZeroU32 = NonZeroU32::new(1_000).expect("it is not 0");
/// RFC 7677 §4, for `--scram`: the client does this work.
const SCRAM_ITERATIONS_DEFAULT: NonZeroU32 = NonZeroU32::new(15_000).expect("it is not 0");
/// RFC 7677 §4.
const ITERATIONS_MIN: u32 = 4_096;
/// What a broker refuses to compute.
const ITERATIONS_MAX: u32 = 10_000_000;
const TEXT_BYTES_MAX: usize = 65_535;

#[derive(Default)]
struct Flags {
    hash: Option<String>,
    iterations: Option<NonZeroU32>,
    batch: bool,
    create: bool,
    delete: bool,
    update: bool,
    scram: bool,
}

/// Reads the words after the command's name.
pub(super) fn parse(words: &[OsString]) -> Result<Asked, BadFlags> {
    let Ok(words) = words.iter().map(|word| word.to_str().ok_or(())).collect::<Result<Vec<_>, _>>() else {
        return error("The command line is not UTF-8 text.");
    };
    if words.is_empty() {
        return Err(BadFlags::Usage);
    }
    let (flags, rest) = flags(&words)?;
    let task = flags.task(rest)?;
    Ok(Asked { kind: flags.kind(), task })
}

fn flags<'w, 'a>(words: &'w [&'a str]) -> Result<(Flags, &'w [&'a str]), BadFlags> {
    let mut flags = Flags::default();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let value = words.get(at + 1);
        match (*word, value) {
            ("-H", None) => return error("-H argument given but not enough other arguments."),
            ("-H", Some(hash @ (&"argon2id" | &"sha512-pbkdf2" | &"sha512"))) => {
                flags.hash = Some((*hash).to_owned());
                at += 1;
            }
            ("-H", Some(other)) => return error(format!("Unknown hash type '{other}'")),
            ("-I", None) => return error("-I argument given but not enough other arguments."),
            ("-I", Some(number)) => {
                flags.iterations = Some(iterations(number)?);
                at += 1;
            }
            ("-b", _) => flags.batch = true,
            ("-c", _) => flags.create = true,
            ("-D", _) => flags.delete = true,
            ("-U", _) => flags.update = true,
            ("--scram", _) => flags.scram = true,
            ("-h" | "--help", _) => return Err(BadFlags::Usage),
            _ => break,
        }
        at += 1;
    }
    Ok((flags, &words[at..]))
}

fn iterations(word: &str) -> Result<NonZeroU32, BadFlags> {
    match word.parse() {
        Ok(number) if number <= ITERATIONS_MAX => {
            NonZeroU32::new(number).map_or_else(|| error("Number of iterations must be > 0."), Ok)
        }
        Ok(_) => error(format!("Number of iterations must be <= {ITERATIONS_MAX}.")),
        Err(_) => error("Number of iterations must be > 0."),
    }
}

impl Flags {
    fn kind(&self) -> Kind {
        match self.hash.as_deref() {
            None if self.scram => {
                Kind::ScramSha256 { iterations: self.iterations.unwrap_or(SCRAM_ITERATIONS_DEFAULT) }
            }
            Some("sha512") => Kind::Sha512,
            Some("sha512-pbkdf2") => {
                Kind::Sha512Pbkdf2 { iterations: self.iterations.unwrap_or(ITERATIONS_DEFAULT) }
            }
            Some(_) | None => Kind::Argon2id,
        }
    }

    fn task(&self, rest: &[&str]) -> Result<Task, BadFlags> {
        let Flags { batch, create, delete, update, .. } = *self;
        if self.scram {
            self.check_scram(rest)?;
        }
        match (create, delete, update, batch) {
            (true, true, _, _) => return error("-c and -D cannot be used together."),
            (true, _, true, _) => return error("-c and -U cannot be used together."),
            (_, true, true, _) => return error("-D and -U cannot be used together."),
            (_, true, _, true) => return error("-b and -D cannot be used together."),
            _ => {}
        }
        match (create, delete, update, batch, rest) {
            (true, _, _, true, [file, user, password, ..]) => {
                let (user, password) = (name(user)?, argument(password)?);
                Ok(Task::Create { file: place(file), user, password })
            }
            (true, _, _, true, _) => {
                error("-c argument given but password file, username, or password missing.")
            }
            (true, _, _, false, [file, user, ..]) => {
                Ok(Task::Create { file: place(file), user: name(user)?, password: Source::Asked })
            }
            (true, _, _, false, _) => error("-c argument given but password file or username missing."),
            (_, true, _, _, [file, user, ..]) => Ok(Task::Delete { file: file.into(), user: name(user)? }),
            (_, true, _, _, _) => error("-D argument given but password file or username missing."),
            (_, _, true, _, [file]) => Ok(Task::Hash { file: file.into() }),
            (_, _, true, _, _) => error("-U argument given but password file missing."),
            (_, _, _, true, [file, user, password]) => {
                let (user, password) = (name(user)?, argument(password)?);
                Ok(Task::Set { file: file.into(), user, password })
            }
            (_, _, _, false, [file, user]) => {
                Ok(Task::Set { file: file.into(), user: name(user)?, password: Source::Asked })
            }
            _ => Err(BadFlags::Usage),
        }
    }
}

impl Flags {
    /// What `--scram` goes together with. Names are those that SCRAM takes.
    fn check_scram(&self, rest: &[&str]) -> Result<(), BadFlags> {
        if self.hash.is_some() {
            return error("-H and --scram cannot be used together.");
        }
        if self.update {
            return error("-U and --scram cannot be used together.");
        }
        if self.iterations.is_some_and(|iterations| iterations.get() < ITERATIONS_MIN) {
            return error(format!("Number of iterations must be >= {ITERATIONS_MIN} with --scram."));
        }
        match rest.get(1) {
            Some(user) if !user.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) => {
                error("Username must be printable ASCII with --scram.")
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn place(file: &str) -> Place {
    if file == "-" { Place::StandardOutput } else { Place::File(file.into()) }
}

/// A user name that a password file can hold.
fn name(user: &str) -> Result<String, BadFlags> {
    if user.len() > TEXT_BYTES_MAX {
        return error("Username must be less than 65536 characters long.");
    }
    if user.chars().any(char::is_control) {
        return error("Username must not contain control characters.");
    }
    if user.contains(':') {
        return error("Username must not contain the ':' character.");
    }
    // What the broker would read as another name, or as a comment.
    if user.is_empty() || user.trim() != user || user.starts_with('#') {
        return error("Username must not be empty, start with '#', or have blanks around it.");
    }
    Ok(user.to_owned())
}

fn argument(password: &str) -> Result<Source, BadFlags> {
    if password.len() > TEXT_BYTES_MAX {
        return error("Password must be less than 65536 characters long.");
    }
    if password.is_empty() {
        return error("Empty password.");
    }
    Ok(Source::Argument(password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Asked, BadFlags> {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        parse(&words)
    }

    fn text(line: &str) -> String {
        match read(line) {
            Err(BadFlags::Error(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn scram_goes_alone_and_has_its_own_iterations() {
        let asked = read("--scram f u").unwrap();
        assert_eq!(asked.kind, Kind::ScramSha256 { iterations: SCRAM_ITERATIONS_DEFAULT });
        assert!(read("--scram -I 4096 -c -b f u p").is_ok() && read("--scram -D f u").is_ok());
        for bad in ["--scram -H sha512 f u", "--scram -U f", "--scram -I 4095 f u", "--scram f \u{e4}"] {
            assert!(text(bad).contains("--scram"), "{bad}");
        }
    }

    #[test]
    fn errors_are_those_of_mosquitto_passwd() {
        assert_eq!(read(""), Err(BadFlags::Usage));
        assert_eq!(read("file"), Err(BadFlags::Usage));
        assert_eq!(text("-H"), "Error: -H argument given but not enough other arguments.");
        assert_eq!(text("-H nohash"), "Error: Unknown hash type 'nohash'");
        assert_eq!(text("-I"), "Error: -I argument given but not enough other arguments.");
        for number in ["0", "-1", "x"] {
            assert_eq!(text(&format!("-I {number}")), "Error: Number of iterations must be > 0.");
        }
        assert_eq!(text("-I 10000001 f u"), "Error: Number of iterations must be <= 10000000.");
        assert_eq!(text("-c -D"), "Error: -c and -D cannot be used together.");
        assert_eq!(text("-c -U"), "Error: -c and -U cannot be used together.");
        assert_eq!(text("-U -D"), "Error: -D and -U cannot be used together.");
        assert_eq!(text("-b -D"), "Error: -b and -D cannot be used together.");
        assert_eq!(
            text("-c -b f u"),
            "Error: -c argument given but password file, username, or password missing."
        );
        assert_eq!(text("-c f"), "Error: -c argument given but password file or username missing.");
        assert_eq!(text("-D f"), "Error: -D argument given but password file or username missing.");
        assert_eq!(text("-U"), "Error: -U argument given but password file missing.");
    }

    #[test]
    fn a_name_that_the_file_would_hold_as_another_is_refused() {
        let user = |user: &str| parse(&["-D".into(), "f".into(), user.into()]);
        let is = |text: &str| Err(BadFlags::Error(format!("Error: {text}")));
        assert_eq!(user("bad:"), is("Username must not contain the ':' character."));
        assert_eq!(user("bad\n"), is("Username must not contain control characters."));
        assert_eq!(user(&"a".repeat(65_536)), is("Username must be less than 65536 characters long."));
        for bad in ["", " a", "a ", "#a"] {
            assert!(user(bad).is_err(), "{bad:?}");
        }
        assert!(user("a b#c").is_ok());
    }

    #[test]
    fn each_use_is_understood() {
        let given = |password: &str| Source::Argument(password.into());
        let file = || PathBuf::from("f");
        assert_eq!(
            read("-b f u p").unwrap(),
            Asked {
                task: Task::Set { file: file(), user: "u".into(), password: given("p") },
                kind: Kind::Argon2id
            }
        );
        assert_eq!(
            read("-H sha512 -U f").unwrap(),
            Asked { task: Task::Hash { file: file() }, kind: Kind::Sha512 }
        );
        let seven = Kind::Sha512Pbkdf2 { iterations: NonZeroU32::new(7).unwrap() };
        let create = Task::Create { file: Place::StandardOutput, user: "u".into(), password: Source::Asked };
        assert_eq!(read("-c -I 7 -H sha512-pbkdf2 - u").unwrap(), Asked { task: create, kind: seven });
        assert!(parse(&["-b".into(), "f".into(), "u".into(), "".into()]).is_err());
    }
}
