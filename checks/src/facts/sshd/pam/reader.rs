//! How libpam reads the rules of a service: /etc/pam.d, its includes, the service `other` and /etc/pam.conf.

use std::collections::BTreeMap;

use super::control::Control;
use super::lines::{self, Words};
use super::{Rule, Sort, Stack, consulted, modules};
use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, FileKind, Host, System};

/// Files of one stack; more are a gap.
const FILES: usize = 64;
/// Rules of one stack; more are a gap.
pub(super) const RULES: usize = 200;
/// Includes inside of includes; libpam gives up there or goes on, depending on its release.
const DEPTH: u8 = 15;
/// The folders of services in their order; the last two belong to distributions that keep the vendor's files apart.
const FOLDERS: [&str; 4] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d", "/usr/share/pam.d"];
/// Signs of a distribution whose libpam does not know `@include`.
const UPSTREAM: [&str; 5] = [
    "/etc/redhat-release",
    "/etc/SuSE-release",
    "/etc/arch-release",
    "/etc/alpine-release",
    "/usr/lib/sysimage/rpm",
];

/// Reads what PAM asks on behalf of a service.
pub(in super::super) fn read(host: &dyn Host, service: &str) -> Result<Stack, Gap> {
    if service.contains('/') || service.is_empty() {
        return Err(Gap::unsupported("the PAM service of sshd is a path"));
    }
    let mut reader = Reader::new(host, service, false)?;
    let has = |path: &str| host.stat(path).is_ok();
    let aborts = match reader.everything()? {
        Ok(()) => None,
        Err(Abort(at)) => Some(at),
    };
    let pick = |own: Vec<Rule>, other: Vec<Rule>| if own.is_empty() { other } else { own };
    let auth = pick(reader.own.auth, reader.other.auth);
    let account = pick(reader.own.account, reader.other.account);
    Ok(Stack {
        files: consulted::read(host, auth.iter().chain(&account)),
        own_uids: consulted::own_uids(host),
        selinux: has("/etc/selinux/config"),
        service: reader.service,
        aborts,
        auth,
        account,
    })
}

/// Reads what PAM does when somebody sets a new password through a service, such as `passwd`.
pub(crate) fn read_passwords(host: &dyn Host, service: &str) -> Result<Vec<Rule>, Gap> {
    let mut reader = Reader::new(host, service, true)?;
    if let Err(Abort(at)) = reader.everything()? {
        return Err(Gap::malformed(format!("{at}, where PAM gives up")));
    }
    let (own, other) = (reader.own.password, reader.other.password);
    Ok(if own.is_empty() { other } else { own })
}

/// libpam gives up on the whole file here; whatever was added before stays.
struct Abort(Evidence);

/// A gap is what hostduty cannot follow, an [`Abort`] what libpam does not.
type Reads<T> = Result<Result<T, Abort>, Gap>;

#[derive(Default)]
struct Groups {
    auth: Vec<Rule>,
    account: Vec<Rule>,
    password: Vec<Rule>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Auth,
    Account,
    Password,
    /// The groups that decide nothing of what is asked.
    Later,
}

/// Where a file is read from.
#[derive(Clone, Copy)]
struct Place {
    /// The group that an include asks for; all of them in the file of a service.
    only: Option<Group>,
    /// The rules go to the service `other`.
    other: bool,
    depth: u8,
    level: u8,
}

struct Reader<'a> {
    host: &'a dyn Host,
    /// Whether libpam carries Debian's `@include`, and `include` looks in /etc/pam.d alone.
    debian: bool,
    service: String,
    /// Whether the group `password` is asked for, and none of the others.
    passwords: bool,
    own: Groups,
    other: Groups,
    files_left: usize,
    missing: BTreeMap<String, bool>,
}

impl<'a> Reader<'a> {
    fn new(host: &'a dyn Host, service: &str, passwords: bool) -> Result<Self, Gap> {
        if host.system() == System::MacOs {
            return Err(Gap::unsupported("macOS has a PAM of its own"));
        }
        let has = |path: &str| host.stat(path).is_ok();
        Ok(Self {
            host,
            debian: has("/var/lib/dpkg") || !UPSTREAM.iter().any(|path| has(path)),
            service: service.to_lowercase(),
            passwords,
            own: Groups::default(),
            other: Groups::default(),
            files_left: FILES,
            missing: BTreeMap::new(),
        })
    }

    fn everything(&mut self) -> Reads<()> {
        let place = Place { only: None, other: false, depth: 0, level: 0 };
        if !FOLDERS.iter().any(|folder| self.is_folder(folder)) {
            let Some(text) = self.text("/etc/pam.conf")? else { return Err(Gap::absent("/etc/pam.d")) };
            return self.file("/etc/pam.conf", &text, place, true);
        }
        let own = self.found(&self.service.clone(), false)?;
        let known = own.is_some();
        if let Some((path, text)) = own {
            let place = Place { other: self.service == "other", ..place };
            if let Err(abort) = self.file(&path, &text, place, false)? {
                return Ok(Err(abort));
            }
        }
        match self.found("other", false)? {
            Some((path, text)) => self.file(&path, &text, Place { other: true, ..place }, false),
            None if known => Ok(Ok(())),
            None => Err(Gap::absent(format!("/etc/pam.d/{}", self.service))),
        }
    }

    fn is_folder(&self, path: &str) -> bool {
        self.host.stat(path).is_ok_and(|stat| stat.kind == FileKind::Dir)
    }

    fn text(&self, path: &str) -> Result<Option<String>, Gap> {
        match self.host.read(path, host::SMALL) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(gap) if gap.is_absent() => Ok(None),
            Err(gap) => Err(gap),
        }
    }

    /// The file of a service, or one that another file names.
    fn found(&self, name: &str, included: bool) -> Result<Option<(String, String)>, Gap> {
        let folders = if included && self.debian { FOLDERS.get(..1).unwrap_or_default() } else { &FOLDERS };
        let paths = match name.starts_with('/') {
            true => vec![name.to_owned()],
            false => folders.iter().map(|folder| format!("{folder}/{name}")).collect(),
        };
        for path in paths {
            if let Some(text) = self.text(&path)? {
                return Ok(Some((path, text)));
            }
        }
        Ok(None)
    }

    fn file(&mut self, path: &str, text: &str, place: Place, services: bool) -> Reads<()> {
        self.files_left =
            self.files_left.checked_sub(1).ok_or_else(|| Gap::too_large("the PAM stack of sshd"))?;
        let found = lines::lines(path, text)?;
        for line in &found.lines {
            let at = Evidence::at(path, line.number);
            let mut words = Words::new(&line.text);
            let mut place = place;
            if services {
                let service = words.next().unwrap_or_default();
                place.other = service.eq_ignore_ascii_case("other");
                if !place.other && !service.eq_ignore_ascii_case(&self.service) {
                    continue;
                }
            }
            if let Err(abort) = self.rule(words, place, at)? {
                return Ok(Err(abort));
            }
        }
        Ok(found.torn.map_or(Ok(()), |line| Err(Abort(Evidence::at(path, line)))))
    }

    fn rule(&mut self, mut words: Words<'_>, place: Place, at: Evidence) -> Reads<()> {
        let (group, known) = match words.next() {
            Some(kind) => {
                let kind = kind.strip_prefix('-').unwrap_or(&kind).to_ascii_lowercase();
                match kind.as_str() {
                    "password" if self.passwords => (Group::Password, true),
                    "auth" if !self.passwords => (Group::Auth, true),
                    "account" if !self.passwords => (Group::Account, true),
                    "auth" | "account" | "session" | "password" => (Group::Later, true),
                    "@include" if self.debian => return self.debian_include(words.next(), place, at),
                    // What libpam does not know counts for the group that it is asked for, and fails there.
                    _ => (place.only.unwrap_or(Group::Auth), false),
                }
            }
            None => (place.only.unwrap_or(Group::Auth), false),
        };
        // What belongs to no group counts for `auth`, which is another stack.
        let group = if self.passwords && group == Group::Auth { Group::Later } else { group };
        if place.only.is_some_and(|only| only != group) {
            return Ok(Ok(()));
        }
        let control = words.next();
        let word = control.as_deref().unwrap_or_default().to_ascii_lowercase();
        let module = words.next();
        let mut rule = Rule { level: place.level, at, ..Rule::default() };
        if matches!(word.as_str(), "include" | "substack") {
            if word == "substack" {
                let marker = Rule { sort: Sort::Substack, ..rule.clone() };
                if let Err(abort) = self.add(group, place, marker, module.as_deref())? {
                    return Ok(Err(abort));
                }
            }
            let Some(module) = module else {
                return Err(Gap::malformed(format!("{} includes nothing", rule.at)));
            };
            let level = place.level + u8::from(word == "substack");
            if self.include(&module, Place { only: Some(group), level, ..place }, &rule.at)? {
                return Ok(Ok(()));
            }
            rule.sort = Sort::Broken;
            return self.add(group, place, rule, None);
        }
        rule.control = control.as_deref().map(Control::parse).unwrap_or_default();
        if !known || control.is_none() || module.is_none() {
            rule.sort = Sort::Broken;
        }
        if rule.sort == Sort::Module && group != Group::Later {
            let path = module.as_deref().unwrap_or_default();
            rule.missing = self.is_missing(path);
            rule.module = modules::name(path);
            rule.arguments = match group {
                Group::Password => modules::kept_of_passwords(&rule.module, words),
                _ => modules::kept(&rule.module, words),
            };
        }
        self.add(group, place, rule, module.as_deref())
    }

    /// Debian's patch brings in a file with all of its groups.
    fn debian_include(&mut self, name: Option<String>, place: Place, at: Evidence) -> Reads<()> {
        let Some(name) = name else {
            return Err(Gap::malformed(format!("{at} includes nothing")));
        };
        if self.include(&name, place, &at)? {
            return Ok(Ok(()));
        }
        match place.only {
            // A rule that belongs to no group is more than libpam takes: it refuses the whole service.
            None => Ok(Err(Abort(at.says(format!("@include {name}"))))),
            Some(_) => {
                Err(Gap::malformed(format!("{at} includes {name}, which cannot be included: the PAM stack")))
            }
        }
    }

    /// Whether a file that another one names could be read to its end.
    fn include(&mut self, name: &str, place: Place, at: &Evidence) -> Result<bool, Gap> {
        if place.depth >= DEPTH {
            return Err(Gap::too_large(format!("what {at} includes, one file inside of the other,")));
        }
        if place.only == Some(Group::Later) {
            return Ok(true);
        }
        let Some((path, text)) = self.found(name, true)? else { return Ok(false) };
        let place = Place { depth: place.depth + 1, ..place };
        Ok(self.file(&path, &text, place, false)?.is_ok())
    }

    fn add(&mut self, group: Group, place: Place, rule: Rule, module: Option<&str>) -> Reads<()> {
        let name = module.map_or("broken", |module| module.rsplit('/').next().unwrap_or_default());
        let name = name.rsplit_once('.').map_or(name, |(name, _)| name);
        if name.is_empty() || name == "?" {
            return Ok(Err(Abort(rule.at)));
        }
        let groups = if place.other { &mut self.other } else { &mut self.own };
        let rules = match group {
            Group::Auth => &mut groups.auth,
            Group::Account => &mut groups.account,
            Group::Password => &mut groups.password,
            Group::Later => return Ok(Ok(())),
        };
        if rules.len() >= RULES {
            return Err(Gap::too_large("the PAM stack of sshd"));
        }
        rules.push(rule);
        Ok(Ok(()))
    }

    /// Whether no module lies where libpam looks for it. Where the folder of modules is not known, each is taken to be
    /// there.
    fn is_missing(&mut self, module: &str) -> bool {
        if let Some(known) = self.missing.get(module) {
            return *known;
        }
        let missing = modules::is_missing(self.host, module);
        self.missing.insert(module.to_owned(), missing);
        missing
    }
}
