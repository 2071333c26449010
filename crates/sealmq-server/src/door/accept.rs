//! Listening sockets: opening them, and the loop that accepts.
//!
//! The loop does nothing but count and spawn: a client that says nothing delays nobody.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealmq_config::{Bind, SocketFamily};
use socket2::{Domain, Protocol, Socket, Type};

use super::listener::ListenerState;
use super::refuse::Turned;
use super::stream::{DoorStream, PeerAddress};
use super::visit::{Visitor, visit};
use super::{Door, Nodelay};
use crate::log::{Event, Line};

/// Connections that the kernel keeps for us.
const BACKLOG: i32 = 1024;
/// What the standard library writes before the resolver's reason.
pub(crate) const LOOKUP_FAILED: &str = "failed to lookup address information: ";
/// Pause after a failed accept (no descriptors left): without it the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens and is in no event loop yet.
#[derive(Debug)]
pub enum OpenSocket {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// A unix socket; its file goes when this does.
    Unix {
        /// The socket.
        listener: std::os::unix::net::UnixListener,
        /// Its file.
        file: SocketFile,
    },
}

/// The file of a unix socket, removed on drop.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl SocketFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // It may have been removed by hand; then there is nothing to do.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl OpenSocket {
    /// Its TCP address; `None` for a unix socket.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            OpenSocket::Tcp(tcp) => tcp.local_addr().ok(),
            OpenSocket::Unix { .. } => None,
        }
    }
}

/// Opens every socket that a `listener` line asks for. All addresses of a host name count, and at least one of IPv4
/// and IPv6 where nothing is said.
///
/// # Errors
/// The first that cannot be opened, with the system's reason.
///
/// A name (`localhost`) may have an IPv6 address on a machine without IPv6 (most containers): that one is passed over
/// where another one opened. An address that is written as such is not.
pub fn open(bind: &Bind) -> io::Result<Vec<OpenSocket>> {
    match bind {
        Bind::Unix { path } => open_unix(path).map(|socket| vec![socket]),
        Bind::Tcp { port, address: None, family, interface } => {
            open_any(*port, *family, interface.as_deref())
        }
        Bind::Tcp { port, address: Some(host), family, interface } => {
            let addresses: Vec<SocketAddr> = (host.as_str(), *port)
                .to_socket_addrs()?
                .filter(|address| family_allows(*family, address.ip()))
                .collect();
            if addresses.is_empty() {
                // The resolver's words, which mosquitto passes on.
                return Err(io::Error::other(format!(
                    "{LOOKUP_FAILED}Address family for hostname not supported"
                )));
            }
            let is_name = host.parse::<IpAddr>().is_err();
            let mut sockets = Vec::new();
            let mut no_ipv6 = None;
            for address in addresses {
                match open_tcp(address, interface.as_deref()) {
                    Ok(socket) => sockets.push(socket),
                    Err(error) if is_name && address.is_ipv6() && has_no_ipv6(&error) => {
                        no_ipv6 = Some(error)
                    }
                    Err(error) => return Err(error),
                }
            }
            match no_ipv6 {
                Some(error) if sockets.is_empty() => Err(error),
                Some(_) | None => Ok(sockets),
            }
        }
    }
}

/// Whether the resolver has an address for a host, of whichever family.
///
/// # Errors
/// The resolver's reason, in its own words.
pub(crate) fn host_is_known(host: &str) -> Result<(), String> {
    let looked_up = (host, 0).to_socket_addrs().map(drop);
    looked_up.map_err(|error| lookup_reason(&error))
}

/// What the resolver says, without what the standard library writes before it.
pub(crate) fn lookup_reason(error: &io::Error) -> String {
    let whole = error.to_string();
    whole.strip_prefix(LOOKUP_FAILED).unwrap_or(&whole).to_owned()
}

fn family_allows(family: SocketFamily, address: IpAddr) -> bool {
    match family {
        SocketFamily::Any => true,
        SocketFamily::Ipv4 => address.is_ipv4(),
        SocketFamily::Ipv6 => address.is_ipv6(),
    }
}

/// All addresses: IPv4, and IPv6 where the machine has it.
fn open_any(port: u16, family: SocketFamily, interface: Option<&str>) -> io::Result<Vec<OpenSocket>> {
    let mut sockets = Vec::new();
    let mut port = port;
    if family != SocketFamily::Ipv6 {
        let v4 = open_tcp(SocketAddr::from(([0, 0, 0, 0], port)), interface)?;
        // Port 0 (tests) means any: both families get the same one.
        port = v4.address().map_or(port, |address| address.port());
        sockets.push(v4);
    }
    if family != SocketFamily::Ipv4 {
        match open_tcp(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)), interface) {
            Ok(v6) => sockets.push(v6),
            Err(error) if family == SocketFamily::Any && has_no_ipv6(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sockets)
}

/// Opens a listener that nobody wrote: `::1` of a broker for this machine only is nowhere where there is no IPv6.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_where_there_is(bind: &Bind) -> io::Result<Vec<OpenSocket>> {
    let is_ipv6 = match bind {
        Bind::Tcp { address: Some(host), .. } => host.parse::<Ipv6Addr>().is_ok(),
        Bind::Tcp { address: None, .. } | Bind::Unix { .. } => false,
    };
    match open(bind) {
        Err(error) if is_ipv6 && has_no_ipv6(&error) => Ok(Vec::new()),
        other => other,
    }
}

fn has_no_ipv6(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

fn open_tcp(address: SocketAddr, interface: Option<&str>) -> io::Result<OpenSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(interface) = interface {
        socket.bind_device(Some(interface.as_bytes()))?;
    }
    #[cfg(not(target_os = "linux"))]
    if let Some(interface) = interface {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("bind_interface '{interface}' needs Linux"),
        ));
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(OpenSocket::Tcp(socket.into()))
}

/// A socket file left by a broker that died is replaced; one that answers, or anything else, is not.
fn open_unix(path: &Path) -> io::Result<OpenSocket> {
    if let Ok(meta) = std::fs::symlink_metadata(path) {
        let in_use = || io::Error::from(io::ErrorKind::AddrInUse);
        if !meta.file_type().is_socket() || std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(in_use());
        }
        std::fs::remove_file(path)?;
    }
    let listener = std::os::unix::net::UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    // As mosquitto: whoever may enter the folder may connect.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    listener.set_nonblocking(true)?;
    Ok(OpenSocket::Unix { listener, file })
}

/// Accepts until the task is aborted.
pub(crate) async fn accept(
    door: Arc<Door>,
    listener: Arc<ListenerState>,
    socket: OpenSocket,
) -> io::Result<()> {
    match socket {
        OpenSocket::Tcp(tcp) => {
            let tcp = tokio::net::TcpListener::from_std(tcp)?;
            loop {
                match tcp.accept().await {
                    Ok((stream, address)) => {
                        if door.nodelay() == Nodelay::On {
                            // A socket that was reset meanwhile refuses; the first read says so.
                            let _ = stream.set_nodelay(true);
                        }
                        enter(&door, &listener, DoorStream::Tcp(stream), PeerAddress::Ip(address));
                    }
                    Err(error) => pause(&door, &listener, &error).await,
                }
            }
        }
        OpenSocket::Unix { listener: unix, file: _kept_until_the_end } => {
            let unix = tokio::net::UnixListener::from_std(unix)?;
            loop {
                match unix.accept().await {
                    Ok((stream, _)) => enter(&door, &listener, DoorStream::Unix(stream), PeerAddress::Local),
                    Err(error) => pause(&door, &listener, &error).await,
                }
            }
        }
    }
}

/// Counts, and starts the visit. Who does not fit is closed without a word.
fn enter(door: &Arc<Door>, listener: &Arc<ListenerState>, stream: DoorStream, address: PeerAddress) {
    if listener.facts.protocol != sealmq_config::Protocol::HttpApi {
        door.fence.count_socket();
    }
    match &listener.proxy {
        // The client's address is asked about once its header was read; the proxies' own come as often as they need.
        Some(proxy) if proxy.from.believes(address.ip()) => {}
        Some(_) | None => {
            if let Err(full) = door.fence.knock(address.ip(), Instant::now()) {
                return door.log_turned(listener, &address, &Turned::Full(full));
            }
        }
    }
    // Behind a proxy the address says nothing yet; mosquitto has no such line there either.
    if listener.proxy.is_none() {
        door.log.with(Event::ConnectionNew, || match stream.local_port() {
            // In mosquitto's words: its address stands in the line of the listener.
            Some(port) => format!("New connection from {address} on port {port}."),
            None => format!("New connection from {address} on {}.", listener.name),
        });
    }
    match door.gatekeeper.admit(&listener.connections, address.ip()) {
        Ok((guard, waiting)) => {
            let visitor = Visitor { stream, address, guard, waiting };
            tokio::spawn(visit(Arc::clone(door), Arc::clone(listener), visitor));
        }
        Err(full) => door.log_turned(listener, &address, &Turned::Full(full)),
    }
}

async fn pause(door: &Door, listener: &ListenerState, error: &io::Error) {
    let text = format!("{} cannot accept: {error}.", listener.name);
    let hint = "raise the limit of open files (LimitNOFILE= in the unit file), or set global_max_connections";
    door.log.line(Line::new(Event::AcceptFailed, text).hint(hint));
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(address: &str) -> Bind {
        Bind::Tcp { port: 0, address: Some(address.to_owned()), family: SocketFamily::Any, interface: None }
    }

    /// The documentation's addresses (RFC 3849, RFC 5737) are those of no machine.
    #[test]
    fn only_what_nobody_wrote_may_be_missing_and_only_ipv6() {
        assert!(open_where_there_is(&bind("2001:db8::1")).is_ok_and(|sockets| sockets.is_empty()));
        assert!(open(&bind("2001:db8::1")).is_err());
        assert!(open_where_there_is(&bind("203.0.113.9")).is_err());
        assert_eq!(open_where_there_is(&bind("127.0.0.1")).map(|sockets| sockets.len()).ok(), Some(1));
    }
}
