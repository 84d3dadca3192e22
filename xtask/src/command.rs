//! Child processes that never outlive us and never run for ever.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// Exit code of `timeout` when the limit was reached.
const TIMED_OUT: i32 = 124;

/// A command on a leash. When its limit is over, or when we die in whatever way, it and all the
/// processes it started get SIGTERM, and ten seconds later SIGKILL.
///
/// `setpriv` (util-linux) asks the kernel for the signal at our death and `timeout` (coreutils)
/// hands it to the whole process group. Both are on every Debian system, and neither needs
/// `unsafe` here. The kernel means our *thread*: the one that starts a command must wait for it.
pub(crate) fn leashed(program: impl AsRef<OsStr>, limit: Duration) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "--", "timeout", "--kill-after=10"])
        .arg(limit.as_secs().to_string())
        .arg(program)
        .stdin(Stdio::null());
    command
}

/// How a command ended, and all it said on both outputs, in order.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) text: String,
}

impl Finished {
    /// Turns a non-zero exit into an error that names `what`.
    pub(crate) fn ok(self, what: &str) -> anyhow::Result<Self> {
        match self.status.code() {
            Some(0) => Ok(self),
            Some(TIMED_OUT) => bail!("{what} ran into its time limit"),
            _ => bail!("{what} failed ({})", self.status),
        }
    }
}

/// Runs a command to its end and shows its output as it comes.
pub(crate) fn stream(command: Command) -> anyhow::Result<Finished> {
    run(command, true)
}

/// Runs a command to its end in silence.
pub(crate) fn capture(command: Command) -> anyhow::Result<Finished> {
    run(command, false)
}

fn run(mut command: Command, show: bool) -> anyhow::Result<Finished> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = spawn(&mut command)?;
    // Our copies of the writing end would keep the pipe open for ever.
    drop(command);
    let mut text = String::new();
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader);
    while reader.read_until(b'\n', &mut line)? > 0 {
        if show {
            let mut out = io::stdout().lock();
            out.write_all(&line)?;
            out.flush()?;
        }
        text.push_str(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(Finished { status: child.wait()?, text })
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command.spawn().with_context(|| match command.get_current_dir() {
        Some(dir) if !dir.is_dir() => format!("no folder {}", dir.display()),
        _ => "cannot run setpriv, of util-linux".to_owned(),
    })
}

/// A process that runs beside us, with its output in a file. Dropping it stops it.
pub(crate) struct Background {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Background {
    /// Starts `command` (a leashed one) with both outputs in the file `log`.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = spawn(command.stdout(file.try_clone()?).stderr(file))?;
        Ok(Self { name, child, log: log.to_owned() })
    }

    /// All it has said so far.
    pub(crate) fn text(&self) -> String {
        fs::read(&self.log)
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Waits until `ready` finds what it wants in the output.
    pub(crate) fn wait_for<T>(
        &mut self,
        limit: Duration,
        ready: impl Fn(&str) -> Option<T>,
    ) -> anyhow::Result<T> {
        let start = Instant::now();
        loop {
            let ended = self.ended()?;
            if let Some(value) = ready(&self.text()) {
                return Ok(value);
            }
            if let Some(status) = ended {
                bail!("{} ended early ({status}):\n{}", self.name, self.tail());
            }
            if start.elapsed() > limit {
                bail!("{} was not ready within {} s:\n{}", self.name, limit.as_secs(), self.tail());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The exit status if it is over.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The last lines of its output, for an error message.
    pub(crate) fn tail(&self) -> String {
        tail(&self.text(), 20)
    }

    /// Asks it to stop, waits, and says how it ended.
    pub(crate) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        // `timeout` passes SIGTERM on to the group, which a SIGKILL from `Child::kill` would not.
        let pid = self.child.id();
        Command::new("sh").arg("-c").arg(format!("kill -TERM {pid}")).status()?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if self.stop().is_err() {
            let _ = self.child.kill();
        }
    }
}

/// The last `count` lines of a text.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: u64) -> Command {
        let mut command = leashed("sh", Duration::from_secs(limit));
        command.arg("-c").arg(script);
        command
    }

    #[test]
    fn both_outputs_are_kept_in_order() {
        let finished = capture(shell("echo one; echo two >&2; echo three", 10)).unwrap();
        assert_eq!(finished.text, "one\ntwo\nthree\n");
        assert!(finished.status.success());
    }

    #[test]
    fn a_command_ends_at_its_limit_with_all_it_started() {
        let start = Instant::now();
        // The pipe closes only when the grandchild is gone too.
        let finished = capture(shell("sleep 60 & sleep 60", 1)).unwrap();
        assert!(start.elapsed() < Duration::from_secs(30));
        let error = finished.ok("the command").err().expect("it was cut short").to_string();
        assert_eq!(error, "the command ran into its time limit");
    }

    #[test]
    fn a_dropped_background_process_takes_its_children_along() {
        let log = std::env::temp_dir().join(format!("xtask-leash-{}", std::process::id()));
        let mut background =
            Background::start("test", shell("sleep 60 & echo child $!; wait", 60), &log).unwrap();
        let child = background
            .wait_for(Duration::from_secs(10), |text| {
                text.strip_prefix("child ")?.strip_suffix('\n').map(str::to_owned)
            })
            .unwrap();
        drop(background);
        fs::remove_file(&log).unwrap();
        let gone = || !Path::new("/proc").join(&child).join("fd/0").exists();
        let start = Instant::now();
        while !gone() {
            assert!(start.elapsed() < Duration::from_secs(10), "process {child} is still there");
            thread::sleep(Duration::from_millis(10));
        }
    }
}
