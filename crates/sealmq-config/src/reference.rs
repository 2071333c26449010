//! `docs/reference/mosquitto-conf.md`, from the option table.

use crate::options::{Kind, OPTIONS, OptionRow, Reload, Repeat, Restricts, Scope, Support};
use std::fmt::Write;

const HEAD: &str = "\
# Configuration keys

This page is written by a test from the option table in `crates/sealmq-config/src/options/`: do not edit it.

A configuration is a mosquitto.conf: one `key value` on each line, `#` begins a comment line. `sealmq broker -c FILE` reads
it, reports *all* that is wrong with it at once, and starts only if nothing is.

*Restricts*: the key limits who may connect, as whom, to what, over which TLS, or how much. Such a key is honoured or
stops the start; it is never skipped. *Reload*: what SIGHUP does with it (*content*: the file it names is read again).

Relative paths are on the working directory, as in mosquitto. In a file with `data_dir` they are on the data directory,
and a relative `data_dir` is on the folder of that file, so that a data directory can be moved as a whole.
`include_dir` is always on the working directory.

Without `listener` and `port` the broker listens on 127.0.0.1 and ::1 only and lets anonymous clients in.
";

/// The page.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, "The whole broker", |row| matches!(row.scope, Scope::Global | Scope::MainFile));
    section(&mut page, "The whole broker, or one listener with `per_listener_settings true`", |row| {
        row.scope == Scope::GlobalOrListener
    });
    section(&mut page, "A listener", |row| {
        matches!(
            row.scope,
            Scope::StartsListener
                | Scope::DefaultListener
                | Scope::Listener
                | Scope::ListenerOrDefault
                | Scope::NamedListener
        )
    });
    section(&mut page, "Plugins", |row| {
        matches!(row.scope, Scope::StartsPlugin | Scope::UsesPlugin | Scope::AfterPlugin)
    });
    page.push_str(PLUGINS);
    section(&mut page, "Bridges", |row| matches!(row.scope, Scope::StartsBridge | Scope::Bridge));
    page.push_str(BRIDGES);
    page
}

const PLUGINS: &str = "
C plugins are not loaded, and a plugin stops the start, because it may be the access control. Two are understood by their
file names: `mosquitto_acl_file.so` with `plugin_opt_acl_file` is `acl_file`, `mosquitto_password_file.so` with
`plugin_opt_password_file` is `password_file`.
";

const BRIDGES: &str = "
A bridge with `local_username` may publish and read what `acl_file` grants that user; without it, whatever its `topic` lines
say. What the other broker sends is taken in only where an `in` or `both` topic asks for it. `topic` lines are checked as
they will be used: with their prefixes.
";

fn section(page: &mut String, title: &str, belongs: impl Fn(&OptionRow) -> bool) {
    let head = "| key | value | default | restricts | reload | in SealMQ | meaning |\n|---|---|---|---|---|---|---|\n";
    write!(page, "\n## {title}\n\n{head}").expect("a String takes everything");
    for row in OPTIONS.iter().filter(|row| belongs(row)) {
        line(page, row);
    }
}

fn line(page: &mut String, row: &OptionRow) {
    let keys: Vec<_> = std::iter::once(&row.key).chain(row.aliases).map(|key| format!("`{key}`")).collect();
    let reload = match row.reload {
        Reload::Yes => "yes",
        Reload::Content => "content",
        Reload::No => "no",
    };
    let restricts = match row.restricts {
        Restricts::Yes => "yes",
        Restricts::No => "",
    };
    let cells = [
        keys.join(", "),
        value(row),
        row.default.to_owned(),
        restricts.to_owned(),
        reload.to_owned(),
        support(row),
        row.doc.to_owned(),
    ];
    let cells = cells.map(|cell| cell.replace('|', "\\|"));
    writeln!(page, "| {} |", cells.join(" | ")).expect("a String takes everything");
}

fn value(row: &OptionRow) -> String {
    let kind = match row.kind {
        Kind::Boolean => "true, false".to_owned(),
        Kind::Integer { min, max, .. } if max >= i64::from(i32::MAX) || min <= i64::from(i32::MIN) => {
            match min {
                0.. => format!("number, at least {min}"),
                _ => "number".to_owned(),
            }
        }
        Kind::Integer { min, max, .. } => format!("{min} to {max}"),
        Kind::Text | Kind::PluginOption => "text".to_owned(),
        Kind::TextUpTo(max, _) => format!("text, at most {max} bytes"),
        Kind::Path | Kind::Plugin => "path".to_owned(),
        Kind::MountPoint => "topic without wildcards".to_owned(),
        Kind::Word(choices, _) | Kind::WholeWord(choices, _) => {
            choices.iter().map(|choice| choice.word).collect::<Vec<_>>().join(", ")
        }
        Kind::Listen => "port, address or socket path".to_owned(),
        Kind::SocketAddress => "port, or address:port".to_owned(),
        Kind::HttpUrl => "http:// address".to_owned(),
        Kind::Addresses => "host:port …".to_owned(),
        Kind::BridgeTopic => "pattern direction QoS prefixes".to_owned(),
        Kind::TlsVersions => "tlsv1.2, tlsv1.3, or both".to_owned(),
        Kind::Networks => "addresses and networks (CIDR)".to_owned(),
        Kind::ProtocolVersions => "list of 3, 4, 5".to_owned(),
        Kind::Identity => "list of certificate fields".to_owned(),
        Kind::LogDest => "stdout, stderr, none".to_owned(),
        Kind::Duration => "number with s, h, d, w, m, y".to_owned(),
        Kind::CertificateAndKey => "path path".to_owned(),
        Kind::CrlPolicy => "strict, or grace and a span".to_owned(),
        Kind::StartType => "automatic, lazy, once".to_owned(),
        Kind::RestartTimeout => "seconds, or base and cap".to_owned(),
        Kind::TcpKeepalive => "three numbers".to_owned(),
        Kind::Counts(names) => format!("{}, or 0", names.join(" ")),
        Kind::IncludeDir => "folder".to_owned(),
        Kind::Unread => "anything".to_owned(),
    };
    match row.repeat {
        Repeat::Last => kind,
        Repeat::Once => format!("{kind}; once"),
        Repeat::Adds => format!("{kind}; repeatable"),
    }
}

fn support(row: &OptionRow) -> String {
    match (row.support, row.restricts) {
        (Support::Honoured, _) => "honoured".to_owned(),
        (Support::NotYet(issue), Restricts::Yes) => format!("stops the start until \"{}\"", issue.title()),
        (Support::NotYet(issue), Restricts::No) => format!("warning until \"{}\"", issue.title()),
        (Support::Refused { reason, .. }, _) => format!("refused: {reason}"),
        (Support::Ignored(_), _) => "accepted without effect, with a warning".to_owned(),
    }
}
