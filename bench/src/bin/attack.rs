//! `attack NAME URL --pid PID`: what [`everwire_bench::attack`] describes.

use std::process::ExitCode;

use everwire_bench::attack::memory::Process;
use everwire_bench::attack::{self, ATTACKS, Attack, AttackPlan, Outcome};
use everwire_bench::epoll;
use everwire_bench::transport::Dialer;

const USAGE: &str = "\
usage: attack NAME URL --pid PID [--connections N] [--json]
       attack --list

Attacks the server at ws://ADDRESS:PORT/PATH, which is the process PID of this machine, and says how
much of its memory that takes. Bytes are for each connection.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--list"] {
        ATTACKS.iter().for_each(|attack| println!("{:<16}{}", attack.name, attack.about));
        return ExitCode::SUCCESS;
    }
    let Some(options) = Options::parse(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match options.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("attack: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    name: String,
    url: String,
    pid: u32,
    connections: Option<usize>,
    json: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Option<Self> {
        let [name, url, flags @ ..] = arguments else { return None };
        let (mut pid, mut connections, mut json) = (None, None, false);
        let mut flags = flags.iter();
        while let Some(flag) = flags.next() {
            match flag.as_str() {
                "--pid" => pid = Some(flags.next()?.parse().ok()?),
                "--connections" => connections = Some(flags.next()?.parse().ok()?),
                "--json" => json = true,
                _ => return None,
            }
        }
        Some(Self { name: name.clone(), url: url.clone(), pid: pid?, connections, json })
    }

    fn run(&self) -> std::io::Result<()> {
        epoll::raise_file_limit()?;
        let attack = attack::attacks::find(&self.name).map_err(std::io::Error::other)?;
        let plan = AttackPlan {
            dialer: Dialer::new(&self.url, None)?,
            attack,
            connections: self.connections.unwrap_or(attack.connections).max(1),
            process: Process::new(self.pid),
        };
        let outcome = attack::attack(&plan)?;
        self.print(attack, plan.connections, &outcome);
        Ok(())
    }

    fn print(&self, attack: &Attack, connections: usize, outcome: &Outcome) {
        let Outcome { sent, open, most, standing, left, ends } = outcome;
        if self.json {
            let ends: Vec<String> =
                ends.iter().map(|(end, count)| format!(r#""{end}":{count}"#)).collect();
            println!(
                r#"{{"event":"done","connections":{connections},"sent":{sent:.1},"open":{open:.1},"most":{most:.1},"standing":{standing:.1},"left":{left:.1},"ends":{{{}}}}}"#,
                ends.join(",")
            );
            return;
        }
        println!("{}, {connections} connections", attack.about);
        println!("each sent {sent:.0} bytes; the server held {open:.0} for it before,");
        println!("at most {most:.0} more, {standing:.0} more when it had calmed down, and");
        println!("{left:.0} when they were gone");
        for (end, count) in ends {
            println!("{count} of them: {end}");
        }
    }
}
