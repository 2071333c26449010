//! What can take an admission back: the process's trust generation, and the judgment of each client made again.
//!
//! The order is the whole point: whoever changes trust publishes the new state (a listener's snapshot, a password
//! file) *before* [`TrustCounter::raise`], and whoever judges reads the generation *before* the state. So a judgment
//! that carries the current generation has seen the current state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sealmq_broker::{
    Admission, Assigned, Attribute, Attributes, ClientId, Ended, Farewell, TrustGeneration, Wall,
};
use sealmq_config::{IdentityRule, LiveSession, TakenBack};
use sealmq_mqtt::Version;
use sealmq_pki::inventory::Role;
use sealmq_pki::{Facts, Timestamp};
use sealmq_tls::{
    Again, CertificateField, ClientAuth, Code, CrlLedger, FieldValue, Judged as Decision, KnownSignatures,
    Negotiated, PeerChain, Revocation, VerifiedIdentity,
};

use crate::door::authenticate::{check_prefix, check_version};
use crate::door::credentials::token_holds;
use crate::door::held_names::HeldName;
use crate::door::listener::{AccessRules, ListenerState, Terms};
use crate::door::name_proofs::TokenProof;
use crate::door::passwords::EntryMark;
use crate::door::web::Browsed;

/// The one counter of a process, as the core sees it; sealmq-tls owns it.
#[derive(Debug)]
pub struct TrustCounter {
    generation: Arc<sealmq_tls::TrustGeneration>,
    crls: Arc<CrlLedger>,
    signatures: Arc<KnownSignatures>,
}

impl TrustCounter {
    /// Over the counter that every `ServerTls` of the process was built with.
    #[must_use]
    pub fn new(counter: Arc<sealmq_tls::TrustGeneration>) -> TrustCounter {
        TrustCounter { generation: counter, crls: CrlLedger::new(), signatures: KnownSignatures::new() }
    }

    /// The counter itself, for building a `ServerTls`.
    #[must_use]
    pub fn counter(&self) -> &Arc<sealmq_tls::TrustGeneration> {
        &self.generation
    }

    /// The newest revocation lists that have been in force: no reload goes behind them.
    #[must_use]
    pub fn crls(&self) -> &Arc<CrlLedger> {
        &self.crls
    }

    /// Signatures over certificates that were found good: facts, which no reload changes.
    #[must_use]
    pub fn signatures(&self) -> &Arc<KnownSignatures> {
        &self.signatures
    }

    /// Says that trust has changed: the new state must have been published already.
    pub fn raise(&self) -> u64 {
        self.generation.publish(|| ()).1.as_u64()
    }
}

impl TrustGeneration for TrustCounter {
    fn current(&self) -> u64 {
        self.generation.current().as_u64()
    }
}

/// How far the shards have judged their sessions again: what `revoke` waits for.
#[derive(Debug)]
pub struct Judged {
    shards: Vec<AtomicU64>,
    revoked: AtomicU64,
}

impl Judged {
    pub(crate) fn new(shards: usize) -> Judged {
        let shards = (0..shards).map(|_| AtomicU64::new(0)).collect();
        Judged { shards, revoked: AtomicU64::new(0) }
    }

    pub(crate) fn report(&self, shard: usize, generation: u64) {
        self.shards[shard].fetch_max(generation, Ordering::AcqRel);
    }

    /// A session was let go; a shard says so before it reports the generation at which that was.
    pub(crate) fn let_go(&self, ended: &Ended) {
        if ended.code == PASSWORD_GONE
            || [Code::Revoked, Code::OnHold].map(Code::as_str).contains(&ended.code)
        {
            self.revoked.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Sessions so far whose certificate was revoked or put on hold, or whose password was taken away.
    #[must_use]
    pub fn revoked(&self) -> u64 {
        self.revoked.load(Ordering::Acquire)
    }

    /// The generation at which every session of every shard has been judged.
    #[must_use]
    pub fn everywhere(&self) -> u64 {
        self.shards.iter().map(|judged| judged.load(Ordering::Acquire)).min().unwrap_or(u64::MAX)
    }
}

/// What a client proved when it was let in. All that was proved must go on holding.
#[derive(Debug)]
pub(crate) struct Proofs {
    pub(crate) certificate: Option<Arc<CertificateProof>>,
    pub(crate) name: Option<NameProof>,
    /// A proxy that this listener believes vouched for a certificate. It is not asked again.
    pub(crate) proxied: Option<Arc<str>>,
}

impl Proofs {
    /// When the first of them ends by itself; a certificate's end counts unless `expiry_kick` is off.
    fn ends_at(&self, taken_back: TakenBack) -> Option<Wall> {
        let certificate = self.certificate.as_ref().filter(|_| taken_back.expired == LiveSession::Ends);
        let token = match &self.name {
            Some(NameProof::Token(token)) => Some(token.ends_at),
            Some(NameProof::Password { .. } | NameProof::Scram { .. } | NameProof::Believed) | None => None,
        };
        [certificate.map(|proof| proof.end.get()), token].into_iter().flatten().min()
    }
}

/// The first millisecond in which a certificate, or one above it, has ended. As of the last judgment: which of them
/// count is the listener's to say (`disable_client_cert_date_checks`).
#[derive(Debug)]
pub(crate) struct CertificateEnd(AtomicU64);

impl CertificateEnd {
    pub(crate) fn of(identity: &VerifiedIdentity) -> CertificateEnd {
        let end = CertificateEnd(AtomicU64::new(0));
        end.set(identity);
        end
    }

    fn set(&self, identity: &VerifiedIdentity) {
        let secs = u64::try_from(identity.not_after().as_secs()).unwrap_or(0);
        self.0.store(secs.saturating_add(1).saturating_mul(1000), Ordering::Release);
    }

    fn get(&self) -> Wall {
        Wall(self.0.load(Ordering::Acquire))
    }
}

/// A certificate, and what the listener made of it.
#[derive(Debug)]
pub(crate) struct CertificateProof {
    pub(crate) chain: PeerChain,
    pub(crate) name: Option<Arc<str>>,
    /// What our inventory recorded for it.
    pub(crate) role: Option<Role>,
    /// When it was good last: with `expiry_kick false` its dates are looked at as of then.
    pub(crate) judged_at: Timestamp,
    pub(crate) end: CertificateEnd,
}

/// What proved the name where no certificate did, or beside one.
#[derive(Debug)]
pub(crate) enum NameProof {
    /// A password: the entry of the password file that it fitted.
    Password { username: Arc<str>, entry: EntryMark },
    /// An exchange by SCRAM: the entry of the SCRAM file.
    Scram { username: Arc<str>, entry: EntryMark },
    /// A token.
    Token(TokenProof),
    /// Nothing: whoever says a name has it where nobody checks names (mosquitto's rule).
    Believed,
}

impl NameProof {
    /// Whether it proves anything.
    pub(crate) fn is_proof(&self) -> bool {
        match self {
            NameProof::Password { .. } | NameProof::Scram { .. } | NameProof::Token(_) => true,
            NameProof::Believed => false,
        }
    }
}

/// What lay between a client and its listener when it was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carriage {
    /// Nothing.
    Plain,
    /// TLS of ours, and what was agreed upon.
    Tls(Negotiated),
}

/// How a client came in: it goes where that is no way in any more.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) carriage: Carriage,
    pub(crate) mount_point: Box<str>,
    /// Where its listener took user names from.
    pub(crate) identity: IdentityRule,
    /// The version that it speaks.
    pub(crate) version: Version,
    /// The client id of CONNECT, or ours in its place: what `clientid_prefixes` is about.
    pub(crate) given_id: ClientId,
    /// Who chose that.
    pub(crate) given_by: Assigned,
    /// What its client id is beside that.
    pub(crate) id_is: IdIs,
    /// The web page that it comes from.
    pub(crate) browsed: Option<Box<Browsed>>,
}

/// What a client id is. Neither it nor the user name changes while the session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdIs {
    /// The user name, and that was proved.
    ProvedName,
    /// The user name that the client said it had.
    ClaimedName,
    /// Something else.
    Other,
}

impl IdIs {
    pub(crate) fn of(id: &ClientId, username: Option<&str>, proved: Option<&str>) -> IdIs {
        match Some(id.as_str()) {
            id if id == proved => IdIs::ProvedName,
            id if id == username => IdIs::ClaimedName,
            _ => IdIs::Other,
        }
    }
}

/// The judgment that admitted one client, over the listener's terms of whenever it is asked.
///
/// It keeps no terms of then: an old TLS configuration must not live as long as the sessions that it let in.
pub(crate) struct Admitted {
    pub(crate) listener: Arc<ListenerState>,
    pub(crate) trust: Arc<dyn TrustGeneration>,
    pub(crate) proofs: Proofs,
    pub(crate) came: Came,
    /// Its user name, where no certificate gave it and the inventory must go on saying that it is none of a certificate.
    pub(crate) held: Option<Arc<HeldName>>,
}

impl std::fmt::Debug for Admitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admitted").field("listener", &self.listener.id).finish_non_exhaustive()
    }
}

impl Admission for Admitted {
    fn judge(&self, now: Wall) -> Result<u64, Ended> {
        let generation = self.trust.current();
        let terms = self.listener.terms();
        self.judge_listener(&terms)?;
        self.judge_entrance(&terms.access)?;
        match &self.proofs.certificate {
            Some(proof) => self.judge_certificate(&terms, proof, now)?,
            None => judge_absence(&terms, now)?,
        }
        self.judge_name(&terms, now)?;
        if let Some(held) = &self.held {
            held.check().map_err(|denied| ended(denied.code, &denied.text))?;
        }
        Ok(generation)
    }

    fn ends_at(&self, _known: Option<Wall>) -> Option<Wall> {
        self.proofs.ends_at(self.listener.terms().taken_back)
    }

    fn attributes(&self) -> Option<Arc<Attributes>> {
        self.proofs.certificate.as_ref().and_then(|proof| attributes(&proof.chain)).map(Arc::new)
    }
}

/// The fields of the leaf, for access lists. The chain has been verified: a proof is made of nothing else.
pub(crate) fn attributes(chain: &PeerChain) -> Option<Attributes> {
    let leaf = Facts::parse(chain.certificates().first()?).ok();
    let mut attributes = Attributes::default();
    for attribute in Attribute::ALL {
        let field = CertificateField::parse(attribute.name());
        match field.zip(leaf.as_ref()).map(|(field, leaf)| field.read(leaf)) {
            Some(FieldValue::Text(text)) => attributes.add(attribute, &text),
            Some(FieldValue::Absent) => {}
            Some(FieldValue::Several(_) | FieldValue::Unreadable) | None => {
                attributes.add_unusable(attribute)
            }
        }
    }
    Some(attributes)
}

impl Admitted {
    /// What it came through is still there, and still what it was.
    fn judge_listener(&self, terms: &Terms) -> Result<(), Ended> {
        if self.listener.is_closed() {
            return Err(moved("SMQ-A006", "the listener it came through was removed"));
        }
        if *terms.rules.mount_point != *self.came.mount_point {
            return Err(moved("SMQ-A007", "the listener has another mount_point now"));
        }
        if self.came.browsed.as_ref().is_some_and(|browsed| !browsed.may_stay(&terms.web.origins)) {
            return Err(moved("SMQ-D022", "the web page that it comes from may not connect any more"));
        }
        match (self.came.carriage, &terms.tls) {
            (Carriage::Plain, Some(_)) => Err(moved("SMQ-A008", "this listener speaks TLS now")),
            (Carriage::Tls(negotiated), Some(tls)) => tls
                .allows(negotiated)
                .map_err(|refusal| moved(refusal.code.as_str(), &first_line(&refusal.to_string()))),
            (Carriage::Plain, None) | (Carriage::Tls(_), None) => Ok(()),
        }
    }

    /// The listener would let such a client in today: its version and its client id.
    fn judge_entrance(&self, access: &AccessRules) -> Result<(), Ended> {
        let Came { version, given_id, given_by, id_is, .. } = &self.came;
        check_version(access, *version)
            .and_then(|()| check_prefix(access, given_id))
            .map_err(|denied| moved(denied.code, &denied.text))?;
        if *given_by == Assigned::ByServer && !access.allow_zero_length_clientid {
            return Err(moved("SMQ-A019", "it gave no client id, and none may be assigned to it any more"));
        }
        if access.client_id_matches_identity && *id_is != IdIs::ProvedName {
            return Err(moved("SMQ-A022", "its client id must be the user name that it proved now"));
        }
        if access.use_username_as_clientid && *id_is == IdIs::Other {
            return Err(moved("SMQ-A022", "its client id must be its user name now"));
        }
        Ok(())
    }

    fn judge_certificate(&self, terms: &Terms, proof: &CertificateProof, now: Wall) -> Result<(), Ended> {
        // A certificate that gave no name only came along: it is not missed where none is asked for any more.
        let not_asked_for = |text| match proof.name {
            Some(_) => Err(ended("SMQ-A001", text)),
            None => Ok(()),
        };
        let Some(tls) = &terms.tls else { return not_asked_for("this listener has no TLS any more") };
        match tls.judge_again(&proof.chain, again(terms.taken_back, proof, now)) {
            Ok(Decision::Identified(again))
                if again.name() == proof.name.as_ref()
                    && same_role(terms.taken_back, again.role(), proof.role) =>
            {
                proof.end.set(&again);
                Ok(())
            }
            Ok(Decision::Identified(_)) => {
                Err(ended("SMQ-A001", "its certificate gives another name or role now"))
            }
            Ok(Decision::Anonymous { .. }) => not_asked_for("this listener takes no certificates any more"),
            Err(refusal) => Err(ended(refusal.code.as_str(), &first_line(&refusal.to_string()))),
        }
    }

    /// What its user name, or its having none, rests on. The name that a certificate gives was compared already.
    fn judge_name(&self, terms: &Terms, now: Wall) -> Result<(), Ended> {
        if let Some(proof) = &self.proofs.name {
            self.judge_proof(terms, proof, now)?;
        }
        if self.proofs.proxied.is_some() {
            // Where names come from is part of a proxy's settings: with others it would be another listener.
            return Ok(());
        }
        if self.proofs.certificate.as_ref().is_some_and(|proof| proof.name.is_some()) {
            return Ok(());
        }
        if self.proofs.name.is_none() && !terms.access.allow_anonymous {
            return Err(ended("SMQ-A003", "this listener does not allow anonymous clients any more"));
        }
        // A name that no certificate gives counts beside names from certificates only where it did so when this client
        // came, and may still.
        let optional = terms.tls.as_ref().is_some_and(|tls| tls.client_auth() == ClientAuth::Optional);
        let beside = self.came.identity != IdentityRule::None && optional;
        match terms.identity == IdentityRule::None || beside {
            true => Ok(()),
            false => Err(ended("SMQ-A001", "this listener takes user names from certificates now")),
        }
    }

    fn judge_proof(&self, terms: &Terms, proof: &NameProof, now: Wall) -> Result<(), Ended> {
        let (holds, code, text) = match proof {
            NameProof::Password { username, entry } => {
                let holds = terms.passwords.as_ref().is_some_and(|table| table.has(username, entry));
                (holds, PASSWORD_GONE, "its password was changed or removed")
            }
            NameProof::Scram { username, entry } => {
                let holds = terms.proofs.scram.as_ref().is_some_and(|table| table.has(username, entry));
                (holds, "SMQ-A004", "its SCRAM entry was changed or removed")
            }
            NameProof::Token(token) => {
                let holds = token_holds(&self.listener, token, now);
                (holds, "SMQ-A005", "its token has ended, or its key or what is demanded of it has changed")
            }
            NameProof::Believed => {
                let proved_now = terms.passwords.is_some() || terms.proofs.are_configured();
                let holds = terms.access.allow_anonymous && !proved_now;
                (holds, "SMQ-A003", "this listener takes no name without its proof any more")
            }
        };
        if holds { Ok(()) } else { Err(ended(code, text)) }
    }
}

/// A revoked certificate has no recorded role any more; where it may stay, that is no other role.
fn same_role(taken_back: TakenBack, now: Option<Role>, admitted: Option<Role>) -> bool {
    now == admitted || (now.is_none() && taken_back.revoked == LiveSession::Stays)
}

/// What of the judgment counts for a session that is in: `revocation_kick` and `expiry_kick` can turn two off.
fn again(taken_back: TakenBack, proof: &CertificateProof, now: Wall) -> Again {
    let now = seconds(now);
    Again {
        now,
        dates_as_of: match taken_back.expired {
            LiveSession::Ends => now,
            LiveSession::Stays => now.min(proof.judged_at),
        },
        revocation: match taken_back.revoked {
            LiveSession::Ends => Revocation::Counts,
            LiveSession::Stays => Revocation::Ignored,
        },
    }
}

/// Who came without a certificate stays only where one may still be absent.
fn judge_absence(terms: &Terms, now: Wall) -> Result<(), Ended> {
    let Some(tls) = &terms.tls else { return Ok(()) };
    match tls.judge(&PeerChain::NONE, seconds(now)) {
        Ok(_) => Ok(()),
        Err(refusal) => Err(ended(refusal.code.as_str(), &first_line(&refusal.to_string()))),
    }
}

fn seconds(wall: Wall) -> Timestamp {
    Timestamp::from_secs(i64::try_from(wall.0 / 1000).unwrap_or(i64::MAX))
}

/// A refusal without its hint, which is for whoever is being let in.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn ended(code: &'static str, text: &str) -> Ended {
    Ended { code, text: text.to_owned(), farewell: Farewell::NotAuthorized }
}

/// Its identity is as good as it was; what it came through has changed.
fn moved(code: &'static str, text: &str) -> Ended {
    Ended { farewell: Farewell::AdministrativeAction, ..ended(code, text) }
}

const PASSWORD_GONE: &str = "SMQ-A002";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_role_is_another_judgment() {
        let taken_back = |revoked| TakenBack {
            revoked,
            expired: LiveSession::Ends,
            will: sealmq_config::WillOfTheRefused::Published,
        };
        let (ends, stays) = (taken_back(LiveSession::Ends), taken_back(LiveSession::Stays));
        assert!(same_role(ends, Some(Role::Device), Some(Role::Device)) && same_role(ends, None, None));
        assert!(!same_role(ends, Some(Role::Operator), Some(Role::Device)));
        assert!(!same_role(ends, Some(Role::Device), Some(Role::Operator)));
        assert!(!same_role(ends, None, Some(Role::Operator)), "no record vouches for it any more");
        // Revoked, and may stay: its role is in no record any more.
        assert!(same_role(stays, None, Some(Role::Device)));
        assert!(!same_role(stays, Some(Role::Operator), Some(Role::Device)));
    }
}
