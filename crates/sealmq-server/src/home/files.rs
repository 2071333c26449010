//! Files of the data directory: written whole or not at all, private, and never through a symbolic link.
//!
//! A write makes a temporary file in the same folder, syncs it, renames it over the old one and syncs the folder, so
//! that a crash at any moment leaves the old or the new content. What a crash leaves behind besides is a file whose
//! name ends in `.new~`; [`sweep`] removes those.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use super::error::HomeError;

/// The mode of a file in the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0600: keys, password hashes, configuration.
    Private,
    /// 0644: certificates.
    Public,
}

impl Mode {
    /// The permission bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Writes `bytes` to `path` in one step, replacing what is there.
pub fn replace(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), HomeError> {
    let aside = write_aside(path, bytes, mode)?;
    move_into_place(&aside, path)
}

/// The first half of [`replace`]: what is to stand at `path`, on disk under a temporary name, which is returned.
pub(super) fn write_aside(path: &Path, bytes: &[u8], mode: Mode) -> Result<PathBuf, HomeError> {
    let temporary = temporary_name(path);
    remove_if_there(&temporary)?;
    write_synced(&temporary, bytes, mode).map_err(|e| HomeError::io("write", path, e))?;
    Ok(temporary)
}

/// The second half of [`replace`].
pub(super) fn move_into_place(aside: &Path, path: &Path) -> Result<(), HomeError> {
    fs::rename(aside, path).map_err(|e| HomeError::io("write", path, e))?;
    sync_folder(parent(path))
}

/// Writes `bytes` to `path`, which must not exist yet.
pub fn create(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), HomeError> {
    write_synced(path, bytes, mode).map_err(|e| HomeError::io("create", path, e))?;
    sync_folder(parent(path))
}

/// Reads a regular file of at most `FILE_BYTES_MAX`; `None` where there is none. A symbolic link is refused.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, HomeError> {
    match open(path)? {
        None => Ok(None),
        Some(mut file) => {
            let mut bytes = Vec::new();
            read_bounded(&mut file, path, &mut bytes)?;
            Ok(Some(bytes))
        }
    }
}

/// Reads a private file: as [`read`], and it belongs to this user and nobody else can reach it.
pub fn read_secret(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, HomeError> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let facts = file.metadata().map_err(|e| HomeError::io("read", path, e))?;
    check_private(path, &facts, Mode::Private.bits())?;
    // Sized beforehand: a buffer that grows would leave copies of the key behind.
    let len = usize::try_from(facts.len()).unwrap_or(FILE_BYTES_MAX).min(FILE_BYTES_MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(len + 64));
    read_bounded(&mut file, path, &mut bytes)?;
    Ok(Some(bytes))
}

/// Makes a folder with mode 0700. The parent must exist.
pub fn create_folder(path: &Path) -> Result<(), HomeError> {
    DirBuilder::new().mode(FOLDER_MODE).create(path).map_err(|e| HomeError::io("create", path, e))?;
    sync_folder(parent(path))
}

/// Makes a folder with mode 0700 where there is none; checks the one that is there.
pub fn ensure_folder(path: &Path) -> Result<(), HomeError> {
    if is_there(path)? { check_folder(path) } else { create_folder(path) }
}

/// A folder, not a link to one, of this user's, and nobody else can enter it.
pub fn check_folder(path: &Path) -> Result<(), HomeError> {
    let facts = fs::symlink_metadata(path).map_err(|e| HomeError::io("read", path, e))?;
    if !facts.is_dir() {
        return Err(HomeError::WrongKind { path: path.to_owned(), expected: "folder" });
    }
    check_private(path, &facts, FOLDER_MODE)
}

/// A folder that is there belongs to this user.
pub fn check_owner(path: &Path) -> Result<(), HomeError> {
    match fs::symlink_metadata(path) {
        Ok(facts) if facts.is_dir() && facts.uid() != own_uid() => {
            Err(HomeError::WrongOwner { path: path.to_owned(), owner: facts.uid(), uid: own_uid() })
        }
        // Whatever else is wrong with it is found by whoever uses it.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Closes an empty folder of this user's to everybody else.
pub(super) fn close_folder(path: &Path) -> Result<(), HomeError> {
    fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODE))
        .map_err(|e| HomeError::io("close", path, e))?;
    check_folder(path)
}

/// Whether anything stands at `path` (a dangling link counts).
pub fn is_there(path: &Path) -> Result<bool, HomeError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            Err(HomeError::WrongKind { path: nearest_file(path).to_owned(), expected: "folder" })
        }
        Err(e) => Err(HomeError::io("read", path, e)),
    }
}

/// Removes what interrupted writes left in `folder`.
pub fn sweep(folder: &Path) -> Result<(), HomeError> {
    let entries = fs::read_dir(folder).map_err(|e| HomeError::io("read", folder, e))?;
    for entry in entries {
        let entry = entry.map_err(|e| HomeError::io("read", folder, e))?;
        if entry.file_name().to_string_lossy().ends_with(TEMPORARY_SUFFIX) {
            remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

/// Makes a rename or a new entry in `folder` last.
pub fn sync_folder(folder: &Path) -> Result<(), HomeError> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| HomeError::io("sync", folder, e))
}

/// Who runs this process.
pub fn own_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

fn check_private(path: &Path, facts: &fs::Metadata, wanted: u32) -> Result<(), HomeError> {
    let uid = own_uid();
    if facts.uid() != uid {
        return Err(HomeError::WrongOwner { path: path.to_owned(), owner: facts.uid(), uid });
    }
    let mode = facts.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(HomeError::WrongMode { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

fn open(path: &Path) -> Result<Option<File>, HomeError> {
    // O_NONBLOCK: a FIFO put here must not hang the start; a regular file does not care.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) if e.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => {
            return Err(HomeError::WrongKind { path: path.to_owned(), expected: "regular file" });
        }
        Err(e) => return Err(HomeError::io("read", path, e)),
    };
    let facts = file.metadata().map_err(|e| HomeError::io("read", path, e))?;
    if !facts.is_file() {
        return Err(HomeError::WrongKind { path: path.to_owned(), expected: "regular file" });
    }
    Ok(Some(file))
}

fn read_bounded(file: &mut File, path: &Path, bytes: &mut Vec<u8>) -> Result<(), HomeError> {
    let limit = u64::try_from(FILE_BYTES_MAX).expect("a small constant") + 1;
    file.take(limit).read_to_end(bytes).map_err(|e| HomeError::io("read", path, e))?;
    if bytes.len() > FILE_BYTES_MAX {
        let text = format!("larger than {FILE_BYTES_MAX} bytes");
        return Err(HomeError::Corrupt { path: path.to_owned(), text });
    }
    Ok(())
}

fn write_synced(path: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode.bits())
        .custom_flags(OFlag::O_NOFOLLOW.bits())
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> Result<(), HomeError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(HomeError::io("remove", path, e)),
    }
}

/// The part of a path that is there and no folder, where a folder should be.
fn nearest_file(path: &Path) -> &Path {
    path.ancestors().skip(1).find(|part| part.is_file()).unwrap_or_else(|| parent(path))
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(TEMPORARY_SUFFIX);
    path.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

const FOLDER_MODE: u32 = 0o700;
const TEMPORARY_SUFFIX: &str = ".new~";
/// Password files may be long; nothing else here is.
const FILE_BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_replaced_file_has_the_new_content_and_leaves_nothing_behind() {
        let dir = folder();
        let path = dir.path().join("a.key");
        replace(&path, b"old", Mode::Private).unwrap();
        // What a crash in the middle of a write leaves does not hinder the next one.
        fs::write(dir.path().join("a.key.new~"), b"half").unwrap();
        replace(&path, b"new", Mode::Private).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn create_never_overwrites() {
        let dir = folder();
        let path = dir.path().join("a");
        create(&path, b"first", Mode::Private).unwrap();
        assert!(matches!(create(&path, b"second", Mode::Private), Err(HomeError::Io { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let dir = folder();
        let path = dir.path().join("a.key");
        create(&path, b"secret", Mode::Private).unwrap();
        assert_eq!(read_secret(&path).unwrap().unwrap().as_slice(), b"secret");
        set_mode(&path, 0o640);
        let error = read_secret(&path).unwrap_err();
        assert!(matches!(error, HomeError::WrongMode { mode: 0o640, .. }), "{error}");
        assert!(error.hint().starts_with("chmod 600 "), "{}", error.hint());
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let dir = folder();
        let real = dir.path().join("real");
        create(&real, b"x", Mode::Private).unwrap();
        assert!(read(&real).unwrap().is_some());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(matches!(read(&link), Err(HomeError::WrongKind { .. })));
        // Replacing it replaces the link, not what it points to.
        replace(&link, b"y", Mode::Private).unwrap();
        assert_eq!(fs::read(&real).unwrap(), b"x");
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let dir = folder();
        let path = dir.path().join("f");
        ensure_folder(&path).unwrap();
        ensure_folder(&path).unwrap();
        set_mode(&path, 0o750);
        assert!(matches!(ensure_folder(&path), Err(HomeError::WrongMode { .. })));
        let file = dir.path().join("file");
        create(&file, b"", Mode::Private).unwrap();
        assert!(matches!(ensure_folder(&file), Err(HomeError::WrongKind { .. })));
    }

    #[test]
    fn a_pipe_in_place_of_a_file_does_not_hang() {
        let dir = folder();
        let path = dir.path().join("p");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(matches!(read(&path), Err(HomeError::WrongKind { .. })));
    }
}
