//! The broker of this computer: what `sealmq pub` and `sealmq sub` use without any connection flag.
//!
//! A data directory is looked for as `sealmq up` does; its CA and its operator certificate are read. Nothing falls
//! back to a plaintext broker.

use zeroize::Zeroizing;

use super::ConnectionFlags;
use crate::report::Failure;

/// A broker with everything that is needed to reach it.
pub(super) struct Found {
    /// Where it is.
    pub(super) host: String,
    /// The TLS port.
    pub(super) port: u16,
    /// The anchors, and where they were read.
    pub(super) anchors: File<Vec<u8>>,
    /// The client certificate with its chain.
    pub(super) certificate: File<Vec<u8>>,
    /// Its key.
    pub(super) key: File<Zeroizing<Vec<u8>>>,
}

/// A file's content and its path.
pub(super) struct File<T> {
    pub(super) path: String,
    pub(super) content: T,
}

const NAME_ONE: &str =
    "name a broker with -h HOST -p PORT and --cafile FILE; a plain one on this computer is -h localhost";

/// Finds the broker.
///
/// # Errors
/// There is none, or its files cannot be read by this user.
#[cfg(unix)]
pub(super) fn find(flags: &ConnectionFlags) -> Result<Found, Failure> {
    use sealmq_server::home::{Environment, Place};

    if let Some(name) = &flags.context {
        return Err(Failure::new(format!("no context named '{name}' is known here")).hint(
            "sealmq context add FILE remembers the file that `sealmq device add NAME --for sealmq` writes",
        ));
    }
    let place = Place::find(flags.data_dir.as_deref(), &Environment::of_process())
        .map_err(|error| Failure::new(format!("no broker found: {error}")).hint(NAME_ONE))?;
    let anchors = place.ca().anchors();
    if !anchors.exists() {
        let what = format!(
            "no broker of this computer found: there is no data directory {}",
            place.folder().display()
        );
        return Err(Failure::new(what).hint(format!("start one with `sealmq up`\n{NAME_ONE}")));
    }
    Ok(Found {
        host: "localhost".to_owned(),
        port: port_of(&place.conf())?,
        anchors: read(&anchors)?,
        certificate: read(&place.operator().certificate())?,
        key: {
            let File { path, content } = read(&place.operator().key())?;
            File { path, content: Zeroizing::new(content) }
        },
    })
}

/// Data directories are found where brokers run; elsewhere flags say where to connect.
#[cfg(not(unix))]
pub(super) fn find(_flags: &ConnectionFlags) -> Result<Found, Failure> {
    Err(Failure::new("no broker is looked for on this system").hint(NAME_ONE))
}

#[cfg(unix)]
fn read(path: &std::path::Path) -> Result<File<Vec<u8>>, Failure> {
    match std::fs::read(path) {
        Ok(content) => Ok(File { path: path.display().to_string(), content }),
        Err(error) => Err(Failure::new(format!("cannot read {}: {error}", path.display())).hint(
            "the operator's certificate belongs to the user who runs the broker: run this as that user (sudo -u), \
             or make one of your own with `sealmq device add NAME` and give --cafile, --cert and --key",
        )),
    }
}

/// The first listener of the configuration that `up` wrote, which speaks TLS.
#[cfg(unix)]
fn port_of(conf: &std::path::Path) -> Result<u16, Failure> {
    let File { path, content } = read(conf)?;
    let text = String::from_utf8_lossy(&content);
    let listener =
        text.lines().find_map(|line| line.trim().strip_prefix("listener ")?.split_whitespace().next());
    listener
        .and_then(|port| port.parse().ok())
        .ok_or_else(|| Failure::new(format!("{path} has no listener with a port")).hint(NAME_ONE))
}
