//! `sealmq sub`: subscribes and prints messages as mosquitto_sub does, with its flags, output and exit codes.

mod delivery;
mod ending;

use std::process::ExitCode;
use std::time::Duration;

use sealmq_client::{
    Client, ClientError, Event, Filter, OwnMessages, Property, QoS, ReasonCode, RetainFlag, RetainHandling,
    Version,
};
use sealmq_mqtt::TopicFilter;

use crate::connection::{CommandProperties, Connection, ConnectionFlags, failure, parse_qos, warn_of_server};
use crate::output::{EndOfLine, Format, JsonLayout, Style};
use crate::report::{self, Failure};
use ending::{Signals, timeout};

/// Options of this command.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Topic filter to subscribe to; may be repeated
    #[arg(short, long = "topic", value_name = "FILTER", help_heading = "Subscription", value_parser = parse_filter)]
    topics: Vec<String>,
    /// Leave out messages on these topics; may be repeated
    #[arg(short = 'T', long = "filter-out", value_name = "FILTER", help_heading = "Subscription",
        value_parser = parse_filter)]
    filter_out: Vec<String>,
    /// Unsubscribe from this filter; may be repeated
    #[arg(short = 'U', long = "unsubscribe", value_name = "FILTER", help_heading = "Subscription",
        value_parser = parse_filter)]
    unsubscribe: Vec<String>,
    /// Highest quality of service
    #[arg(short, long, value_name = "QOS", help_heading = "Subscription", default_value = "0",
        value_parser = parse_qos)]
    qos: QoS,
    /// Disconnect after this many messages
    #[arg(short = 'C', value_name = "COUNT", help_heading = "Subscription",
        value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// Exit once the broker has acknowledged all subscriptions
    #[arg(short = 'E', help_heading = "Subscription")]
    exit_after_subscribe: bool,
    /// Give up after this many seconds (exit code 27)
    #[arg(short = 'W', value_name = "SECONDS", help_heading = "Subscription",
        value_parser = clap::value_parser!(u32).range(1..))]
    timeout: Option<u32>,
    /// Print no messages that the broker had stored
    #[arg(short = 'R', help_heading = "Subscription", conflicts_with = "retained_only")]
    no_retained: bool,
    /// Print stored messages only, and exit at the first live one
    #[arg(long, help_heading = "Subscription")]
    retained_only: bool,
    /// Remove the stored messages that arrive from the broker
    #[arg(long, help_heading = "Subscription")]
    remove_retained: bool,
    /// Have live messages keep their RETAIN flag (MQTT 5)
    #[arg(long, help_heading = "Subscription")]
    retain_as_published: bool,
    /// Print this percentage of the messages, 0.1 to 100
    #[arg(long, value_name = "PERCENT", help_heading = "Output", value_parser = parse_percentage)]
    random_filter: Option<u64>,
    /// Print the topic before each message
    #[arg(short, long, help_heading = "Output")]
    verbose: bool,
    /// Print each message in this format: %t topic, %p payload, %q QoS, %r retained, %j JSON, %I time, @Y-@m-@d ...
    #[arg(short = 'F', value_name = "FORMAT", help_heading = "Output", allow_hyphen_values = true)]
    format: Option<String>,
    /// Print %j and %J over several lines
    #[arg(long, help_heading = "Output")]
    pretty: bool,
    /// Print no line feed after each message
    #[arg(short = 'N', help_heading = "Output")]
    no_line_feed: bool,
    #[command(flatten)]
    connection: ConnectionFlags,
}

/// Runs the command.
pub(crate) fn run(args: Args) -> ExitCode {
    let quiet = args.connection.quiet;
    let outcome = command(args);
    if quiet { report::finish_quietly(outcome) } else { report::finish(outcome) }
}

fn command(args: Args) -> Result<(), Failure> {
    let style = style(&args)?;
    if args.topics.is_empty() && args.unsubscribe.is_empty() && args.connection.url.is_none() {
        return Err(
            Failure::new("you must specify a topic to subscribe to").hint("add -t FILTER, as in -t 'test/#'")
        );
    }
    let mut connection = Connection::from_flags(&args.connection)?;
    let mut topics = args.topics.clone();
    if let Some(topic) = connection.url_topic.take() {
        let checked = parse_filter(&topic)
            .map_err(|why| Failure::new(format!("invalid topic '{topic}' in -L: {why}")))?;
        topics.push(checked);
    }
    limit_receive_maximum(&args, &mut connection.options.session);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let subscriber = Subscriber {
        client: Client::new(connection.options),
        topics,
        properties: connection.properties,
        style,
        end: if args.no_line_feed { EndOfLine::Nothing } else { EndOfLine::LineFeed },
        args,
        printed: 0,
        removals: 0,
        done: false,
    };
    runtime.block_on(subscriber.run())
}

/// With `-C` below 20, more messages than wanted are not even asked for, so that a kept session keeps them.
fn limit_receive_maximum(args: &Args, session: &mut sealmq_client::SessionOptions) {
    let given = session.properties.iter().any(|property| matches!(property, Property::ReceiveMaximum(_)));
    if let (Some(count @ 1..20), Version::V5, false) = (args.count, session.version, given) {
        session.properties.push(Property::ReceiveMaximum(count as u16));
    }
}

fn style(args: &Args) -> Result<Style, Failure> {
    let layout = if args.pretty { JsonLayout::Pretty } else { JsonLayout::Minimised };
    match &args.format {
        Some(format) => Format::parse(format, layout).map(Style::Formatted).map_err(|error| {
            Failure::new(error.to_string())
                .hint("write %% for a percent sign, @@ for an at sign, \\\\ for a backslash")
        }),
        None if args.verbose => Ok(Style::Verbose),
        None => Ok(Style::Payload),
    }
}

struct Subscriber {
    client: Client,
    args: Args,
    topics: Vec<String>,
    properties: CommandProperties,
    style: Style,
    end: EndOfLine,
    /// Messages printed.
    printed: u32,
    /// Removals of stored messages that the broker has not acknowledged.
    removals: usize,
    /// Nothing more is printed; what is on its way may arrive.
    done: bool,
}

/// Why the loop ends.
enum End {
    Done,
    TimedOut,
    Signal,
}

/// Between two attempts to connect again, as libmosquitto waits.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);
/// MOSQ_ERR_TIMEOUT.
const EXIT_TIMED_OUT: u8 = 27;

impl Subscriber {
    async fn run(mut self) -> Result<(), Failure> {
        let mut signals =
            Signals::new().map_err(|error| Failure::new(format!("cannot wait for signals: {error}")))?;
        let seconds = self.args.timeout;
        let end = {
            let work = self.work();
            tokio::pin!(work);
            tokio::select! {
                end = &mut work => end?,
                () = signals.next() => End::Signal,
                () = timeout(seconds) => End::TimedOut,
            }
        };
        let reason = match end {
            End::Done => ReasonCode::NORMAL_DISCONNECTION,
            // mosquitto_sub lets the will out when it is interrupted or times out.
            End::TimedOut | End::Signal => ReasonCode::DisconnectWithWillMessage,
        };
        self.leave(reason).await;
        match end {
            End::TimedOut => Err(Failure::new("timed out")
                .hint("no more messages came within -W; check the topic and who publishes to it")
                .exit_code(EXIT_TIMED_OUT)),
            End::Done | End::Signal => Ok(()),
        }
    }

    async fn leave(&mut self, reason: ReasonCode) {
        let properties = self.properties.disconnect.clone();
        self.client.disconnect(reason, &properties);
        // Whatever becomes of the good-bye, we are leaving.
        while let Ok(Some(event)) = self.client.next_event().await {
            if let Event::Trace(line) = event {
                println!("{line}");
            }
        }
    }

    /// Connects, subscribes and prints, over as many connections as it takes.
    async fn work(&mut self) -> Result<End, Failure> {
        self.connect().await.map_err(|error| failure(&error))?;
        if !self.args.connection.quiet {
            warn_of_server(&self.client);
        }
        loop {
            match self.client.next_event().await {
                Ok(Some(event)) => {
                    self.event(event)?;
                    if self.done && self.removals == 0 {
                        return Ok(End::Done);
                    }
                }
                Ok(None) => return Ok(End::Done),
                Err(error @ (ClientError::Lost { .. } | ClientError::Session(_))) => {
                    self.connect_again(error).await?
                }
                Err(error) => return Err(failure(&error)),
            }
        }
    }

    async fn connect(&mut self) -> Result<(), ClientError> {
        let outcome = self.client.reconnect().await;
        // What was traced on the way stands before the reason why it failed.
        for line in self.client.take_traces() {
            println!("{line}");
        }
        outcome?;
        self.subscribe()
    }

    /// mosquitto_sub subscribes anew on every connection.
    fn subscribe(&mut self) -> Result<(), ClientError> {
        let retain_handling =
            if self.args.no_retained { RetainHandling::DoNotSend } else { RetainHandling::SendAtSubscribe };
        let retain_flag =
            if self.args.retain_as_published { RetainFlag::AsPublished } else { RetainFlag::Clear };
        let filters: Vec<Filter> = self
            .topics
            .iter()
            .map(|filter| Filter {
                filter: filter.clone(),
                qos: self.args.qos,
                own_messages: OwnMessages::Deliver,
                retain_flag,
                retain_handling,
            })
            .collect();
        if !filters.is_empty() {
            self.client.subscribe(&filters, &self.properties.subscribe)?;
        }
        for filter in self.args.unsubscribe.clone() {
            self.client.unsubscribe(&[filter], &self.properties.unsubscribe)?;
        }
        Ok(())
    }

    /// A connection that was once made is made again until it is refused.
    async fn connect_again(&mut self, why: ClientError) -> Result<(), Failure> {
        if !self.args.connection.quiet {
            eprintln!("warning: {why}; connecting again");
        }
        loop {
            tokio::time::sleep(RECONNECT_DELAY).await;
            match self.connect().await {
                Ok(()) => return Ok(()),
                Err(
                    ClientError::Connect { .. }
                    | ClientError::Lost { .. }
                    | ClientError::Timeout { .. }
                    | ClientError::Resolve { .. },
                ) => {}
                Err(ClientError::WebSocket { error, .. }) if error.may_pass() => {}
                Err(error) => return Err(failure(&error)),
            }
        }
    }

    fn event(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Message(message) => self.message(&message),
            Event::Subscribed { packet_id, reasons } => {
                let granted: Vec<String> = reasons.iter().map(|reason| reason.as_u8().to_string()).collect();
                if self.args.connection.debug {
                    println!("Subscribed (mid: {packet_id}): {}", granted.join(", "));
                }
                self.subscribed(&reasons)
            }
            Event::Unsubscribed { .. } => {
                self.done |= self.args.exit_after_subscribe && self.topics.is_empty();
                Ok(())
            }
            Event::Published { .. } | Event::NotPublished { .. } => {
                self.removals = self.removals.saturating_sub(1);
                Ok(())
            }
            Event::Trace(line) => {
                println!("{line}");
                Ok(())
            }
            Event::Connected(_) | Event::Failed(_) => Ok(()),
        }
    }

    fn subscribed(&mut self, reasons: &[ReasonCode]) -> Result<(), Failure> {
        for (filter, reason) in self.topics.iter().zip(reasons).filter(|(_, reason)| reason.is_error()) {
            if !self.args.connection.quiet {
                eprintln!("warning: the broker refused the subscription to '{filter}': {}", reason.text());
            }
        }
        if !reasons.is_empty() && reasons.iter().all(|reason| reason.is_error()) {
            return Err(Failure::new("all subscription requests were denied")
                .hint("the broker's access rules (acl) decide; its log names the rule"));
        }
        self.done |= self.args.exit_after_subscribe;
        Ok(())
    }
}

fn parse_filter(text: &str) -> Result<String, String> {
    match TopicFilter::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("it {error}; are all '+' and '#' wildcards correct?")),
    }
}

/// In tenths of a percent.
fn parse_percentage(text: &str) -> Result<u64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.1..=100.0).contains(&percent) => Ok((percent * 10.0) as u64),
        Ok(_) | Err(_) => Err("a number between 0.1 and 100".to_owned()),
    }
}
