//! The link to our own broker: one end of a socket pair in our hands, the other handed over like any admitted client.

use std::io;
use std::sync::Arc;

use sealmq_broker::{
    Admission, Assigned, Ended, ListenerId, ListenerRules, Owner, Peer, Principal, Role, ShardId,
    TrustGeneration, Wall,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::LocalSide;
use super::plan::BridgePlan;
use crate::door::limits::ConnectionGuard;
use crate::door::stream::{LooseStream, PeerAddress};
use crate::established::{Established, EstablishedLayer, Framing};
use crate::post::Mail;

/// Read at once.
const READ_BYTES: usize = 64 * 1024;
/// The core's own bounds count for what comes from here; a packet may be as large as MQTT can say.
const PACKET_BYTES_MAX: u32 = 268_435_460;

/// Our end.
pub(super) struct LocalLink {
    stream: UnixStream,
    pub(super) received: Vec<u8>,
    out: Vec<u8>,
}

/// A bridge is admitted by the configuration, and ends with its task when that has it no longer.
struct ByConfiguration(Arc<dyn TrustGeneration>);

impl std::fmt::Debug for ByConfiguration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ByConfiguration")
    }
}

impl Admission for ByConfiguration {
    fn judge(&self, _: Wall) -> Result<u64, Ended> {
        Ok(self.0.current())
    }
}

impl LocalLink {
    /// Makes the pair and hands the other end over with this CONNECT.
    pub(super) fn open(here: &LocalSide, plan: &BridgePlan, connect: Vec<u8>) -> io::Result<LocalLink> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let shard = ShardId::of_client(plan.client_id.as_str(), here.post.shards());
        let established = Established {
            stream: LooseStream::Unix(theirs),
            layer: EstablishedLayer::Plain,
            framing: Framing::Raw,
            connect: Zeroizing::new(connect),
            pending: Vec::new(),
            peer: peer(here, plan),
            again: None,
            address: PeerAddress::Local,
            guard: ConnectionGuard::uncounted(),
        };
        here.post.post(shard, Mail::Established(Box::new(established)));
        Ok(LocalLink { stream: UnixStream::from_std(ours)?, received: Vec::new(), out: Vec::new() })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn unsent(&self) -> usize {
        self.out.len()
    }

    /// Waits until bytes can be read (where they are wanted) or written, and does it. May be dropped while it waits.
    pub(super) async fn exchange(&mut self, reads: Reads) -> io::Result<()> {
        let interest = match (reads, self.out.is_empty()) {
            (Reads::No, true) => return std::future::pending().await,
            (Reads::No, false) => Interest::WRITABLE,
            (Reads::Yes, true) => Interest::READABLE,
            (Reads::Yes, false) => Interest::READABLE | Interest::WRITABLE,
        };
        let ready = self.stream.ready(interest).await?;
        if ready.is_writable() {
            self.write()?;
        }
        if reads == Reads::Yes && (ready.is_readable() || ready.is_read_closed()) {
            return self.read();
        }
        Ok(())
    }

    /// Writes what there is, for a bounded time.
    pub(super) async fn finish(mut self) {
        let written = async {
            while !self.out.is_empty() {
                self.stream.ready(Interest::WRITABLE).await?;
                self.write()?;
            }
            Ok::<(), io::Error>(())
        };
        let _ = tokio::time::timeout(super::STOP_MAX, written).await;
    }

    fn write(&mut self) -> io::Result<()> {
        match self.stream.try_write(&self.out) {
            Ok(count) => {
                self.out.drain(..count);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let start = self.received.len();
        self.received.resize(start + READ_BYTES, 0);
        let outcome = self.stream.try_read(&mut self.received[start..]);
        self.received.truncate(start + outcome.as_ref().copied().unwrap_or(0));
        match outcome {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Whether a side is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reads {
    Yes,
    No,
}

fn peer(here: &LocalSide, plan: &BridgePlan) -> Peer {
    let username = plan.config.local_username.as_deref().map(Arc::from);
    let listener = if username.is_some() { ListenerId::BRIDGES_BY_ACL } else { ListenerId::BRIDGES };
    Peer {
        client_id: plan.client_id.clone(),
        assigned: Assigned::ByClient,
        principal: Principal {
            username,
            role: Role::Ordinary,
            owner: Owner::new(&[b"bridge\0", plan.name().as_bytes()].concat()),
            admitted_by: Arc::new(ByConfiguration(Arc::clone(&here.trust))),
            generation: here.trust.current(),
            ends_at: None,
            topics: None,
        },
        rules: Arc::new(rules(listener)),
        authentication: None,
    }
}

fn rules(listener: ListenerId) -> ListenerRules {
    ListenerRules { listener, packet_bytes_max: PACKET_BYTES_MAX, ..ListenerRules::default() }
}
