//! `profiles.toml`: text to profiles, with all that is wrong and where.
//!
//! A table per profile. Built-in ones are changed, new ones are `based_on` a built-in leaf profile. The CA's own
//! certificates are not in it. What a file says can make certificates shorter-lived, stricter about keys and requests,
//! or of another shape within their role; it cannot give a leaf the powers of a CA or of another role.

use std::borrow::Cow;
use std::ops::Range;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::words::{self, suggestion};
use super::{AltNameKind, ISSUING_DAYS, Life, Profile, Profiles, Purpose};
use crate::cert::KeyUsageBit;
use crate::inventory::Role;

/// The longest file that is read, in bytes.
pub const PROFILES_BYTES_MAX: usize = 64 * 1024;

/// The most profiles of one's own.
const OWN_MAX: usize = 32;

/// Clocks that are off by more than three days want to be set.
const BACKDATE_MINUTES_MAX: i64 = 3 * 24 * 60;

const KEYS: &[&str] = &[
    "based_on",
    "ca",
    "days",
    "backdate_minutes",
    "keys",
    "rsa_bits_min",
    "key_usage",
    "extended_key_usage",
    "subject_alt_names",
    "request_extensions",
];

/// Everything that is wrong with a file of profiles.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ProfilesError(pub Vec<ProfileProblem>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}\nhint: {hint}")]
pub struct ProfileProblem {
    /// The line, counted from 1.
    pub line: usize,
    /// What.
    pub what: String,
    /// What mends it.
    pub hint: String,
}

pub(super) fn parse(text: &str) -> Result<Profiles, ProfilesError> {
    if text.len() > PROFILES_BYTES_MAX {
        let what = format!("the file has {} bytes; at most {PROFILES_BYTES_MAX} are read", text.len());
        let hint = "a profile takes a few lines: is it the right file?".to_owned();
        return Err(ProfilesError(vec![ProfileProblem { line: 1, what, hint }]));
    }
    let document = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let what = format!("not TOML: {}", words::shown(error.message()));
        let hint = "a profile is a table: [device] on one line, days = 365 on the next".to_owned();
        ProfilesError(vec![ProfileProblem { line, what, hint }])
    })?;
    let mut reading = Reading { text, problems: Vec::new(), profiles: Profiles::default() };
    for (name, value) in document.get_ref().iter() {
        reading.profile(name, value);
    }
    if reading.problems.is_empty() { Ok(reading.profiles) } else { Err(ProfilesError(reading.sorted())) }
}

struct Reading<'a> {
    text: &'a str,
    problems: Vec<ProfileProblem>,
    profiles: Profiles,
}

type Name<'a> = Spanned<Cow<'a, str>>;
type Value<'a> = Spanned<DeValue<'a>>;

impl Reading<'_> {
    fn profile(&mut self, name: &Name<'_>, value: &Value<'_>) {
        let Some(table) = value.get_ref().as_table() else {
            return self.problem(
                name.span(),
                format!("'{}' stands outside of a profile", words::shown(name.get_ref())),
                "write the profile's name above it, for example [device]".to_owned(),
            );
        };
        let based_on = table.iter().find(|(key, _)| key.get_ref() == "based_on").map(|(_, value)| value);
        let Some(mut profile) = self.base(name, based_on) else { return };
        for (key, value) in table.iter() {
            self.entry(&mut profile, key, value);
        }
        match self.profiles.all.iter_mut().find(|known| known.name == profile.name) {
            Some(known) => *known = profile,
            None => self.profiles.all.push(profile),
        }
    }

    /// What a table starts from: the built-in profile of its name, or the one that it is based on.
    fn base(&mut self, name: &Name<'_>, based_on: Option<&Value<'_>>) -> Option<Profile> {
        let text = name.get_ref().as_ref();
        let built_in = Profiles::default();
        let leaves = || built_in.all().iter().filter(|profile| !profile.is_ca());
        match (built_in.find(text), based_on) {
            (Ok(profile), None) if profile.is_ca() => {
                self.problem(
                    name.span(),
                    format!("'{text}' is a certificate of the CA itself and not in this file"),
                    "profiles here are those of servers, devices and operators".to_owned(),
                );
                None
            }
            (Ok(profile), None) => Some(profile.clone()),
            (Ok(_), Some(value)) => {
                self.problem(
                    value.span(),
                    format!("'{text}' is built in and based on nothing else"),
                    "leave based_on out, or give the profile another name".to_owned(),
                );
                None
            }
            (Err(_), Some(value)) => {
                let base = value.get_ref().as_str().and_then(|base| leaves().find(|p| p.name() == base));
                let Some(base) = base else {
                    let hint =
                        suggestion(value.get_ref().as_str().unwrap_or_default(), leaves().map(Profile::name));
                    let what = format!("'{text}' is based on no built-in profile of a leaf certificate");
                    self.problem(value.span(), what, hint);
                    return None;
                };
                if !is_profile_name(text) || self.profiles.all.len() >= built_in.all.len() + OWN_MAX {
                    self.problem(
                        name.span(),
                        format!("'{}' cannot name a profile", words::shown(text)),
                        format!("1 to 32 of a-z 0-9 -, and at most {OWN_MAX} profiles of your own"),
                    );
                    return None;
                }
                Some(Profile { name: Cow::Owned(text.to_owned()), ..base.clone() })
            }
            (Err(_), None) => {
                let near = suggestion(text, leaves().map(Profile::name));
                self.problem(
                    name.span(),
                    format!("there is no profile '{}'", words::shown(text)),
                    format!("{near} A new one says what it is based on: based_on = \"device\""),
                );
                None
            }
        }
    }

    fn entry(&mut self, profile: &mut Profile, key: &Name<'_>, value: &Value<'_>) {
        match key.get_ref().as_ref() {
            "based_on" => {}
            "ca" => self.ca(profile, value),
            "days" => self.days(profile, value),
            "backdate_minutes" => {
                if let Some(minutes) = self.number(key, value, 0..BACKDATE_MINUTES_MAX + 1) {
                    profile.backdated_secs = minutes * 60;
                }
            }
            "keys" => {
                if let Some(keys) = self.some_of(key, value, words::KEYS, |_| None) {
                    profile.keys = Cow::Owned(keys);
                }
            }
            "rsa_bits_min" => {
                if let Some(bits) = self.number(key, value, 2048..8193) {
                    profile.rsa_bits_min = bits as u32;
                }
            }
            "key_usage" => self.key_usage(profile, key, value),
            "extended_key_usage" => self.purposes(profile, key, value),
            "subject_alt_names" => {
                let role = profile.role;
                let refused = |kind| (!may_have(role, kind)).then(|| alt_name_refusal(role));
                if let Some(kinds) = self.list(key, value, words::ALT_NAMES, refused) {
                    profile.alt_names = Cow::Owned(kinds);
                }
            }
            "request_extensions" => {
                if let Some(extensions) = self.list(key, value, words::REQUESTABLE, |_| None) {
                    profile.requestable = Cow::Owned(extensions);
                }
            }
            unknown => self.problem(
                key.span(),
                format!("the profile '{}' has no key '{}'", profile.name, words::shown(unknown)),
                suggestion(unknown, KEYS.iter().copied()),
            ),
        }
    }

    fn ca(&mut self, profile: &Profile, value: &Value<'_>) {
        if value.get_ref().as_bool() != Some(false) {
            self.problem(
                value.span(),
                format!("the profile '{}' cannot make CA certificates", profile.name),
                "leave the key out: only the root issues a CA".to_owned(),
            );
        }
    }

    /// `days = 365`, or `days = "issuer"`.
    fn days(&mut self, profile: &mut Profile, value: &Value<'_>) {
        let days = value.get_ref().as_integer().and_then(number);
        match (value.get_ref().as_str(), days) {
            (Some("issuer"), _) if profile.role == Role::Device => profile.life = Life::WithIssuer,
            (_, Some(days)) if (1..=i64::from(ISSUING_DAYS)).contains(&days) => {
                profile.life = Life::Days(days as u32);
            }
            (_, Some(days)) if days > i64::from(ISSUING_DAYS) => self.problem(
                value.span(),
                format!("certificates of {days} days would outlive their CA, which lives {ISSUING_DAYS}"),
                "a device that nobody renews: days = \"issuer\"".to_owned(),
            ),
            _ => self.problem(
                value.span(),
                format!("'days' of the profile '{}' is no life for it", profile.name),
                format!(
                    "a number from 1 to {ISSUING_DAYS}; for devices also \"issuer\": as long as the issuing CA"
                ),
            ),
        }
    }

    fn key_usage(&mut self, profile: &mut Profile, key: &Name<'_>, value: &Value<'_>) {
        let refused = |bit| {
            let ca = matches!(bit, KeyUsageBit::KeyCertSign | KeyUsageBit::CrlSign);
            ca.then(|| "it signs certificates or revocation lists, which only a CA may".to_owned())
        };
        let Some(bits) = self.some_of(key, value, words::KEY_USAGE, refused) else { return };
        if !bits.contains(&KeyUsageBit::DigitalSignature) {
            return self.problem(
                value.span(),
                "a key that may not make signatures cannot do a TLS handshake".to_owned(),
                "add \"digitalSignature\"".to_owned(),
            );
        }
        profile.key_usage = Cow::Owned(bits);
    }

    /// A certificate without a purpose is good for every purpose (RFC 5280 §4.2.1.12), and one with the purpose of
    /// another role is that role's: a device with serverAuth could be the broker for other devices.
    fn purposes(&mut self, profile: &mut Profile, key: &Name<'_>, value: &Value<'_>) {
        let (demanded, allowed) = purposes_of(profile.role);
        let refused = |purpose| {
            (!allowed.contains(&purpose)).then(|| {
                format!(
                    "certificates of the role '{}' have: {}",
                    profile.role,
                    words::list(words::PURPOSES, allowed)
                )
            })
        };
        let Some(purposes) = self.some_of(key, value, words::PURPOSES, refused) else { return };
        if !purposes.contains(&demanded) {
            let word = words::list(words::PURPOSES, &[demanded]);
            return self.problem(
                value.span(),
                format!("certificates of the profile '{}' need {word}", profile.name),
                format!("add \"{word}\""),
            );
        }
        profile.purposes = Cow::Owned(purposes);
    }

    fn number(&mut self, key: &Name<'_>, value: &Value<'_>, range: Range<i64>) -> Option<i64> {
        let found = value.get_ref().as_integer().and_then(number).filter(|number| range.contains(number));
        if found.is_none() {
            self.problem(
                value.span(),
                format!("'{}' is no number within its bounds", key.get_ref()),
                format!("a number from {} to {}", range.start, range.end - 1),
            );
        }
        found
    }

    /// As [`list`](Reading::list), and at least one.
    fn some_of<T: Copy + PartialEq>(
        &mut self,
        key: &Name<'_>,
        value: &Value<'_>,
        table: &[(&'static str, T)],
        refused: impl Fn(T) -> Option<String>,
    ) -> Option<Vec<T>> {
        let found = self.list(key, value, table, refused)?;
        if !found.is_empty() {
            return Some(found);
        }
        let known: Vec<&str> = table.iter().map(|(word, _)| *word).collect();
        self.problem(
            value.span(),
            format!("'{}' is empty", key.get_ref()),
            format!("leave it out for the default, or choose from: {}", known.join(", ")),
        );
        None
    }

    /// Words of a table, each once.
    fn list<T: Copy + PartialEq>(
        &mut self,
        key: &Name<'_>,
        value: &Value<'_>,
        table: &[(&'static str, T)],
        refused: impl Fn(T) -> Option<String>,
    ) -> Option<Vec<T>> {
        let before = self.problems.len();
        let mut found = Vec::new();
        let Some(words) = value.get_ref().as_array() else {
            let what = format!("'{}' is no list", key.get_ref());
            self.problem(value.span(), what, format!("{} = [\"{}\"]", key.get_ref(), table[0].0));
            return None;
        };
        for word in words.iter() {
            let text = word.get_ref().as_str().unwrap_or_default();
            match words::value(table, text) {
                None => {
                    let what = format!("'{}' does not know '{}'", key.get_ref(), words::shown(text));
                    self.problem(word.span(), what, suggestion(text, table.iter().map(|(word, _)| *word)));
                }
                Some(value) => match refused(value) {
                    Some(why) => {
                        let what = format!("'{}' cannot have '{text}'", key.get_ref());
                        self.problem(word.span(), what, why);
                    }
                    None if found.contains(&value) => {}
                    None => found.push(value),
                },
            }
        }
        (self.problems.len() == before).then_some(found)
    }

    fn problem(&mut self, at: Range<usize>, what: String, hint: String) {
        self.problems.push(ProfileProblem { line: line_of(self.text, at.start), what, hint });
    }

    fn sorted(mut self) -> Vec<ProfileProblem> {
        self.problems.sort_by_key(|problem| problem.line);
        self.problems
    }
}

/// What a role's certificates must be for, and what they may be for.
const fn purposes_of(role: Role) -> (Purpose, &'static [Purpose]) {
    match role {
        // clientAuth too: a server that is a bridge with the same certificate.
        Role::Server => (Purpose::Server, &[Purpose::Server, Purpose::Client]),
        Role::OcspSigner => (Purpose::OcspSigning, &[Purpose::OcspSigning]),
        // The CA's own are not in the file; as leaves they would be clients.
        Role::Device | Role::Operator | Role::Root | Role::Issuing => (Purpose::Client, &[Purpose::Client]),
    }
}

fn may_have(role: Role, kind: AltNameKind) -> bool {
    match (role, kind) {
        (Role::Server, AltNameKind::Dns | AltNameKind::Ip) => true,
        (Role::Server, AltNameKind::Uri | AltNameKind::Email) => false,
        // An address says where something is, not who it is.
        (Role::Device | Role::Operator, AltNameKind::Ip) => false,
        (Role::Device | Role::Operator, AltNameKind::Dns | AltNameKind::Uri | AltNameKind::Email) => true,
        (Role::OcspSigner | Role::Root | Role::Issuing, _) => false,
    }
}

fn alt_name_refusal(role: Role) -> String {
    let allowed: Vec<AltNameKind> =
        words::ALT_NAMES.iter().map(|(_, kind)| *kind).filter(|kind| may_have(role, *kind)).collect();
    format!("certificates of the role '{role}' may have: {}", words::list(words::ALT_NAMES, &allowed))
}

fn number(integer: &toml::de::DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn is_profile_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
