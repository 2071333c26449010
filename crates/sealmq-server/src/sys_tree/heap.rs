//! How much memory the process has: what `$SYS/broker/heap/…` says.
//!
//! mosquitto counts what its own allocator gave out. Here it is what the system sees: anonymous memory that is resident.

/// Bytes; `None` where the system does not say.
#[cfg(target_os = "linux")]
pub(super) fn resident_bytes() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// Bytes; `None` where the system does not say.
#[cfg(not(target_os = "linux"))]
pub(super) fn resident_bytes() -> Option<u64> {
    None
}

/// proc_pid_status(5): `RssAnon:     1234 kB`.
#[cfg(any(target_os = "linux", test))]
fn parse(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kilobytes: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_found_and_what_is_none_says_nothing() {
        assert_eq!(parse("VmRSS:\t    9 kB\nRssAnon:\t    1234 kB\nRssFile:\t 1 kB\n"), Some(1234 * 1024));
        assert_eq!(parse("VmRSS: 9 kB\n"), None);
        assert_eq!(parse("RssAnon: many kB\n"), None);
        #[cfg(target_os = "linux")]
        assert!(resident_bytes().is_some_and(|bytes| bytes > 0));
    }
}
