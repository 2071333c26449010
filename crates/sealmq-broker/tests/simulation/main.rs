//! A seeded simulation of several shards and many clients, in one thread and virtual time.
//!
//! Everything that can happen in any order happens in a random order that the seed decides: packets of different
//! connections, letters between shards (mailboxes hold as little as one), commits, fetches, lost connections noticed
//! late, take-overs, revocations between judgment, hand-over and first packet, timers, and the order of work *inside*
//! a turn of a shard. Clients speak real bytes. After every step the bounds are checked; at the end, when everything
//! has come to rest, the history: QoS 1 never lost, QoS 2 never twice, order kept, retained messages current, shared
//! groups strictly in turn.
//!
//! A failing run prints its seed: `SEALMQ_SIM_SEED=… cargo test -p sealmq-broker --test simulation` replays it.
//! `SEALMQ_SIM_RUNS=…` runs more seeds than the gate does.
#![allow(clippy::disallowed_methods, reason = "the seed comes from the environment")]
#![allow(clippy::print_stderr, reason = "a failing run prints its seed")]

mod checks;
mod client;
mod history;
mod random;
mod shard;
mod tables;
mod world;

use sealmq_broker::Durability;

/// Seeds that every gate runs, for each shape of world.
const RUNS: u64 = 60;

fn run(shape: &world::Shape) {
    if let Ok(seed) = std::env::var("SEALMQ_SIM_SEED") {
        world::run(shape, seed.parse().expect("SEALMQ_SIM_SEED is a number"));
        return;
    }
    let runs = std::env::var("SEALMQ_SIM_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
    for seed in 0..runs {
        let outcome = std::panic::catch_unwind(|| world::run(shape, seed));
        if let Err(panic) = outcome {
            eprintln!("the world '{}' fails: SEALMQ_SIM_SEED={seed}", shape.name);
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn one_shard_in_memory() {
    run(&world::Shape { name: "one shard", shards: 1, mailbox: 8, ..world::Shape::default() });
}

#[test]
fn three_shards_whose_mailboxes_hold_one_letter() {
    run(&world::Shape { name: "mailbox of one", shards: 3, mailbox: 1, ..world::Shape::default() });
}

#[test]
fn four_shards_with_answers_gated_on_late_commits() {
    run(&world::Shape {
        name: "gated",
        shards: 4,
        mailbox: 4,
        durability: Durability::Gated,
        queue_window: 2,
        ..world::Shape::default()
    });
}

#[test]
fn revocations_at_every_step_between_judgment_and_first_packet() {
    run(&world::Shape {
        name: "revocations",
        shards: 3,
        mailbox: 2,
        revoke_percent: 4,
        ..world::Shape::default()
    });
}

#[test]
fn the_same_seed_is_the_same_run() {
    let shape = world::Shape { name: "replay", shards: 3, mailbox: 2, ..world::Shape::default() };
    assert_eq!(world::run(&shape, 7), world::run(&shape, 7));
    assert_ne!(world::run(&shape, 7), world::run(&shape, 8));
}
