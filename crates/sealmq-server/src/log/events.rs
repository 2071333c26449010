//! The one table of what the broker logs: stable names and codes, levels, one sentence each.
//!
//! Documentation and dashboards are made from [`EVENTS`]; a code never changes its meaning and is never used again.

/// How important a line is; mosquitto's `log_type` words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is wrong or will be.
    Warning,
    /// What an owner wants to see: connections and their ends.
    Notice,
    /// Progress of the broker itself.
    Information,
    /// For a developer.
    Debug,
    /// A client subscribed.
    Subscribe,
    /// A client unsubscribed.
    Unsubscribe,
    /// A step of the WebSocket transport.
    Websockets,
    /// For a developer of the broker itself.
    Internal,
}

impl Level {
    pub(super) fn bit(self) -> u16 {
        1 << (self as u16)
    }

    /// mosquitto's word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
            Level::Information => "information",
            Level::Debug => "debug",
            Level::Subscribe => "subscribe",
            Level::Unsubscribe => "unsubscribe",
            Level::Websockets => "websockets",
            Level::Internal => "internal",
        }
    }

    /// Whether a line of this level may be dropped while the queue still has room for graver ones.
    #[must_use]
    pub fn is_droppable(self) -> bool {
        match self {
            Level::Information
            | Level::Debug
            | Level::Subscribe
            | Level::Unsubscribe
            | Level::Websockets
            | Level::Internal => true,
            Level::Error | Level::Warning | Level::Notice => false,
        }
    }

    /// The severity number of RFC 5424 §6.2.1 that mosquitto gives it.
    #[must_use]
    pub fn syslog_severity(self) -> u8 {
        match self {
            Level::Error => 3,
            Level::Warning => 4,
            Level::Notice | Level::Subscribe | Level::Unsubscribe => 5,
            Level::Information => 6,
            Level::Debug | Level::Websockets | Level::Internal => 7,
        }
    }
}

/// One row of [`EVENTS`].
#[derive(Debug, Clone, Copy)]
pub struct EventRow {
    /// The event.
    pub event: Event,
    /// Stable code.
    pub code: &'static str,
    /// Stable name, as in JSON.
    pub name: &'static str,
    /// Its level.
    pub level: Level,
    /// What it says, for the reference.
    pub doc: &'static str,
}

macro_rules! events {
    ($($event:ident $code:literal $name:literal $level:ident $doc:literal)*) => {
        /// What can be logged. See [`EVENTS`] for codes, names and levels.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Event { $(#[doc = $doc] $event,)* }

        /// Every event, in the order of [`Event`].
        pub const EVENTS: &[EventRow] = &[$(EventRow {
            event: Event::$event, code: $code, name: $name, level: Level::$level, doc: $doc,
        },)*];
    };
}

events! {
    Starting "SMQ-L001" "starting" Information "the broker starts, with its version"
    ConfigLoaded "SMQ-L002" "config_loaded" Information "which configuration file was read"
    ConfigFinding "SMQ-L003" "config_finding" Warning "a warning about a line of the configuration"
    ListenerOpen "SMQ-L004" "listener_open" Information "a listener is open, and what it demands of a client"
    CertificateEnds "SMQ-L005" "certificate_ends" Information "when a certificate that a listener uses ends"
    CertificateEndsSoon "SMQ-L006" "certificate_ends_soon" Warning "a certificate that a listener uses ends within 45 days, or has ended"
    TrustFinding "SMQ-L007" "trust_finding" Warning "something about a listener's certificates or authorities that should be mended"
    CrlOutOfDate "SMQ-L040" "crl_out_of_date" Error "a certificate revocation list is past its end, or not valid yet"
    CertificateExpiring "SMQ-W001" "certificate_expiring" Warning "a certificate that is served, trusted, issued or seen comes near its end (30, 14, 7, 1 days, or shares of a shorter life)"
    CertificateEnded "SMQ-W002" "certificate_ended" Error "a certificate that is served, trusted, issued or seen has ended"
    CrlExpiring "SMQ-W003" "crl_expiring" Warning "a revocation list comes near its nextUpdate"
    CrlEnded "SMQ-W004" "crl_ended" Error "a revocation list is past its nextUpdate"
    MoreExpiring "SMQ-W005" "more_expiring" Warning "more certificates came near their end at once than are written one by one"
    ExpiryFault "SMQ-W006" "expiry_fault" Warning "ends cannot be watched as they should be, and why"
    PlainBesideTls "SMQ-L008" "plain_beside_tls" Warning "a listener without TLS stands beside one with TLS"
    Running "SMQ-L009" "running" Information "the broker is ready"
    Stopping "SMQ-L010" "stopping" Information "the broker stops"
    Reload "SMQ-L011" "reload" Notice "files were read again and are in force"
    ReloadFault "SMQ-L042" "reload_fault" Error "a line of what is wrong with files that were read again; reload_refused follows and says all of it"
    ReloadRefused "SMQ-L012" "reload_refused" Error "files were read again and are not in force: nothing has changed"
    Fatal "SMQ-L013" "fatal" Error "the broker cannot go on"
    LinesDropped "SMQ-L014" "log_lines_dropped" Warning "log lines were dropped because the log could not keep up"
    AcceptFailed "SMQ-L015" "accept_failed" Warning "a listener could not accept"
    PrivilegesDropped "SMQ-L016" "privileges_dropped" Information "the process goes on as another user"
    CertificateRenewed "SMQ-L017" "certificate_renewed" Notice "the broker made itself a new certificate, and why"
    RenewalFailed "SMQ-L018" "renewal_failed" Error "the broker could not make itself a new certificate"
    AuditHead "SMQ-L041" "audit_head" Notice "where the CA's audit log stands, signed: keep it outside this machine"
    ClockLeapt "SMQ-L019" "clock_leapt" Warning "the wall clock left the monotonic one by more than an hour"
    ReloadBegins "SMQ-L021" "reload_begins" Information "the configuration is read again"
    CrlSigned "SMQ-L033" "crl_signed" Notice "the broker signed its revocation list anew"
    CrlFailed "SMQ-L034" "crl_failed" Error "the revocation list could not be signed or written; the inventory counts all the same"
    ReloadWaits "SMQ-L022" "reload_waits" Warning "a key was changed that only a restart can put in force; the rest was taken"
    ControlFault "SMQ-L020" "control_fault" Warning "the control socket or the data directory cannot be used as it should"
    PkiFault "SMQ-L043" "pki_fault" Error "the OCSP responder cannot answer, and why; said once a minute at most"
    LogFault "SMQ-L030" "log_fault" Error "a log destination cannot be opened or does not take lines, or takes them again"
    FileFinding "SMQ-L031" "file_finding" Warning "a file that the broker's user cannot read again, with the lines that mend it"
    SecretsLogged "SMQ-L032" "secrets_logged" Warning "--tls-keylog writes the secrets of every TLS connection to a file"
    ConnectionNew "SMQ-C001" "connection_new" Notice "an address connected to a listener"
    ClientConnected "SMQ-C002" "client_connected" Notice "a client is in"
    ClientDisconnected "SMQ-C003" "client_disconnected" Notice "a client has gone, and why"
    ClientRefused "SMQ-C004" "client_refused" Notice "a CONNECT was refused, and why"
    ConnectionRefused "SMQ-C005" "connection_refused" Notice "a connection was closed before its CONNECT was answered, and why"
    TlsRefused "SMQ-C006" "tls_refused" Notice "a TLS handshake failed: who refused whom, and why"
    PageServed "SMQ-C013" "page_served" Debug "a browser asked a WebSocket listener for a page, and what it got"
    PkiServed "SMQ-C014" "pki_served" Debug "somebody asked pki_listener for a certificate, a revocation list or a status, and what came of it"
    LimitReached "SMQ-C007" "limit_reached" Warning "a bound on connections was reached and the newest one refused"
    RepeatsMuted "SMQ-C008" "repeats_muted" Notice "how often a refusal was repeated by one address since it was last written"
    TlsNegotiated "SMQ-C009" "tls_negotiated" Debug "version and cipher suite of a connection"
    DoorFault "SMQ-C010" "door_fault" Error "a fault of ours while a connection was let in: that connection was closed"
    Banned "SMQ-C012" "banned" Warning "an address is closed unheard for a while after failed authentications"
    SessionEnded "SMQ-C011" "session_ended" Notice "a live session was ended because its admission no longer holds"
    BridgeFault "SMQ-B001" "bridge_fault" Error "a bridge does not work, and why"
    BridgeWarning "SMQ-B002" "bridge_warning" Warning "something about a bridge should be mended"
    Bridge "SMQ-B003" "bridge" Notice "a bridge connects, is connected, is not connected any more"
    BridgeProgress "SMQ-B004" "bridge_progress" Information "what a bridge does about its connection"
    BridgeDetail "SMQ-B005" "bridge_detail" Debug "a step of a bridge"
    Subscribed "SMQ-M001" "subscribed" Subscribe "a client subscribed"
    Unsubscribed "SMQ-M002" "unsubscribed" Unsubscribe "a client unsubscribed"
    Denied "SMQ-M003" "denied" Debug "the access list denied a publish or a delivery"
    Dropped "SMQ-M004" "dropped" Warning "messages to a client were dropped because its queue is full"
    ControlAsked "SMQ-M006" "control_asked" Information "a client asked the broker itself on $CONTROL/broker/v1, and what for"
    Protocol "SMQ-M005" "protocol" Debug "a step of the protocol"
}

impl Event {
    /// Its row in [`EVENTS`].
    #[must_use]
    pub fn row(self) -> &'static EventRow {
        &EVENTS[self as usize]
    }

    /// Whether `connection_messages false` leaves it out: ordinary comings and goings, no refusal.
    #[must_use]
    pub fn is_connection_message(self) -> bool {
        matches!(self, Event::ConnectionNew | Event::ClientConnected | Event::ClientDisconnected)
    }

    /// Its level.
    #[must_use]
    pub fn level(self) -> Level {
        self.row().level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_event_finds_its_own_row() {
        assert!(EVENTS.iter().all(|row| row.event.row().code == row.code));
    }

    #[test]
    fn codes_and_names_are_used_once() {
        let codes: HashSet<_> = EVENTS.iter().map(|row| row.code).collect();
        let names: HashSet<_> = EVENTS.iter().map(|row| row.name).collect();
        assert_eq!((codes.len(), names.len()), (EVENTS.len(), EVENTS.len()));
    }
}
