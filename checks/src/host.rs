//! The one door through which a host is read: the running machine, a mounted image, a recording, a test.

mod tree;

use std::io::Read;

use crate::date::Timestamp;
use crate::facts::sockets::Protocol;
pub use crate::gap::{Gap, GapKind};
use serde::{Deserialize, Serialize};
pub use tree::{Node, Tree};

/// Files that an administrator writes by hand stay under this many bytes; a larger one is a [`Gap`].
pub const SMALL: usize = 1 << 20;
/// Databases and kernel tables that are read whole (dpkg's status, `/proc/net/tcp`) stay under this many bytes.
pub const LARGE: usize = 64 << 20;

/// Which family of operating systems the facts came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// Any distribution of Linux.
    #[default]
    Linux,
    /// macOS on Apple silicon.
    MacOs,
}

/// Everything that a room of facts may ask of a host. No answer is cached and nothing is changed.
///
/// Paths are absolute, `/`-separated and UTF-8; a path below `--root` is resolved inside that root. Every read is
/// bounded, refuses what is not a regular file (FIFO, device, socket) and never blocks.
pub trait Host {
    /// The operating system that this host runs.
    fn system(&self) -> System;

    /// The instant against which ages and dates are judged.
    fn now(&self) -> Timestamp;

    /// The whole content of a regular file, following symlinks.
    ///
    /// # Errors
    /// [`GapKind::TooLarge`] above `limit` bytes, [`GapKind::Unsupported`] for what is not a regular file.
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, Gap>;

    /// Like [`Host::read`], for a file inside a folder that `uid` controls (`~/.ssh/authorized_keys`).
    ///
    /// # Errors
    /// [`GapKind::Denied`] when a symlink leads to a file that `uid` itself could not read: hostduty must not be
    /// made to read it on the user's behalf.
    fn read_as(&self, path: &str, uid: u32, limit: usize) -> Result<Vec<u8>, Gap>;

    /// A stream over a regular file that may be large (package indexes). The caller bounds what it takes.
    ///
    /// # Errors
    /// As [`Host::read`], but for the size.
    fn open(&self, path: &str) -> Result<Box<dyn Read>, Gap>;

    /// Up to `len` bytes of a regular file from `offset` (databases); fewer at its end.
    ///
    /// # Errors
    /// As [`Host::read`], but for the size.
    fn read_at(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap>;

    /// The first `len` bytes from `offset` of a block device (LUKS headers).
    ///
    /// # Errors
    /// [`GapKind::Unsupported`] when `path` is not a block device.
    fn read_block_device(&self, path: &str, offset: u64, len: usize) -> Result<Vec<u8>, Gap>;

    /// The names in a folder, sorted by bytes, without `.` and `..`.
    ///
    /// # Errors
    /// [`GapKind::TooLarge`] above 100,000 names; [`GapKind::Malformed`] when a name is not UTF-8.
    fn list(&self, dir: &str) -> Result<Vec<String>, Gap>;

    /// What is known of a file without opening it, following symlinks.
    ///
    /// # Errors
    /// Absent, denied or offline.
    fn stat(&self, path: &str) -> Result<Stat, Gap>;

    /// Like [`Host::stat`] of the symlink itself.
    ///
    /// # Errors
    /// Absent, denied or offline.
    fn stat_link(&self, path: &str) -> Result<Stat, Gap>;

    /// The text of a symlink, not resolved.
    ///
    /// # Errors
    /// [`GapKind::Unsupported`] when `path` is no symlink.
    fn read_link(&self, path: &str) -> Result<String, Gap>;

    /// What the kernel answers to a question that no file answers.
    ///
    /// # Errors
    /// [`GapKind::Offline`] for an image, [`GapKind::Denied`] without the privilege that the answer takes.
    fn query(&self, query: &Query) -> Result<Vec<u8>, Gap>;

    /// What one of the system's own tools prints. Only macOS hosts answer: there the tools are the interface.
    ///
    /// # Errors
    /// [`GapKind::Unsupported`] on Linux, [`GapKind::TimedOut`] after the command's time, [`GapKind::TooLarge`]
    /// when it prints more than its bound.
    fn run(&self, command: &Command) -> Result<Output, Gap>;
}

/// What kind of file a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link (only from [`Host::stat_link`]).
    Symlink,
    /// A character device, such as /dev/null.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A FIFO, a socket or something else that is never read.
    Other,
}

/// The metadata of a file that judgements rest on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// What the path leads to.
    pub kind: FileKind,
    /// Permission bits, `0o7777` at most.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// Last change of content.
    pub modified: Timestamp,
    /// Birth of the file, where the file system keeps it.
    pub created: Option<Timestamp>,
    /// Device number of the file system it lies on, as in the third field of /proc/self/mountinfo.
    pub device: (u32, u32),
    /// Its number on that file system; 0 where that is not known.
    pub inode: u64,
    /// Whether it is a folder whose files the file system itself enciphers (fscrypt; statx(2), STATX_ATTR_ENCRYPTED).
    pub enciphered: bool,
}

/// A question to the kernel. Each says the form of its answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// One dump of nftables objects over netlink: the replies as the kernel framed them (`nlmsghdr` + `nfgenmsg` +
    /// attributes, see linux/netfilter/nf_tables.h), one after the other. Loads no module: where nf_tables is not
    /// loaded the answer is empty. Needs CAP_NET_ADMIN.
    Nftables(NftObject),
    /// The elements of one set of nftables, in the same form (NFT_MSG_GETSETELEM); absent when there is no such set.
    NftElements {
        /// NFPROTO_* of its table.
        family: u8,
        /// The name of its table.
        table: String,
        /// Its name.
        set: String,
    },
    /// The rules of a legacy table (`IPT_SO_GET_INFO` then `IPT_SO_GET_ENTRIES`): the `ipt_getinfo` structure
    /// followed by the `ipt_get_entries` structure with its entries. Only for a table that
    /// /proc/net/ip{,6}_tables_names lists, so that no module is loaded. Needs CAP_NET_ADMIN.
    LegacyTable {
        /// `false` for iptables, `true` for ip6tables.
        ipv6: bool,
        /// `filter`, `nat`, `raw`, `mangle` or `security`.
        table: String,
    },
    /// One dump of the network's state over rtnetlink: the replies as the kernel framed them (`nlmsghdr` + the object's
    /// own header + attributes, see linux/rtnetlink.h), one after the other. Loads no module and takes no privilege.
    Route(RouteObject),
    /// A dump of every set of ipset with its elements (IPSET_CMD_LIST, protocol 7): the replies as the kernel framed
    /// them. Loads no module: where ip_set is not loaded the answer is empty. Needs CAP_NET_ADMIN.
    IpSets,
    /// The programs of BPF at one kind of place, as lines of text: the hook (a [`BpfHook`](crate::facts::network::BpfHook)
    /// as a snapshot names it), the program's number, its name or `-`, and where it sits, which may be empty and hold
    /// blanks. Needs CAP_NET_ADMIN, for netfilter and for names CAP_SYS_ADMIN.
    Bpf(BpfObject),
    /// The sockets that wait for somebody (TCP in LISTEN, unconnected UDP) as sock_diag tells them: messages of
    /// `nlmsghdr`, `inet_diag_msg` and attributes (linux/inet_diag.h). Takes no privilege. Loads no module: where the
    /// kernel's tcp_diag or udp_diag is a module that is not loaded, the answer is a gap.
    SocketDiag {
        /// TCP or UDP.
        protocol: Protocol,
        /// Sockets of IPv6 instead of IPv4.
        ipv6: bool,
    },
    /// The value of a key relative to this domain in xenstore. Needs root.
    Xenstore(String),
    /// The hypervisor's signature from CPUID leaf 0x40000000, 12 bytes; empty without a hypervisor.
    CpuidHypervisor,
    /// `synchronised` or `unsynchronised`, as adjtimex(2) says.
    ClockState,
    /// When the machine started, in seconds since 1970, as decimal digits.
    BootTime,
    /// The node name of the machine.
    HostName,
    /// The processor architecture, such as `x86_64` or `aarch64`.
    Architecture,
    /// The effective user id of hostduty itself, as decimal digits.
    EffectiveUser,
}

impl Query {
    /// What the question is about, as people call it.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Nftables(object) => format!("nftables {}", format!("{object:?}").to_lowercase()),
            Self::NftElements { table, set, .. } => format!("nftables set {set} in table {table}"),
            Self::LegacyTable { ipv6, table } => {
                format!("the {}tables {table} table", if *ipv6 { "ip6" } else { "ip" })
            }
            Self::Route(object) => object.subject(),
            Self::IpSets => "the sets of ipset".to_owned(),
            Self::Bpf(object) => object.subject(),
            Self::SocketDiag { protocol, ipv6 } => {
                format!("the options of {} sockets of IPv{}", protocol.name(), if *ipv6 { 6 } else { 4 })
            }
            Self::Xenstore(key) => format!("{key} in xenstore"),
            Self::CpuidHypervisor => "the processor's hypervisor signature".to_owned(),
            Self::ClockState => "the clock's state".to_owned(),
            Self::BootTime => "the boot time".to_owned(),
            Self::HostName => "the node name".to_owned(),
            Self::Architecture => "the processor architecture".to_owned(),
            Self::EffectiveUser => "the user that hostduty runs as".to_owned(),
        }
    }
}

/// The objects of nftables that a dump may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NftObject {
    /// NFT_MSG_GETTABLE
    Tables,
    /// NFT_MSG_GETCHAIN
    Chains,
    /// NFT_MSG_GETRULE
    Rules,
    /// NFT_MSG_GETSET
    Sets,
    /// NFT_MSG_GETOBJ
    Objects,
    /// NFT_MSG_GETFLOWTABLE
    Flowtables,
}

/// What a dump over rtnetlink may ask for, in the network namespace of hostduty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteObject {
    /// RTM_GETLINK
    Links,
    /// RTM_GETADDR of every family
    Addresses,
    /// RTM_GETROUTE of every family and table
    Routes,
    /// RTM_GETRULE of every family; empty in a kernel without policy routing
    Rules,
    /// RTM_GETQDISC of every interface; empty in a kernel without traffic control
    Qdiscs,
    /// RTM_GETTFILTER of an interface with an `ingress` or `clsact` qdisc
    Filters {
        /// Its index.
        interface: u32,
        /// What sees outgoing packets instead of incoming ones.
        egress: bool,
    },
}

impl RouteObject {
    fn subject(self) -> String {
        match self {
            Self::Links => "the list of interfaces".to_owned(),
            Self::Addresses => "the addresses of interfaces".to_owned(),
            Self::Routes => "the routes".to_owned(),
            Self::Rules => "the rules that choose a table of routes".to_owned(),
            Self::Qdiscs => "the list of qdiscs".to_owned(),
            Self::Filters { interface, .. } => format!("the filters of tc on the interface {interface}"),
        }
    }
}

/// Where programs of BPF may sit that rtnetlink does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BpfObject {
    /// tcx and netkit on the interface of this index.
    Interface(u32),
    /// The choice of sockets in the network namespace of hostduty.
    Namespace,
    /// Every control group, for packets that come in.
    ControlGroups,
    /// Hooks of netfilter.
    Netfilter,
}

impl BpfObject {
    /// What the question is about.
    #[must_use]
    pub fn subject(self) -> String {
        match self {
            Self::Interface(index) => format!("programs of BPF on the interface {index}"),
            Self::Namespace => "programs of BPF that choose sockets".to_owned(),
            Self::ControlGroups => "programs of BPF on control groups".to_owned(),
            Self::Netfilter => "programs of BPF at hooks of netfilter".to_owned(),
        }
    }
}

/// A system tool with its arguments; run with `LC_ALL=C`, a cleared environment, a timeout and bounded output.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Command {
    /// Absolute path of the program.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl Command {
    /// A command with its arguments.
    #[must_use]
    pub fn new(program: &'static str, arguments: &[&str]) -> Self {
        Self { program, arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect() }
    }

    /// The command as one would type it.
    #[must_use]
    pub fn line(&self) -> String {
        std::iter::once(self.program)
            .chain(self.arguments.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// What a command printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// Exit status; negative for the signal that ended it.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error, which on macOS often carries the answer.
    pub stderr: Vec<u8>,
}

/// Reads a small text file; bytes that are not UTF-8 are a [`GapKind::Malformed`].
///
/// # Errors
/// As [`Host::read`].
pub fn read_text(host: &dyn Host, path: &str, limit: usize) -> Result<String, Gap> {
    String::from_utf8(host.read(path, limit)?).map_err(|_| Gap::malformed(format!("{path} is not UTF-8")))
}

/// Reads a file of one line, such as those in /sys, without its line end.
///
/// # Errors
/// As [`Host::read`].
pub fn read_line(host: &dyn Host, path: &str) -> Result<String, Gap> {
    Ok(read_text(host, path, 64 << 10)?.trim_end_matches(['\n', '\0']).to_owned())
}
