//! The broker of this computer: what `sealmq pub` and `sealmq sub` use without any connection flag.
//!
//! A data directory is looked for as `sealmq up` does; its CA and its operator certificate are read. Nothing falls
//! back to a plaintext broker.

use zeroize::Zeroizing;

#[cfg(unix)]
use sealmq_server::home::{contexts::Contexts, files};

use super::ConnectionFlags;
#[cfg(unix)]
use crate::commands::device::{home_failure, text_failure};
use crate::report::Failure;

/// A broker with everything that is needed to reach it.
pub(super) struct Found {
    /// Where it is.
    pub(super) host: String,
    /// The TLS port.
    pub(super) port: u16,
    /// The anchors, and where they were read.
    pub(super) anchors: File<Vec<u8>>,
    /// The client certificate with its chain.
    pub(super) certificate: File<Vec<u8>>,
    /// Its key.
    pub(super) key: File<Zeroizing<Vec<u8>>>,
}

/// A file's content and its path.
pub(super) struct File<T> {
    pub(super) path: String,
    pub(super) content: T,
}

const NAME_ONE: &str =
    "name a broker with -h HOST -p PORT and --cafile FILE; a plain one on this computer is -h localhost";

#[cfg(unix)]
const NOT_YOURS: &str = "the operator's certificate belongs to the user who runs the broker: run this as that user \
    (sudo -u USER), or have that user make a certificate for you, `sealmq device add NAME --for sealmq`, which \
    `sealmq context add FILE` takes here";

/// Finds the broker.
///
/// # Errors
/// There is none, or its files cannot be read by this user.
#[cfg(unix)]
pub(super) fn find(flags: &ConnectionFlags) -> Result<Found, Failure> {
    use sealmq_server::home::{Environment, Place};

    let environment = Environment::of_process();
    if let Some(name) = &flags.context {
        return of_context(&environment, name);
    }
    let place = Place::find(flags.data_dir.as_deref(), &environment)
        .map_err(|error| Failure::new(format!("no broker found: {error}")).hint(NAME_ONE))?;
    let anchors = place.ca().anchors();
    // A folder that this user cannot look into is no folder that is not there.
    if !files::is_there(&anchors).map_err(|error| Failure::new(error.to_string()).hint(NOT_YOURS))? {
        if flags.data_dir.is_none()
            && let Some(found) = only_context(&environment)?
        {
            return Ok(found);
        }
        let what = format!(
            "no broker of this computer found: there is no data directory {}",
            place.folder().display()
        );
        return Err(Failure::new(what).hint(format!("start one with `sealmq up`\n{NAME_ONE}")));
    }
    Ok(Found {
        host: "localhost".to_owned(),
        port: sealmq_server::home::tls_port(&place).map_err(home_failure)?,
        anchors: read(&anchors)?,
        certificate: read(&place.operator().certificate())?,
        key: {
            let File { path, content } = read(&place.operator().key())?;
            File { path, content: Zeroizing::new(content) }
        },
    })
}

/// Data directories are found where brokers run; elsewhere flags say where to connect.
#[cfg(not(unix))]
pub(super) fn find(_flags: &ConnectionFlags) -> Result<Found, Failure> {
    Err(Failure::new("no broker is looked for on this system").hint(NAME_ONE))
}

#[cfg(unix)]
fn read(path: &std::path::Path) -> Result<File<Vec<u8>>, Failure> {
    match std::fs::read(path) {
        Ok(content) => Ok(File { path: path.display().to_string(), content }),
        Err(error) => Err(Failure::new(format!("cannot read {}: {error}", path.display())).hint(NOT_YOURS)),
    }
}

/// The broker that `sealmq context add` remembered under this name.
#[cfg(unix)]
fn of_context(environment: &sealmq_server::home::Environment, name: &str) -> Result<Found, Failure> {
    let name = sealmq_pki::Name::parse(name).map_err(|error| text_failure(&error))?;
    let contexts = Contexts::of(environment).map_err(home_failure)?;
    let remembered = contexts.find(&name).map_err(home_failure)?.ok_or_else(|| {
        Failure::new(format!("no context named '{name}' is known here")).hint(
            "sealmq context add FILE remembers the file that `sealmq device add NAME --for sealmq` writes",
        )
    })?;
    let context = sealmq_device::Context::parse(&remembered.content).map_err(|error| text_failure(&error))?;
    let path = remembered.path.display().to_string();
    let pem = |certificates: &[sealmq_pki::Certificate]| {
        let text: String = certificates.iter().map(sealmq_pki::Certificate::pem).collect();
        File { path: path.clone(), content: text.into_bytes() }
    };
    Ok(Found {
        host: context.host.to_string(),
        port: context.port,
        anchors: pem(&context.anchors),
        certificate: pem(&context.chain),
        key: File { path: path.clone(), content: Zeroizing::new(context.key.to_pem().as_bytes().to_vec()) },
    })
}

/// Where one broker alone is remembered, it is meant; of several, one has to be named.
#[cfg(unix)]
fn only_context(environment: &sealmq_server::home::Environment) -> Result<Option<Found>, Failure> {
    let names = Contexts::of(environment).and_then(|contexts| contexts.names()).map_err(home_failure)?;
    match names.as_slice() {
        [] => Ok(None),
        [name] => of_context(environment, name.as_str()).map(Some),
        several => {
            let names: Vec<&str> = several.iter().map(sealmq_pki::Name::as_str).collect();
            Err(Failure::new(format!("several brokers are remembered here: {}", names.join(", ")))
                .hint(format!("choose one: --context {}", names[0])))
        }
    }
}
