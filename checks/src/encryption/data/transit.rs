//! Whether what is written to a network file system crosses the network enciphered, as far as its mount options tell.
//!
//! The options are those that the kernel shows in mountinfo, the effective ones: nfs(5), mount.cifs(8), mount.ceph(8),
//! `Documentation/filesystems/9p.rst`. Helpers of FUSE show none of theirs.

use crate::facts::block::Mount;

/// How data get to where a file system keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Transit {
    /// Enciphered; by what.
    Enciphered(String),
    /// In the clear, for whoever sees the packets; why.
    Clear(String),
    /// They cross no network: the hypervisor hands them over.
    Handed,
    /// Nobody can tell from here; why.
    Unclear(String),
}

/// How the data of this mount travel.
pub(super) fn transit(mount: &Mount) -> Transit {
    let option = |name: &str| {
        mount.transport.iter().find_map(|option| match option.split_once('=') {
            Some((key, value)) => (key == name).then_some(value),
            None => (option == name).then_some(""),
        })
    };
    let kind = mount.file_system.strip_prefix("fuse.").unwrap_or(&mount.file_system);
    if is_loopback(mount, option("addr")) {
        return Transit::Unclear(
            "its server answers on this machine itself, and what stands behind it is not to be seen"
                .to_owned(),
        );
    }
    match kind {
        "nfs" | "nfs4" => nfs(option("sec"), option("xprtsec")),
        "cifs" | "smb3" => cifs(option("seal").is_some(), option("vers")),
        "smbfs" => Transit::Clear("smbfs knows no encryption".to_owned()),
        "ceph" => match option("ms_mode") {
            Some("secure") => Transit::Enciphered("ms_mode=secure".to_owned()),
            Some("prefer-secure") => {
                Transit::Unclear("ms_mode=prefer-secure leaves the choice to the servers".to_owned())
            }
            Some("prefer-crc") => {
                Transit::Unclear("ms_mode=prefer-crc leaves the choice to the servers".to_owned())
            }
            Some(mode) => Transit::Clear(format!("ms_mode={mode}")),
            None => Transit::Clear("no ms_mode=secure".to_owned()),
        },
        "9p" => match option("trans") {
            Some("virtio" | "xen") => Transit::Handed,
            Some("tcp") => Transit::Clear("trans=tcp".to_owned()),
            _ => Transit::Unclear("its options do not say how it travels".to_owned()),
        },
        "virtiofs" | "vboxsf" | "vmhgfs" | "vmhgfs-fuse" | "prl_fs" => Transit::Handed,
        "sshfs" => Transit::Enciphered("ssh".to_owned()),
        "davfs" if mount.source.starts_with("https://") => Transit::Enciphered("https".to_owned()),
        "davfs" if mount.source.starts_with("http://") => Transit::Clear("http".to_owned()),
        _ => Transit::Unclear(format!("{kind} does not show in its mount options how it travels")),
    }
}

fn nfs(security: Option<&str>, transport: Option<&str>) -> Transit {
    match (security, transport) {
        (_, Some(tls @ ("tls" | "mtls"))) => Transit::Enciphered(format!("xprtsec={tls}")),
        (Some("krb5p"), _) => Transit::Enciphered("sec=krb5p".to_owned()),
        (Some("krb5i"), _) => Transit::Clear("sec=krb5i signs and does not encipher".to_owned()),
        (Some(other @ ("sys" | "null" | "none" | "krb5")), _) => {
            Transit::Clear(format!("sec={other} without xprtsec="))
        }
        (Some(other), _) => Transit::Unclear(format!("hostduty does not know what sec={other} does")),
        (None, _) => Transit::Unclear("its options do not name its security (sec=)".to_owned()),
    }
}

/// The server may demand what the mount did not ask for, from SMB 3 on.
fn cifs(sealed: bool, version: Option<&str>) -> Transit {
    match version {
        _ if sealed => Transit::Enciphered("seal".to_owned()),
        Some(old @ ("1.0" | "2.0" | "2.1" | "2.02")) => {
            Transit::Clear(format!("SMB {old} without seal"))
        }
        _ => Transit::Unclear(
            "it was not mounted with seal, and /proc/fs/cifs/DebugData alone shows whether the server demands encryption"
                .to_owned(),
        ),
    }
}

fn is_loopback(mount: &Mount, address: Option<&str>) -> bool {
    let host = match mount.source.strip_prefix("//") {
        Some(share) => share.split('/').next(),
        None => mount.source.rsplit_once(":/").map(|(host, _)| host),
    };
    address.or(host).is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost"
            || host == "::1"
            || host.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_tell() {
        let enciphered = |by: &str| Transit::Enciphered(by.to_owned());
        for (kind, source, options, wanted) in [
            ("nfs4", "filer:/x", "sec=krb5p vers=4.2", enciphered("sec=krb5p")),
            ("nfs4", "filer:/x", "sec=sys xprtsec=mtls", enciphered("xprtsec=mtls")),
            ("nfs", "filer:/x", "sec=krb5p vers=3", enciphered("sec=krb5p")),
            ("cifs", "//filer/x", "vers=3.1.1 seal", enciphered("seal")),
            ("ceph", "a@b.c=/", "ms_mode=secure", enciphered("ms_mode=secure")),
            ("fuse.sshfs", "filer:/x", "", enciphered("ssh")),
            ("fuse.davfs", "https://filer/x", "", enciphered("https")),
            ("virtiofs", "tag", "", Transit::Handed),
            ("9p", "tag", "trans=virtio", Transit::Handed),
        ] {
            assert_eq!(told(kind, source, options), wanted, "{kind} {options}");
        }
        for (kind, source, options) in [
            ("nfs4", "filer:/x", "sec=sys"),
            ("nfs4", "[2001:db8::1]:/x", "sec=krb5i"),
            ("nfs", "filer:/x", "sec=krb5"),
            ("cifs", "//filer/x", "vers=2.1"),
            ("ceph", "a@b.c=/", ""),
            ("ceph", "a@b.c=/", "ms_mode=crc"),
            ("9p", "192.0.2.1", "trans=tcp"),
            ("fuse.davfs", "http://filer/x", ""),
        ] {
            assert!(matches!(told(kind, source, options), Transit::Clear(_)), "{kind} {options}");
        }
        for (kind, source, options) in [
            ("nfs4", "filer:/x", ""),
            ("nfs4", "filer:/x", "sec=lkey"),
            ("nfs4", "127.0.0.1:/x", "sec=sys"),
            ("nfs4", "filer:/x", "sec=sys addr=::1"),
            ("cifs", "//filer/x", "vers=3.0"),
            ("cifs", "//localhost/x", "vers=2.1"),
            ("ceph", "a@b.c=/", "ms_mode=prefer-secure"),
            ("fuse.glusterfs", "filer:/x", ""),
            ("9p", "tag", ""),
        ] {
            assert!(matches!(told(kind, source, options), Transit::Unclear(_)), "{kind} {options}");
        }
    }

    fn told(kind: &str, source: &str, options: &str) -> Transit {
        transit(&Mount {
            file_system: kind.to_owned(),
            source: source.to_owned(),
            transport: options.split_whitespace().map(str::to_owned).collect(),
            ..Mount::default()
        })
    }
}
