//! Leaving root behind: the process goes on as another user once its listeners are open and its files are read.
//!
//! mosquitto's rule: `user NAME` is obeyed; without it `mosquitto`, else `nobody`; `user root` stays root. Only a
//! process that is root does anything here. It happens before any thread exists, so that it holds for all of them.

use std::ffi::CString;
use std::os::unix::fs::chown;
use std::path::Path;

use nix::unistd::{Uid, User, initgroups, setgid, setuid};

/// Whom to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Stay who we are.
    Stay,
    /// `user NAME`: this one or none.
    Named(String),
    /// Nothing was said: `mosquitto`, else `nobody`.
    Usual,
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
pub struct Target(User);

/// Why privileges could not be dropped. The start stops: going on as root was not asked for.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// The named user does not exist.
    #[error("user '{0}' does not exist on this machine")]
    Unknown(String),
    /// Neither `mosquitto` nor `nobody` exists.
    #[error("started as root, and neither user 'mosquitto' nor 'nobody' exists to go on as")]
    NobodyExists,
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
            PrivilegeError::Refused { .. } => "start as root or as that user itself".to_owned(),
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
        Wanted::Stay => Ok(None),
        Wanted::Named(name) if name == "root" => Ok(None),
        Wanted::Named(name) => {
            find(name).map(|user| Some(Target(user))).ok_or_else(|| PrivilegeError::Unknown(name.clone()))
        }
        Wanted::Usual => find("mosquitto")
            .or_else(|| find("nobody"))
            .map(|u| Some(Target(u)))
            .ok_or(PrivilegeError::NobodyExists),
    }
}

fn find(name: &str) -> Option<User> {
    User::from_name(name).ok().flatten()
}

impl Target {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Gives a file that the broker made as root (a unix socket, a log file) to the user it goes on as.
    ///
    /// # Errors
    /// As `chown(2)`.
    pub fn give(&self, path: &Path) -> std::io::Result<()> {
        chown(path, Some(self.0.uid.as_raw()), Some(self.0.gid.as_raw()))
    }

    /// Becomes that user, groups first: afterwards there is no way back.
    ///
    /// # Errors
    /// The system refused a step; the caller must not go on.
    pub fn become_it(&self) -> Result<(), PrivilegeError> {
        let refused = |source| PrivilegeError::Refused { user: self.0.name.clone(), source };
        let name = CString::new(self.0.name.as_str()).map_err(|_| refused(nix::Error::EINVAL))?;
        initgroups(&name, self.0.gid).map_err(refused)?;
        setgid(self.0.gid).map_err(refused)?;
        setuid(self.0.uid).map_err(refused)
    }
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

    #[cfg(target_os = "linux")]
    #[test]
    fn nobody_reads_the_memory_of_the_process() {
        keep_memory_private().unwrap();
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
        let (cores, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_CORE).unwrap();
        assert_eq!(cores, 0);
    }
}
