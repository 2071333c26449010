//! Connections that do nothing: what opening one costs, what one keeps, and what the broker does meanwhile.

use std::error::Error;
use std::time::Duration;

use sealmq_client::Client;

use crate::broker::Broker;
use crate::{Figures, Load, MakeOptions};

/// Until what opening a connection left behind is done with.
const SETTLE: Duration = Duration::from_secs(2);
/// How long a broker at rest is watched.
const REST: Duration = Duration::from_secs(10);
/// The first connections pay for what exists once (tables, buffers, arenas): the slope is taken after them.
const FIRST: usize = 100;

pub(crate) async fn measure(
    broker: &Broker,
    options: MakeOptions<'_>,
    load: Load,
) -> Result<Figures, Box<dyn Error>> {
    let empty = rest(broker).await?;
    let before = broker.memory()?;
    let mut clients = Vec::with_capacity(load.connections);
    open(&mut clients, FIRST.min(load.connections), options).await?;
    tokio::time::sleep(SETTLE).await;
    let first = broker.memory()?;
    let cpu = broker.cpu_nanos()?;
    open(&mut clients, load.connections, options).await?;
    let cpu = broker.cpu_nanos()? - cpu;
    tokio::time::sleep(SETTLE).await;
    let after = broker.memory()?;
    let full = rest(broker).await?;

    let (all, later) = (load.connections as f64, load.connections.saturating_sub(FIRST) as f64);
    let grown = |from: u64, to: u64, over: f64| to.saturating_sub(from) as f64 / over;
    Ok(vec![
        ("handshake + CONNECT, CPU us", cpu as f64 / 1000.0 / later),
        ("memory per connection, bytes", grown(before.rss, after.rss, all)),
        ("the same, of VmRSS", grown(before.status_rss, after.status_rss, all)),
        ("the same after the first 100, bytes", grown(first.rss, after.rss, later)),
        ("memory before the first, KiB", before.rss as f64 / 1024.0),
        ("without a client: CPU us per s", empty.cpu_micros),
        ("without a client: wake-ups per s", empty.wakeups),
        ("with all: CPU us per s", full.cpu_micros),
        ("with all: wake-ups per s", full.wakeups),
    ])
}

/// One after another: what is measured is the cost of one, not of a storm.
async fn open(
    clients: &mut Vec<Client>,
    upto: usize,
    options: MakeOptions<'_>,
) -> Result<(), Box<dyn Error>> {
    while clients.len() < upto {
        clients.push(Client::connect(options(format!("idle-{:05}", clients.len()))).await?);
    }
    Ok(())
}

struct Rest {
    cpu_micros: f64,
    wakeups: f64,
}

async fn rest(broker: &Broker) -> Result<Rest, Box<dyn Error>> {
    tokio::time::sleep(SETTLE).await;
    let (cpu, sleeps) = (broker.cpu_nanos()?, broker.sleeps()?);
    tokio::time::sleep(REST).await;
    let (cpu, sleeps) = (broker.cpu_nanos()? - cpu, broker.sleeps()? - sleeps);
    let seconds = REST.as_secs_f64();
    Ok(Rest { cpu_micros: cpu as f64 / 1000.0 / seconds, wakeups: sleeps as f64 / seconds })
}
