//! Wakes the one loop from other threads: a ring is a byte in a socket, and rings that nobody has heard yet are one.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// The end that is listened to.
#[derive(Debug)]
pub(crate) struct Bell {
    end: UnixStream,
}

/// The end that rings.
#[derive(Debug)]
pub(crate) struct Rope {
    end: UnixStream,
}

/// A bell with its rope.
pub(crate) fn hang() -> io::Result<(Bell, Rope)> {
    let (bell, rope) = UnixStream::pair()?;
    bell.set_nonblocking(true)?;
    rope.set_nonblocking(true)?;
    Ok((Bell { end: bell }, Rope { end: rope }))
}

impl Bell {
    /// Takes all rings.
    pub(crate) fn hush(&mut self) {
        let mut rings = [0; 64];
        while self.end.read(&mut rings).is_ok_and(|count| count > 0) {}
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }
}

impl Rope {
    /// Rings. With the socket full it rings already.
    pub(crate) fn ring(&self) {
        let _ = (&self.end).write(&[1]);
    }

    /// Another rope of the same bell.
    pub(crate) fn another(&self) -> io::Result<Self> {
        Ok(Self { end: self.end.try_clone()? })
    }
}
