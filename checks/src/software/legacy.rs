//! Services of obsolete protocols, and services of a desktop's network that a server seldom means to offer.

use super::Software;
use crate::facts::sockets::Protocol::{self, Tcp, Udp};

/// A service that a server should not offer.
#[derive(Debug)]
pub(crate) struct Legacy {
    /// What it is.
    pub(crate) software: Software,
    /// Where it listens.
    pub(crate) ports: &'static [(Protocol, u16)],
    /// Its names in inetd.conf and xinetd.d, as in services(5).
    pub(crate) inetd: &'static [&'static str],
    /// What is wrong with it, after "which".
    pub(crate) fault: &'static str,
    /// Only listening beyond the machine itself is a finding.
    pub(crate) only_remote: bool,
}

const fn software(
    name: &'static str,
    packages: &'static [&'static str],
    units: &'static [&'static str],
    programs: &'static [&'static str],
) -> Software {
    Software { name, packages, units, programs }
}

/// Every service that the check knows.
pub(crate) static SERVICES: &[Legacy] = &[
    Legacy {
        software: software(
            "telnet",
            &["telnetd", "telnetd-ssl", "inetutils-telnetd", "telnet-server", "busybox-extras"],
            &["telnet.socket", "telnetd.service", "inetutils-telnetd.service"],
            &["/usr/sbin/in.telnetd", "/usr/sbin/telnetd"],
        ),
        ports: &[(Tcp, 23)],
        inetd: &["telnet"],
        fault: "sends passwords in clear",
        only_remote: false,
    },
    Legacy {
        software: software(
            "rsh, rlogin and rexec",
            &["rsh-server", "rsh-redone-server", "inetutils-rshd"],
            &["rsh.socket", "rlogin.socket", "rexec.socket"],
            &["/usr/sbin/in.rshd", "/usr/sbin/in.rlogind", "/usr/sbin/in.rexecd"],
        ),
        ports: &[(Tcp, 512), (Tcp, 513), (Tcp, 514)],
        inetd: &["shell", "login", "exec", "rsh", "rlogin", "rexec"],
        fault: "believes the address of the caller",
        only_remote: false,
    },
    Legacy {
        software: software(
            "TFTP",
            &["tftpd", "tftpd-hpa", "atftpd", "tftp-server"],
            &["tftp.socket", "tftp.service", "tftpd-hpa.service", "atftpd.service"],
            &["/usr/sbin/in.tftpd", "/usr/sbin/atftpd"],
        ),
        ports: &[(Udp, 69)],
        inetd: &["tftp"],
        fault: "asks nobody for a password",
        only_remote: false,
    },
    Legacy {
        software: software(
            "NIS",
            &["ypserv", "nis"],
            &["ypserv.service", "ypbind.service", "yppasswdd.service", "nis.service"],
            &["/usr/sbin/ypserv", "/usr/sbin/ypbind", "/usr/sbin/rpc.yppasswdd"],
        ),
        ports: &[],
        inetd: &[],
        fault: "hands password hashes to the network",
        only_remote: false,
    },
    Legacy {
        software: software(
            "talk",
            &["talkd", "talk-server", "inetutils-talkd"],
            &["ntalk.socket", "talk.socket"],
            &["/usr/sbin/in.talkd", "/usr/sbin/in.ntalkd"],
        ),
        ports: &[(Udp, 517), (Udp, 518)],
        inetd: &["talk", "ntalk"],
        fault: "nobody maintains",
        only_remote: false,
    },
    Legacy {
        software: software(
            "finger",
            &["fingerd", "cfingerd", "efingerd", "finger-server"],
            &["finger.socket", "fingerd.service", "cfingerd.service"],
            &["/usr/sbin/in.fingerd", "/usr/sbin/cfingerd", "/usr/sbin/efingerd"],
        ),
        ports: &[(Tcp, 79)],
        inetd: &["finger"],
        fault: "tells strangers who has an account",
        only_remote: false,
    },
    Legacy {
        software: software("Avahi", &[], &[], &["/usr/sbin/avahi-daemon"]),
        ports: &[(Udp, 5353)],
        inetd: &[],
        fault: "tells the network which services this machine has",
        only_remote: true,
    },
    Legacy {
        software: software("CUPS", &[], &[], &["/usr/sbin/cupsd", "/usr/sbin/cups-browsed"]),
        ports: &[(Tcp, 631), (Udp, 631)],
        inetd: &[],
        fault: "offers printers to the network",
        only_remote: true,
    },
    Legacy {
        software: software("rpcbind", &[], &[], &["/usr/sbin/rpcbind", "/sbin/rpcbind"]),
        ports: &[(Tcp, 111), (Udp, 111)],
        inetd: &[],
        fault: "others abuse to multiply their traffic",
        only_remote: true,
    },
];

/// The daemons that start others for a caller.
pub(crate) static SUPERSERVERS: Software = software(
    "inetd",
    &["openbsd-inetd", "inetutils-inetd", "xinetd", "rlinetd"],
    &["inetd.service", "openbsd-inetd.service", "inetutils-inetd.service", "xinetd.service"],
    &["/usr/sbin/inetd", "/usr/sbin/inetutils-inetd", "/usr/sbin/xinetd"],
);
