//! Files to a configuration: lines into sections, by the option table.
//!
//! All findings are collected; reading goes on after an error. What a line does is decided by its row alone: where it
//! may stand, how its value is read, what a repetition means, and what becomes of it if SealMQ does not honour it.

mod complaints;

use crate::diagnostic::{Diagnostic, Place};
use crate::document::{BridgeSection, Document, Findings, ListenerSection, Origin, Section, Setting};
use crate::lexer::{self, BadText, Line, Tail};
use crate::options::{self, Kind, OptionRow, Repeat, Scope, Support};
use crate::plugins::{self, Owner, Plugins};
use crate::resolve;
use crate::source::{Arguments, Loader, Parsed, SourceFile};
use crate::value::{self, Reading, Value};
use std::path::Path;
use std::sync::Arc;

/// The largest file that is read. The largest real ones have some thousand lines.
const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// More listeners than this are no configuration.
const LISTENERS_MAX: usize = 1_000;

/// Reads a configuration: the main file if there is one, what it includes, and the command line.
pub fn parse(main: Option<&SourceFile>, arguments: &Arguments, loader: &dyn Loader) -> Parsed {
    parse_all(main.map_or(&[], std::slice::from_ref), arguments, loader)
}

/// The same with several main files (`-c` given twice): each one adds to those before it. What is relative to the main
/// file is relative to the last one.
pub fn parse_all(main: &[SourceFile], arguments: &Arguments, loader: &dyn Loader) -> Parsed {
    let mut reader = Reader {
        loader,
        document: Document::default(),
        plugins: Plugins::default(),
        findings: Findings::default(),
    };
    for file in main {
        reader.file(&file.path, &file.bytes, &Depth::Main);
    }
    let Reader { mut document, plugins, mut findings, .. } = reader;
    plugins.settle(&mut document, &mut findings);
    let config =
        resolve::resolve(&document, main.last().map(|main| main.path.as_path()), arguments, &mut findings);
    let config = if findings.has_errors() { None } else { config };
    Parsed { config, diagnostics: findings.list }
}

#[derive(PartialEq, Eq)]
enum Depth {
    Main,
    /// By this line of the main file.
    Included(Arc<Place>),
}

impl Depth {
    fn included_at(&self) -> Option<Arc<Place>> {
        match self {
            Depth::Main => None,
            Depth::Included(at) => Some(Arc::clone(at)),
        }
    }
}

/// What the lines of a file are about at the moment. An included file begins anew, as in mosquitto.
#[derive(Default)]
struct Here {
    listener: Option<usize>,
    bridge: Option<usize>,
    plugin: Option<usize>,
}

/// Where a setting goes.
enum Target {
    Global,
    Listener(usize),
    Bridge(usize),
}

struct Reader<'l> {
    loader: &'l dyn Loader,
    document: Document,
    plugins: Plugins,
    findings: Findings,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, bytes: &[u8], depth: &Depth) {
        let name: Arc<str> = path.to_string_lossy().into();
        if bytes.len() > FILE_BYTES_MAX {
            let text = format!("Config file '{name}' has {} bytes, more than {FILE_BYTES_MAX}.", bytes.len());
            return self
                .findings
                .add(Diagnostic::error(Place::new(name, 0), text).hint("is it a configuration?"));
        }
        let mut here = Here::default();
        for line in lexer::lines(bytes) {
            if self.findings.is_full() {
                return;
            }
            let place = |number| Place::new(name.clone(), number).included(depth.included_at());
            match line {
                Ok(line) => self.line(line, place(line.number), &mut here, depth),
                Err(bad) => self.findings.add(complaints::bad_line(bad.why, place(bad.number))),
            }
        }
    }

    fn line(&mut self, line: Line<'_>, at: Place, here: &mut Here, depth: &Depth) {
        let Some(row) = options::find(line.key) else {
            return self.findings.add(complaints::unknown(line.key, at));
        };
        let target = match self.target(row, line.key, &at, here) {
            Ok(target) => target,
            Err(finding) => return self.findings.add(finding),
        };
        if line.tail == Tail::Bytes && row.kind.takes_all() {
            return self.findings.add(complaints::bad_line(BadText::Malformed, at));
        }
        let Reading { value, ignored } = match value::read(row, line.key, line.rest) {
            Ok(reading) => reading,
            Err(bad) => {
                let finding = Diagnostic::error(at, bad.text).exit(bad.exit);
                let example = || format!("write it as in `{} {}`", row.name(line.key), row.example);
                return self.findings.add(finding.hint(bad.hint.unwrap_or_else(example)));
            }
        };
        self.leftovers(row, line, ignored, &at);
        if row.scope == Scope::GlobalOrListener && here.listener.is_some() && matches!(target, Target::Global)
        {
            self.document.for_all_listeners.entry(row.key).or_insert_with(|| at.clone());
        }
        match row.scope {
            Scope::MainFile => self.include(plugins::text_of(&value), depth, at),
            Scope::StartsListener => self.start_listener(value, at, here),
            Scope::StartsBridge => self.start_bridge(&value, at, here),
            Scope::StartsPlugin | Scope::UsesPlugin | Scope::AfterPlugin => {
                self.plugin(row, line, value, at, here)
            }
            Scope::Global
            | Scope::GlobalOrListener
            | Scope::Listener
            | Scope::ListenerOrDefault
            | Scope::NamedListener
            | Scope::DefaultListener
            | Scope::Bridge => self.setting(row, line, value, at, target),
        }
    }

    /// Where a line of this row goes, or that it stands too early.
    fn target(
        &mut self,
        row: &OptionRow,
        written: &str,
        at: &Place,
        here: &mut Here,
    ) -> Result<Target, Diagnostic> {
        let needs = |what| {
            Diagnostic::error(
                at.clone(),
                format!("The '{written}' option requires {what} to be defined first."),
            )
        };
        let listener = || needs("a listener").hint(format!("put `{written}` below a `listener PORT` line"));
        let named = |here: &Here| here.listener.filter(|index| self.is_named(*index));
        match row.scope {
            Scope::Global | Scope::MainFile | Scope::StartsListener | Scope::StartsBridge => {
                Ok(Target::Global)
            }
            Scope::GlobalOrListener if !self.document.per_listener_settings => Ok(Target::Global),
            Scope::StartsPlugin if !self.document.per_listener_settings => Ok(Target::Global),
            Scope::StartsPlugin if matches!(written, "global_plugin" | "plugin_load") => Ok(Target::Global),
            Scope::GlobalOrListener | Scope::StartsPlugin | Scope::Listener => {
                here.listener.map(Target::Listener).ok_or_else(listener)
            }
            Scope::NamedListener | Scope::UsesPlugin => {
                named(here).map(Target::Listener).ok_or_else(listener)
            }
            Scope::ListenerOrDefault => {
                let index = here.listener.unwrap_or_else(|| self.default_listener(at));
                here.listener = Some(index);
                Ok(Target::Listener(index))
            }
            Scope::DefaultListener => {
                let index = self.default_listener(at);
                here.listener = Some(index);
                Ok(Target::Listener(index))
            }
            Scope::Bridge => here.bridge.map(Target::Bridge).ok_or_else(|| {
                needs("a bridge").hint(format!("put `{written}` below a `connection NAME` line"))
            }),
            Scope::AfterPlugin if here.plugin.is_some() => Ok(Target::Global),
            Scope::AfterPlugin if row.kind == Kind::Boolean => Err(Diagnostic::error(
                at.clone(),
                format!("An {} option exists in the config file without a plugin.", row.key),
            )
            .hint(WITHOUT_PLUGIN)),
            Scope::AfterPlugin => Err(needs("plugin/global_plugin/plugin_load").hint(WITHOUT_PLUGIN)),
        }
    }

    fn is_named(&self, index: usize) -> bool {
        matches!(self.document.listeners[index].origin, Origin::Named { .. })
    }

    /// The default listener, made at its first use.
    fn default_listener(&mut self, at: &Place) -> usize {
        let Document { listeners, default_listener, .. } = &mut self.document;
        *default_listener.get_or_insert_with(|| {
            listeners.push(ListenerSection {
                at: at.clone(),
                origin: Origin::Default,
                section: Section::default(),
            });
            listeners.len() - 1
        })
    }

    fn leftovers(&mut self, row: &OptionRow, line: Line<'_>, ignored: Option<&str>, at: &Place) {
        if let Some(ignored) = ignored {
            let text = format!("'{ignored}' after the value of '{}' is not looked at.", line.key);
            self.findings.add(Diagnostic::warning(at.clone(), text).hint("remove it, or put a # before it"));
        }
        if row.kind.takes_all() && line.rest.contains(" #") {
            let text =
                format!("'{}' takes the whole line: the text from # on belongs to its value.", line.key);
            self.findings
                .add(Diagnostic::warning(at.clone(), text).hint("a comment needs a line of its own here"));
        }
    }

    fn start_listener(&mut self, value: Value, at: Place, here: &mut Here) {
        let Value::Listen { port, place } = value else { return };
        if self.document.listeners.len() >= LISTENERS_MAX {
            return self.findings.add(Diagnostic::error(at, format!("More than {LISTENERS_MAX} listeners.")));
        }
        let origin = Origin::Named { port, place };
        self.document.listeners.push(ListenerSection { at, origin, section: Section::default() });
        here.listener = Some(self.document.listeners.len() - 1);
    }

    fn start_bridge(&mut self, value: &Value, at: Place, here: &mut Here) {
        let name = lexer::words(plugins::text_of(value)).next().unwrap_or_default().to_owned();
        if self.document.bridges.iter().any(|bridge| bridge.name == name) {
            self.findings.add(
                Diagnostic::error(at.clone(), format!("Duplicate bridge name '{name}'."))
                    .hint("give each bridge a name of its own"),
            );
        }
        self.document.bridges.push(BridgeSection { at, name, section: Section::default() });
        here.bridge = Some(self.document.bridges.len() - 1);
    }

    fn plugin(&mut self, row: &'static OptionRow, line: Line<'_>, value: Value, at: Place, here: &mut Here) {
        let owner = match here.listener {
            Some(index) if self.document.per_listener_settings && line.key != "global_plugin" => {
                Owner::Listener(index)
            }
            Some(_) | None => Owner::Broker,
        };
        let text = plugins::text_of(&value).to_owned();
        match (row.scope, here.plugin) {
            (Scope::StartsPlugin, _) => {
                let owner = (line.key != "plugin_load").then_some(owner);
                here.plugin = Some(self.plugins.load(&text, owner, at, &mut self.findings));
            }
            (Scope::UsesPlugin, _) => {
                let Some(index) = here.listener else { return };
                let found = self.plugins.attach(&text, Owner::Listener(index), at, &mut self.findings);
                here.plugin = found.or(here.plugin);
            }
            (_, Some(plugin)) if row.kind == Kind::PluginOption => {
                let option = plugins::option_name(line.key);
                self.plugins.option(plugin, option, Setting { value, at }, &mut self.findings);
            }
            (_, Some(plugin)) if self.plugins.is_stock(plugin) && value == Value::Flag(false) => {
                self.unsupported(row, line, row.support, at);
            }
            (_, Some(_) | None) => {}
        }
    }

    /// A key with a value for the broker, a listener or a bridge.
    fn setting(&mut self, row: &'static OptionRow, line: Line<'_>, value: Value, at: Place, target: Target) {
        if row.key == "per_listener_settings" && !self.per_listener_settings(&value, &at) {
            return;
        }
        let first = line.rest.split(lexer::blank).next().unwrap_or_default();
        match value::support(row, &value) {
            Support::Honoured => {}
            _ if row.harmless.contains(&first) => return,
            support @ (Support::NotYet(_) | Support::Refused { .. } | Support::Ignored(_)) => {
                self.unsupported(row, line, support, at.clone());
                // A second line is an error whatever becomes of the first.
                if row.repeat != Repeat::Once {
                    return;
                }
            }
        }
        let section = match target {
            Target::Global => &mut self.document.global,
            Target::Listener(index) => &mut self.document.listeners[index].section,
            Target::Bridge(index) => &mut self.document.bridges[index].section,
        };
        let again = section.has(row.key);
        match row.repeat {
            Repeat::Once if again => self.findings.add(complaints::duplicate(row, line.key, at)),
            Repeat::Adds => section.add(row.key, Setting { value, at }),
            Repeat::Last | Repeat::Once => {
                let before = section
                    .last(row.key)
                    .filter(|before| before.value != value)
                    .map(|before| before.at.clone());
                section.put(row.key, Setting { value, at: at.clone() });
                if let Some(before) = before {
                    let text = format!("'{}' is given twice; this one counts.", line.key);
                    self.findings
                        .add(Diagnostic::warning(at, text).hint(format!("the other one stands at {before}")));
                }
            }
        }
    }

    /// Whether the line counts: the key sticks once it is true, and must come before the keys it governs.
    fn per_listener_settings(&mut self, value: &Value, at: &Place) -> bool {
        let wanted = *value == Value::Flag(true);
        let governed =
            |row: &&OptionRow| row.scope == Scope::GlobalOrListener && self.document.global.has(row.key);
        if wanted && !self.document.per_listener_settings && options::OPTIONS.iter().any(|row| governed(&row))
        {
            let text = "per_listener_settings must be set before any other security settings.";
            self.findings.add(Diagnostic::error(at.clone(), text).hint("move it to the first line"));
        }
        let counts = !self.document.per_listener_settings;
        self.document.per_listener_settings |= wanted;
        counts
    }

    fn unsupported(&mut self, row: &OptionRow, line: Line<'_>, support: Support, at: Place) {
        if let Some(finding) = complaints::unsupported(row, line, support, at) {
            self.findings.add(finding);
        }
    }

    fn include(&mut self, folder: &str, depth: &Depth, at: Place) {
        if *depth != Depth::Main {
            let text = "The include_dir option is only valid in the main configuration file.";
            return self.findings.add(Diagnostic::error(at, text).hint("move the line there"));
        }
        let mut files = match self.loader.list(Path::new(folder)) {
            Ok(files) => files,
            Err(why) => {
                let text = format!("Unable to open include_dir '{folder}'.");
                return self.findings.add(Diagnostic::error(at, text).hint(format!("{why}; {READABLE}")));
            }
        };
        // mosquitto takes NAME.conf, not a file called just `.conf`.
        files.retain(|file| file.extension().is_some_and(|extension| extension == "conf"));
        files.sort_by_cached_key(|file| letters_before_case(file));
        let depth = Depth::Included(Arc::new(at.clone()));
        for file in files {
            match self.loader.read(&file) {
                Ok(bytes) => self.file(&file, &bytes, &depth),
                Err(why) => self.findings.add(complaints::unreadable(&file, why, at.clone())),
            }
        }
    }
}

/// mosquitto's order of files: `a.conf`, `B.conf`, `b.conf`.
fn letters_before_case(file: &Path) -> Vec<(u8, u8)> {
    file.as_os_str().as_encoded_bytes().iter().map(|byte| (byte.to_ascii_uppercase(), *byte)).collect()
}

const READABLE: &str = "check the path, and that the user who starts the broker may read it";
const WITHOUT_PLUGIN: &str = "remove the line: it belongs to a plugin, and none is named above it";
