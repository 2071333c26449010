//! How long an inventory of many certificates takes to open, to filter and to answer: `cargo run --release --example
//! inventory_size [ROWS]`. Not a test: it measures this machine.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::time::Instant;

use sealmq_pki::inventory::{Inventory as _, InventoryError, Record, Role, Standing, State};
use sealmq_pki::{Fingerprint, Name, Serial};
use sealmq_server::home::{Home, Place, Surroundings, Wanted};
use sealmq_server::inventory::{Filter, NamePattern, Order};

fn main() {
    let rows: u32 = std::env::args().nth(1).map_or(100_000, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let place = Place::at(&folder.path().join("data"));
    let around = Surroundings::look().unwrap();
    let (home, _report) = Home::up(&place, &Wanted::default(), &around, &mut |_| Ok(())).unwrap();
    drop(home);
    let home = timed("start with 4 certificates", || Home::open(&place, &around).unwrap());
    timed(&format!("enter {rows} certificates in one change"), || fill(&home, rows));
    drop(home);
    let bytes = std::fs::metadata(place.ca().inventory()).unwrap().len();
    println!("{:>44}: {:.1} MiB", "the file has", bytes as f64 / (1024.0 * 1024.0));
    let home = timed(&format!("start with {rows} certificates"), || Home::open(&place, &around).unwrap());
    let now = home.judge_at(&around);
    let all = Filter::new(now);
    let name = |pattern: &str| Some(NamePattern::parse(pattern).unwrap());
    for (what, filter) in [
        ("one name", Filter { name: name("pump-77777"), ..all.clone() }),
        ("names pump-7777*", Filter { name: name("pump-7777*"), ..all.clone() }),
        ("names *777", Filter { name: name("*777"), ..all.clone() }),
        ("revoked", Filter { standing: Some(Standing::Revoked), ..all.clone() }),
        ("held", Filter { standing: Some(Standing::Held), ..all.clone() }),
        ("servers", Filter { role: Some(Role::Server), ..all.clone() }),
        (
            "100 that end first and count",
            Filter { standing: Some(Standing::Counts), order: Order::End, rows_max: 100, ..all.clone() },
        ),
        (
            "that end within 30 days",
            Filter { ends_from: Some(now), ends_until: Some(now.plus_days(30)), ..all.clone() },
        ),
        ("a page of 1000 from the middle", Filter { rows_max: 1000, skip: rows / 2, ..all.clone() }),
        ("all", all),
    ] {
        let found = timed(&format!("list {what}"), || home.inventory().list(&filter).unwrap());
        println!("{:>44}  {} found", "", found.len());
    }
    let record =
        home.inventory().list(&Filter { rows_max: 1, skip: rows / 2, ..Filter::new(now) }).unwrap().remove(0);
    timed("one answer to a handshake, cold", || {
        home.inventory().status(&record.issuer, &record.serial).unwrap()
    });
    timed("one answer to a handshake, warm", || {
        home.inventory().status(&record.issuer, &record.serial).unwrap()
    });
    timed("one hold, on disk", || {
        let act = home.act(&around);
        home.inventory().set_state(&record.issuer, &record.serial, record.state.held(act.at), &act).unwrap();
    });
}

fn fill(home: &Home, rows: u32) {
    let like = home.inventory().all().unwrap().remove(3);
    let act = sealmq_pki::inventory::Act::new(like.made_at, sealmq_pki::inventory::Actor::Broker);
    let done: Result<(), InventoryError> = home
        .inventory()
        .change(&act, |change| (0..rows).try_for_each(|index| change.insert(&device(&like, index))));
    done.unwrap();
}

fn device(like: &Record, index: u32) -> Record {
    let mut random = [1; 16];
    random[..4].copy_from_slice(&index.wrapping_mul(2_654_435_761).to_be_bytes());
    let state = match index % 100 {
        0 => State::Revoked {
            at: like.made_at,
            reason: sealmq_pki::inventory::RevocationReason::KeyCompromise,
        },
        1 => State::Valid.held(like.made_at),
        _ => State::Valid,
    };
    Record {
        serial: Serial::from_random(random).unwrap(),
        role: Role::Device,
        name: Some(Name::parse(&format!("pump-{index}")).unwrap()),
        subject: format!("CN=pump-{index}"),
        not_after: like.made_at.plus_days(1 + i64::from(index % 3650)),
        fingerprint: Fingerprint::of(&index.to_be_bytes()),
        state,
        ..like.clone()
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = work();
    println!("{what:>44}: {:.2} ms", begin.elapsed().as_secs_f64() * 1000.0);
    done
}
