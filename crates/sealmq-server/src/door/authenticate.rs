//! Who a client is: CONNECT, the certificate and the listener's rules, and out comes a `Peer` or a refusal.
//!
//! Contract section 5: what is not let in for lack of credentials is told 5 / 0x87, never 4 / 0x86; 4 / 0x86 is said
//! only where the listener takes names from certificates and there is none.

use std::sync::Arc;

use sealmq_broker::{
    Admission as _, Assigned, Attributes, AuthData, Authentication, ClientId, Owner, Peer, Principal, Role,
    TopicScope, TrustGeneration,
};
use sealmq_config::IdentityRule;
use sealmq_mqtt::{Connect, ConnectReturnCode, ReasonCode, Version};
use sealmq_pki::KeyId;
use sealmq_pki::inventory::Record;
use sealmq_tls::{ClientAuth, PeerChain, VerifiedIdentity};

use super::credentials::{Named, by_word, other_name};
use super::enhanced::ScramLogin;
use super::hashing::HashingPool;
use super::held_names::HeldNames;
use super::listener::{AccessRules, ListenerState, Terms};
use super::proxy::stage::Vouched;
use super::remembered::Remembered;
use super::stream::Origin;
use super::web::Browsed;
use crate::believed;
use crate::log::Escaped;
use crate::trust::{Admitted, Came, Carriage, CertificateEnd, CertificateProof, IdIs, NameProof, Proofs};

/// Names that belong to a live certificate: no password may use them. Answered by the inventory of a data directory.
pub trait CertificateNames: Send + Sync {
    /// Whether `name` is the name of a certificate that is valid now.
    ///
    /// # Errors
    /// It cannot be told; the login is refused.
    fn is_live(&self, name: &str) -> Result<bool, CannotTell>;
}

/// The inventory cannot answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the inventory cannot be asked: {0}")]
pub struct CannotTell(pub String);

/// Why a CONNECT was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// Stable code.
    pub code: &'static str,
    /// 3.x.
    pub return_code: ConnectReturnCode,
    /// 5.0.
    pub reason: ReasonCode,
    /// mosquitto's word for the log: `not authorised`.
    pub word: &'static str,
    /// Why, in plain words.
    pub text: String,
    /// What mends it.
    pub hint: Option<String>,
}

impl Denied {
    /// Somebody who may not read this path over HTTP.
    pub(crate) fn path(path: &str) -> Denied {
        Denied {
            text: format!("the access list does not let it read {}", Escaped(path)),
            hint: Some("to allow it, add `topic read PATH` to the acl_file, under its user".to_owned()),
            ..not_authorised("SMQ-A030")
        }
    }

    /// Whether it was refused for who it is or is not; else a check could not be made, or CONNECT asks for what is not
    /// served.
    pub(crate) fn is_failed_authentication(&self) -> bool {
        let of_identity =
            matches!(self.reason, ReasonCode::NotAuthorized | ReasonCode::BadUserNameOrPassword);
        of_identity && !matches!(self.code, "SMQ-A014" | "SMQ-A016" | "SMQ-A018" | "SMQ-A020" | "SMQ-A030")
    }
}

/// What the handshake proved.
pub(crate) struct Shown {
    pub(crate) chain: PeerChain,
    pub(crate) identity: VerifiedIdentity,
}

/// What authentication needs beside CONNECT.
pub(crate) struct Rules<'a> {
    pub(crate) listener: &'a Arc<ListenerState>,
    pub(crate) hashing: &'a HashingPool,
    /// Where tokens are checked.
    pub(crate) tokens: &'a HashingPool,
    pub(crate) remembered: Option<&'a Remembered>,
    /// Which names are none but a certificate's; `None` without a data directory.
    pub(crate) names: Option<&'a Arc<HeldNames>>,
    pub(crate) trust: &'a Arc<dyn TrustGeneration>,
    /// What a proxy said of its certificate.
    pub(crate) vouched: &'a Vouched,
    /// Where the client comes from.
    pub(crate) origin: Origin,
    /// What lies between it and us.
    pub(crate) carriage: Carriage,
    /// The web page that it comes from.
    pub(crate) browsed: Option<&'a Browsed>,
    /// The generation that was read before anything was judged.
    pub(crate) generation: u64,
}

/// Somebody who is let in.
pub(crate) struct Authenticated {
    pub(crate) peer: Peer,
    pub(crate) admitted: Arc<Admitted>,
}

/// Decides who this is. `login`: what the exchange of AUTH packets before it proved, if CONNECT asked for one.
pub(crate) async fn authenticate(
    rules: &Rules<'_>,
    connect: &Connect<'_>,
    shown: Option<Shown>,
    login: Option<ScramLogin>,
) -> Result<Authenticated, Denied> {
    let terms = rules.listener.terms();
    let access = &terms.access;
    check_version(access, connect.version)?;
    let named = named(rules, &terms, connect, shown.as_ref(), login.as_ref()).await?;
    let Named { username, proof, topics, held } = named;
    let (given_id, given_by) = given_id(access, connect)?;
    let (client_id, assigned) = client_id(access, (&given_id, given_by), username.as_deref())?;
    let by_certificate = shown.as_ref().is_some_and(|shown| shown.identity.name().is_some())
        || vouched_name(rules, &terms).is_some();
    let proved =
        username.as_deref().filter(|_| by_certificate || proof.as_ref().is_some_and(NameProof::is_proof));
    check_matching_id(access, &client_id, proved)?;
    let id_is = IdIs::of(&client_id, username.as_deref(), proved);
    let role = shown.as_ref().map_or(Role::Ordinary, |shown| role_of(&shown.identity));
    check_operator(role, rules.origin)?;
    let owner = owner(rules, &terms, username.as_deref(), proof.as_ref(), shown.as_ref());
    let certificate = shown.map(|Shown { chain, identity }| {
        let (name, role, end) = (identity.name().cloned(), identity.role(), CertificateEnd::of(&identity));
        Arc::new(CertificateProof { chain, name, role, judged_at: believed::now(), end })
    });
    let admitted = Arc::new(Admitted {
        listener: Arc::clone(rules.listener),
        trust: Arc::clone(rules.trust),
        proofs: Proofs { certificate, name: proof, proxied: vouched_name(rules, &terms) },
        came: Came {
            carriage: rules.carriage,
            mount_point: terms.rules.mount_point.clone(),
            identity: terms.identity,
            version: connect.version,
            given_id,
            given_by,
            id_is,
            browsed: rules.browsed.cloned().map(Box::new),
        },
        held,
    });
    let ends_at = admitted.ends_at(None);
    let peer = Peer {
        client_id,
        assigned,
        principal: Principal {
            username,
            role,
            owner,
            admitted_by: Arc::clone(&admitted) as _,
            generation: rules.generation,
            ends_at,
            topics,
        },
        rules: Arc::clone(&terms.rules),
        authentication: login.map(|login| Authentication {
            method: sealmq_auth::scram::METHOD.into(),
            data: AuthData::new(login.server_final),
        }),
    };
    Ok(Authenticated { peer, admitted })
}

/// Who asks without becoming a client.
pub(crate) struct Asker {
    pub(crate) username: Option<Arc<str>>,
    pub(crate) role: Role,
    pub(crate) attributes: Option<Attributes>,
    pub(crate) topics: Option<Arc<TopicScope>>,
}

/// Decides who asks over HTTP: as [`authenticate`], but for what only clients have (id, version, session).
pub(crate) async fn identify(
    rules: &Rules<'_>,
    connect: &Connect<'_>,
    shown: Option<Shown>,
) -> Result<Asker, Denied> {
    let terms = rules.listener.terms();
    let Named { username, topics, proof: _, held: _ } =
        named(rules, &terms, connect, shown.as_ref(), None).await?;
    let role = shown.as_ref().map_or(Role::Ordinary, |shown| role_of(&shown.identity));
    check_operator(role, rules.origin)?;
    let attributes = shown.as_ref().and_then(|shown| crate::trust::attributes(&shown.chain));
    Ok(Asker { username, role, attributes, topics })
}

/// The role is what the inventory recorded at the certificate, never what its name says.
fn role_of(identity: &VerifiedIdentity) -> Role {
    use sealmq_pki::inventory::Role as Recorded;
    match identity.role() {
        Some(Recorded::Operator) => Role::Operator,
        Some(
            Recorded::Root | Recorded::Issuing | Recorded::Server | Recorded::Device | Recorded::OcspSigner,
        )
        | None => Role::Ordinary,
    }
}

/// The operator's certificate lies on this machine and is used from it: from elsewhere it is a stolen one.
fn check_operator(role: Role, origin: Origin) -> Result<(), Denied> {
    match (role, origin) {
        (Role::Operator, Origin::Elsewhere) => Err(Denied {
            text: "the operator's certificate counts on the broker's machine only".to_owned(),
            hint: Some("connect from the broker's machine, or use a device's certificate".to_owned()),
            ..not_authorised("SMQ-A021")
        }),
        (Role::Operator, Origin::ThisMachine) | (Role::Ordinary, Origin::ThisMachine | Origin::Elsewhere) => {
            Ok(())
        }
    }
}

pub(crate) fn check_version(access: &AccessRules, version: Version) -> Result<(), Denied> {
    let served = match version {
        Version::V31 => access.versions.v31,
        Version::V311 => access.versions.v311,
        Version::V5 => access.versions.v5,
    };
    if served {
        return Ok(());
    }
    Err(Denied {
        code: "SMQ-A010",
        return_code: ConnectReturnCode::UnacceptableProtocolVersion,
        reason: ReasonCode::UnsupportedProtocolVersion,
        word: "unsupported protocol version",
        text: format!("this listener does not serve {version}"),
        hint: Some("accept_protocol_versions says which versions it serves".to_owned()),
    })
}

/// The user name and, where the client itself vouches for it, the proof.
async fn named(
    rules: &Rules<'_>,
    terms: &Terms,
    connect: &Connect<'_>,
    shown: Option<&Shown>,
    login: Option<&ScramLogin>,
) -> Result<Named, Denied> {
    match terms.identity {
        IdentityRule::CommonName | IdentityRule::Subject | IdentityRule::Sources(_) => {
            if let Some(name) = vouched_name(rules, terms) {
                return beside_certificate(&name, login);
            }
            if let Vouched::Unusable(why) = rules.vouched {
                return Err(unusable_name(why));
            }
            // The certificate names the client; user name, password and password file do not count.
            if let Some(name) = shown.and_then(|shown| shown.identity.name()) {
                return beside_certificate(name, login);
            }
            let says_something = login.is_some() || connect.username.is_some() || connect.password.is_some();
            if shown.is_none() && takes_words_too(rules) && says_something {
                let named = by_word(rules, &terms.access, connect, login).await?;
                // Who proves nothing must show a certificate here.
                let is_proved = named.proof.as_ref().is_some_and(NameProof::is_proof);
                return if is_proved { Ok(named) } else { Err(identity_missing()) };
            }
            Err(identity_missing())
        }
        IdentityRule::None => by_word(rules, &terms.access, connect, login).await,
    }
}

/// The certificate names the client; an exchange beside it must prove the same name.
fn beside_certificate(name: &Arc<str>, login: Option<&ScramLogin>) -> Result<Named, Denied> {
    let proof = match login {
        Some(login) if login.username != *name => return Err(other_name("the SCRAM exchange")),
        Some(login) => Some(NameProof::Scram { username: Arc::clone(name), entry: login.entry }),
        None => None,
    };
    Ok(Named { username: Some(Arc::clone(name)), proof, topics: None, held: None })
}

/// Beside names from certificates a password counts only where certificates are asked for and not demanded, and where
/// somebody knows which names belong to certificates: else a password would get what the access list grants to the
/// certificate of that name. mosquitto takes none there at all.
fn takes_words_too(rules: &Rules<'_>) -> bool {
    let optional = rules.listener.tls().is_some_and(|tls| tls.client_auth() == ClientAuth::Optional);
    let somebody = rules.listener.passwords().is_some() || rules.listener.proofs().are_configured();
    optional && rules.names.is_some() && somebody
}

/// As mosquitto: what CONNECT says must have passed even where the user name then takes its place.
fn client_id(
    access: &AccessRules,
    (given, assigned): (&ClientId, Assigned),
    username: Option<&str>,
) -> Result<(ClientId, Assigned), Denied> {
    if !access.use_username_as_clientid {
        return Ok((given.clone(), assigned));
    }
    let Some(name) = username else {
        return Err(Denied {
            text: "the user name is the client id here (use_username_as_clientid), and there is none"
                .to_owned(),
            hint: Some("give the client a user name, or remove the line".to_owned()),
            ..not_authorised("SMQ-A028")
        });
    };
    ClientId::parse(name).map(|id| (id, Assigned::ByClient)).ok_or_else(identifier_rejected)
}

/// The id of CONNECT, or one of ours in its place; either must begin with `clientid_prefixes`.
fn given_id(access: &AccessRules, connect: &Connect<'_>) -> Result<(ClientId, Assigned), Denied> {
    let (id, assigned) = match ClientId::parse(connect.client_id) {
        Some(id) => (id, Assigned::ByClient),
        None => assigned_id(access, connect)?,
    };
    check_prefix(access, &id)?;
    Ok((id, assigned))
}

pub(crate) fn check_prefix(access: &AccessRules, id: &ClientId) -> Result<(), Denied> {
    if access.clientid_prefixes.as_deref().is_some_and(|prefix| !id.as_str().starts_with(prefix)) {
        return Err(Denied {
            text: "the client id does not begin with clientid_prefixes".to_owned(),
            ..not_authorised("SMQ-A018")
        });
    }
    Ok(())
}

/// `client_id_matches_identity`. A name that nobody proved matches nothing, and neither does an id of ours.
fn check_matching_id(access: &AccessRules, id: &ClientId, proved: Option<&str>) -> Result<(), Denied> {
    if !access.client_id_matches_identity || proved == Some(id.as_str()) {
        return Ok(());
    }
    let text = match proved {
        Some(name) => format!("its client id is not its user name '{}'", name.escape_debug()),
        None => "its client id must be its user name, and nothing proved one".to_owned(),
    };
    Err(Denied {
        text,
        hint: Some("give the client its certificate's (or user's) name as client id".to_owned()),
        reason: ReasonCode::ClientIdentifierNotValid,
        return_code: ConnectReturnCode::IdentifierRejected,
        word: "identifier rejected",
        ..not_authorised("SMQ-A022")
    })
}

/// [MQTT-3.1.3-6] [MQTT311-3.1.3-7] [MQTT311-3.1.3-8]; MQTT 3.1 §3.1 wants 1 to 23 characters.
/// [MQTT-3.1.3-7] [MQTT311-3.1.3-6]
fn assigned_id(access: &AccessRules, connect: &Connect<'_>) -> Result<(ClientId, Assigned), Denied> {
    let allowed = match connect.version {
        Version::V31 => false,
        Version::V311 => connect.clean_start,
        Version::V5 => true,
    };
    if !allowed || !access.allow_zero_length_clientid {
        return Err(identifier_rejected());
    }
    let text = format!("{}{}", access.auto_id_prefix, random_uuid().ok_or_else(no_randomness)?);
    ClientId::parse(&text).map(|id| (id, Assigned::ByServer)).ok_or_else(identifier_rejected)
}

/// 128 random bits in the form of a UUID, upper case as mosquitto writes it.
fn random_uuid() -> Option<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    Some(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

/// The name that a proxy vouched for, where the listener goes by it.
fn vouched_name(rules: &Rules<'_>, terms: &Terms) -> Option<Arc<str>> {
    match (rules.vouched, terms.identity) {
        (Vouched::Name(name), IdentityRule::CommonName | IdentityRule::Subject) => Some(Arc::clone(name)),
        (Vouched::Name(_), IdentityRule::Sources(_) | IdentityRule::None)
        | (Vouched::Nothing | Vouched::Unusable(_), _) => None,
    }
}

fn owner_by_certificate(name: &str, issuer: &KeyId) -> Owner {
    Owner::new(&[b"certificate\0", name.as_bytes(), b"\0", issuer.to_string().as_bytes()].concat())
}

/// Whose sessions are those of somebody who proved this name without a certificate.
pub(crate) fn owner_by_proof(name: &str) -> Owner {
    Owner::new(&[b"user\0", name.as_bytes()].concat())
}

/// Whose sessions are those of a certificate of ours, whatever a listener takes its name from.
pub(crate) fn owners_by_record(record: &Record) -> Vec<Owner> {
    let names = [Some(record.subject.clone()), Some(record.fingerprint.to_string())];
    let names = names.into_iter().chain([record.name.as_ref().map(ToString::to_string)]);
    names.flatten().map(|name| owner_by_certificate(&name, &record.issuer)).collect()
}

/// Whom the session belongs to: bytes that only the same identity gets again. A name that a proxy vouched for is another
/// identity than the same name in a certificate that was shown to us; one that nobody proved is another than one that somebody did.
fn owner(
    rules: &Rules<'_>,
    terms: &Terms,
    username: Option<&str>,
    proof: Option<&NameProof>,
    shown: Option<&Shown>,
) -> Owner {
    if let Some(name) = vouched_name(rules, terms) {
        return Owner::new(&[b"proxy\0", name.as_bytes()].concat());
    }
    match (shown, username) {
        (Some(shown), Some(name)) if terms.identity != IdentityRule::None => {
            owner_by_certificate(name, shown.identity.issuer())
        }
        (_, Some(name)) if proof.is_some_and(NameProof::is_proof) => owner_by_proof(name),
        (_, Some(name)) => Owner::new(&[b"said\0", name.as_bytes()].concat()),
        (_, None) => Owner::new(b"anonymous"),
    }
}

pub(crate) fn not_authorised(code: &'static str) -> Denied {
    Denied {
        code,
        return_code: ConnectReturnCode::NotAuthorized,
        reason: ReasonCode::NotAuthorized,
        word: "not authorised",
        text: String::new(),
        hint: None,
    }
}

fn identity_missing() -> Denied {
    Denied {
        code: "SMQ-A017",
        return_code: ConnectReturnCode::BadUserNameOrPassword,
        reason: ReasonCode::BadUserNameOrPassword,
        // mosquitto's word, whatever the code says.
        word: "not authorised",
        text: "the user name comes from the client certificate here, and there is none".to_owned(),
        hint: Some("give the client a certificate (--cert, --key)".to_owned()),
    }
}

fn unusable_name(why: &str) -> Denied {
    Denied {
        text: format!("the common name that the proxy gave is no user name: {why}"),
        hint: Some("issue the device a certificate with another name".to_owned()),
        ..not_authorised("SMQ-A027")
    }
}

/// [MQTT-3.1.3-8] [MQTT311-3.1.3-9]
fn identifier_rejected() -> Denied {
    Denied {
        code: "SMQ-A019",
        return_code: ConnectReturnCode::IdentifierRejected,
        reason: ReasonCode::UnspecifiedError,
        word: "identifier rejected",
        text: "it gave no client id, and none may be assigned to it".to_owned(),
        hint: Some(
            "give the client an id, or a clean session where 'allow_zero_length_clientid true'".to_owned(),
        ),
    }
}

fn no_randomness() -> Denied {
    Denied { text: "no random client id could be made".to_owned(), ..not_authorised("SMQ-A020") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_matches_only_a_name_that_was_proved() {
        let rules = |client_id_matches_identity| AccessRules {
            allow_anonymous: true,
            allow_zero_length_clientid: true,
            auto_id_prefix: String::new(),
            use_username_as_clientid: false,
            client_id_matches_identity,
            clientid_prefixes: None,
            versions: sealmq_config::ProtocolVersions::ALL,
        };
        let id = ClientId::parse("pump7").expect("an id");
        assert!(check_matching_id(&rules(true), &id, Some("pump7")).is_ok());
        for proved in [Some("pump8"), Some("Pump7"), None] {
            assert_eq!(check_matching_id(&rules(true), &id, proved).unwrap_err().code, "SMQ-A022");
            assert!(check_matching_id(&rules(false), &id, proved).is_ok());
        }
    }

    #[test]
    fn the_operator_is_refused_from_elsewhere_and_nobody_else_is() {
        assert_eq!(check_operator(Role::Operator, Origin::Elsewhere).unwrap_err().code, "SMQ-A021");
        assert!(check_operator(Role::Operator, Origin::ThisMachine).is_ok());
        assert!(check_operator(Role::Ordinary, Origin::Elsewhere).is_ok());
    }
}
