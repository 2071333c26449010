//! `sealmq cert expiring` and `cert list`, as cron and Nagios run them.

use std::path::Path;
use std::process::Command;

use crate::support::sealmq;

/// A self-signed certificate that ends in so many days.
fn certificate(folder: &Path, name: &str, days: u32) {
    let (key, out) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.crt")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout"])
        .arg(key)
        .arg("-out")
        .arg(out)
        .args(["-days", &days.to_string(), "-subj", &format!("/CN={name}")])
        .output()
        .expect("the test has what it needs");
    assert!(made.status.success(), "{made:?}");
}

/// Its exit code and its first line.
fn expiring(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = sealmq()
        .args(["cert", "expiring"])
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the test has what it needs");
    let text = String::from_utf8(output.stdout).expect("the test has what it needs");
    (
        output.status.code().expect("the test has what it needs"),
        text.lines().next().unwrap_or_default().to_owned(),
    )
}

#[test]
fn exit_codes_are_those_that_nagios_wants() {
    let folder = tempfile::tempdir().expect("the test has what it needs");
    let at = folder.path();
    for (name, days) in [("far", 400), ("near", 20), ("soon", 3)] {
        certificate(at, name, days);
    }
    std::fs::write(at.join("notes.txt"), "nothing").expect("the test has what it needs");
    let code = |args: &[&str]| expiring(at, args).0;
    assert_eq!(code(&["far.crt"]), 0);
    assert_eq!(code(&["far.crt", "near.crt"]), 1);
    assert_eq!(code(&["."]), 2);
    assert_eq!(code(&["--warning", "10d", "--critical", "1d", "."]), 1);
    assert_eq!(code(&["--within", "2", "."]), 0);
    // What cannot be looked at is not fine, and what is known to be bad is worse.
    for unknown in
        [&["far.crt", "missing.crt"][..], &["far.key"], &["--within", "x", "."], &["--critical", "40d", "."]]
    {
        assert_eq!(code(unknown), 3, "{unknown:?}");
    }
    assert_eq!(code(&["soon.crt", "missing.crt"]), 2);
    std::fs::write(at.join("broken.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .expect("the test has what it needs");
    assert_eq!(code(&["--within", "1d", "."]), 3);
    let (_, line) = expiring(at, &["near.crt", "far.crt"]);
    assert!(line.starts_with("CERTIFICATES WARNING - 1 end within 30d"), "{line}");
    assert!(line.ends_with("| expiring=1 ended=0 unchecked=0"), "{line}");
}

/// certbot's `live/` and cert-manager's `..data`: through links, and each certificate once.
#[test]
fn folders_of_links_are_followed() {
    let folder = tempfile::tempdir().expect("the test has what it needs");
    let at = |name: &str| folder.path().join(name);
    for name in ["archive", "live", "mount", "mount/..one"] {
        std::fs::create_dir(at(name)).expect("the test has what it needs");
    }
    certificate(&at("archive"), "cert1", 3);
    std::fs::copy(at("archive/cert1.crt"), at("mount/..one/tls.crt")).expect("the test has what it needs");
    let link =
        |to: &str, from: &str| std::os::unix::fs::symlink(to, at(from)).expect("the test has what it needs");
    link("../archive/cert1.crt", "live/cert.pem");
    link("..one", "mount/..data");
    link("..data/tls.crt", "mount/tls.crt");
    for name in ["live", "mount"] {
        let (code, line) = expiring(folder.path(), &[name]);
        assert_eq!((code, line.contains("CRITICAL - 1 end")), (2, true), "{line}");
    }
}

#[test]
fn without_files_the_data_directory_is_asked() {
    let folder = tempfile::tempdir().expect("the test has what it needs");
    let (code, line) = expiring(folder.path(), &["--data-dir", "missing"]);
    assert_eq!(code, 3, "{line}");
}
