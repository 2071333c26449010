//! Messages at a fixed rate, open loop: a message is due when the clock says so, however slow the earlier ones were.
//!
//! A thread of its own keeps the time (tokio's timer knows milliseconds only); one task per publisher and one per
//! subscriber share another thread. Each message carries when it was due and when its publisher got to send it: the
//! difference is the load's own lateness, which is no fault of the broker and is reported beside the latencies.

use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::{Duration, Instant};

use sealmq_client::{Client, Event, Message, Outgoing, QoS};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::broker::Broker;
use crate::stats::percentile;
use crate::{Figures, Load, MakeOptions};

/// Not counted: allocators, caches and windows warm up.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long the last messages may take.
const LAST: Duration = Duration::from_secs(2);

/// One message, in nanoseconds since the start.
struct Sample {
    due: u64,
    sent: u64,
    received: u64,
}

pub(crate) async fn measure(
    broker: &Broker,
    options: MakeOptions<'_>,
    load: Load,
) -> Result<Figures, Box<dyn Error>> {
    LocalSet::new().run_until(run(broker, options, load)).await
}

async fn run(broker: &Broker, options: MakeOptions<'_>, load: Load) -> Result<Figures, Box<dyn Error>> {
    let started = Instant::now();
    let samples: Rc<RefCell<Vec<Sample>>> = Rc::default();
    let mut publishers = Vec::new();
    for pair in 0..load.pairs {
        let topic = format!("measure/topic/{pair:04}");
        let mut subscriber = Client::connect(options(format!("subscriber-{pair:04}"))).await?;
        subscriber.subscribe_and_wait(&topic, QoS::AtLeastOnce).await?;
        tokio::task::spawn_local(subscribe(subscriber, started, Rc::clone(&samples)));
        let publisher = Client::connect(options(format!("publisher-{pair:04}"))).await?;
        let (due, ticks) = unbounded_channel();
        publishers.push(due);
        tokio::task::spawn_local(publish(publisher, topic, load.bytes, started, ticks));
    }
    let first = nanos(started) + 100_000_000;
    let messages = load.rate * (load.seconds + WARM_UP.as_secs());
    let pace = std::thread::spawn(move || keep_time(&publishers, started, first, load.rate, messages));

    tokio::time::sleep(WARM_UP).await;
    let (cpu, from) = (broker.cpu_nanos()?, nanos(started));
    tokio::time::sleep(Duration::from_secs(load.seconds)).await;
    let (cpu, to) = (broker.cpu_nanos()? - cpu, nanos(started));
    tokio::time::sleep(LAST).await;
    pace.join().map_err(|_| "the clock's thread has failed")?;
    Ok(figures(&samples.borrow(), cpu, from, to, messages))
}

#[allow(clippy::cast_precision_loss, reason = "figures to read")]
fn figures(samples: &[Sample], cpu: u64, from: u64, to: u64, messages: u64) -> Figures {
    let counted = || samples.iter().filter(|sample| (from..to).contains(&sample.received));
    let micros =
        |of: fn(&Sample) -> u64| counted().map(|sample| of(sample) as f64 / 1000.0).collect::<Vec<_>>();
    let from_sent = micros(|sample| sample.received - sample.sent);
    let from_due = micros(|sample| sample.received.saturating_sub(sample.due));
    let late = micros(|sample| sample.sent.saturating_sub(sample.due));
    vec![
        ("CPU us per message", cpu as f64 / 1000.0 / from_sent.len() as f64),
        ("sent to received, p50 us", percentile(from_sent.clone(), 50.0)),
        ("sent to received, p99 us", percentile(from_sent, 99.0)),
        ("due to received, p50 us", percentile(from_due.clone(), 50.0)),
        ("due to received, p99 us", percentile(from_due, 99.0)),
        ("the load's own lateness, p50 us", percentile(late.clone(), 50.0)),
        ("the load's own lateness, p99 us", percentile(late, 99.0)),
        ("messages not received", messages as f64 - samples.len() as f64),
    ]
}

/// Tells each publisher in turn when its next message is due.
fn keep_time(publishers: &[UnboundedSender<u64>], started: Instant, first: u64, rate: u64, messages: u64) {
    for n in 0..messages {
        let due = first + n * 1_000_000_000 / rate;
        let now = nanos(started);
        if due > now {
            std::thread::sleep(Duration::from_nanos(due - now));
        }
        let to = &publishers[usize::try_from(n).unwrap_or(0) % publishers.len()];
        if to.send(due).is_err() {
            return;
        }
    }
}

async fn publish(
    mut client: Client,
    topic: String,
    bytes: usize,
    started: Instant,
    mut ticks: UnboundedReceiver<u64>,
) {
    let mut open = true;
    loop {
        tokio::select! {
            due = ticks.recv(), if open => match due {
                Some(due) => {
                    let mut payload = vec![0; bytes.max(16)];
                    payload[..8].copy_from_slice(&due.to_be_bytes());
                    payload[8..16].copy_from_slice(&nanos(started).to_be_bytes());
                    client.publish(Outgoing::new(&topic, payload, QoS::AtLeastOnce)).expect("the window is wide enough");
                }
                None => open = false,
            },
            event = client.next_event() => match event {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            },
        }
    }
}

async fn subscribe(mut client: Client, started: Instant, samples: Rc<RefCell<Vec<Sample>>>) {
    while let Ok(Some(event)) = client.next_event().await {
        if let Event::Message(Message { payload, .. }) = event {
            let stamp = |at: usize| u64::from_be_bytes(payload[at..at + 8].try_into().expect("eight bytes"));
            samples.borrow_mut().push(Sample { due: stamp(0), sent: stamp(8), received: nanos(started) });
        }
    }
}

fn nanos(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
