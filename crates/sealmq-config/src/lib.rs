//! mosquitto.conf and SealMQ's own keys: text to typed options, all diagnostics with lines.

pub mod config;
pub mod diagnostic;
mod source;
pub mod tls_version;

pub use config::{
    Access, Bind, Bridge, ClientCertificates, Config, FileSetting, Global, IdentityRule,
    LegacyClientCerts, Listener, ListenerTls, Log, LogDest, LogFormat, LogTypes, MaxQos, Mode,
    Protocol, ProtocolVersions, SessionOwner, SocketFamily, TextSetting,
};
pub use diagnostic::{Diagnostic, Exit, Place, Severity};
pub use source::{Arguments, Loader, NoLoader, Parsed, SourceFile, Verbosity};
pub use tls_version::TlsVersions;
