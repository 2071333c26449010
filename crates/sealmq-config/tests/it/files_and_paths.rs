//! Included files, and what relative paths are relative to.

use crate::reading::{Files, config, source};
use sealmq_config::{Arguments, Parsed, SessionOwner, SourceFile, parse};
use std::path::Path;

fn read(text: &str, files: &[(&str, &str)]) -> Parsed {
    parse(Some(&source(text)), &Arguments::default(), &Files::of(files))
}

#[test]
fn included_files_are_read_in_order_and_only_those_called_conf() {
    let parsed = read(
        "include_dir conf.d\n",
        &[
            ("conf.d/20-b.conf", "listener 2\n"),
            ("conf.d/10-a.conf", "listener 1\n"),
            ("conf.d/30-c.conf.bak", "nonsense\n"),
        ],
    );
    let config = parsed.config.unwrap();
    let order: Vec<_> = config.listeners.iter().map(|listener| listener.at.to_string()).collect();
    assert_eq!(order, ["conf.d/10-a.conf:1", "conf.d/20-b.conf:1"]);
}

#[test]
fn letters_count_before_case_in_their_order() {
    let files = ["conf.d/B.conf", "conf.d/c.conf", "conf.d/a.conf", "conf.d/A.conf", "conf.d/b.conf"];
    let files = files.map(|file| (file, "listener 1\n"));
    let config = read("include_dir conf.d\n", &files).config.unwrap();
    let order: Vec<_> = config.listeners.iter().map(|listener| listener.at.file.to_string()).collect();
    assert_eq!(order, ["conf.d/A.conf", "conf.d/a.conf", "conf.d/B.conf", "conf.d/b.conf", "conf.d/c.conf"]);
}

#[test]
fn an_error_in_an_included_file_is_printed_with_the_line_that_includes_it() {
    let parsed = read("\ninclude_dir conf.d\n", &[("conf.d/x.conf", "max_qos 3\n")]);
    let printed = parsed.diagnostics[0].to_string();
    let found = "Error found at 'conf.d/x.conf:1'.\nError found at test.conf:2.";
    assert!(printed.contains(found), "{printed}");
}

#[test]
fn an_error_in_an_included_file_names_that_file() {
    let parsed = read("include_dir conf.d\nlistener 1\n", &[("conf.d/x.conf", "\nmax_qos 3\n")]);
    assert!(parsed.config.is_none());
    assert_eq!(parsed.diagnostics[0].place.as_ref().unwrap().to_string(), "conf.d/x.conf:2");
}

#[test]
fn an_included_file_does_not_go_on_with_the_listener_of_the_main_file() {
    let parsed = read(
        "listener 8883\ninclude_dir conf.d\nmax_topic_alias 0\n",
        &[("conf.d/x.conf", "cafile ca.crt\n")],
    );
    let errors: Vec<_> = parsed
        .diagnostics
        .iter()
        .filter(|finding| finding.is_error())
        .map(|finding| finding.text.as_str())
        .collect();
    assert_eq!(errors, ["Error: The 'cafile' option requires a listener to be defined first."]);
}

#[test]
fn only_the_main_file_includes() {
    let parsed = read("include_dir a\n", &[("a/x.conf", "include_dir a\n")]);
    assert_eq!(
        parsed.diagnostics[0].text,
        "Error: The include_dir option is only valid in the main configuration file."
    );
}

#[test]
fn relative_paths_are_on_the_working_directory() {
    let config = config("listener 8883\ncertfile tls/c.crt\nkeyfile /k\npid_file p\n");
    let tls = config.listeners[0].tls.as_ref().unwrap();
    assert_eq!(
        (tls.certfile.path.as_path(), tls.keyfile.path.as_path()),
        (Path::new("tls/c.crt"), Path::new("/k"))
    );
    assert_eq!(config.global.pid_file.unwrap().path, Path::new("p"));
}

#[test]
fn with_a_data_directory_they_are_on_that_and_it_is_on_the_files_folder() {
    let text = "data_dir .\nlistener 8883\ncertfile server/chain.pem\nkeyfile /k\nacl_file acl\n";
    let main = SourceFile { path: "/var/lib/sealmq/sealmq.conf".into(), bytes: text.into() };
    let config = parse(Some(&main), &Arguments::default(), &Files::default()).config.unwrap();
    assert_eq!(config.global.data_dir.as_ref().unwrap().path, Path::new("/var/lib/sealmq/."));
    let listener = &config.listeners[0];
    let tls = listener.tls.as_ref().unwrap();
    assert_eq!(tls.certfile.path, Path::new("/var/lib/sealmq/./server/chain.pem"));
    assert_eq!(tls.keyfile.path, Path::new("/k"));
    assert_eq!(listener.access.acl_file.as_ref().unwrap().path, Path::new("/var/lib/sealmq/./acl"));
    assert_eq!(config.global.session_owner, SessionOwner::Bound);
}

#[test]
fn a_session_belongs_to_its_identity_only_where_we_know_who_that_is() {
    assert_eq!(config("").global.session_owner, SessionOwner::Mosquitto);
    assert_eq!(config("data_dir d\nsession_owner mosquitto\n").global.session_owner, SessionOwner::Mosquitto);
    assert_eq!(config("session_owner bound\n").global.session_owner, SessionOwner::Bound);
}

#[test]
fn windows_line_ends_are_no_matter() {
    let config = config("listener 8883\r\n\r\n# c\r\ncertfile c.crt\r\nkeyfile c.key\r\n");
    assert_eq!(config.listeners[0].tls.as_ref().unwrap().certfile.written, "c.crt");
}
