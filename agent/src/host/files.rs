//! Opening files with care: what is not a regular file is never opened for reading, nothing blocks, every read ends.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};

use checks::date::Timestamp;
use checks::gap::Gap;
use checks::host::{FileKind, Stat};
use nix::errno::Errno;
use nix::fcntl::{self, OFlag};
use nix::sys::stat::Mode;

/// More names than this in one folder is a gap.
const MAX_NAMES: usize = 100_000;

/// A handle on a file that has not been opened for reading yet, so that looking at a device has no effect on it.
#[cfg(target_os = "linux")]
pub(super) const HANDLE: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);
/// Other systems have no O_PATH; O_NONBLOCK keeps a FIFO from blocking.
#[cfg(not(target_os = "linux"))]
pub(super) const HANDLE: OFlag = OFlag::O_NONBLOCK.union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// The handle on the symlink itself.
#[cfg(target_os = "linux")]
pub(super) const LINK_HANDLE: OFlag = HANDLE.union(OFlag::O_NOFOLLOW);
/// macOS opens a symlink itself with O_SYMLINK, which nix does not name.
#[cfg(not(target_os = "linux"))]
pub(super) const LINK_HANDLE: OFlag = HANDLE.union(OFlag::from_bits_retain(libc::O_SYMLINK));

/// Where paths lead: the whole machine, or a root on its disk.
pub(super) trait Resolve {
    /// Opens a handle on `path` with [`HANDLE`] or [`LINK_HANDLE`].
    fn handle(&self, path: &str, flags: OFlag) -> Result<OwnedFd, Errno>;
    /// The text of the symlink that `path` is.
    fn link(&self, path: &str) -> Result<OsString, Errno>;
    /// The folder that its paths begin at, where that is not the machine's own `/`.
    #[cfg(target_os = "linux")]
    fn top(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

/// The gap that an error of the system means for a path.
pub(super) fn gap(path: &str, errno: Errno) -> Gap {
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENODEV | Errno::ENXIO | Errno::ESRCH => Gap::absent(path),
        Errno::EACCES | Errno::EPERM => Gap::denied(path),
        Errno::ELOOP => Gap::malformed(format!("{path} is a loop of symlinks")),
        other => Gap::unsupported(format!("{path} cannot be read: {}", other.desc())),
    }
}

fn io_gap(path: &str, error: &std::io::Error) -> Gap {
    gap(path, Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32)))
}

/// What is known of the file behind a handle.
pub(super) fn stat(path: &str, handle: &File) -> Result<Stat, Gap> {
    let meta = handle.metadata().map_err(|error| io_gap(path, &error))?;
    let kind = meta.file_type();
    Ok(Stat {
        kind: if kind.is_file() {
            FileKind::File
        } else if kind.is_dir() {
            FileKind::Dir
        } else if kind.is_symlink() {
            FileKind::Symlink
        } else if kind.is_char_device() {
            FileKind::CharDevice
        } else if kind.is_block_device() {
            FileKind::BlockDevice
        } else {
            FileKind::Other
        },
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
        size: meta.size(),
        modified: Timestamp(meta.mtime()),
        created: meta
            .created()
            .ok()
            .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|since| i64::try_from(since.as_secs()).ok())
            .map(Timestamp),
        device: device_number(meta.dev()),
        inode: meta.ino(),
        enciphered: kind.is_dir() && is_enciphered(handle),
    })
}

/// The attribute that no older call tells; a kernel without statx(2) knows no such folder either.
#[cfg(target_os = "linux")]
fn is_enciphered(handle: &File) -> bool {
    use rustix::fs::{AtFlags, StatxAttributes, StatxFlags, statx};
    statx(handle, c"", AtFlags::EMPTY_PATH, StatxFlags::empty())
        .is_ok_and(|told| told.stx_attributes.contains(StatxAttributes::ENCRYPTED))
}

/// fscrypt is Linux's.
#[cfg(not(target_os = "linux"))]
fn is_enciphered(_handle: &File) -> bool {
    false
}

/// Major and minor as the kernel writes them in /proc/self/mountinfo.
#[cfg(target_os = "linux")]
fn device_number(device: u64) -> (u32, u32) {
    let part = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    (part(nix::sys::stat::major(device)), part(nix::sys::stat::minor(device)))
}

/// macOS has no use for the numbers.
#[cfg(not(target_os = "linux"))]
fn device_number(_device: u64) -> (u32, u32) {
    (0, 0)
}

/// Opens the file behind `path` for reading if it is of the wanted kind, and if `reader` could read it itself.
pub(super) fn open(
    place: &dyn Resolve,
    path: &str,
    kind: FileKind,
    reader: Option<u32>,
) -> Result<(File, Stat), Gap> {
    let handle = File::from(place.handle(path, HANDLE).map_err(|errno| gap(path, errno))?);
    let stat = stat(path, &handle)?;
    if stat.kind != kind {
        let wanted = if kind == FileKind::BlockDevice { "a block device" } else { "a regular file" };
        return Err(Gap::unsupported(format!("{path} is not {wanted}")));
    }
    if let Some(uid) = reader
        && uid != 0
        && stat.uid != uid
        && (stat.mode & 0o004 == 0 || !is_reachable(place, &handle, uid))
    {
        return Err(Gap::denied(format!("{path}, which uid {uid} may not read itself")));
    }
    Ok((reopen(path, handle)?, stat))
}

/// Whether the folders above a file let a user pass who does not own it. A folder that only a group may pass is taken
/// for the user's own, because who is in it is not asked here.
#[cfg(target_os = "linux")]
fn is_reachable(place: &dyn Resolve, handle: &File, uid: u32) -> bool {
    use std::os::fd::AsRawFd;
    let real = |fd: i32| fcntl::readlink(format!("/proc/self/fd/{fd}").as_str()).ok()?.into_string().ok();
    let Some(path) = real(handle.as_raw_fd()) else { return false };
    let top = place.top().and_then(|top| real(top.as_raw_fd())).unwrap_or_default();
    let Some(path) = path.strip_prefix(top.trim_end_matches('/')) else { return false };
    path.match_indices('/').all(|(at, _)| {
        let folder = path.get(..at).filter(|folder| !folder.is_empty()).unwrap_or("/");
        place.handle(folder, HANDLE).is_ok_and(|handle| {
            stat(folder, &handle.into()).is_ok_and(|it| it.uid == uid || it.mode & 0o011 != 0)
        })
    })
}

/// Elsewhere no link tells the true path of an open file, and the bits of the file itself have to do.
#[cfg(not(target_os = "linux"))]
fn is_reachable(_place: &dyn Resolve, _handle: &File, _uid: u32) -> bool {
    true
}

/// The kernel's own link to the open handle leads to the very file that was looked at, whatever its name leads to now.
#[cfg(target_os = "linux")]
fn reopen(path: &str, handle: File) -> Result<File, Gap> {
    use std::os::fd::AsRawFd;
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    fcntl::open(format!("/proc/self/fd/{}", handle.as_raw_fd()).as_str(), flags, Mode::empty())
        .map(File::from)
        .map_err(|errno| if errno == Errno::ENOENT { unlinked(path) } else { gap(path, errno) })
}

/// The file was there a moment ago. Without /proc nothing leads from a handle to its file, and what cannot be read
/// must not be taken for what does not exist.
#[cfg(target_os = "linux")]
fn unlinked(path: &str) -> Gap {
    match fcntl::open("/proc/self/fd", HANDLE, Mode::empty()) {
        Ok(_) => Gap::absent(path),
        Err(_) => {
            Gap::unsupported(format!("{path} cannot be read where hostduty runs: /proc is not mounted there"))
        }
    }
}

/// Without O_PATH the handle is the open file already.
#[cfg(not(target_os = "linux"))]
fn reopen(_path: &str, handle: File) -> Result<File, Gap> {
    Ok(handle)
}

/// The whole file, if it is not larger than `limit`.
pub(super) fn read(
    place: &dyn Resolve,
    path: &str,
    reader: Option<u32>,
    limit: usize,
) -> Result<Vec<u8>, Gap> {
    let (file, stat) = open(place, path, FileKind::File, reader)?;
    if stat.size > limit as u64 {
        return Err(Gap::too_large(path));
    }
    // Files of /proc have no size. The kernel works out a table of sockets anew for each read: a few large ones are
    // faster, and closer to one moment, than the many small ones that an empty buffer begins with.
    let expected =
        if stat.size == 0 { 16 << 10 } else { usize::try_from(stat.size).unwrap_or(0).saturating_add(1) };
    let mut content = Vec::with_capacity(expected);
    file.take(limit as u64 + 1).read_to_end(&mut content).map_err(|error| io_gap(path, &error))?;
    if content.len() > limit { Err(Gap::too_large(path)) } else { Ok(content) }
}

/// Up to `len` bytes from `offset`.
pub(super) fn read_at(
    place: &dyn Resolve,
    path: &str,
    kind: FileKind,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, Gap> {
    let (file, _) = open(place, path, kind, None)?;
    let mut content = Vec::new();
    let mut chunk = vec![0; len.min(64 << 10)];
    while content.len() < len {
        let room = chunk.len().min(len - content.len());
        match file.read_at(&mut chunk[..room], offset.saturating_add(content.len() as u64)) {
            Ok(0) => break,
            Ok(count) => content.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_gap(path, &error)),
        }
    }
    Ok(content)
}

/// The names in a folder, sorted by bytes.
pub(super) fn list(place: &dyn Resolve, dir: &str) -> Result<Vec<String>, Gap> {
    let handle = place.handle(dir, HANDLE).map_err(|errno| gap(dir, errno))?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let folder = fcntl::openat(handle.as_fd(), ".", flags, Mode::empty()).map_err(|errno| match errno {
        Errno::ENOTDIR => Gap::unsupported(format!("{dir} is not a folder")),
        other => gap(dir, other),
    })?;
    let folder = nix::dir::Dir::from_fd(folder).map_err(|errno| gap(dir, errno))?;
    let mut names = Vec::new();
    for entry in folder {
        let entry = entry.map_err(|errno| gap(dir, errno))?;
        match entry.file_name().to_str() {
            Ok("." | "..") => {}
            Ok(name) => names.push(name.to_owned()),
            Err(_) => return Err(Gap::malformed(format!("a name in {dir} is not UTF-8"))),
        }
        if names.len() > MAX_NAMES {
            return Err(Gap::too_large(dir));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The text of a symlink.
pub(super) fn read_link(place: &dyn Resolve, path: &str) -> Result<String, Gap> {
    let target = place.link(path).map_err(|errno| match errno {
        Errno::EINVAL => Gap::unsupported(format!("{path} is not a symlink")),
        other => gap(path, other),
    })?;
    target.into_string().map_err(|_| Gap::malformed(format!("the symlink {path} is not UTF-8")))
}
