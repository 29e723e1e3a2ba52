//! Keywords with arguments that sshd takes and some that it does not, for the configurations that are drawn.

/// Where a keyword may stand, and the releases that know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Also under Match.
    Anywhere,
    /// Before any Match only.
    Global,
}

/// A keyword and what may follow it.
#[derive(Debug)]
pub(crate) struct Setting {
    pub(crate) names: &'static [&'static str],
    pub(crate) place: Place,
    /// The first release that knows it.
    pub(crate) since: (u32, u32),
    /// Arguments of one line, which a blank separates; `\0` stands for a blank within one.
    pub(crate) good: &'static [&'static str],
    /// Arguments that sshd refuses, or that are odd.
    pub(crate) bad: &'static [&'static str],
}

const FLAG: &[&str] = &["yes", "no", "yes", "no", "YES", "No"];
const NO_FLAG: &[&str] = &["true", "maybe", "", "1", "yes no", "nonsense", "none", "yes,no"];
const KEYS: &[&str] = &[
    "ssh-ed25519",
    "ssh-ed25519,rsa-sha2-512",
    "+ssh-rsa",
    "-ssh-rsa*",
    "^ssh-ed25519",
    "-*",
    "ecdsa-sha2-*,ssh-ed25519",
];
const NO_KEYS: &[&str] = &["nonsense", "", "+nonsense", "ssh-ed25519,", "ssh-ed25519 ssh-rsa", "*nonsense*"];
const USERS: &[&str] = &[
    "alice",
    "alice bob",
    "a* !bob",
    "bob@10.0.0.0/8",
    "*@*.example.org Carol",
    "root@127.0.0.1",
    "alice@2001:db8::/32",
    "a@b@c",
    "?ob@!10.0.0.1,10.*",
    "al\0ice",
    "!root *",
    "bob@HOST.Example.org",
];
const NO_USERS: &[&str] =
    &["", "bob@10.0.0.1/8", "bob@10.0.0.0/33", "alice@2001:db8::1/32", "bob@10.0.0.1,", "@", "alice@"];
const GROUPS: &[&str] =
    &["admins", "admins Staff", "s* !root", "Staff@host", "no\0group", "users admins,Staff"];
const FILES: &[&str] = &["/etc/ssh/keys", "none", "NONE", "/etc/ssh/%u", "relative/file", "/a\0b"];
const NO_FILES: &[&str] = &["", "/a /b"];
const COMMANDS: &[&str] = &[
    "/bin/true",
    "/bin/true %u %k",
    "none",
    "None",
    "/bin/echo a\0b c",
    "/usr/bin/keys --user=%u --flag",
    "/bin/true  two   blanks",
];
const NO_COMMANDS: &[&str] = &["true", "", "none x", "./true", "%u"];
const NUMBERS: &[&str] = &["0", "1", "6", "10", "2147483647", "007"];
const NO_NUMBERS: &[&str] = &["", "-1", "+6", "six", "6x", "2147483648", "1 2", "0x10", " 5"];
const TIMES: &[&str] = &["0", "90", "1m30s", "2h", "1W", "5M", "1d2h3m4s", "12s"];
const NO_TIMES: &[&str] = &["", "1x", "m", "-5", "1 m", "99999999999", "1.5m", "3550w", "none"];

use Place::{Anywhere, Global};

const fn flag(names: &'static [&'static str], place: Place) -> Setting {
    Setting { names, place, since: (0, 0), good: FLAG, bad: NO_FLAG }
}

const fn other(
    names: &'static [&'static str],
    place: Place,
    good: &'static [&'static str],
    bad: &'static [&'static str],
) -> Setting {
    Setting { names, place, since: (0, 0), good, bad }
}

/// What bears on authentication or access comes first and is drawn more often; see [`REST`].
pub(crate) static ACCESS: &[Setting] = &[
    flag(&["PasswordAuthentication"], Anywhere),
    flag(&["PasswordAuthentication"], Anywhere),
    flag(&["KbdInteractiveAuthentication"], Anywhere),
    flag(&["ChallengeResponseAuthentication", "SkeyAuthentication"], Global),
    flag(&["PubkeyAuthentication", "DSAAuthentication"], Anywhere),
    flag(&["GSSAPIAuthentication"], Anywhere),
    flag(&["KerberosAuthentication"], Anywhere),
    flag(&["KerberosOrLocalPasswd", "KerberosTicketCleanup"], Global),
    flag(&["GSSAPICleanupCredentials", "GSSAPIStrictAcceptorCheck", "GSSAPIKeyExchange"], Global),
    flag(&["GSSAPIStoreCredentialsOnRekey"], Global),
    flag(&["HostbasedAuthentication"], Anywhere),
    flag(&["HostbasedUsesNameFromPacketOnly"], Anywhere),
    flag(&["PermitEmptyPasswords"], Anywhere),
    flag(&["ExposeAuthInfo"], Anywhere),
    flag(&["UsePAM", "StrictModes", "UseDNS"], Global),
    flag(&["UsePAM"], Global),
    flag(&["IgnoreUserKnownHosts"], Global),
    Setting { since: (9, 9), ..flag(&["RefuseConnection"], Anywhere) },
    Setting { since: (9, 8), ..other(&["PAMServiceName"], Anywhere, &["sshd", "login"], &["", "a b"]) },
    other(
        &["PermitRootLogin"],
        Anywhere,
        &["yes", "no", "prohibit-password", "without-password", "forced-commands-only", "Prohibit-Password"],
        &["maybe", "", "without_password", "no yes"],
    ),
    other(&["IgnoreRhosts"], Anywhere, &["yes", "no", "shosts-only", "Shosts-Only"], &["maybe", ""]),
    other(
        &["AuthenticationMethods"],
        Anywhere,
        &[
            "any",
            "publickey",
            "publickey,password publickey,keyboard-interactive",
            "password",
            "publickey,publickey",
            "keyboard-interactive:pam password",
            "publickey:x",
            "none",
            "hostbased publickey",
            "gssapi-with-mic,publickey publickey",
        ],
        &[
            "any publickey",
            "publickey any",
            "pubkey",
            ",",
            "",
            "publickey,",
            "Publickey",
            "publickey,,password",
            "ANY",
        ],
    ),
    other(
        &["AuthorizedKeysFile"],
        Anywhere,
        &["none", ".ssh/authorized_keys", "/etc/ssh/%u .ssh/a", "a b c", "None", "/a\0b c", "%h/x"],
        &["", "none x", "x none", "a  b"],
    ),
    other(&["AuthorizedKeysCommand"], Anywhere, COMMANDS, NO_COMMANDS),
    other(&["AuthorizedKeysCommandUser"], Anywhere, &["nobody", "none", "%u"], &["", "a b"]),
    other(&["AuthorizedKeysCommandUser"], Anywhere, &["nobody"], &["", "a b"]),
    other(&["AuthorizedPrincipalsCommand"], Anywhere, COMMANDS, NO_COMMANDS),
    other(&["AuthorizedPrincipalsCommandUser"], Anywhere, &["nobody"], &["", "a b"]),
    other(&["AuthorizedPrincipalsFile"], Anywhere, FILES, NO_FILES),
    other(&["TrustedUserCAKeys"], Anywhere, FILES, NO_FILES),
    other(&["RevokedKeys"], Anywhere, FILES, NO_FILES),
    other(&["PubkeyAcceptedKeyTypes"], Anywhere, KEYS, NO_KEYS),
    Setting { since: (8, 5), ..other(&["PubkeyAcceptedAlgorithms"], Anywhere, KEYS, NO_KEYS) },
    other(&["HostbasedAcceptedKeyTypes"], Anywhere, KEYS, NO_KEYS),
    Setting { since: (8, 7), ..other(&["HostbasedAcceptedAlgorithms"], Anywhere, KEYS, NO_KEYS) },
    other(&["CASignatureAlgorithms"], Anywhere, KEYS, NO_KEYS),
    other(
        &["PubkeyAuthOptions"],
        Anywhere,
        &["none", "touch-required", "verify-required touch-required", "None"],
        &["x", "", "touch-required x"],
    ),
    other(&["AllowUsers"], Anywhere, USERS, NO_USERS),
    other(&["AllowUsers", "DenyUsers"], Anywhere, USERS, NO_USERS),
    other(&["AllowGroups", "DenyGroups"], Anywhere, GROUPS, &["", "a  b"]),
    other(
        &["ChrootDirectory"],
        Anywhere,
        &["none", "/srv/%u", "%h", "/srv", "None"],
        &["", "a b", "/srv%", "relative"],
    ),
    other(
        &["ForceCommand"],
        Anywhere,
        &[
            "none",
            "internal-sftp",
            "/bin/sh -c 'echo a b'",
            "echo \"a  b\" # c",
            "None",
            "internal-sftp -f AUTH",
        ],
        &[""],
    ),
    other(&["MaxAuthTries", "MaxSessions"], Anywhere, NUMBERS, NO_NUMBERS),
    Setting { since: (9, 1), ..other(&["RequiredRSASize"], Anywhere, NUMBERS, NO_NUMBERS) },
    other(&["LoginGraceTime"], Global, TIMES, NO_TIMES),
    other(
        &["Port"],
        Global,
        &["22", "2222", "65535", "22", "0022"],
        &["0", "65536", "-1", "", "22 23", "22x", "+22"],
    ),
    other(
        &["ListenAddress"],
        Global,
        &["127.0.0.1", "0.0.0.0", "::", "[::1]:2222", "127.0.0.1:2200", "::1", "[::1]", "0.0.0.0:80"],
        &["", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1 x", "[::1", "127.0.0.1:65536", "::1 rdomain"],
    ),
    other(&["AddressFamily"], Global, &["any", "inet", "inet6", "INET"], &["", "ipv4", "inet any"]),
    other(&["PermitUserEnvironment"], Global, &["yes", "no", "LANG,LC_*", "A*,!AB"], &["", "yes no", "Yes"]),
    other(&["AcceptEnv"], Anywhere, &["LANG LC_*", "A", "*", "LC_?", "X\0Y"], &["", "A=b", "A  B=c"]),
    // Linux knows none of these.
    Setting { since: (99, 0), ..other(&["RDomain"], Anywhere, &["none", "%D"], &["", "%D x"]) },
];

/// Further keywords, for what they do to the lines around them.
pub(crate) static REST: &[Setting] = &[
    flag(
        &["X11Forwarding", "AllowAgentForwarding", "PermitTTY", "PermitUserRC", "DisableForwarding"],
        Anywhere,
    ),
    flag(&["X11UseLocalhost", "StreamLocalBindUnlink"], Anywhere),
    flag(&["PrintMotd", "PrintLastLog", "TCPKeepAlive", "KeepAlive", "DebianBanner"], Global),
    other(
        &["RSAAuthentication", "RhostsRSAAuthentication", "AuthorizedKeysFile2"],
        Anywhere,
        &["yes", "no", "whatever it is", "x"],
        &["", "\"x"],
    ),
    other(
        &[
            "Protocol",
            "UsePrivilegeSeparation",
            "KeyRegenerationInterval",
            "ServerKeyBits",
            "UseLogin",
            "CheckMail",
        ],
        Global,
        &["2", "yes", "sandbox", "1h", "2,1 x"],
        &["", "\"x"],
    ),
    other(&["AllowTcpForwarding"], Anywhere, &["yes", "no", "local", "Remote", "all"], &["", "x"]),
    other(&["AllowStreamLocalForwarding"], Anywhere, &["yes", "no", "local", "remote", "all"], &["", "x"]),
    other(&["GatewayPorts"], Anywhere, &["yes", "no", "clientspecified"], &["", "x"]),
    other(&["Compression"], Global, &["yes", "no", "delayed"], &["", "x"]),
    other(&["Banner"], Anywhere, &["none", "/etc/issue.net", "None"], &["", "a b"]),
    other(&["ClientAliveInterval"], Anywhere, TIMES, NO_TIMES),
    other(&["ClientAliveCountMax", "X11DisplayOffset"], Anywhere, NUMBERS, NO_NUMBERS),
    other(&["LogLevel"], Anywhere, &["INFO", "debug", "VERBOSE", "QUIET"], &["", "loud"]),
    other(&["SyslogFacility"], Global, &["AUTH", "daemon", "LOCAL7", "AUTHPRIV"], &["", "loud"]),
    other(&["PermitOpen"], Anywhere, &["any", "none", "a:22 b:80", "[::1]:22", "*:*"], &["", "a", "a:x"]),
    other(&["PermitListen"], Anywhere, &["any", "none", "8080", "localhost:80 *:1", "*"], &["", "a:x"]),
    other(&["PermitTunnel"], Anywhere, &["yes", "no", "point-to-point", "ethernet"], &["", "Ethernet"]),
    other(&["SetEnv"], Anywhere, &["A=b", "A=b C=d\0e", "A=", "X=a=b"], &["", "A"]),
    other(
        &["Subsystem"],
        Global,
        &["sftp internal-sftp", "sftp /usr/lib/sftp-server -f AUTH", "x y z"],
        &["", "sftp"],
    ),
    other(&["MaxStartups"], Global, &["10", "10:30:100", "1:1:1"], &["", "10:30", "0", "10:200:3", "x"]),
    other(
        &["RekeyLimit"],
        Anywhere,
        &["default", "1G", "500M 1h", "default none", "16"],
        &["", "15", "x", "1G x"],
    ),
    other(
        &["IPQoS"],
        Anywhere,
        &["none", "lowdelay throughput", "af21 cs1", "0x10", "ef"],
        &["", "x", "ef x"],
    ),
    other(&["FingerprintHash"], Global, &["md5", "sha256", "SHA256"], &["", "sha1"]),
    other(&["PidFile", "ModuliFile", "XAuthLocation"], Global, FILES, NO_FILES),
    other(&["StreamLocalBindMask"], Anywhere, &["0177", "077", "0"], &["", "9", "01000"]),
    other(&["VersionAddendum"], Global, &["none", "a word or two", "x"], &[""]),
    Setting {
        since: (9, 2),
        ..other(&["ChannelTimeout"], Anywhere, &["none", "session=5m", "*=1h x11*=0"], &["", "x", "a=x"])
    },
];
