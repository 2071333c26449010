//! The command line, definitions only. Each command's own options stand in its file under `commands/`.

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    audit_log, backup, ban, broker, ca, cert, context, device, passwd, publish, subscribe, up, user,
};

/// An MQTT broker that is its own certificate authority.
#[derive(Debug, Parser)]
#[command(name = "sealmq", version, about, max_term_width = 100, after_help = FIRST_STEPS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What `sealmq` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a broker with mutual TLS; creates its CA and certificates the first time
    Up(up::Args),
    /// Run a broker from a mosquitto.conf (the flags of mosquitto)
    #[command(disable_help_flag = true)]
    Broker(broker::Args),
    /// The certificate authority: show, make, import, export, encrypt its keys, extend
    Ca(ca::Args),
    /// Make certificates and ready bundles for devices
    Device(device::Args),
    /// Sign, make, renew, revoke, show and check certificates
    Cert(cert::Args),
    /// Let devices in with a name and a password over TLS
    User(user::Args),
    /// Set passwords in the password file of a mosquitto.conf (the flags of mosquitto_passwd)
    #[command(disable_help_flag = true)]
    Passwd(passwd::Args),
    /// Write a backup of the data directory, beside a running broker or without one
    Backup(backup::BackupArgs),
    /// Put a backup back, or merge it into a data directory
    Restore(backup::RestoreArgs),
    /// Show who did what to the CA, and check that nobody has edited that
    AuditLog(audit_log::Args),
    /// Show and end bans of addresses that failed to authenticate
    Ban(ban::Args),
    /// Remember a broker that `pub` and `sub` on this computer use without flags
    Context(context::Args),
    /// Publish a message (the flags of mosquitto_pub)
    #[command(disable_help_flag = true, args_override_self = true)]
    Pub(publish::Args),
    /// Subscribe and print messages (the flags of mosquitto_sub)
    #[command(disable_help_flag = true, args_override_self = true)]
    Sub(subscribe::Args),
}

const FIRST_STEPS: &str = "\
First steps:
  sealmq up                                     a broker, mutual TLS on port 8883
  sealmq sub -t 'test/#' -v                     in another terminal
  sealmq pub -t test/topic -m 'Hello TLS!'
  sealmq device add thermometer1 --for arduino  a sketch, ready to flash
  sealmq -c /etc/mosquitto/mosquitto.conf       the file that you have

In the place of mosquitto, also through a link of that name:
  Usage: mosquitto [-c config_file] [-d] [-h] [-p port] [-v]";

/// Parses the arguments, or prints help or an error and ends the process with clap's exit code, 2; `pub` and `sub`
/// with 1 and `broker` with 3, as mosquitto_pub, mosquitto_sub and mosquitto do.
pub(crate) fn parse(arguments: Vec<OsString>) -> Cli {
    Cli::try_parse_from(&arguments).unwrap_or_else(|error| {
        if error.exit_code() == 0 || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            error.exit()
        }
        eprintln!("{}", in_house_style(&error.render().to_string(), &arguments));
        let is = |word: &str| arguments.get(1).is_some_and(|command| command == word);
        std::process::exit(match (is("pub") || is("sub"), is("broker")) {
            (true, _) => 1,
            (false, true) => 3,
            (false, false) => error.exit_code(),
        })
    })
}

/// clap's error with a `hint:` line, like every other error here.
fn in_house_style(rendered: &str, arguments: &[OsString]) -> String {
    let mut lines: Vec<String> = rendered
        .lines()
        .filter(|line| !line.starts_with("For more information"))
        .map(|line| {
            line.strip_prefix("  tip: ").map_or_else(|| line.to_owned(), |tip| format!("hint: {tip}"))
        })
        .collect();
    if let Some(file) = arguments.iter().filter_map(|word| word.to_str()).find(|word| word.ends_with(".conf"))
        && (rendered.contains("unrecognized subcommand") || rendered.contains("unexpected argument"))
    {
        lines.push(format!("hint: to run a configuration file: sealmq -c {file}"));
    }
    if !lines.iter().any(|line| line.starts_with("hint: ")) {
        lines.push(format!("hint: {} --help shows what there is", command_path(arguments)));
    }
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// `sealmq device add` for `sealmq device add --bad-option`.
fn command_path(arguments: &[OsString]) -> String {
    let mut command = Cli::command();
    let mut path = command.get_name().to_owned();
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        let Some(inner) = command.find_subcommand(word).cloned() else { break };
        path.push(' ');
        path.push_str(word);
        command = inner;
    }
    path
}

/// `sealmq -c FILE` means `sealmq broker -c FILE`: a first argument that is an option of mosquitto's gets the word
/// `broker` in front. Called through a link that has the name of one of mosquitto's programs, it is that program.
pub(crate) fn with_broker_as_default(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_mosquitto_option = arguments
        .get(1)
        .and_then(|first| first.to_str())
        .is_some_and(|first| MOSQUITTO_OPTIONS.contains(&first));
    let called = arguments.first().and_then(|program| Path::new(program).file_name());
    let command = match called.and_then(|name| name.to_str()) {
        Some("mosquitto") => Some("broker"),
        Some("mosquitto_passwd") => Some("passwd"),
        Some("mosquitto_pub") => Some("pub"),
        Some("mosquitto_sub") => Some("sub"),
        Some(_) | None => is_mosquitto_option.then_some("broker"),
    };
    if let Some(command) = command {
        arguments.insert(1.min(arguments.len()), OsString::from(command));
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
    fn a_link_with_the_name_of_a_program_is_that_program() {
        let called = |line: &str| with_broker_as_default(words(line));
        assert_eq!(called("/usr/sbin/mosquitto -d -c a"), words("/usr/sbin/mosquitto broker -d -c a"));
        assert_eq!(called("mosquitto"), words("mosquitto broker"));
        assert_eq!(called("mosquitto -h"), words("mosquitto broker -h"));
        assert_eq!(called("mosquitto_passwd -c f u"), words("mosquitto_passwd passwd -c f u"));
        assert_eq!(called("mosquitto_sub -t a"), words("mosquitto_sub sub -t a"));
    }

    #[test]
    fn a_command_stays_as_typed() {
        assert_eq!(with_broker_as_default(words("sealmq pub -t a -m b")), words("sealmq pub -t a -m b"));
        assert_eq!(with_broker_as_default(words("sealmq --version")), words("sealmq --version"));
    }
}
