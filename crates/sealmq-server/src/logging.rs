//! The log as a configuration wants it, and the broker as the publisher of its topics.

use std::path::PathBuf;

use sealmq_broker::Retain;
use sealmq_config::{Config, LogDest, LogFormat, LogTypes};

use crate::log::{ConnectionMessages, Destination, Format, Level, Levels, Log, LogSpec, Syslog, Timestamp};
use crate::plan::StartError;
use crate::post::OwnMessage;
use crate::reload::{Commit, Part};
use crate::running::Control;

/// Where every system's log listens.
const SYSLOG_SOCKET: &str = "/dev/log";
/// The name that filters of the system's log know a broker by; with another one, an installation that moves would lose
/// its lines.
const SYSLOG_IDENT: &str = "mosquitto";
/// RFC 5424 §6.2.1: daemon, what mosquitto is without `log_facility`.
const FACILITY_DAEMON: u8 = 3;
const FACILITY_LOCAL0: u8 = 16;

/// The log as the configuration wants it. [`LogSpec::open`] opens it.
#[must_use]
pub fn log_spec(config: &Config) -> LogSpec {
    let log = &config.global.log;
    LogSpec {
        destinations: log.dest.iter().map(|dest| destination(dest, log.facility)).collect(),
        format: match log.format {
            LogFormat::Human => Format::Human,
            LogFormat::Json => Format::Json,
        },
        levels: levels(log.types),
        timestamp: match (&log.timestamp_format, log.timestamp) {
            (_, false) => Timestamp::None,
            (None, true) => Timestamp::Epoch,
            (Some(format), true) => Timestamp::Strftime(format.clone()),
        },
        connection_messages: match log.connection_messages {
            true => ConnectionMessages::Written,
            false => ConnectionMessages::LeftOut,
        },
    }
}

fn destination(dest: &LogDest, facility: Option<u8>) -> Destination {
    match dest {
        LogDest::Stdout => Destination::Stdout,
        LogDest::Stderr => Destination::Stderr,
        LogDest::Topic => Destination::Topic,
        LogDest::File(file) => Destination::File(file.path.clone()),
        LogDest::Syslog => Destination::Syslog(Syslog {
            facility: facility.map_or(FACILITY_DAEMON, |local| FACILITY_LOCAL0 + local),
            ident: SYSLOG_IDENT.to_owned(),
            socket: PathBuf::from(SYSLOG_SOCKET),
        }),
    }
}

fn levels(types: LogTypes) -> Levels {
    let wanted = [
        (types.error, Level::Error),
        (types.warning, Level::Warning),
        (types.notice, Level::Notice),
        (types.information, Level::Information),
        (types.debug, Level::Debug),
        (types.subscribe, Level::Subscribe),
        (types.unsubscribe, Level::Unsubscribe),
        (types.websockets, Level::Websockets),
        (types.internal, Level::Internal),
    ];
    wanted.iter().filter(|(on, _)| *on).fold(Levels::NONE, |levels, (_, level)| levels.with(*level))
}

/// The log follows the configuration: a destination that cannot be opened refuses the reload, and the old ones stay.
pub(crate) struct LogPart(pub(crate) Log);

impl Part for LogPart {
    fn prepare(&mut self, now: &Config, next: &Config) -> Result<Commit, StartError> {
        if now.global.log == next.global.log {
            return Ok(Box::new(|| {}));
        }
        let open = log_spec(next).open().map_err(|error| {
            StartError::new(format!("Error: {error}."), 1)
                .hint("the user that the broker runs as must be allowed to write there")
        })?;
        let log = self.0.clone();
        Ok(Box::new(move || log.reconfigure(open)))
    }
}

/// `log_dest topic`: lines are messages of the broker itself from now on.
pub(crate) fn connect_topics(log: &Log, control: Control) {
    log.connect_topics(move |topic, text| {
        let payload = text.into_bytes().into_boxed_slice();
        control.publish_if_room(OwnMessage { topic: topic.into(), payload, retain: Retain::Live });
    });
}
