//! Plugin keys. C plugins are never loaded and never skipped: a plugin may be the access control. Two of mosquitto's own
//! do what `acl_file` and `password_file` do, and are taken as these.

use crate::diagnostic::{Diagnostic, Exit, Place};
use crate::document::{Document, Findings, Section, Setting};
use crate::lexer::blank;
use crate::value::Value;

/// More plugins than this are no configuration.
const PLUGINS_MAX: usize = 100;

/// What a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stock {
    AclFile,
    PasswordFile,
}

impl Stock {
    fn of(path: &str) -> Option<Stock> {
        match path.rsplit('/').next() {
            Some("mosquitto_acl_file.so") => Some(Stock::AclFile),
            Some("mosquitto_password_file.so") => Some(Stock::PasswordFile),
            _ => None,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Stock::AclFile => "acl_file",
            Stock::PasswordFile => "password_file",
        }
    }
}

/// To which part of the configuration a plugin belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Broker,
    Listener(usize),
}

/// A plugin line.
#[derive(Debug)]
struct Plugin {
    at: Place,
    name: Option<String>,
    /// `None`: not one of the two; its error has been reported.
    stock: Option<Stock>,
    file: Option<Setting>,
    owners: Vec<Owner>,
}

/// The plugins of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Plugins {
    list: Vec<Plugin>,
}

impl Plugins {
    /// `plugin PATH` (owner known) or `plugin_load NAME PATH` (owner comes with `plugin_use`). The index for its options.
    pub(crate) fn load(
        &mut self,
        value: &str,
        owner: Option<Owner>,
        at: Place,
        findings: &mut Findings,
    ) -> usize {
        let (name, path) = match owner {
            Some(_) => (None, value),
            None => match value.split_once(blank) {
                Some((name, path)) => (Some(name.to_owned()), path.trim_matches(blank)),
                None => (Some(value.to_owned()), ""),
            },
        };
        if self.list.len() >= PLUGINS_MAX {
            findings.add(Diagnostic::error(at, format!("More than {PLUGINS_MAX} plugins.")));
            return self.list.len() - 1;
        }
        let stock = Stock::of(path);
        if let Some(name) = &name
            && self.list.iter().any(|plugin| plugin.name.as_ref() == Some(name))
        {
            findings.add(
                Diagnostic::error(at.clone(), format!("Duplicate plugin name '{name}'."))
                    .hint("give each plugin_load a name of its own"),
            );
        }
        if path.is_empty() {
            let name = name.as_deref().unwrap_or("(null)");
            findings.add(
                Diagnostic::error(at.clone(), format!("Missing plugin path for plugin name '{name}'."))
                    .hint("write the path of the shared object behind it"),
            );
        } else if stock.is_none() {
            findings.add(refusal(path, at.clone()));
        }
        self.list.push(Plugin { at, name, stock, file: None, owners: owner.into_iter().collect() });
        self.list.len() - 1
    }

    /// `plugin_opt_NAME VALUE` after the plugin with this index.
    pub(crate) fn option(&mut self, index: usize, option: &str, setting: Setting, findings: &mut Findings) {
        let plugin = &mut self.list[index];
        let Some(stock) = plugin.stock else { return };
        if option == stock.key() {
            plugin.file = Some(setting);
            return;
        }
        let text = format!("'{option}' is not an option of the built-in {}.", stock.key());
        findings.add(
            Diagnostic::error(setting.at, text).hint(format!("the only one is plugin_opt_{}", stock.key())),
        );
    }

    /// `plugin_use NAME`. The index for its options.
    pub(crate) fn attach(
        &mut self,
        name: &str,
        owner: Owner,
        at: Place,
        findings: &mut Findings,
    ) -> Option<usize> {
        let found = self.list.iter().position(|plugin| plugin.name.as_deref() == Some(name));
        match found {
            Some(index) if !self.list[index].owners.contains(&owner) => self.list[index].owners.push(owner),
            Some(_) => {}
            None => findings.add(
                Diagnostic::error(at, format!("Plugin '{name}' not previously loaded."))
                    .hint(format!("a line `plugin_load {name} PATH` must come first")),
            ),
        }
        found
    }

    /// Whether the plugin is one of the two that are built in.
    pub(crate) fn is_stock(&self, index: usize) -> bool {
        self.list[index].stock.is_some()
    }

    /// Puts the files of the stock plugins where `acl_file` and `password_file` would stand.
    pub(crate) fn settle(self, document: &mut Document, findings: &mut Findings) {
        for plugin in self.list {
            let Some(stock) = plugin.stock else { continue };
            let key = stock.key();
            let Some(file) = plugin.file else {
                findings.add(
                    Diagnostic::error(plugin.at, format!("The plugin has no 'plugin_opt_{key}'.")).hint(
                        format!("write `plugin_opt_{key} PATH` below it, or `{key} PATH` instead of both"),
                    ),
                );
                continue;
            };
            if plugin.owners.is_empty() {
                findings.add(
                    Diagnostic::error(plugin.at, "The plugin is loaded, but no listener uses it.")
                        .hint("write `plugin_use NAME` under the listeners it is meant for, or remove it"),
                );
            }
            for owner in plugin.owners {
                let section = match owner {
                    Owner::Broker => &mut document.global,
                    Owner::Listener(index) => &mut document.listeners[index].section,
                };
                put(section, key, &file, findings);
            }
        }
    }
}

fn put(section: &mut Section, key: &'static str, file: &Setting, findings: &mut Findings) {
    match section.at(key) {
        Some(other) => findings.add(
            Diagnostic::error(file.at.clone(), format!("'{key}' is given twice."))
                .hint(format!("the other one stands at {other}; one of them must go")),
        ),
        None => section.put(key, Setting { value: file.value.clone(), at: file.at.clone() }),
    }
}

/// The error for a plugin that SealMQ has nothing like, with what replaces it.
fn refusal(path: &str, at: Place) -> Diagnostic {
    let file = path.rsplit('/').next().unwrap_or(path);
    let instead = match file {
        "mosquitto_dynamic_security.so" => {
            "users and rights live in password_file and acl_file, or in certificates; `mosquitto_ctrl dynsec` has no \
             counterpart yet"
        }
        "mosquitto_persist_sqlite.so" => {
            "remove it to start without: sessions and retained messages are in memory until \"Nothing acknowledged is \
             lost\" brings the durable store"
        }
        "mosquitto_sparkplug_aware.so" => "it has no counterpart; remove it if nothing depends on it",
        _ => {
            "password_file and acl_file, or client certificates, replace an access control; remove the line if it was none"
        }
    };
    Diagnostic::error(at, format!("Unable to load plugin \"{path}\". SealMQ loads no C plugins, and a plugin may be the access control."))
        .hint(instead)
        .exit(Exit::FileAccess)
}

/// The setting of a `plugin_opt_` line.
pub(crate) fn option_name(written: &str) -> &str {
    written.strip_prefix("plugin_opt_").or(written.strip_prefix("auth_opt_")).unwrap_or(written)
}

/// The text of a plugin key's value.
pub(crate) fn text_of(value: &Value) -> &str {
    if let Value::Text(text) = value { text } else { "" }
}
