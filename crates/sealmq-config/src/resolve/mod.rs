//! Sections to the typed configuration: defaults, whose key counts for which listener, relative paths.

mod bridge;
mod global;
mod listener;
mod proxy;

use crate::checks;
use crate::config::{Config, Mode};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Base, Document, Findings, ListenerSection, Origin, Section};
use crate::source::{Arguments, Verbosity};
use std::path::Path;

/// `-p` at most so many times, as in mosquitto.
const PORTS_MAX: usize = 10;

/// What a file says of its listener without naming one, and what does not count then: it is MQTT on both addresses.
pub(crate) const PASSED_OVER: [&str; 2] = ["protocol", "socket_domain"];

/// The configuration, if every part of it could be built. Findings tell the rest.
pub(crate) fn resolve(
    document: &Document,
    main: Option<&Path>,
    arguments: &Arguments,
    findings: &mut Findings,
) -> Option<Config> {
    let base = base(document, main);
    let mode = match document.listeners.iter().any(ListenerSection::is_asked_for) {
        true => Mode::Configured,
        false => Mode::LocalOnly,
    };
    let mut global = global::resolve(document, main, &base, findings);
    match arguments.verbosity {
        Verbosity::FromFile => {}
        Verbosity::All => global.log.types = crate::config::LogTypes::ALL,
        Verbosity::Quiet => global.log.types = crate::config::LogTypes::NONE,
    }
    let ports = ports(arguments, mode, findings);
    let sections = match mode {
        Mode::Configured => document.listeners.clone(),
        Mode::LocalOnly => local_only(document, &ports),
    };
    let shared = listener::Shared { document, base: &base, mode };
    let listeners: Option<Vec<_>> =
        sections.iter().map(|section| listener::resolve(section, &shared, findings)).collect();
    let bridges: Option<Vec<_>> =
        document.bridges.iter().map(|bridge| bridge::resolve(bridge, &base, findings)).collect();
    let bridges = bridges.filter(|bridges| bridge::check_local_ids(bridges, findings))?;
    let config = Config { global, listeners: listeners?, bridges, mode };
    checks::cross_check(&config, document, findings);
    Some(config)
}

/// Relative paths are on the working directory, as in mosquitto, unless the file is a data directory's own: then they are
/// on the data directory, so that it can be moved as a whole.
fn base(document: &Document, main: Option<&Path>) -> Base {
    Base(document.global.text("data_dir").map(|written| data_dir_base(main).join(&written)))
}

/// A relative `data_dir` is on the folder of the file that says so.
fn data_dir_base(main: Option<&Path>) -> Base {
    Base(main.and_then(Path::parent).map(Path::to_owned))
}

fn ports(arguments: &Arguments, mode: Mode, findings: &mut Findings) -> Vec<u16> {
    if arguments.ports.len() > PORTS_MAX {
        findings.add(Diagnostic::error(
            Place::command_line(),
            format!("Only {PORTS_MAX} ports can be specified on the command line."),
        ));
    }
    if arguments.ports.contains(&0) {
        findings.add(
            Diagnostic::error(Place::command_line(), "Invalid port specified (0).")
                .hint("1 to 65535 is possible"),
        );
    }
    if mode == Mode::Configured && !arguments.ports.is_empty() {
        let text = "-p is ignored: the configuration file defines listeners.";
        findings
            .add(Diagnostic::warning(Place::command_line(), text).hint("add `listener PORT` to the file"));
    }
    match arguments.ports.is_empty() {
        true => vec![1883],
        false => arguments.ports.clone(),
    }
}

/// Loopback only, both families, with whatever the file says about a listener it does not name. mosquitto 2.0 opens all
/// addresses as soon as one such key is there; a file that asks for no listener is not reachable from elsewhere here.
/// [`PASSED_OVER`] is not among it, as in mosquitto: it would leave a broker that its own clients cannot talk to.
fn local_only(document: &Document, ports: &[u16]) -> Vec<ListenerSection> {
    let default = document.default_listener.map(|index| &document.listeners[index]);
    let mut section = default.map_or_else(Section::default, |listener| listener.section.clone());
    PASSED_OVER.into_iter().for_each(|key| section.remove(key));
    let at = default.map_or_else(Place::command_line, |listener| listener.at.clone());
    let listener = |port: u16, address: &str| ListenerSection {
        at: at.clone(),
        origin: Origin::Named { port, place: Some(address.to_owned()) },
        section: section.clone(),
    };
    ports.iter().flat_map(|port| [listener(*port, "127.0.0.1"), listener(*port, "::1")]).collect()
}
