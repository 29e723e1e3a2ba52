//! A file that the operator names: pipes are welcome, what has no end is refused, and nobody waits without knowing for whom.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// So long a pipe may be without anybody who writes to it.
const PATIENCE: Duration = Duration::from_secs(10);
/// So long a person at a terminal is not told for what is waited.
const SILENCE: Duration = Duration::from_secs(2);
const PAUSE_MILLISECONDS: u8 = 50;

/// Its text, or why there is none: `FileTooLarge` beyond so many bytes. `-` is standard input.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().take(most + 1).read_to_end(&mut bytes)?;
    } else {
        let (begun, file) = open(path, PATIENCE)?;
        begun.chain(file).take(most + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

/// The file, and what was read of it while waiting for its beginning.
fn open(path: &Path, patience: Duration) -> io::Result<(io::Cursor<Vec<u8>>, File)> {
    // To open a pipe is to wait until somebody writes; so it does not block.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let is_pipe = file.metadata()?.file_type().is_fifo();
    let begun = if is_pipe { beginning(&mut file, path, patience)? } else { Vec::new() };
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL)?) - OFlag::O_NONBLOCK;
    fcntl(&file, FcntlArg::F_SETFL(flags))?;
    Ok((io::Cursor::new(begun), file))
}

/// Waits for the first bytes of a pipe: as long as it takes where somebody has it open for writing, as a slow command has,
/// and not for ever where nobody has.
fn beginning(pipe: &mut File, path: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4096];
    let began = Instant::now();
    let mut told = false;
    loop {
        match pipe.read(&mut bytes) {
            Ok(0) if hung_up(pipe)? => return Ok(Vec::new()),
            Ok(0) if began.elapsed() >= patience => {
                let why =
                    format!("it is a pipe that nobody writes to, for {} seconds now", patience.as_secs());
                return Err(io::Error::new(ErrorKind::TimedOut, why));
            }
            Ok(0) => std::thread::sleep(Duration::from_millis(PAUSE_MILLISECONDS.into())),
            Ok(count) => {
                bytes.truncate(count);
                return Ok(bytes);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ready(pipe, PollTimeout::from(PAUSE_MILLISECONDS))?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if !told && began.elapsed() >= SILENCE {
            told = true;
            if io::stderr().is_terminal() {
                let path = crate::output::clean(&path.display().to_string());
                let _ = writeln!(io::stderr(), "hostduty: waiting for somebody to write to the pipe {path}");
            }
        }
    }
}

/// Whether whoever wrote to the pipe is gone, rather than not there yet.
fn hung_up(pipe: &File) -> io::Result<bool> {
    Ok(ready(pipe, PollTimeout::ZERO)?.contains(PollFlags::POLLHUP))
}

fn ready(pipe: &File, most: PollTimeout) -> io::Result<PollFlags> {
    let mut asked = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    match poll(&mut asked, most) {
        Ok(_) | Err(Errno::EINTR) => Ok(asked[0].revents().unwrap_or(PollFlags::empty())),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;

    const SHORT: Duration = Duration::from_millis(300);

    fn whole(path: &Path, patience: Duration) -> io::Result<String> {
        let (begun, file) = open(path, patience)?;
        let mut text = String::new();
        begun.chain(file).read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_has_no_end_and_what_is_no_text_are_refused() {
        assert_eq!(read(Path::new("/dev/zero"), 1 << 16).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "é".repeat(4)).unwrap();
        assert_eq!(read(&file, 8).unwrap(), "éééé");
        assert_eq!(read(&file, 7).unwrap_err().kind(), ErrorKind::FileTooLarge);
        std::fs::write(&file, [0xff]).unwrap();
        assert_eq!(read(&file, 8).unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(read(folder.path(), 8).is_err());
    }

    #[test]
    fn a_pipe_is_waited_for_while_somebody_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let error = whole(&pipe, SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        // Somebody who comes late, and then is slower than anybody would wait for nobody.
        let path = pipe.clone();
        let writer = std::thread::spawn(move || {
            std::thread::sleep(SHORT / 10);
            let mut file = OpenOptions::new().write(true).open(path).unwrap();
            for text in ["one ", "two"] {
                std::thread::sleep(SHORT * 2);
                file.write_all(text.as_bytes()).unwrap();
            }
        });
        assert_eq!(whole(&pipe, SHORT).unwrap(), "one two");
        writer.join().unwrap();
    }

    #[test]
    fn a_pipe_whose_writer_left_without_a_word_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let path = pipe.clone();
        let writer = std::thread::spawn(move || drop(OpenOptions::new().write(true).open(path).unwrap()));
        assert_eq!(whole(&pipe, PATIENCE).unwrap(), "");
        writer.join().unwrap();
    }
}
