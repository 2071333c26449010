//! `sealmq context add FILE`: one file that makes `sealmq pub` and `sealmq sub` on another machine need no flags.
//!
//! JSON; PEM texts are lists of lines, so that the key is read in place from the caller's (wiped) buffer and no parser
//! copies it into memory that nobody wipes.

use sealmq_pki::{Certificate, HostName, Name, Signer, SoftKey, pem};
use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::bundle::{BundleFile, BundleRequest, Mode, stem};

const FORMAT: &str = "sealmq-context";
const FORMAT_VERSION: u32 = 1;

/// A broker, and who we are to it. No `Debug`: it holds a private key.
pub struct Context {
    /// The holder's name.
    pub name: Name,
    /// The broker.
    pub host: HostName,
    /// Its TLS port.
    pub port: u16,
    /// Other names and addresses of the same broker.
    pub other_hosts: Vec<HostName>,
    /// The roots to verify the broker with.
    pub anchors: Vec<Certificate>,
    /// The holder's certificate, then the issuing CA's.
    pub chain: Vec<Certificate>,
    /// The holder's private key.
    pub key: SoftKey,
}

/// Why a file is no context.
#[derive(Debug, Error)]
pub enum ContextError {
    /// Not JSON, or not ours.
    #[error(
        "the file is no SealMQ context: {reason}\nhint: make one on the broker with: sealmq device add NAME --for sealmq"
    )]
    NotAContext {
        /// What the reader says.
        reason: String,
    },
    /// Made by a newer SealMQ.
    #[error(
        "the context has format version {found}, this program reads up to {FORMAT_VERSION}\nhint: update sealmq on this machine"
    )]
    NewerVersion {
        /// The file's version.
        found: u32,
    },
    /// A value that cannot be used.
    #[error(
        "the context's {field} cannot be used: {reason}\nhint: the file was altered; make a new one with: sealmq device add NAME --for sealmq"
    )]
    Field {
        /// Which one.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// The file as it is written, apart from its [`Head`].
#[derive(Deserialize)]
struct Stored<'a> {
    name: String,
    host: String,
    port: u16,
    #[serde(default)]
    other_hosts: Vec<String>,
    anchors: Vec<String>,
    certificate: Vec<String>,
    #[serde(borrow)]
    key: Vec<&'a str>,
}

/// What every version has, to be asked first.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl Context {
    /// Reads a context file. Keep `bytes` in a buffer that is wiped.
    ///
    /// # Errors
    /// [`ContextError`].
    pub fn parse(bytes: &[u8]) -> Result<Context, ContextError> {
        let not_a_context = |reason: String| ContextError::NotAContext { reason };
        let head: Head = serde_json::from_slice(bytes).map_err(|e| not_a_context(place(&e)))?;
        if head.format != FORMAT {
            return Err(not_a_context("it has another format".to_owned()));
        }
        if head.version > FORMAT_VERSION {
            return Err(ContextError::NewerVersion { found: head.version });
        }
        let stored: Stored<'_> = serde_json::from_slice(bytes).map_err(|e| not_a_context(place(&e)))?;
        stored.into_context()
    }
}

impl Stored<'_> {
    fn into_context(self) -> Result<Context, ContextError> {
        let name = Name::parse(&self.name).map_err(|e| field("name", e))?;
        let host = HostName::parse(&self.host).map_err(|e| field("host", e))?;
        let other_hosts: Result<Vec<_>, _> = self.other_hosts.iter().map(|h| HostName::parse(h)).collect();
        let anchors = certificates("anchors", &self.anchors)?;
        let chain = certificates("certificate", &self.certificate)?;
        let key = joined(&self.key);
        let key = SoftKey::from_pem(key.as_bytes()).map_err(|e| field("key", e))?;
        if chain[0].facts().spki_der != key.public_key().spki_der() {
            return Err(field("key", "it does not belong to the certificate"));
        }
        let other_hosts = other_hosts.map_err(|e| field("other_hosts", e))?;
        Ok(Context { name, host, port: self.port, other_hosts, anchors, chain, key })
    }
}

fn certificates(name: &'static str, lines: &[String]) -> Result<Vec<Certificate>, ContextError> {
    let blocks = pem::of_label(lines.join("\n").as_bytes(), "CERTIFICATE").map_err(|e| field(name, e))?;
    if blocks.is_empty() {
        return Err(field(name, "there is no certificate in it"));
    }
    blocks.iter().map(|der| Certificate::from_der(der.to_vec()).map_err(|e| field(name, e))).collect()
}

fn joined(lines: &[&str]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(lines.iter().map(|l| l.len() + 1).sum()));
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// serde's message may quote the file; line and column are enough.
fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn field(field: &'static str, reason: impl std::fmt::Display) -> ContextError {
    ContextError::Field { field, reason: reason.to_string() }
}

pub(crate) fn file(request: &BundleRequest<'_>) -> BundleFile {
    let json = |text: &str| serde_json::to_string(text).expect("a string can always be written as JSON");
    let key = request.key.to_pem();
    let anchors = request.anchors_pem();
    let chain = request.chain_pem();
    let hosts: Vec<String> = request.other_hosts.iter().map(|h| json(&h.to_string())).collect();
    let head = format!(
        "{{\n  \"format\": \"{FORMAT}\",\n  \"version\": {FORMAT_VERSION},\n  \"name\": {},\n  \"host\": {},\n  \"port\": {},\n  \"other_hosts\": [{}],\n",
        json(request.name.as_str()),
        json(&request.host.to_string()),
        request.port,
        hosts.join(", "),
    );
    // One allocation: each PEM line grows by six characters of JSON.
    let mut text = Zeroizing::new(String::with_capacity(
        head.len() + 2 * (key.len() + anchors.len() + chain.len()) + 200,
    ));
    text.push_str(&head);
    push_lines(&mut text, "anchors", &anchors, ",\n");
    push_lines(&mut text, "certificate", &chain, ",\n");
    push_lines(&mut text, "key", &key, "\n}\n");
    let content = Zeroizing::new(text.as_bytes().to_vec());
    let name = format!("{}.sealmq.json", stem(request.name));
    BundleFile {
        name,
        mode: Mode::Secret,
        content,
        what: "broker, certificate and key for `sealmq context add`",
    }
}

/// PEM lines hold no character that JSON escapes.
fn push_lines(text: &mut String, name: &str, pem: &str, end: &str) {
    text.push_str("  \"");
    text.push_str(name);
    text.push_str("\": [");
    for (index, line) in pem.lines().enumerate() {
        text.push_str(if index == 0 { "\n    \"" } else { ",\n    \"" });
        text.push_str(line);
        text.push('"');
    }
    text.push_str("\n  ]");
    text.push_str(end);
}
