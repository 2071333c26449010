//! The shared groups as data: (group, filter) → members in order of subscription. The shell puts a lock around it and
//! implements [`crate::SharedGroups`].
//!
//! Who is picked goes to the end of the line, who joins does too: mosquitto's order. A member that is away keeps its
//! turn and its session keeps the message (MQTT §4.8.2 leaves that open for QoS 1 and asks it for QoS 2,
//! [MQTT-4.8.2-4]); at QoS 0, which a session that is away does not keep, it is passed by. What was picked for a
//! session that ends is not given to another member. [MQTT-4.8.2-5]

use crate::{ClientId, FilterTrie, GroupsFull, Member, Occupant, Pick, Presence};
use hashbrown::HashMap;
use sealmq_mqtt::QoS;
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// (Group, filter) → members and the order of turns.
#[derive(Debug)]
pub struct GroupTable {
    filters: FilterTrie<Groups>,
    members: usize,
    members_max: usize,
}

/// The groups of one filter. One client may make as many as it has subscriptions, so no group is looked for among all.
#[derive(Debug, Default)]
struct Groups(Option<Box<Named>>);

#[derive(Debug, Default)]
struct Named {
    numbers: HashMap<String, u64>,
    /// In the order in which they came to be; a pick moves a cursor while the index is only read.
    groups: BTreeMap<u64, RefCell<Group>>,
    next: u64,
}

#[derive(Debug)]
struct Group {
    /// `$share/NAME/FILTER`.
    subscribed: Arc<str>,
    /// The next one to be picked is at the front.
    turns: VecDeque<Member>,
}

impl GroupTable {
    /// An empty table for at most `members_max` members ([`crate::Limits::shared_members_max`]).
    pub fn new(members_max: usize) -> GroupTable {
        GroupTable { filters: FilterTrie::new(), members: 0, members_max }
    }

    /// See [`crate::SharedGroups::join`].
    ///
    /// # Errors
    /// [`GroupsFull`] where a new member would be one too many.
    pub fn join(&mut self, group: &str, filter: &str, member: Member) -> Result<(), GroupsFull> {
        let (members, limit) = (self.members, self.members_max);
        let added = self.filters.update(filter, |groups| {
            if let Some(turns) = groups.turns(group)
                && let Some(old) = turns.iter_mut().find(|old| old.client == member.client)
            {
                *old = member;
                return Ok(0);
            }
            if members >= limit {
                return Err(GroupsFull { limit });
            }
            groups.turns_or_new(group, filter).push_back(member);
            Ok(1)
        })?;
        self.members += added;
        Ok(())
    }

    /// See [`crate::SharedGroups::leave`].
    pub fn leave(&mut self, group: &str, filter: &str, client: &ClientId) {
        let removed = self.filters.update(filter, |groups| {
            let Some(turns) = groups.turns(group) else { return 0 };
            let before = turns.len();
            turns.retain(|member| member.client != *client);
            let (removed, empty) = (before - turns.len(), turns.is_empty());
            if empty {
                groups.remove(group);
            }
            removed
        });
        self.members -= removed;
    }

    /// See [`crate::SharedGroups::presence`].
    pub fn presence(&mut self, group: &str, filter: &str, client: &ClientId, presence: Presence) {
        self.filters.update(filter, |groups| {
            let member = groups.turns(group).and_then(|turns| turns.iter_mut().find(|m| m.client == *client));
            if let Some(member) = member {
                member.presence = presence;
            }
        });
    }

    /// See [`crate::SharedGroups::pick`].
    /// [MQTT-4.8.2-3]
    pub fn pick(&mut self, topic: &str, qos: QoS, picks: &mut Vec<Pick>) {
        self.filters.matches(topic, |groups| {
            picks.extend(groups.iter().filter_map(|group| group.borrow_mut().pick(qos)));
        });
    }

    /// How many members all groups have together.
    pub const fn members(&self) -> usize {
        self.members
    }
}

impl Groups {
    fn iter(&self) -> impl Iterator<Item = &RefCell<Group>> {
        self.0.iter().flat_map(|named| named.groups.values())
    }

    /// The turns of a group that exists.
    fn turns(&mut self, name: &str) -> Option<&mut VecDeque<Member>> {
        let named = self.0.as_deref_mut()?;
        let group = named.groups.get_mut(named.numbers.get(name)?)?;
        Some(&mut group.get_mut().turns)
    }

    fn turns_or_new(&mut self, name: &str, filter: &str) -> &mut VecDeque<Member> {
        let Named { numbers, groups, next } = &mut **self.0.get_or_insert_default();
        let number = *numbers.entry_ref(name).or_insert_with(|| {
            *next += 1;
            *next
        });
        &mut groups.entry(number).or_insert_with(|| RefCell::new(Group::new(name, filter))).get_mut().turns
    }

    fn remove(&mut self, name: &str) {
        let Some(named) = self.0.as_deref_mut() else { return };
        if let Some(number) = named.numbers.remove(name) {
            named.groups.remove(&number);
        }
        if named.groups.is_empty() {
            self.0 = None;
        }
    }
}

impl Occupant for Groups {
    fn is_vacant(&self) -> bool {
        self.0.is_none()
    }
}

impl Group {
    fn new(name: &str, filter: &str) -> Group {
        let subscribed = Arc::from(format!("$share/{name}/{filter}"));
        Group { subscribed, turns: VecDeque::new() }
    }

    fn pick(&mut self, qos: QoS) -> Option<Pick> {
        for _ in 0..self.turns.len() {
            self.turns.rotate_left(1);
            let member = self.turns.back()?;
            if member.presence == Presence::Online || qos.min(member.qos) != QoS::AtMostOnce {
                let (shard, client) = (member.shard, member.client.clone());
                return Some(Pick { shard, client, filter: Arc::clone(&self.subscribed) });
            }
        }
        None
    }
}
