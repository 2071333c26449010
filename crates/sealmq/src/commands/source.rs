//! Where the configuration of a running broker comes from: a reload reads it again, with the same command line.

use std::sync::Arc;

use sealmq_config::{LogTypes, Parsed};
use sealmq_server::home::{self, Place};
use sealmq_server::plan::StartError;
use sealmq_server::reload::{ConfigSource, Fresh};

use super::broker;
use super::log_format::LogFormatFlag;

/// `sealmq broker -c FILE …`.
pub(crate) struct FromCommandLine(pub(crate) broker::flags::Flags);

impl ConfigSource for FromCommandLine {
    fn read(&self) -> Result<Fresh, StartError> {
        let Parsed { config, diagnostics } = broker::read(&self.0)?;
        let Some(mut config) = config else { return Err(broker::refused(&diagnostics)) };
        LogFormatFlag::apply(self.0.log_format, &mut config);
        Ok(Fresh { config, diagnostics })
    }
}

/// `sealmq up`: the file of a data directory.
pub(crate) struct FromPlace {
    pub(crate) place: Place,
    pub(crate) verbose: bool,
    pub(crate) log_format: Option<LogFormatFlag>,
}

impl FromPlace {
    pub(crate) fn shared(self) -> Arc<dyn ConfigSource> {
        Arc::new(self)
    }
}

impl ConfigSource for FromPlace {
    fn read(&self) -> Result<Fresh, StartError> {
        let failed =
            |error: home::HomeError| StartError::new(format!("Error: {error}"), 1).hint(error.hint());
        let Parsed { config, diagnostics } = home::read_conf(&self.place).map_err(failed)?;
        let Some(mut config) = config else { return Err(broker::refused(&diagnostics)) };
        if self.verbose {
            config.global.log.types = LogTypes::ALL;
        }
        LogFormatFlag::apply(self.log_format, &mut config);
        Ok(Fresh { config, diagnostics })
    }
}
