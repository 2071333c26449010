//! The reference pages that are made from tables are those of the tables.

use std::path::Path;

fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("SEALMQ_UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == page, "{} is out of date: run this test with SEALMQ_UPDATE_DOCS=1", path.display());
}

#[test]
fn the_page_about_the_http_api_is_the_table() {
    check("http-api.md", &sealmq_server::http::api::page());
}

#[test]
fn the_page_about_sys_is_the_table() {
    check("sys-tree.md", &sealmq_server::sys_tree::reference::page());
}
