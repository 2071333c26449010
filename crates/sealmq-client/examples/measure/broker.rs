//! A broker process of its own for one measurement, and what the kernel says of it.

use std::error::Error;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::certificates::Certificates;

/// Which broker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    SealMq,
    Mosquitto,
}

impl Kind {
    pub(crate) const BOTH: [Kind; 2] = [Kind::SealMq, Kind::Mosquitto];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::SealMq => "sealmq",
            Kind::Mosquitto => "mosquitto",
        }
    }
}

/// A running broker; ended when dropped.
pub(crate) struct Broker {
    child: Child,
    pub(crate) port: u16,
}

/// Both read the same file: one mutual TLS listener, no persistence, no log but errors, no Nagle.
fn configuration(certificates: &Certificates, port: u16) -> String {
    let path = |file: &str| certificates.path(file).display().to_string();
    format!(
        "user root\nlistener {port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\n\
         use_identity_as_username true\nallow_anonymous false\npersistence false\nlog_type error\n\
         set_tcp_nodelay true\nmax_inflight_messages 1000\n",
        path("ca.crt"),
        path("server.crt"),
        path("server.key"),
    )
}

impl Broker {
    /// Starts it on a free port and waits until it listens.
    pub(crate) fn start(
        kind: Kind,
        program: &Path,
        certificates: &Certificates,
    ) -> Result<Broker, Box<dyn Error>> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = certificates.path("broker.conf");
        fs::write(&config, configuration(certificates, port))?;
        let mut command = Command::new(program);
        if kind == Kind::SealMq {
            command.arg("broker");
        }
        let log = fs::File::create(certificates.path("broker.log"))?;
        command.arg("-c").arg(config).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let mut broker = Broker { child, port };
        broker.wait_until_it_listens()?;
        Ok(broker)
    }

    fn wait_until_it_listens(&mut self) -> Result<(), Box<dyn Error>> {
        let by = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the broker ended: {status}; see broker.log").into());
            }
            if Instant::now() > by {
                return Err("the broker does not listen".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// CPU time of all its threads so far, in nanoseconds. No thread of either broker ends while it serves.
    pub(crate) fn cpu_nanos(&self) -> Result<u64, Box<dyn Error>> {
        self.over_threads("schedstat", |text| text.split_whitespace().next()?.parse().ok())
    }

    /// How often its threads went to sleep so far: once per wake-up.
    pub(crate) fn sleeps(&self) -> Result<u64, Box<dyn Error>> {
        self.over_threads("status", |text| value_of(text, "voluntary_ctxt_switches:"))
    }

    fn over_threads(&self, file: &str, read: impl Fn(&str) -> Option<u64>) -> Result<u64, Box<dyn Error>> {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let path = task?.path().join(file);
            sum +=
                read(&fs::read_to_string(&path)?).ok_or_else(|| format!("{}: no figure", path.display()))?;
        }
        Ok(sum)
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> Result<Memory, Box<dyn Error>> {
        let proc = format!("/proc/{}", self.child.id());
        let kib = |file: &str, key: &str| -> Result<u64, Box<dyn Error>> {
            let text = fs::read_to_string(format!("{proc}/{file}"))?;
            value_of(&text, key).map(|kib| kib * 1024).ok_or_else(|| format!("{file}: no {key}").into())
        };
        Ok(Memory { rss: kib("smaps_rollup", "Rss:")?, status_rss: kib("status", "VmRSS:")? })
    }
}

fn value_of(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    line[key.len()..].split_whitespace().next()?.parse().ok()
}

/// In bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// `Rss` of smaps_rollup: counted exactly.
    pub(crate) rss: u64,
    /// `VmRSS` of status: the kernel may be some pages behind.
    pub(crate) status_rss: u64,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
