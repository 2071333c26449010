//! Certificate policies (RFC 5280 §6.1.2 to §6.1.5), with every policy acceptable to the user.
//!
//! One algorithm for the verifier of handshakes (webpki reads no policies) and for the explanation. With that set, whether a path is valid depends only on whether any policy is left where one is required, so a level of
//! the policy tree is a map and the tree's levels above are not kept: what grows with a stranger's certificates is one
//! level, which holds no more policies than one certificate and the one before it name.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::Facts;
use crate::cert::{Extension, ParseError, Reader, raw_extensions, tlv};

const ANY_POLICY: &str = "2.5.29.32.0";

/// policyConstraints: a path without it in any certificate demands no policy.
pub const POLICY_CONSTRAINTS: &str = "2.5.29.36";

/// What one certificate says about policies.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// certificatePolicies.
    policies: Option<BTreeSet<String>>,
    /// policyMappings: issuerDomainPolicy and subjectDomainPolicy.
    mappings: Vec<(String, String)>,
    require_explicit: Option<u32>,
    inhibit_mapping: Option<u32>,
    inhibit_any: Option<u32>,
}

impl Policies {
    /// Reads them from a certificate.
    ///
    /// # Errors
    /// One of the extensions is broken.
    pub fn of(der: &[u8]) -> Result<Policies, ParseError> {
        let mut policies = Policies::default();
        raw_extensions(der)?.iter().try_for_each(|extension| policies.take(extension))?;
        Ok(policies)
    }

    /// Takes an extension if it is one of these.
    pub(crate) fn take(&mut self, extension: &Extension<'_>) -> Result<(), ParseError> {
        let value = extension.value;
        match extension.oid.as_str() {
            "2.5.29.32" => self.take_policies(value),
            "2.5.29.33" => self.take_mappings(value),
            POLICY_CONSTRAINTS => self.take_constraints(value),
            "2.5.29.54" => self.take_inhibit_any(value),
            _ => Ok(()),
        }
    }

    fn take_policies(&mut self, value: &[u8]) -> Result<(), ParseError> {
        const FIELD: &str = "certificatePolicies";
        let mut list = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
        let mut found = BTreeSet::new();
        while !list.is_empty() {
            let mut information = list.expect(tlv::SEQUENCE, FIELD)?.reader();
            found.insert(tlv::oid(information.expect(tlv::OID, FIELD)?, FIELD)?);
        }
        self.policies = Some(found);
        Ok(())
    }

    fn take_mappings(&mut self, value: &[u8]) -> Result<(), ParseError> {
        const FIELD: &str = "policyMappings";
        let mut list = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
        while !list.is_empty() {
            let mut pair = list.expect(tlv::SEQUENCE, FIELD)?.reader();
            let issuer = tlv::oid(pair.expect(tlv::OID, FIELD)?, FIELD)?;
            let subject = tlv::oid(pair.expect(tlv::OID, FIELD)?, FIELD)?;
            pair.finish(FIELD)?;
            self.mappings.push((issuer, subject));
        }
        Ok(())
    }

    fn take_constraints(&mut self, value: &[u8]) -> Result<(), ParseError> {
        const FIELD: &str = "policyConstraints";
        let mut reader = tlv::sole(value, tlv::SEQUENCE, FIELD)?.reader();
        self.require_explicit = skip_certs(&mut reader, 0x80, FIELD)?;
        self.inhibit_mapping = skip_certs(&mut reader, 0x81, FIELD)?;
        reader.finish(FIELD)
    }

    fn take_inhibit_any(&mut self, value: &[u8]) -> Result<(), ParseError> {
        const FIELD: &str = "inhibitAnyPolicy";
        self.inhibit_any = Some(tlv::small_integer(tlv::sole(value, tlv::INTEGER, FIELD)?, FIELD)?);
        Ok(())
    }
}

fn skip_certs(reader: &mut Reader<'_>, tag: u8, field: &'static str) -> Result<Option<u32>, ParseError> {
    reader.optional(tag, field)?.map(|count| tlv::small_integer(count, field)).transpose()
}

/// Why the policies of a path fit nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unfit {
    /// A policy is required, and none holds for all of the path.
    #[error("a CA above demands a policy, and none holds for the whole path")]
    NoExplicitPolicy,
    /// anyPolicy is mapped (RFC 5280 §6.1.4 (a)).
    #[error("it maps anyPolicy")]
    AnyPolicyMapped,
}

/// The state of RFC 5280 §6.1.2. Counters start at "more certificates than there are".
struct State {
    /// Valid policies of this depth, each with the policies that are expected below. Empty: the tree is NULL.
    level: BTreeMap<String, BTreeSet<String>>,
    explicit: u32,
    mapping: u32,
    inhibit_any: u32,
}

/// Checks the certificates below the anchor, the one that the anchor signed first.
///
/// # Errors
/// What is wrong, and the index of the certificate at fault.
pub fn check(below_anchor: &[(&Facts, &Policies)]) -> Result<(), (usize, Unfit)> {
    let count = u32::try_from(below_anchor.len()).unwrap_or(u32::MAX - 1) + 1;
    let any: BTreeSet<String> = [ANY_POLICY.to_owned()].into();
    let level = [(ANY_POLICY.to_owned(), any)].into();
    let mut state = State { level, explicit: count, mapping: count, inhibit_any: count };
    for (index, (facts, policies)) in below_anchor.iter().enumerate() {
        let last = index + 1 == below_anchor.len();
        let self_issued = facts.is_self_issued();
        state.descend(policies, !last && self_issued);
        if last {
            state.explicit = state.explicit.saturating_sub(1);
            if policies.require_explicit == Some(0) {
                state.explicit = 0;
            }
        }
        if state.explicit == 0 && state.level.is_empty() {
            return Err((index, Unfit::NoExplicitPolicy));
        }
        if !last {
            state.prepare(policies, self_issued).map_err(|unfit| (index, unfit))?;
        }
    }
    Ok(())
}

impl State {
    /// §6.1.3 (d), (e).
    fn descend(&mut self, policies: &Policies, intermediate_self_issued: bool) {
        let Some(named) = &policies.policies else {
            self.level.clear();
            return;
        };
        let expected: BTreeSet<&String> = self.level.values().flatten().collect();
        let any_above = self.level.contains_key(ANY_POLICY);
        let own = |policy: &String| (policy.clone(), BTreeSet::from([policy.clone()]));
        let mut next: BTreeMap<String, BTreeSet<String>> = named
            .iter()
            .filter(|policy| *policy != ANY_POLICY && (any_above || expected.contains(policy)))
            .map(own)
            .collect();
        if named.contains(ANY_POLICY) && (self.inhibit_any > 0 || intermediate_self_issued) {
            for policy in expected {
                next.entry(policy.clone()).or_insert_with(|| BTreeSet::from([policy.clone()]));
            }
        }
        self.level = next;
    }

    /// §6.1.4 (a), (b), (h), (i), (j).
    fn prepare(&mut self, policies: &Policies, self_issued: bool) -> Result<(), Unfit> {
        if policies.mappings.iter().any(|(from, to)| from == ANY_POLICY || to == ANY_POLICY) {
            return Err(Unfit::AnyPolicyMapped);
        }
        let mut mapped: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in &policies.mappings {
            mapped.entry(from).or_default().insert(to.clone());
        }
        for (from, to) in mapped {
            if self.mapping == 0 {
                self.level.remove(from);
            } else if self.level.contains_key(from) || self.level.contains_key(ANY_POLICY) {
                self.level.insert(from.clone(), to);
            }
        }
        if !self_issued {
            self.explicit = self.explicit.saturating_sub(1);
            self.mapping = self.mapping.saturating_sub(1);
            self.inhibit_any = self.inhibit_any.saturating_sub(1);
        }
        let lower = |now: &mut u32, to: Option<u32>| *now = to.map_or(*now, |to| to.min(*now));
        lower(&mut self.explicit, policies.require_explicit);
        lower(&mut self.mapping, policies.inhibit_mapping);
        lower(&mut self.inhibit_any, policies.inhibit_any);
        Ok(())
    }
}
