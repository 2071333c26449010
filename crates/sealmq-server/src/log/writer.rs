//! The queue and the thread behind it.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::render::{render, render_single};
use super::sink::Batch;
use super::{Event, Line, OpenLog, Shared};

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
    /// What is to change, and before which of `lines`.
    changes: Vec<(usize, Change)>,
    closed: bool,
}

/// What is asked of the writer itself.
pub(super) enum Change {
    /// Other destinations, another form.
    Replace(Box<OpenLog>),
    /// The same destinations, opened again: a log file was moved away.
    Reopen,
}

/// What the writer gets at once.
struct Taken {
    lines: VecDeque<Line>,
    changes: Vec<(usize, Change)>,
    closed: bool,
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue {
            state: Mutex::new(State { lines: VecDeque::new(), changes: Vec::new(), closed: false }),
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

    pub(super) fn change(&self, change: Change) {
        let mut state = self.lock();
        let before = state.lines.len();
        state.changes.push((before, change));
        drop(state);
        self.filled.notify_one();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits for something to do.
    fn take(&self) -> Taken {
        let mut state = self.lock();
        while state.lines.is_empty() && state.changes.is_empty() && !state.closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Taken {
            lines: std::mem::take(&mut state.lines),
            changes: std::mem::take(&mut state.changes),
            closed: state.closed,
        }
    }
}

pub(super) struct Writer(JoinHandle<()>);

impl Writer {
    pub(super) fn start(shared: Arc<Shared>, open: OpenLog) -> io::Result<Writer> {
        let thread = crate::threads::spawn("log".to_owned(), move || run(&shared, open))?;
        Ok(Writer(thread))
    }

    pub(super) fn join(self) {
        // A panicked writer has nothing left to say, and nobody to say it to.
        let _ = self.0.join();
    }
}

fn run(shared: &Shared, mut open: OpenLog) {
    let mut reported = 0;
    loop {
        let Taken { mut lines, changes, closed } = shared.queue.take();
        let dropped = shared.queue.dropped();
        if dropped > reported {
            let text = format!("{} log lines were dropped: the log cannot keep up.", dropped - reported);
            lines.push_back(Line::new(Event::LinesDropped, text).field("lines", dropped - reported));
            reported = dropped;
        }
        let (lines, mut written) = (lines.make_contiguous(), 0);
        for (before, change) in changes {
            write(shared, &mut open, &lines[written..before]);
            written = before;
            open = changed(shared, open, change);
        }
        write(shared, &mut open, &lines[written..]);
        if closed {
            return;
        }
    }
}

fn changed(shared: &Shared, mut open: OpenLog, change: Change) -> OpenLog {
    match change {
        Change::Replace(replacement) => *replacement,
        Change::Reopen => {
            let faults = open.reopen();
            let lines: Vec<Line> = faults.iter().map(Line::from).collect();
            write(shared, &mut open, &lines);
            open
        }
    }
}

fn write(shared: &Shared, open: &mut OpenLog, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let OpenLog { spec, sinks, .. } = open;
    let mut text = String::new();
    for line in lines {
        render(line, spec.format, &spec.timestamp, &mut text);
    }
    let single = |line: &Line| render_single(line, spec.format, &spec.timestamp);
    let batch = Batch { lines, text: &text, single: &single };
    let complaints: Vec<(usize, Line)> = sinks
        .iter_mut()
        .enumerate()
        .filter_map(|(at, sink)| Some((at, sink.write(&batch, &shared.outlet)?)))
        .collect();
    for (at, complaint) in complaints {
        let mut text = String::new();
        render(&complaint, spec.format, &spec.timestamp, &mut text);
        let batch = Batch { lines: &[complaint], text: &text, single: &single };
        let mut heard = false;
        for (_, sink) in sinks.iter_mut().enumerate().filter(|(other, _)| *other != at) {
            heard = true;
            // A second destination that fails is heard of with the next lines.
            let _ = sink.write(&batch, &shared.outlet);
        }
        if !heard && !sinks[at].is_stderr() {
            let _ = io::stderr().lock().write_all(text.as_bytes());
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
        assert_eq!(queue.take().lines.len(), QUEUE_LINES_HIGH + 1);
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
        let texts: Vec<_> = queue.take().lines.into_iter().map(|line| line.text).collect();
        assert_eq!(texts, ["1", "2"]);
    }
}
