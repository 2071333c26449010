//! Whole exchanges between our two sides, and what either must refuse.

use sealmq_auth::scram::{
    Client, ClientError, ClientFirst, Decoys, Entry, EntryError, Exchange, Lookup, NonceSeed, ScramError,
    prepare,
};

fn entry(password: &[u8]) -> Entry {
    Entry::of(password, [3; 16], 4_096).unwrap()
}

/// What a client with this password comes to at a server with this entry.
fn log_in(username: &str, password: &[u8], lookup: Lookup) -> Result<Result<(), ClientError>, ScramError> {
    let client = Client::new(username, password, &NonceSeed([1; 18])).unwrap();
    let first = ClientFirst::parse(&client.first())?;
    assert_eq!(first.username(), username);
    let (exchange, challenge) = Exchange::begin(first, lookup, &NonceSeed([2; 18]));
    let (last, server) = client.answer(&challenge).unwrap();
    exchange.finish(&last).map(|proof| server.check(&proof))
}

#[test]
fn the_right_password_gets_in_and_no_other() {
    assert_eq!(log_in("anna", b"pencil", Lookup::Known(entry(b"pencil"))), Ok(Ok(())));
    assert_eq!(log_in("anna", b"Pencil", Lookup::Known(entry(b"pencil"))), Err(ScramError::WrongProof));
    assert_eq!(log_in("anna", b"pencil", Lookup::Unknown(entry(b"pencil"))), Err(ScramError::WrongProof));
}

#[test]
fn a_name_with_comma_and_equals_sign_arrives_as_it_is() {
    assert_eq!(log_in("a,b=c=2C", b"pencil", Lookup::Known(entry(b"pencil"))), Ok(Ok(())));
    let parse = |text: &str| ClientFirst::parse(text.as_bytes()).map(|_| ());
    assert!(parse("n,,n=a=2Cb,r=x").is_ok());
    for bad in ["n,,n=a=2cb,r=x", "n,,n=a=,r=x", "n,,n==,r=x", "n,,n=,r=x"] {
        assert!(matches!(parse(bad), Err(ScramError::Malformed(_))), "{bad}");
    }
}

#[test]
fn channel_binding_extensions_and_other_identities_are_refused() {
    let parse = |text: &str| ClientFirst::parse(text.as_bytes()).map(|first| first.username().to_owned());
    for good in ["n,,n=anna,r=x", "y,,n=anna,r=x", "n,a=anna,n=anna,r=x", "n,,n=anna,r=x,t=later"] {
        assert_eq!(parse(good), Ok("anna".to_owned()), "{good}");
    }
    assert_eq!(parse("p=tls-exporter,,n=anna,r=x"), Err(ScramError::ChannelBinding));
    assert_eq!(parse("n,,m=must,n=anna,r=x"), Err(ScramError::Extension));
    assert_eq!(parse("n,a=berta,n=anna,r=x"), Err(ScramError::OtherIdentity));
    for bad in
        ["", "n", "n,", "n,,", "x,,n=anna,r=x", "n,b=1,n=anna,r=x", "n,,n=anna", "n,,n=anna,r=", "n,,r=x,n=a"]
    {
        assert!(matches!(parse(bad), Err(ScramError::Malformed(_))), "{bad}");
    }
}

#[test]
fn what_is_too_long_or_not_printable_is_refused() {
    let long = |len: usize| format!("n,,n={},r=x", "a".repeat(len));
    assert!(ClientFirst::parse(long(2_000).as_bytes()).is_ok());
    assert!(ClientFirst::parse(long(2_048).as_bytes()).is_err());
    assert!(ClientFirst::parse("n,,n=ä,r=x".as_bytes()).is_err());
    assert!(ClientFirst::parse(b"n,,n=a\0,r=x").is_err());
    assert!(prepare(b"open sesame ~").is_ok());
    for bad in [&b""[..], b"tab\there", "pässword".as_bytes(), b"\x7f"] {
        assert!(prepare(bad).is_err());
        assert!(Entry::of(bad, [0; 16], 4_096).is_err());
    }
}

#[test]
fn an_entry_is_written_and_read_again() {
    let entry = entry(b"pencil");
    let text = entry.to_text();
    assert!(text.starts_with("SCRAM-SHA-256$4096:AwMDAwMDAwMDAwMDAwMDAw==$"), "{}", *text);
    assert!(Entry::parse(&text).unwrap() == entry);
    assert_eq!(Entry::parse(&text).unwrap().mark(), entry.mark());
    assert_ne!(Entry::of(b"pencil", [4; 16], 4_096).unwrap().mark(), entry.mark());
}

/// PostgreSQL 14: `CREATE ROLE … PASSWORD 'pencil'` with `password_encryption = 'scram-sha-256'` writes this form.
#[test]
fn a_damaged_entry_is_refused() {
    let good = entry(b"pencil").to_text().to_string();
    let read = |text: String| Entry::parse(&text).map(|_| ());
    assert_eq!(read(good.clone()), Ok(()));
    assert_eq!(read(good.replace("256", "1")), Err(EntryError::OtherMethod));
    assert_eq!(read("pencil".to_owned()), Err(EntryError::OtherMethod));
    assert_eq!(read(good.replace("$4096", "$4095")), Err(EntryError::Iterations));
    assert_eq!(read(good.replace("$4096", "$99999999")), Err(EntryError::Iterations));
    assert_eq!(read(good.replace("$4096", "$+4096")), Err(EntryError::Iterations));
    assert_eq!(read(good[..good.len() - 4].to_owned()), Err(EntryError::Damaged));
    assert_eq!(read(good.replace("AwMDAwMDAwMDAwMDAwMDAw==", "AwM=")), Err(EntryError::Damaged));
    assert_eq!(read(format!("{good}:x")), Err(EntryError::Damaged));
}

#[test]
fn unknown_names_are_asked_what_most_known_ones_are_asked_and_the_same_each_time() {
    let of = |iterations| Entry::of(b"x", [3; 16], iterations).unwrap();
    let entries = [of(4_096), of(5_000), of(5_000)];
    let decoys = Decoys::like([7; 32], entries.iter());
    let (one, again) = (decoys.entry("anna"), Decoys::like([7; 32], entries.iter()).entry("anna"));
    assert!(one == again);
    assert_eq!(one.iterations(), 5_000);
    assert_eq!(one.to_text().len(), entries[1].to_text().len());
    assert!(decoys.entry("berta") != one);
    assert!(Decoys::like([8; 32], entries.iter()).entry("anna") != one);
}
