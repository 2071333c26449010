//! A CA of somebody else's is taken when every verifier would take it, and otherwise refused with the reason.

use std::path::Path;
use std::sync::Arc;

use sealmq_pki::issue::ImportError;
use sealmq_pki::{Facts, ImportedCa, IssueError, SoftKey, Timestamp, csr, pem};

use crate::fixture::{key, tool, write};

const EXTENSIONS: &str = "[req]\ndistinguished_name=dn\n[dn]\n\
[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n\
[none_below]\nbasicConstraints=critical,CA:TRUE,pathlen:0\n\
[server_only]\nbasicConstraints=critical,CA:TRUE\nextendedKeyUsage=serverAuth\n\
[both]\nbasicConstraints=critical,CA:TRUE\nextendedKeyUsage=serverAuth,clientAuth\n\
[leaf]\nbasicConstraints=CA:FALSE\n";

/// Certificates by openssl, each from the one before, with these sections; the first is a root. Root first.
fn chain(dir: &Path, sections: &[&str], days_of_last: u32) -> Option<Vec<Vec<u8>>> {
    write(dir, "x.cnf", EXTENSIONS);
    let run = |line: String| tool("openssl", &line.split(' ').collect::<Vec<_>>(), dir);
    let mut ders = Vec::new();
    for (place, section) in sections.iter().enumerate() {
        run(format!("ecparam -name prime256v1 -genkey -noout -out {place}.key"))?;
        let days = if place + 1 == sections.len() { days_of_last } else { 3 };
        if place == 0 {
            run(format!(
                "req -x509 -new -key 0.key -days 3 -config x.cnf -extensions {section} -subj /CN=ca-0 -out 0.crt"
            ))?;
        } else {
            let above = place - 1;
            run(format!("req -new -key {place}.key -config x.cnf -subj /CN=ca-{place} -out {place}.csr"))?;
            run(format!(
                "x509 -req -in {place}.csr -CA {above}.crt -CAkey {above}.key -set_serial {place} -days {days} -extfile x.cnf -extensions {section} -out {place}.crt"
            ))?;
        }
        let text = std::fs::read(dir.join(format!("{place}.crt"))).unwrap();
        ders.push(pem::of_label(&text, "CERTIFICATE").unwrap().remove(0).to_vec());
    }
    Some(ders)
}

fn key_of(dir: &Path, place: usize) -> Arc<SoftKey> {
    Arc::new(SoftKey::from_pem(&std::fs::read(dir.join(format!("{place}.key"))).unwrap()).unwrap())
}

fn taken(sections: &[&str]) -> Option<Result<ImportedCa, ImportError>> {
    let dir = tempfile::tempdir().unwrap();
    let ders = chain(dir.path(), sections, 2)?;
    let now = Facts::parse(&ders[0]).unwrap().not_before.plus_secs(60);
    Some(ImportedCa::find(&ders, key_of(dir.path(), sections.len() - 1), now))
}

#[test]
fn a_chain_is_found_in_any_order_and_leads_to_its_root() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut ders) = chain(dir.path(), &["ca", "ca", "none_below"], 2) else { return };
    let now = Facts::parse(&ders[0]).unwrap().not_before.plus_secs(60);
    let root = ders[0].clone();
    ders.rotate_left(1);
    let ca = ImportedCa::find(&ders, key_of(dir.path(), 2), now).unwrap();
    assert_eq!(ca.root().der(), root);
    let chain: Vec<_> = ca.chain().iter().map(|c| c.facts().common_names().concat()).collect();
    assert_eq!(chain, ["ca-2", "ca-1"]);
    let records = ca.records(now);
    assert_eq!(records.len(), 3);
    let root_key = &Facts::parse(&root).unwrap().computed_key_id;
    assert_eq!((&records[1].issuer, &records[2].issuer), (root_key, root_key));
}

#[test]
fn a_root_is_its_own_chain() {
    let Some(ca) = taken(&["ca"]) else { return };
    let ca = ca.unwrap();
    assert_eq!(ca.root().der(), ca.issuing().certificate().der());
    assert_eq!((ca.chain().len(), ca.records(Timestamp::EARLIEST).len()), (1, 1));
}

#[test]
fn each_reason_of_a_verifier_refuses_before_anything_is_made() {
    let refused = |sections: &[&str]| taken(sections).map(|result| result.map(|_| ()).unwrap_err());
    let Some(error) = refused(&["none_below", "ca"]) else { return };
    assert!(matches!(error, ImportError::PathLength { allowed: 0, below: 1, .. }), "{error}");
    assert!(taken(&["ca", "none_below"]).unwrap().is_ok());
    let error = refused(&["ca", "server_only"]).unwrap();
    assert!(matches!(error, ImportError::Purpose { .. }), "{error}");
    assert!(taken(&["ca", "both"]).unwrap().is_ok());
    let error = refused(&["ca", "leaf"]).unwrap();
    assert!(matches!(error, ImportError::Issue(IssueError::NotACa { .. })), "{error}");
    let long = ["ca"; 7];
    assert!(matches!(refused(&long).unwrap(), ImportError::TooLong { .. }));
    assert!(taken(&long[..6]).unwrap().is_ok());
}

#[test]
fn one_that_ended_lacks_its_issuer_or_belongs_to_another_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let Some(ders) = chain(dir.path(), &["ca", "ca"], 2) else { return };
    let facts = Facts::parse(&ders[1]).unwrap();
    let find = |ders: &[Vec<u8>], key, now| ImportedCa::find(ders, key, now).map(|_| ());
    assert!(find(&ders, key_of(dir.path(), 1), facts.not_after).is_ok());
    let ended = find(&ders, key_of(dir.path(), 1), facts.not_after.plus_secs(1)).unwrap_err();
    assert!(matches!(ended, ImportError::NotCurrent { .. }), "{ended}");
    let missing = find(&ders[1..], key_of(dir.path(), 1), facts.not_before).unwrap_err();
    assert!(
        matches!(&missing, ImportError::IssuerMissing { issuer, .. } if issuer == "CN=ca-0"),
        "{missing}"
    );
    let stranger = find(&ders, key(), facts.not_before).unwrap_err();
    assert!(matches!(stranger, ImportError::NoCertificate { count: 2 }), "{stranger}");
    for error in [ended, missing, stranger] {
        assert!(error.to_string().contains("hint: "), "{error}");
    }
}

#[test]
fn the_request_of_a_ca_asks_for_a_ca_that_has_none_below_it() {
    let dir = tempfile::tempdir().unwrap();
    let subject = sealmq_pki::CaSubject::issuing("Plant 7", 1).unwrap().of_organization("Example").unwrap();
    write(dir.path(), "ca.csr", csr::make_ca(key().as_ref(), &subject).unwrap().pem());
    let args = ["req", "-in", "ca.csr", "-noout", "-verify", "-text"];
    let Some(text) = tool("openssl", &args, dir.path()) else { return };
    for part in
        ["CA:TRUE, pathlen:0", "Certificate Sign, CRL Sign", "O = Example, CN = Plant 7 Issuing CA G1"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}
