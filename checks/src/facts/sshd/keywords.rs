//! The keywords of sshd_config(5): other names, where they may stand, what follows them, what holds without them.

use super::build::Build;

/// A keyword as sshd knows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keyword {
    /// In lower case, as `sshd -T` prints it.
    pub(super) name: &'static str,
    /// What sshd demands behind it.
    pub(super) form: Form,
    /// Whether it may stand in a Match block.
    pub(super) in_match: bool,
}

/// What sshd demands behind a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One of these words in any case.
    Choice(&'static [&'static str]),
    /// A number from 0 to 2^31-1.
    Number,
    /// A time such as `90`, `1m30s`.
    Time,
    /// One word that is not empty.
    Word,
    /// A port by number or by its name in services(5).
    Port,
    /// An address, perhaps with a port.
    Listen,
    /// Words, none of them empty.
    Words,
    /// Lists of authentication methods, or `any`.
    Methods,
    /// A command with its arguments to the end of the line, or `none`.
    Command,
    /// Files to read in its place.
    Include,
    /// Criteria, for the lines below it.
    Match,
    /// Something that this reader does not verify.
    Unverified,
}

const YES_NO: Form = Form::Choice(&["yes", "no"]);
const FORWARDING: Form = Form::Choice(&["yes", "all", "no", "remote", "local"]);

const fn everywhere(name: &'static str, form: Form) -> Keyword {
    Keyword { name, form, in_match: true }
}

const fn global(name: &'static str, form: Form) -> Keyword {
    Keyword { name, form, in_match: false }
}

/// Keywords that may stand in a Match block, then those that may not, then what distributions add. Taken from the
/// manual pages of OpenSSH 8.4 to 10 and of the patched builds of Debian and Red Hat.
static KEYWORDS: &[Keyword] = &[
    everywhere("acceptenv", Form::Words),
    everywhere("allowagentforwarding", YES_NO),
    everywhere("allowgroups", Form::Words),
    everywhere("allowstreamlocalforwarding", FORWARDING),
    everywhere("allowtcpforwarding", FORWARDING),
    everywhere("allowusers", Form::Words),
    everywhere("authenticationmethods", Form::Methods),
    everywhere("authorizedkeyscommand", Form::Command),
    everywhere("authorizedkeyscommanduser", Form::Word),
    everywhere("authorizedkeysfile", Form::Words),
    everywhere("authorizedkeysfile2", Form::Unverified),
    everywhere("authorizedprincipalscommand", Form::Command),
    everywhere("authorizedprincipalscommanduser", Form::Word),
    everywhere("authorizedprincipalsfile", Form::Word),
    everywhere("banner", Form::Word),
    everywhere("casignaturealgorithms", Form::Word),
    everywhere("channeltimeout", Form::Words),
    everywhere("chrootdirectory", Form::Word),
    everywhere("clientalivecountmax", Form::Number),
    everywhere("clientaliveinterval", Form::Time),
    everywhere("denygroups", Form::Words),
    everywhere("denyusers", Form::Words),
    everywhere("disableforwarding", YES_NO),
    everywhere("exposeauthinfo", YES_NO),
    everywhere("forcecommand", Form::Unverified),
    everywhere("gatewayports", Form::Choice(&["clientspecified", "yes", "no"])),
    everywhere("gssapiauthentication", YES_NO),
    everywhere("hostbasedacceptedalgorithms", Form::Word),
    everywhere("hostbasedauthentication", YES_NO),
    everywhere("hostbasedusesnamefrompacketonly", YES_NO),
    everywhere("ignorerhosts", Form::Choice(&["yes", "no", "shosts-only"])),
    everywhere("include", Form::Include),
    everywhere("ipqos", Form::Unverified),
    everywhere("kbdinteractiveauthentication", YES_NO),
    everywhere("kerberosauthentication", YES_NO),
    everywhere("loglevel", Form::Word),
    everywhere("logverbose", Form::Words),
    everywhere("match", Form::Match),
    everywhere("maxauthtries", Form::Number),
    everywhere("maxsessions", Form::Number),
    everywhere("pamservicename", Form::Word),
    everywhere("passwordauthentication", YES_NO),
    everywhere("permitemptypasswords", YES_NO),
    everywhere("permitlisten", Form::Words),
    everywhere("permitopen", Form::Words),
    everywhere(
        "permitrootlogin",
        Form::Choice(&["yes", "no", "prohibit-password", "without-password", "forced-commands-only"]),
    ),
    everywhere("permittty", YES_NO),
    everywhere("permittunnel", Form::Word),
    everywhere("permituserrc", YES_NO),
    everywhere("pubkeyacceptedalgorithms", Form::Word),
    everywhere("pubkeyauthentication", YES_NO),
    everywhere("pubkeyauthoptions", Form::Words),
    everywhere("rdomain", Form::Word),
    everywhere("refuseconnection", YES_NO),
    everywhere("rekeylimit", Form::Unverified),
    everywhere("requiredrsasize", Form::Number),
    everywhere("revokedkeys", Form::Words),
    everywhere("rhostsrsaauthentication", Form::Unverified),
    everywhere("rsaauthentication", Form::Unverified),
    everywhere("setenv", Form::Words),
    everywhere("streamlocalbindmask", Form::Word),
    everywhere("streamlocalbindunlink", YES_NO),
    everywhere("subsystem", Form::Unverified),
    everywhere("trustedusercakeys", Form::Word),
    everywhere("unusedconnectiontimeout", Form::Word),
    everywhere("x11displayoffset", Form::Number),
    everywhere("x11forwarding", YES_NO),
    everywhere("x11uselocalhost", YES_NO),
    global("addressfamily", Form::Choice(&["inet", "inet6", "any"])),
    global("afstokenpassing", Form::Unverified),
    global("checkmail", Form::Unverified),
    global("ciphers", Form::Word),
    global("compression", Form::Choice(&["yes", "delayed", "no"])),
    global("fingerprinthash", Form::Word),
    global("gssapicleanupcredentials", YES_NO),
    global("gssapidelegatecredentials", YES_NO),
    global("gssapistrictacceptorcheck", YES_NO),
    global("hostcertificate", Form::Word),
    global("hostkey", Form::Word),
    global("hostkeyagent", Form::Word),
    global("hostkeyalgorithms", Form::Word),
    global("ignoreuserknownhosts", YES_NO),
    global("kerberosgetafstoken", Form::Unverified),
    global("kerberosorlocalpasswd", YES_NO),
    global("kerberostgtpassing", Form::Unverified),
    global("kerberosticketcleanup", YES_NO),
    global("kexalgorithms", Form::Word),
    global("keyregenerationinterval", Form::Unverified),
    global("listenaddress", Form::Listen),
    global("logingracetime", Form::Time),
    global("macs", Form::Word),
    global("maxstartups", Form::Word),
    global("modulifile", Form::Word),
    global("pamauthenticationviakbdint", Form::Unverified),
    global("permituserenvironment", Form::Word),
    global("persourcemaxstartups", Form::Word),
    global("persourcenetblocksize", Form::Word),
    global("persourcepenalties", Form::Words),
    global("persourcepenaltyexemptlist", Form::Word),
    global("pidfile", Form::Word),
    global("port", Form::Port),
    global("printlastlog", YES_NO),
    global("printmotd", YES_NO),
    global("protocol", Form::Unverified),
    global("reversemappingcheck", Form::Unverified),
    global("rhostsauthentication", Form::Unverified),
    global("securitykeyprovider", Form::Word),
    global("serverkeybits", Form::Unverified),
    global("sshdauthpath", Form::Word),
    global("sshdsessionpath", Form::Word),
    global("strictmodes", YES_NO),
    global("syslogfacility", Form::Word),
    global("tcpkeepalive", YES_NO),
    global("usedns", YES_NO),
    global("uselogin", Form::Unverified),
    global("usepam", YES_NO),
    global("useprivilegeseparation", Form::Unverified),
    global("verifyreversemapping", Form::Unverified),
    global("versionaddendum", Form::Unverified),
    global("xauthlocation", Form::Word),
    everywhere("debianbanner", Form::Unverified),
    everywhere("gssapienablek5users", Form::Unverified),
    everywhere("gssapikexalgorithms", Form::Unverified),
    everywhere("gssapikeyexchange", Form::Unverified),
    everywhere("gssapistorecredentialsonrekey", Form::Unverified),
    everywhere("kerberosuniqueccache", Form::Unverified),
    everywhere("kerberosusekuserok", Form::Unverified),
    everywhere("x11maxdisplays", Form::Unverified),
];

/// The keyword behind one as written, in any case and under its older names.
pub(super) fn find(written: &str) -> Option<&'static Keyword> {
    let lower = written.to_ascii_lowercase();
    let name = match lower.as_str() {
        "challengeresponseauthentication" | "skeyauthentication" => "kbdinteractiveauthentication",
        "dsaauthentication" => "pubkeyauthentication",
        "hostbasedacceptedkeytypes" => "hostbasedacceptedalgorithms",
        "hostdsakey" => "hostkey",
        "keepalive" => "tcpkeepalive",
        "pubkeyacceptedkeytypes" => "pubkeyacceptedalgorithms",
        other => other,
    };
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}

/// The keywords whose values are facts, with what holds where no line sets them.
static RECORDED: &[(&str, &[&str])] = &[
    ("allowgroups", &[]),
    ("allowusers", &[]),
    ("authenticationmethods", &["any"]),
    ("authorizedkeyscommand", &["none"]),
    ("authorizedkeyscommanduser", &["none"]),
    ("authorizedkeysfile", &[".ssh/authorized_keys", ".ssh/authorized_keys2"]),
    ("authorizedprincipalscommand", &["none"]),
    ("authorizedprincipalscommanduser", &["none"]),
    ("chrootdirectory", &["none"]),
    ("denygroups", &[]),
    ("denyusers", &[]),
    ("gssapiauthentication", &["no"]),
    ("hostbasedauthentication", &["no"]),
    ("kbdinteractiveauthentication", &["yes"]),
    ("kerberosauthentication", &["no"]),
    ("listenaddress", &[]),
    ("pamservicename", &["sshd"]),
    ("passwordauthentication", &["yes"]),
    ("permitemptypasswords", &["no"]),
    ("permitrootlogin", &["prohibit-password"]),
    ("pidfile", &["/run/sshd.pid"]),
    ("port", &["22"]),
    ("pubkeyauthentication", &["yes"]),
    ("refuseconnection", &["no"]),
    ("strictmodes", &["yes"]),
    ("trustedusercakeys", &["none"]),
    ("usedns", &["no"]),
    ("usepam", &["no"]),
];

/// What holds where no line sets a keyword.
pub(super) fn default(name: &str, _build: &Build) -> Vec<String> {
    let default =
        RECORDED.iter().find(|(recorded, _)| *recorded == name).map_or(&[][..], |(_, default)| default);
    default.iter().map(|value| (*value).to_owned()).collect()
}

/// The names of all keywords.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    KEYWORDS.iter().map(|keyword| keyword.name)
}

/// Whether further lines of a keyword add to the first one, where sshd would otherwise pass over them.
pub(super) fn accumulates(name: &str) -> bool {
    matches!(name, "port" | "listenaddress" | "allowusers" | "denyusers" | "allowgroups" | "denygroups")
}

/// Whether the values of a keyword are facts.
pub(super) fn is_recorded(name: &str) -> bool {
    RECORDED.iter().any(|(recorded, _)| *recorded == name)
}
