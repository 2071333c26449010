//! A backup of a data directory, running or stopped: one tar file, private, keys included.
//!
//! Files are read first and the inventory last, through SQLite's own backup: so the inventory in it knows of every
//! certificate that the files show, whatever the broker did meanwhile. The lock, sockets and what an interrupted write left
//! behind stay out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sealmq_pki::Timestamp;
use zeroize::Zeroizing;

use super::error::HomeError;
use super::files::{self, Mode};
use super::place::Place;
use crate::inventory;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backed {
    /// How many files are in it.
    pub files: usize,
    /// What stands in the directory and is neither file nor folder, and so is not in it.
    pub left_out: Vec<PathBuf>,
}

/// Writes the backup to `out`, which must not exist.
///
/// # Errors
/// A file cannot be read or written; then there is no `out`.
pub fn write(place: &Place, out: &Path, now: Timestamp) -> Result<Backed, HomeError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(Mode::Private.bits()).open(out);
    let file = file.map_err(|e| HomeError::io("create", out, e))?;
    let written = write_all(place, file, out, now);
    if written.is_err() {
        // Half a backup must not be taken for one; the error says why there is none.
        let _ = fs::remove_file(out);
    }
    written
}

fn write_all(place: &Place, file: File, out: &Path, now: Timestamp) -> Result<Backed, HomeError> {
    let mut archive = tar::Builder::new(io::BufWriter::new(file));
    let failed = |e| HomeError::io("write", out, e);
    let marker = format!("SealMQ backup 1\nmade {now}\n");
    append(&mut archive, Path::new(MARKER), marker.as_bytes(), Mode::Private, now).map_err(failed)?;
    let mut backed = Backed { files: 1, left_out: Vec::new() };
    let mut found = Vec::new();
    collect(place.folder(), &mut found, &mut backed.left_out)?;
    found.sort();
    let inventory = place.ca().inventory();
    for path in found.iter().filter(|path| **path != inventory) {
        // Renewed in this moment: the file is gone under this name and comes again under it.
        let Some(bytes) = files::read(path)?.map(Zeroizing::new) else { continue };
        let name = path.strip_prefix(place.folder()).expect("it was found in there");
        append(&mut archive, name, &bytes, mode_of(path), now).map_err(failed)?;
        backed.files += 1;
    }
    let copy = inventory::copy(&inventory)?;
    append(&mut archive, Path::new(INVENTORY), &copy, Mode::Private, now).map_err(failed)?;
    let mut file = archive.into_inner().map_err(failed)?;
    file.flush().map_err(failed)?;
    file.get_ref().sync_all().map_err(failed)?;
    backed.files += 1;
    Ok(backed)
}

fn append<W: Write>(
    archive: &mut tar::Builder<W>,
    name: &Path,
    bytes: &[u8],
    mode: Mode,
    now: Timestamp,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(mode.bits());
    header.set_mtime(u64::try_from(now.as_secs()).unwrap_or(0));
    header.set_entry_type(tar::EntryType::Regular);
    archive.append_data(&mut header, name, bytes)
}

/// What others may read here they may read where it is put back, and nothing else.
fn mode_of(path: &Path) -> Mode {
    let bits = fs::metadata(path).map_or(0, |facts| facts.permissions().mode());
    if bits & 0o044 == 0o044 { Mode::Public } else { Mode::Private }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>, left_out: &mut Vec<PathBuf>) -> Result<(), HomeError> {
    for entry in fs::read_dir(folder).map_err(|e| HomeError::io("read", folder, e))? {
        let entry = entry.map_err(|e| HomeError::io("read", folder, e))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(|e| HomeError::io("read", &path, e))?;
        let passing = ["lock", "run"].contains(&name.as_str())
            || name.ends_with('~')
            || name.starts_with("inventory.db-");
        if passing {
            continue;
        }
        if kind.is_dir() {
            collect(&path, found, left_out)?;
        } else if kind.is_file() {
            found.push(path);
        } else {
            left_out.push(path);
        }
    }
    Ok(())
}

/// The first entry: what says that a file is a backup.
pub(super) const MARKER: &str = "sealmq-backup";
/// The last entry.
pub(super) const INVENTORY: &str = "ca/inventory.db";
