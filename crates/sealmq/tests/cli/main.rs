//! What a person sees who types something: help, and errors with the hint that mends them. Snapshots of the real
//! binary; `TRYCMD=overwrite cargo test -p sealmq --test cli` writes them anew, and the difference is reviewed.
#![allow(clippy::disallowed_methods, reason = "the tests run processes")]

#[test]
fn the_command_line_says_what_the_snapshots_say() {
    let nowhere = std::env::temp_dir().join("sealmq-tests-no-such-folder");
    assert!(!nowhere.exists(), "{} must not exist", nowhere.display());
    trycmd::TestCases::new()
        .env("SEALMQ_DATA", "/nonexistent/sealmq")
        .env("XDG_CONFIG_HOME", "/nonexistent/config")
        .env("HOME", "/nonexistent")
        .case("tests/cli/snapshots/*.trycmd");
}
