//! Measures SealMQ and mosquitto side by side: what `docs/internals/performance.md` is made of.
//!
//! ```text
//! cargo build --release -p sealmq
//! cargo run --release -p sealmq-client --example measure -- [OPTION]… [WORK]…
//!
//!   WORK  idle    N idle mutual TLS 1.3 connections: memory and CPU per connection, CPU at rest
//!         rate    messages at QoS 1 at a fixed rate over pairs: latency and CPU per message
//!         start   `sealmq up` for the second time, until it says that it is ready
//!         (all three without a name)
//!
//!   --sealmq PATH       default target/release/sealmq
//!   --mosquitto PATH    default mosquitto; `--mosquitto none` leaves it out
//!   --rounds N          default 3: each round measures each broker once, in a process of its own
//!   --connections N     default 1000 (wants `ulimit -n` above that)
//!   --rate N            messages per second, default 2000
//!   --pairs N           default 10
//!   --bytes N           payload, default 256
//!   --seconds N         default 15, after two seconds that are not counted
//! ```
//!
//! Load and broker share the machine. CPU times (the scheduler's, per thread) and memory can be trusted on a busy
//! machine, latencies less, ratios more than figures. It is no benchmark tool for users: it knows two brokers.
#![allow(clippy::print_stdout, reason = "its figures are its output")]
#![allow(clippy::disallowed_methods, reason = "it measures with clocks and processes")]
#![allow(missing_docs, reason = "a program")]

mod broker;
mod certificates;
mod idle;
mod rate;
mod start;
mod stats;

use std::error::Error;
use std::path::PathBuf;

use broker::{Broker, Kind};
use certificates::Certificates;
use stats::Table;

struct Arguments {
    sealmq: PathBuf,
    mosquitto: Option<PathBuf>,
    rounds: usize,
    load: Load,
    works: Vec<Work>,
}

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    connections: usize,
    rate: u64,
    pairs: usize,
    bytes: usize,
    seconds: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Work {
    Idle,
    Rate,
    Start,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments(std::env::args().skip(1))?;
    println!("{arguments}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for work in &arguments.works {
        match work {
            Work::Start => start::measure(&arguments.sealmq)?.print("second start of `sealmq up`"),
            Work::Idle => {
                let load = arguments.load;
                side_by_side(&arguments, |broker, options| {
                    runtime.block_on(idle::measure(broker, options, load))
                })?
                .print(&format!("{} idle connections, mutual TLS 1.3", load.connections));
            }
            Work::Rate => {
                let load = arguments.load;
                side_by_side(&arguments, |broker, options| {
                    runtime.block_on(rate::measure(broker, options, load))
                })?
                .print(&format!(
                    "{} msg/s, QoS 1, {} pairs, {} bytes, {} s",
                    load.rate, load.pairs, load.bytes, load.seconds
                ));
            }
        }
    }
    Ok(())
}

/// Makes the options of one client from its id.
pub(crate) type MakeOptions<'a> = &'a dyn Fn(String) -> sealmq_client::Options;
/// What was measured once: names with their units, and figures.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// Each round measures each broker once, in a fresh process; who is first alternates.
fn side_by_side(
    arguments: &Arguments,
    mut measure: impl FnMut(&Broker, MakeOptions<'_>) -> Result<Figures, Box<dyn Error>>,
) -> Result<Table, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let certificates = Certificates::make(folder.path())?;
    let mut table = Table::default();
    for round in 0..arguments.rounds {
        let mut kinds = Kind::BOTH;
        kinds.rotate_left(round % Kind::BOTH.len());
        for kind in kinds {
            let program = match kind {
                Kind::SealMq => &arguments.sealmq,
                Kind::Mosquitto => match &arguments.mosquitto {
                    Some(program) => program,
                    None => continue,
                },
            };
            let broker = Broker::start(kind, program, &certificates)?;
            let options = certificates.options(broker.port)?;
            table.add(kind.name(), measure(&broker, &options)?);
        }
    }
    Ok(table)
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments {
        sealmq: PathBuf::from("target/release/sealmq"),
        mosquitto: Some(PathBuf::from("mosquitto")),
        rounds: 3,
        load: Load { connections: 1000, rate: 2000, pairs: 10, bytes: 256, seconds: 15 },
        works: Vec::new(),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--sealmq" => arguments.sealmq = value()?.into(),
            "--mosquitto" => {
                arguments.mosquitto =
                    Some(value()?.into()).filter(|path: &PathBuf| path.as_os_str() != "none")
            }
            "--rounds" => arguments.rounds = value()?.parse()?,
            "--connections" => arguments.load.connections = value()?.parse()?,
            "--rate" => arguments.load.rate = value()?.parse()?,
            "--pairs" => arguments.load.pairs = value()?.parse()?,
            "--bytes" => arguments.load.bytes = value()?.parse()?,
            "--seconds" => arguments.load.seconds = value()?.parse()?,
            "idle" => arguments.works.push(Work::Idle),
            "rate" => arguments.works.push(Work::Rate),
            "start" => arguments.works.push(Work::Start),
            other => return Err(format!("unknown argument {other}; see the head of the example").into()),
        }
    }
    if arguments.works.is_empty() {
        arguments.works = vec![Work::Start, Work::Idle, Work::Rate];
    }
    Ok(arguments)
}

impl std::fmt::Display for Arguments {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} rounds, {:?}, {:?}", self.rounds, self.works, self.load)
    }
}
