//! Files of one folder (`http_dir`), by the path of a request. Whoever serves them does the reading and writing.
//!
//! Invariants: nothing outside the folder is opened, by `..`, by a link, or by an absolute path; only regular files are;
//! nothing whose name, or a folder on its way, begins with a dot is (`.git`, `.htpasswd`).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// What is served for a folder.
const INDEX: &str = "index.html";
/// Longest path, decoded.
const PATH_BYTES_MAX: usize = 4_096;

/// A folder whose files are served.
#[derive(Debug, Clone)]
pub struct Files {
    /// Without links.
    root: PathBuf,
}

/// A file to serve.
#[derive(Debug)]
pub struct Found {
    /// Open, at its start.
    pub file: File,
    /// How long it is now.
    pub bytes: u64,
    /// For the `Content-Type` field.
    pub content_type: &'static str,
}

/// There is nothing to serve. Why is nobody's business outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not found")]
pub struct NotFound;

impl Files {
    /// The folder, which must be there.
    ///
    /// # Errors
    /// It is not there, cannot be entered, or is no folder.
    pub fn open(folder: &Path) -> io::Result<Files> {
        let root = folder.canonicalize()?;
        match root.metadata()?.is_dir() {
            true => Ok(Files { root }),
            false => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The file that a request's target (`/app/main.js?v=2`) names; for `/` and what ends so, the `index.html` there.
    ///
    /// # Errors
    /// [`NotFound`], whatever the reason.
    pub fn find(&self, target: &str) -> Result<Found, NotFound> {
        let relative = relative_path(target).ok_or(NotFound)?;
        let path = self.root.join(relative).canonicalize().map_err(|_| NotFound)?;
        // A link may lead anywhere.
        if !path.starts_with(&self.root) {
            return Err(NotFound);
        }
        let content_type = content_type(&path);
        // A pipe would be waited for until its writer comes; what was opened is looked at, and not what had the name.
        let at_once = OFlag::O_NONBLOCK.bits();
        let file = OpenOptions::new().read(true).custom_flags(at_once).open(path).map_err(|_| NotFound)?;
        let meta = file.metadata().map_err(|_| NotFound)?;
        match meta.is_file() {
            true => Ok(Found { bytes: meta.len(), file, content_type }),
            false => Err(NotFound),
        }
    }
}

/// A path of plain names, or nothing.
pub(crate) fn relative_path(target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?;
    let path = percent_decoded(path.strip_prefix('/')?)?;
    let names = path.split('/').enumerate();
    let last = path.matches('/').count();
    let mut relative = PathBuf::new();
    for (at, name) in names {
        match name {
            "" if at == last => relative.push(INDEX),
            "" => return None,
            name if name.starts_with('.') || name.contains('\\') || name.chars().any(char::is_control) => {
                return None;
            }
            name => relative.push(name),
        }
    }
    Some(relative)
}

/// RFC 3986 §2.1, once. What is no UTF-8 names no file.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    if text.len() > PATH_BYTES_MAX {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? * 16 + hex(rest.next()?)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("ico") => "image/x-icon",
        Some("wasm") => "application/wasm",
        Some("woff2") => "font/woff2",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;

    use super::*;

    fn folder() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("www");
        fs::create_dir_all(root.join("app")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        fs::write(root.join("index.html"), "start").unwrap();
        fs::write(root.join("app/main.js"), "script").unwrap();
        fs::write(root.join("app/a b.txt"), "blank").unwrap();
        fs::write(root.join("app/a\\b"), "odd").unwrap();
        fs::write(root.join("app/a\nb"), "odd").unwrap();
        fs::write(root.join(".git/config"), "secret").unwrap();
        fs::write(folder.path().join("outside"), "secret").unwrap();
        fs::create_dir_all(folder.path().join("www2")).unwrap();
        fs::write(folder.path().join("www2/file"), "secret").unwrap();
        std::os::unix::fs::symlink(folder.path().join("outside"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("www2"), root.join("folder")).unwrap();
        std::os::unix::fs::symlink(root.join("index.html"), root.join("inside")).unwrap();
        let files = Files::open(&root).unwrap();
        (folder, files)
    }

    fn text(files: &Files, target: &str) -> Option<String> {
        let mut found = files.find(target).ok()?;
        let mut text = String::new();
        found.file.read_to_string(&mut text).unwrap();
        assert_eq!(found.bytes, text.len() as u64);
        Some(text)
    }

    #[test]
    fn files_and_the_index_of_a_folder_are_found() {
        let (_folder, files) = folder();
        for (target, content) in [
            ("/", "start"),
            ("/index.html", "start"),
            ("/?x=1", "start"),
            ("/app/main.js?v=2", "script"),
            ("/app/a%20b.txt", "blank"),
            ("/inside", "start"),
        ] {
            assert_eq!(text(&files, target).as_deref(), Some(content), "{target}");
        }
        assert_eq!(files.find("/app/main.js").unwrap().content_type, "text/javascript; charset=utf-8");
    }

    #[test]
    fn nothing_outside_the_folder_and_nothing_hidden_is_found() {
        let (_folder, files) = folder();
        for target in [
            "/../outside",
            "/app/../../outside",
            "/%2e%2e/outside",
            "/..%2foutside",
            "/%2e%2e%2foutside",
            "//outside",
            "/link",
            "/folder/file",
            "/.git/config",
            "//index.html",
            "/app//main.js",
            "/app/a\\b",
            "/app/a%5cb",
            "/app/a%0ab",
            "/app/..",
            "/app/.",
            "/app",
            "/app/",
            "/missing",
            "/index.html/",
            "/index.html%00.js",
            "/%zz",
            "/%2",
            "/%ff",
            "/app\\\\main.js",
            "outside",
            "http://host/index.html",
            "*",
            "",
        ] {
            assert_eq!(text(&files, target), None, "{target}");
        }
    }

    #[test]
    fn a_path_is_bounded() {
        assert!(percent_decoded(&"a".repeat(4_096)).is_some());
        assert!(percent_decoded(&"a".repeat(4_097)).is_none());
    }

    /// Opening a pipe waits for its writer, who may never come.
    #[test]
    fn what_is_no_file_is_not_opened() {
        let (folder, files) = folder();
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("www/pipe")).status();
        assert!(made.unwrap().success());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tell.send(files.find("/pipe").is_err()));
        assert_eq!(told.recv_timeout(std::time::Duration::from_secs(20)), Ok(true));
    }

    #[test]
    fn what_is_no_folder_is_not_opened() {
        let (folder, _files) = folder();
        assert!(Files::open(&folder.path().join("outside")).is_err());
        assert!(Files::open(&folder.path().join("missing")).is_err());
    }
}
