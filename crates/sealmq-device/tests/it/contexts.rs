//! The file for `sealmq context add`.

use sealmq_device::{Context, ContextError, Target};
use sealmq_pki::{HostName, Signer};

use crate::fixture::{NOW, Pki, content};

fn written() -> (crate::fixture::Device, String) {
    let device = Pki::at(NOW).device("laptop", "broker.local", 8884);
    let text = content(&device.bundle(Target::Sealmq), "laptop.sealmq.json").to_string();
    (device, text)
}

fn error(text: &str) -> ContextError {
    Context::parse(text.as_bytes()).err().expect("it must be refused")
}

#[test]
fn a_context_is_read_back_as_it_was_made() {
    let pki = Pki::at(NOW);
    let device = pki.device("laptop", "broker.local", 8884);
    let other = [HostName::parse("192.168.1.10").unwrap()];
    let mut request = device.request();
    request.other_hosts = &other;
    let bundle = sealmq_device::Bundle::build(Target::Sealmq, &request).unwrap();
    let context = Context::parse(content(&bundle, "laptop.sealmq.json").as_bytes()).unwrap();
    assert_eq!(context.name.as_str(), "laptop");
    assert_eq!((context.host.to_string().as_str(), context.port), ("broker.local", 8884));
    assert_eq!(context.other_hosts, other);
    assert_eq!(context.key.public_key(), device.key.public_key());
    assert_eq!(context.anchors[0].der(), pki.root.der());
    let chain: Vec<&[u8]> = context.chain.iter().map(sealmq_pki::Certificate::der).collect();
    assert_eq!(chain, [device.chain[0].der(), device.chain[1].der()]);
}

#[test]
fn a_file_of_another_kind_or_a_newer_one_is_refused_with_what_to_do() {
    let (_, text) = written();
    assert!(Context::parse(text.as_bytes()).is_ok());
    assert!(matches!(error(""), ContextError::NotAContext { .. }));
    assert!(matches!(error("{}"), ContextError::NotAContext { .. }));
    assert!(matches!(error(&text[..text.len() / 2]), ContextError::NotAContext { .. }));
    let foreign = text.replace("\"sealmq-context\"", "\"other\"");
    assert!(matches!(error(&foreign), ContextError::NotAContext { .. }));
    let newer = text.replace("\"version\": 1", "\"version\": 2");
    assert!(matches!(error(&newer), ContextError::NewerVersion { found: 2 }));
    assert!(error(&newer).to_string().contains("update sealmq"));
}

#[test]
fn a_key_that_does_not_belong_and_parts_that_cannot_be_used_are_refused() {
    let (_, text) = written();
    let (_, other) = written();
    let key = |text: &str| text[text.find("\"key\"").unwrap()..].to_owned();
    let swapped = text.replace(&key(&text), &key(&other));
    assert!(matches!(error(&swapped), ContextError::Field { field: "key", .. }));
    for (from, to, field) in [
        ("\"laptop\"", "\"../laptop\"", "name"),
        ("\"broker.local\"", "\"broker local\"", "host"),
        ("\"anchors\": [", "\"anchors\": [], \"unused\": [", "anchors"),
        ("\"certificate\": [", "\"certificate\": [], \"unused\": [", "certificate"),
    ] {
        let found = error(&text.replacen(from, to, 1));
        assert!(matches!(&found, ContextError::Field { field: named, .. } if *named == field), "{found}");
    }
}

#[test]
fn no_error_quotes_the_key() {
    let (device, text) = written();
    let pem = device.key.to_pem();
    let secret = pem.lines().nth(1).unwrap();
    for broken in
        [text.replace("\"port\": 8884", "\"port\": \"x\""), text.replace(secret, &format!("{secret}!"))]
    {
        assert!(!error(&broken).to_string().contains(&secret[..16]));
    }
}
