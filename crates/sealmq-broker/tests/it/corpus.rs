//! The body of the fuzz target over its corpus: what a fuzzer once found stays found, on stable too.

use std::{fs, path::Path};

#[test]
fn every_stream_of_the_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/broker_stream");
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        sealmq_broker::fuzzing::stream(&fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count >= 20, "{count} files in {}", folder.display());
}
