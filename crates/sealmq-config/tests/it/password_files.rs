//! Password files: three forms of hashes, and nothing else.

use sealmq_config::passwords::{HashError, PasswordFile, PasswordHash, parse_file};
use sealmq_config::{FileParsed, SourceFile};

const SHA512: &str = "$6$JvBYn7KvrL8vSWmT$Rp1G8UPEJJ0bPAgMgAA0RcPSVsLbMqaXn9GTF7yIHxFOOZhg9BGNMMFLMBbhVnkvHKYaA9YSgJTeBXZM+gKm8g==";

fn read(text: impl AsRef<[u8]>) -> FileParsed<PasswordFile> {
    let parsed = parse_file(&SourceFile { path: "passwords".into(), bytes: text.as_ref().to_vec() });
    assert_eq!(parsed.value.is_none(), parsed.diagnostics.iter().any(|finding| finding.is_error()));
    parsed
}

fn error(text: impl AsRef<[u8]>) -> String {
    let parsed = read(text);
    assert_eq!(parsed.diagnostics.len(), 1, "{:?}", parsed.diagnostics);
    parsed.diagnostics[0].to_string()
}

fn pbkdf2(iterations: &str) -> String {
    let (salt, hash) = ("A".repeat(86) + "==", "B".repeat(85) + "A==");
    format!("$7${iterations}${salt}${hash}")
}

fn argon2(costs: &str) -> String {
    format!("$argon2id$v=19${costs}$c29tZXNhbHQ$RdescudvJCsgt3ub+b0dWRWJTmaaJObG")
}

#[test]
fn the_three_forms_are_read() {
    let text = format!(
        "# users\n\nalice:{SHA512}\nbob:{}\r\n carol :{}\n",
        pbkdf2("1000"),
        argon2("m=47104,t=1,p=1")
    );
    let users = read(text).value.unwrap();
    assert_eq!(users.len(), 3);
    let Some(PasswordHash::Sha512 { salt, hash }) = users.find("alice") else { panic!() };
    assert_eq!((salt.len(), hash[0]), (12, 0x46));
    let Some(PasswordHash::Pbkdf2Sha512 { iterations, salt, .. }) = users.find("bob") else { panic!() };
    assert_eq!((iterations.get(), salt.len()), (1000, 64));
    let Some(PasswordHash::Argon2id { memory_kib, passes, lanes, salt, hash }) = users.find("carol") else {
        panic!()
    };
    assert_eq!(
        (*memory_kib, *passes, *lanes, salt.as_slice(), hash.len()),
        (47_104, 1, 1, &b"somesalt"[..], 24)
    );
    assert!(users.find("dave").is_none());
}

#[test]
fn lines_that_are_no_users_are_skipped() {
    let users = read(format!("\n   \n#alice:plain\nno colon here\nbob:{SHA512}\n")).value.unwrap();
    assert_eq!(users.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["bob"]);
    assert!(read("").value.unwrap().is_empty());
}

#[test]
fn a_plain_password_is_refused_and_not_shown() {
    let text = error(format!("bob:{SHA512}\nalice:geheim\n"));
    assert!(
        text.starts_with(
            "Error: Unable to decode line in password file 'passwords'.\nError found at passwords:2."
        ),
        "{text}"
    );
    assert!(
        text.contains("alice") && text.contains("sealmq passwd -U") && !text.contains("geheim"),
        "{text}"
    );
}

#[test]
fn damaged_and_unknown_hashes_are_refused() {
    for (hash, why) in [
        ("geheim", HashError::PlainText),
        ("$5$abc$def", HashError::UnknownKind),
        ("$6$abc", HashError::Damaged),
        ("$6$!!!!$AAAA", HashError::Damaged),
        ("$6$AAAA$AAAA", HashError::Damaged),
        ("$6$$AAAA", HashError::Damaged),
        ("$7$1000$AAAA", HashError::Damaged),
        ("$argon2id$v=16$m=47104,t=1,p=1$c29tZXNhbHQ$AAAA", HashError::Damaged),
        ("$argon2i$v=19$m=47104,t=1,p=1$c29tZXNhbHQ$AAAA", HashError::UnknownKind),
    ] {
        assert_eq!(PasswordHash::parse(hash), Err(why), "{hash}");
        assert!(error(format!("u:{hash}\n")).contains("Unable to decode line"), "{hash}");
    }
}

#[test]
fn a_hash_that_costs_nothing_or_far_too_much_is_refused() {
    let parse = |text: String| PasswordHash::parse(&text).err();
    assert_eq!(parse(pbkdf2("1")), None);
    assert_eq!(parse(pbkdf2("0")), Some(HashError::Cost));
    assert_eq!(parse(pbkdf2("99999999")), Some(HashError::Cost));
    assert_eq!(parse(pbkdf2("-1")), Some(HashError::Damaged));
    assert_eq!(parse(argon2("m=1048576,t=64,p=4")), None);
    assert_eq!(parse(argon2("m=1048577,t=1,p=1")), Some(HashError::Cost));
    assert_eq!(parse(argon2("m=47104,t=0,p=1")), Some(HashError::Cost));
    assert_eq!(parse(argon2("m=16,t=1,p=4")), Some(HashError::Cost));
}

#[test]
fn a_user_without_a_name_or_twice_or_without_a_hash_is_refused() {
    assert!(
        error(format!(":{SHA512}\n"))
            .starts_with("Error: Invalid line in password file 'passwords': the user name is empty.")
    );
    assert!(error("alice:\n").starts_with("Error: Unable to decode line in password file 'passwords'."));
    assert!(
        error(format!("a:{SHA512}\na:{SHA512}\n"))
            .starts_with("Error: Duplicate user 'a' in password file 'passwords'.")
    );
    assert!(error(b"a\xff:x\n").starts_with("Error: Invalid line in password file 'passwords'."));
}

#[test]
fn all_bad_lines_are_reported_and_hashes_are_never_shown() {
    let parsed = read(format!("a:x\nb:{SHA512}\nc:y\n"));
    let lines: Vec<_> =
        parsed.diagnostics.iter().map(|finding| finding.place.as_ref().unwrap().line).collect();
    assert_eq!(lines, [1, 3]);
    assert_eq!(format!("{:?}", PasswordHash::parse(SHA512).unwrap()), "$6$…");
}
