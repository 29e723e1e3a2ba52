//! What is heard of one host: lines that bear our mark, and what stands between them, in bounds of bytes and time.

use std::io::Read;
use std::process::Child;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::failure::Failure;

/// What the other side may print besides, in all, before it is cut off.
const LARGEST_STDERR: usize = 1 << 20;
/// Of which this much at the end is kept for the message.
const KEPT_STDERR: usize = 8 << 10;

/// What comes out of ssh.
enum Event {
    Output(Vec<u8>),
    OutputEnds,
    /// Standard error has ended; the end of what it said.
    Said(Vec<u8>),
    Flood,
}

/// Why there is no answer.
pub(super) enum Obstacle {
    Ended,
    TimedOut,
    TooMuch,
    Failed(Failure),
}

/// What is heard of one host, in bounds of bytes and time.
pub(super) struct Conversation {
    events: Receiver<Event>,
    deadline: Instant,
    mark: Vec<u8>,
    heard: Vec<u8>,
    /// How much of it was searched already.
    searched: usize,
    output_ended: bool,
    said: Option<Vec<u8>>,
    /// Whether the other side's shell has spoken.
    pub(super) answered: bool,
    /// What the other side is doing, for messages.
    pub(super) stage: &'static str,
}

impl Conversation {
    pub(super) fn new(child: &mut Child, token: String, deadline: Instant) -> Self {
        // Few, so that a flood waits in ssh's pipe and not in our memory.
        let (sender, events) = sync_channel(4);
        if let Some(output) = child.stdout.take() {
            let sender = sender.clone();
            thread::spawn(move || listen(output, &sender));
        }
        if let Some(errors) = child.stderr.take() {
            thread::spawn(move || overhear(errors, &sender));
        }
        Self::over(events, token, deadline)
    }

    fn over(events: Receiver<Event>, token: String, deadline: Instant) -> Self {
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

    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The next line that bears our mark, without it.
    pub(super) fn line(&mut self, limit: usize) -> Result<String, Obstacle> {
        self.until_line(limit).map(|(_, line)| line)
    }

    /// What comes before the next line that bears our mark, and that line.
    pub(super) fn until_line(&mut self, limit: usize) -> Result<(Vec<u8>, String), Obstacle> {
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
    pub(super) fn rest(&mut self) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hearing(chunks: &[&str], ends: bool) -> Conversation {
        let (sender, events) = sync_channel(chunks.len() + 1);
        for chunk in chunks {
            sender.send(Event::Output(chunk.as_bytes().to_vec())).unwrap();
        }
        if ends {
            sender.send(Event::OutputEnds).unwrap();
        } else {
            // As long as somebody could still speak.
            std::mem::forget(sender);
        }
        Conversation::over(events, "mark".to_owned(), Instant::now() + Duration::from_millis(50))
    }

    #[test]
    fn marked_lines_are_found_however_they_arrive() {
        let whole = "noise mark no\nmark system Linux x86_64\r\nmore\nmark begin\n{}\n\nmark end 0\n";
        let single: Vec<&str> = whole.split_inclusive(|_: char| true).collect();
        for chunks in [&[whole][..], &single, &[&whole[..20], &whole[20..]]] {
            let mut heard = hearing(chunks, true);
            assert_eq!(heard.line(100).ok().unwrap(), "system Linux x86_64");
            assert_eq!(heard.line(100).ok().unwrap(), "begin");
            let (report, line) = heard.until_line(100).ok().unwrap();
            assert_eq!((report.as_slice(), line.as_str()), (b"\n{}\n".as_slice(), "end 0"));
            assert!(matches!(heard.line(100), Err(Obstacle::Ended)));
        }
        assert_eq!(hearing(&["mark first\n"], true).line(9).ok().unwrap(), "first");
    }

    #[test]
    fn what_has_no_end_is_given_up() {
        assert!(matches!(hearing(&["xxxx", "xxxx", "xxxx"], false).line(10), Err(Obstacle::TooMuch)));
        assert!(matches!(hearing(&["x\nmark sys"], false).line(100), Err(Obstacle::TimedOut)));
        assert!(matches!(hearing(&["x\nmark sys"], true).line(100), Err(Obstacle::Ended)));
        let (sender, events) = sync_channel(4);
        overhear(std::io::repeat(b'x'), &sender);
        let mut flooded =
            Conversation::over(events, "mark".to_owned(), Instant::now() + Duration::from_secs(5));
        assert!(matches!(flooded.line(100), Err(Obstacle::TooMuch)));
    }
}
