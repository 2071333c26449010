//! The queue and the thread behind it.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::sink::{Sink, render};
use super::{Event, Line, LogSpec};

/// Lines that may wait.
const QUEUE_LINES_MAX: usize = 16_384;
/// From here on, droppable lines are dropped so that graver ones still find room.
const QUEUE_LINES_HIGH: usize = 12_288;

pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    dropped: AtomicU64,
}

struct State {
    lines: VecDeque<Line>,
    closed: bool,
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue {
            state: Mutex::new(State { lines: VecDeque::new(), closed: false }),
            filled: Condvar::new(),
            dropped: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves a queue of whole lines: it stays usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, line: Line) {
        let mut state = self.lock();
        let room = if line.event.level().is_droppable() { QUEUE_LINES_HIGH } else { QUEUE_LINES_MAX };
        if state.lines.len() >= room {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = state.lines.is_empty();
        state.lines.push_back(line);
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits for lines; an empty answer means closed and drained.
    fn take(&self) -> VecDeque<Line> {
        let mut state = self.lock();
        while state.lines.is_empty() && !state.closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut state.lines)
    }
}

pub(super) struct Writer(JoinHandle<()>);

impl Writer {
    pub(super) fn start(queue: Arc<Queue>, spec: LogSpec) -> io::Result<Writer> {
        let sinks = spec.destinations.iter().map(Sink::open).collect::<io::Result<Vec<_>>>()?;
        let thread =
            std::thread::Builder::new().name("log".into()).spawn(move || run(&queue, &spec, sinks))?;
        Ok(Writer(thread))
    }

    pub(super) fn join(self) {
        // A panicked writer has nothing left to say, and nobody to say it to.
        let _ = self.0.join();
    }
}

fn run(queue: &Queue, spec: &LogSpec, mut sinks: Vec<Sink>) {
    let mut reported = 0;
    loop {
        let mut lines = queue.take();
        if lines.is_empty() {
            return;
        }
        let dropped = queue.dropped();
        if dropped > reported {
            let text = format!("{} log lines were dropped: the log cannot keep up.", dropped - reported);
            lines.push_back(Line::new(Event::LinesDropped, text).field("lines", dropped - reported));
            reported = dropped;
        }
        let mut text = String::new();
        for line in &lines {
            render(line, spec.format, &spec.timestamp, &mut text);
        }
        for sink in &mut sinks {
            sink.write(&text, lines.make_contiguous());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_drops_information_first_and_counts_it() {
        let queue = Queue::new();
        for _ in 0..QUEUE_LINES_HIGH {
            queue.push(Line::new(Event::Starting, "x"));
        }
        queue.push(Line::new(Event::Starting, "dropped"));
        assert_eq!(queue.dropped(), 1);
        queue.push(Line::new(Event::Fatal, "kept"));
        assert_eq!(queue.dropped(), 1);
        assert_eq!(queue.take().len(), QUEUE_LINES_HIGH + 1);
    }

    #[test]
    fn even_errors_never_make_a_caller_wait() {
        let queue = Queue::new();
        for _ in 0..QUEUE_LINES_MAX + 5 {
            queue.push(Line::new(Event::Fatal, "x"));
        }
        assert_eq!(queue.dropped(), 5);
    }

    #[test]
    fn lines_come_out_in_order() {
        let queue = Queue::new();
        queue.push(Line::new(Event::ClientConnected, "1"));
        queue.push(Line::new(Event::ClientDisconnected, "2"));
        let texts: Vec<_> = queue.take().into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["1", "2"]);
    }
}
