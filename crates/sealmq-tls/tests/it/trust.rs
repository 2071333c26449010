//! The trust generation: published first, raised afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sealmq_tls::TrustGeneration;

use crate::fixture::{fixtures, now};
use crate::pair::{chain_of, server, server_spec};

#[test]
fn a_judgment_carries_the_generation_that_was_current_before_it() {
    let mut spec = server_spec();
    let generation = TrustGeneration::new();
    spec.generation = Arc::clone(&generation);
    let tls = server(spec);
    let chain = chain_of(&tls, &fixtures().client);
    let first = tls.judge(&chain, now()).unwrap().generation();
    let ((), raised) = generation.publish(|| ());
    assert!(raised > first);
    assert_eq!(tls.judge(&chain, now()).unwrap().generation(), raised);
}

#[test]
fn the_counter_has_not_moved_while_the_new_state_is_being_published() {
    let generation = TrustGeneration::new();
    let before = generation.current();
    let (seen_inside, after) = generation.publish(|| generation.current());
    assert_eq!(seen_inside, before);
    assert_eq!(generation.current(), after);
    assert_eq!(after.as_u64(), before.as_u64() + 1);
}

#[test]
fn whoever_sees_the_new_number_sees_the_new_state() {
    let generation = TrustGeneration::new();
    let state = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=20_000 {
                generation.publish(|| state.store(round, Ordering::Relaxed));
            }
        });
        scope.spawn(|| {
            while generation.current().as_u64() < 20_000 {
                let seen = generation.current().as_u64();
                assert!(state.load(Ordering::Relaxed) >= seen);
            }
        });
    });
}
