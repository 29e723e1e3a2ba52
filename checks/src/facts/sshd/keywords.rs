//! The keywords of sshd_config(5): their names in each release, where they may stand and what follows them.

mod table;

use super::algorithms::Kind;
use super::build::{Build, Vendor};

/// A keyword as some releases of sshd know it. One with several spellings, or one that changed, has several.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Keyword {
    /// In lower case, as `sshd -T` of the newest release names it; spellings of one keyword share it.
    pub(super) name: &'static str,
    /// As the manual page and `sshd -T` of 10.4 and later write it.
    pub(super) spelling: &'static str,
    /// What sshd demands behind it.
    pub(super) form: Form,
    /// Whether it may stand in a Match block.
    pub(super) in_match: bool,
    /// Whether what a Match block says reaches a connection that matches. What is allowed there and not copied has no
    /// effect.
    pub(super) copied: bool,
    /// Whether it does anything.
    pub(super) effect: Effect,
    since: (u32, u32),
    before: (u32, u32),
    of: Patches,
}

/// Whether a keyword does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It sets something.
    Sets,
    /// sshd says that it is deprecated or unsupported, takes whatever follows, and goes on.
    Ignored,
}

/// Who knows a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patches {
    Everybody,
    /// The builds with the patch for key exchange by GSSAPI.
    Distributions,
    Debian,
    RedHat,
    /// The builds without patches to their keywords of GSSAPI.
    Upstream,
}

/// What sshd demands behind a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One of these words in any case, each with the word that stands for it afterwards.
    Choice(&'static [(&'static str, &'static str)]),
    /// One of these words in this very case.
    Exact(&'static [&'static str]),
    /// A number from 0 to 2^31-1.
    Number,
    /// A time such as `90`, `1m30s`; afterwards in seconds.
    Time,
    /// A time, or `none`, which does the same as 0.
    TimeOrNone,
    /// One word that is not empty.
    Word,
    /// As [`Form::Word`], with `none` in any case for nothing.
    WordOrNone,
    /// A file, made absolute, or `none`.
    File,
    /// As [`Form::File`], but this word in any case stands for itself.
    FileOr(&'static str),
    /// A file relative to a home, or `none`.
    HomeFile,
    /// Several of those.
    HomeFiles,
    /// A port by number or by its name in services(5).
    Port,
    /// An address, perhaps with a port and a routing domain.
    Listen,
    /// Patterns of users, perhaps with hosts.
    Users,
    /// Patterns of groups.
    Groups,
    /// Patterns of variables of the environment.
    Variables,
    /// Variables of the environment with their values.
    Assignments,
    /// Patterns of places in the source.
    Places,
    /// Lists of authentication methods, or `any`.
    Methods,
    /// A command with its arguments to the end of the line, or `none`.
    Command,
    /// Anything to the end of the line.
    Rest,
    /// Words for the banner to the end of the line, or `none`.
    Addendum,
    /// A name and a command with arguments.
    Subsystem,
    /// `begin:rate:full`, or one number.
    Startups,
    /// A number, or `none`.
    SourceStartups,
    /// Bits of a network of IPv4, and of IPv6.
    NetBlock,
    /// Penalties with their times.
    Penalties,
    /// Addresses and networks.
    Addresses,
    /// Hosts with ports, `any` or `none`.
    Forwards,
    /// As [`Form::Forwards`]; a port alone is for every host.
    Listens,
    /// One or two classes of traffic.
    Traffic,
    /// An amount of data, perhaps with a time.
    Rekey,
    /// A level of syslog(3) in any case.
    Level,
    /// A facility of syslog(3) in any case.
    Facility,
    /// `yes`, `no` or patterns of variables.
    Environment,
    /// An octal mode.
    Mask,
    /// A digest for fingerprints.
    Digest,
    /// Names of algorithms, perhaps behind `+`, `-` or `^`.
    Algorithms(Kind),
    /// Names of algorithms for key exchange by GSSAPI.
    GssAlgorithms,
    /// `touch-required`, `verify-required`, `none`.
    PubkeyOptions,
    /// Kinds of channels with times, or `none`.
    Channels,
    /// Nothing: this system has no such thing, so that sshd refuses every value.
    Nothing,
    /// Files to read in its place.
    Include,
    /// Criteria, for the lines below it.
    Match,
    /// Anything, as nothing comes of it.
    Anything,
}

impl Keyword {
    /// Whether it is followed by a list of algorithms.
    pub(super) fn is_algorithms(&self) -> bool {
        matches!(self.form, Form::Algorithms(_))
    }

    fn is_known_to(&self, build: &Build) -> bool {
        let whose = match self.of {
            Patches::Everybody => true,
            Patches::Distributions => build.vendor != Vendor::Upstream,
            Patches::Debian => build.vendor == Vendor::Debian,
            Patches::RedHat => build.vendor == Vendor::RedHat,
            Patches::Upstream => build.vendor == Vendor::Upstream,
        };
        whose && self.since <= build.version && build.version < self.before
    }
}

/// The keyword behind one as written, in any case and under the names that a build knows. sshd refuses a line with
/// another one.
///
/// Whether a build without a vendor was compiled with PAM, Kerberos and GSSAPI cannot be told from its version: their
/// keywords are taken as compiled in; for PAM the program itself says so, see [`Build`].
pub(super) fn find(written: &str, build: &Build) -> Option<&'static Keyword> {
    table::KEYWORDS
        .iter()
        .find(|keyword| keyword.spelling.eq_ignore_ascii_case(written) && keyword.is_known_to(build))
}

/// Whether a line that a build without a known vendor is not known to take may be one of its vendor's own.
pub(super) fn may_be_patched(written: &str, build: &Build) -> bool {
    let patched = |keyword: &&Keyword| !matches!(keyword.of, Patches::Everybody | Patches::Upstream);
    build.vendor == Vendor::Upstream
        && table::KEYWORDS
            .iter()
            .filter(patched)
            .any(|keyword| keyword.spelling.eq_ignore_ascii_case(written))
}

/// The keyword that a canonical name stands for in a build, if it has an effect there.
pub(super) fn named(name: &str, build: &Build) -> Option<&'static Keyword> {
    table::KEYWORDS
        .iter()
        .find(|keyword| keyword.name == name && keyword.effect == Effect::Sets && keyword.is_known_to(build))
}

/// Every spelling of any release.
#[cfg(test)]
pub(super) fn spellings() -> Vec<&'static str> {
    table::KEYWORDS.iter().map(|keyword| keyword.spelling).collect()
}

/// The names of the keywords that have an effect in a build.
pub(super) fn names(build: &Build) -> impl Iterator<Item = &'static str> {
    let known =
        table::KEYWORDS.iter().filter(|keyword| keyword.effect == Effect::Sets && keyword.is_known_to(build));
    let mut names: Vec<&str> = known.map(|keyword| keyword.name).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter()
}

/// The keywords whose values are facts.
static RECORDED: &[&str] = &[
    "addressfamily",
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeyscommanduser",
    "authorizedkeysfile",
    "authorizedprincipalscommand",
    "authorizedprincipalscommanduser",
    "authorizedprincipalsfile",
    "challengeresponseauthentication",
    "chrootdirectory",
    "ciphers",
    "denygroups",
    "denyusers",
    "gssapiauthentication",
    "gssapikexalgorithms",
    "gssapikeyexchange",
    "hostbasedauthentication",
    "hostkey",
    "hostkeyalgorithms",
    "ignorerhosts",
    "kbdinteractiveauthentication",
    "kerberosauthentication",
    "kexalgorithms",
    "listenaddress",
    "macs",
    "pamservicename",
    "passwordauthentication",
    "permitemptypasswords",
    "permitrootlogin",
    "pidfile",
    "port",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "refuseconnection",
    "requiredrsasize",
    "revokedkeys",
    "strictmodes",
    "trustedusercakeys",
    "usedns",
    "usepam",
];

/// Whether further lines of a keyword add to the first one, where sshd would otherwise pass over them.
pub(super) fn accumulates(name: &str) -> bool {
    matches!(
        name,
        "port"
            | "listenaddress"
            | "hostkey"
            | "hostcertificate"
            | "allowusers"
            | "denyusers"
            | "allowgroups"
            | "denygroups"
            | "acceptenv"
            | "persourcepenalties"
    )
}

/// Whether the values of a keyword are facts.
pub(super) fn is_recorded(name: &str) -> bool {
    RECORDED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(version: (u32, u32), vendor: Vendor) -> Build {
        Build { version, vendor, ..Build::default() }
    }

    #[test]
    fn names_change_between_releases() {
        let of = |written: &str, version| find(written, &build(version, Vendor::Debian));
        let name =
            |written: &str, version| of(written, version).map(|keyword| (keyword.name, keyword.effect));
        let sets = |name| Some((name, Effect::Sets));
        assert_eq!(name("ChallengeResponseAuthentication", (8, 4)), sets("challengeresponseauthentication"));
        assert_eq!(name("challengeresponseauthentication", (8, 7)), sets("kbdinteractiveauthentication"));
        assert_eq!(name("SKeyAuthentication", (8, 6)).unwrap().1, Effect::Ignored);
        assert_eq!(name("SKeyAuthentication", (9, 2)), sets("kbdinteractiveauthentication"));
        assert_eq!(name("PubkeyAcceptedKeyTypes", (8, 4)), sets("pubkeyacceptedalgorithms"));
        assert_eq!(name("PubkeyAcceptedAlgorithms", (8, 4)), None);
        assert_eq!(name("PUBKEYACCEPTEDALGORITHMS", (8, 5)), sets("pubkeyacceptedalgorithms"));
        assert_eq!(name("RefuseConnection", (9, 8)), None);
        assert!(!of("Subsystem", (9, 4)).unwrap().in_match && of("Subsystem", (9, 5)).unwrap().in_match);
        assert!(!of("SetEnv", (8, 4)).unwrap().copied && of("SetEnv", (8, 5)).unwrap().copied);
        assert!(!of("DSAAuthentication", (9, 2)).unwrap().in_match);
    }

    #[test]
    fn vendors_have_keywords_of_their_own() {
        let known = |written: &str, vendor| find(written, &build((9, 2), vendor)).is_some();
        assert!(known("DebianBanner", Vendor::Debian) && !known("DebianBanner", Vendor::RedHat));
        assert!(known("GSSAPIKeyExchange", Vendor::RedHat) && !known("GSSAPIKeyExchange", Vendor::Upstream));
        assert!(known("GSSAPIAuthentication", Vendor::Upstream));
        assert!(find("GSSAPIAuthentication", &build((10, 4), Vendor::Upstream)).is_none());
        assert!(find("GssAuthentication", &build((10, 4), Vendor::Upstream)).is_some());
    }

    #[test]
    fn a_build_knows_every_spelling_once() {
        for minor in 0..30 {
            let version = if minor < 10 { (9, minor) } else { (10, minor - 10) };
            for vendor in [Vendor::Upstream, Vendor::Debian, Vendor::RedHat] {
                let build = build(version, vendor);
                let known: Vec<&Keyword> =
                    table::KEYWORDS.iter().filter(|keyword| keyword.is_known_to(&build)).collect();
                let mut spellings: Vec<String> =
                    known.iter().map(|keyword| keyword.spelling.to_ascii_lowercase()).collect();
                spellings.sort();
                let count = spellings.len();
                spellings.dedup();
                assert_eq!(spellings.len(), count, "{build:?}");
            }
        }
    }
}
