//! The data directory of a broker that is its own CA.
//!
//! Not here: what a certificate holds (sealmq-pki), how TLS is spoken (sealmq-tls), what the broker does with it
//! (the rest of this crate).
//!
//! Invariants: nothing is changed without the lock; every file is written whole or not at all; a CA appears by one
//! rename and is never made a second time beside traces of an older one; the root key is read by nobody after that.

mod addresses;
mod audit;
pub mod authority;
pub mod backup;
mod clock;
mod conf;
pub mod contexts;
mod create;
mod crl;
mod devices;
mod error;
pub mod export;
pub mod files;
pub mod import;
mod leaves;
mod lock;
mod ocsp_signer;
pub mod offline;
pub mod passphrase;
pub mod passwords;
mod place;
mod profiles;
mod prompt;
mod requests;
pub mod restore;
mod revocation;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use sealmq_pki::Timestamp;
use sealmq_pki::audit::{Draft as AuditDraft, Subject, What};
use sealmq_pki::cert::{SignedBy, signed_by};
use sealmq_pki::host::HostName;
use sealmq_pki::inventory::{Act, Actor};
use sealmq_pki::issue::Ca;
use sealmq_pki::{Facts, KeyId, pem};

pub use addresses::{default_route_address, own_addresses, own_names};
pub(crate) use audit::AUDIT_HEAD;
pub use clock::{Floor, Seen, Watch, build_date, check_creation, wall_now};
pub use conf::{OWN_BRANCH_RULE, read_conf, set_port, tls_port, tls_port_of};
pub use create::{Blueprint, Progress, Step, fresh_bytes};
pub use crl::{ListState, Listed};
pub use devices::{DeviceHolder, DeviceRequest, Draft, HostFrom};
pub use error::HomeError;
pub(crate) use leaves::first_certificate;
pub use leaves::{Cause, Leaf};
pub use lock::Lock;
pub(crate) use ocsp_signer::OcspSigner;

pub use authority::Protection;
pub use passphrase::{Passphrase, Unlock};
pub use place::{CaFolder, Chosen, Environment, KeyPairFiles, Place};
pub use prompt::{password as prompt_password, without_echo};
pub use requests::{CsrRequest, SignedCsr};
pub use revocation::{TakeBack, TakenBack, Whose};

use crate::inventory::{Inventory, Status};

/// What the machine says about itself at one moment, and who asks.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Who asks for what is done now.
    pub actor: Actor,
    /// The wall clock.
    pub now: Timestamp,
    /// The date of this build.
    pub build: Timestamp,
    /// What the machine calls itself.
    pub names: Vec<HostName>,
    /// The addresses that stay.
    pub addresses: BTreeSet<IpAddr>,
}

impl Surroundings {
    /// Looks at the machine. Who asks is the user that this process runs as; see [`asked_by`](Self::asked_by).
    pub fn look() -> Result<Self, HomeError> {
        let addresses = own_addresses()
            .map_err(|e| HomeError::io("read the addresses of", Path::new("this machine"), e))?;
        let actor = Actor::User { uid: files::own_uid() };
        Ok(Self { actor, now: wall_now(), build: build_date(), names: own_names(), addresses })
    }

    /// The same, asked by somebody else.
    #[must_use]
    pub fn asked_by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }
}

/// What a person asked `up` for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `--name`s, which are remembered.
    pub names: Vec<HostName>,
    /// `--port`, which is written into a new configuration.
    pub port: Option<u16>,
    /// Where the passphrase of the CA's keys comes from. A CA that is made now is encrypted under one that is there.
    pub unlock: Unlock,
}

/// What [`Home::up`] found and did.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether the CA was made just now.
    pub ca: Origin,
    /// The server's certificate.
    pub server: Leaf,
    /// The operator's certificate.
    pub operator: Leaf,
    /// Where the root's key is.
    pub root_key: RootKey,
    /// How the issuing CA's key lies on disk.
    pub issuing_key: Protection,
}

/// Whether something was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was made just now.
    New,
    /// It was there.
    Old,
}

/// Whether the root's key still lies beside the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootKey {
    /// `ca/root/root.key` is there: whoever takes this machine takes the root.
    Here,
    /// It was moved away.
    Offline,
}

/// A data directory that this process holds.
pub struct Home {
    place: Place,
    _lock: Lock,
    inventory: Arc<Inventory>,
    issuing: Ca,
    chain_pem: String,
    anchors_pem: String,
    floor: Floor,
}

impl Home {
    /// Opens the data directory for a broker: makes it where there is none, completes what a crash left unfinished,
    /// renews what is due.
    pub fn up(
        place: &Place,
        wanted: &Wanted,
        around: &Surroundings,
        done: Progress<'_>,
    ) -> Result<(Self, Report), HomeError> {
        let ca = Self::make_if_missing(place, around, done)?;
        let lock = Lock::take(place)?;
        done(Step::Lock)?;
        let ca = match ca {
            Origin::Old => Origin::Old,
            // Looked at again under the lock: two first starts at the same moment make one CA.
            Origin::New if files::is_there(place.ca().folder())? => Origin::Old,
            Origin::New => {
                create::check_no_traces(place)?;
                create::check_no_request(place)?;
                let passphrase = wanted.unlock.passphrase_of_new_keys()?;
                let blueprint = Blueprint { passphrase, ..Blueprint::default() };
                create::create_ca(place, &blueprint, around, done)?;
                Origin::New
            }
        };
        let home = Self::open_locked(place, lock, around, &wanted.unlock)?;
        let key = place.ca().issuing().key();
        let issuing_key =
            authority::protection(&key)?.ok_or_else(|| HomeError::Incomplete { path: key.clone() })?;
        home.finish_revocation()?;
        home.remember_names(&wanted.names, home.judge_at(around))?;
        let server = home.ensure_server(around, done)?;
        let operator = home.ensure_operator(around, done)?;
        home.ensure_ocsp_signer(around, done)?;
        home.ensure_list(around, done)?;
        conf::ensure(place, wanted.port.unwrap_or(DEFAULT_PORT), done)?;
        files::ensure_folder(&place.run())?;
        done(Step::Run)?;
        home.check_one_proof_each(around)?;
        let root_key = home.root_key()?;
        Ok((home, Report { ca, server, operator, root_key, issuing_key }))
    }

    /// Makes the CA of a new data directory and nothing else; [`Home::up`] makes the rest when a broker starts there.
    pub fn init(
        place: &Place,
        blueprint: &Blueprint,
        around: &Surroundings,
        done: Progress<'_>,
    ) -> Result<(), HomeError> {
        let is_there = || HomeError::Refused {
            what: format!("{} holds a CA already", place.folder().display()),
            hint: "`sealmq ca show` says which; name a new folder with --data-dir DIR for another one"
                .to_owned(),
        };
        if Self::make_if_missing(place, around, done)? == Origin::Old {
            return Err(is_there());
        }
        let _lock = Lock::take(place)?;
        done(Step::Lock)?;
        if files::is_there(place.ca().folder())? {
            return Err(is_there());
        }
        create::check_no_traces(place)?;
        create::check_no_request(place)?;
        create::create_ca(place, blueprint, around, done)
    }

    /// As [`Home::open_with`], with no passphrase: an encrypted issuing key is refused.
    pub fn open(place: &Place, around: &Surroundings) -> Result<Self, HomeError> {
        Self::open_with(place, around, &Unlock::default())
    }

    /// Opens a data directory that is there, for one change while no broker runs.
    pub fn open_with(place: &Place, around: &Surroundings, unlock: &Unlock) -> Result<Self, HomeError> {
        files::check_owner(place.folder())?;
        if !files::is_there(place.ca().folder())? {
            return Err(HomeError::Absent { path: place.folder().to_owned() });
        }
        files::check_folder(place.folder())?;
        let lock = Lock::take(place)?;
        let home = Self::open_locked(place, lock, around, unlock)?;
        home.finish_revocation()?;
        Ok(home)
    }

    /// Its place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its inventory; the verifier asks it about every certificate of this CA.
    pub fn inventory(&self) -> &Arc<Inventory> {
        &self.inventory
    }

    /// Its issuing CA.
    pub fn issuing(&self) -> &Ca {
        &self.issuing
    }

    /// The issuing CA's certificate and those between it and the root, PEM: what a peer needs besides a leaf.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The root certificate, PEM: what devices trust.
    pub fn anchors_pem(&self) -> &str {
        &self.anchors_pem
    }

    /// The time below which no clock is believed.
    pub fn floor(&self) -> &Floor {
        &self.floor
    }

    /// The time at which validity is judged.
    pub fn judge_at(&self, around: &Surroundings) -> Timestamp {
        self.floor.judge_at(around.now)
    }

    /// Who changes something now, and when, as the audit log keeps it.
    pub fn act(&self, around: &Surroundings) -> Act {
        Act::new(self.judge_at(around), around.actor.clone())
    }

    /// Keeps a time at which the clock was right; see [`Watch`].
    pub fn keep_good_time(&self, good: Timestamp) -> Result<(), HomeError> {
        Ok(self.inventory.keep_setting(GOOD_TIME, &good.as_secs().to_string())?)
    }

    /// Whether the root's key still lies here. The file is not opened.
    pub fn root_key(&self) -> Result<RootKey, HomeError> {
        let there = files::is_there(&self.place.ca().root().key())?;
        Ok(if there { RootKey::Here } else { RootKey::Offline })
    }

    fn make_if_missing(
        place: &Place,
        around: &Surroundings,
        done: Progress<'_>,
    ) -> Result<Origin, HomeError> {
        // First whose folder it is: in another user's nothing can even be looked up.
        files::check_owner(place.folder())?;
        if files::is_there(place.ca().folder())? {
            files::check_folder(place.folder())?;
            return Ok(Origin::Old);
        }
        clock::check_creation(around.now, around.build)?;
        create::prepare_folder(place)?;
        create::check_no_traces(place)?;
        done(Step::Folder)?;
        Ok(Origin::New)
    }

    fn open_locked(
        place: &Place,
        lock: Lock,
        around: &Surroundings,
        unlock: &Unlock,
    ) -> Result<Self, HomeError> {
        let ca = place.ca();
        files::check_folder(ca.folder())?;
        files::check_folder(ca.issuing().folder())?;
        files::sweep(place.folder())?;
        files::sweep(ca.issuing().folder())?;
        // Its answer stands in `ca/`; a crash has left it, with a second copy of the key.
        create::throw_away(place.ca_request().folder())?;
        let act = Act::new(around.now, around.actor.clone());
        let inventory = Inventory::open(&ca.inventory(), &place.passwd(), &act)?;
        let anchors_pem = read_anchors(&ca)?;
        let issuing =
            open_issuing(&ca, unlock).inspect_err(|error| note_key_failure(&inventory, error, &act))?;
        let issuing = issuing.published_at(conf::pki_url(place)?);
        let chain_pem = read_pem(&ca.issuing().certificate())?;
        check_same_ca(&inventory, &issuing, [&chain_pem, &anchors_pem], &ca)?;
        restore::check_not_older(place, &inventory)?;
        let loaded = vec![Subject::Key(issuing.signer().public_key().key_id().clone())];
        if authority::protection(&ca.issuing().key())? == Some(Protection::Encrypted) {
            inventory
                .note(&AuditDraft::new(What::KeyDecrypted, loaded.clone()).saying("issuing CA"), &act)?;
        }
        inventory.note(&AuditDraft::new(What::KeyLoaded, loaded).saying("issuing CA"), &act)?;
        // The CA was made by a clock that passed a check: its beginning has passed too.
        let beginning = issuing.facts().not_before;
        let passed = good_time(&inventory)?.map_or(beginning, |good| good.max(beginning));
        let floor = Floor::new(around.build, Some(passed));
        Ok(Self {
            place: place.clone(),
            _lock: lock,
            inventory: Arc::new(inventory),
            issuing,
            chain_pem,
            anchors_pem,
            floor,
        })
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Home").field("place", &self.place).finish_non_exhaustive()
    }
}

fn read_anchors(ca: &CaFolder) -> Result<String, HomeError> {
    read_pem(&ca.anchors())
}

/// A file of certificates, at least one.
fn read_pem(path: &Path) -> Result<String, HomeError> {
    let path = path.to_owned();
    leaves::first_certificate(&path)?.ok_or_else(|| HomeError::Incomplete { path: path.clone() })?;
    let bytes = files::read(&path)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| HomeError::Corrupt { path, text: "it is not text".to_owned() })
}

fn open_issuing(ca: &CaFolder, unlock: &Unlock) -> Result<Ca, HomeError> {
    let pair = ca.issuing();
    let certificate = leaves::first_certificate(&pair.certificate())?
        .ok_or_else(|| HomeError::Incomplete { path: pair.certificate() })?;
    let key = authority::open_key(&pair.key(), unlock)?;
    unlock.forget();
    Ok(Ca::open(certificate, Arc::new(key))?)
}

/// Whoever tries keys leaves a trace. That the log itself cannot be written is no reason to hide the first error.
fn note_key_failure(inventory: &Inventory, error: &HomeError, act: &Act) {
    let text: String = error.to_string().escape_debug().take(FAILURE_CHARS_MAX).collect();
    let _ = inventory.note(&AuditDraft::new(What::KeyFailed, Vec::new()).saying(text), act);
}

/// The inventory is this CA's: a directory put together from two backups would let in what neither vouches for.
fn check_same_ca(
    inventory: &Inventory,
    issuing: &Ca,
    above: [&str; 2],
    ca: &CaFolder,
) -> Result<(), HomeError> {
    let issuer = issuer_key(issuing, above);
    let status =
        issuer.map_or(Ok(Status::Unknown), |issuer| inventory.status(&issuer, &issuing.facts().serial))?;
    let text = match status {
        Status::Valid { role: sealmq_pki::inventory::Role::Issuing, .. } => return Ok(()),
        Status::Valid { .. } | Status::Unknown => "it does not know the issuing CA beside it",
        Status::Held => "it says that the issuing CA beside it is on hold",
        Status::Revoked => "it says that the issuing CA beside it was revoked",
    };
    Err(HomeError::Corrupt { path: ca.inventory(), text: text.to_owned() })
}

/// The key that signed the issuing CA, as the inventory names it: found by its signature, since an imported CA may name
/// its issuer in ways of its own, or not at all. One that is a root itself is under its own key.
fn issuer_key(issuing: &Ca, above: [&str; 2]) -> Option<KeyId> {
    let facts = issuing.facts();
    if facts.is_self_issued() {
        return Some(facts.computed_key_id.clone());
    }
    let blocks =
        above.into_iter().flat_map(|text| pem::of_label(text.as_bytes(), "CERTIFICATE").unwrap_or_default());
    let all: Vec<Facts> = blocks.filter_map(|der| Facts::parse(&der).ok()).collect();
    let signed = |by: &&Facts| matches!(signed_by(issuing.certificate().der(), by), Ok(SignedBy::Yes));
    all.iter().find(signed).map(|by| by.computed_key_id.clone())
}

fn good_time(inventory: &Inventory) -> Result<Option<Timestamp>, HomeError> {
    let text = inventory.setting(GOOD_TIME)?;
    Ok(text.and_then(|text| text.parse().ok()).map(Timestamp::from_secs))
}

/// The port of MQTT over TLS (IANA: secure-mqtt).
pub const DEFAULT_PORT: u16 = 8883;
const FAILURE_CHARS_MAX: usize = 200;
const GOOD_TIME: &str = "last_good_time_secs";
