//! From a configuration to what the data plane starts with: bounds, rules, listeners with their files read.
//!
//! Nothing is opened to the world here but the sockets, and those last: what is wrong in a file is known before.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sealmq_broker::{Acl, ListenerId, Policy};
use sealmq_config::{
    Bind, Config, ConnectionRate, Global, IdentityRule, Listener, ListenerTls, Place, for_broker,
};
use sealmq_pki::Timestamp;
use sealmq_tls::{Finding, OwnIssuer, Served, ServerTls};

use crate::bridge::{self, BridgePlan};
use crate::dollar_control::ControlApi;
use crate::door::accept;
use crate::door::ban::BanRule;
use crate::door::fence::FenceRules;
use crate::door::limits::{Counter, DoorLimits};
use crate::door::listener::{AccessRules, ListenerFacts, ListenerState, Terms};
use crate::door::name_proofs::NameProofs;
use crate::door::passwords::PasswordTable;
use crate::door::rate::{self, Loopback};
use crate::door::web::Web;
use crate::http::files::Files;
use crate::material::{self, Ends, TlsFiles, TlsSurroundings};
use crate::trust::TrustCounter;

/// Why the broker does not start, or a reload changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// What, where, the value; may have several lines.
    pub text: String,
    /// What mends it.
    pub hint: Option<String>,
    /// The exit code of the process (contract section 3).
    pub exit: u8,
}

impl StartError {
    /// An error with an exit code.
    #[must_use]
    pub fn new(text: impl Into<String>, exit: u8) -> StartError {
        StartError { text: text.into(), hint: None, exit }
    }

    /// With what mends it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> StartError {
        self.hint = Some(hint.into());
        self
    }

    /// With the line of the configuration that asked for it, in mosquitto's words.
    #[must_use]
    pub fn at(mut self, place: &Place) -> StartError {
        self.text = format!("{}\n{}", self.text, place.error_found());
        self
    }

    /// With mosquitto's words in a line above ours.
    pub(crate) fn saying(mut self, words: &str) -> StartError {
        self.text = format!("{words}\n{}", self.text);
        self
    }

    /// From an error that displays its hint as a last line.
    pub(crate) fn of_display(error: &dyn fmt::Display, exit: u8) -> StartError {
        let whole = error.to_string();
        match whole.split_once("\nhint: ") {
            Some((text, hint)) => StartError::new(format!("Error: {text}"), exit).hint(hint),
            None => StartError::new(format!("Error: {whole}"), exit),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StartError {}

/// Everything that files said, checked.
pub struct Material {
    pub(crate) listeners: Vec<ListenerMaterial>,
    pub(crate) policy: Policy,
    pub(crate) bridges: Vec<BridgePlan>,
}

/// What one listener's files said.
pub(crate) struct ListenerMaterial {
    pub(crate) id: ListenerId,
    pub(crate) tls: Option<Arc<ServerTls>>,
    pub(crate) passwords: Option<Arc<PasswordTable>>,
    pub(crate) proofs: Arc<NameProofs>,
    pub(crate) files: Option<Files>,
    pub(crate) ends: Vec<Ends>,
    pub(crate) findings: Vec<Finding>,
}

/// The numbers of a configuration's listeners at the start: their order.
#[must_use]
pub fn listener_ids(config: &Config) -> Vec<ListenerId> {
    (0_u16..).map(ListenerId).take(config.listeners.len()).collect()
}

/// Reads and checks every file that the configuration names. `ids[n]` is the number of its listener `n`.
///
/// # Errors
/// The first that cannot be used; nothing has changed then.
pub fn read_material(
    config: &Config,
    ids: &[ListenerId],
    own: Option<&OwnIssuer>,
    trust: &TrustCounter,
    now: Timestamp,
) -> Result<Material, StartError> {
    let mut files = Vec::new();
    let mut served = Served::default();
    for listener in &config.listeners {
        let read = listener.tls.as_ref().map(TlsFiles::read).transpose()?;
        if let Some((files, _)) = &read {
            files.key_pairs().for_each(|pair| served.add(pair));
        }
        files.push(read);
    }
    let around = TlsSurroundings {
        own: own.cloned(),
        served: &served,
        generation: trust.counter(),
        signatures: trust.signatures(),
        crls: trust.crls(),
        now,
    };
    let mut policy = for_broker::policy(config, Arc::new(Acl::Unrestricted), BTreeMap::new());
    let mut listeners = Vec::new();
    for ((listener, files), &id) in config.listeners.iter().zip(files).zip(ids) {
        let (proofs, findings) = material::name_proofs(&listener.access)?;
        let proofs = Arc::new(proofs);
        let mut material = ListenerMaterial {
            id,
            tls: None,
            passwords: None,
            proofs,
            files: http_dir(listener)?,
            ends: Vec::new(),
            findings,
        };
        if let Some(setting) = &listener.access.password_file {
            let (table, findings) = material::passwords(setting)?;
            material.passwords = Some(Arc::new(table));
            material.findings.extend(findings);
        }
        if let (Some(tls), Some((files, findings))) = (&listener.tls, files) {
            material.findings.extend(findings);
            material.add_tls(listener, tls, &files, &around)?;
        }
        if let Some(setting) = &listener.access.acl_file {
            let (acl, findings) = material::acl(setting)?;
            policy.listener_acls.insert(id, Arc::new(acl));
            material.findings.extend(findings);
        }
        listeners.push(material);
    }
    share_one_acl(&mut policy, config.listeners.len());
    let bridges = bridge::plan::read(config, &mut policy, now)?;
    Ok(Material { listeners, policy, bridges })
}

/// What mosquitto looks up while it reads its configuration, under `--test-config` too: the host of a `bind_address`
/// (of a `listener` line it does not), and `http_dir`.
///
/// # Errors
/// The first that is not to be had, in mosquitto's words where it has some; exit code 3.
pub fn look_up(config: &Config) -> Result<(), StartError> {
    for listener in &config.listeners {
        if let Some(setting) = &listener.bind_address {
            accept::host_is_known(&setting.text).map_err(|reason| {
                StartError::new(format!("Error: Error resolving bind_address: {reason}."), 3)
                    .hint("write an address of this machine, or a name that its resolver knows (`getent hosts NAME`)")
                    .at(&setting.at)
            })?;
        }
        http_dir(listener)?;
    }
    Ok(())
}

/// The folder must be there: a page that is missing is noticed late.
fn http_dir(listener: &Listener) -> Result<Option<Files>, StartError> {
    let Some(setting) = &listener.http_dir else { return Ok(None) };
    let opened = Files::open(&setting.path).map_err(|error| {
        StartError::new(format!("Error: http_dir '{}' cannot be used: {error}.", setting.path.display()), 3)
            .hint("make the folder and let the broker's user read it, or remove the line")
            .at(&setting.at)
    });
    opened.map(Some)
}

/// A listener and the passwords it goes by; `None` without a `password_file`.
pub(crate) type ListenerPasswords = (ListenerId, Option<Arc<PasswordTable>>);

/// Reads the password files only; `None` for a listener that has none.
pub(crate) fn read_passwords(
    config: &Config,
    ids: &[ListenerId],
) -> Result<Vec<ListenerPasswords>, StartError> {
    let read = |listener: &Listener| match &listener.access.password_file {
        Some(setting) => material::passwords(setting).map(|(table, _)| Some(Arc::new(table))),
        None => Ok(None),
    };
    config.listeners.iter().zip(ids).map(|(listener, id)| Ok((*id, read(listener)?))).collect()
}

/// The end of the certificate that the first TLS listener's file holds now.
pub(crate) fn server_not_after(config: &Config) -> Option<Timestamp> {
    let tls = config.listeners.iter().find_map(|listener| listener.tls.as_ref())?;
    let pem = std::fs::read(&tls.certfile.path).ok()?;
    let first = sealmq_pki::pem::of_label(&pem, "CERTIFICATE").ok()?.into_iter().next()?;
    sealmq_pki::Facts::parse(&first).ok().map(|facts| facts.not_after)
}

impl ListenerMaterial {
    fn add_tls(
        &mut self,
        listener: &Listener,
        tls: &ListenerTls,
        files: &TlsFiles,
        around: &TlsSurroundings<'_>,
    ) -> Result<(), StartError> {
        let client_auth = material::client_auth(tls, self.passwords.as_deref(), &self.proofs);
        let (built, findings) = material::build_tls(tls, listener.protocol, client_auth, files, around)?;
        self.tls = Some(Arc::new(built));
        self.ends = files.ends();
        self.findings.extend(findings);
        Ok(())
    }
}

/// One file for all listeners (`per_listener_settings false`) is one list, not one per listener.
fn share_one_acl(policy: &mut Policy, listeners: usize) {
    let first = policy.listener_acls.values().next().cloned();
    if let Some(first) = first
        && policy.listener_acls.len() == listeners
        && policy.listener_acls.values().all(|acl| **acl == *first)
    {
        policy.acl = first;
        policy.listener_acls = BTreeMap::new();
    }
}

/// The door's bounds.
#[must_use]
pub fn door_limits(global: &Global) -> DoorLimits {
    DoorLimits {
        connections_max: global.global_max_connections.map(|max| max as usize),
        fence: fence_rules(global),
        ..DoorLimits::default()
    }
}

/// `sys_interval`.
#[must_use]
pub fn sys_interval(global: &Global) -> Option<Duration> {
    global.sys_interval_secs.map(|secs| Duration::from_secs(secs.into()))
}

/// `enable_control_api`.
#[must_use]
pub fn control_api(global: &Global) -> ControlApi {
    if global.enable_control_api { ControlApi::Answers } else { ControlApi::Off }
}

/// How often an address may come.
#[must_use]
pub fn fence_rules(global: &Global) -> FenceRules {
    FenceRules {
        rate: match global.connection_rate {
            ConnectionRate::Usual => FenceRules::default().rate,
            ConnectionRate::Off => None,
            ConnectionRate::Written { per_second, burst } => {
                Some(rate::ConnectionRate { per_second, burst, loopback: Loopback::Counted })
            }
        },
        ban: global.ban_after.map(|rule| BanRule {
            failures: rule.failures,
            within: Duration::from_secs(rule.within_secs.into()),
            lasts: Duration::from_secs(rule.lasts_secs.into()),
        }),
    }
}

/// A listener as the door sees it.
pub(crate) fn listener_state(
    config: &Config,
    listener: &Listener,
    material: &ListenerMaterial,
) -> Arc<ListenerState> {
    let connections = Counter::new(connections_max(listener));
    let terms = terms(config, listener, material);
    let state = ListenerState::new(material.id, name(&listener.bind), facts(listener), connections, terms);
    Arc::new(state.behind(listener.proxy.clone()))
}

/// `max_connections`.
pub(crate) fn connections_max(listener: &Listener) -> usize {
    listener.max_connections.map_or(usize::MAX, |max| max as usize)
}

/// What a listener demands and grants. To be put in force at once: its revocation lists count from here on.
pub(crate) fn terms(config: &Config, listener: &Listener, material: &ListenerMaterial) -> Terms {
    let tls = listener.tls.as_ref();
    material.tls.iter().for_each(|tls| tls.in_force());
    Terms {
        web: Arc::new(Web {
            protocol: listener.protocol,
            origins: listener.websockets_origins.clone(),
            files: material.files.clone(),
            head_bytes_max: usize::from(config.global.packet_buffer_size),
        }),
        identity: identity(listener),
        taken_back: config.global.taken_back,
        rules: Arc::new(for_broker::listener_rules(listener, &config.global, material.id)),
        record_bytes_max: tls.map_or(usize::MAX, |tls| usize::from(tls.tls_record_size_max)),
        access: Arc::new(access(config, listener)),
        tls: material.tls.clone(),
        passwords: material.passwords.clone(),
        proofs: Arc::clone(&material.proofs),
    }
}

fn identity(listener: &Listener) -> IdentityRule {
    match (&listener.tls, &listener.proxy) {
        (Some(tls), _) => tls.identity,
        (None, Some(proxy)) => proxy.identity,
        (None, None) => IdentityRule::None,
    }
}

fn facts(listener: &Listener) -> ListenerFacts {
    let (port, address, path) = match &listener.bind {
        Bind::Tcp { port, address, .. } => (*port, address.clone(), None),
        Bind::Unix { path } => (0, None, Some(path.display().to_string())),
    };
    ListenerFacts { port, address, path, protocol: listener.protocol }
}

fn access(config: &Config, listener: &Listener) -> AccessRules {
    AccessRules {
        allow_anonymous: listener.access.allow_anonymous,
        allow_zero_length_clientid: listener.access.allow_zero_length_clientid,
        auto_id_prefix: listener.access.auto_id_prefix.clone(),
        use_username_as_clientid: listener.access.use_username_as_clientid,
        client_id_matches_identity: listener.access.client_id_matches_identity,
        clientid_prefixes: config.global.clientid_prefixes.clone(),
        versions: listener.accept_protocol_versions,
    }
}

/// The port of the first TCP listener with TLS: where bundles and the local client dial.
#[must_use]
pub fn tls_port(config: &Config) -> Option<u16> {
    config.listeners.iter().filter(|listener| listener.tls.is_some()).find_map(|listener| {
        match listener.bind {
            Bind::Tcp { port, .. } => Some(port),
            Bind::Unix { .. } => None,
        }
    })
}

/// What a listener is called in the log.
#[must_use]
pub fn name(bind: &Bind) -> String {
    match bind {
        Bind::Tcp { port, address: None, .. } => format!("port {port}"),
        Bind::Tcp { port, address: Some(address), .. } => format!("{address} port {port}"),
        Bind::Unix { path } => format!("unix socket {}", path.display()),
    }
}
