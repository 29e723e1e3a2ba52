//! Modules: which streams of them are active on this host, and which packages are therefore to be had.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read;

use super::yaml::{self, Scalar};
use super::{Package, ini};
use crate::gap::Gap;
use crate::host::{self, Host};

const STATE: &str = "/etc/dnf/modules.d";
/// What dnf 5 has instead, and defaults of the administrator's own: neither is read.
const STATE_OF_FIVE: &str = "/usr/lib/sysimage/libdnf5/modules.toml";
const OWN_DEFAULTS: &str = "/etc/dnf/modules.defaults.d";
/// The largest file of modules that is read, unpacked; the largest of RHEL 8 has 12 MB.
const LARGEST: u64 = 96 << 20;
/// So many names of packages are kept.
const MOST: usize = 500_000;

/// The streams that are active: name, stream and context.
#[derive(Debug, Default)]
pub(super) struct Active(BTreeSet<(String, String, String)>);

impl Active {
    #[cfg(test)]
    pub(super) fn of(streams: &[(&str, &str, &str)]) -> Self {
        Self(streams.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect())
    }

    /// Whether a stream is active, in this context where one is named.
    pub(super) fn has(&self, name: &str, stream: &str, context: &str) -> bool {
        let key = (name.to_owned(), stream.to_owned(), context.to_owned());
        let next = self.0.range(&key..).next();
        next.is_some_and(|one| *one == key || (context.is_empty() && one.0 == name && one.1 == stream))
    }
}

/// What modules keep from being chosen.
#[derive(Debug, Default)]
pub(super) struct Modules {
    pub(super) active: Active,
    /// Packages, as `name-epoch:version-release.architecture`, of active streams and of all others.
    included: HashSet<String>,
    excluded: HashSet<String>,
    /// Names of packages of active streams: they come from nowhere else.
    names: HashSet<String>,
}

impl Modules {
    /// Whether a package of a repository is to be had.
    pub(super) fn admits(&self, package: &Package) -> bool {
        if self.included.is_empty() && self.excluded.is_empty() {
            return true;
        }
        let Package { name, epoch, version, release, architecture, .. } = package;
        let nevra = format!("{name}-{epoch}:{version}-{release}.{architecture}");
        self.included.contains(&nevra) || !(self.excluded.contains(&nevra) || self.names.contains(name))
    }
}

/// One stream in one context, as a repository describes it.
#[derive(Debug, Default, Clone)]
struct Stream {
    name: String,
    stream: String,
    context: String,
    artifacts: Vec<String>,
    demodularized: HashSet<String>,
    /// Of each alternative: the modules that it requires, with the streams that would do; none means any.
    requires: BTreeMap<usize, BTreeMap<String, Vec<String>>>,
}

/// What the repositories say of modules.
#[derive(Default)]
pub(super) struct Described {
    streams: Vec<Stream>,
    defaults: BTreeMap<String, String>,
    kept: usize,
}

impl Described {
    /// Takes the documents of a repository's modules; of artifacts only those whose name is wanted.
    pub(super) fn take(
        &mut self,
        file: impl Read,
        path: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), Gap> {
        let mut text = String::new();
        let read = file.take(LARGEST.saturating_add(1)).read_to_string(&mut text);
        read.map_err(|error| Gap::malformed(format!("{path} cannot be read to its end: {error}")))?;
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > LARGEST {
            return Err(Gap::too_large(path));
        }
        let document = RefCell::new(Document::default());
        let kept = RefCell::new(self);
        let each = |scalar: Scalar<'_>| {
            document.borrow_mut().take(scalar, &wanted);
            if kept.borrow().kept.saturating_add(document.borrow().kept) > MOST {
                return Err(Gap::too_large(path));
            }
            Ok(())
        };
        let end = || {
            let document = document.take();
            let mut all = kept.borrow_mut();
            all.kept = all.kept.saturating_add(document.kept).saturating_add(1);
            match document.kind.as_str() {
                "modulemd" if !document.stream.name.is_empty() => {
                    all.streams.push(document.stream);
                }
                "modulemd-defaults" if !document.default.is_empty() => {
                    all.defaults.insert(document.module, document.default);
                }
                "modulemd-defaults" | "modulemd-translations" | "modulemd-obsoletes" => {}
                other => {
                    return Err(Gap::unsupported(format!("{path} has a document of the kind `{other}`")));
                }
            }
            Ok(())
        };
        yaml::read(&text, path, each, end)
    }

    /// Which packages follow from this and from what the host has enabled.
    pub(super) fn resolve(self, host: &dyn Host, platform: &str) -> Result<Modules, Gap> {
        let mut modules = Modules::default();
        if self.streams.is_empty() {
            return Ok(modules);
        }
        let own = match host.list(OWN_DEFAULTS) {
            Ok(names) => names.iter().any(|name| name.ends_with(".yaml")),
            Err(gap) if gap.is_absent() => false,
            Err(gap) => return Err(gap),
        };
        if own {
            return Err(Gap::unsupported(format!(
                "{OWN_DEFAULTS} has defaults, which hostduty does not read"
            )));
        }
        match host::read_text(host, STATE_OF_FIVE, host::SMALL) {
            Ok(text) if text.contains("[modules.") => {
                let what = format!("{STATE_OF_FIVE} has streams of modules, which hostduty does not read");
                return Err(Gap::unsupported(what));
            }
            Ok(_) => {}
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
        let mut chosen = self.defaults;
        match host.list(STATE) {
            Ok(names) => {
                for name in names.into_iter().filter(|name| name.ends_with(".module")) {
                    let text = host::read_text(host, &format!("{STATE}/{name}"), host::SMALL)?;
                    for section in ini::sections(&text) {
                        let value = |key: &str| section.get(key).map_or("", |(value, _)| value).trim();
                        match (value("state"), value("stream")) {
                            ("enabled" | "1", stream) if !stream.is_empty() => {
                                chosen.insert(section.name.clone(), stream.to_owned());
                            }
                            ("disabled" | "0", _) => {
                                chosen.remove(&section.name);
                            }
                            _ => {}
                        }
                    }
                }
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
        let fits = |stream: &Stream| {
            chosen.get(&stream.name) == Some(&stream.stream)
                && (stream.requires.is_empty()
                    || stream.requires.values().any(|all| {
                        all.iter().all(|(name, any)| {
                            let has = if name == "platform" {
                                Some(platform)
                            } else {
                                chosen.get(name).map(String::as_str)
                            };
                            has.is_some_and(|has| {
                                any.is_empty() || has.is_empty() || any.iter().any(|one| one == has)
                            })
                        })
                    }))
        };
        for stream in &self.streams {
            if fits(stream) {
                let key = (stream.name.clone(), stream.stream.clone(), stream.context.clone());
                modules.active.0.insert(key);
                let names = stream.artifacts.iter().filter_map(|nevra| Some(parts(nevra)?.0.to_owned()));
                modules.names.extend(names.filter(|name| !stream.demodularized.contains(name)));
                modules.included.extend(stream.artifacts.iter().cloned());
            } else {
                modules.excluded.extend(stream.artifacts.iter().cloned());
            }
        }
        Ok(modules)
    }
}

#[derive(Default)]
struct Document {
    kind: String,
    stream: Stream,
    module: String,
    default: String,
    /// How many words of it are kept.
    kept: usize,
}

impl Document {
    fn take(&mut self, scalar: Scalar<'_>, wanted: &impl Fn(&str) -> bool) {
        let path: Vec<&str> = scalar.path.iter().map(String::as_str).collect();
        let stream = &mut self.stream;
        if matches!(
            path.as_slice(),
            ["data", "dependencies", "-", "requires", ..] | ["data", "demodularized", ..]
        ) {
            self.kept = self.kept.saturating_add(1);
        }
        match path.as_slice() {
            ["document"] => self.kind = scalar.text,
            ["data", "name"] => stream.name = scalar.text,
            ["data", "stream"] => {
                stream.stream.clone_from(&scalar.text);
                self.default = scalar.text;
            }
            ["data", "context"] => stream.context = scalar.text,
            ["data", "module"] => self.module = scalar.text,
            ["data", "dependencies", "-", "requires", name, rest @ ..] => {
                let all = stream.requires.entry(scalar.item).or_default();
                let any = all.entry((*name).to_owned()).or_default();
                if rest == ["-"] {
                    any.push(scalar.text);
                }
            }
            ["data", "artifacts", "rpms", "-"]
                if parts(&scalar.text).is_some_and(|(name, architecture)| {
                    wanted(name) && !matches!(architecture, "src" | "nosrc")
                }) =>
            {
                self.kept = self.kept.saturating_add(1);
                stream.artifacts.push(scalar.text);
            }
            ["data", "demodularized", "rpms", "-"] => {
                stream.demodularized.insert(scalar.text);
            }
            _ => {}
        }
    }
}

/// Name and architecture of `name-epoch:version-release.architecture`.
fn parts(nevra: &str) -> Option<(&str, &str)> {
    let (rest, architecture) = nevra.rsplit_once('.')?;
    let (rest, _) = rest.rsplit_once('-')?;
    Some((rest.rsplit_once('-')?.0, architecture))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    const TEXT: &str = "---\ndocument: modulemd\nversion: 2\ndata:\n  name: node\n  stream: 18\n  context: c1\n  dependencies:\n  \
        - requires:\n      platform: [el9]\n  artifacts:\n    rpms:\n    - node-1:18.2-1.noarch\n    - node-1:18.2-1.src\n...\n---\n\
        document: modulemd\nversion: 2\ndata:\n  name: node\n  stream: \"20\"\n  context: c2\n  artifacts:\n    rpms:\n    \
        - node-1:20.1-1.noarch\n...\n---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: node\n  stream: \"20\"\n...\n";

    fn admitted(host: &Tree, platform: &str) -> Vec<&'static str> {
        let mut described = Described::default();
        described.take(TEXT.as_bytes(), "m", |name| name == "node").unwrap();
        let modules = described.resolve(host, platform).unwrap();
        let of = |version: &&str| {
            let package = Package {
                name: "node".into(),
                epoch: 1,
                version: (**version).to_owned(),
                release: "1".into(),
                architecture: "noarch".into(),
                ..Package::default()
            };
            modules.admits(&package)
        };
        ["18.2", "20.1", "21"].into_iter().filter(of).collect()
    }

    #[test]
    fn what_is_enabled_hides_the_rest() {
        let host = Tree::new(Timestamp(0));
        assert_eq!(admitted(&host, "el9"), ["20.1"], "the default");
        let enabled = |text: &str| host.clone().file("/etc/dnf/modules.d/node.module", text);
        assert_eq!(admitted(&enabled("[node]\nname=node\nstream=18\nstate=enabled\n"), "el9"), ["18.2"]);
        assert_eq!(admitted(&enabled("[node]\nname=node\nstream=\nstate=disabled\n"), "el9"), ["21"]);
        assert_eq!(admitted(&enabled("[node]\nstream=18\nstate=enabled\n"), "el8"), ["21"]);
    }
}
