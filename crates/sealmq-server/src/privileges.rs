//! Leaving root behind: the process goes on as another user once its listeners are open and its files are read.
//!
//! mosquitto's rule: `user NAME` is obeyed; without it (or with a `mosquitto` that does not exist) `mosquitto`, else
//! `nobody`; `user root` stays root; a container's `PUID` and `PGID` come before all of them. Only a process that is
//! root does anything here. It happens before any thread serves, and it holds for all of them (the C library changes
//! every thread), supplementary groups included.

use std::ffi::CString;
use std::os::unix::fs::chown;
use std::path::Path;

use nix::unistd::{Gid, Uid, User, getgroups, initgroups, setegid, seteuid, setgid, setgroups, setuid};
use sealmq_config::Config;

use crate::plan::StartError;

/// Whom to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Stay who we are.
    Stay,
    /// `user NAME`: this one or none.
    Named(String),
    /// Nothing was said: `mosquitto`, else `nobody`.
    Usual,
    /// `PUID` and `PGID` of a container; 0 or nothing leaves it.
    Numbers {
        /// The user.
        uid: Option<u32>,
        /// The group.
        gid: Option<u32>,
    },
}

impl Wanted {
    /// As the environment and the configuration say.
    ///
    /// # Errors
    /// `PUID` or `PGID` is no number.
    pub fn of(config: &Config) -> Result<Wanted, PrivilegeError> {
        let number = |name: &'static str| match std::env::var(name) {
            Err(std::env::VarError::NotPresent) => Ok(None),
            Ok(text) => id(name, &text).map(Some),
            Err(std::env::VarError::NotUnicode(text)) => {
                Err(PrivilegeError::Number { name, value: text.to_string_lossy().into_owned() })
            }
        };
        Ok(match (number("PUID")?, number("PGID")?, &config.global.user, &config.global.data_dir) {
            (None, None, Some(user), _) => Wanted::Named(user.clone()),
            // A data directory belongs to whoever made it; another user could not renew its certificates.
            (None, None, None, Some(_)) => Wanted::Stay,
            (None, None, None, None) => Wanted::Usual,
            (uid, gid, _, _) => {
                let some = |id: Option<u32>| id.filter(|id| *id != 0);
                Wanted::Numbers { uid: some(uid), gid: some(gid) }
            }
        })
    }
}

fn id(name: &'static str, text: &str) -> Result<u32, PrivilegeError> {
    let bad = || PrivilegeError::Number { name, value: text.to_owned() };
    text.parse().ok().filter(|id| *id <= i32::MAX as u32).ok_or_else(bad)
}

/// Keys and passwords are in this process's memory: no core dump holds them, and no other process of this user reads them.
///
/// # Errors
/// The system does not allow it, which is not expected of any.
pub fn keep_memory_private() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_dumpable(false)?;
    let (_, most) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE)?;
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, most)?;
    Ok(())
}

/// The user to go on as.
#[derive(Debug, Clone)]
pub struct Target {
    name: String,
    /// `None`: stays.
    uid: Option<Uid>,
    /// `None`: stays.
    gid: Option<Gid>,
    groups: Groups,
    /// Whether this is not the user that was asked for.
    instead_of: Option<String>,
}

/// Supplementary groups.
#[derive(Debug, Clone)]
enum Groups {
    /// Those of this user.
    Of(CString),
    /// None: root's must not stay.
    Nothing,
}

/// Why privileges could not be dropped. The start stops: going on as root was not asked for.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The named user does not exist.
    #[error("Unable to drop privileges to '{0}' because this user does not exist")]
    Unknown(String),
    /// Neither `mosquitto` nor `nobody` exists.
    #[error("Unable to drop privileges to 'nobody': neither it nor 'mosquitto' exists")]
    NobodyExists,
    /// `PUID` or `PGID`.
    #[error("{name} not a valid ID '{value}'")]
    Number {
        /// Which.
        name: &'static str,
        /// What it says.
        value: String,
    },
    /// The system refused.
    #[error("cannot go on as user '{user}': {source}")]
    Refused {
        /// Whom we wanted to become.
        user: String,
        /// What the system said.
        source: nix::Error,
    },
}

impl PrivilegeError {
    /// What mends it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            PrivilegeError::Unknown(user) => {
                format!("create it (useradd --system {user}), or name another one with the key 'user'")
            }
            PrivilegeError::NobodyExists => "set 'user NAME', or 'user root' to stay root".to_owned(),
            PrivilegeError::Number { name, .. } => format!("set {name} to a number, or unset it"),
            PrivilegeError::Refused { .. } => "start as root or as that user itself".to_owned(),
        }
    }

    /// The exit code that mosquitto ends with.
    #[must_use]
    pub fn exit(&self) -> u8 {
        match self {
            PrivilegeError::Unknown(_) | PrivilegeError::Number { .. } => 3,
            PrivilegeError::NobodyExists | PrivilegeError::Refused { .. } => 1,
        }
    }
}

/// Finds whom to go on as; `None`: nothing changes.
///
/// # Errors
/// The user does not exist.
pub fn target(wanted: &Wanted) -> Result<Option<Target>, PrivilegeError> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    match wanted {
        Wanted::Stay | Wanted::Numbers { uid: None, gid: None } => Ok(None),
        Wanted::Numbers { uid, gid } => Ok(Some(numbered(*uid, *gid))),
        Wanted::Named(name) if name == "root" => Ok(None),
        Wanted::Named(name) if name != USUAL => {
            let user = find(name).ok_or_else(|| PrivilegeError::Unknown(name.clone()))?;
            named(user, None).map(Some)
        }
        Wanted::Named(_) | Wanted::Usual => match (find(USUAL), find("nobody")) {
            (Some(user), _) => named(user, None).map(Some),
            (None, Some(nobody)) => named(nobody, Some(USUAL)).map(Some),
            (None, None) => Err(PrivilegeError::NobodyExists),
        },
    }
}

/// Whom this configuration goes on as.
///
/// # Errors
/// As [`Wanted::of`] and [`target`].
pub fn target_of(config: &Config) -> Result<Option<Target>, StartError> {
    Ok(target(&Wanted::of(config)?)?)
}

impl From<PrivilegeError> for StartError {
    fn from(error: PrivilegeError) -> StartError {
        StartError::new(format!("Error: {error}."), error.exit()).hint(error.hint())
    }
}

/// Whom mosquitto's packages make.
const USUAL: &str = "mosquitto";

fn find(name: &str) -> Option<User> {
    User::from_name(name).ok().flatten()
}

fn named(user: User, instead_of: Option<&str>) -> Result<Target, PrivilegeError> {
    let groups = CString::new(user.name.as_str())
        .map_err(|_| PrivilegeError::Refused { user: user.name.clone(), source: nix::Error::EINVAL })?;
    Ok(Target {
        groups: Groups::Of(groups),
        uid: Some(user.uid),
        gid: Some(user.gid),
        name: user.name,
        instead_of: instead_of.map(str::to_owned),
    })
}

fn numbered(uid: Option<u32>, gid: Option<u32>) -> Target {
    let known = uid.and_then(|uid| User::from_uid(Uid::from_raw(uid)).ok().flatten());
    let name = known.map_or_else(|| uid.unwrap_or(0).to_string(), |user| user.name);
    let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
    Target { name, uid, gid, groups: Groups::Nothing, instead_of: None }
}

impl Target {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user that should have been this one and does not exist.
    #[must_use]
    pub fn instead_of(&self) -> Option<&str> {
        self.instead_of.as_deref()
    }

    /// Gives a file that the broker made as root (a unix socket, a log file) to the user it goes on as.
    ///
    /// # Errors
    /// As `chown(2)`.
    pub fn give(&self, path: &Path) -> std::io::Result<()> {
        chown(path, self.uid.map(Uid::as_raw), self.gid.map(Gid::as_raw))
    }

    /// Does something with this user's rights to files, then has root's again: what this user must be able to do later
    /// is tried now, and files that it must own are made by it.
    ///
    /// # Errors
    /// The system refused a step; the caller must not go on, whoever it is now.
    pub fn acting<T>(&self, work: impl FnOnce() -> T) -> Result<T, PrivilegeError> {
        let refused = |source| self.refused(source);
        let before = getgroups().map_err(refused)?;
        self.set_groups()?;
        self.gid.map_or(Ok(()), setegid).map_err(refused)?;
        self.uid.map_or(Ok(()), seteuid).map_err(refused)?;
        let done = work();
        seteuid(Uid::from_raw(0)).map_err(refused)?;
        setegid(Gid::from_raw(0)).map_err(refused)?;
        setgroups(&before).map_err(refused)?;
        Ok(done)
    }

    /// Becomes that user, groups first: afterwards there is no way back.
    ///
    /// # Errors
    /// The system refused a step; the caller must not go on.
    pub fn become_it(&self) -> Result<(), PrivilegeError> {
        let refused = |source| self.refused(source);
        self.set_groups()?;
        self.gid.map_or(Ok(()), setgid).map_err(refused)?;
        self.uid.map_or(Ok(()), setuid).map_err(refused)?;
        // Linux forgets it when the user changes (PR_SET_DUMPABLE, prctl(2)).
        keep_memory_private().map_err(|_| refused(nix::Error::EPERM))
    }

    fn set_groups(&self) -> Result<(), PrivilegeError> {
        match &self.groups {
            Groups::Of(name) => initgroups(name, self.gid.unwrap_or_else(Gid::current)),
            Groups::Nothing => setgroups(self.gid.as_slice()),
        }
        .map_err(|source| self.refused(source))
    }

    fn refused(&self, source: nix::Error) -> PrivilegeError {
        PrivilegeError::Refused { user: self.name.clone(), source }
    }
}

/// The permissions that files made from now on do not get.
///
/// # Errors
/// More than three octal digits.
pub fn set_umask(mask: u32) -> std::io::Result<()> {
    let in_range = u16::try_from(mask).ok().filter(|mask| *mask <= 0o777);
    let bits = in_range.and_then(|mask| nix::sys::stat::Mode::from_bits(mask.into()));
    nix::sys::stat::umask(bits.ok_or(std::io::ErrorKind::InvalidInput)?);
    Ok(())
}

/// Goes into the background (`-d`): the caller's process ends, this one goes on without a terminal, in the same folder.
/// Called before any thread exists: a thread would stay behind.
///
/// # Errors
/// As `fork(2)`, `setsid(2)`.
pub fn daemonise() -> std::io::Result<()> {
    nix::unistd::daemon(true, false).map_err(std::io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_that_does_not_exist_stops_the_start_of_root() {
        let wanted = Wanted::Named("no-such-user-here".into());
        if Uid::effective().is_root() {
            assert!(matches!(target(&wanted), Err(PrivilegeError::Unknown(_))));
        } else {
            assert!(target(&wanted).unwrap().is_none());
        }
    }

    #[test]
    fn user_root_stays_root() {
        assert!(target(&Wanted::Named("root".into())).unwrap().is_none());
    }

    #[test]
    fn a_mosquitto_that_does_not_exist_is_nobody() {
        if Uid::effective().is_root() && find(USUAL).is_none() {
            let target = target(&Wanted::Named(USUAL.into())).unwrap().unwrap();
            assert_eq!((target.name(), target.instead_of()), ("nobody", Some("mosquitto")));
        }
    }

    #[test]
    fn numbers_of_a_container_are_numbers_and_0_changes_nothing() {
        assert_eq!(id("PUID", "1883").unwrap(), 1883);
        for bad in ["", "-1", "12x", "4294967296", "2147483648"] {
            assert!(matches!(id("PUID", bad), Err(PrivilegeError::Number { .. })), "{bad}");
        }
        assert!(target(&Wanted::Numbers { uid: None, gid: None }).unwrap().is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_reads_the_memory_of_the_process() {
        keep_memory_private().unwrap();
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
        let (cores, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE).unwrap();
        assert_eq!(cores, 0);
    }
}
