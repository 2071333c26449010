//! `sealmq pub`: publishes messages as mosquitto_pub does, with its flags, output and exit codes.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::ArgGroup;
use sealmq_client::{Client, ClientError, Event, Outgoing, QoS, ReasonCode, Retain};
use tokio::sync::mpsc;

use crate::connection::{
    Connection, ConnectionFlags, argument_bytes, failure, parse_qos, parse_topic_name, warn_of_server,
};
use crate::report::{self, Failure};

/// Options of this command.
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("payload").args(["message", "file", "stdin_line", "stdin_file", "null_message"]))]
pub(crate) struct Args {
    /// Topic to publish to
    #[arg(short, long, value_name = "TOPIC", help_heading = "Message", value_parser = parse_topic_name)]
    topic: Option<String>,
    /// The message
    #[arg(short, long, value_name = "TEXT", help_heading = "Message", allow_hyphen_values = true)]
    message: Option<OsString>,
    /// Send the contents of this file
    #[arg(short, long, value_name = "FILE", help_heading = "Message")]
    file: Option<PathBuf>,
    /// Send each line of standard input as a message
    #[arg(short = 'l', long, help_heading = "Message")]
    stdin_line: bool,
    /// Send all of standard input as one message
    #[arg(short = 's', long, help_heading = "Message")]
    stdin_file: bool,
    /// Send an empty message
    #[arg(short = 'n', long, help_heading = "Message")]
    null_message: bool,
    /// Quality of service
    #[arg(short, long, value_name = "QOS", help_heading = "Message", default_value = "0", value_parser = parse_qos)]
    qos: QoS,
    /// Have the broker keep the message for later subscribers
    #[arg(short, long, help_heading = "Message")]
    retain: bool,
    /// Send the message this many times
    #[arg(long, value_name = "COUNT", help_heading = "Message", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Seconds between two of them
    #[arg(long, value_name = "SECONDS", help_heading = "Message", value_parser = parse_delay)]
    repeat_delay: Option<Duration>,
    #[command(flatten)]
    connection: ConnectionFlags,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    let quiet = args.connection.quiet;
    let outcome = command(&args);
    if quiet { report::finish_quietly(outcome) } else { report::finish(outcome) }
}

fn command(args: &Args) -> Result<(), Failure> {
    let source = Source::of_args(args)?;
    // Asked before a broker is looked for: it is the nearer mistake.
    let no_topic = || Failure::new("both topic and message must be supplied").hint("add -t TOPIC");
    if args.topic.is_none() && args.connection.url.is_none() {
        return Err(no_topic());
    }
    let connection = Connection::from_flags(&args.connection)?;
    let topic = args.topic.clone().or(connection.url_topic).ok_or_else(no_topic)?;
    let template = Outgoing {
        retain: if args.retain { Retain::Stored } else { Retain::Live },
        properties: connection.properties.publish.clone(),
        ..Outgoing::new(topic, Bytes::new(), args.qos)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let publisher =
        Publisher { client: Client::new(connection.options), template, quiet: args.connection.quiet };
    let disconnect = connection.properties.disconnect;
    runtime.block_on(publisher.run(source, disconnect)).map_err(|error| failure(&error))
}

/// Where messages come from.
enum Source {
    /// One payload, several times.
    Payload { payload: Bytes, times: u32, delay: Duration },
    /// Each line of standard input.
    Lines,
}

impl Source {
    fn of_args(args: &Args) -> Result<Self, Failure> {
        let payload = if let Some(message) = &args.message {
            argument_bytes(message)
        } else if let Some(path) = &args.file {
            std::fs::read(path).map_err(|error| {
                Failure::new(format!("cannot read {}: {error}", path.display()))
                    .hint("-f FILE sends a file's contents; -m sends text")
            })?
        } else if args.stdin_file {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::new(format!("cannot read standard input: {error}")))?;
            bytes
        } else if args.null_message {
            Vec::new()
        } else if args.stdin_line {
            return Ok(Self::Lines);
        } else {
            return Err(Failure::new("both topic and message must be supplied").hint(
                "add -m TEXT, -f FILE, -l (lines of standard input), -s (all of it) or -n (an empty message)",
            ));
        };
        Ok(Self::Payload {
            payload: payload.into(),
            times: args.repeat,
            delay: args.repeat_delay.unwrap_or_default(),
        })
    }
}

struct Publisher {
    client: Client,
    template: Outgoing,
    quiet: bool,
}

/// Between two attempts to connect again, as libmosquitto waits.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);
/// Lines that are read ahead of the broker.
const LINES_AHEAD: usize = 64;

impl Publisher {
    async fn run(
        mut self,
        source: Source,
        disconnect: Vec<sealmq_client::Property>,
    ) -> Result<(), ClientError> {
        self.connect().await?;
        if !self.quiet {
            warn_of_server(&self.client);
        }
        match source {
            Source::Payload { payload, times, delay } => self.repeat(&payload, times, delay).await?,
            Source::Lines => self.lines(read_lines()).await?,
        }
        self.client.disconnect(ReasonCode::NORMAL_DISCONNECTION, &disconnect);
        while let Some(event) = self.client.next_event().await? {
            self.tell(&event);
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let outcome = self.client.reconnect().await;
        // What was traced on the way stands before the reason why it failed.
        self.tell_traces();
        outcome.map(|_| ())
    }

    fn tell_traces(&mut self) {
        for line in self.client.take_traces() {
            println!("{line}");
        }
    }

    /// Each message waits for the one before, as in mosquitto_pub.
    async fn repeat(&mut self, payload: &Bytes, times: u32, delay: Duration) -> Result<(), ClientError> {
        for nth in 0..times {
            if nth > 0 && !delay.is_zero() {
                self.pause(delay).await?;
            }
            self.publish(payload.clone())?;
            while self.client.session().undelivered() > 0 {
                self.event().await?;
            }
        }
        Ok(())
    }

    /// Stays alive (pings, acknowledgements) for a while.
    async fn pause(&mut self, delay: Duration) -> Result<(), ClientError> {
        let pause = tokio::time::sleep(delay);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => return Ok(()),
                event = self.client.next_event() => match event? {
                    Some(event) => self.tell(&event),
                    None => return Ok(()),
                },
            }
        }
    }

    /// Reads only as fast as the broker takes. A lost connection is made again: what the broker had not
    /// acknowledged at QoS 1 and 2 is sent once more.
    async fn lines(&mut self, mut lines: mpsc::Receiver<Bytes>) -> Result<(), ClientError> {
        let mut unsent = VecDeque::new();
        let mut open = true;
        while open || !unsent.is_empty() || self.client.session().undelivered() > 0 {
            while self.client.has_room() {
                let Some(line) = unsent.pop_front() else { break };
                self.publish(line)?;
            }
            let wants_more = open && unsent.is_empty() && self.client.has_room();
            tokio::select! {
                line = lines.recv(), if wants_more => match line {
                    Some(line) => unsent.push_back(line),
                    None => open = false,
                },
                event = self.client.next_event() => match event {
                    Ok(Some(event)) => self.tell(&event),
                    Ok(None) => return Ok(()),
                    Err(ClientError::Lost { .. }) => self.connect_again().await?,
                    Err(error) => return Err(error),
                },
            }
        }
        Ok(())
    }

    async fn connect_again(&mut self) -> Result<(), ClientError> {
        loop {
            tokio::time::sleep(RECONNECT_DELAY).await;
            match self.connect().await {
                Ok(()) => return Ok(()),
                Err(ClientError::Connect { .. } | ClientError::Lost { .. } | ClientError::Timeout { .. }) => {
                }
                Err(ClientError::WebSocket { error, .. }) if error.may_pass() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn publish(&mut self, payload: Bytes) -> Result<(), ClientError> {
        self.client.publish(Outgoing { payload, ..self.template.clone() })?;
        Ok(())
    }

    async fn event(&mut self) -> Result<(), ClientError> {
        match self.client.next_event().await? {
            Some(Event::NotPublished { error, .. }) => Err(error.into()),
            Some(event) => {
                self.tell(&event);
                Ok(())
            }
            None => Err(ClientError::Publish(sealmq_client::PublishError::NotConnected)),
        }
    }

    /// A message that the broker refused is a warning, as in mosquitto_pub.
    fn tell(&self, event: &Event) {
        match event {
            Event::Trace(line) => println!("{line}"),
            Event::Published { delivery, reason, reason_string } if reason.is_error() && !self.quiet => {
                eprintln!("warning: publish {} failed: {}", delivery.0, reason.text());
                if let Some(words) = reason_string {
                    eprintln!("{}", words.escape_debug());
                }
                eprintln!("hint: the broker's access rules (acl) decide; its log names the rule");
            }
            Event::NotPublished { delivery, error } if !self.quiet => {
                eprintln!("warning: publish {} failed: {error}", delivery.0);
            }
            Event::Published { .. }
            | Event::NotPublished { .. }
            | Event::Connected(_)
            | Event::Message(_)
            | Event::Subscribed { .. }
            | Event::Unsubscribed { .. }
            | Event::Failed(_) => {}
        }
    }
}

/// Reads standard input line by line on a thread of its own: a read of a terminal or a pipe cannot be interrupted.
fn read_lines() -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match input.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            if sender.blocking_send(line.into()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn parse_delay(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "a number of seconds, 0 or more".to_owned())
}
