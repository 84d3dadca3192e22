//! `load echo URL` and `load idle URL`: the reference load generator.

use std::process::ExitCode;
use std::time::Duration;

use everwire_bench::epoll;
use everwire_bench::load::{self, EchoPlan, EchoReport};

const USAGE: &str = "\
usage: load echo URL [--connections 100] [--size 20] [--in-flight 1] [--seconds 5] [--json]
       load idle URL [--connections 9000] [--size 1024] [--hold SECONDS] [--json]

echo keeps messages in flight and counts what comes back, after a warm-up of half a second.
idle has one message echoed on each connection and then holds them, until killed without --hold.

--json prints one object a line: {\"event\":\"measuring\"} and {\"event\":\"done\",…} for echo,
{\"event\":\"holding\",…} for idle.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let run = epoll::raise_file_limit().and_then(|_| match options.idle {
        false => options.echo(),
        true => options.idle(),
    });
    match run {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    idle: bool,
    url: String,
    connections: Option<usize>,
    size: Option<usize>,
    in_flight: usize,
    seconds: f64,
    hold: Option<f64>,
    json: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Option<Self> {
        let [command, url, flags @ ..] = arguments else { return None };
        let idle = match command.as_str() {
            "echo" => false,
            "idle" => true,
            _ => return None,
        };
        let mut options = Self {
            idle,
            url: url.clone(),
            connections: None,
            size: None,
            in_flight: 1,
            seconds: 5.0,
            hold: None,
            json: false,
        };
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            let mut value = || flags.next();
            match flag.as_str() {
                "--json" => options.json = true,
                "--connections" => options.connections = Some(value()?.parse().ok()?),
                "--size" => options.size = Some(value()?.parse().ok()?),
                "--in-flight" => options.in_flight = value()?.parse().ok()?,
                "--seconds" => options.seconds = value()?.parse().ok()?,
                "--hold" => options.hold = Some(value()?.parse().ok()?),
                _ => return None,
            }
        }
        Some(options)
    }

    fn echo(&self) -> std::io::Result<()> {
        let plan = EchoPlan {
            url: self.url.clone(),
            connections: self.connections.unwrap_or(100),
            size: self.size.unwrap_or(20),
            in_flight: self.in_flight.max(1),
            warm_up: Duration::from_millis(500),
            measure: Duration::from_secs_f64(self.seconds),
        };
        let report = load::echo(&plan, || {
            if self.json {
                println!(r#"{{"event":"measuring"}}"#);
            }
        })?;
        self.print(&report);
        Ok(())
    }

    fn print(&self, report: &EchoReport) {
        let &EchoReport { messages, seconds, ref latency } = report;
        let rate = messages as f64 / seconds;
        let micros = |quantile| latency.quantile(quantile) as f64 / 1000.0;
        let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(micros);
        let max = latency.max() as f64 / 1000.0;
        if self.json {
            println!(
                r#"{{"event":"done","messages":{messages},"seconds":{seconds:.6},"messages_per_second":{rate:.1},"p50_us":{p50:.1},"p90_us":{p90:.1},"p99_us":{p99:.1},"p999_us":{p999:.1},"max_us":{max:.1}}}"#
            );
        } else {
            println!("{messages} messages in {seconds:.2} s, {rate:.0} a second");
            println!(
                "latency in µs: p50 {p50:.1}, p90 {p90:.1}, p99 {p99:.1}, p99.9 {p999:.1}, max {max:.1}"
            );
        }
    }

    fn idle(&self) -> std::io::Result<()> {
        let connections = self.connections.unwrap_or(9000);
        let hold = self.hold.map(Duration::from_secs_f64);
        load::idle(&self.url, connections, self.size.unwrap_or(1024), hold, || {
            if self.json {
                println!(r#"{{"event":"holding","connections":{connections}}}"#);
            } else {
                println!("holding {connections} connections");
            }
        })
    }
}
