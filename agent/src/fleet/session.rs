//! One host: ssh is started, the script and the binary are handed over, and the answer is taken within bounds.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::answer;
use super::binaries::Binaries;
use super::destination::Destination;
use super::failure::{self, Failure, Reason};
use super::script::{Parameters, Words};
use crate::render::json_v1;

/// The client whose configuration, agent and known hosts the operator already has.
pub(super) const SSH: &str = "/usr/bin/ssh";
/// What a login shell may print before ours speaks.
const NOISE: usize = 256 << 10;
/// A report takes a twentieth of a megabyte; one with a thousand findings, one.
const LARGEST_REPORT: usize = 4 << 20;
/// What the other side may print besides, in all, before it is cut off.
const LARGEST_STDERR: usize = 1 << 20;
/// Of which this much at the end is kept for the message.
const KEPT_STDERR: usize = 8 << 10;

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

/// What comes out of ssh.
enum Event {
    Output(Vec<u8>),
    OutputEnds,
    /// Standard error has ended; the end of what it said.
    Said(Vec<u8>),
    Flood,
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
    let connect = format!("ConnectTimeout={}", order.timeout.min(10));
    let batch = if order.may_ask { "BatchMode=no" } else { "BatchMode=yes" };
    for option in [
        batch,
        &connect,
        "ServerAliveInterval=5",
        "ServerAliveCountMax=3",
        "ClearAllForwardings=yes",
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

/// Why there is no answer.
enum Obstacle {
    Ended,
    TimedOut,
    TooMuch,
    Failed(Failure),
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

/// What is heard of one host, in bounds of bytes and time.
struct Conversation {
    events: Receiver<Event>,
    deadline: Instant,
    mark: Vec<u8>,
    heard: Vec<u8>,
    /// How much of it was searched already.
    searched: usize,
    output_ended: bool,
    said: Option<Vec<u8>>,
    /// Whether the other side's shell has spoken.
    answered: bool,
    stage: &'static str,
}

impl Conversation {
    fn new(child: &mut Child, token: String, deadline: Instant) -> Self {
        // Few, so that a flood waits in ssh's pipe and not in our memory.
        let (sender, events) = sync_channel(4);
        if let Some(output) = child.stdout.take() {
            let sender = sender.clone();
            thread::spawn(move || listen(output, &sender));
        }
        if let Some(errors) = child.stderr.take() {
            thread::spawn(move || overhear(errors, &sender));
        }
        let mark = format!("\n{token} ").into_bytes();
        Self {
            events,
            deadline,
            mark,
            // A mark needs a line before it, and the first line has none.
            heard: vec![b'\n'],
            searched: 0,
            output_ended: false,
            said: None,
            answered: false,
            stage: "before a shell answered",
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The next line that bears our mark, without it.
    fn line(&mut self, limit: usize) -> Result<String, Obstacle> {
        self.until_line(limit).map(|(_, line)| line)
    }

    /// What comes before the next line that bears our mark, and that line.
    fn until_line(&mut self, limit: usize) -> Result<(Vec<u8>, String), Obstacle> {
        loop {
            if let Some((from, to)) = self.marked() {
                let mut rest = self.heard.split_off(to);
                std::mem::swap(&mut rest, &mut self.heard);
                self.searched = 0;
                let line = rest.split_off(from);
                let line = String::from_utf8_lossy(line.get(self.mark.len()..).unwrap_or_default());
                return Ok((rest, line.trim().to_owned()));
            }
            if self.heard.len() > limit {
                return Err(Obstacle::TooMuch);
            }
            if self.output_ended {
                return Err(Obstacle::Ended);
            }
            match self.events.recv_timeout(self.left()) {
                Ok(Event::Output(bytes)) => self.heard.extend(bytes),
                Ok(Event::OutputEnds) => self.output_ended = true,
                Ok(Event::Said(said)) => self.said = Some(said),
                Ok(Event::Flood) => return Err(Obstacle::TooMuch),
                Err(RecvTimeoutError::Timeout) => return Err(Obstacle::TimedOut),
                Err(RecvTimeoutError::Disconnected) => return Err(Obstacle::Ended),
            }
        }
    }

    /// Where the next whole line with our mark begins, with the newline before it, and where it ends.
    fn marked(&mut self) -> Option<(usize, usize)> {
        let length = self.mark.len();
        let unsearched = self.heard.get(self.searched..).unwrap_or_default();
        let Some(found) = unsearched.windows(length).position(|window| window == self.mark) else {
            self.searched = self.heard.len().saturating_sub(length);
            return None;
        };
        let from = self.searched + found;
        self.searched = from;
        let after = self.heard.get(from + length..).unwrap_or_default();
        // The newline that ends this line may be the one before the next mark, so it stays.
        let end = after.iter().position(|byte| *byte == b'\n')?;
        Some((from, from + length + end))
    }

    /// What ssh and the other side said on standard error. Shortly, because a connection that the user's configuration
    /// keeps for later holds the pipe open.
    fn rest(&mut self) -> String {
        let until = Instant::now() + Duration::from_millis(500);
        while self.said.is_none() {
            match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Event::Said(said)) => self.said = Some(said),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        String::from_utf8_lossy(self.said.as_deref().unwrap_or_default()).into_owned()
    }
}

fn listen(mut output: impl Read, events: &SyncSender<Event>) {
    let mut chunk = vec![0; 64 << 10];
    // An error is an end; who no longer listens has given the host up.
    while let Ok(count @ 1..) = output.read(&mut chunk) {
        let bytes = chunk.get(..count).unwrap_or_default().to_vec();
        if events.send(Event::Output(bytes)).is_err() {
            return;
        }
    }
    let _ = events.send(Event::OutputEnds);
}

fn overhear(mut errors: impl Read, events: &SyncSender<Event>) {
    let (mut chunk, mut kept, mut total) = (vec![0; 8 << 10], Vec::new(), 0_usize);
    while let Ok(count @ 1..) = errors.read(&mut chunk) {
        kept.extend(chunk.get(..count).unwrap_or_default());
        total += count;
        if kept.len() > KEPT_STDERR {
            kept.drain(..kept.len() - KEPT_STDERR);
        }
        if total > LARGEST_STDERR {
            let _ = events.send(Event::Flood);
            return;
        }
    }
    let _ = events.send(Event::Said(kept));
}
