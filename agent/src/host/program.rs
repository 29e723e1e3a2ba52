//! Runs one of the system's own programs with a cleared environment, a time limit and a bound on what it prints.
//!
//! The macOS host asks macOS's tools; on Linux only signing starts ssh-keygen.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use checks::gap::Gap;
use checks::host::{Command, Output};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// A program that has not ended by then is killed, with all that it started.
const TIME: Duration = Duration::from_secs(20);
/// More than this on either stream is refused.
const LIMIT: usize = 1 << 20;
/// Systems keep every program that hostduty starts in these folders; none of them is writable without root.
const PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// Runs a command to its end and returns what it printed.
#[cfg(any(target_os = "macos", test))]
pub(super) fn run(command: &Command) -> Result<Output, Gap> {
    run_within(command, None, TIME)
}

/// The same with something to read on its standard input.
pub(crate) fn run_with_input(command: &Command, input: Vec<u8>) -> Result<Output, Gap> {
    run_within(command, Some(input), TIME)
}

fn run_within(command: &Command, input: Option<Vec<u8>>, time: Duration) -> Result<Output, Gap> {
    let deadline = Instant::now() + time;
    let mut child = std::process::Command::new(command.program)
        .args(&command.arguments)
        .env_clear()
        .envs([("LC_ALL", "C"), ("LANG", "C"), ("PATH", PATH)])
        .current_dir("/")
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what the tool starts ends with it.
        .process_group(0)
        .spawn()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => Gap::absent(command.program),
            ErrorKind::PermissionDenied => Gap::denied(command.program),
            _ => Gap::unsupported(format!("`{}` cannot be started: {error}", command.line())),
        })?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        // In a thread, as a program may print before it has read all. One that reads no further says why itself.
        thread::spawn(move || stdin.write_all(&input));
    }
    match finish(&mut child, deadline) {
        Ok((status, [stdout, stderr])) => {
            let status = status.code().unwrap_or_else(|| status.signal().map_or(-1, |signal| -signal));
            Ok(Output { status, stdout, stderr })
        }
        Err(obstacle) => {
            end(&mut child);
            let line = command.line();
            Err(match obstacle {
                Obstacle::TooLarge => Gap::too_large(format!("the output of `{line}`")),
                Obstacle::TimedOut => Gap::timed_out(format!("`{line}`")),
                Obstacle::Broken(error) => Gap::unsupported(format!("`{line}` cannot be read: {error}")),
            })
        }
    }
}

/// Why a child has to be killed.
enum Obstacle {
    TooLarge,
    TimedOut,
    Broken(std::io::Error),
}

/// What one reading thread found: the number of its stream, and all of it.
type Stream = (usize, std::io::Result<Vec<u8>>);

/// Takes both streams to their ends and then the exit status.
///
/// The child is not waited for before its streams have ended. Until then it is at most a zombie, its process group
/// keeps its number, and [`end`] cannot hit somebody else's group.
fn finish(child: &mut Child, deadline: Instant) -> Result<(ExitStatus, [Vec<u8>; 2]), Obstacle> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        drain(0, stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        drain(1, stderr, sender);
    }
    let streams = collect(&receiver, deadline)?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok((status, streams)),
            Ok(None) if Instant::now() >= deadline => return Err(Obstacle::TimedOut),
            Ok(None) => thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(Obstacle::Broken(error)),
        }
    }
}

/// Reads a stream in a thread of its own, one byte beyond the limit at most, so that neither stream blocks the other.
fn drain(number: usize, stream: impl Read + Send + 'static, sender: Sender<Stream>) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stream.take(LIMIT as u64 + 1).read_to_end(&mut bytes);
        // The receiver is gone when the child was given up meanwhile; then nobody wants the bytes.
        let _ = sender.send((number, read.map(|_| bytes)));
    });
}

fn collect(receiver: &Receiver<Stream>, deadline: Instant) -> Result<[Vec<u8>; 2], Obstacle> {
    let mut streams = [Vec::new(), Vec::new()];
    for _ in 0..streams.len() {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok((_, Ok(bytes))) if bytes.len() > LIMIT => return Err(Obstacle::TooLarge),
            Ok((number, Ok(bytes))) => streams[number] = bytes,
            Ok((_, Err(error))) => return Err(Obstacle::Broken(error)),
            Err(RecvTimeoutError::Timeout) => return Err(Obstacle::TimedOut),
            // Both senders are gone: a reading thread could not even report.
            Err(RecvTimeoutError::Disconnected) => return Err(Obstacle::Broken(ErrorKind::Other.into())),
        }
    }
    Ok(streams)
}

/// Kills the child's whole group and takes its exit status, so that no zombie stays.
fn end(child: &mut Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        // The group may have ended by itself; that is just as well.
        let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;
    use checks::gap::GapKind;

    fn shell(script: &str) -> Command {
        Command::new("/bin/sh", &["-c", script])
    }

    #[test]
    fn both_streams_and_the_status_arrive() {
        let output = run(&Command::new("/bin/echo", &["two words", "$HOME"])).unwrap();
        assert_eq!(output, Output { status: 0, stdout: b"two words $HOME\n".to_vec(), stderr: Vec::new() });
        let output = run(&shell("echo answer >&2; exit 113")).unwrap();
        assert_eq!((output.status, output.stderr.as_slice()), (113, b"answer\n".as_slice()));
        assert_eq!(run(&shell("kill -TERM $$")).unwrap().status, -15);
    }

    #[test]
    fn input_arrives_whole_and_may_be_left_unread() {
        let input = vec![b'x'; 300_000];
        assert_eq!(run_with_input(&shell("cat"), input.clone()).unwrap().stdout, input);
        assert_eq!(run_with_input(&shell("echo done"), input).unwrap().stdout, b"done\n");
    }

    #[test]
    fn nothing_of_the_environment_arrives() {
        let output = run(&shell("env | grep -v -e ^PWD= -e ^OLDPWD= -e ^SHLVL= -e ^_= | sort; cat")).unwrap();
        let expected = format!("LANG=C\nLC_ALL=C\nPATH={PATH}\n");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }

    #[test]
    fn a_full_stream_does_not_block_the_other() {
        let fill = "head -c 1048576 /dev/zero";
        let output = run(&shell(&format!("{fill} >&2; {fill}"))).unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (LIMIT, LIMIT));
    }

    #[test]
    fn endless_output_is_too_large() {
        for script in ["exec yes", "yes >&2", "head -c 1048577 /dev/zero"] {
            assert_eq!(run(&shell(script)).unwrap_err().why, GapKind::TooLarge, "{script}");
        }
    }

    #[test]
    fn what_does_not_end_is_killed_with_its_children() {
        let quick = Duration::from_millis(300);
        let begun = Instant::now();
        for script in [
            "exec sleep 600",
            "trap '' TERM INT HUP; while :; do sleep 1; done",
            // The tool itself ends, and a child of it holds the streams.
            "sleep 600 & echo started",
            // The streams end, and the tool does not.
            "exec >&- 2>&-; exec sleep 600",
        ] {
            let gap = run_within(&shell(script), None, quick).unwrap_err();
            assert_eq!(gap.why, GapKind::TimedOut, "{script}");
            assert!(gap.what.contains("/bin/sh"), "{gap}");
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_killed_child_leaves_no_process_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        let script = format!("sleep 600 & echo $! $$ > {}; wait", file.display());
        run_within(&shell(&script), None, Duration::from_millis(500)).unwrap_err();
        let pids = std::fs::read_to_string(file).unwrap();
        let mut pids = pids.split_whitespace().map(|pid| pid.parse().map(Pid::from_raw).unwrap());
        let (grandchild, child) = (pids.next().unwrap(), pids.next().unwrap());
        assert!(nix::sys::signal::kill(child, None).is_err(), "the child is a zombie");
        // The signal and whoever adopts orphans may take a moment; the grandchild must not go on running.
        let runs = || {
            let state = std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        let ended = (0..200).any(|_| {
            thread::sleep(Duration::from_millis(5));
            !runs()
        });
        assert!(ended, "the grandchild still runs");
    }

    #[test]
    fn a_program_that_cannot_start_is_a_gap() {
        assert_eq!(run(&Command::new("/nowhere/tool", &[])).unwrap_err(), Gap::absent("/nowhere/tool"));
        assert_eq!(run(&Command::new("/etc/passwd", &[])).unwrap_err().why, GapKind::Denied);
    }
}
