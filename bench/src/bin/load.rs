//! `load echo|fanout|idle|connect|recovery URL`: the reference load generator.

use std::process::ExitCode;
use std::time::Duration;

use everwire_bench::epoll;
use everwire_bench::hub::Dialect;
use everwire_bench::load::{
    self, ConnectPlan, EchoPlan, FanoutPlan, IdlePlan, RecoveryPlan, Report, Return,
};
use everwire_bench::script::{Content, Deflate, Plan};
use everwire_bench::socket_io;
use everwire_bench::transport::Dialer;

const USAGE: &str = "\
usage: load echo URL [--connections 100] [MESSAGES] [--in-flight 1] [--seconds 5]
       load fanout URL [--connections 1000] [--stalled 0] [--size 64] [--in-flight 1] [--seconds 5] [--socket-io]
       load idle URL [--connections 9000] [--untouched] [MESSAGES] [--hold SECONDS]
       load connect URL [--in-flight 32] [--seconds 5]
       load recovery URL [--connections 5000] [--size 64] [--missed 100] [--recovered]

MESSAGES: [--size BYTES] [--text | --json-text | HUB] [--fragments 1] [--deflate no-takeover|takeover]
HUB: --hub json|compact [--own-topics]

echo keeps messages in flight and counts what comes back, after a warm-up of half a second.
fanout has one more connection publish what all receive, and counts deliveries; with --socket-io as
an event called message, where Socket.IO has that path.
idle has one message echoed on each connection and then holds them, until killed without --hold.
connect opens connections and drops them.
recovery has all connections subscribe at a hub, resets them, publishes, and has all come back at once: to
their sessions, or with --recovered to new ones; everything has to arrive once and in order.

With --hub, fanout publishes letters in a topic of Everwire's hub, which idle connections subscribe to; each
to one of its own with --own-topics. fanout takes it as --socket-io.

--ca FILE is the certificate that vouches for a wss:// server.
--json prints one object a line: {\"event\":\"measuring\"} and {\"event\":\"done\",…}, and
{\"event\":\"holding\",…} for idle, {\"event\":\"gone\"} for recovery when nobody is connected.";

/// Time before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match epoll::raise_file_limit().and_then(|_| options.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Echo,
    Fanout,
    Idle,
    Connect,
    Recovery,
}

struct Options {
    run: Run,
    url: String,
    ca: Option<String>,
    connections: Option<usize>,
    stalled: usize,
    untouched: bool,
    size: Option<usize>,
    content: Content,
    fragments: usize,
    deflate: Deflate,
    in_flight: Option<usize>,
    missed: usize,
    kind: Return,
    seconds: f64,
    hold: Option<f64>,
    json: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Option<Self> {
        let [command, url, flags @ ..] = arguments else { return None };
        let run = match command.as_str() {
            "echo" => Run::Echo,
            "fanout" => Run::Fanout,
            "idle" => Run::Idle,
            "connect" => Run::Connect,
            "recovery" => Run::Recovery,
            _ => return None,
        };
        let mut options = Self {
            run,
            url: url.clone(),
            ca: None,
            connections: None,
            stalled: 0,
            untouched: false,
            size: None,
            content: Content::Binary,
            fragments: 1,
            deflate: Deflate::Off,
            in_flight: None,
            missed: 100,
            kind: Return::Resumed,
            seconds: 5.0,
            hold: None,
            json: false,
        };
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            let mut value = || flags.next();
            match flag.as_str() {
                "--json" => options.json = true,
                "--ca" => options.ca = Some(value()?.clone()),
                "--connections" => options.connections = Some(value()?.parse().ok()?),
                "--stalled" => options.stalled = value()?.parse().ok()?,
                "--untouched" => options.untouched = true,
                "--size" => options.size = Some(value()?.parse().ok()?),
                "--text" => options.content = Content::Text,
                "--json-text" => options.content = Content::Json,
                "--socket-io" => options.content = Content::SocketIo,
                "--hub" => {
                    let compact = match value()?.as_str() {
                        "json" => false,
                        "compact" => true,
                        _ => return None,
                    };
                    options.content = Content::Hub(Dialect { compact, own_topics: false });
                }
                "--own-topics" => match &mut options.content {
                    Content::Hub(dialect) => dialect.own_topics = true,
                    _ => return None,
                },
                "--missed" => options.missed = value()?.parse().ok()?,
                "--recovered" => options.kind = Return::Recovered,
                "--fragments" => options.fragments = value()?.parse().ok()?,
                "--deflate" => {
                    options.deflate = match value()?.as_str() {
                        "no-takeover" => Deflate::NoTakeover,
                        "takeover" => Deflate::Takeover,
                        _ => return None,
                    }
                }
                "--in-flight" => options.in_flight = Some(value()?.parse().ok()?),
                "--seconds" => options.seconds = value()?.parse().ok()?,
                "--hold" => options.hold = Some(value()?.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }

    fn run(&self) -> std::io::Result<()> {
        let query = if self.content == Content::SocketIo { socket_io::QUERY } else { "" };
        let dialer = Dialer::new(&format!("{}{query}", self.url), self.ca.as_deref())?;
        let dialer = dialer.with_subprotocol(match (self.content, self.run) {
            (Content::Hub(dialect), _) => Some(dialect.subprotocol()),
            (_, Run::Recovery) => Some(Dialect::JSON.subprotocol()),
            _ => None,
        });
        let measure = Duration::from_secs_f64(self.seconds);
        let in_flight = |default: usize| self.in_flight.unwrap_or(default).max(1);
        let measuring = || self.say("measuring");
        let report = match self.run {
            Run::Echo => {
                let plan = EchoPlan {
                    dialer,
                    connections: self.connections.unwrap_or(100),
                    messages: self.messages(20),
                    in_flight: in_flight(1),
                    warm_up: WARM_UP,
                    measure,
                };
                load::echo(&plan, measuring)?
            }
            Run::Fanout => {
                let plan = FanoutPlan {
                    dialer,
                    receivers: self.connections.unwrap_or(1000),
                    stalled: self.stalled,
                    content: self.content,
                    size: self.size.unwrap_or(64),
                    in_flight: in_flight(1),
                    warm_up: WARM_UP,
                    measure,
                };
                load::fanout(&plan, measuring)?
            }
            Run::Connect => {
                let in_flight = in_flight(32);
                let plan = ConnectPlan { dialer, in_flight, warm_up: WARM_UP, measure };
                load::connect(&plan, measuring)?
            }
            Run::Recovery => {
                let plan = RecoveryPlan {
                    dialer,
                    members: self.connections.unwrap_or(5000),
                    missed: self.missed,
                    size: self.size.unwrap_or(64),
                    kind: self.kind,
                };
                load::recovery(&plan, || self.say("gone"), measuring)?
            }
            Run::Idle => {
                let plan = IdlePlan {
                    dialer,
                    connections: self.connections.unwrap_or(9000),
                    message: self.messages(1024),
                    untouched: self.untouched,
                    hold: self.hold.map(Duration::from_secs_f64),
                };
                return load::idle(&plan, || self.holding(plan.connections));
            }
        };
        self.print(&report);
        Ok(())
    }

    fn say(&self, event: &str) {
        if self.json {
            println!(r#"{{"event":"{event}"}}"#);
        }
    }

    fn messages(&self, size: usize) -> Plan {
        Plan {
            content: self.content,
            size: self.size.unwrap_or(size),
            fragments: self.fragments,
            deflate: self.deflate,
        }
    }

    fn print(&self, report: &Report) {
        let &Report { messages, payload, seconds, ref latency } = report;
        let rate = messages as f64 / seconds;
        let each = payload as f64 / messages.max(1) as f64;
        let micros = |quantile| latency.quantile(quantile) as f64 / 1000.0;
        let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(micros);
        let max = latency.max() as f64 / 1000.0;
        if self.json {
            println!(
                r#"{{"event":"done","messages":{messages},"seconds":{seconds:.6},"messages_per_second":{rate:.1},"payload_bytes":{each:.1},"p50_us":{p50:.1},"p90_us":{p90:.1},"p99_us":{p99:.1},"p999_us":{p999:.1},"max_us":{max:.1}}}"#
            );
        } else {
            let what = match self.run {
                Run::Echo | Run::Idle => "messages",
                Run::Fanout => "deliveries",
                Run::Recovery => "returns",
                Run::Connect => "connections",
            };
            println!("{messages} {what} in {seconds:.2} s, {rate:.0} a second");
            println!(
                "latency in µs: p50 {p50:.1}, p90 {p90:.1}, p99 {p99:.1}, p99.9 {p999:.1}, max {max:.1}"
            );
        }
    }

    fn holding(&self, connections: usize) {
        if self.json {
            println!(r#"{{"event":"holding","connections":{connections}}}"#);
        } else {
            println!("holding {connections} connections");
        }
    }
}
