//! The few calls that no safe crate wraps. Each is a few lines, and each says why it is sound.
#![allow(unsafe_code, reason = "the one place of the agent where unsafe is allowed")]

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;

/// Turns a file that would grow beyond RLIMIT_FSIZE into an error of write(2), which has a message and an exit code.
/// The signal's own effect is to kill, and that leaves half a draft.
pub(crate) fn survive_the_file_size_limit() {
    // SAFETY: SIG_IGN installs no handler, so nothing of ours ever runs in the signal's context.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Whether the kernel believes its clock to be synchronised (STA_UNSYNC is clear), see adjtimex(2).
pub(crate) fn clock_is_synchronised() -> bool {
    // SAFETY: timex is plain data for which all zeroes is a valid value; `modes` 0 asks and changes nothing.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live, writable timex.
    let outcome = unsafe { libc::adjtimex(&raw mut state) };
    outcome != -1 && outcome != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0
}

/// The hypervisor's signature, CPUID leaf 0x40000000, if the processor says that there is a hypervisor.
#[cfg(target_arch = "x86_64")]
pub(crate) fn cpuid_hypervisor() -> Vec<u8> {
    use std::arch::x86_64::__cpuid;
    // Leaf 1, ECX bit 31 is reserved for hypervisors to set.
    if __cpuid(1).ecx >> 31 == 0 {
        return Vec::new();
    }
    let leaf = __cpuid(0x4000_0000);
    [leaf.ebx, leaf.ecx, leaf.edx].iter().flat_map(|word| word.to_le_bytes()).collect()
}

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
