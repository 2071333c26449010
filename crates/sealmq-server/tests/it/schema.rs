//! The inventory's schema: an older one is brought up to date whole or not at all, a newer one is refused.

use rusqlite::Connection;
use sealmq_pki::inventory::{Inventory as _, Origin, Role, State};
use sealmq_server::home::{Home, HomeError};
use sealmq_server::inventory::StoreError;

use crate::home::Machine;

/// What SealMQ 0.3 wrote: schema 1.
const TABLES_1: &str = "
CREATE TABLE certificate (
    place INTEGER PRIMARY KEY, issuer BLOB NOT NULL, serial BLOB NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('root', 'issuing', 'server', 'operator', 'device')),
    name TEXT, name_key TEXT, subject TEXT NOT NULL, not_before INTEGER NOT NULL, not_after INTEGER NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    spki_sha256 BLOB NOT NULL CHECK (length(spki_sha256) = 32),
    state TEXT NOT NULL CHECK (state IN ('valid', 'superseded', 'revoked')),
    state_at INTEGER, superseded_by BLOB, revoke_reason INTEGER, made_at INTEGER NOT NULL, bundles TEXT NOT NULL,
    UNIQUE (issuer, serial)
) STRICT;
CREATE INDEX certificate_by_name ON certificate (name_key);
CREATE TABLE server_name (
    name TEXT PRIMARY KEY, origin TEXT NOT NULL CHECK (origin IN ('given', 'address')),
    last_seen INTEGER NOT NULL, place INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
PRAGMA application_id = 0x5345414C;
PRAGMA user_version = 1;
";

/// Makes the directory's inventory one of schema 1 with the same content.
fn as_schema_1(machine: &Machine) {
    let path = machine.place().ca().inventory();
    let aside = path.with_extension("v2");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::File::create(&path).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let old = Connection::open(&path).unwrap();
    old.execute_batch(TABLES_1).unwrap();
    old.execute("ATTACH ?1 AS v2", [aside.to_str().unwrap()]).unwrap();
    old.execute_batch(
        "INSERT INTO main.certificate SELECT place, issuer, serial, role, name, name_key, subject, not_before, not_after,
             fingerprint, spki_sha256, state, state_at, superseded_by, revoke_reason, made_at, bundles FROM v2.certificate
             WHERE role <> 'ocsp-signer';
         INSERT INTO main.server_name SELECT * FROM v2.server_name;
         INSERT INTO main.setting SELECT * FROM v2.setting;
         UPDATE main.certificate SET state = 'revoked', state_at = 5, revoke_reason = 1 WHERE role = 'operator';",
    )
    .unwrap();
    drop(old);
    std::fs::remove_file(&aside).unwrap();
}

fn version(machine: &Machine) -> i64 {
    let file = Connection::open(machine.place().ca().inventory()).unwrap();
    file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

#[test]
fn an_inventory_of_schema_1_is_brought_up_to_date_and_keeps_everything() {
    let machine = Machine::new();
    let (home, _report) = machine.up();
    let mut before = home.inventory().all().unwrap();
    // Schema 1 knew no such role.
    before.retain(|record| record.role != Role::OcspSigner);
    let names = home.inventory().server_names().unwrap();
    drop(home);
    as_schema_1(&machine);
    let home = Home::open(&machine.place(), &machine.around).unwrap();
    let after = home.inventory().all().unwrap();
    assert_eq!(home.inventory().server_names().unwrap(), names);
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|record| record.origin == Origin::Issued));
    assert_eq!(after[..3], before[..3]);
    assert!(matches!(after[3].state, State::Revoked { .. }), "{:?}", after[3]);
    let log = home.inventory().audit_records(1, 10).unwrap();
    assert_eq!(
        (log[0].what.as_str(), log[0].details.as_str()),
        ("schema-migrated", "schema 1 to 2, 4 certificates")
    );
    // What schema 1 refused, schema 2 can hold, and what was unique is so still.
    let act = home.act(&machine.around);
    home.inventory()
        .set_state(&after[2].issuer, &after[2].serial, after[2].state.held(act.at), &act)
        .unwrap();
    assert!(home.inventory().insert(&after[0], &act).is_err());
    drop(home);
    assert_eq!(version(&machine), 2);
    let home = Home::open(&machine.place(), &machine.around).unwrap();
    let migrated = home.inventory().audit_records(1, 100).unwrap();
    assert_eq!(migrated.iter().filter(|record| record.what == "schema-migrated").count(), 1);
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let machine = Machine::new();
    drop(machine.up());
    as_schema_1(&machine);
    let path = machine.place().ca().inventory();
    // A row that schema 2 does not take.
    let file = Connection::open(&path).unwrap();
    file.execute_batch("CREATE TABLE audit (in_the_way INTEGER)").unwrap();
    let schema = |file: &Connection| -> Vec<String> {
        let mut names = file.prepare("SELECT name FROM sqlite_schema ORDER BY name").unwrap();
        names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let before = schema(&file);
    drop(file);
    assert!(Home::open(&machine.place(), &machine.around).is_err());
    assert_eq!(version(&machine), 1);
    let file = Connection::open(&path).unwrap();
    assert_eq!(schema(&file), before);
    file.execute_batch("DROP TABLE audit").unwrap();
    drop(file);
    assert!(Home::open(&machine.place(), &machine.around).is_ok());
}

#[test]
fn an_inventory_of_a_newer_schema_is_refused_and_not_touched() {
    let machine = Machine::new();
    drop(machine.up());
    let path = machine.place().ca().inventory();
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 3").unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Home::open(&machine.place(), &machine.around).map(|_| ()).unwrap_err();
    assert!(matches!(error, HomeError::Store(StoreError::Newer { found: 3, known: 2, .. })), "{error}");
    assert!(error.hint().contains("install the SealMQ that wrote it"), "{}", error.hint());
    assert_eq!(std::fs::read(&path).unwrap(), before);
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    assert!(Home::open(&machine.place(), &machine.around).is_ok());
}
