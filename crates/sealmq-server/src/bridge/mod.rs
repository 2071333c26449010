//! Bridges to other brokers: the shell around `sealmq_bridge`.
//!
//! Towards our own broker a bridge is a session like any other, on the shard of its local client id: one end of a socket
//! pair is handed over as an admitted connection with a principal of its own, so queues, windows, limits and the access
//! list are the core's. Towards the other broker it is `sealmq_client`'s transport: dialling, TLS, buffers. Between the
//! two sits the machine, which decides everything.
//!
//! All bridges live on one thread of their own: a storm of strangers at the door cannot delay them, and they cannot
//! delay a shard.

mod driver;
mod link;
pub mod plan;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sealmq_bridge::Farewell;
use sealmq_broker::TrustGeneration;
use sealmq_config::BridgeReload;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle as Task;

use crate::log::Log;
use crate::post::PostOffice;
use driver::{Order, Ready};
pub use plan::BridgePlan;

/// How long the start waits for the subscriptions of its bridges here.
const READY_MAX: Duration = Duration::from_secs(5);
/// How long bridges have for their last words.
const STOP_MAX: Duration = Duration::from_secs(1);
/// Orders are a reload or the end; the newest is kept when an owner presses SIGHUP faster than a bridge can follow.
const ORDERS_MAX: usize = 16;

/// What a bridge needs of the broker it belongs to.
#[derive(Clone)]
pub(crate) struct LocalSide {
    pub(crate) trust: Arc<dyn TrustGeneration>,
    pub(crate) post: Arc<PostOffice>,
    pub(crate) log: Log,
}

/// The bridges of a running broker.
pub(crate) struct Bridges {
    here: LocalSide,
    state: Mutex<State>,
    go: watch::Sender<Go>,
}

/// Whether remote brokers may be dialled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Go {
    /// Not all bridges have made their subscriptions here.
    Wait,
    /// They have, or took too long.
    Dial,
}

#[derive(Default)]
struct State {
    thread: Option<Thread>,
    running: BTreeMap<String, Bridge>,
}

struct Bridge {
    orders: mpsc::Sender<Order>,
    task: Task<()>,
}

/// The thread and its runtime. It exists from the start where there is a bridge then; a reload that brings the first one
/// starts it.
struct Thread {
    handle: tokio::runtime::Handle,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Thread {
    fn start() -> io::Result<Thread> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            // Name look-ups.
            .max_blocking_threads(1)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = crate::threads::spawn("bridges".to_owned(), move || {
            // The sender gone is an order to stop, too.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_timeout(STOP_MAX);
        })?;
        Ok(Thread { handle, stop, thread })
    }
}

impl Bridges {
    /// Starts all of them, and waits until their subscriptions here are made.
    pub(crate) fn start(here: LocalSide, plans: Vec<BridgePlan>) -> io::Result<Bridges> {
        let bridges = Bridges { here, state: Mutex::new(State::default()), go: watch::Sender::new(Go::Wait) };
        if plans.is_empty() {
            bridges.go.send_replace(Go::Dial);
            return Ok(bridges);
        }
        let (ready, is_ready) = std::sync::mpsc::channel();
        let count = plans.len();
        {
            let mut state = bridges.lock();
            state.thread = Some(Thread::start()?);
            for plan in plans {
                bridges.begin(&mut state, plan, Ready::Tell(ready.clone()));
            }
        }
        bridges.wait_ready(count, &is_ready);
        // Nobody is dialled before: what one bridge brings in, another may have to take out.
        bridges.go.send_replace(Go::Dial);
        Ok(bridges)
    }

    fn wait_ready(&self, count: usize, is_ready: &std::sync::mpsc::Receiver<()>) {
        let by = std::time::Instant::now() + READY_MAX;
        for _ in 0..count {
            let left = by.saturating_duration_since(std::time::Instant::now());
            // A bridge that has no session here says why in the log, and tries again.
            if is_ready.recv_timeout(left).is_err() {
                break;
            }
        }
    }

    fn begin(&self, state: &mut State, plan: BridgePlan, ready: Ready) {
        let Some(thread) = &state.thread else { return };
        let (orders, received) = mpsc::channel(ORDERS_MAX);
        let name = plan.name().to_owned();
        let task = thread.handle.spawn(driver::run(
            self.here.clone(),
            plan,
            received,
            driver::Start { ready, go: self.go.subscribe() },
        ));
        state.running.insert(name, Bridge { orders, task });
    }

    /// These bridges from now on. One whose section says the same as before goes on as it is, with new TLS at its next
    /// dialling.
    pub(crate) fn replace(&self, plans: Vec<BridgePlan>) {
        let mut state = self.lock();
        let gone: Vec<String> = state
            .running
            .keys()
            .filter(|name| plans.iter().all(|plan| plan.name() != name.as_str()))
            .cloned()
            .collect();
        for name in gone {
            if let Some(bridge) = state.running.remove(&name) {
                // A full box has an order to stop or to change in it already, and this handle's end is another one.
                let _ = bridge.orders.try_send(Order::Stop(Farewell::Removed));
            }
        }
        for plan in plans {
            let living = state.running.get(plan.name()).filter(|bridge| !bridge.task.is_finished());
            match living {
                Some(bridge) => {
                    let when = plan.reload_type();
                    let _ = bridge.orders.try_send(Order::Replace { plan: Box::new(plan), when });
                }
                None => {
                    if state.thread.is_none() {
                        state.thread = Thread::start().ok();
                    }
                    self.begin(&mut state, plan, Ready::Nobody);
                }
            }
        }
    }

    /// Ends all of them, for a bounded time: the other brokers see lost connections, and publish the wills.
    pub(crate) fn stop(&self) {
        let State { thread, running } = std::mem::take(&mut *self.lock());
        for bridge in running.values() {
            let _ = bridge.orders.try_send(Order::Stop(Farewell::Shutdown));
        }
        let Some(Thread { handle, stop, thread }) = thread else { return };
        let (ended, all_ended) = std::sync::mpsc::channel();
        handle.spawn(async move {
            for bridge in running.into_values() {
                let _ = bridge.task.await;
            }
            let _ = ended.send(());
        });
        let _ = all_ended.recv_timeout(STOP_MAX);
        let _ = stop.send(());
        // A panic there has ended a bridge and was logged by the runtime's own means; the process ends anyway.
        let _ = thread.join();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BridgePlan {
    fn reload_type(&self) -> BridgeReload {
        self.config.reload_type
    }
}
