//! Every key of a mosquitto.conf, and SealMQ's own, in one table.
//!
//! The parser, the reference page and the tests read this table; nothing else decides what a key may say, where it may
//! stand, or what becomes of a key that SealMQ does not honour. The rule it carries: a key that *restricts* (who may
//! connect, as whom, to what, over which TLS, how much) is honoured or stops the start. Only a key that does not may be
//! answered with a warning.

mod bridge;
mod global;
mod listener;
mod own;

/// Where a key may stand, and whom it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Anywhere; about the whole broker.
    Global,
    /// Anywhere; about the whole broker, or about the listener it stands under if `per_listener_settings true`.
    GlobalOrListener,
    /// Under a `listener` (or `port`).
    Listener,
    /// Under a `listener`, or before any: then about the default listener.
    ListenerOrDefault,
    /// Under a `listener`, not under `port`.
    NamedListener,
    /// Begins a listener.
    StartsListener,
    /// Makes or changes the default listener (`port`, `bind_address`).
    DefaultListener,
    /// Begins a bridge.
    StartsBridge,
    /// Under a `connection`.
    Bridge,
    /// Loads a plugin.
    StartsPlugin,
    /// Attaches a loaded plugin to the listener.
    UsesPlugin,
    /// After a plugin key. The key is a prefix: `plugin_opt_NAME`.
    AfterPlugin,
    /// In the main file only.
    MainFile,
}

/// What happens to a number outside the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outside {
    /// An error with this text; `{}` stands for the value.
    Error(&'static str),
    /// One text for what is too small, one for what is too large.
    Errors {
        /// Below the range.
        below: &'static str,
        /// Above it.
        above: &'static str,
    },
    /// The nearest number inside is taken, silently, as mosquitto does.
    Clamp,
}

/// One word that a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// The word.
    pub word: &'static str,
    /// What SealMQ does with it, if that differs from the key's own [`Support`].
    pub support: Option<Support>,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `true`/`1` or `false`/`0`.
    Boolean,
    /// A whole number, decimal, `0x…` or `0…` (octal), as C's `strtol` reads it.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
        /// What about others.
        outside: Outside,
    },
    /// The rest of the line.
    Text,
    /// The rest of the line, at most so many bytes; the error text for more.
    TextUpTo(usize, &'static str),
    /// The rest of the line: a file or folder.
    Path,
    /// The rest of the line: a topic without wildcards.
    MountPoint,
    /// One of these words; the error text for others, `{}` stands for the value.
    Word(&'static [Choice], &'static str),
    /// The same, and nothing else may stand on the line, no comment either.
    WholeWord(&'static [Choice], &'static str),
    /// `PORT [ADDRESS | UNIX-PATH]`.
    Listen,
    /// `[ADDRESS:]PORT`.
    SocketAddress,
    /// `http://HOST[:PORT][/PATH]`.
    HttpUrl,
    /// `HOST[:PORT] …`.
    Addresses,
    /// `PATTERN [out|in|both [QOS [LOCAL-PREFIX REMOTE-PREFIX]]]`.
    BridgeTopic,
    /// `tlsv1.2`, `tlsv1.3`, or a list of them.
    TlsVersions,
    /// A list of `3`, `4`, `5`.
    ProtocolVersions,
    /// `ADDRESS[/BITS] …`.
    Networks,
    /// Fields of a certificate, in order.
    Identity,
    /// `stdout`, `stderr`, `none`, and mosquitto's others.
    LogDest,
    /// `Ns`, `Nh`, `Nd`, `Nw`, `Nm` or `Ny`.
    Duration,
    /// Two files.
    CertificateAndKey,
    /// `strict`, or `grace` and a duration.
    CrlPolicy,
    /// `automatic`, `lazy`, `once`.
    StartType,
    /// `BASE [CAP [STABLE]]` seconds.
    RestartTimeout,
    /// `IDLE INTERVAL COUNT`.
    TcpKeepalive,
    /// `0`, or as many whole numbers from 1 on as there are names.
    Counts(&'static [&'static str]),
    /// The path of a shared object (after a name for `plugin_load`).
    Plugin,
    /// A value for a plugin.
    PluginOption,
    /// A folder whose `*.conf` files are read here.
    IncludeDir,
    /// Whatever follows is not looked at.
    Unread,
}

impl Kind {
    /// Whether the value is the whole rest of the line, so that no comment can follow it.
    pub(crate) fn takes_all(self) -> bool {
        match self {
            Kind::Text
            | Kind::TextUpTo(..)
            | Kind::Path
            | Kind::MountPoint
            | Kind::WholeWord(..)
            | Kind::Plugin
            | Kind::PluginOption
            | Kind::IncludeDir => true,
            Kind::Boolean
            | Kind::Integer { .. }
            | Kind::Word(..)
            | Kind::Listen
            | Kind::SocketAddress
            | Kind::HttpUrl
            | Kind::Addresses
            | Kind::BridgeTopic
            | Kind::TlsVersions
            | Kind::ProtocolVersions
            | Kind::Networks
            | Kind::Identity
            | Kind::LogDest
            | Kind::Duration
            | Kind::CertificateAndKey
            | Kind::CrlPolicy
            | Kind::StartType
            | Kind::RestartTimeout
            | Kind::TcpKeepalive
            | Kind::Counts(_)
            | Kind::Unread => false,
        }
    }
}

/// What a second occurrence in the same place does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// The last one counts.
    Last,
    /// `Error: Duplicate 'KEY' value in configuration.`
    Once,
    /// Each one adds.
    Adds,
}

/// What a reload (SIGHUP) does with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reload {
    /// Taken.
    Yes,
    /// The file it names is read again; another file name takes effect too.
    Content,
    /// Needs a restart.
    No,
}

/// Whether the key limits who may connect, as whom, to what, over which TLS, or how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Restricts {
    /// It does: never ignored.
    Yes,
    /// It does not.
    No,
}

/// The piece of work that will bring a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Issue {
    /// Bridges, WebSockets, the HTTP API, PROXY, log destinations …
    CompleteBroker,
    /// Revocation, renewal, identity sources.
    CertificatesForLife,
    /// The durable store.
    NothingLost,
}

impl Issue {
    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Issue::CompleteBroker => "A complete broker",
            Issue::CertificatesForLife => "Certificates for life",
            Issue::NothingLost => "Nothing acknowledged is lost",
        }
    }
}

/// What SealMQ does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// It has its effect.
    Honoured,
    /// Not yet: stops the start if the key restricts, else a warning.
    NotYet(Issue),
    /// Never: stops the start.
    Refused {
        /// Why.
        reason: &'static str,
        /// What to do instead: the hint.
        alternative: &'static str,
    },
    /// Accepted without effect, with this warning.
    Ignored(&'static str),
}

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionRow {
    /// The key.
    pub key: &'static str,
    /// Other spellings.
    pub aliases: &'static [&'static str],
    /// Where it stands.
    pub scope: Scope,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it, for people; empty: nothing.
    pub default: &'static str,
    /// A valid value that is not the default: for the reference page and the tests.
    pub example: &'static str,
    /// A second occurrence.
    pub repeat: Repeat,
    /// What a reload does.
    pub reload: Reload,
    /// Whether it restricts.
    pub restricts: Restricts,
    /// What SealMQ does with it.
    pub support: Support,
    /// Values that ask for nothing: with these, a key that is not honoured says nothing.
    pub harmless: &'static [&'static str],
    /// The name that mosquitto's error texts use, where it is not the key.
    pub called: Option<&'static str>,
    /// One line for people.
    pub doc: &'static str,
}

impl OptionRow {
    /// The name in error texts, for a line that spelt it `written`.
    pub fn name<'a>(&self, written: &'a str) -> &'a str
    where
        Self: 'static,
    {
        self.called.unwrap_or(written)
    }

    /// Whether `word` is this key: its name or an alias, or, for `plugin_opt_…`, a word that begins with it.
    pub fn is(&self, word: &str) -> bool {
        let same = |key: &str| match self.scope == Scope::AfterPlugin && key.ends_with('_') {
            true => word.starts_with(key),
            false => word == key,
        };
        same(self.key) || self.aliases.iter().any(|alias| same(alias))
    }

    const fn restricts(mut self) -> OptionRow {
        self.restricts = Restricts::Yes;
        self
    }

    const fn once(mut self) -> OptionRow {
        self.repeat = Repeat::Once;
        self
    }

    const fn adds(mut self) -> OptionRow {
        self.repeat = Repeat::Adds;
        self
    }

    const fn reload(mut self, reload: Reload) -> OptionRow {
        self.reload = reload;
        self
    }

    const fn not_yet(mut self, issue: Issue) -> OptionRow {
        self.support = Support::NotYet(issue);
        self
    }

    const fn refused(mut self, reason: &'static str, alternative: &'static str) -> OptionRow {
        self.support = Support::Refused { reason, alternative };
        self
    }

    const fn ignored(mut self, warning: &'static str) -> OptionRow {
        self.support = Support::Ignored(warning);
        self
    }

    const fn aliases(mut self, aliases: &'static [&'static str]) -> OptionRow {
        self.aliases = aliases;
        self
    }

    const fn harmless(mut self, values: &'static [&'static str]) -> OptionRow {
        self.harmless = values;
        self
    }

    const fn called(mut self, name: &'static str) -> OptionRow {
        self.called = Some(name);
        self
    }
}

/// A row as most are: honoured, the last occurrence counts, taken at reload, restricts nothing.
const fn row(
    key: &'static str,
    scope: Scope,
    kind: Kind,
    default: &'static str,
    example: &'static str,
    doc: &'static str,
) -> OptionRow {
    OptionRow {
        key,
        aliases: &[],
        scope,
        kind,
        default,
        example,
        repeat: Repeat::Last,
        reload: Reload::Yes,
        restricts: Restricts::No,
        support: Support::Honoured,
        harmless: &[],
        called: None,
        doc,
    }
}

const fn word(word: &'static str) -> Choice {
    Choice { word, support: None }
}

const fn integer(min: i64, max: i64, error: &'static str) -> Kind {
    Kind::Integer { min, max, outside: Outside::Error(error) }
}

const fn clamped(min: i64, max: i64) -> Kind {
    Kind::Integer { min, max, outside: Outside::Clamp }
}

const COUNT: usize = global::ROWS.len() + listener::ROWS.len() + bridge::ROWS.len() + own::ROWS.len();

/// The table: global keys, listener keys, bridge keys, SealMQ's own.
pub static OPTIONS: [OptionRow; COUNT] = {
    let mut all = [global::ROWS[0]; COUNT];
    let groups: [&[OptionRow]; 4] = [global::ROWS, listener::ROWS, bridge::ROWS, own::ROWS];
    let (mut group, mut at) = (0, 0);
    while group < groups.len() {
        let mut i = 0;
        while i < groups[group].len() {
            all[at] = groups[group][i];
            at += 1;
            i += 1;
        }
        group += 1;
    }
    all
};

/// The row of a key as it is written in a file.
pub fn find(word: &str) -> Option<&'static OptionRow> {
    OPTIONS.iter().find(|row| row.is(word))
}
