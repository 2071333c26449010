//! The files that a person edits: `sealmq.conf`, `acl`, `passwd`. Written once, where they are missing.

use std::path::PathBuf;

use sealmq_config::{Arguments, Bind, Config, Loader, Parsed, SourceFile, Unreadable};

use sealmq_pki::issue::BaseUrl;

use super::create::{Progress, Step};
use super::error::HomeError;
use super::files::{self, Mode};
use super::place::Place;

/// Writes what is missing. `sealmq.conf` comes last: where it is, the others were.
pub(super) fn ensure(place: &Place, port: u16, done: Progress<'_>) -> Result<(), HomeError> {
    if files::is_there(&place.conf())? {
        return Ok(());
    }
    if !files::is_there(&place.acl())? {
        files::replace(&place.acl(), ACL.as_bytes(), Mode::Private)?;
    }
    done(Step::Acl)?;
    if !files::is_there(&place.passwd())? {
        files::replace(&place.passwd(), b"", Mode::Private)?;
    }
    done(Step::Passwd)?;
    files::replace(&place.conf(), conf(port).as_bytes(), Mode::Private)?;
    done(Step::Conf)
}

/// Reads `sealmq.conf` with all its diagnostics.
pub fn read_conf(place: &Place) -> Result<Parsed, HomeError> {
    let path = place.conf();
    let bytes = files::read(&path)?.ok_or_else(|| HomeError::Incomplete { path: path.clone() })?;
    Ok(sealmq_config::parse(Some(&SourceFile { path, bytes }), &Arguments::default(), &Disk))
}

/// The port of the first listener with TLS: where bundles and the local client dial.
pub fn tls_port(place: &Place) -> Result<u16, HomeError> {
    let parsed = read_conf(place)?;
    let corrupt = |text: String| HomeError::Corrupt { path: place.conf(), text };
    let Some(config) = parsed.config else {
        let first = parsed.diagnostics.first().map(ToString::to_string);
        return Err(corrupt(first.unwrap_or_else(|| "it cannot be read".to_owned())));
    };
    tls_port_of(&config).ok_or_else(|| corrupt("it has no TCP listener with TLS".to_owned()))
}

/// `pki_url`, where the file is there and says so. One that cannot be used says nothing here: no broker starts with it.
pub(super) fn pki_url(place: &Place) -> Result<Option<BaseUrl>, HomeError> {
    if !files::is_there(&place.conf())? {
        return Ok(None);
    }
    let config = read_conf(place)?.config;
    Ok(config.and_then(|config| config.global.pki).and_then(|pki| pki.url))
}

/// As [`tls_port`], of a configuration that was read.
pub fn tls_port_of(config: &Config) -> Option<u16> {
    config.listeners.iter().filter(|listener| listener.tls.is_some()).find_map(|listener| {
        match listener.bind {
            Bind::Tcp { port, .. } => Some(port),
            Bind::Unix { .. } => None,
        }
    })
}

/// Reads what an `include_dir` names.
struct Disk;

impl Loader for Disk {
    fn list(&self, folder: &std::path::Path) -> Result<Vec<PathBuf>, String> {
        let entries = std::fs::read_dir(folder).map_err(|e| e.to_string())?;
        entries.map(|entry| entry.map(|entry| entry.path()).map_err(|e| e.to_string())).collect()
    }

    fn read(&self, path: &std::path::Path) -> Result<Vec<u8>, Unreadable> {
        if path.is_dir() {
            return Err(Unreadable::Folder);
        }
        std::fs::read(path).map_err(|e| Unreadable::Because(e.to_string()))
    }
}

/// Writes another port into the one `listener` line that has one; `--port` is remembered as `--name` is.
pub fn set_port(place: &Place, port: u16) -> Result<(), HomeError> {
    let path = place.conf();
    let bytes = files::read(&path)?.ok_or_else(|| HomeError::Incomplete { path: path.clone() })?;
    let text = String::from_utf8_lossy(&bytes);
    let mut changed = 0;
    let lines: Vec<String> = text
        .split_inclusive('\n')
        .map(|line| match line.strip_prefix("listener ") {
            Some(rest) => {
                changed += 1;
                let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("listener {port}{after}")
            }
            None => line.to_owned(),
        })
        .collect();
    if changed != 1 {
        return Err(HomeError::Refused {
            what: format!(
                "{} has {changed} listener lines, so --port is not enough to say which one",
                path.display()
            ),
            hint: format!("edit {}", path.display()),
        });
    }
    files::replace(&path, lines.concat().as_bytes(), Mode::Private)
}

/// The line of the ACL that lets every device reach its own branch only.
pub const OWN_BRANCH_RULE: &str = "pattern readwrite devices/%u/#";

fn conf(port: u16) -> String {
    format!(
        "# SealMQ, in mosquitto.conf's syntax. Yours to edit; `sealmq up` writes it once and reads it from then on.\n\
         # Relative paths start at this folder, so that it can be moved as a whole.\n\
         \n\
         # This folder is the broker's: its own CA, the inventory of valid certificates, the control socket.\n\
         data_dir .\n\
         \n\
         # Renewing certificates needs the folder's owner: the broker stays the user that starts it.\n\
         user root\n\
         \n\
         # A session belongs to the identity that made it: nobody else gets it by its client id.\n\
         session_owner bound\n\
         \n\
         # Who may do what, and who may come in with a password (`sealmq user add NAME`). While nobody has one, a\n\
         # certificate is demanded.\n\
         acl_file acl\n\
         password_file passwd\n\
         allow_anonymous false\n\
         \n\
         # Mutual TLS on all addresses. There is no plaintext listener.\n\
         listener {port}\n\
         certfile server/server.crt\n\
         keyfile server/server.key\n\
         cafile ca/ca.crt\n\
         require_certificate optional\n\
         use_identity_as_username true\n\
         legacy_client_certs deny\n\
         tls_version tlsv1.2\n"
    )
}

/// `pattern readwrite #` gives application topics to everyone who came in; `#` matches no topic that begins with `$`,
/// and those are the operator's.
const ACL: &str = "\
# Who may publish and subscribe to what, in the syntax of mosquitto's acl_file.
# %u is the user name: for a device, the name in its certificate. $SYS/# and $CONTROL/# are the operator's, whatever
# stands here.

# Everyone who was let in may use every topic:
pattern readwrite #

# To give each device its own branch only, put a # before the line above and take the one below away:
# pattern readwrite devices/%u/#

# The operator, whose certificate `sealmq pub` and `sealmq sub` use on this machine, keeps every topic then:
user operator
topic readwrite #
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_acl_has_the_ready_line_as_a_comment() {
        assert!(ACL.lines().any(|line| line == format!("# {OWN_BRANCH_RULE}")));
        assert!(ACL.lines().any(|line| line == "pattern readwrite #"));
    }

    #[test]
    fn the_configuration_holds_no_absolute_path() {
        let text = conf(8883);
        assert!(text.contains("\nlistener 8883\n"));
        assert!(
            !text.lines().filter(|line| !line.starts_with('#')).any(|line| line.contains(" /")),
            "{text}"
        );
    }

    #[test]
    fn the_configuration_is_understood_without_a_finding() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(dir.path());
        ensure(&place, 18883, &mut |_| Ok(())).unwrap();
        let parsed = read_conf(&place).unwrap();
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
        let config = parsed.config.unwrap();
        assert_eq!(config.listeners.len(), 1);
        assert!(!config.listeners[0].access.allow_anonymous);
        let tls = config.listeners[0].tls.as_ref().unwrap();
        assert_eq!(tls.certfile.path, place.server().certificate());
        assert_eq!(config.global.data_dir.unwrap().path, dir.path());
        assert_eq!(tls_port(&place).unwrap(), 18883);
    }

    #[test]
    fn another_port_changes_the_one_listener_line() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(dir.path());
        std::fs::write(place.conf(), "# listener 1\nlistener 8883 127.0.0.1\nuser root\n").unwrap();
        set_port(&place, 18883).unwrap();
        let text = std::fs::read_to_string(place.conf()).unwrap();
        assert_eq!(text, "# listener 1\nlistener 18883 127.0.0.1\nuser root\n");
        std::fs::write(place.conf(), "listener 1\nlistener 2\n").unwrap();
        assert!(set_port(&place, 3).is_err());
    }

    #[test]
    fn what_a_person_has_edited_stays() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::at(dir.path());
        std::fs::write(place.acl(), "mine").unwrap();
        ensure(&place, 8883, &mut |_| Ok(())).unwrap();
        assert_eq!(std::fs::read_to_string(place.acl()).unwrap(), "mine");
        std::fs::write(place.conf(), "mine too").unwrap();
        ensure(&place, 1234, &mut |_| Ok(())).unwrap();
        assert_eq!(std::fs::read_to_string(place.conf()).unwrap(), "mine too");
    }
}
