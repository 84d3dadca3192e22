//! Orders as lines of text.

use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{FaultLink, FaultProxy, Toward};

/// What the program `fault-proxy` is told on its standard input, one a line:
///
/// | line | |
/// |---|---|
/// | `cut`, `reset`, `stall`, `resume` | as [`FaultProxy`]'s method does |
/// | `delay MS` | |
/// | `cut-after server BYTES`, `cut-after client BYTES` | counts what goes towards that side |
/// | `refuse MS` | |
/// | `stats` | answers with [`Stats`](super::Stats), or with [`LinkStats`](super::LinkStats) |
/// | `links` | answers with the numbers of the open connections |
///
/// All but `refuse` and `links` may end in `#` and the number of a connection, as in `cut #3`, and
/// then concern it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Command {
    what: What,
    link: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Cut,
    Reset,
    Stall,
    Resume,
    Delay(Duration),
    CutAfter(Toward, u64),
    Refuse(Duration),
    Stats,
    Links,
}

/// A line that is no command, or a command that concerns nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadCommand(String);

impl fmt::Display for BadCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BadCommand {}

impl Command {
    /// Does it, and says what is to be answered: `ok`, or what was asked for in JSON.
    pub async fn run(self, proxy: &FaultProxy) -> Result<String, BadCommand> {
        let link = match self.link {
            None => None,
            Some(id) => Some(
                proxy.link(id).ok_or_else(|| BadCommand(format!("no open connection #{id}")))?,
            ),
        };
        let links = || link.clone().map_or_else(|| proxy.links(), |link| vec![link]);
        match self.what {
            What::Cut => links().iter().for_each(FaultLink::cut),
            What::Reset => links().iter().for_each(FaultLink::reset),
            What::Stall => links().iter().for_each(FaultLink::stall),
            What::Resume => links().iter().for_each(FaultLink::resume),
            What::Delay(delay) => match link {
                Some(link) => link.delay(delay),
                None => proxy.delay(delay),
            },
            What::CutAfter(toward, bytes) => match link {
                Some(link) => link.cut_after(toward, bytes),
                None => proxy.cut_after(toward, bytes),
            },
            What::Refuse(duration) => proxy.refuse(duration).await,
            What::Stats => {
                return Ok(
                    link.map_or_else(|| proxy.stats().to_string(), |link| link.stats().to_string())
                );
            }
            What::Links => {
                let ids: Vec<u64> = proxy.links().iter().map(FaultLink::id).collect();
                return Ok(format!("{ids:?}"));
            }
        }
        Ok("ok".to_owned())
    }
}

impl FromStr for Command {
    type Err = BadCommand;

    fn from_str(line: &str) -> Result<Self, BadCommand> {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let link = match words.last().and_then(|word| word.strip_prefix('#')) {
            None => None,
            Some(id) => {
                words.pop();
                Some(number(id)?)
            }
        };
        let what = match words[..] {
            ["cut"] => What::Cut,
            ["reset"] => What::Reset,
            ["stall"] => What::Stall,
            ["resume"] => What::Resume,
            ["delay", ms] => What::Delay(Duration::from_millis(number(ms)?)),
            ["cut-after", "server", bytes] => What::CutAfter(Toward::Server, number(bytes)?),
            ["cut-after", "client", bytes] => What::CutAfter(Toward::Client, number(bytes)?),
            ["refuse", ms] if link.is_none() => What::Refuse(Duration::from_millis(number(ms)?)),
            ["stats"] => What::Stats,
            ["links"] if link.is_none() => What::Links,
            _ => return Err(BadCommand(format!("`{}` is no command", line.trim()))),
        };
        Ok(Self { what, link })
    }
}

fn number(word: &str) -> Result<u64, BadCommand> {
    word.parse().map_err(|_| BadCommand(format!("`{word}` is no whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        line.parse().map_err(|bad: BadCommand| bad.to_string())
    }

    #[test]
    fn a_line_is_a_command_for_all_or_for_one() {
        let ms = Duration::from_millis;
        let all = |what| Ok(Command { what, link: None });
        assert_eq!(parse("cut"), all(What::Cut));
        assert_eq!(parse("  delay   20 "), all(What::Delay(ms(20))));
        assert_eq!(parse("refuse 2000"), all(What::Refuse(ms(2000))));
        assert_eq!(parse("cut-after client 7"), all(What::CutAfter(Toward::Client, 7)));
        assert_eq!(parse("stall #3"), Ok(Command { what: What::Stall, link: Some(3) }));
    }

    #[test]
    fn anything_else_is_told() {
        assert_eq!(parse("explode"), Err("`explode` is no command".to_owned()));
        assert_eq!(parse("refuse 10 #3"), Err("`refuse 10 #3` is no command".to_owned()));
        assert_eq!(parse("refuse soon"), Err("`soon` is no whole number".to_owned()));
        assert_eq!(parse("cut #-1"), Err("`-1` is no whole number".to_owned()));
        assert_eq!(parse(""), Err("`` is no command".to_owned()));
    }
}
