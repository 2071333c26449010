//! `log_dest syslog`: datagrams to `/dev/log`, as C's `syslog(3)` writes them.
//!
//! A system log that is not there, or starts anew, is looked for again with each batch: nobody restarts a broker because
//! the log daemon was updated.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::Line;
use super::render::local;
use super::spec::Syslog as SyslogSpec;

/// How long a log daemon that does not read may hold up the log's thread.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) struct Syslog {
    spec: SyslogSpec,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    pub(super) fn new(spec: SyslogSpec) -> Syslog {
        Syslog { spec, socket: None }
    }

    /// Where it writes to, for people.
    pub(super) fn name(&self) -> String {
        format!("the system's log ({})", self.spec.socket.display())
    }

    /// Sends one line, `text` as it is to be read.
    pub(super) fn send(&mut self, line: &Line, text: &str) -> io::Result<()> {
        let datagram = datagram(&self.spec, line, text);
        // A daemon that started anew has another socket: the old connection is refused, the new one is not.
        if let Some(socket) = &self.socket
            && socket.send(datagram.as_bytes()).is_ok()
        {
            return Ok(());
        }
        self.socket = None;
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.spec.socket)?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.send(datagram.as_bytes())?;
        self.socket = Some(socket);
        Ok(())
    }
}

/// RFC 3164 §4.1, without the host name, as C libraries send it to their own machine.
fn datagram(spec: &SyslogSpec, line: &Line, text: &str) -> String {
    let priority = u16::from(spec.facility) * 8 + u16::from(line.event.level().syslog_severity());
    let (time, ident, pid) = (local(line.at, "%b %e %H:%M:%S"), &spec.ident, std::process::id());
    format!("<{priority}>{time} {ident}[{pid}]: {text}")
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::*;

    fn spec(folder: &std::path::Path) -> SyslogSpec {
        SyslogSpec { facility: 16, ident: "mosquitto".into(), socket: folder.join("log") }
    }

    fn receive(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 2_048];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_line_has_facility_severity_name_and_process() {
        let folder = tempfile::tempdir().unwrap();
        let daemon = UnixDatagram::bind(folder.path().join("log")).unwrap();
        let mut log = Syslog::new(spec(folder.path()));
        log.send(&Line::new(Event::ClientConnected, "x"), "9: New client").unwrap();
        let text = receive(&daemon);
        // local0 is 16, notice is 5: RFC 5424 §6.2.1.
        assert!(text.starts_with("<133>"), "{text}");
        assert!(text.ends_with(&format!(" mosquitto[{}]: 9: New client", std::process::id())), "{text}");
        let time = &text[5..20];
        assert_eq!((&time[3..4], &time[9..10], time.len()), (" ", ":", 15), "{text}");
    }

    #[test]
    fn a_daemon_that_starts_anew_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let line = Line::new(Event::Fatal, "x");
        let mut log = Syslog::new(spec(folder.path()));
        assert!(log.send(&line, "nobody is there").is_err());
        for _ in 0..2 {
            let daemon = UnixDatagram::bind(folder.path().join("log")).unwrap();
            log.send(&line, "here").unwrap();
            assert!(receive(&daemon).starts_with("<131>"));
            drop(daemon);
            std::fs::remove_file(folder.path().join("log")).unwrap();
        }
    }
}
