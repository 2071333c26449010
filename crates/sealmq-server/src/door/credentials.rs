//! The words by which a client without a certificate proves its name: a password, a token, an exchange by SCRAM.
//!
//! Which one counts is decided before any is looked at, and none falls through to the next: who brings a method is
//! judged by it; a password that looks like a token, or any where there is no password file, is judged as a token; all
//! others by the password file. A name that stands in a file of this broker is proved by that file, never by a token:
//! else an issuer of tokens could be anybody here.

use std::sync::Arc;

use sealmq_auth::jwt::{TOKEN_BYTES_MAX, TokenError, Verified, looks_like_a_token};
use sealmq_broker::{TopicScope, Wall};
use sealmq_mqtt::Connect;
use zeroize::Zeroizing;

use super::authenticate::{Denied, Rules, not_authorised};
use super::enhanced::ScramLogin;
use super::hashing::{HashingError, Verdict};
use super::held_names::HeldName;
use super::listener::{AccessRules, ListenerState};
use super::name_proofs::{NameProofs, TokenJudge, TokenProof};
use super::passwords::EntryMark;
use super::remembered::Login;
use crate::believed;
use crate::trust::NameProof;

/// A name, and what proved it.
#[derive(Default)]
pub(crate) struct Named {
    pub(crate) username: Option<Arc<str>>,
    pub(crate) proof: Option<NameProof>,
    pub(crate) topics: Option<Arc<TopicScope>>,
    /// The name, held against certificates; `None`: one gave it, or there is no data directory.
    pub(crate) held: Option<Arc<HeldName>>,
}

impl Named {
    fn by(username: Arc<str>, proof: NameProof) -> Named {
        Named { username: Some(username), proof: Some(proof), topics: None, held: None }
    }
}

/// Decides by what CONNECT, or the exchange before it, says. A name has one kind of proof: one that a certificate of ours
/// has is nobody's by any word.
pub(crate) async fn by_word(
    rules: &Rules<'_>,
    access: &AccessRules,
    connect: &Connect<'_>,
    login: Option<&ScramLogin>,
) -> Result<Named, Denied> {
    let mut named = proved_or_believed(rules, access, connect, login).await?;
    if let (Some(names), Some(name)) = (rules.names, &named.username) {
        named.held = Some(names.hold(name)?);
    }
    Ok(named)
}

async fn proved_or_believed(
    rules: &Rules<'_>,
    access: &AccessRules,
    connect: &Connect<'_>,
    login: Option<&ScramLogin>,
) -> Result<Named, Denied> {
    let proofs = rules.listener.proofs();
    if let Some(login) = login {
        return by_scram(connect, login);
    }
    let password = connect.password.map(|secret| secret.expose());
    if let (Some(password), true) = (password, proofs.tokens.is_some())
        && (rules.listener.passwords().is_none() || looks_like_a_token(password))
    {
        return by_token(rules, &proofs, connect.username, password).await;
    }
    by_password(rules, access, connect, &proofs).await
}

/// The name was proved already; CONNECT may repeat it and say no other.
fn by_scram(connect: &Connect<'_>, login: &ScramLogin) -> Result<Named, Denied> {
    if connect.username.is_some_and(|said| said != &*login.username) {
        return Err(other_name("the SCRAM exchange"));
    }
    let username = Arc::clone(&login.username);
    let proof = NameProof::Scram { username: Arc::clone(&username), entry: login.entry };
    Ok(Named::by(username, proof))
}

async fn by_token(
    rules: &Rules<'_>,
    proofs: &NameProofs,
    said: Option<&str>,
    token: &[u8],
) -> Result<Named, Denied> {
    let Some(judge) = &proofs.tokens else { return Err(wrong_password()) };
    let refused = |text: String| Denied { text, ..not_authorised("SMQ-A025") };
    let (proof, verified) = checked(rules, judge, token)
        .await
        .map_err(token_not_checked)?
        .map_err(|error| refused(error.to_string()))?;
    // 3.1.1 cannot carry a password without a user name: an empty one says none.
    if said.is_some_and(|said| !said.is_empty() && said != &*proof.username) {
        return Err(other_name("the token"));
    }
    if is_name_of_a_file(rules.listener, proofs, &proof.username) {
        return Err(Denied {
            hint: Some("give the token another user name, or take the name out of the file".to_owned()),
            ..refused("the token's name stands in this broker's password_file or scram_file".to_owned())
        });
    }
    let scope = |topics: &sealmq_auth::jwt::TopicClaims| TopicScope::new(&topics.publish, &topics.subscribe);
    let topics = verified.topics.as_ref().map(scope).transpose();
    let topics = topics.map_err(|error| refused(format!("the token's topics cannot be used: {error}")))?;
    let username = Arc::clone(&proof.username);
    Ok(Named { topics: topics.map(Arc::new), ..Named::by(username, NameProof::Token(proof)) })
}

/// The signature is checked away from the door's threads: a token without a key id is tried with every key.
async fn checked(
    rules: &Rules<'_>,
    judge: &Arc<TokenJudge>,
    token: &[u8],
) -> Result<Result<(TokenProof, Verified), TokenError>, HashingError> {
    // What is longer is refused by its length; it needs no copy that waits.
    if token.len() > TOKEN_BYTES_MAX {
        return Ok(judge.judge(token, believed::now()));
    }
    let (judge, token) = (Arc::clone(judge), Zeroizing::new(token.to_vec()));
    rules.tokens.in_turn(move || judge.judge(&token, believed::now())).await
}

/// Whether one of the broker's own files knows the name.
pub(crate) fn is_name_of_a_file(listener: &ListenerState, proofs: &NameProofs, name: &str) -> bool {
    listener.passwords().is_some_and(|table| table.mark(name).is_some())
        || proofs.scram.as_ref().is_some_and(|table| table.mark(name).is_some())
}

/// Whether a session that a token admitted is upheld: its key, its demands, its time, and its name still nobody's.
pub(crate) fn token_holds(listener: &ListenerState, proof: &TokenProof, now: Wall) -> bool {
    let proofs = listener.proofs();
    proofs.tokens.as_ref().is_some_and(|judge| judge.upholds(proof, now))
        && !is_name_of_a_file(listener, &proofs, &proof.username)
}

async fn by_password(
    rules: &Rules<'_>,
    access: &AccessRules,
    connect: &Connect<'_>,
    proofs: &NameProofs,
) -> Result<Named, Denied> {
    let passwords = rules.listener.passwords();
    let Some(username) = connect.username else {
        return if access.allow_anonymous {
            Ok(Named::default())
        } else {
            Err(anonymous(rules, passwords.is_some() || proofs.are_configured()))
        };
    };
    let Some(passwords) = passwords else {
        // Nobody can check the name: whoever says it has it, as in mosquitto, but for names of certificates. Where
        // names are proved otherwise, who does not prove it has no name.
        if !access.allow_anonymous || proofs.are_configured() {
            return Err(unchecked_name(rules, proofs));
        }
        return Ok(Named::by(Arc::from(username), NameProof::Believed));
    };
    let name: Arc<str> = Arc::from(username);
    let entry = passwords.mark(username);
    let password =
        Zeroizing::new(connect.password.map(|secret| secret.expose().to_vec()).unwrap_or_default());
    // An unknown name is looked for too, under a mark that no entry has.
    let login =
        Login { listener: rules.listener.id, username, entry: entry.unwrap_or(EntryMark::of_bytes([0; 32])) };
    let remembered =
        rules.remembered.filter(|remembered| remembered.knows(&login, &password) && entry.is_some());
    if remembered.is_none() {
        let check = {
            let (name, password) = (Arc::clone(&name), password.clone());
            Box::new(move || passwords.check(&name, &password))
        };
        match rules.hashing.check(check).await {
            Ok(Verdict::Right) => {}
            Ok(Verdict::Wrong) => return Err(wrong_password()),
            Err(error) => return Err(cannot_check(error)),
        }
    }
    let Some(entry) = entry else { return Err(wrong_password()) };
    if let (None, Some(remembered)) = (remembered, rules.remembered) {
        remembered.learn(&login, &password);
    }
    let proof = NameProof::Password { username: Arc::clone(&name), entry };
    Ok(Named::by(name, proof))
}

/// The name that was proved is not the one that counts.
pub(crate) fn other_name(proof: &str) -> Denied {
    Denied {
        text: format!("{proof} proves another user name than the client goes by"),
        hint: Some("leave the user name of CONNECT out, or give the same one".to_owned()),
        ..not_authorised("SMQ-A026")
    }
}

fn anonymous(rules: &Rules<'_>, has_proofs: bool) -> Denied {
    let hint = if has_proofs {
        "give the client a user name and its password".to_owned()
    } else {
        format!(
            "to let clients without a name in on {}, set 'allow_anonymous true'; else a password_file",
            rules.listener.name
        )
    };
    Denied {
        text: "it gave no user name, and anonymous clients are not allowed here".to_owned(),
        hint: Some(hint),
        ..not_authorised("SMQ-A011")
    }
}

fn unchecked_name(rules: &Rules<'_>, proofs: &NameProofs) -> Denied {
    let listener = &rules.listener.name;
    let (text, hint) = match (&proofs.scram, &proofs.tokens) {
        (None, None) => (
            "it gave a user name, and there is no password_file to check it with",
            format!("set a password_file for {listener}, or 'allow_anonymous true' to let in whoever comes"),
        ),
        (_, Some(_)) => (
            "it gave a user name and no token that proves it",
            "let the client send its token as the password".to_owned(),
        ),
        (Some(_), None) => (
            "it gave a user name, and names are proved by SCRAM-SHA-256 here",
            "let the client log in with MQTT 5 and the Authentication Method SCRAM-SHA-256".to_owned(),
        ),
    };
    Denied { text: text.to_owned(), hint: Some(hint), ..not_authorised("SMQ-A012") }
}

fn wrong_password() -> Denied {
    Denied { text: "wrong user name or password".to_owned(), ..not_authorised("SMQ-A013") }
}

fn token_not_checked(error: HashingError) -> Denied {
    let text = match error {
        HashingError::QueueFull => "too many tokens wait to be checked",
        HashingError::TooLate => "the check of the token took too long",
        HashingError::Fault => "the check of the token failed",
    };
    Denied { text: text.to_owned(), ..not_authorised("SMQ-A014") }
}

fn cannot_check(error: HashingError) -> Denied {
    Denied { text: error.to_string(), ..not_authorised("SMQ-A014") }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc;
    use std::task::Poll;
    use std::time::Duration;

    use sealmq_broker::TrustGeneration;
    use sealmq_mqtt::{Properties, Secret, Version};

    use super::super::fixture::{Generation, Issuer, listener};
    use super::super::hashing::HashingPool;
    use super::super::proxy::stage::Vouched;
    use super::super::stream::Origin;
    use super::*;
    use crate::trust::Carriage;

    fn pool(deadline: Duration) -> HashingPool {
        HashingPool::start("test", 1, 8, deadline).unwrap()
    }

    /// Keeps the one thread of a pool busy until the sender goes.
    fn hold_up(pool: &HashingPool) -> mpsc::Sender<()> {
        let (go, gate) = mpsc::channel::<()>();
        pool.run_errand(Box::new(move || assert!(gate.recv().is_err()))).unwrap();
        go
    }

    /// Logs in with this token as the password, while `meanwhile` looks at whether it is done.
    async fn log_in(
        tokens: &HashingPool,
        issuer: &Issuer,
        token: &str,
        meanwhile: impl FnOnce(bool),
    ) -> Result<Named, Denied> {
        let proofs = NameProofs { scram: None, tokens: Some(issuer.judge()) };
        let listener = listener(Arc::new(proofs));
        let trust: Arc<dyn TrustGeneration> = Arc::new(Generation(AtomicU64::new(1)));
        let hashing = pool(Duration::from_secs(10));
        let rules = Rules {
            listener: &listener,
            hashing: &hashing,
            tokens,
            remembered: None,
            names: None,
            trust: &trust,
            vouched: &Vouched::Nothing,
            origin: Origin::Elsewhere,
            carriage: Carriage::Plain,
            browsed: None,
            generation: 1,
        };
        let connect = Connect {
            version: Version::V5,
            bridge: false,
            clean_start: true,
            keep_alive_secs: 0,
            client_id: "c",
            will: None,
            username: None,
            password: Some(Secret::new(token.as_bytes())),
            properties: Properties::EMPTY,
        };
        let access = listener.access();
        let mut login = pin!(by_word(&rules, &access, &connect, None));
        match poll_fn(|context| Poll::Ready(login.as_mut().poll(context))).await {
            Poll::Ready(named) => {
                meanwhile(true);
                named
            }
            Poll::Pending => {
                meanwhile(false);
                login.await
            }
        }
    }

    fn in_five_minutes() -> i64 {
        believed::now().as_secs() + 300
    }

    /// While the one thread that checks tokens is busy, the door's thread has its turn back and serves others.
    #[tokio::test]
    async fn a_token_is_checked_away_from_the_threads_of_the_door() {
        let (issuer, tokens) = (Issuer::new(), pool(Duration::from_secs(10)));
        for (issued_by, refused) in [(&issuer, None), (&Issuer::new(), Some("SMQ-A025"))] {
            let busy = hold_up(&tokens);
            let token = issued_by.token("anna", in_five_minutes());
            let named = log_in(&tokens, &issuer, &token, |done| {
                assert!(!done, "checked where it was asked");
                drop(busy);
            });
            let named = named.await;
            assert_eq!(named.as_ref().err().map(|denied| denied.code), refused);
            assert_eq!(named.is_ok_and(|named| named.username.as_deref() == Some("anna")), refused.is_none());
        }
    }

    #[tokio::test]
    async fn a_token_that_is_not_checked_in_time_is_refused() {
        let (issuer, tokens) = (Issuer::new(), pool(Duration::from_millis(20)));
        let token = issuer.token("anna", in_five_minutes());
        let busy = hold_up(&tokens);
        let denied = log_in(&tokens, &issuer, &token, |_| ()).await.err().expect("nobody checked it");
        assert_eq!((denied.code, denied.is_failed_authentication()), ("SMQ-A014", false), "{}", denied.text);
        drop(busy);
        let patient = pool(Duration::from_secs(10));
        assert!(log_in(&patient, &issuer, &token, |_| ()).await.is_ok());
    }

    /// Nothing of a stranger's that is longer waits for its turn.
    #[tokio::test]
    async fn a_token_that_is_too_long_waits_for_nobody() {
        let (issuer, tokens) = (Issuer::new(), pool(Duration::from_secs(10)));
        let _busy = hold_up(&tokens);
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        let denied = log_in(&tokens, &issuer, &long, |done| assert!(done)).await.err().expect("too long");
        assert!(denied.text.contains("longer than"), "{}", denied.text);
    }
}
