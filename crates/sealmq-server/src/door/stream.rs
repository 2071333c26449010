//! A connected byte stream, TCP or unix, on its way from tokio through std to mio.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use tokio::io::Interest;

use crate::log::Escaped;

/// A stream in the door's hands.
#[derive(Debug)]
pub enum DoorStream {
    /// TCP.
    Tcp(tokio::net::TcpStream),
    /// A unix socket.
    Unix(tokio::net::UnixStream),
}

/// The same stream between two event loops: non-blocking, registered nowhere.
#[derive(Debug)]
pub enum LooseStream {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// A unix socket.
    Unix(std::os::unix::net::UnixStream),
}

/// The same stream in a shard's hands.
#[derive(Debug)]
pub enum ShardStream {
    /// TCP.
    Tcp(mio::net::TcpStream),
    /// A unix socket.
    Unix(mio::net::UnixStream),
}

/// Where a connection comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerAddress {
    /// An address and a port.
    Ip(SocketAddr),
    /// A unix socket: no address.
    Local,
    /// A unix socket of a proxy's machine, by the path in its header.
    Proxied(Arc<str>),
}

/// Whether a connection comes from this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Loopback, a unix socket, or one of the machine's own addresses: it is the address that was dialled, too.
    ThisMachine,
    /// Over a network, or nobody can tell.
    Elsewhere,
}

impl PeerAddress {
    fn origin(&self, dialled: Option<IpAddr>) -> Origin {
        if matches!(self, PeerAddress::Proxied(_)) {
            return Origin::Elsewhere;
        }
        match self.ip() {
            None => Origin::ThisMachine,
            Some(ip) if ip.is_loopback() || Some(ip) == dialled => Origin::ThisMachine,
            Some(_) => Origin::Elsewhere,
        }
    }

    /// The address without the port; `None` for a unix socket.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            PeerAddress::Ip(address) => Some(address.ip().to_canonical()),
            PeerAddress::Local | PeerAddress::Proxied(_) => None,
        }
    }
}

impl std::fmt::Display for PeerAddress {
    /// As in mosquitto's log: `ADDR:PORT`, the address without brackets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PeerAddress::Ip(address) => write!(f, "{}:{}", address.ip().to_canonical(), address.port()),
            PeerAddress::Local => f.write_str("unix:0"),
            PeerAddress::Proxied(path) => write!(f, "{}:0", Escaped(path)),
        }
    }
}

impl DoorStream {
    /// The port of ours that it came to; `None` for a unix socket.
    #[must_use]
    pub fn local_port(&self) -> Option<u16> {
        match self {
            DoorStream::Tcp(tcp) => tcp.local_addr().ok().map(|address| address.port()),
            DoorStream::Unix(_) => None,
        }
    }

    /// Reads what is there, waiting for the first byte. `Ok(0)` is the end of the stream.
    ///
    /// # Errors
    /// As `read(2)`.
    /// [MQTT-4.2.0-1] [MQTT311-7.1.1-1] [MQTT311-7.1.2-1]
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.ready(Interest::READABLE).await?;
            let outcome = match self {
                DoorStream::Tcp(tcp) => tcp.try_read(buffer),
                DoorStream::Unix(unix) => unix.try_read(buffer),
            };
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// As `write(2)`.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.ready(Interest::WRITABLE).await?;
            let outcome = match self {
                DoorStream::Tcp(tcp) => tcp.try_write(bytes),
                DoorStream::Unix(unix) => unix.try_write(bytes),
            };
            match outcome {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a peer at `address` is on this machine. The kernel takes no packet from the network whose source is an
    /// address of this machine.
    #[must_use]
    pub fn origin(&self, address: &PeerAddress) -> Origin {
        match self {
            DoorStream::Tcp(tcp) => address.origin(tcp.local_addr().ok().map(|own| own.ip().to_canonical())),
            DoorStream::Unix(_) => Origin::ThisMachine,
        }
    }

    async fn ready(&self, interest: Interest) -> io::Result<()> {
        match self {
            DoorStream::Tcp(tcp) => tcp.ready(interest).await?,
            DoorStream::Unix(unix) => unix.ready(interest).await?,
        };
        Ok(())
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// As `shutdown(2)`.
    pub fn shutdown_write(&self) -> io::Result<()> {
        socket2::SockRef::from(&self.as_fd()).shutdown(std::net::Shutdown::Write)
    }

    /// Takes the stream out of tokio.
    ///
    /// # Errors
    /// The stream cannot be deregistered.
    pub fn loosen(self) -> io::Result<LooseStream> {
        Ok(match self {
            DoorStream::Tcp(tcp) => LooseStream::Tcp(tcp.into_std()?),
            DoorStream::Unix(unix) => LooseStream::Unix(unix.into_std()?),
        })
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            DoorStream::Tcp(tcp) => tcp.as_fd(),
            DoorStream::Unix(unix) => unix.as_fd(),
        }
    }
}

impl LooseStream {
    /// Puts the stream into a shard's hands.
    #[must_use]
    pub fn into_shard(self) -> ShardStream {
        match self {
            LooseStream::Tcp(tcp) => ShardStream::Tcp(mio::net::TcpStream::from_std(tcp)),
            LooseStream::Unix(unix) => ShardStream::Unix(mio::net::UnixStream::from_std(unix)),
        }
    }
}

impl ShardStream {
    /// Reads what is there; `WouldBlock` if nothing is.
    ///
    /// # Errors
    /// As `read(2)`.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            ShardStream::Tcp(tcp) => tcp.read(buffer),
            ShardStream::Unix(unix) => unix.read(buffer),
        }
    }

    /// Writes what fits; `WouldBlock` if nothing does.
    ///
    /// # Errors
    /// As `write(2)`.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            ShardStream::Tcp(tcp) => tcp.write(bytes),
            ShardStream::Unix(unix) => unix.write(bytes),
        }
    }

    /// Says that nothing more will be written.
    ///
    /// # Errors
    /// As `shutdown(2)`.
    pub fn shutdown_write(&self) -> io::Result<()> {
        match self {
            ShardStream::Tcp(tcp) => tcp.shutdown(std::net::Shutdown::Write),
            ShardStream::Unix(unix) => unix.shutdown(std::net::Shutdown::Write),
        }
    }

    /// For registration with a poll.
    pub fn as_source(&mut self) -> &mut dyn mio::event::Source {
        match self {
            ShardStream::Tcp(tcp) => tcp,
            ShardStream::Unix(unix) => unix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_unix_sockets_and_the_dialled_address_itself_are_this_machine() {
        let at = |text: &str| PeerAddress::Ip(text.parse().expect("an address"));
        let lan = Some("192.0.2.7".parse().expect("an address"));
        assert_eq!(at("127.0.0.1:9").origin(lan), Origin::ThisMachine);
        assert_eq!(at("[::ffff:127.0.0.1]:9").origin(None), Origin::ThisMachine);
        assert_eq!(at("192.0.2.7:9").origin(lan), Origin::ThisMachine);
        assert_eq!(PeerAddress::Local.origin(None), Origin::ThisMachine);
        assert_eq!(at("192.0.2.8:9").origin(lan), Origin::Elsewhere);
        assert_eq!(at("192.0.2.7:9").origin(None), Origin::Elsewhere);
    }
}
