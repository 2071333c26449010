//! `--log-format`, which `up` and `broker` share.

use sealmq_config::{Config, LogFormat};

/// How log lines are written, where the command line decides it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum LogFormatFlag {
    /// As mosquitto writes them.
    Human,
    /// One JSON object per line.
    Json,
}

impl LogFormatFlag {
    /// What was said on the command line wins over the file.
    pub(crate) fn apply(flag: Option<Self>, config: &mut Config) {
        config.global.log.format = match flag {
            Some(Self::Human) => LogFormat::Human,
            Some(Self::Json) => LogFormat::Json,
            None => config.global.log.format,
        };
    }
}
