//! The broker's own certificates: the server's and the operator's. Made, checked, and made again when it is time.
//!
//! Order of writes: record, key, certificate. A crash in between leaves a key without its certificate, which the next
//! start notices and replaces; nothing that a device holds depends on either.

use std::net::IpAddr;

use sealmq_pki::audit::{Draft, Subject, What};
use sealmq_pki::host::HostName;
use sealmq_pki::inventory::Role;
use sealmq_pki::issue::{Certificate, End, Holder, LeafRequest, issue_leaf_under};
use sealmq_pki::{AltName, Facts, Name, Signer, SoftKey, Timestamp, pem, profile};

use super::create::{Progress, Step, fresh_key, fresh_serial};
use super::error::HomeError;
use super::files::{self, Mode};
use super::place::KeyPairFiles;
use super::{Home, Surroundings};
use crate::inventory::{Origin, Status};

/// Why a certificate of the broker was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There was none.
    First,
    /// The files on disk were no use: cut off, mismatched, of another CA, or not in the inventory.
    Unusable(String),
    /// It had ended, or its validity had not begun.
    Ended,
    /// Two thirds of its life were over.
    Age,
    /// This server has a name or an address that the certificate lacks.
    Name(String),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::First => f.write_str("the first one"),
            Self::Unusable(why) => write!(f, "the old one cannot be used: {why}"),
            Self::Ended => f.write_str("the old one is not valid now"),
            Self::Age => f.write_str("two thirds of the old one's life are over"),
            Self::Name(name) => write!(f, "this server is now also {name}"),
        }
    }
}

/// What became of one of the broker's certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// The one on disk serves.
    Kept {
        /// Its end.
        not_after: Timestamp,
    },
    /// A new one was made.
    Made {
        /// Why.
        cause: Cause,
        /// Its end.
        not_after: Timestamp,
    },
}

impl Leaf {
    /// The end of the certificate that serves now.
    pub fn not_after(&self) -> Timestamp {
        match self {
            Self::Kept { not_after } | Self::Made { not_after, .. } => *not_after,
        }
    }
}

impl Home {
    /// Makes the server's certificate new where that is needed: for its names, its age, or its state on disk.
    pub fn ensure_server(&self, around: &Surroundings, done: Progress<'_>) -> Result<Leaf, HomeError> {
        let now = self.judge_at(around);
        self.note_addresses(around, now)?;
        let hosts = self.server_hosts(around)?;
        let files = self.place().server();
        let found = self.look_at(&files, Role::Server, now)?;
        let cause = match found {
            Found::Usable(facts) => match hosts.iter().find(|host| !names(&facts, host)) {
                None => return Ok(Leaf::Kept { not_after: facts.not_after }),
                Some(host) => Cause::Name(host.to_string()),
            },
            Found::Needs(cause) => cause,
        };
        let not_after = self.issue(&files, Holder::Server(&hosts), None, around, done)?;
        Ok(Leaf::Made { cause, not_after })
    }

    /// Makes the operator's certificate new where that is needed.
    pub fn ensure_operator(&self, around: &Surroundings, done: Progress<'_>) -> Result<Leaf, HomeError> {
        let name = Name::operator();
        self.ensure_leaf(&self.place().operator(), Holder::Operator(&name), Some(&name), around, done)
    }

    /// Keeps what can be used until two thirds of its life are over.
    pub(super) fn ensure_leaf(
        &self,
        files: &KeyPairFiles,
        holder: Holder<'_>,
        name: Option<&Name>,
        around: &Surroundings,
        done: Progress<'_>,
    ) -> Result<Leaf, HomeError> {
        let cause = match self.look_at(files, holder.role(), self.judge_at(around))? {
            Found::Usable(facts) => return Ok(Leaf::Kept { not_after: facts.not_after }),
            Found::Needs(cause) => cause,
        };
        let not_after = self.issue(files, holder, name, around, done)?;
        Ok(Leaf::Made { cause, not_after })
    }

    /// What the server's certificate on disk says.
    pub fn server_facts(&self) -> Result<Facts, HomeError> {
        let path = self.place().server().certificate();
        let der = first_certificate(&path)?.ok_or_else(|| HomeError::Incomplete { path: path.clone() })?;
        Facts::parse(&der).map_err(|error| HomeError::Corrupt { path, text: error.to_string() })
    }

    /// Remembers names that a person gave with `--name`.
    pub fn remember_names(&self, hosts: &[HostName], now: Timestamp) -> Result<(), HomeError> {
        if hosts.is_empty() {
            return Ok(());
        }
        let given: Vec<_> = hosts.iter().map(|host| (host.to_string(), Origin::Given)).collect();
        Ok(self.inventory().note_server_names(&given, now, Timestamp::EARLIEST)?)
    }

    /// The names that a person gave, in their order.
    pub fn given_names(&self) -> Result<Vec<HostName>, HomeError> {
        let names = self.inventory().server_names()?;
        let given = names.iter().filter(|name| name.origin == Origin::Given);
        given.map(|name| HostName::parse(&name.name).map_err(HomeError::from)).collect()
    }

    fn note_addresses(&self, around: &Surroundings, now: Timestamp) -> Result<(), HomeError> {
        let seen: Vec<_> = around.addresses.iter().map(|ip| (ip.to_string(), Origin::Address)).collect();
        Ok(self.inventory().note_server_names(&seen, now, now.plus_days(-ADDRESS_KEPT_DAYS))?)
    }

    /// Given names first (the first one becomes the CN), then what the machine calls itself, then addresses.
    fn server_hosts(&self, around: &Surroundings) -> Result<Vec<HostName>, HomeError> {
        let mut hosts = self.given_names()?;
        hosts.extend(around.names.iter().cloned());
        for name in self.inventory().server_names()? {
            if let Ok(ip) = name.name.parse::<IpAddr>() {
                hosts.push(HostName::Ip(ip));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        hosts.retain(|host| seen.insert(host.clone()));
        Ok(hosts)
    }

    fn look_at(&self, files: &KeyPairFiles, role: Role, now: Timestamp) -> Result<Found, HomeError> {
        files::ensure_folder(files.folder())?;
        files::sweep(files.folder())?;
        let der = match first_certificate(&files.certificate()) {
            Ok(None) => return Ok(Found::Needs(Cause::First)),
            Ok(Some(der)) => der,
            Err(HomeError::Corrupt { text, .. }) => return Ok(Found::Needs(Cause::Unusable(text))),
            Err(other) => return Err(other),
        };
        let unusable = |text: &str| Ok(Found::Needs(Cause::Unusable(text.to_owned())));
        let Ok(facts) = Facts::parse(&der) else { return unusable("its certificate cannot be read") };
        let Some(key) = files::read_secret(&files.key())? else { return unusable("its key is missing") };
        let Ok(key) = SoftKey::from_pem(&key) else { return unusable("its key cannot be read") };
        if key.public_key().spki_der() != facts.spki_der.as_slice() {
            return unusable("key and certificate do not belong together");
        }
        if facts.authority_key_id.as_ref() != Some(self.issuing().key_id()) {
            return unusable("another CA issued it");
        }
        match self.inventory().status(self.issuing().inventory_id(), &facts.serial)? {
            Status::Valid { fingerprint, .. } if fingerprint != facts.fingerprint => {
                return unusable("the inventory has another certificate under its serial");
            }
            Status::Valid { role: recorded, .. } if recorded == role => {}
            Status::Valid { .. } => return unusable("the inventory has it in another role"),
            Status::Held => return unusable("it is on hold"),
            Status::Revoked => return unusable("it was revoked"),
            Status::Unknown => return unusable("it is not in the inventory"),
        }
        Ok(if !facts.is_current(now) {
            Found::Needs(Cause::Ended)
        } else if now >= profile::renew_at(facts.not_before, facts.not_after) {
            Found::Needs(Cause::Age)
        } else {
            Found::Usable(Box::new(facts))
        })
    }

    fn issue(
        &self,
        files: &KeyPairFiles,
        holder: Holder<'_>,
        name: Option<&Name>,
        around: &Surroundings,
        done: Progress<'_>,
    ) -> Result<Timestamp, HomeError> {
        let now = self.judge_at(around);
        let key = fresh_key(&files.key())?;
        let request = LeafRequest {
            holder,
            public_key: key.public_key(),
            serial: fresh_serial()?,
            now,
            end: End::Profile,
        };
        let role = holder.role();
        let profiles = self.profiles()?;
        let profile = match holder {
            Holder::Server(_) => profiles.server(),
            Holder::OcspSigner => profiles.ocsp_signer(),
            Holder::Device(_) | Holder::Operator(_) => profiles.operator(),
        };
        let certificate = issue_leaf_under(self.issuing(), profile, &request)?;
        let record = certificate.record(self.issuing(), role, name, now);
        let made = vec![Subject::Key(key.public_key().key_id().clone())];
        self.inventory().change(&self.act(around), |change| {
            change.note(&Draft::new(What::KeyCreated, made).saying(role.as_str()))?;
            change.insert(&record)
        })?;
        done(Step::LeafRecorded(role))?;
        files::replace(&files.key(), key.to_pem().as_bytes(), Mode::Private)?;
        done(Step::LeafKey(role))?;
        files::replace(&files.certificate(), self.leaf_with_chain(&certificate).as_bytes(), Mode::Public)?;
        done(Step::Leaf(role))?;
        Ok(certificate.facts().not_after)
    }

    /// A leaf and the issuing CA's certificate, as a peer wants them.
    pub(super) fn leaf_with_chain(&self, leaf: &Certificate) -> String {
        leaf.pem() + self.chain_pem()
    }
}

enum Found {
    Usable(Box<Facts>),
    Needs(Cause),
}

/// The DER of the first certificate in a PEM file; `None` where there is no file.
pub(crate) fn first_certificate(path: &std::path::Path) -> Result<Option<Vec<u8>>, HomeError> {
    let Some(text) = files::read(path)? else { return Ok(None) };
    let corrupt = |text: String| HomeError::Corrupt { path: path.to_owned(), text };
    let blocks = pem::of_label(&text, "CERTIFICATE").map_err(|error| corrupt(error.to_string()))?;
    let first = blocks.into_iter().next().ok_or_else(|| corrupt("it holds no certificate".to_owned()))?;
    Ok(Some(first.to_vec()))
}

/// Whether a certificate vouches for a name.
pub(super) fn names(facts: &Facts, host: &HostName) -> bool {
    facts.alt_names.iter().any(|name| match (name, host) {
        (AltName::Dns(dns), HostName::Dns(wanted)) => dns.eq_ignore_ascii_case(wanted.as_str()),
        (AltName::Ip(ip), HostName::Ip(wanted)) => ip == wanted,
        (AltName::Dns(_) | AltName::Ip(_) | AltName::Uri(_) | AltName::Email(_) | AltName::Other(_), _) => {
            false
        }
    })
}

/// A device may still dial an address that this machine had.
const ADDRESS_KEPT_DAYS: i64 = 30;
