//! Reads which suites of which archives apt is told to use: sources.list(5), both styles.

use crate::evidence::Evidence;
use crate::facts::automatic_updates::apt_conf;
use crate::facts::packages::control;
use crate::gap::Gap;
use crate::host::{self, Host};

/// More suites than this are not looked at; that there are more is a gap.
const MOST_SUITES: usize = 256;
/// The same for the components and for the architectures of a suite.
const MOST_COMPONENTS: usize = 64;

/// One suite of one archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Source {
    pub(super) place: Evidence,
    /// As it is written, credentials and all: never leaves this room.
    pub(super) uri: String,
    pub(super) suite: String,
    pub(super) components: Vec<String>,
    /// Only these architectures, unless empty.
    pub(super) architectures: Vec<String>,
    /// These architectures too, and these not.
    pub(super) more: Vec<String>,
    pub(super) without: Vec<String>,
    /// `trusted`: whether apt is told to take its word without a signature, or not to take it with one.
    pub(super) trusted: Option<bool>,
    /// `allow-insecure`, `allow-weak`, `allow-downgrade-to-insecure`: those that are on.
    pub(super) weak: Vec<&'static str>,
    /// Commented out, or `Enabled: no`.
    pub(super) off: bool,
}

/// Options by their names in the one-line and in the stanza style.
const WEAK: [(&str, &str); 3] = [
    ("allow-insecure", "Allow-Insecure"),
    ("allow-weak", "Allow-Weak"),
    ("allow-downgrade-to-insecure", "Allow-Downgrade-To-Insecure"),
];

/// The binary sources, those that are switched off included, and what could not be read of them.
pub(super) fn read(host: &dyn Host) -> (Vec<Source>, Vec<Gap>) {
    let mut sources = Vec::new();
    let mut unread = Vec::new();
    let mut paths = vec!["/etc/apt/sources.list".to_owned()];
    match apt_conf::parts(host, "/etc/apt/sources.list.d", &["list", "sources"], false) {
        Ok(more) => paths.extend(more),
        Err(gap) => unread.push(gap),
    }
    for path in paths {
        // One more than is kept shows that there are too many.
        let room = MOST_SUITES.saturating_add(1).saturating_sub(sources.len());
        match host.read(&path, host::SMALL) {
            Ok(bytes) if path.ends_with(".sources") => {
                sources.extend(deb822(&path, &String::from_utf8_lossy(&bytes)).take(room));
            }
            Ok(bytes) => sources.extend(one_line(&path, &String::from_utf8_lossy(&bytes)).take(room)),
            Err(gap) if gap.is_absent() => {}
            Err(gap) => unread.push(gap),
        }
    }
    if sources.len() > MOST_SUITES {
        unread.push(Gap::too_large("the list of package sources"));
        sources.truncate(MOST_SUITES);
    }
    for source in &mut sources {
        if source.components.len() > MOST_COMPONENTS || source.architectures.len() > MOST_COMPONENTS {
            let what = format!("the list of components or architectures at {}", source.place);
            unread.push(Gap::too_large(what));
            source.components.truncate(MOST_COMPONENTS);
            source.architectures.truncate(MOST_COMPONENTS);
        }
    }
    // The sources of one stanza say the same.
    unread.dedup();
    (sources, unread)
}

/// `deb [option=value …] uri suite component …`
fn one_line(path: &str, text: &str) -> impl Iterator<Item = Source> {
    (1_u32..).zip(text.lines()).filter_map(move |(number, line)| {
        let off = line.trim_start().starts_with('#');
        let line = line.trim_start().trim_start_matches(['#', ' ', '\t']);
        let line = line.split('#').next().unwrap_or_default();
        let (kind, mut rest) = apt_conf::word(line)?;
        if kind != "deb" {
            return None;
        }
        let mut source = Source { place: Evidence::at(path, number), off, ..Source::default() };
        if let Some((options, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            for option in options.split_whitespace() {
                let (mut name, value) = option.split_once('=').unwrap_or((option, ""));
                let sign = name.strip_suffix(['+', '-']).map(|bare| (bare, name.ends_with('+')));
                name = sign.map_or(name, |(bare, _)| bare);
                match (name, sign) {
                    ("arch", None) => source.architectures = kept(value.split(',')),
                    ("arch", Some((_, true))) => source.more = kept(value.split(',')),
                    ("arch", Some((_, false))) => source.without = kept(value.split(',')),
                    ("trusted", _) => source.trusted = Some(truth(value).unwrap_or_default()),
                    _ => source.weak.extend(
                        WEAK.iter()
                            .filter(|(own, _)| *own == name && truth(value) == Some(true))
                            .map(|(own, _)| own),
                    ),
                }
            }
            rest = after;
        }
        let mut words = std::iter::from_fn(|| {
            let (word, after) = apt_conf::word(rest)?;
            rest = after;
            Some(word)
        });
        (source.uri, source.suite) = (words.next()?, words.next()?);
        source.components = words.take(MOST_COMPONENTS.saturating_add(1)).collect();
        // Prose may begin with the word too.
        (!off || source.uri.contains(":/")).then_some(source)
    })
}

/// Stanzas with `Types`, `URIs`, `Suites` and `Components`; every URI is combined with every suite.
fn deb822(path: &str, text: &str) -> impl Iterator<Item = Source> {
    control::stanzas(text).flat_map(move |stanza| {
        let (mut uris, mut suites) = (stanza.words("URIs"), stanza.words("Suites"));
        if !stanza.words("Types").contains(&"deb") {
            uris.clear();
        }
        // Every URI goes with every suite, and as many of either are already too many.
        uris.truncate(MOST_SUITES.saturating_add(1));
        suites.truncate(MOST_SUITES.saturating_add(1));
        let words = |name: &str| kept(stanza.words(name).into_iter());
        let own = Source {
            place: Evidence::at(path, stanza.line),
            components: words("Components"),
            architectures: words("Architectures"),
            more: words("Architectures-Add"),
            without: words("Architectures-Remove"),
            trusted: stanza.get("Trusted").map(|value| truth(value).unwrap_or_default()),
            weak: WEAK
                .iter()
                .filter(|(_, field)| stanza.get(field).and_then(truth) == Some(true))
                .map(|(name, _)| *name)
                .collect(),
            off: stanza.get("Enabled").and_then(truth) == Some(false),
            ..Source::default()
        };
        uris.into_iter().flat_map(move |uri| {
            let (suites, own) = (suites.clone(), own.clone());
            suites.into_iter().map(move |suite| Source {
                uri: uri.to_owned(),
                suite: suite.to_owned(),
                ..own.clone()
            })
        })
    })
}

/// A word for yes or no, as apt takes it.
pub(super) fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "with" | "on" | "enable" | "1" => Some(true),
        "no" | "false" | "without" | "off" | "disable" | "0" => Some(false),
        _ => None,
    }
}

/// Words of a list; one more than counts shows that there are too many.
fn kept<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    words.take(MOST_COMPONENTS.saturating_add(1)).map(str::to_owned).collect()
}

impl Source {
    /// How it is fetched: `https`, `mirror+file`.
    pub(super) fn scheme(&self) -> &str {
        self.uri
            .split_once(':')
            .map(|(scheme, _)| scheme)
            .filter(|scheme| !scheme.contains('/'))
            .unwrap_or_default()
    }

    /// The host that it is fetched from, against which `Pin: origin` is held; empty for a local one.
    pub(super) fn site(&self) -> &str {
        let Some((_, rest)) = self.uri.split_once("://") else { return "" };
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => host.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether its package lists for an architecture are wanted.
    pub(super) fn wants(&self, architecture: &str) -> bool {
        let listed = |list: &[String]| list.iter().any(|name| name == architecture);
        let implied = self.architectures.is_empty() || architecture == "all";
        (implied || listed(&self.architectures) || listed(&self.more)) && !listed(&self.without)
    }

    /// The options by which it is believed without a good signature.
    pub(super) fn careless(&self) -> Vec<String> {
        let trusted = (self.trusted == Some(true)).then_some("trusted");
        trusted.into_iter().chain(self.weak.iter().copied()).map(str::to_owned).collect()
    }

    /// Host and path of the archive, without scheme and credentials.
    pub(super) fn archive(&self) -> String {
        let rest = match self.uri.split_once(':') {
            Some((scheme, rest)) if !scheme.contains('/') => rest,
            _ => self.uri.as_str(),
        };
        let Some(rest) = rest.strip_prefix("//") else { return rest.trim_end_matches('/').to_owned() };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        format!("{authority}{}", path.trim_end_matches('/'))
    }

    /// Where apt keeps what it fetched from this suite, up to `InRelease` or the component.
    pub(super) fn prefix(&self) -> String {
        let archive = self.archive();
        let folder = match self.suite.as_str() {
            "/" => format!("{archive}/"),
            flat if flat.ends_with('/') => format!("{archive}/{flat}"),
            suite => format!("{archive}/dists/{suite}/"),
        };
        let mut name = String::from("/var/lib/apt/lists/");
        for character in folder.chars() {
            match character {
                '/' => name.push('_'),
                quoted if "\\|{}[]<>\"^~_=!@#$%&*".contains(quoted) || !quoted.is_ascii_graphic() => {
                    let mut bytes = [0; 4];
                    for byte in quoted.encode_utf8(&mut bytes).bytes() {
                        name.push_str(&format!("%{byte:02x}"));
                    }
                }
                plain => name.push(plain),
            }
        }
        name
    }

    /// Whether the suite is a folder of its own, without components.
    pub(super) fn is_flat(&self) -> bool {
        self.suite.ends_with('/')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn both_styles_and_what_is_off() {
        let host = Tree::new(Timestamp(0))
            .file(
                "/etc/apt/sources.list",
                "# deb http://x y z\ndeb-src http://x y z\ndeb [ arch=amd64,i386 signed-by=/k ] http://a.org/d/ s main contrib # c\n",
            )
            .file(
                "/etc/apt/sources.list.d/d.sources",
                "Types: deb deb-src\nURIs: http://b/1 http://b/2\nSuites: s s-security\nComponents: main\n\nTypes: deb\nURIs: http://off\nSuites: s\nEnabled: no\n",
            )
            .file("/etc/apt/sources.list.d/x.list.save", "deb http://ignored s main\n");
        let (sources, unread) = read(&host);
        assert!(unread.is_empty());
        let seen: Vec<String> =
            sources.iter().map(|s| format!("{} {} {}", s.place, s.archive(), s.suite)).collect();
        assert_eq!(
            seen,
            [
                "/etc/apt/sources.list:1 x y",
                "/etc/apt/sources.list:3 a.org/d s",
                "/etc/apt/sources.list.d/d.sources:1 b/1 s",
                "/etc/apt/sources.list.d/d.sources:1 b/1 s-security",
                "/etc/apt/sources.list.d/d.sources:1 b/2 s",
                "/etc/apt/sources.list.d/d.sources:1 b/2 s-security",
                "/etc/apt/sources.list.d/d.sources:6 off s",
            ]
        );
        let off: Vec<bool> = sources.iter().map(|source| source.off).collect();
        assert_eq!(off, [true, false, false, false, false, false, true]);
        assert_eq!((sources[1].components.len(), sources[1].architectures.len()), (2, 2));
    }

    #[test]
    fn options_and_where_from() {
        let line =
            "deb [arch+=i386 arch-=arm64 trusted=yes allow-insecure=yes] https://me@h.org:8443/x s main";
        let source = one_line("p", line).next().unwrap();
        assert_eq!(source.careless(), ["trusted", "allow-insecure"]);
        assert!(
            source.wants("i386") && source.wants("amd64") && source.wants("all") && !source.wants("arm64")
        );
        assert_eq!((source.scheme(), source.site()), ("https", "h.org"));
        let text = "Types: deb\nURIs: file:/srv\nSuites: ./\nTrusted: yes\nArchitectures: amd64\n";
        let source = deb822("p", text).next().unwrap();
        assert_eq!((source.careless(), source.scheme(), source.site()), (vec!["trusted".into()], "file", ""));
        assert!(source.wants("amd64") && !source.wants("i386"));
        assert_eq!(one_line("p", "# deb packages are nice things\n").count(), 0);
    }

    #[test]
    fn names_of_lists_as_apt_makes_them() {
        let name = |uri: &str, suite: &str| {
            Source { uri: uri.to_owned(), suite: suite.to_owned(), ..Source::default() }
                .prefix()
                .replace("/var/lib/apt/lists/", "")
        };
        assert_eq!(
            name("http://deb.example.org/debian", "bookworm"),
            "deb.example.org_debian_dists_bookworm_"
        );
        assert_eq!(name("https://me:secret@h:80/a_b/", "x/updates"), "h:80_a%5fb_dists_x_updates_");
        assert_eq!(name("http://h/flat", "./"), "h_flat_._");
        assert_eq!(name("file:/srv/repo", "s"), "_srv_repo_dists_s_");
    }

    #[test]
    fn hostile_sources() {
        assert_eq!(one_line("p", "deb\ndeb [\ndeb [x]\ndeb a\n\0\ndeb \"x\n").count(), 0);
        assert_eq!(deb822("p", "Types: deb\n\nURIs:\n\nTypes:deb\nURIs:x\n").count(), 0);
    }

    #[test]
    fn a_product_of_long_lists_is_bounded_and_said() {
        let many = "x ".repeat(100_000);
        let stanza = format!("Types: deb\nURIs: {many}\nSuites: {many}\nComponents: {many}\n");
        let host = Tree::new(Timestamp(0))
            .file("/etc/apt/sources.list", format!("deb u s {many}\n"))
            .file("/etc/apt/sources.list.d/a.sources", &stanza)
            .file("/etc/apt/sources.list.d/b.sources", &stanza);
        let (sources, unread) = read(&host);
        assert_eq!(sources.len(), MOST_SUITES);
        assert!(sources.iter().all(|source| source.components.len() == MOST_COMPONENTS));
        assert_eq!(unread[0], Gap::too_large("the list of package sources"));
        assert!(unread[1].what.ends_with("at /etc/apt/sources.list:1"), "{unread:?}");
        assert_eq!(unread.len(), 3, "one sentence for each place: {unread:?}");
    }
}
