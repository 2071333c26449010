//! How long `sealmq up` takes until it says that it is ready, on a data directory that exists.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::stats::Table;

/// The first line of what it prints once a message has gone through it.
const READY: &str = "SealMQ is ready.";
const STARTS: usize = 5;

pub(crate) fn measure(sealmq: &Path) -> Result<Table, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let first = start(sealmq, folder.path(), port)?;
    let mut table = Table::default();
    for _ in 0..STARTS {
        let again = start(sealmq, folder.path(), port)?;
        table.add("sealmq", vec![("first start, ms", first), ("again, ms", again)]);
    }
    Ok(table)
}

/// Milliseconds from fork to the line.
fn start(sealmq: &Path, folder: &Path, port: u16) -> Result<f64, Box<dyn Error>> {
    let started = Instant::now();
    let mut child = Command::new(sealmq)
        .args(["up", "--port", &port.to_string(), "--data-dir"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{}: {error}", sealmq.display()))?;
    let lines = BufReader::new(child.stdout.take().ok_or("no pipe")?).lines();
    let ready = lines.map_while(Result::ok).any(|line| line == READY).then(|| started.elapsed());
    child.kill()?;
    child.wait()?;
    ready.map(|time| time.as_secs_f64() * 1000.0).ok_or_else(|| "it ended without being ready".into())
}
