//! Every rule as a refusal beside its accepting twin, each with the statement it comes from.

mod acknowledgements;
mod answers;
mod connect;
mod fixed_header;
mod publish;
mod subscribe;

use crate::wire::whole;
use sealmq_mqtt::{Fault, ReasonCode, Sender, Version};

/// One rule: two packets that differ in nothing else.
pub(super) struct Rule {
    pub(super) cite: &'static str,
    pub(super) version: Version,
    pub(super) sender: Sender,
    pub(super) accepted: Vec<u8>,
    pub(super) refused: Vec<u8>,
    pub(super) fault: Fault,
    pub(super) code: ReasonCode,
}

pub(super) fn hold(rules: Vec<Rule>) {
    for rule in rules {
        let Rule { cite, version, sender, accepted, refused, fault, code } = rule;
        if let Err(fault) = whole(&accepted, version, sender) {
            panic!("{cite} in {version}: {accepted:02x?} is refused: {fault}");
        }
        let found = whole(&refused, version, sender).expect_err(cite);
        assert_eq!(found, fault, "{cite} in {version}: {refused:02x?}");
        assert_eq!(found.reason_code(), code, "{cite} in {version}");
    }
}

/// The same rule in several versions.
pub(super) fn in_versions(versions: &[Version], rule: impl Fn(Version) -> Rule) -> Vec<Rule> {
    versions.iter().map(|version| rule(*version)).collect()
}

pub(super) const ALL: [Version; 3] = [Version::V31, Version::V311, Version::V5];
pub(super) const V3X: [Version; 2] = [Version::V31, Version::V311];

/// The empty property length that 5.0 has and 3.x has not.
pub(super) fn no_properties(version: Version) -> &'static [u8] {
    if version.is_v5() { &[0] } else { &[] }
}
