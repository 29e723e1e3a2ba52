//! What a file system's type says about where its data lie.

/// Where the data of a file system lie, as far as its type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// On the block device with its device number.
    Device,
    /// On one or more devices that /sys/fs/btrfs lists.
    Btrfs,
    /// In a ZFS pool.
    Zfs,
    /// On the file systems of the folders that it merges.
    Overlay,
    /// In files of its own, enciphered.
    EncryptedFolder,
    /// On another machine.
    Elsewhere,
    /// In memory.
    Memory,
    /// Nowhere: the kernel or a program makes them up.
    Interface,
    /// In a read-only image.
    Image,
}

/// The class of a type as mountinfo writes it.
pub(super) fn classify(file_system: &str) -> Class {
    let fuse = file_system.strip_prefix("fuse.");
    match fuse.unwrap_or(file_system) {
        "btrfs" => Class::Btrfs,
        "zfs" => Class::Zfs,
        "overlay" if fuse.is_none() => Class::Overlay,
        "ecryptfs" | "gocryptfs" | "encfs" | "cryfs" | "securefs" => Class::EncryptedFolder,
        "tmpfs" | "ramfs" | "rootfs" | "devtmpfs" => Class::Memory,
        "squashfs" | "erofs" | "iso9660" | "cramfs" | "romfs" | "snapfuse" | "squashfuse" => Class::Image,
        name if fuse.is_some() && name.ends_with(".AppImage") => Class::Image,
        name if INTERFACES.contains(&name) => Class::Interface,
        name if NETWORK.contains(&name) => Class::Elsewhere,
        _ => Class::Device,
    }
}

/// Types that hold no data, from /proc/filesystems of current kernels, and FUSE helpers of desktops and containers.
const INTERFACES: &[&str] = &[
    "autofs",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "gvfsd-fuse",
    "hugetlbfs",
    "lxcfs",
    "mqueue",
    "nfsd",
    "nsfs",
    "nullfs",
    "pipefs",
    "portal",
    "proc",
    "pstore",
    "resctrl",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "sysfs",
    "tracefs",
    "veracrypt",
    "xenfs",
];

/// Types whose data lie on another machine, or on the hypervisor's file system.
const NETWORK: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "beegfs_nodev",
    "blobfuse2",
    "ceph",
    "ceph-fuse",
    "cifs",
    "coda",
    "curlftpfs",
    "cvmfs2",
    "davfs",
    "gcsfuse",
    "glusterfs",
    "goofys",
    "gpfs",
    "juicefs",
    "lustre",
    "mount-s3",
    "mountpoint-s3",
    "nfs",
    "nfs4",
    "orangefs",
    "pvfs2",
    "panfs",
    "prl_fs",
    "rclone",
    "s3fs",
    "seaweedfs",
    "smb3",
    "smbfs",
    "sshfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
    "vmhgfs-fuse",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_apart() {
        for (file_system, class) in [
            ("ext4", Class::Device),
            ("fuseblk", Class::Device),
            ("fuse.mergerfs", Class::Device),
            ("fuse.sshfs", Class::Elsewhere),
            ("fuse.gocryptfs", Class::EncryptedFolder),
            ("fuse.lxcfs", Class::Interface),
            ("xenfs", Class::Interface),
            ("nfs4", Class::Elsewhere),
            ("squashfs", Class::Image),
            ("fuse.Editor.AppImage", Class::Image),
            ("tmpfs", Class::Memory),
        ] {
            assert_eq!(classify(file_system), class, "{file_system}");
        }
    }
}
