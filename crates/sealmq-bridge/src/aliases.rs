//! Topic aliases of one connection of MQTT 5.0, each direction with its own. [MQTT-3.3.2-7]

use std::collections::HashMap;

/// What we have named towards the remote broker.
#[derive(Debug, Default)]
pub(crate) struct AliasesOut {
    max: u16,
    given: HashMap<String, u16>,
}

/// How a topic is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Naming {
    /// Without an alias: there are none, or all are given.
    Plain,
    /// With a new alias.
    Named(u16),
    /// The alias alone.
    Alias(u16),
}

impl AliasesOut {
    pub(crate) fn new(max: u16) -> AliasesOut {
        AliasesOut { max, given: HashMap::new() }
    }

    /// As mosquitto: the first topics get one each.
    pub(crate) fn name(&mut self, topic: &str) -> Naming {
        if let Some(alias) = self.given.get(topic) {
            return Naming::Alias(*alias);
        }
        let Ok(count) = u16::try_from(self.given.len()) else { return Naming::Plain };
        if count >= self.max {
            return Naming::Plain;
        }
        self.given.insert(topic.to_owned(), count + 1);
        Naming::Named(count + 1)
    }

    /// A topic that was not sent after all has named nothing.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.given.remove(topic);
        // The number that is free again was the last one: only the newest is ever taken back.
    }
}

/// What the remote broker has named.
#[derive(Debug, Default)]
pub(crate) struct AliasesIn {
    max: u16,
    given: HashMap<u16, String>,
}

impl AliasesIn {
    pub(crate) fn new(max: u16) -> AliasesIn {
        AliasesIn { max, given: HashMap::new() }
    }

    /// The topic that is meant; `None`: an alias that is none.
    pub(crate) fn topic(&mut self, topic: Option<&str>, alias: Option<u16>) -> Option<String> {
        let Some(alias) = alias else { return topic.map(str::to_owned) };
        if alias > self.max {
            return None;
        }
        match topic {
            Some(topic) => {
                self.given.insert(alias, topic.to_owned());
                Some(topic.to_owned())
            }
            None => self.given.get(&alias).cloned(),
        }
    }
}
