//! The page about all keys is what the table says.

use sealmq_config::reference;
use std::path::PathBuf;

#[test]
fn the_committed_page_is_the_table() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/mosquitto-conf.md");
    let page = reference::markdown();
    if std::env::var_os("SEALMQ_UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "{} is out of date: run this test with SEALMQ_UPDATE_DOCS=1", path.display());
}

#[test]
fn the_page_has_every_key() {
    let page = reference::markdown();
    for row in &sealmq_config::OPTIONS {
        assert!(page.contains(&format!("| `{}`", row.key)), "{}", row.key);
    }
}
