//! What apt prefers: the pins of apt_preferences(5) and the priority that each version gets by them.

use super::pattern::Pattern;
use crate::evidence::Evidence;
use crate::facts::automatic_updates::apt_conf;
use crate::facts::packages::control;
use crate::gap::Gap;
use crate::host::{self, Host};

/// `Pin-Priority: never`.
const NEVER: i32 = i16::MIN as i32;
/// More pins than these are no preferences of a real host.
const MOST_PINS: usize = 4096;
/// apt looks at so many conditions of `Pin: release`.
const MOST_CONDITIONS: usize = 20;

/// A package list, with what its Release file says of it; or dpkg's status.
#[derive(Debug, Clone, Default)]
pub(super) struct List {
    /// dpkg's status, which apt calls the archive `now`.
    pub(super) status: bool,
    pub(super) archive: String,
    pub(super) codename: String,
    pub(super) version: String,
    pub(super) origin: String,
    pub(super) label: String,
    pub(super) component: String,
    pub(super) architecture: String,
    pub(super) site: String,
    /// Without a pin: 500, 100 or 1.
    pub(super) usual: i32,
}

/// All pins, in the order in which they count.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pins: Vec<Pin>,
}

/// One name of one stanza.
#[derive(Debug)]
struct Pin {
    place: Evidence,
    /// Which packages; nothing for `*`, which speaks of whole lists.
    whom: Option<Whom>,
    what: What,
    priority: i32,
}

#[derive(Debug)]
struct Whom {
    source: bool,
    name: Name,
    architecture: Option<String>,
}

#[derive(Debug)]
enum Name {
    Plain(String),
    Pattern(Pattern),
}

#[derive(Debug)]
enum What {
    Version(Text),
    SourceVersion(Text),
    Site(Pattern),
    Release(Vec<Condition>),
    Everything,
}

/// A version, its beginning, or a pattern of it.
#[derive(Debug)]
struct Text {
    start: String,
    whole: bool,
    pattern: Option<Pattern>,
}

#[derive(Debug)]
enum Condition {
    Version(Text),
    Origin(Pattern),
    Archive(Pattern),
    Codename(Pattern),
    Label(Pattern),
    Component(Pattern),
    Architecture(Pattern),
    /// Archive or codename.
    Name(Pattern),
}

/// A version of a package, as pins look at it.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) architecture: &'a str,
    pub(super) native: &'a str,
    pub(super) version: &'a str,
    pub(super) source: &'a str,
    pub(super) source_version: &'a str,
}

impl Policy {
    /// Reads the preferences; `preferred` is APT::Default-Release. What cannot be read or understood is a gap.
    pub(super) fn read(host: &dyn Host, preferred: Option<&apt_conf::Setting>) -> (Self, Vec<Gap>) {
        let (mut policy, mut unread) = (Self::default(), Vec::new());
        if let Some(setting) = preferred {
            let place = Evidence::at(&setting.path, setting.line);
            match What::release(&setting.value) {
                Some(what) => policy.pins.push(Pin { place, whom: None, what, priority: 990 }),
                None => unread.push(not_understood(&place)),
            }
        }
        let mut paths = vec!["/etc/apt/preferences".to_owned()];
        match apt_conf::parts(host, "/etc/apt/preferences.d", &["pref"], true) {
            Ok(more) => paths.extend(more),
            Err(gap) => unread.push(gap),
        }
        for path in paths {
            match host.read(&path, host::SMALL) {
                Ok(bytes) => policy.take(&path, &String::from_utf8_lossy(&bytes), &mut unread),
                Err(gap) if gap.is_absent() => {}
                Err(gap) => unread.push(gap),
            }
        }
        if policy.pins.len() > MOST_PINS {
            unread.push(Gap::too_large("the list of pins in apt's preferences"));
            policy.pins.truncate(MOST_PINS);
        }
        (policy, unread)
    }

    fn take(&mut self, path: &str, text: &str, unread: &mut Vec<Gap>) {
        // apt skips comments wherever they are.
        let text: String = text
            .lines()
            .map(|line| if line.starts_with('#') { "#" } else { line })
            .fold(String::new(), |all, line| all + line + "\n");
        for stanza in control::stanzas(&text) {
            let place = Evidence::at(path, stanza.line);
            let names = stanza.words("Package");
            let Some(pin) = stanza.get("Pin") else {
                // Nothing but comments, or an explanation without a pin.
                continue;
            };
            let number = stanza.get("Pin-Priority").unwrap_or_default();
            let everything = names == ["*"];
            let priority = match number.parse::<i32>() {
                _ if number == "never" && everything => Some(NEVER),
                Ok(NEVER) => Some(NEVER.saturating_add(1)),
                Ok(number) => Some(number).filter(|n| *n != 0 && i16::try_from(*n).is_ok()),
                Err(_) => None,
            };
            let (Some(priority), false) = (priority, names.is_empty()) else {
                unread.push(Gap::malformed(format!("apt refuses to work with the preferences at {place}")));
                continue;
            };
            for name in &names {
                if self.pins.len() > MOST_PINS {
                    return;
                }
                let whom = if everything { Some(None) } else { Whom::new(name).map(Some) };
                match (whom, What::new(pin, everything)) {
                    (Some(whom), Some(what)) => {
                        self.pins.push(Pin { place: place.clone(), whom, what, priority })
                    }
                    _ => unread.push(not_understood(&place)),
                }
            }
        }
    }

    /// Whether any pin asks what packages are built from.
    pub(super) fn asks_for_sources(&self) -> bool {
        let by_source = |pin: &Pin| pin.whom.as_ref().is_some_and(|whom| whom.source);
        self.pins.iter().any(|pin| by_source(pin) || matches!(pin.what, What::SourceVersion(_)))
    }

    /// Whether APT::Default-Release, which is the first pin, names any of these lists; apt refuses to work otherwise.
    pub(super) fn first_matches(&self, lists: &[List]) -> bool {
        self.pins.first().is_some_and(|pin| lists.iter().any(|list| pin.what.is_of(list)))
    }

    /// The priority of a list.
    pub(super) fn of_list(&self, list: &List) -> i32 {
        let mut pins = self.pins.iter().filter(|pin| pin.whom.is_none() && pin.what.is_of(list));
        let Some(first) = pins.next() else { return list.usual };
        if pins.any(|pin| pin.priority == NEVER) { NEVER } else { first.priority }
    }

    /// The priority of a version that is in these lists, each with its own priority; and the pin that gives it.
    pub(super) fn of_version(
        &self,
        subject: &Subject<'_>,
        lists: &[(&List, i32)],
    ) -> (i32, Option<&Evidence>) {
        let own = self.pins.iter().find(|pin| {
            pin.whom.as_ref().is_some_and(|whom| whom.is(subject)) && pin.what.is(subject, lists)
        });
        if let Some(pin) = own
            && lists.iter().any(|(_, priority)| *priority != NEVER)
        {
            return (pin.priority, Some(&pin.place));
        }
        let best = lists.iter().max_by_key(|(_, priority)| *priority);
        let by = best.and_then(|(list, _)| {
            self.pins.iter().find(|pin| pin.whom.is_none() && pin.what.is_of(list)).map(|pin| &pin.place)
        });
        (best.map_or(0, |(_, priority)| *priority), by)
    }
}

fn not_understood(place: &Evidence) -> Gap {
    Gap::unsupported(format!(
        "the preference at {place} is not understood: apt may choose otherwise than is said here"
    ))
}

impl Whom {
    fn new(text: &str) -> Option<Self> {
        let (source, rest) = text.strip_prefix("src:").map_or((false, text), |rest| (true, rest));
        let (name, architecture) = match rest.rsplit_once(':') {
            Some((name, architecture)) => (name, Some(architecture.to_owned())),
            None => (rest, None),
        };
        let expression = name.starts_with('/') && name.ends_with('/') && name.len() > 1;
        let name = match expression || name.contains(['*', '[', '?']) {
            true => Name::Pattern(Pattern::new(name)?),
            false => Name::Plain(name.to_owned()),
        };
        Some(Self { source, name, architecture })
    }

    fn is(&self, subject: &Subject<'_>) -> bool {
        let name = if self.source { subject.source } else { subject.name };
        let named = match &self.name {
            Name::Plain(own) => own == name,
            Name::Pattern(pattern) => pattern.matches(name),
        };
        named
            && match self.architecture.as_deref() {
                None => subject.architecture == subject.native,
                Some("any" | "*") => true,
                Some(own) => {
                    own == subject.architecture || own.strip_prefix("linux-") == Some(subject.architecture)
                }
            }
    }
}

impl What {
    fn new(pin: &str, everything: bool) -> Option<Self> {
        let (kind, rest) = pin.split_once(char::is_whitespace).unwrap_or((pin, ""));
        let rest = rest.trim();
        match kind.to_ascii_lowercase().as_str() {
            "version" if !everything => Text::new(rest).map(Self::Version),
            "source-version" if !everything => Text::new(rest).map(Self::SourceVersion),
            "release" => Self::release(rest),
            "origin" => {
                let quoted = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
                Pattern::new(quoted.unwrap_or(rest)).map(Self::Site)
            }
            _ => None,
        }
    }

    fn release(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everything);
        }
        if !text.contains('=') {
            let digit = text.starts_with(|first: char| first.is_ascii_digit());
            let condition = match digit {
                true => Condition::Version(Text::new(text)?),
                false => Condition::Name(Pattern::new(text)?),
            };
            return Some(Self::Release(vec![condition]));
        }
        let mut conditions = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| part.len() >= 3) {
            let Some((kind, value)) = part.split_at_checked(2) else { continue };
            conditions.push(match kind.to_ascii_lowercase().as_str() {
                "v=" => Condition::Version(Text::new(value)?),
                "o=" => Condition::Origin(Pattern::new(value)?),
                "a=" => Condition::Archive(Pattern::new(value)?),
                "n=" => Condition::Codename(Pattern::new(value)?),
                "l=" => Condition::Label(Pattern::new(value)?),
                "c=" => Condition::Component(Pattern::new(value)?),
                "b=" => Condition::Architecture(Pattern::new(value)?),
                _ => continue,
            });
        }
        (conditions.len() < MOST_CONDITIONS).then_some(Self::Release(conditions))
    }

    /// Whether a pin of whole lists speaks of this one.
    fn is_of(&self, list: &List) -> bool {
        // What a Release file does not say matches nothing, not even `*`.
        let said = |text: &str, pattern: &Pattern| !text.is_empty() && pattern.matches(text);
        match self {
            Self::Everything => true,
            Self::Site(pattern) => !list.status && pattern.matches(&list.site),
            Self::Release(conditions) if list.status => conditions.iter().all(|condition| match condition {
                Condition::Archive(pattern) | Condition::Name(pattern) | Condition::Component(pattern) => {
                    pattern.matches("now")
                }
                _ => false,
            }),
            Self::Release(conditions) => {
                !conditions.is_empty()
                    && conditions.iter().all(|condition| match condition {
                        Condition::Version(text) => !list.version.is_empty() && text.is(&list.version),
                        Condition::Origin(pattern) => said(&list.origin, pattern),
                        Condition::Archive(pattern) => said(&list.archive, pattern),
                        Condition::Codename(pattern) => said(&list.codename, pattern),
                        Condition::Label(pattern) => said(&list.label, pattern),
                        Condition::Component(pattern) => said(&list.component, pattern),
                        Condition::Architecture(pattern) => said(&list.architecture, pattern),
                        Condition::Name(pattern) => {
                            said(&list.archive, pattern) || said(&list.codename, pattern)
                        }
                    })
            }
            Self::Version(_) | Self::SourceVersion(_) => false,
        }
    }

    /// Whether a pin of packages speaks of this version.
    fn is(&self, subject: &Subject<'_>, lists: &[(&List, i32)]) -> bool {
        match self {
            Self::Version(text) => text.is(subject.version),
            Self::SourceVersion(text) => text.is(subject.source_version),
            _ => lists.iter().any(|(list, _)| self.is_of(list)),
        }
    }
}

impl Text {
    fn new(text: &str) -> Option<Self> {
        let start = text.strip_suffix('*');
        Some(Self {
            start: start.unwrap_or(text).to_owned(),
            whole: start.is_none(),
            pattern: Some(Pattern::new(start.unwrap_or(text))?),
        })
    }

    fn is(&self, version: &str) -> bool {
        let begins =
            version.get(..self.start.len()).is_some_and(|start| start.eq_ignore_ascii_case(&self.start))
                && (!self.whole || version.len() == self.start.len());
        begins || self.pattern.as_ref().is_some_and(|pattern| pattern.matches(version))
    }
}
