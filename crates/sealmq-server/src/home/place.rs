//! Where a data directory is, and where things are in it.
//!
//! The layout is the only truth about names inside; nothing in the directory holds an absolute path, so it can be
//! moved, and a `tar` of it while the broker is stopped is a backup.
//!
//! ```text
//! DATA/                  0700
//!   lock                 held by the one process that may change anything here
//!   sealmq.conf          the configuration, mosquitto's syntax, paths relative to DATA
//!   acl, passwd          who may do what; names and argon2id hashes
//!   ca/                  appears whole, by one rename
//!     root/              root.key, root.crt: read by nobody after the first start; move it away
//!     issuing/           issuing.key, issuing.crt: signs every other certificate
//!     ca.crt             the root certificate, for clients
//!     inventory.db       every certificate of this CA that is valid (SQLite)
//!   ca.request/          issuing.key, issuing.csr: of a CA that waits for its certificate from elsewhere
//!   server/              server.key, server.crt (with the issuing CA's certificate)
//!   operator/            operator.key, operator.crt: the broker's own and the local `pub` and `sub`
//!   ocsp/                ocsp.key, ocsp.crt: signs OCSP answers in the issuing CA's place
//!   run/control.sock     for `device add` and the like, while the broker runs
//! ```

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::HomeError;

/// A data directory's place. It may not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    folder: PathBuf,
    chosen: Chosen,
}

/// Who chose the place: a command line that a person is to type next must name it, or need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// `--data-dir`: the next command needs it too.
    ByFlag,
    /// `$SEALMQ_DATA`, which the next terminal may not have.
    ByEnvironment,
    /// The default of this user.
    ByDefault,
}

/// What the environment says that matters here; the binary reads it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `$SEALMQ_DATA`.
    pub sealmq_data: Option<OsString>,
    /// `$XDG_DATA_HOME`.
    pub xdg_data_home: Option<OsString>,
    /// `$XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<OsString>,
    /// `$HOME`.
    pub home: Option<OsString>,
    /// The effective user id.
    pub uid: u32,
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        let read = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            sealmq_data: read("SEALMQ_DATA"),
            xdg_data_home: read("XDG_DATA_HOME"),
            xdg_config_home: read("XDG_CONFIG_HOME"),
            home: read("HOME"),
            uid: super::files::own_uid(),
        }
    }
}

impl Place {
    /// `--data-dir`, else `$SEALMQ_DATA`, else `/var/lib/sealmq` for root, else `$XDG_DATA_HOME/sealmq`, else
    /// `~/.local/share/sealmq`. The result is absolute.
    pub fn find(flag: Option<&Path>, environment: &Environment) -> Result<Self, HomeError> {
        let (folder, chosen) = match (flag, &environment.sealmq_data) {
            (Some(folder), _) => (folder.to_owned(), Chosen::ByFlag),
            (None, Some(folder)) => (PathBuf::from(folder), Chosen::ByEnvironment),
            (None, None) => (default_folder(environment)?, Chosen::ByDefault),
        };
        let folder = std::path::absolute(&folder).map_err(|e| HomeError::io("find", &folder, e))?;
        Ok(Self { folder, chosen })
    }

    /// Exactly this folder, as if by `--data-dir`.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), chosen: Chosen::ByFlag }
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Who chose it.
    pub fn chosen(&self) -> Chosen {
        self.chosen
    }

    /// The lock file.
    pub fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// The configuration.
    pub fn conf(&self) -> PathBuf {
        self.folder.join("sealmq.conf")
    }

    /// The access control list.
    pub fn acl(&self) -> PathBuf {
        self.folder.join("acl")
    }

    /// The password file.
    pub fn passwd(&self) -> PathBuf {
        self.folder.join("passwd")
    }

    /// What certificates look like, where a person wants them otherwise.
    pub fn profiles(&self) -> PathBuf {
        self.folder.join("profiles.toml")
    }

    /// The CA.
    pub fn ca(&self) -> CaFolder {
        CaFolder { folder: self.folder.join("ca") }
    }

    /// Where a CA is put together before it appears as [`Place::ca`].
    pub(crate) fn ca_being_made(&self) -> CaFolder {
        CaFolder { folder: self.folder.join("ca.new~") }
    }

    /// Key and request of a CA whose certificate somebody else is to sign; gone when the answer is imported.
    pub(crate) fn ca_request(&self) -> KeyPairFiles {
        KeyPairFiles { folder: self.folder.join("ca.request"), name: "issuing", ending: "csr" }
    }

    /// Key and certificate of the server.
    pub fn server(&self) -> KeyPairFiles {
        KeyPairFiles::new(self.folder.join("server"), "server")
    }

    /// Key and certificate of the operator.
    pub fn operator(&self) -> KeyPairFiles {
        KeyPairFiles::new(self.folder.join("operator"), "operator")
    }

    /// Key and certificate of what signs OCSP answers.
    pub fn ocsp(&self) -> KeyPairFiles {
        KeyPairFiles::new(self.folder.join("ocsp"), "ocsp")
    }

    /// What exists only while a broker runs.
    pub fn run(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// The control socket.
    pub fn control_socket(&self) -> PathBuf {
        self.run().join("control.sock")
    }
}

/// The folder of the CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaFolder {
    folder: PathBuf,
}

impl CaFolder {
    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Key and certificate of the root. The broker opens the key never again after it has made the issuing CA.
    pub fn root(&self) -> KeyPairFiles {
        KeyPairFiles::new(self.folder.join("root"), "root")
    }

    /// Key and certificate of the issuing CA.
    pub fn issuing(&self) -> KeyPairFiles {
        KeyPairFiles::new(self.folder.join("issuing"), "issuing")
    }

    /// The anchors for clients: the root certificate.
    pub fn anchors(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The folder of revocation lists.
    pub fn crl(&self) -> PathBuf {
        self.folder.join("crl")
    }

    /// The issuing CA's revocation list, DER.
    pub fn issuing_crl(&self) -> PathBuf {
        self.crl().join("issuing.crl")
    }

    /// The same list, PEM.
    pub fn issuing_crl_pem(&self) -> PathBuf {
        self.crl().join("issuing.pem")
    }

    /// The inventory.
    pub fn inventory(&self) -> PathBuf {
        self.folder.join("inventory.db")
    }
}

/// A folder with `NAME.key` and `NAME.crt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPairFiles {
    folder: PathBuf,
    name: &'static str,
    ending: &'static str,
}

impl KeyPairFiles {
    fn new(folder: PathBuf, name: &'static str) -> Self {
        Self { folder, name, ending: "crt" }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The private key, PKCS#8 PEM, 0600.
    pub fn key(&self) -> PathBuf {
        self.folder.join(format!("{}.key", self.name))
    }

    /// The certificate, for leaves followed by the issuing CA's; PEM.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(format!("{}.{}", self.name, self.ending))
    }
}

fn default_folder(environment: &Environment) -> Result<PathBuf, HomeError> {
    if environment.uid == 0 {
        return Ok(PathBuf::from("/var/lib/sealmq"));
    }
    // The XDG base directory specification: a relative path is invalid and ignored.
    let xdg = environment.xdg_data_home.as_ref().map(PathBuf::from).filter(|path| path.is_absolute());
    match (xdg, &environment.home) {
        (Some(data), _) => Ok(data.join("sealmq")),
        (None, Some(home)) => Ok(PathBuf::from(home).join(".local/share/sealmq")),
        (None, None) => Err(HomeError::NoPlace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment { home: Some("/home/ada".into()), uid: 1000, ..Environment::default() }
    }

    fn found(flag: Option<&str>, environment: &Environment) -> (String, Chosen) {
        let place = Place::find(flag.map(Path::new), environment).unwrap();
        (place.folder().display().to_string(), place.chosen())
    }

    #[test]
    fn the_flag_wins_over_the_environment_and_that_over_the_default() {
        let mut env = environment();
        assert_eq!(found(None, &env), ("/home/ada/.local/share/sealmq".to_owned(), Chosen::ByDefault));
        env.xdg_data_home = Some("/data".into());
        assert_eq!(found(None, &env).0, "/data/sealmq");
        env.sealmq_data = Some("/srv/mq".into());
        assert_eq!(found(None, &env), ("/srv/mq".to_owned(), Chosen::ByEnvironment));
        assert_eq!(found(Some("/x"), &env), ("/x".to_owned(), Chosen::ByFlag));
    }

    #[test]
    fn root_has_the_system_place() {
        let env = Environment { uid: 0, ..environment() };
        assert_eq!(found(None, &env).0, "/var/lib/sealmq");
    }

    #[test]
    fn no_home_and_no_flag_is_an_error_with_a_hint() {
        let env = Environment { uid: 1000, ..Environment::default() };
        let error = Place::find(None, &env).unwrap_err();
        assert!(error.hint().contains("--data-dir"));
        assert!(Place::find(Some(Path::new("/x")), &env).is_ok());
    }

    #[test]
    fn a_relative_xdg_folder_is_ignored() {
        let env = Environment { xdg_data_home: Some("data".into()), ..environment() };
        assert_eq!(found(None, &env).0, "/home/ada/.local/share/sealmq");
    }
}
