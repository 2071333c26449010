//! `docs/reference/sys-tree.md`, from the table.

use std::fmt::Write as _;

use super::load::WINDOWS;
use super::metrics::{CERTIFICATES, LOADS, METRICS, UPTIME, VERSION};

const HEAD: &str = "\
# $SYS

Made from the table in `sealmq-server/src/sys_tree/metrics.rs`. The topics and texts are mosquitto 2.1's.

Every value is retained and published at QoS 2 (a subscriber gets it with the QoS it asked for), at the start and then at
whole multiples of `sys_interval` (10 seconds; 0: never), only where it has changed. Numbers are decimal text.

Who may read: whoever the `acl_file` allows, everybody without one; in a data directory (`sealmq up`) operators only.
`$SYS/broker/connection/NAME/state` belongs to bridges, `$SYS/broker/log/…` to `log_dest topic`. Nobody else publishes to
`$SYS`.

| topic | value |
|---|---|
";

const LOADS_HEAD: &str = "
## Averages

`$SYS/broker/load/NAME/WINDOW`, with WINDOW one of `1min`, `5min` and `15min`: how many per minute, as text with two
decimals, exponentially averaged as the load of a Unix system is; said when it has moved by 0.01.

| topics | what is averaged |
|---|---|
";

const CERTIFICATES_HEAD: &str = "
## Ends of certificates

SealMQ's own; not in the HTTP API, whose keys are mosquitto's. [Watching ends](../guides/expiry.md).

| topic | value |
|---|---|
";

const RELOADS_HEAD: &str = "
## Reloads

Retained, said after each reload by SIGHUP or by a changed file; not there before the first one.
[What a reload does](../guides/reload.md).

| topic | value |
|---|---|
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let _ = writeln!(page, "| `{VERSION}` | `sealmq version N.N.N`. |");
    let _ = writeln!(page, "| `{UPTIME}` | `N seconds` since the start. |");
    for metric in METRICS {
        let topics: Vec<String> = metric.topics().map(|topic| format!("`{topic}`")).collect();
        let _ = writeln!(page, "| {} | {} |", topics.join(", "), metric.doc);
    }
    page.push_str(LOADS_HEAD);
    for load in &LOADS {
        let topics: Vec<String> = WINDOWS.iter().map(|window| format!("`{}`", load.topic(*window))).collect();
        let _ = writeln!(page, "| {} | {} |", topics.join(", "), load.doc);
    }
    page.push_str(CERTIFICATES_HEAD);
    for metric in CERTIFICATES {
        let _ = writeln!(page, "| `{}` | {} |", metric.topic, metric.doc);
    }
    page.push_str(RELOADS_HEAD);
    for (topic, doc) in crate::reload::TOPICS {
        let _ = writeln!(page, "| `{topic}` | {doc} |");
    }
    page
}
