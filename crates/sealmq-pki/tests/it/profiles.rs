//! `profiles.toml`: what it may change, and every way to make a certificate too powerful with it.

use sealmq_pki::profile::{Life, Purpose};
use sealmq_pki::{Profiles, ProfilesError};

fn refused(text: &str) -> String {
    let error: ProfilesError = Profiles::parse(text).expect_err(text);
    error.to_string()
}

#[test]
fn without_a_file_the_profiles_are_the_table() {
    let profiles = Profiles::parse("").unwrap();
    assert_eq!(profiles, Profiles::default());
    let life = |name: &str| profiles.find(name).unwrap().life();
    assert_eq!(life("server"), Life::Days(90));
    assert_eq!(life("device"), Life::Days(365));
    assert_eq!(life("static-device"), Life::WithIssuer);
    assert_eq!(life("bridge"), Life::Days(90));
    assert_eq!(life("operator"), Life::Days(30));
    assert_eq!(profiles.find("ocsp-signer").unwrap().purposes(), [Purpose::OcspSigning]);
    assert_eq!(profiles.server().backdated_secs(), 300);
    assert_eq!(profiles.find("device").unwrap().backdated_secs(), 86_400);
}

#[test]
fn a_file_changes_what_it_names_and_leaves_the_rest() {
    let text = include_str!("../../../../fuzz/corpus/profiles/good.toml");
    let profiles = Profiles::parse(text).unwrap();
    let device = profiles.find("device").unwrap();
    assert_eq!((device.life(), device.backdated_secs()), (Life::Days(180), 3600));
    let gateway = profiles.find("gateway").unwrap();
    assert_eq!((gateway.role(), gateway.life()), (device.role(), Life::WithIssuer));
    assert_eq!(gateway.backdated_secs(), 86_400, "a new profile starts from the built-in one");
    assert_eq!(profiles.server().purposes(), [Purpose::Server, Purpose::Client]);
    assert_eq!(profiles.operator(), Profiles::default().operator());
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_line() {
    let text = refused("[device]\ndaays = 3\nkeys = [\"P-265\"]\n\n[devise]\ndays = 1\n");
    for part in [
        "line 2: the profile 'device' has no key 'daays'\nhint: did you mean 'days'?",
        "line 3: 'keys' does not know 'P-265'\nhint: did you mean 'P-256'?",
        "line 5: there is no profile 'devise'\nhint: did you mean 'device'?",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let text = refused("[device]\ndays = 30\ndays = 31\n");
    assert!(text.starts_with("line 3: not TOML"), "{text}");
    assert!(refused("days = 3\n").starts_with("line 1: 'days' stands outside of a profile"));
}

#[test]
fn no_leaf_becomes_a_ca() {
    Profiles::parse("[device]\nca = false\nkey_usage = [\"digitalSignature\"]\n").unwrap();
    assert!(refused("[device]\nca = true\n").contains("cannot make CA certificates"));
    for bit in ["keyCertSign", "cRLSign"] {
        let text = refused(&format!("[device]\nkey_usage = [\"digitalSignature\", \"{bit}\"]\n"));
        assert!(text.contains(bit) && text.contains("only a CA may"), "{text}");
    }
    assert!(refused("[device]\nkey_usage = [\"keyEncipherment\"]\n").contains("digitalSignature"));
    assert!(refused("[root]\ndays = 9000\n").contains("the CA itself"));
    assert!(refused("[issuing]\ndays = 9000\n").contains("the CA itself"));
    assert!(refused("[mine]\nbased_on = \"issuing\"\n").contains("no built-in profile of a leaf"));
    Profiles::parse("[mine]\nbased_on = \"device\"\n").unwrap();
    assert!(refused("[device]\nbased_on = \"operator\"\n").contains("built in"));
}

#[test]
fn a_purpose_is_neither_lost_nor_another_roles() {
    Profiles::parse("[server]\nextended_key_usage = [\"serverAuth\", \"clientAuth\"]\n").unwrap();
    for (profile, purposes) in [
        ("device", ""),
        ("device", "\"serverAuth\""),
        ("device", "\"clientAuth\", \"serverAuth\""),
        ("server", "\"clientAuth\""),
        ("operator", "\"OCSPSigning\""),
        ("ocsp-signer", "\"OCSPSigning\", \"clientAuth\""),
        ("device", "\"anyExtendedKeyUsage\""),
    ] {
        refused(&format!("[{profile}]\nextended_key_usage = [{purposes}]\n"));
    }
}

#[test]
fn nothing_outlives_the_ca() {
    Profiles::parse("[device]\ndays = 3652\n").unwrap();
    let text = refused("[device]\ndays = 3653\n");
    assert!(text.contains("would outlive their CA"), "{text}");
    Profiles::parse("[device]\ndays = \"issuer\"\n").unwrap();
    for days in ["0", "-1", "1.5", "\"for ever\"", "true"] {
        refused(&format!("[device]\ndays = {days}\n"));
    }
    // Who can renew does; only devices may live as long as their CA.
    refused("[server]\ndays = \"issuer\"\n");
    refused("[operator]\ndays = \"issuer\"\n");
    Profiles::parse("[device]\nbackdate_minutes = 4320\n").unwrap();
    refused("[device]\nbackdate_minutes = 4321\n");
    refused("[device]\nbackdate_minutes = -1\n");
}

#[test]
fn keys_and_names_are_of_kinds_that_work() {
    Profiles::parse("[device]\nkeys = [\"P-256\", \"RSA\"]\nrsa_bits_min = 8192\n").unwrap();
    refused("[device]\nkeys = []\n");
    refused("[device]\nkeys = [\"Ed25519\"]\n");
    refused("[device]\nkeys = \"P-256\"\n");
    refused("[device]\nrsa_bits_min = 1024\n");
    refused("[device]\nrsa_bits_min = 8193\n");
    Profiles::parse("[device]\nsubject_alt_names = []\n").unwrap();
    Profiles::parse("[device]\nsubject_alt_names = [\"DNS\", \"URI\", \"email\"]\n").unwrap();
    refused("[device]\nsubject_alt_names = [\"IP\"]\n");
    refused("[server]\nsubject_alt_names = [\"email\"]\n");
    refused("[ocsp-signer]\nsubject_alt_names = [\"DNS\"]\n");
    refused("[device]\nrequest_extensions = [\"nameConstraints\"]\n");
}

#[test]
fn the_file_and_its_profiles_are_bounded() {
    let own =
        |count: usize| -> String { (0..count).map(|n| format!("[p{n}]\nbased_on = \"device\"\n")).collect() };
    Profiles::parse(&own(32)).unwrap();
    assert!(refused(&own(33)).contains("at most 32"));
    assert!(refused(&"#".repeat(70_000)).contains("70000 bytes"));
    refused("[\"Two Words\"]\nbased_on = \"device\"\n");
}

#[test]
fn an_unknown_profile_is_answered_with_the_nearest() {
    let profiles = Profiles::default();
    let text = profiles.find("servr").unwrap_err().to_string();
    assert_eq!(text, "there is no profile 'servr'\nhint: did you mean 'server'?");
    assert!(profiles.find("xyzzy").unwrap_err().to_string().contains("static-device"));
}
