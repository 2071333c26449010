//! mosquitto.conf and SealMQ's own keys: text to typed options, all diagnostics with lines.

mod checks;
pub mod config;
pub mod diagnostic;
mod document;
mod lexer;
pub mod options;
mod parse;
mod plugins;
mod resolve;
mod source;
mod suggest;
pub mod tls_version;
mod value;

pub use config::{
    Access, Bind, Bridge, ClientCertificates, Config, FileSetting, Global, IdentityRule, LegacyClientCerts,
    Listener, ListenerTls, Log, LogDest, LogFormat, LogTypes, MaxQos, Mode, Protocol, ProtocolVersions,
    SessionOwner, SocketFamily, TextSetting,
};
pub use diagnostic::{Diagnostic, Exit, Place, Severity};
pub use options::{OPTIONS, OptionRow};
pub use parse::parse;
pub use source::{Arguments, Loader, NoLoader, Parsed, SourceFile, Verbosity};
pub use tls_version::TlsVersions;
