//! A tree of topic levels: one node per level that exists, children in the order in which they came. What it is not: it
//! knows no filter and no message. A node that holds nothing and has no children is forgotten.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Names a node while it lives; used again afterwards.
pub(super) type NodeIndex = u32;

/// The node above all first levels; where a link has this value, there is none.
pub(super) const ROOT: NodeIndex = 0;

#[derive(Debug)]
pub(super) struct LevelTree<V> {
    nodes: Vec<Node<V>>,
    free: Vec<NodeIndex>,
    edges: HashTable<NodeIndex>,
    hasher: DefaultHashBuilder,
    text_bytes: usize,
}

#[derive(Debug)]
struct Node<V> {
    level: Box<str>,
    parent: NodeIndex,
    first_child: NodeIndex,
    last_child: NodeIndex,
    before: NodeIndex,
    behind: NodeIndex,
    value: Option<V>,
}

impl<V> Node<V> {
    fn new(parent: NodeIndex, level: &str, before: NodeIndex) -> Node<V> {
        let level = Box::from(level);
        Node { level, parent, first_child: ROOT, last_child: ROOT, before, behind: ROOT, value: None }
    }
}

impl<V> LevelTree<V> {
    pub(super) fn new() -> LevelTree<V> {
        LevelTree {
            nodes: vec![Node::new(ROOT, "", ROOT)],
            free: Vec::new(),
            edges: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            text_bytes: 0,
        }
    }

    /// The node of a topic, where it has one.
    pub(super) fn find(&self, topic: &str) -> Option<NodeIndex> {
        topic.split('/').try_fold(ROOT, |node, level| self.child(node, level))
    }

    /// What the nodes would take that `topic` needs beside those that exist.
    pub(super) fn bytes_missing(&self, topic: &str) -> usize {
        let mut node = Some(ROOT);
        topic.split('/').fold(0, |bytes, level| {
            node = node.and_then(|node| self.child(node, level));
            bytes + if node.is_some() { 0 } else { size_of::<Node<V>>() + level.len() }
        })
    }

    /// The node of a topic, made where it has none. The caller puts a value there.
    pub(super) fn make(&mut self, topic: &str) -> NodeIndex {
        topic
            .split('/')
            .fold(ROOT, |node, level| self.child(node, level).unwrap_or_else(|| self.add(node, level)))
    }

    pub(super) fn value(&self, node: NodeIndex) -> Option<&V> {
        self.nodes[node as usize].value.as_ref()
    }

    pub(super) fn put(&mut self, node: NodeIndex, value: V) -> Option<V> {
        self.nodes[node as usize].value.replace(value)
    }

    /// Takes the value of a node and forgets what is left empty by that.
    pub(super) fn take(&mut self, node: NodeIndex) -> Option<V> {
        let value = self.nodes[node as usize].value.take();
        self.prune(node);
        value
    }

    pub(super) fn level(&self, node: NodeIndex) -> &str {
        &self.nodes[node as usize].level
    }

    pub(super) fn child(&self, node: NodeIndex, level: &str) -> Option<NodeIndex> {
        let is_it = |child: &NodeIndex| {
            let child = &self.nodes[*child as usize];
            child.parent == node && *child.level == *level
        };
        self.edges.find(self.hasher.hash_one((node, level)), is_it).copied()
    }

    /// In the order in which they came.
    pub(super) fn children(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let link = |node: NodeIndex| (node != ROOT).then_some(node);
        std::iter::successors(link(self.nodes[node as usize].first_child), move |child| {
            link(self.nodes[*child as usize].behind)
        })
    }

    /// Everything below a node, each before what is below it. As deep as the tree, without recursion: a topic has as
    /// many levels as its publisher likes.
    pub(super) fn below(&self, top: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let mut next = self.nodes[top as usize].first_child;
        std::iter::from_fn(move || {
            let node = (next != ROOT).then_some(next)?;
            next = self.after(node, top);
            Some(node)
        })
    }

    /// What the nodes take, the values without what they point to.
    pub(super) fn bytes(&self) -> usize {
        (self.nodes.len() - 1 - self.free.len()) * size_of::<Node<V>>() + self.text_bytes
    }

    fn after(&self, node: NodeIndex, top: NodeIndex) -> NodeIndex {
        let first_child = self.nodes[node as usize].first_child;
        if first_child != ROOT {
            return first_child;
        }
        let mut node = node;
        while node != top && node != ROOT {
            let here = &self.nodes[node as usize];
            if here.behind != ROOT {
                return here.behind;
            }
            node = here.parent;
        }
        ROOT
    }

    fn add(&mut self, parent: NodeIndex, level: &str) -> NodeIndex {
        let before = self.nodes[parent as usize].last_child;
        let node = Node::new(parent, level, before);
        let child = match self.free.pop() {
            Some(child) => {
                self.nodes[child as usize] = node;
                child
            }
            None => {
                self.nodes.push(node);
                NodeIndex::try_from(self.nodes.len() - 1).expect("bounded by Limits::retained_bytes_max")
            }
        };
        match before {
            ROOT => self.nodes[parent as usize].first_child = child,
            before => self.nodes[before as usize].behind = child,
        }
        self.nodes[parent as usize].last_child = child;
        self.text_bytes += level.len();
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        let rehash = |other: &NodeIndex| {
            let other = &nodes[*other as usize];
            hasher.hash_one((other.parent, &*other.level))
        };
        self.edges.insert_unique(hasher.hash_one((parent, level)), child, rehash);
        child
    }

    fn prune(&mut self, mut node: NodeIndex) {
        while node != ROOT {
            let here = &self.nodes[node as usize];
            if here.first_child != ROOT || here.value.is_some() {
                return;
            }
            let (parent, before, behind) = (here.parent, here.before, here.behind);
            let hash = self.hasher.hash_one((parent, &*here.level));
            self.text_bytes -= here.level.len();
            if let Ok(edge) = self.edges.find_entry(hash, |child| *child == node) {
                edge.remove();
            }
            match before {
                ROOT => self.nodes[parent as usize].first_child = behind,
                before => self.nodes[before as usize].behind = behind,
            }
            match behind {
                ROOT => self.nodes[parent as usize].last_child = before,
                behind => self.nodes[behind as usize].before = before,
            }
            self.nodes[node as usize] = Node::new(ROOT, "", ROOT);
            self.free.push(node);
            node = parent;
        }
    }
}
