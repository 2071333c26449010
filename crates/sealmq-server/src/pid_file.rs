//! `pid_file`: the process id, in a file that goes with its process.
//!
//! Written as mosquitto writes it: once the sockets are open, so that a start that fails leaves the id of the broker
//! that runs, and before root is left, since `/run` is root's. Nothing that lies there is followed or overwritten: an
//! old file is taken away and a new one made, or the folder's owner could have root write where he may not.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use sealmq_config::FileSetting;

use crate::plan::StartError;

/// What mosquitto exits with when the file cannot be written (its `MOSQ_ERR_ERRNO`).
const EXIT: u8 = 14;

/// The file; removed when this value goes.
#[derive(Debug)]
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Writes this process' id.
    ///
    /// # Errors
    /// The file cannot be made, or something else than a file is there.
    pub(crate) fn write(setting: &FileSetting) -> Result<PidFile, StartError> {
        let path = setting.path.clone();
        make(&path).map(|()| PidFile(path)).map_err(|error| {
            StartError::new(format!("Error: {}: {error}.", setting.written), EXIT)
                .saying("Error: Unable to write pid file.")
                .hint("make its folder, and let the user who starts the broker write there")
                .at(&setting.at)
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // As mosquitto: a folder that the broker's user may not write to keeps the file.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn make(path: &std::path::Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_file() || there.is_symlink() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::other("what is there is no file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_our_id_and_goes_with_its_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        std::fs::write(&path, "the id of one that crashed, and more").unwrap();
        make(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        drop(PidFile(path.clone()));
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_replaced_and_what_it_points_to_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("pid"), folder.path().join("other"));
        std::fs::write(&other, "precious").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        make(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "precious");
        assert!(std::fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn a_device_or_a_folder_is_not_taken_away() {
        assert!(make(std::path::Path::new("/dev/null")).is_err());
        let folder = tempfile::tempdir().unwrap();
        assert!(make(folder.path()).is_err());
        assert!(folder.path().is_dir());
    }
}
