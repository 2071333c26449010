//! What a thread of the broker does first.

/// How much nicer than the workers the door and the hashing threads are (`nice(2)` steps).
#[cfg(target_os = "linux")]
const NICE_STEPS: i32 = 5;

/// Lets workers go first: this thread, and on Linux only this one, becomes nicer.
///
/// Elsewhere the whole process shares one priority, so nothing is done there.
pub fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // Linux takes a thread id here; a kernel that refuses costs latency under a flood of handshakes, nothing else.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE_STEPS);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn only_the_calling_thread_becomes_nicer() {
        let priority = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = priority();
        let nicer = std::thread::spawn(move || {
            super::lower_priority();
            priority()
        });
        assert!(nicer.join().unwrap() > before || before > 14);
        assert_eq!(priority(), before);
    }
}
