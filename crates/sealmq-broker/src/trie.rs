//! An index from topic filters to values, asked by topic: what matches. Pure, without locks.
//!
//! Matching allocates nothing and visits each node at most once, so its cost is bounded by the nodes that exist; with
//! filters that do not overlap it is the number of levels. It equals `sealmq_mqtt::matches` (a property test holds it
//! to that). The order is mosquitto's: of what matches below a level, what names it comes before `+`, and `#` last, but
//! a `#` behind the whole topic comes before the topic itself. Nothing is ever iterated in the order of a hash.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// A value that lives at a filter as long as it is not vacant.
pub trait Occupant: Default {
    /// Whether it can be forgotten.
    fn is_vacant(&self) -> bool;
}

/// The index.
#[derive(Debug)]
pub struct FilterTrie<V> {
    nodes: Vec<Node<V>>,
    free: Vec<NodeIndex>,
    edges: HashTable<NodeIndex>,
    hasher: DefaultHashBuilder,
}

type NodeIndex = u32;

/// The root, and in the fields `plus` and `hash`: no child.
const ROOT: NodeIndex = 0;

#[derive(Debug)]
struct Node<V> {
    level: Box<str>,
    parent: NodeIndex,
    /// The child for `+`.
    plus: NodeIndex,
    /// The child for `#`.
    hash: NodeIndex,
    /// How many children there are, `plus` and `hash` included.
    children: u32,
    value: V,
}

impl<V: Occupant> Default for FilterTrie<V> {
    fn default() -> FilterTrie<V> {
        FilterTrie {
            nodes: vec![Node::new(ROOT, "")],
            free: Vec::new(),
            edges: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl<V: Occupant> Node<V> {
    fn new(parent: NodeIndex, level: &str) -> Node<V> {
        Node { level: Box::from(level), parent, plus: ROOT, hash: ROOT, children: 0, value: V::default() }
    }
}

impl<V: Occupant> FilterTrie<V> {
    /// An empty index.
    pub fn new() -> FilterTrie<V> {
        FilterTrie::default()
    }

    /// Lets `change` change the value at `filter`, which begins as `V::default()` and is forgotten where it is vacant
    /// afterwards.
    pub fn update<R>(&mut self, filter: &str, change: impl FnOnce(&mut V) -> R) -> R {
        let node = filter.split('/').fold(ROOT, |node, level| match self.child(node, level) {
            Some(child) => child,
            None => self.add_child(node, level),
        });
        let result = change(&mut self.nodes[node as usize].value);
        self.prune(node);
        result
    }

    /// The value at exactly this filter.
    pub fn get(&self, filter: &str) -> Option<&V> {
        let node = filter.split('/').try_fold(ROOT, |node, level| self.child(node, level))?;
        Some(&self.nodes[node as usize].value)
    }

    /// Calls `visit` for the value of each filter that matches `topic`, in an order that depends on the filters only.
    pub fn matches<'a>(&'a self, topic: &str, mut visit: impl FnMut(&'a V)) {
        let wildcards = if topic.starts_with('$') { Wildcards::Skipped } else { Wildcards::Followed };
        self.walk(ROOT, Some(topic), wildcards, &mut visit);
    }

    /// How many nodes there are, the root not counted: what memory use is proportional to.
    pub fn nodes(&self) -> usize {
        self.nodes.len() - 1 - self.free.len()
    }

    /// Follows `rest` down from `node`. As deep as the topic has levels.
    fn walk<'a>(
        &'a self,
        node: NodeIndex,
        rest: Option<&str>,
        wildcards: Wildcards,
        visit: &mut impl FnMut(&'a V),
    ) {
        let here = &self.nodes[node as usize];
        let multi_level = (here.hash != ROOT && wildcards == Wildcards::Followed)
            .then(|| &self.nodes[here.hash as usize].value);
        let Some(rest) = rest else {
            // `#` matches the parent, too. [MQTT-4.7.1-1]
            multi_level.into_iter().chain((!here.value.is_vacant()).then_some(&here.value)).for_each(visit);
            return;
        };
        let (level, below) = match rest.split_once('/') {
            Some((level, below)) => (level, Some(below)),
            None => (rest, None),
        };
        if let Some(child) = self.literal_child(node, level) {
            self.walk(child, below, Wildcards::Followed, visit);
        }
        if here.plus != ROOT && wildcards == Wildcards::Followed {
            self.walk(here.plus, below, Wildcards::Followed, visit);
        }
        multi_level.into_iter().for_each(visit);
    }

    fn child(&self, node: NodeIndex, level: &str) -> Option<NodeIndex> {
        let some = |child: NodeIndex| (child != ROOT).then_some(child);
        match level {
            "+" => some(self.nodes[node as usize].plus),
            "#" => some(self.nodes[node as usize].hash),
            _ => self.literal_child(node, level),
        }
    }

    fn literal_child(&self, node: NodeIndex, level: &str) -> Option<NodeIndex> {
        if self.nodes[node as usize].children == 0 {
            return None;
        }
        let hash = self.hasher.hash_one((node, level));
        let is_it = |child: &NodeIndex| {
            let child = &self.nodes[*child as usize];
            child.parent == node && *child.level == *level
        };
        self.edges.find(hash, is_it).copied()
    }

    fn add_child(&mut self, parent: NodeIndex, level: &str) -> NodeIndex {
        let node = Node::new(parent, level);
        let child = match self.free.pop() {
            Some(child) => {
                self.nodes[child as usize] = node;
                child
            }
            None => {
                self.nodes.push(node);
                NodeIndex::try_from(self.nodes.len() - 1)
                    .expect("bounded by Limits::subscriptions_max and sessions")
            }
        };
        let above = &mut self.nodes[parent as usize];
        above.children += 1;
        match level {
            "+" => above.plus = child,
            "#" => above.hash = child,
            _ => {
                let (nodes, hasher) = (&self.nodes, &self.hasher);
                let rehash = |other: &NodeIndex| {
                    let other = &nodes[*other as usize];
                    hasher.hash_one((other.parent, &*other.level))
                };
                self.edges.insert_unique(hasher.hash_one((parent, level)), child, rehash);
            }
        }
        child
    }

    /// Forgets `node` and the nodes above it, as far as they hold nothing.
    fn prune(&mut self, mut node: NodeIndex) {
        while node != ROOT {
            let here = &self.nodes[node as usize];
            if here.children > 0 || !here.value.is_vacant() {
                return;
            }
            let parent = here.parent;
            match &*here.level {
                "+" => self.nodes[parent as usize].plus = ROOT,
                "#" => self.nodes[parent as usize].hash = ROOT,
                level => {
                    let hash = self.hasher.hash_one((parent, level));
                    if let Ok(edge) = self.edges.find_entry(hash, |child| *child == node) {
                        edge.remove();
                    }
                }
            }
            self.nodes[parent as usize].children -= 1;
            self.nodes[node as usize] = Node::new(ROOT, "");
            self.free.push(node);
            node = parent;
        }
    }
}

/// A wildcard at the front does not match a topic that starts with `$`. [MQTT-4.7.2-1] [MQTT311-4.7.2-1]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wildcards {
    Followed,
    Skipped,
}

impl<T> Occupant for Vec<T> {
    fn is_vacant(&self) -> bool {
        self.is_empty()
    }
}

impl Occupant for crate::ShardSet {
    fn is_vacant(&self) -> bool {
        self.is_empty()
    }
}
