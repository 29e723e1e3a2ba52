//! The few calls that no safe crate wraps. Each is a few lines, and each says why it is sound.
#![allow(unsafe_code, reason = "the one place of the agent where unsafe is allowed")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

/// Turns a file that would grow beyond RLIMIT_FSIZE into an error of write(2), which has a message and an exit code.
/// The signal's own effect is to kill, and that leaves half a draft.
pub(crate) fn survive_the_file_size_limit() {
    // SAFETY: SIG_IGN installs no handler, so nothing of ours ever runs in the signal's context.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Gives memory that is free back to the system: glibc keeps what lies below the last block that is in use.
#[cfg(target_env = "gnu")]
pub(crate) fn give_back_memory() {
    // SAFETY: malloc_trim touches free memory of the allocator only, under the allocator's own locks.
    unsafe { libc::malloc_trim(0) };
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

/// Commands of bpf(2) that only ask (linux/bpf.h).
mod bpf_command {
    pub(super) const PROG_GET_FD_BY_ID: i64 = 13;
    pub(super) const OBJ_GET_INFO_BY_FD: i64 = 15;
    pub(super) const PROG_QUERY: i64 = 16;
    pub(super) const LINK_GET_FD_BY_ID: i64 = 30;
    pub(super) const LINK_GET_NEXT_ID: i64 = 31;
}

/// `union bpf_attr` as far as the commands above go; what a kernel does not know of it has to be zero, and is.
type BpfAttributes = [u64; 8];

/// bpf(2).
///
/// # Safety
/// Every pointer among the attributes is to memory that the command may write as long as they say.
unsafe fn bpf(command: i64, attributes: &mut BpfAttributes) -> Result<i32, Errno> {
    // SAFETY: the kernel reads and writes at most `size_of` bytes of attributes that are exclusively borrowed, for which
    // any bytes are valid, and what the caller vouches for.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_mut_ptr(), size_of::<BpfAttributes>()) };
    Errno::result(answer).and_then(|answer| i32::try_from(answer).map_err(|_| Errno::EOVERFLOW))
}

/// Two fields of 32 bits that lie side by side in `union bpf_attr`.
fn pair(first: u32, second: u32) -> u64 {
    let ([a, b, c, d], [e, f, g, h]) = (first.to_ne_bytes(), second.to_ne_bytes());
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// The numbers of the programs attached to a target (BPF_PROG_QUERY): a descriptor or the index of an interface.
pub(crate) fn bpf_attached(target: u32, attach_type: u32, flags: u32) -> Result<Vec<u32>, Errno> {
    let mut programs = vec![0_u32; 64];
    loop {
        let room = u32::try_from(programs.len()).map_err(|_| Errno::EOVERFLOW)?;
        let mut attributes: BpfAttributes = [0; 8];
        attributes[0] = pair(target, attach_type);
        attributes[1] = pair(flags, 0);
        attributes[2] = programs.as_mut_ptr() as u64;
        attributes[3] = pair(room, 0);
        // SAFETY: the one pointer is to `programs`, exclusively borrowed, and the kernel is told its true length.
        let asked = unsafe { bpf(bpf_command::PROG_QUERY, &mut attributes) };
        let [a, b, c, d, ..] = attributes[3].to_ne_bytes();
        let count = u32::from_ne_bytes([a, b, c, d]) as usize;
        match asked {
            Ok(_) => {
                programs.truncate(count);
                return Ok(programs);
            }
            Err(Errno::ENOSPC) if programs.len() < 65_536 => programs.resize(programs.len() * 8, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// The number of the link after one (BPF_LINK_GET_NEXT_ID); ENOENT at the end.
pub(crate) fn bpf_link_after(number: u32) -> Result<u32, Errno> {
    let mut attributes: BpfAttributes = [0; 8];
    attributes[0] = pair(number, 0);
    // SAFETY: there is no pointer among the attributes.
    unsafe { bpf(bpf_command::LINK_GET_NEXT_ID, &mut attributes)? };
    let [.., a, b, c, d] = attributes[0].to_ne_bytes();
    Ok(u32::from_ne_bytes([a, b, c, d]))
}

/// What the kernel tells of a program: `struct bpf_prog_info`.
pub(crate) fn bpf_program(number: u32) -> Result<[u64; 32], Errno> {
    bpf_information(bpf_command::PROG_GET_FD_BY_ID, number)
}

/// What the kernel tells of a link: `struct bpf_link_info`.
pub(crate) fn bpf_link(number: u32) -> Result<[u64; 32], Errno> {
    bpf_information(bpf_command::LINK_GET_FD_BY_ID, number)
}

fn bpf_information(open: i64, number: u32) -> Result<[u64; 32], Errno> {
    let mut attributes: BpfAttributes = [0; 8];
    attributes[0] = pair(number, 0);
    // SAFETY: there is no pointer among the attributes.
    let descriptor = unsafe { bpf(open, &mut attributes)? };
    // SAFETY: the kernel has just opened this descriptor for us, with close-on-exec, and nothing else owns it.
    let object = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // The structure carries pointers to buffers of ours; they are null and their lengths 0, so nothing is written there.
    let mut information = [0_u64; 32];
    let number = u32::try_from(object.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    let mut attributes: BpfAttributes = [0; 8];
    attributes[0] = pair(number, 256);
    attributes[1] = information.as_mut_ptr() as u64;
    // SAFETY: the one pointer is to `information`, exclusively borrowed, whose 256 bytes are what the kernel is told.
    unsafe { bpf(bpf_command::OBJ_GET_INFO_BY_FD, &mut attributes)? };
    Ok(information)
}
