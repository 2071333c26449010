//! Noticing that a file has changed: what it was compared with what it is, once a second.
//!
//! Looking is what works everywhere: certbot moves a link, Kubernetes swaps a folder (`..data`) two links away, a file
//! on NFS changes on another machine. A watch of the kernel (inotify) sees none of these at the name that the
//! configuration gives, so there would have to be looking beside it; and a handful of `stat` calls a second cost
//! nothing that can be measured.
//!
//! Not here: reading the files, and what they mean. The state is plain and knows no clock: [`Watch::look`] is told what
//! is there and what time it is.
//!
//! Invariants: a file that is being written is left alone until it has not changed for a whole look; what does not fit
//! together (the certificate is new, its key is not yet) is tried again quietly for [`PATIENCE`], then said once; what
//! was said is said again only when something has changed since.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often it is looked.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// How long what does not fit together may take to be made to fit.
const PATIENCE: Duration = Duration::from_secs(5);
/// Files of one folder that are looked at; a `capath` has some hundred.
const FOLDER_FILES_MAX: usize = 4_096;

/// What tells one state of a file from another. The inode and both times: a file that is replaced by a rename, or
/// written in place with the same length, is another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What is there, by path. `None`: nothing, or nothing that we may look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Seen(BTreeMap<PathBuf, Option<Mark>>);

impl Seen {
    /// Looks at files, and into folders.
    pub(crate) fn of(paths: &[PathBuf]) -> Seen {
        let mut seen = Seen::default();
        for path in paths {
            seen.look_at(path);
        }
        seen
    }

    fn look_at(&mut self, path: &Path) {
        // Through links: it is what they lead to that is read.
        let meta = std::fs::metadata(path).ok();
        if meta.as_ref().is_some_and(std::fs::Metadata::is_dir) {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten().take(FOLDER_FILES_MAX);
            for entry in entries {
                let meta = std::fs::metadata(entry.path()).ok();
                self.0.insert(entry.path(), meta.as_ref().map(mark));
            }
        }
        self.0.insert(path.to_owned(), meta.as_ref().map(mark));
    }

    /// The paths that are not as they were.
    fn changed_since(&self, before: &Seen) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.0.keys().chain(before.0.keys()).cloned().collect();
        paths.sort();
        paths.dedup();
        paths.retain(|path| self.0.get(path) != before.0.get(path));
        paths
    }
}

fn mark(meta: &std::fs::Metadata) -> Mark {
    Mark {
        device: meta.dev(),
        inode: meta.ino(),
        size: meta.size(),
        modified: (meta.mtime(), meta.mtime_nsec()),
        changed: (meta.ctime(), meta.ctime_nsec()),
    }
}

/// What is to be done after a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// Nothing.
    Nothing,
    /// Read everything again; these files have changed.
    Reload(Vec<PathBuf>),
}

/// Whether a refused reload is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Say {
    /// It is tried again soon.
    NotYet,
    /// It has had its time.
    Now,
    /// It was said, and nothing has changed since.
    Already,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Watch {
    /// What the state that is in force was read from.
    in_force: Seen,
    /// What was there at the last look.
    last: Seen,
    /// Since when something is different and was not taken; and what was tried, and said about it, last.
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    since: Instant,
    said_of: Option<Seen>,
}

impl Watch {
    /// From what the configuration that is in force was read from.
    pub(super) fn new(in_force: Seen) -> Watch {
        Watch { last: in_force.clone(), in_force, pending: None }
    }

    /// More files are watched from now on: they are as `seen` has them, the others as they were.
    pub(super) fn add(&mut self, seen: Seen) {
        for (path, mark) in seen.0 {
            self.in_force.0.entry(path).or_insert(mark);
        }
        self.last = self.in_force.clone();
    }

    /// Some of the files were read again and are in force: `seen` is what they were before.
    pub(super) fn taken_of(&mut self, seen: Seen) {
        self.in_force.0.extend(seen.0.clone());
        self.last.0.extend(seen.0);
    }

    /// Somebody has reloaded everything: `seen` was there before anything was read.
    pub(super) fn taken(&mut self, seen: Seen) {
        *self = Watch::new(seen);
    }

    /// One look.
    pub(super) fn look(&mut self, seen: Seen, now: Instant) -> Todo {
        let settled = seen == self.last;
        self.last = seen;
        if self.last == self.in_force {
            self.pending = None;
            return Todo::Nothing;
        }
        if !settled {
            // Whatever is being done begins again: what was said was about something else.
            self.pending = Some(Pending { since: now, said_of: None });
            return Todo::Nothing;
        }
        let pending = self.pending.get_or_insert(Pending { since: now, said_of: None });
        match &pending.said_of {
            Some(said_of) if *said_of == self.last => Todo::Nothing,
            Some(_) | None => Todo::Reload(self.last.changed_since(&self.in_force)),
        }
    }

    /// The reload of the last look was refused.
    pub(super) fn refused(&mut self, now: Instant) -> Say {
        let Some(pending) = &mut self.pending else { return Say::Now };
        if pending.said_of.as_ref() == Some(&self.last) {
            return Say::Already;
        }
        if now.duration_since(pending.since) < PATIENCE {
            return Say::NotYet;
        }
        pending.said_of = Some(self.last.clone());
        Say::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(files: &[(&str, u64)]) -> Seen {
        let mark = |inode| Mark { device: 1, inode, size: 1, modified: (0, 0), changed: (0, 0) };
        Seen(files.iter().map(|(path, inode)| (PathBuf::from(path), Some(mark(*inode)))).collect())
    }

    fn reload(paths: &[&str]) -> Todo {
        Todo::Reload(paths.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn a_change_is_taken_when_it_has_settled() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut watch = Watch::new(seen(&[("a", 1), ("b", 1)]));
        assert_eq!(watch.look(seen(&[("a", 1), ("b", 1)]), at(1)), Todo::Nothing);
        assert_eq!(watch.look(seen(&[("a", 2), ("b", 1)]), at(2)), Todo::Nothing, "it may still be written");
        assert_eq!(watch.look(seen(&[("a", 3), ("b", 1)]), at(3)), Todo::Nothing, "and it was");
        assert_eq!(watch.look(seen(&[("a", 3), ("b", 1)]), at(4)), reload(&["a"]));
        watch.taken(seen(&[("a", 3), ("b", 1)]));
        assert_eq!(watch.look(seen(&[("a", 3), ("b", 1)]), at(5)), Todo::Nothing);
    }

    #[test]
    fn what_does_not_fit_is_tried_quietly_then_said_once() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut watch = Watch::new(seen(&[("crt", 1), ("key", 1)]));
        let half = || seen(&[("crt", 2), ("key", 1)]);
        watch.look(half(), at(1));
        for second in 2..6 {
            assert_eq!(watch.look(half(), at(second)), reload(&["crt"]));
            assert_eq!(watch.refused(at(second)), Say::NotYet, "{second}");
        }
        assert_eq!(watch.look(half(), at(6)), reload(&["crt"]));
        assert_eq!(watch.refused(at(6)), Say::Now);
        assert_eq!(watch.look(half(), at(7)), Todo::Nothing, "it was said, and nothing has changed");
        // The key arrives after all.
        let whole = || seen(&[("crt", 2), ("key", 2)]);
        assert_eq!(watch.look(whole(), at(60)), Todo::Nothing);
        assert_eq!(watch.look(whole(), at(61)), reload(&["crt", "key"]));
    }

    #[test]
    fn what_is_put_back_is_no_change() {
        let start = Instant::now();
        let mut watch = Watch::new(seen(&[("a", 1)]));
        watch.look(seen(&[("a", 2)]), start);
        assert_eq!(watch.look(seen(&[("a", 1)]), start), Todo::Nothing);
        assert_eq!(watch.look(seen(&[("a", 1)]), start), Todo::Nothing);
    }

    #[test]
    fn a_file_that_goes_or_comes_is_a_change() {
        let start = Instant::now();
        let mut watch = Watch::new(seen(&[("a", 1), ("b", 1)]));
        watch.look(seen(&[("a", 1), ("c", 1)]), start);
        assert_eq!(watch.look(seen(&[("a", 1), ("c", 1)]), start), reload(&["b", "c"]));
    }

    /// certbot's `live/` and Kubernetes' `..data`: the name stays, what it leads to is another file.
    #[test]
    fn a_link_that_leads_elsewhere_is_a_change_and_so_is_a_rename_or_the_same_length_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for dir in ["one", "two"] {
            std::fs::create_dir(at(dir)).unwrap();
            std::fs::write(at(dir).join("tls.crt"), dir).unwrap();
        }
        std::os::unix::fs::symlink("one", at("..data")).unwrap();
        std::os::unix::fs::symlink("..data/tls.crt", at("tls.crt")).unwrap();
        let paths = [at("tls.crt"), at("one")];
        let before = Seen::of(&paths);
        assert_eq!(Seen::of(&paths), before);
        std::os::unix::fs::symlink("two", at("..next")).unwrap();
        std::fs::rename(at("..next"), at("..data")).unwrap();
        let after = Seen::of(&paths);
        assert_eq!(after.changed_since(&before), [at("tls.crt")]);
        std::fs::write(at("one/new.pem"), "x").unwrap();
        let more = Seen::of(&paths);
        assert!(more.changed_since(&after).contains(&at("one/new.pem")));
        std::fs::write(at("new"), "TWO").unwrap();
        std::fs::rename(at("new"), at("two/tls.crt")).unwrap();
        assert_eq!(Seen::of(&paths).changed_since(&more), [at("tls.crt")]);
    }
}
