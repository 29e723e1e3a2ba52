//! What the looking thread may no longer ask of the kernel (seccomp(2)).

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Refuses it from now on to write, to connect and to execute: each such call fails with EPERM. `false`: the kernel does
/// not filter calls.
pub(super) fn only() -> bool {
    program(WHO_LOOKS).is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
}

/// The same for a thread that writes files.
pub(super) fn neither_connect_nor_execute() -> bool {
    program(WHO_WRITES).is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
}

/// The same for a thread that starts a program, and for that program: it can ask a service of this machine who a user
/// is, and has no internet socket.
pub(super) fn neither_write_nor_reach() -> bool {
    program(WHO_STARTS).is_ok_and(|program| seccompiler::apply_filter(&program).is_ok())
}

/// What is left to a thread.
#[derive(Clone, Copy)]
struct Left {
    to_execute: bool,
    /// Every program opens /dev/null for writing; which file it is, only Landlock sees.
    to_open: bool,
    to_write: bool,
}

const WHO_LOOKS: Left = Left { to_execute: false, to_open: false, to_write: false };
const WHO_WRITES: Left = Left { to_execute: false, to_open: true, to_write: true };
const WHO_STARTS: Left = Left { to_execute: true, to_open: true, to_write: false };

fn program(left: Left) -> Result<BpfProgram, Box<dyn std::error::Error>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in REACHING {
        rules.insert(*call, Vec::new());
    }
    if left.to_execute {
        rules.insert(libc::SYS_socket, vec![neither_local_nor_kernel(Vec::new())?]);
    } else {
        for call in CONNECTING_AND_EXECUTING {
            rules.insert(*call, Vec::new());
        }
        rules.insert(libc::SYS_socket, sockets()?);
    }
    // TCP fast open connects without connect(2).
    rules.insert(libc::SYS_sendto, vec![bit(3, libc::MSG_FASTOPEN as u64)?]);
    rules.insert(libc::SYS_sendmsg, vec![bit(2, libc::MSG_FASTOPEN as u64)?]);
    if !left.to_write {
        for call in WRITING {
            rules.insert(*call, Vec::new());
        }
    }
    if !left.to_open {
        rules.insert(libc::SYS_openat, opened_for_writing(2)?);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, opened_for_writing(1)?);
    }
    let architecture: TargetArch = std::env::consts::ARCH.try_into()?;
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    Ok(SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?.try_into()?)
}

/// Sockets that could carry a packet off this machine: all but those of this machine, of the kernel, and of TCP. One of
/// TCP goes nowhere without connect(2), and it is what legacy iptables tables are asked through.
fn sockets() -> Result<Vec<SeccompRule>, Error> {
    let is = |argument, operator, value: i32| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value as u64)
    };
    let (other, masked) = (SeccompCmpOp::Ne, SeccompCmpOp::MaskedEq(0xf));
    let mut rules = vec![neither_local_nor_kernel(vec![
        is(0, other.clone(), libc::AF_INET)?,
        is(0, other.clone(), libc::AF_INET6)?,
    ])?];
    for family in [libc::AF_INET, libc::AF_INET6] {
        let of_family = || is(0, SeccompCmpOp::Eq, family);
        for kind in (2..16).filter(|kind| *kind != libc::SOCK_STREAM) {
            rules.push(SeccompRule::new(vec![of_family()?, is(1, masked.clone(), kind)?])?);
        }
        // MPTCP and SCTP are streams too.
        let protocols =
            vec![of_family()?, is(2, other.clone(), 0)?, is(2, other.clone(), libc::IPPROTO_TCP)?];
        rules.push(SeccompRule::new(protocols)?);
    }
    Ok(rules)
}

/// A socket neither of this machine nor of the kernel, of which more holds.
fn neither_local_nor_kernel(mut more: Vec<SeccompCondition>) -> Result<SeccompRule, Error> {
    for family in [libc::AF_UNIX, libc::AF_NETLINK] {
        more.push(SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family as u64)?);
    }
    Ok(SeccompRule::new(more)?)
}

/// open(2) with any flag that lets a file be made or changed.
fn opened_for_writing(flags: u8) -> Result<Vec<SeccompRule>, Error> {
    [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC]
        .map(|flag| bit(flags, flag as u64))
        .into_iter()
        .collect()
}

/// An argument in which a bit is set.
fn bit(argument: u8, bit: u64) -> Result<SeccompRule, Error> {
    let operator = SeccompCmpOp::MaskedEq(bit);
    Ok(SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, bit)?])?)
}

/// What reaches other machines or into other processes. io_uring connects and writes without a call of its own for each.
const REACHING: &[c_long] = &[
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendmmsg,
    libc::SYS_io_uring_setup,
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
];

/// What reaches whoever listens, or becomes another program.
const CONNECTING_AND_EXECUTING: &[c_long] = &[libc::SYS_connect, libc::SYS_execve, libc::SYS_execveat];

/// What changes files, mounts, or the machine.
const WRITING: &[c_long] = &[
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_renameat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
];
