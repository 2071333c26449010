//! A bridge's section with its files read: what is wrong in them is known before anything is dialled.

use std::net::IpAddr;
use std::sync::Arc;

use sealmq_bridge::{BridgeSpec, Notifications, OfflineQoS0, Start};
use sealmq_broker::{Acl, ClientId, ListenerId, Policy};
use sealmq_client::{Endpoint, Nagle};
use sealmq_config::{Bridge, BridgeTls, Config, Global, TlsVersions};
use sealmq_mqtt::Version;
use sealmq_pki::Timestamp;
use sealmq_tls::{
    ClientTls, ClientTlsSpec, Finding, KeyPair, LegacyServerCerts, OsRoots, RecordSize, ServerOcsp,
    TlsPolicy, VerifyServer, Versions,
};
use zeroize::Zeroizing;

use crate::log::{Event, Line, Log};
use crate::material::{self, UNUSABLE};
use crate::plan::StartError;

/// A bridge that can be started.
#[derive(Clone)]
pub struct BridgePlan {
    pub(super) config: Bridge,
    pub(super) client_id: ClientId,
    pub(super) tls: Option<ClientTls>,
    pub(super) endpoints: Vec<Endpoint>,
    spec: BridgeSpec,
    findings: Vec<Finding>,
}

/// Reads every bridge of the configuration, and gives bridges their place in the policy.
///
/// # Errors
/// The first file that cannot be used.
pub(crate) fn read(
    config: &Config,
    policy: &mut Policy,
    now: Timestamp,
) -> Result<Vec<BridgePlan>, StartError> {
    if config.bridges.is_empty() {
        return Ok(Vec::new());
    }
    let host = host_name()?;
    // As in mosquitto, what the configuration's own topic lines say needs no other permission. A name makes it subject
    // to the list.
    policy.listener_acls.insert(ListenerId::BRIDGES, Arc::new(Acl::Unrestricted));
    let per_listener = policy.listener_acls.keys().any(|id| *id != ListenerId::BRIDGES);
    config
        .bridges
        .iter()
        .map(|bridge| BridgePlan::read(bridge, &config.global, &host, now))
        .map(|plan| plan.map(|plan| if per_listener { plan.named_without_a_list() } else { plan }))
        .collect()
}

fn host_name() -> Result<String, StartError> {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).ok_or_else(|| {
        StartError::new(
            "Error: this machine's host name cannot be read, and bridges are named by it.",
            UNUSABLE,
        )
        .hint("give each bridge a remote_clientid")
    })
}

impl BridgePlan {
    fn read(bridge: &Bridge, global: &Global, host: &str, now: Timestamp) -> Result<BridgePlan, StartError> {
        let local = bridge.local_client_id(host);
        let Some(client_id) = ClientId::parse(&local) else {
            let text = format!("Error: the local client id of bridge '{}' is too long.", bridge.name);
            return Err(StartError::new(text, UNUSABLE).hint("give it a local_clientid").at(&bridge.at));
        };
        let bind = bind_address(bridge)?;
        let endpoint = |address: &sealmq_config::BridgeAddress| Endpoint::Tcp {
            host: address.host.clone(),
            port: address.port,
            bind,
            nagle: Nagle::Off,
        };
        let (tls, mut findings) = match &bridge.tls {
            Some(tls) => client_tls(bridge, tls, now).map(|(tls, findings)| (Some(tls), findings))?,
            None => (None, Vec::new()),
        };
        findings.extend(forgetful(bridge));
        Ok(BridgePlan {
            endpoints: bridge.addresses.iter().map(endpoint).collect(),
            spec: spec(bridge, global, host),
            config: bridge.clone(),
            client_id,
            tls,
            findings,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What the machine is told. `stale`: filters of the bridge before it.
    pub(super) fn spec(&self, stale: &[String], seed: u64) -> BridgeSpec {
        let mut spec = self.spec.clone();
        let filters: Vec<_> = spec.topics.iter().filter(|rule| rule.goes_out()).cloned().collect();
        let is_stale = |filter: &&String| filters.iter().all(|rule| rule.local_filter() != filter.as_str());
        spec.stale_filters = stale.iter().filter(is_stale).cloned().collect();
        spec.seed = seed;
        spec
    }

    /// Whether both sections say the same, wherever they stand.
    pub(super) fn says_the_same_as(&self, other: &BridgePlan) -> bool {
        self.config.without_places() == other.config.without_places()
            && self.spec.inflight_max == other.spec.inflight_max
            && self.spec.queued_max == other.spec.queued_max
            && self.spec.offline_qos0 == other.spec.offline_qos0
            && self.spec.incoming_packet_bytes_max == other.spec.incoming_packet_bytes_max
    }

    pub(crate) fn log_findings(&self, log: &Log) {
        for finding in &self.findings {
            let text = format!("Bridge {}: {}.", self.name(), finding.text);
            let line = Line::new(Event::BridgeWarning, text).hint(finding.hint.clone());
            log.line(line.field("finding", finding.code).field("bridge", self.name()));
        }
    }

    fn named_without_a_list(mut self) -> BridgePlan {
        if self.config.local_username.is_some() {
            self.findings.push(Finding {
                code: "bridge-without-acl",
                text: "local_username is given, but every acl_file belongs to one listener, and a bridge comes through none: it may do whatever its topic lines say".to_owned(),
                hint: "one acl_file for all listeners (per_listener_settings false) counts for bridges, too".to_owned(),
            });
        }
        self
    }
}

fn bind_address(bridge: &Bridge) -> Result<Option<IpAddr>, StartError> {
    let Some(written) = &bridge.bind_address else { return Ok(None) };
    written.text.parse().map(Some).map_err(|_| {
        StartError::new(format!("Error: Invalid bridge_bind_address \"{}\".", written.text), UNUSABLE)
            .hint("an address of this machine: 192.0.2.1, 2001:db8::1")
            .at(&written.at)
    })
}

fn spec(bridge: &Bridge, global: &Global, host: &str) -> BridgeSpec {
    let remote_client_id = bridge.remote_client_id(host);
    let usual_topic = || format!("$SYS/broker/connection/{remote_client_id}/state");
    let notifications = bridge.notifications.then(|| Notifications {
        topic: bridge.notification_topic.clone().unwrap_or_else(usual_topic),
        local_only: bridge.notifications_local_only,
    });
    let inflight_max = global.max_inflight_messages.unwrap_or(u16::MAX);
    BridgeSpec {
        name: bridge.name.clone(),
        addresses: bridge.addresses.len(),
        address_order: bridge.address_order,
        topics: bridge.topics.clone(),
        stale_filters: Vec::new(),
        version: bridge.protocol_version,
        try_private: bridge.try_private,
        local_client_id: bridge.local_client_id(host),
        local_start: bridge.local_cleansession,
        remote_client_id,
        remote_username: bridge.remote_username.clone(),
        remote_password: bridge
            .remote_password
            .as_ref()
            .map(|word| Zeroizing::new(word.0.clone().into_bytes())),
        remote_start: bridge.cleansession,
        keep_alive_secs: bridge.keepalive_interval,
        start_type: bridge.start_type,
        restart: bridge.restart_timeout,
        notifications,
        attempt_unsubscribe: bridge.attempt_unsubscribe,
        outgoing_retain: bridge.outgoing_retain,
        topic_alias_max: bridge.max_topic_alias,
        receive_maximum: bridge.receive_maximum.unwrap_or(inflight_max),
        session_expiry_secs: bridge.session_expiry_interval,
        packet_bytes_max: bridge.max_packet_size,
        incoming_packet_bytes_max: global.max_packet_size,
        inflight_max,
        queued_max: global.max_queued_messages.map_or(usize::MAX, |max| max as usize),
        offline_qos0: match global.queue_qos0_messages {
            true => OfflineQoS0::Queued,
            false => OfflineQoS0::Dropped,
        },
        seed: 0,
    }
}

/// MQTT 5.0 forgets with the connection what 3.1.1 keeps, unless it is told otherwise. mosquitto tells nothing.
fn forgetful(bridge: &Bridge) -> Option<Finding> {
    let takes_in = bridge.topics.iter().any(sealmq_bridge::TopicRule::comes_in);
    let meant_to_keep = bridge.cleansession == Start::Resume && bridge.session_expiry_interval == 0;
    (bridge.protocol_version == Version::V5 && takes_in && meant_to_keep).then(|| Finding {
        code: "bridge-session-not-kept",
        text: "the other broker forgets this bridge's session whenever the connection ends: what it gets meanwhile is lost".to_owned(),
        hint: "add `bridge_session_expiry_interval 86400` (seconds) below the connection".to_owned(),
    })
}

fn client_tls(
    bridge: &Bridge,
    tls: &BridgeTls,
    now: Timestamp,
) -> Result<(ClientTls, Vec<Finding>), StartError> {
    let (policy, mut findings) = policy(tls)?;
    let mut anchors = Vec::new();
    if let Some(cafile) = &tls.cafile {
        anchors.push(material::pem(cafile, "bridge_cafile")?);
    }
    if let Some(capath) = &tls.capath {
        anchors.extend(material::folder(capath)?);
    }
    let os_roots = tls.use_os_certs.then(|| {
        let (roots, found) = OsRoots::load();
        findings.extend(found);
        roots
    });
    let key_pair = match &tls.certificate {
        None => None,
        Some(own) => {
            let chain = material::pem(&own.certfile, "bridge_certfile")?;
            let key = material::pem(&own.keyfile, "bridge_keyfile")?;
            findings.extend(material::loose_key(&own.keyfile.path, &own.keyfile.written));
            let loaded = KeyPair::load(&chain, &key, None);
            Some(loaded.map_err(|error| StartError::of_display(&error, UNUSABLE).at(&own.keyfile.at))?)
        }
    };
    if tls.insecure {
        findings.push(Finding {
            code: "bridge-insecure",
            text: "bridge_insecure: whoever holds any certificate of the CA can be the other broker"
                .to_owned(),
            hint: "remove the line, and dial a name that the other broker's certificate has".to_owned(),
        });
    }
    let spec = ClientTlsSpec {
        policy,
        anchors,
        os_roots,
        key_pair,
        legacy_server_certs: match tls.legacy_server_certs {
            sealmq_config::LegacyServerCerts::Warn => LegacyServerCerts::Warn,
            sealmq_config::LegacyServerCerts::Deny => LegacyServerCerts::Deny,
        },
        verify: if tls.insecure { VerifyServer::InsecureAnyName } else { VerifyServer::Full },
        ocsp: if tls.require_ocsp { ServerOcsp::Required } else { ServerOcsp::NotRequired },
        alpn: tls.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect(),
        record_size_max: RecordSize::default(),
    };
    let (built, more) =
        ClientTls::build(spec, now).map_err(|error| StartError::of_display(&error, UNUSABLE).at(&tls.at))?;
    findings.extend(more);
    names(bridge, &built, now)?;
    Ok((built, findings))
}

/// Every address must have a name that a certificate can be verified for.
fn names(bridge: &Bridge, tls: &ClientTls, now: Timestamp) -> Result<(), StartError> {
    for address in &bridge.addresses {
        tls.session(&address.host, now)
            .map_err(|error| StartError::of_display(&error, UNUSABLE).at(&bridge.at))?;
    }
    Ok(())
}

fn policy(tls: &BridgeTls) -> Result<(TlsPolicy, Vec<Finding>), StartError> {
    let versions = match tls.versions {
        TlsVersions::From12 => Versions::V1_2AndV1_3,
        TlsVersions::Only12 => Versions::OnlyV1_2,
        TlsVersions::Only13 => Versions::OnlyV1_3,
    };
    let (ciphers, suites) = (tls.ciphers.as_ref(), tls.ciphers_tls13.as_ref());
    TlsPolicy::from_openssl(versions, ciphers.map(|c| c.text.as_str()), suites.map(|c| c.text.as_str()))
        .map_err(|error| {
            let at = ciphers.or(suites).map_or(&tls.at, |text| &text.at);
            StartError::of_display(&error, UNUSABLE).at(at)
        })
}
