//! The kinds of bundles: one table.

use std::fmt;

use sealmq_pki::End;
use thiserror::Error;

/// What a bundle is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// PEM files: mosquitto_pub, paho, anything.
    Files,
    /// A header and a sketch for ESP32 with WiFiClientSecure and PubSubClient.
    Arduino,
    /// One PKCS#12 file.
    Pkcs12,
    /// MQTTX on a laptop.
    Mqttx,
    /// Home Assistant's MQTT integration.
    HomeAssistant,
    /// Node-RED's MQTT nodes.
    NodeRed,
    /// `sealmq` on another machine.
    Sealmq,
}

/// A name that is no target.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "'{text}' is no kind of bundle\nhint: choose from: files, arduino, pkcs12, mqttx, home-assistant, node-red, sealmq"
)]
pub struct UnknownTarget {
    /// The text, escaped and bounded.
    pub text: String,
}

impl Target {
    /// All targets.
    pub const ALL: [Target; 7] = [
        Target::Files,
        Target::Arduino,
        Target::Pkcs12,
        Target::Mqttx,
        Target::HomeAssistant,
        Target::NodeRed,
        Target::Sealmq,
    ];

    /// Its name on the command line, in records and in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Target::Files => "files",
            Target::Arduino => "arduino",
            Target::Pkcs12 => "pkcs12",
            Target::Mqttx => "mqttx",
            Target::HomeAssistant => "home-assistant",
            Target::NodeRed => "node-red",
            Target::Sealmq => "sealmq",
        }
    }

    /// The target of that name.
    ///
    /// # Errors
    /// [`UnknownTarget`].
    pub fn parse(text: &str) -> Result<Target, UnknownTarget> {
        let shown = || text.chars().take(40).flat_map(char::escape_debug).collect();
        Target::ALL.into_iter().find(|t| t.as_str() == text).ok_or_else(|| UnknownTarget { text: shown() })
    }

    /// When a certificate for this target ends unless somebody says otherwise. None of them can renew itself, so each
    /// lives as long as the issuing CA: a device that stops on a day nobody remembers is worse than one that is
    /// revoked in a second when it must be.
    pub const fn end(self) -> End {
        match self {
            Target::Files
            | Target::Arduino
            | Target::Pkcs12
            | Target::Mqttx
            | Target::HomeAssistant
            | Target::NodeRed
            | Target::Sealmq => End::WithIssuer,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
