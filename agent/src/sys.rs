//! The few system calls that no safe wrapper offers.
#![allow(unsafe_code, reason = "getsockopt with a structure of netfilter is not wrapped by nix")]

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// getsockopt(2) with a buffer that carries the question in and the answer out. Returns how many bytes were answered.
pub(crate) fn socket_option(
    socket: BorrowedFd<'_>,
    level: i32,
    name: i32,
    buffer: &mut [u8],
) -> Result<usize, Errno> {
    let mut length = libc::socklen_t::try_from(buffer.len()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the pointer and `length` describe `buffer`,
    // which is initialised and exclusively borrowed, and the kernel writes at most `length` bytes to it and one
    // length to `length`. Any bytes are valid in a buffer of u8.
    let status = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, buffer.as_mut_ptr().cast(), &raw mut length)
    };
    Errno::result(status)?;
    Ok((length as usize).min(buffer.len()))
}
