//! mosquitto.conf and SealMQ's own keys: text to typed options, all diagnostics with lines.
//!
//! [`parse()`] reads a main file, what it includes and the command line, and gives a [`Config`] or the errors, never both.
//! [`passwords`], [`scram_file`] and [`acl_file`] read the files that decide who may come in and what they may do.
//!
//! What it is: one option table ([`OPTIONS`]) that knows every key of mosquitto 2.1 and what SealMQ does with it, and
//! the code that reads by it. What it is not: it opens no file (the caller reads, [`Loader`] lists), checks no
//! certificate, resolves no host name, and starts nothing.
//!
//! Invariants:
//! * A key that restricts is honoured or stops the start. Nothing that is unknown, misspelt or in the wrong place is
//!   skipped.
//! * There is a configuration exactly if there is no error, and it has at least one listener.
//! * Any input is read in linear time, with bounded findings, without a panic.

pub mod acl_file;
mod checks;
pub mod config;
pub mod diagnostic;
mod document;
pub mod for_broker;
#[doc(hidden)]
pub mod fuzzing;
mod lexer;
pub mod options;
mod parse;
pub mod passwords;
mod plugins;
pub mod reference;
mod resolve;
pub mod scram_file;
mod source;
mod suggest;
pub mod tls_version;
mod value;

pub use config::{
    Access, BanAfter, Bind, Bridge, BridgeAddress, BridgeReload, BridgeTls, CertificateAndKey,
    ClientCertificates, ClientDates, ClientTls, Config, ConnectionRate, CrlCheck, CrlPolicy, CrlSettings,
    FileSetting, Global, IdentityRule, Jwt, LegacyClientCerts, LegacyServerCerts, Listener, ListenerTls,
    LiveSession, Log, LogDest, LogFormat, LogTypes, MaxQos, Mode, Network, NetworkError, PkiListener,
    Protocol, ProtocolVersions, Proxy, ProxySources, ProxyVersion, Resumption, SessionOwner, SocketFamily,
    TakenBack, TextSetting, UnknownAlpn, WillOfTheRefused,
};
pub use diagnostic::{Diagnostic, Exit, Place, Severity};
pub use options::{OPTIONS, OptionRow};
pub use parse::{parse, parse_all};
pub use source::{Arguments, FileParsed, Loader, NoLoader, Parsed, SourceFile, Unreadable, Verbosity};
pub use tls_version::TlsVersions;
