//! What holds where no line sets a keyword.

use super::algorithms::{self, Kind};
use super::build::{Build, Vendor};
use super::keywords;

/// The default of a keyword by its canonical name, in the words that [`values::verify`](super::values::verify) uses.
/// Nothing for lists that are empty, for users that no line names, and for what a build does not know.
///
/// Before 8.7 `kbdinteractiveauthentication` is `no` by itself and ChallengeResponseAuthentication, `yes`, turns it on:
/// see [`merge::settle`](super::merge::settle). HostKey and ListenAddress stand for several files and addresses.
pub(super) fn of(name: &str, build: &Build) -> Vec<String> {
    if keywords::named(name, build).is_none() {
        return Vec::new();
    }
    if let Some(kind) = kind(name) {
        return vec![algorithms::defaults(kind, build).join(",")];
    }
    let debian = build.vendor == Vendor::Debian;
    let words: &[&str] = match name {
        "addressfamily" | "authenticationmethods" | "permitlisten" | "permitopen" => &["any"],
        "allowagentforwarding"
        | "allowstreamlocalforwarding"
        | "allowtcpforwarding"
        | "challengeresponseauthentication"
        | "compression"
        | "debianbanner"
        | "gssapicleanupcredentials"
        | "gssapidelegatecredentials"
        | "gssapistrictacceptorcheck"
        | "ignorerhosts"
        | "kerberosorlocalpasswd"
        | "kerberosticketcleanup"
        | "kerberosusekuserok"
        | "passwordauthentication"
        | "permittty"
        | "permituserrc"
        | "printlastlog"
        | "printmotd"
        | "pubkeyauthentication"
        | "strictmodes"
        | "tcpkeepalive"
        | "x11uselocalhost" => &["yes"],
        "disableforwarding"
        | "exposeauthinfo"
        | "gatewayports"
        | "gssapiauthentication"
        | "gssapienablek5users"
        | "gssapikeyexchange"
        | "gssapistorecredentialsonrekey"
        | "hostbasedauthentication"
        | "hostbasedusesnamefrompacketonly"
        | "ignoreuserknownhosts"
        | "kerberosauthentication"
        | "kerberosuniqueccache"
        | "permitemptypasswords"
        | "permittunnel"
        | "permituserenvironment"
        | "refuseconnection"
        | "streamlocalbindunlink"
        | "usedns"
        | "usepam"
        | "x11forwarding" => &["no"],
        "kbdinteractiveauthentication" => match build.since(8, 7) {
            true => &["yes"],
            false => &["no"],
        },
        "authorizedkeyscommand"
        | "authorizedprincipalscommand"
        | "authorizedprincipalsfile"
        | "banner"
        | "channeltimeout"
        | "chrootdirectory"
        | "forcecommand"
        | "hostkeyagent"
        | "persourcemaxstartups"
        | "persourcepenaltyexemptlist"
        | "pubkeyauthoptions"
        | "revokedkeys"
        | "trustedusercakeys"
        | "unusedconnectiontimeout"
        | "versionaddendum" => &["none"],
        "authorizedkeysfile" => &[".ssh/authorized_keys", ".ssh/authorized_keys2"],
        "clientalivecountmax" => &["3"],
        "clientaliveinterval" => &["0"],
        "fingerprinthash" => &["SHA256"],
        "gssapikexalgorithms" => &[algorithms::GSS_DEFAULTS],
        "hostkey" => match build.since(10, 4) {
            true => &[
                "/etc/ssh/ssh_host_rsa_key",
                "/etc/ssh/ssh_host_ecdsa_key",
                "/etc/ssh/ssh_host_ed25519_key",
                "/etc/ssh/ssh_host_mldsa44_ed25519_key",
            ],
            false => {
                &["/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key"]
            }
        },
        "ipqos" if debian && !build.since(10, 0) => &["lowdelay", "throughput"],
        "ipqos" if debian && !build.since(10, 1) => &["ef", "cs1"],
        "ipqos" => match build.since(10, 1) {
            true => &["ef", "cs0"],
            false => &["af21", "cs1"],
        },
        "logingracetime" => &["120"],
        "loglevel" => &["INFO"],
        "maxauthtries" => &["6"],
        "maxsessions" | "x11displayoffset" => &["10"],
        "maxstartups" => &["10:30:100"],
        "modulifile" => &["/etc/ssh/moduli"],
        "pamservicename" => &["sshd"],
        "permitrootlogin" => &["prohibit-password"],
        "persourcenetblocksize" => &["32:128"],
        "pidfile" => &["/run/sshd.pid"],
        "port" => &["22"],
        "rekeylimit" => &["0", "0"],
        "requiredrsasize" => &["1024"],
        "securitykeyprovider" => &["internal"],
        "sshdauthpath" => match build.vendor {
            Vendor::Debian => &["/usr/lib/openssh/sshd-auth"],
            Vendor::RedHat => &["/usr/libexec/openssh/sshd-auth"],
            Vendor::Upstream => &["/usr/libexec/sshd-auth"],
        },
        "sshdsessionpath" => match build.vendor {
            Vendor::Debian => &["/usr/lib/openssh/sshd-session"],
            Vendor::RedHat => &["/usr/libexec/openssh/sshd-session"],
            Vendor::Upstream => &["/usr/libexec/sshd-session"],
        },
        "streamlocalbindmask" => &["0177"],
        "syslogfacility" => &["AUTH"],
        "x11maxdisplays" => &["1000"],
        "xauthlocation" => &["/usr/bin/xauth"],
        // PerSourcePenalties without a line is as with `yes`.
        "persourcepenalties" => &["yes"],
        _ => &[],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What a keyword's list of algorithms is for.
fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "casignaturealgorithms" => Kind::Signature,
        "ciphers" => Kind::Cipher,
        "hostbasedacceptedalgorithms" | "hostkeyalgorithms" | "pubkeyacceptedalgorithms" => Kind::Key,
        "kexalgorithms" => Kind::KeyExchange,
        "macs" => Kind::Mac,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_change() {
        let of = |name: &str, version, vendor| of(name, &Build { version, vendor, ..Build::default() });
        assert_eq!(of("kbdinteractiveauthentication", (8, 4), Vendor::Debian), ["no"]);
        assert_eq!(of("kbdinteractiveauthentication", (8, 7), Vendor::RedHat), ["yes"]);
        assert_eq!(of("ipqos", (9, 2), Vendor::Upstream), ["af21", "cs1"]);
        assert!(of("refuseconnection", (9, 2), Vendor::Debian).is_empty());
        assert!(of("debianbanner", (9, 2), Vendor::RedHat).is_empty());
        assert!(!of("pubkeyacceptedalgorithms", (8, 8), Vendor::Debian)[0].contains(",ssh-rsa,"));
    }
}
