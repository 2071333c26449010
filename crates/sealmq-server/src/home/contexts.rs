//! Brokers elsewhere that this person's `pub` and `sub` know: one file each, as `device add --for sealmq` wrote it.
//!
//! They stand in `$XDG_CONFIG_HOME/sealmq/contexts/NAME.json` (0600 in a 0700 folder). What is in a file is
//! sealmq-device's business; here are only its place and its safety.

use std::path::{Path, PathBuf};

use sealmq_pki::Name;
use zeroize::Zeroizing;

use super::error::HomeError;
use super::files::{self, Mode};
use super::place::Environment;

/// The folder of contexts.
#[derive(Clone, Debug)]
pub struct Contexts {
    folder: PathBuf,
}

/// A context that is remembered.
pub struct Remembered {
    /// Its name.
    pub name: Name,
    /// Its file.
    pub path: PathBuf,
    /// The file's content: a private key is in it.
    pub content: Zeroizing<Vec<u8>>,
}

impl Contexts {
    /// `$XDG_CONFIG_HOME/sealmq/contexts`, else `~/.config/sealmq/contexts`.
    pub fn of(environment: &Environment) -> Result<Self, HomeError> {
        let xdg = environment.xdg_config_home.as_ref().map(PathBuf::from).filter(|path| path.is_absolute());
        let home = environment.home.as_ref().map(|home| Path::new(home).join(".config"));
        let config = xdg.or(home).ok_or(HomeError::NoPlace)?;
        Ok(Self { folder: config.join("sealmq/contexts") })
    }

    /// Remembers a context under a name. One that is there is not replaced.
    pub fn add(&self, name: &Name, content: &[u8]) -> Result<PathBuf, HomeError> {
        self.make_folder()?;
        let path = self.file(name);
        if files::is_there(&path)? {
            return Err(HomeError::Refused {
                what: format!("a context '{name}' is known already ({})", path.display()),
                hint: format!("give it another name with --name, or remove the file {}", path.display()),
            });
        }
        files::create(&path, content, Mode::Private)?;
        Ok(path)
    }

    /// The context of this name.
    pub fn find(&self, name: &Name) -> Result<Option<Remembered>, HomeError> {
        let path = self.file(name);
        let content = files::read_secret(&path)?;
        Ok(content.map(|content| Remembered { name: name.clone(), path, content }))
    }

    /// The names of all contexts, in order.
    pub fn names(&self) -> Result<Vec<Name>, HomeError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(HomeError::io("read", &self.folder, e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(|e| HomeError::io("read", &self.folder, e))?.file_name();
            let name = file
                .to_str()
                .and_then(|file| file.strip_suffix(SUFFIX))
                .and_then(|name| Name::parse(name).ok());
            names.extend(name);
        }
        names.sort();
        Ok(names)
    }

    fn file(&self, name: &Name) -> PathBuf {
        self.folder.join(format!("{name}{SUFFIX}"))
    }

    fn make_folder(&self) -> Result<(), HomeError> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|e| HomeError::io("create", &self.folder, e))?;
        files::check_folder(&self.folder)
    }
}

const SUFFIX: &str = ".json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_remembered_once_and_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment { home: Some(dir.path().into()), ..Environment::default() };
        let contexts = Contexts::of(&environment).unwrap();
        let name = Name::parse("laptop").unwrap();
        assert!(contexts.find(&name).unwrap().is_none() && contexts.names().unwrap().is_empty());
        contexts.add(&name, b"one").unwrap();
        assert!(contexts.add(&name, b"two").is_err());
        assert_eq!(contexts.find(&name).unwrap().unwrap().content.as_slice(), b"one");
        assert_eq!(contexts.names().unwrap(), [name]);
    }
}
