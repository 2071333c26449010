//! A configuration as sections of checked values, between the text and the typed options.

use crate::config::{BridgeAddress, FileSetting, TextSetting};
use crate::diagnostic::{Diagnostic, Place};
use crate::options::Choice;
use crate::value::Value;
use sealmq_bridge::TopicRule;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// After so many findings a file is not read further: it is not a configuration, or the next run will show the rest.
pub(crate) const FINDINGS_MAX: usize = 200;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) value: Value,
    pub(crate) at: Place,
}

/// The settings of the broker, a listener or a bridge, by the key's main name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    settings: BTreeMap<&'static str, Vec<Setting>>,
}

impl Section {
    pub(crate) fn has(&self, key: &str) -> bool {
        self.settings.contains_key(key)
    }

    pub(crate) fn put(&mut self, key: &'static str, setting: Setting) {
        self.settings.insert(key, vec![setting]);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.settings.remove(key);
    }

    pub(crate) fn add(&mut self, key: &'static str, setting: Setting) {
        self.settings.entry(key).or_default().push(setting);
    }

    pub(crate) fn all(&self, key: &str) -> &[Setting] {
        self.settings.get(key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn last(&self, key: &str) -> Option<&Setting> {
        self.all(key).last()
    }

    pub(crate) fn at(&self, key: &str) -> Option<Place> {
        self.last(key).map(|setting| setting.at.clone())
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        let Value::Flag(flag) = self.last(key)?.value else { return None };
        Some(flag)
    }

    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        let Value::Number(number) = self.last(key)?.value else { return None };
        Some(number)
    }

    /// A number that its row has bounded to `T`.
    pub(crate) fn bounded<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        self.number(key).and_then(|number| T::try_from(number).ok())
    }

    /// The same, where 0 stands for no limit.
    pub(crate) fn limit<T: TryFrom<i64>>(&self, key: &str, default: Option<T>) -> Option<T> {
        match self.number(key) {
            None => default,
            Some(0) => None,
            Some(number) => T::try_from(number).ok(),
        }
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let Value::Text(text) = &self.last(key)?.value else { return None };
        Some(text.clone())
    }

    pub(crate) fn text_setting(&self, key: &str) -> Option<TextSetting> {
        Some(TextSetting { text: self.text(key)?, at: self.at(key)? })
    }

    pub(crate) fn word(&self, key: &str) -> Option<&'static str> {
        let Value::Word(Choice { word, .. }) = self.last(key)?.value else { return None };
        Some(word)
    }

    pub(crate) fn file(&self, key: &str, base: &Base) -> Option<FileSetting> {
        let written = self.text(key)?;
        Some(FileSetting { path: base.join(&written), written, at: self.at(key)? })
    }
}

/// What relative paths are relative to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Base(pub(crate) Option<PathBuf>);

impl Base {
    pub(crate) fn join(&self, written: &str) -> PathBuf {
        match &self.0 {
            Some(folder) => folder.join(written),
            None => Path::new(written).to_owned(),
        }
    }
}

/// How a listener came to be.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A `listener` line.
    Named { port: u16, place: Option<String> },
    /// The default listener: `port`, `bind_address`, or a listener key before any listener.
    Default,
}

/// A listener and its keys.
#[derive(Clone, Debug)]
pub(crate) struct ListenerSection {
    pub(crate) at: Place,
    pub(crate) origin: Origin,
    pub(crate) section: Section,
}

impl ListenerSection {
    /// Whether the file asks to be reached from elsewhere through this one.
    pub(crate) fn is_asked_for(&self) -> bool {
        match self.origin {
            Origin::Named { .. } => true,
            Origin::Default => self.section.has("port") || self.section.has("bind_address"),
        }
    }
}

/// A bridge and its keys.
#[derive(Clone, Debug)]
pub(crate) struct BridgeSection {
    pub(crate) at: Place,
    pub(crate) name: String,
    pub(crate) section: Section,
}

impl BridgeSection {
    pub(crate) fn addresses(&self) -> Vec<BridgeAddress> {
        match self.section.last("address").map(|setting| &setting.value) {
            Some(Value::Addresses(addresses)) => addresses.clone(),
            _ => Vec::new(),
        }
    }

    /// mosquitto skips a line that says the same once more.
    pub(crate) fn topics(&self) -> Vec<TopicRule> {
        let mut rules = Vec::new();
        for setting in self.section.all("topic") {
            if let Value::Topic(rule) = &setting.value
                && !rules.contains(rule)
            {
                rules.push(rule.clone());
            }
        }
        rules
    }
}

/// Everything that the files say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    pub(crate) global: Section,
    pub(crate) listeners: Vec<ListenerSection>,
    pub(crate) bridges: Vec<BridgeSection>,
    pub(crate) per_listener_settings: bool,
    /// The index of the default listener, once there is one.
    pub(crate) default_listener: Option<usize>,
    /// Keys that stand under a listener and are about all of them, because `per_listener_settings` is false.
    pub(crate) for_all_listeners: BTreeMap<&'static str, Place>,
}

/// The findings so far, in order, and bounded.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) list: Vec<Diagnostic>,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Diagnostic) {
        if self.list.len() < FINDINGS_MAX {
            self.list.push(finding);
        } else if self.list.len() == FINDINGS_MAX {
            self.list.push(
                Diagnostic::error(None, format!("More than {FINDINGS_MAX} findings."))
                    .hint("mend these first, then look again"),
            );
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.list.len() > FINDINGS_MAX
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }
}
