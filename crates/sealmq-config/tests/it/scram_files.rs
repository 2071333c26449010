//! `scram_file` and the keys about tokens: what is taken, what stops the start, and what every error says.

use sealmq_auth::scram::Entry;
use sealmq_config::scram_file::{ScramFile, parse_file};
use sealmq_config::{Diagnostic, SourceFile};

use crate::reading::read;

fn parse(text: &str) -> Result<ScramFile, Vec<Diagnostic>> {
    let parsed = parse_file(&SourceFile { path: "scram".into(), bytes: text.as_bytes().to_vec() });
    parsed.value.ok_or(parsed.diagnostics)
}

fn entry() -> Entry {
    Entry::of(b"pencil", [3; 16], 4_096).unwrap()
}

fn line(user: &str) -> String {
    format!("{user}:{}\n", entry().to_text().as_str())
}

#[test]
fn users_comments_and_the_decoy_key_are_read() {
    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    let file =
        parse(&format!("# decoy-key: {key}\r\n\n# a comment\n{}{}", line("anna"), line("b,c=d"))).unwrap();
    assert_eq!(file.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["anna", "b,c=d"]);
    assert_eq!(file.decoy_key(), Some(&[1; 32]));
    assert!(file.find("anna").unwrap() == &entry());
    assert!(parse("").unwrap().is_empty());
}

#[test]
fn a_bad_line_makes_the_whole_file_none_and_shows_no_secret() {
    let good = line("anna");
    for bad in [
        "berta:pencil".to_owned(),
        "berta:$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$cWdDZxlYaWQrYmFzZTY0aGFzaA".to_owned(),
        line("berta").replace("$4096", "$1"),
        line("berta").replace("==$", "$"),
        line("b\u{e4}rta"),
        line(""),
        "berta".to_owned(),
        good.clone(),
        "# decoy-key: short".to_owned(),
    ] {
        let errors = parse(&format!("{good}{bad}")).unwrap_err();
        assert_eq!(errors.len(), 1, "{bad}");
        let text = errors[0].to_string();
        assert!(text.contains("scram:2") && text.contains("hint"), "{text}");
        assert!(!text.contains("pencil") && !text.contains("AwMDAwMDAwMD"), "{text}");
    }
}

#[test]
fn a_file_is_written_as_it_is_read() {
    let mut file = ScramFile::default();
    file.ensure_decoy_key([5; 32]);
    file.ensure_decoy_key([6; 32]);
    assert!(file.set("anna", entry()));
    for bad in ["", "a:b", "#a", " a", "a ", "a\nb", "\u{e4}"] {
        assert!(!file.set(bad, entry()), "{bad:?}");
    }
    let again = parse(&file.to_text()).unwrap();
    assert!(again == file);
    assert_eq!(again.decoy_key(), Some(&[5; 32]));
    assert!(file.remove("anna") && !file.remove("anna"));
    assert!(!format!("{file:?}").contains("5, 5"));
}

#[test]
fn the_keys_about_tokens_come_together() {
    let text = "jwt_key issuer.pem\njwt_issuer https://idp\njwt_audience mqtt\njwt_username_claim name\n\
        jwt_acl_claim topics\nscram_file scram\nlistener 1883\n";
    let config = read(text).config.unwrap();
    let access = &config.listeners[0].access;
    let jwt = access.jwt.as_ref().unwrap();
    assert_eq!(jwt.key.written, "issuer.pem");
    assert_eq!(jwt.rules.issuer.as_deref(), Some("https://idp"));
    assert_eq!(jwt.rules.audience.as_deref(), Some("mqtt"));
    assert_eq!((jwt.rules.username_claim.as_str(), jwt.rules.acl_claim.as_str()), ("name", "topics"));
    assert_eq!(access.scram_file.as_ref().unwrap().written, "scram");
    assert!(access.checks_names());
    let plain = read("jwt_key issuer.pem\nlistener 1883\n").config.unwrap();
    let rules = &plain.listeners[0].access.jwt.as_ref().unwrap().rules;
    assert_eq!((rules.username_claim.as_str(), rules.acl_claim.as_str()), ("sub", "acl"));
}

#[test]
fn a_demand_on_tokens_without_a_key_stops_the_start() {
    for key in ["jwt_issuer", "jwt_audience", "jwt_username_claim", "jwt_acl_claim"] {
        let parsed = read(format!("allow_anonymous true\nlistener 1883\n{key} x\n"));
        assert!(parsed.config.is_none(), "{key}");
        let error = parsed.diagnostics.iter().find(|finding| finding.is_error()).unwrap().to_string();
        assert!(error.contains(key) && error.contains("jwt_key PATH"), "{error}");
    }
}

#[test]
fn under_per_listener_settings_each_listener_has_its_own() {
    let text = "per_listener_settings true\nlistener 1883\nscram_file a\njwt_key k\njwt_issuer i\nlistener 1884\nallow_anonymous true\n";
    let config = read(text).config.unwrap();
    let [first, second] = &config.listeners[..] else { panic!() };
    assert!(first.access.scram_file.is_some() && first.access.jwt.is_some());
    assert!(second.access.scram_file.is_none() && second.access.jwt.is_none());
}
