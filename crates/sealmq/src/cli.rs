//! The command line, definitions only. Each command's own options stand in its file under `commands/`.

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::commands::{broker, context, device, publish, subscribe, up, user};

/// An MQTT broker that is its own certificate authority.
#[derive(Debug, Parser)]
#[command(name = "sealmq", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `sealmq` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a broker with mutual TLS; creates its CA and certificates the first time
    Up(up::Args),
    /// Run a broker from a mosquitto.conf
    Broker(broker::Args),
    /// Make certificates and ready bundles for devices
    Device(device::Args),
    /// Let devices in with a name and a password over TLS
    User(user::Args),
    /// Remember a broker that `pub` and `sub` on this computer use without flags
    Context(context::Args),
    /// Publish a message (the flags of mosquitto_pub)
    #[command(disable_help_flag = true)]
    Pub(publish::Args),
    /// Subscribe and print messages (the flags of mosquitto_sub)
    #[command(disable_help_flag = true)]
    Sub(subscribe::Args),
}

/// Parses the arguments, or prints help or an error and ends the process as clap does.
pub(crate) fn parse(arguments: Vec<OsString>) -> Cli {
    let as_mosquitto = arguments.get(1).is_some_and(|command| command == "pub" || command == "sub");
    Cli::try_parse_from(arguments).unwrap_or_else(|error| match error.exit_code() {
        // mosquitto_pub and mosquitto_sub end with 1 where clap ends with 2.
        2 if as_mosquitto => {
            let _ = error.print();
            std::process::exit(1)
        }
        _ => error.exit(),
    })
}

/// `sealmq -c FILE` means `sealmq broker -c FILE`: a first argument that is an option of mosquitto's gets
/// the word `broker` in front.
pub(crate) fn with_broker_as_default(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_mosquitto_option = arguments
        .get(1)
        .and_then(|first| first.to_str())
        .is_some_and(|first| MOSQUITTO_OPTIONS.contains(&first));
    if is_mosquitto_option {
        arguments.insert(1, OsString::from("broker"));
    }
    arguments
}

/// mosquitto's own options, except `-h`, which `sealmq` answers itself.
const MOSQUITTO_OPTIONS: &[&str] = &[
    "-c",
    "--config-file",
    "-d",
    "--daemon",
    "-p",
    "--port",
    "-q",
    "--quiet",
    "-v",
    "--verbose",
    "--test-config",
    "--tls-keylog",
];

#[cfg(test)]
mod tests {
    use super::with_broker_as_default;

    fn words(line: &str) -> Vec<std::ffi::OsString> {
        line.split(' ').map(Into::into).collect()
    }

    #[test]
    fn an_option_of_mosquitto_runs_the_broker() {
        assert_eq!(with_broker_as_default(words("sealmq -c a.conf -v")), words("sealmq broker -c a.conf -v"));
    }

    #[test]
    fn a_command_stays_as_typed() {
        assert_eq!(with_broker_as_default(words("sealmq pub -t a -m b")), words("sealmq pub -t a -m b"));
        assert_eq!(with_broker_as_default(words("sealmq --version")), words("sealmq --version"));
    }
}
