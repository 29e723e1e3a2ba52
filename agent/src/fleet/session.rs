//! One host: ssh is started, the script and the binary are handed over, and the answer is taken within bounds.

use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::answer;
use super::binaries::Binaries;
use super::conversation::{Conversation, Obstacle};
use super::destination::Destination;
use super::failure::{self, Failure, Reason};
use super::script::{Parameters, Words};
use crate::render::json_v1;

/// The client whose configuration, agent and known hosts the operator already has.
pub(super) const SSH: &str = "/usr/bin/ssh";
/// Whom ssh asks where nobody is to be asked.
const NOBODY: &str = "/bin/false";
/// What a login shell may print before ours speaks.
const NOISE: usize = 256 << 10;
/// A report takes a twentieth of a megabyte; one with a thousand findings, one.
const LARGEST_REPORT: usize = 4 << 20;

/// What is the same for every host of a run.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub(super) arguments: Vec<String>,
    pub(super) config: Option<&'a str>,
    pub(super) sudo: bool,
    /// Seconds that one host may take.
    pub(super) timeout: u64,
    /// Whether ssh may ask the operator for a passphrase or about a host key.
    pub(super) may_ask: bool,
    pub(super) binaries: Binaries,
}

/// Asks one host for its report.
pub(super) fn ask(order: &Order<'_>, host: &Destination) -> Result<json_v1::Report, Failure> {
    let deadline = Instant::now() + Duration::from_secs(order.timeout);
    let started = Words::new().and_then(|words| Ok((start(order, host, &words)?, words)));
    let (mut child, words) =
        started.map_err(|error| Reason::SshFailed.because(format!("{SSH} cannot be started: {error}")))?;
    let mut conversation = Conversation::new(&mut child, words.token.clone(), deadline);
    let answer = talk(order, &mut child, &words, &mut conversation);
    let answer = match answer {
        // Until the other side's shell has spoken, what ssh says is all there is.
        Err(Obstacle::Ended) if !conversation.answered => {
            let said = conversation.rest();
            let status = finish(&mut child, Duration::from_secs(2)).and_then(|status| status.code());
            return Err(failure::of_ssh(status, &said));
        }
        other => other,
    };
    finish(&mut child, Duration::from_millis(if answer.is_ok() { 2000 } else { 0 }));
    match answer {
        Ok(text) => answer::parse(&text),
        Err(Obstacle::Failed(failure)) => Err(failure),
        Err(Obstacle::Ended) => {
            let said = conversation.rest();
            let last = failure::last_line(&said);
            let last = if last.is_empty() { String::new() } else { format!(": {last}") };
            Err(Reason::ConnectionLost.because(format!("it ended {}{last}", conversation.stage)))
        }
        Err(Obstacle::TimedOut) => {
            Err(Reason::TimedOut
                .because(format!("{} seconds were over {}", order.timeout, conversation.stage)))
        }
        Err(Obstacle::TooMuch) => {
            Err(Reason::TooMuchOutput.because(format!("it went on printing {}", conversation.stage)))
        }
    }
}

fn start(order: &Order<'_>, host: &Destination, words: &Words) -> std::io::Result<Child> {
    let mut ssh = Command::new(SSH);
    // What the user's configuration says stays, but for what would get into the way of one command without a terminal
    // or would lend the operator's agent to the other side.
    ssh.args(["-T", "-a", "-x"]);
    if !order.may_ask {
        // BatchMode does not reach the ssh that goes to a jump host, its environment does: whoever wants to ask there
        // gets no for an answer, even where there is a terminal.
        ssh.env("SSH_ASKPASS", NOBODY).env("SSH_ASKPASS_REQUIRE", "force");
    }
    let connect = format!("ConnectTimeout={}", order.timeout.min(10));
    let batch = if order.may_ask { "BatchMode=no" } else { "BatchMode=yes" };
    for option in [
        batch,
        &connect,
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "ClearAllForwardings=yes",
        // A connection that is open already serves; none stays open behind us.
        "ControlMaster=no",
        "RemoteCommand=none",
        // Without the server's banner; errors are still said.
        "LogLevel=ERROR",
    ] {
        ssh.args(["-o", option]);
    }
    if let Some(port) = host.port {
        ssh.args(["-p", &port.to_string()]);
    }
    if let Some(identity) = &host.identity {
        ssh.args(["-i", identity]);
    }
    ssh.args(["--", &host.target, &words.command()]);
    ssh.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

fn talk(
    order: &Order<'_>,
    child: &mut Child,
    words: &Words,
    conversation: &mut Conversation,
) -> Result<Vec<u8>, Obstacle> {
    let line = conversation.line(NOISE)?;
    conversation.answered = true;
    let Some(uname) = line.strip_prefix("system ") else { return Err(misspoken(&line)) };
    let binary = order.binaries.fitting(uname).map_err(Obstacle::Failed)?;
    conversation.stage = "while the binary was sent";
    let script = words.script(&Parameters {
        arguments: &order.arguments,
        config: order.config,
        sudo: order.sudo,
        // A little longer than here, so that this side gives up first and says so.
        patience: conversation.left().as_secs() + 5,
        size: binary.len(),
    });
    if let Some(mut input) = child.stdin.take() {
        thread::spawn(move || {
            // Who refuses stops reading; that is said on standard output. Dropping the pipe ends the transfer.
            let _ = input.write_all(&script).and_then(|()| input.write_all(&binary));
        });
    }
    let line = conversation.line(NOISE)?;
    if let Some(refusal) = line.strip_prefix("refused ") {
        return Err(refused(refusal));
    }
    if line != "begin" {
        return Err(misspoken(&line));
    }
    conversation.stage = "before the report was complete";
    let (report, line) = conversation.until_line(LARGEST_REPORT)?;
    let code = line.strip_prefix("end ").ok_or_else(|| misspoken(&line))?;
    match code {
        "0" | "1" | "3" => Ok(report),
        // timeout(1) of the other side.
        "124" => Err(Obstacle::TimedOut),
        code => {
            let said = conversation.rest();
            let last = failure::last_line(&said);
            Err(Obstacle::Failed(Reason::NotRun.because(format!("it ended with status {code}: {last}"))))
        }
    }
}

fn refused(refusal: &str) -> Obstacle {
    let (name, rest) = refusal.split_once(' ').unwrap_or((refusal, ""));
    let rest = rest.trim();
    Obstacle::Failed(match name {
        "no-sudo" => Reason::NoSudo.because(rest),
        "noexec" => Reason::Noexec.because(format!("tried {rest}")),
        "no-room" if rest.is_empty() => Reason::NoRoom.because("it has no folder that can be written to"),
        "no-room" => Reason::NoRoom.because(format!("the binary could not be written to {rest}")),
        "not-run" => Reason::NotRun.because(rest),
        "cut-short" => Reason::ConnectionLost.because("the binary arrived in part"),
        _ => return misspoken(refusal),
    })
}

fn misspoken(line: &str) -> Obstacle {
    let line: String = line.chars().take(80).collect();
    Obstacle::Failed(Reason::MalformedAnswer.because(format!("it said `{line}` out of turn")))
}

/// Gives ssh a moment to end by itself, then ends it. Its status, if it ended by itself.
fn finish(child: &mut Child, grace: Duration) -> Option<ExitStatus> {
    drop(child.stdin.take());
    let waited = |child: &mut Child, time: Duration| {
        let until = Instant::now() + time;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    };
    if let Some(status) = waited(child, grace) {
        return Some(status);
    }
    // Asked to end, ssh also ends the command that it reaches a jump host with.
    if let Ok(id) = i32::try_from(child.id()) {
        // It may end by itself in this very moment; until it is waited for, its number is its own.
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
    }
    if waited(child, Duration::from_secs(1)).is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    None
}
