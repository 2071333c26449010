//! The socket's file: made private, found even where its path is longer than a socket's address may be.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use crate::home::Place;

/// Opens the socket for a broker that holds the directory's lock; what an earlier broker left is removed.
pub(super) fn listen(place: &Place) -> io::Result<UnixListener> {
    let path = place.control_socket();
    match fs::remove_file(&path) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let address = Address::of(place)?;
    let listener = UnixListener::bind(&address.path)?;
    // The folder is 0700, so nobody else could connect in between.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connects; `None` where no broker listens.
pub(super) fn connect(place: &Place) -> io::Result<Option<UnixStream>> {
    let opened = Address::of(place).and_then(|address| UnixStream::connect(&address.path));
    match opened {
        Ok(stream) => Ok(Some(stream)),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(e) => Err(e),
    }
}

/// A path to the socket that fits into a socket address.
struct Address {
    path: PathBuf,
    /// Keeps the folder that `path` goes through open.
    _folder: Option<File>,
}

impl Address {
    fn of(place: &Place) -> io::Result<Self> {
        let path = place.control_socket();
        if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
            return Ok(Self { path, _folder: None });
        }
        let folder = File::open(place.run())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/control.sock", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }
}

/// `sun_path` has 108 bytes on Linux and 104 elsewhere, one of them the final NUL.
const ADDRESS_BYTES_MAX: usize = 100;
