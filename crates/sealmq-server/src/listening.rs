//! The listeners of a process while it runs: their sockets, the tasks that accept on them, and how a reload changes
//! both.
//!
//! Invariants: a listener that was removed accepts nobody from the moment [`Listening::close`] returns, and its clients
//! are judged so; a change of sockets that fails leaves the ones that were there open.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sealmq_broker::ListenerId;
use sealmq_config::Bind;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::door::Door;
use crate::door::accept::{self, OpenSocket, accept};
use crate::door::listener::ListenerState;

/// How long a socket that is given up may take to close.
const RELEASE: Duration = Duration::from_secs(2);

/// One listener, ready to be served.
#[derive(Debug)]
pub struct OpenListener {
    /// Its rules.
    pub state: Arc<ListenerState>,
    /// Its sockets.
    pub sockets: Vec<OpenSocket>,
}

/// Where a listener can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundAddress {
    /// Which listener.
    pub listener: ListenerId,
    /// Its TCP address; `None` for a unix socket.
    pub address: Option<SocketAddr>,
}

/// See the module.
pub(crate) struct Listening {
    door: Arc<Door>,
    runtime: Handle,
    places: Mutex<Vec<Place>>,
}

/// A listener that is open.
struct Place {
    state: Arc<ListenerState>,
    addresses: Vec<BoundAddress>,
    tasks: Vec<JoinHandle<io::Result<()>>>,
}

impl Listening {
    pub(crate) fn new(door: Arc<Door>, runtime: Handle) -> Listening {
        Listening { door, runtime, places: Mutex::new(Vec::new()) }
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        // A list of whole places stays one after a panic elsewhere.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Accepts on a listener from now on.
    pub(crate) fn open(&self, listener: OpenListener) {
        let OpenListener { state, sockets } = listener;
        let id = state.id;
        let addresses =
            sockets.iter().map(|socket| BoundAddress { listener: id, address: socket.address() }).collect();
        let tasks = self.accept_on(&state, sockets);
        self.places().push(Place { state, addresses, tasks });
    }

    fn accept_on(
        &self,
        state: &Arc<ListenerState>,
        sockets: Vec<OpenSocket>,
    ) -> Vec<JoinHandle<io::Result<()>>> {
        let start = |socket| self.runtime.spawn(accept(Arc::clone(&self.door), Arc::clone(state), socket));
        sockets.into_iter().map(start).collect()
    }

    /// Its listeners.
    pub(crate) fn states(&self) -> Vec<Arc<ListenerState>> {
        self.places().iter().map(|place| Arc::clone(&place.state)).collect()
    }

    /// One of them.
    pub(crate) fn state(&self, id: ListenerId) -> Option<Arc<ListenerState>> {
        self.places().iter().find(|place| place.state.id == id).map(|place| Arc::clone(&place.state))
    }

    /// Where it listens, in the order in which listeners were opened.
    pub(crate) fn addresses(&self) -> Vec<BoundAddress> {
        self.places().iter().flat_map(|place| place.addresses.clone()).collect()
    }

    /// Closes a listener for good: nobody comes in through it any more, and who did is judged so from the next trust
    /// generation on.
    pub(crate) fn close(&self, id: ListenerId) {
        let mut places = self.places();
        let Some(index) = places.iter().position(|place| place.state.id == id) else { return };
        let place = places.remove(index);
        place.state.close();
        for task in &place.tasks {
            task.abort();
        }
    }

    /// Opens the sockets of listeners to be, beside those that are open. Where a listener that goes stands in the way
    /// (another address of the same port), it is let go first, and taken back if the new one cannot be opened.
    ///
    /// # Errors
    /// The first place that cannot be opened, by its position in `wanted`; everything is as before.
    pub(crate) fn open_sockets(
        &self,
        wanted: &[Bind],
        going: &[(ListenerId, Bind)],
    ) -> Result<Exchange<'_>, (usize, io::Error)> {
        let mut exchange =
            Exchange { listening: self, released: Vec::new(), opened: Vec::new(), outcome: Outcome::Undone };
        for (position, bind) in wanted.iter().enumerate() {
            let opened = match accept::open(bind) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    let in_the_way = going.iter().filter(|(_, old)| stands_in_the_way(old, bind));
                    exchange.release(in_the_way);
                    accept::open(bind)
                }
                other => other,
            };
            exchange.opened.push(opened.map_err(|error| (position, error))?);
        }
        Ok(exchange)
    }

    /// Stops accepting everywhere, at the end of the process.
    pub(crate) fn stop(&self) {
        for task in self.places().iter().flat_map(|place| &place.tasks) {
            task.abort();
        }
    }

    /// Ends the accepting of one listener and waits until its sockets are closed.
    fn release(&self, id: ListenerId) {
        let tasks = {
            let mut places = self.places();
            let Some(place) = places.iter_mut().find(|place| place.state.id == id) else { return };
            std::mem::take(&mut place.tasks)
        };
        for task in &tasks {
            task.abort();
        }
        let by = Instant::now() + RELEASE;
        while tasks.iter().any(|task| !task.is_finished()) && Instant::now() < by {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Takes back what was released.
    fn take_back(&self, id: ListenerId, bind: &Bind) -> io::Result<()> {
        let Some(state) = self.state(id) else { return Ok(()) };
        let sockets = accept::open(bind)?;
        let tasks = self.accept_on(&state, sockets);
        if let Some(place) = self.places().iter_mut().find(|place| place.state.id == id) {
            place.tasks = tasks;
        }
        Ok(())
    }
}

fn stands_in_the_way(old: &Bind, new: &Bind) -> bool {
    match (old, new) {
        (Bind::Tcp { port: old, .. }, Bind::Tcp { port: new, .. }) => old == new,
        (Bind::Unix { path: old }, Bind::Unix { path: new }) => old == new,
        (Bind::Tcp { .. }, Bind::Unix { .. }) | (Bind::Unix { .. }, Bind::Tcp { .. }) => false,
    }
}

/// Sockets that were opened for listeners to be. Dropped without [`Exchange::keep`], it closes them and takes back what
/// was let go for them.
pub(crate) struct Exchange<'a> {
    listening: &'a Listening,
    released: Vec<(ListenerId, Bind)>,
    opened: Vec<Vec<OpenSocket>>,
    outcome: Outcome,
}

#[derive(PartialEq, Eq)]
enum Outcome {
    Undone,
    Kept,
}

impl Exchange<'_> {
    fn release<'b>(&mut self, going: impl Iterator<Item = &'b (ListenerId, Bind)>) {
        for (id, bind) in going {
            if !self.released.iter().any(|(released, _)| released == id) {
                self.listening.release(*id);
                self.released.push((*id, bind.clone()));
            }
        }
    }

    /// The sockets, in the order in which they were wanted; what was let go stays closed.
    pub(crate) fn keep(mut self) -> Vec<Vec<OpenSocket>> {
        self.outcome = Outcome::Kept;
        std::mem::take(&mut self.opened)
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if self.outcome == Outcome::Kept {
            return;
        }
        self.opened.clear();
        for (id, bind) in &self.released {
            if let Err(error) = self.listening.take_back(*id, bind) {
                // It stays closed: nobody gets in by a failure of ours.
                self.listening.door.log_lost_listener(bind, &error);
            }
        }
    }
}
