//! Where log lines go, through reload, a moved file, a full disk and a folder that is not there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use sealmq_server::log::{
    ConnectionMessages, Destination, Event, Level, Levels, Line, LogKeeper, LogSpec, Syslog, Timestamp,
};

fn spec(destinations: Vec<Destination>) -> LogSpec {
    LogSpec { destinations, timestamp: Timestamp::None, ..LogSpec::default() }
}

fn to_file(path: &Path) -> LogSpec {
    spec(vec![Destination::File(path.to_owned())])
}

fn line(text: &str) -> Line {
    Line::new(Event::ConnectionNew, text)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_log_file_is_appended_to_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for word in ["one", "two"] {
        let keeper = LogKeeper::start(to_file(&path)).unwrap();
        keeper.log().line(line(word));
        keeper.finish();
    }
    assert_eq!(text(&path), "one\ntwo\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_log_file_that_was_moved_away_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
    let keeper = LogKeeper::start(to_file(&path)).unwrap();
    keeper.log().line(line("before"));
    wait_for(&path, "before");
    fs::rename(&path, &moved).unwrap();
    keeper.log().reopen();
    keeper.log().line(line("after"));
    keeper.finish();
    assert_eq!((text(&moved), text(&path)), ("before\n".to_owned(), "after\n".to_owned()));
}

#[test]
fn a_file_that_cannot_be_opened_again_keeps_the_one_that_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let (inner, path) = (folder.path().join("inner"), folder.path().join("inner/log"));
    fs::create_dir(&inner).unwrap();
    let keeper = LogKeeper::start(to_file(&path)).unwrap();
    let gone = folder.path().join("gone");
    fs::rename(&inner, &gone).unwrap();
    keeper.log().reopen();
    keeper.log().line(line("still written"));
    keeper.finish();
    let text = text(&gone.join("log"));
    assert!(text.contains("Unable to open log file") && text.contains("still written"), "{text}");
}

#[test]
fn what_a_reload_says_holds_for_lines_after_it_and_not_for_those_before() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let keeper = LogKeeper::start(to_file(&old)).unwrap();
    let log = keeper.log();
    log.line(line("before"));
    log.line(Line::new(Event::Subscribed, "not asked for"));
    let quieter = LogSpec {
        levels: Levels::NONE.with(Level::Subscribe).with(Level::Notice),
        connection_messages: ConnectionMessages::LeftOut,
        ..to_file(&new)
    };
    log.reconfigure(quieter.open().unwrap());
    log.line(line("a connection"));
    log.line(Line::new(Event::ClientRefused, "a refusal"));
    log.line(Line::new(Event::Subscribed, "asked for"));
    log.line(Line::new(Event::Fatal, "an error, not asked for"));
    keeper.finish();
    assert_eq!(text(&old), "before\n");
    assert_eq!(text(&new), "a refusal\nasked for\n");
}

#[test]
fn a_log_that_cannot_be_opened_is_an_error_of_the_reload_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let keeper = LogKeeper::start(to_file(&path)).unwrap();
    let missing = folder.path().join("missing/log");
    let fault = to_file(&missing).open().err().unwrap();
    assert!(
        fault.to_string().starts_with(&format!("Unable to open log file {}", missing.display())),
        "{fault}"
    );
    assert!(fault.hint().contains("ls -ld"), "{}", fault.hint());
    keeper.log().line(line("goes on"));
    keeper.finish();
    assert_eq!(text(&path), "goes on\n");
}

#[test]
fn a_link_in_the_place_of_the_log_file_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, precious) = (folder.path().join("log"), folder.path().join("precious"));
    fs::write(&precious, "precious").unwrap();
    std::os::unix::fs::symlink(&precious, &path).unwrap();
    assert!(to_file(&path).open().is_err());
    assert!(to_file(&precious).open().is_ok());
    assert_eq!(text(&precious), "precious");
}

#[test]
fn a_full_disk_is_said_once_on_the_other_destinations_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let full = Destination::File("/dev/full".into());
    let keeper = LogKeeper::start(spec(vec![full, Destination::File(path.clone())])).unwrap();
    for word in ["one", "two", "three"] {
        keeper.log().line(line(word));
        wait_for(&path, word);
    }
    keeper.finish();
    let text = text(&path);
    assert_eq!(
        text.matches("Error: log file /dev/full does not take log lines: No space left").count(),
        1,
        "{text}"
    );
}

#[test]
fn the_systems_log_gets_each_line_and_its_hint_as_one_datagram() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let daemon = UnixDatagram::bind(&socket).unwrap();
    let syslog = Syslog { facility: 3, ident: "mosquitto".into(), socket };
    let keeper = LogKeeper::start(spec(vec![Destination::Syslog(syslog)])).unwrap();
    keeper.log().line(line("a\nb").hint("c"));
    keeper.finish();
    let mut buffer = [0; 512];
    let length = daemon.recv(&mut buffer).unwrap();
    let text = std::str::from_utf8(&buffer[..length]).unwrap();
    assert!(text.starts_with("<29>") && text.ends_with("]: a b (hint: c)"), "{text}");
}

fn wait_for(path: &Path, word: &str) {
    let by = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !text(path).contains(word) {
        assert!(std::time::Instant::now() < by, "no line says {word}");
        std::thread::yield_now();
    }
}
