//! What systemd (`Type=notify`) is told: READY, STOPPING, WATCHDOG, as `sd_notify(3)` describes it.
//!
//! Nothing here fails loudly: without `NOTIFY_SOCKET` every call does nothing, and a socket that cannot be reached is
//! systemd's own watch to notice. Abstract socket names (`@name`) are understood.

use std::ffi::OsString;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

/// The service manager's end, if there is one.
#[derive(Debug, Clone)]
pub struct Notify {
    socket: Option<Arc<UnixDatagram>>,
    /// How often a sign of life is due: half of what systemd waits for.
    watchdog: Option<Duration>,
}

/// What the environment says about the service manager.
#[derive(Debug, Clone, Default)]
pub struct NotifyEnvironment {
    /// `NOTIFY_SOCKET`.
    pub socket: Option<OsString>,
    /// `WATCHDOG_USEC`.
    pub watchdog_usec: Option<String>,
    /// `WATCHDOG_PID`.
    pub watchdog_pid: Option<String>,
}

impl NotifyEnvironment {
    /// Reads the process's environment.
    #[must_use]
    pub fn of_process() -> NotifyEnvironment {
        NotifyEnvironment {
            socket: std::env::var_os("NOTIFY_SOCKET"),
            watchdog_usec: std::env::var("WATCHDOG_USEC").ok(),
            watchdog_pid: std::env::var("WATCHDOG_PID").ok(),
        }
    }
}

impl Notify {
    /// Opens the socket that the environment names, if it names one.
    #[must_use]
    pub fn from_environment(environment: &NotifyEnvironment) -> Notify {
        let socket = environment.socket.as_ref().and_then(|name| connect(name.as_bytes()));
        let ours = environment.watchdog_pid.as_ref().is_none_or(|pid| *pid == std::process::id().to_string());
        let watchdog = environment
            .watchdog_usec
            .as_ref()
            .filter(|_| ours && socket.is_some())
            .and_then(|usec| usec.parse().ok())
            .map(|usec: u64| Duration::from_micros(usec / 2));
        Notify { socket: socket.map(Arc::new), watchdog }
    }

    /// The listeners are open.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// A reload begins; [`Notify::ready`] ends it, whether it was taken or refused. `Type=notify-reload` wants the time
    /// on the monotonic clock in the same message.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The broker stops on purpose.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The workers still turn.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// A line for `systemctl status`.
    pub fn status(&self, text: &str) {
        self.send(&format!("STATUS={}", text.replace('\n', " ")));
    }

    /// How often [`Notify::alive`] is due; `None`: nobody waits for it.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    fn send(&self, state: &str) {
        if let Some(socket) = &self.socket {
            // systemd gone or its queue full: there is nobody else to tell.
            let _ = socket.send(state.as_bytes());
        }
    }
}

fn connect(name: &[u8]) -> Option<UnixDatagram> {
    let address = match name {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest).ok()?,
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok()?,
        // systemd allows only these two forms (and vsock, which is for virtual machines).
        _ => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect_addr(&address).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let n = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    }

    #[test]
    fn a_path_socket_is_told_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let environment = NotifyEnvironment { socket: Some(path.into()), ..NotifyEnvironment::default() };
        let notify = Notify::from_environment(&environment);
        notify.ready();
        notify.stopping();
        assert_eq!((receive(&manager), receive(&manager)), ("READY=1".into(), "STOPPING=1".into()));
    }

    #[test]
    fn an_abstract_socket_is_told() {
        let name = format!("sealmq-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let environment =
            NotifyEnvironment { socket: Some(format!("@{name}").into()), ..NotifyEnvironment::default() };
        Notify::from_environment(&environment).alive();
        assert_eq!(receive(&manager), "WATCHDOG=1");
    }

    #[test]
    fn the_watchdog_is_fed_twice_per_period_and_only_by_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        let mut environment = NotifyEnvironment {
            socket: Some(path.into()),
            watchdog_usec: Some("3000000".into()),
            watchdog_pid: Some(std::process::id().to_string()),
        };
        assert_eq!(Notify::from_environment(&environment).watchdog(), Some(Duration::from_millis(1500)));
        environment.watchdog_pid = Some("1".into());
        assert_eq!(Notify::from_environment(&environment).watchdog(), None);
    }

    #[test]
    fn without_a_service_manager_nothing_happens() {
        let notify = Notify::from_environment(&NotifyEnvironment::default());
        notify.ready();
        assert!(notify.watchdog().is_none());
    }
}
