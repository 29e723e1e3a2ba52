//! Reads pacman.conf(5) with what it includes: repositories in their order, and packages that stay as they are.

use crate::evidence::Evidence;
use crate::facts::sshd::glob;
use crate::gap::Gap;
use crate::host::{self, Host};

/// The file that pacman starts with.
pub(crate) const PATH: &str = "/etc/pacman.conf";
/// Files deeper than these pacman itself refuses.
const DEEPEST: usize = 10;
/// More files, repositories or words than these are no configuration.
const MOST: usize = 1_000;
/// All files together.
const LONGEST: usize = 4 << 20;

/// What the configuration says, as far as it decides on updates.
#[derive(Debug, Default)]
pub(crate) struct PacmanConf {
    /// In the order in which pacman looks for a package.
    pub(crate) repositories: Vec<Repository>,
    /// Patterns of IgnorePkg.
    pub(crate) ignored: Vec<String>,
    /// Patterns of IgnoreGroup.
    pub(crate) ignored_groups: Vec<String>,
    /// SigLevel of all repositories.
    levels: Vec<String>,
    /// What could not be read, or changes what hostduty takes for granted.
    pub(crate) unread: Vec<Gap>,
    files: usize,
    bytes: usize,
}

/// A repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    /// `core`
    pub(crate) name: String,
    /// Where its section begins.
    pub(crate) place: Evidence,
    /// As written: `https://mirror.example.org/$repo/os/$arch`.
    pub(crate) servers: Vec<String>,
    levels: Vec<String>,
    usage: Vec<String>,
}

impl Repository {
    /// Whether an upgrade takes packages from it.
    pub(crate) fn upgrades(&self) -> bool {
        self.usage.is_empty() || self.usage.iter().any(|word| word == "All" || word == "Upgrade")
    }
}

/// What is asked of the signatures of packages; pacman looks at those, and mostly not at that of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Nobody looks.
    Never,
    /// A package without one is taken.
    Optional,
    /// A package without one is refused.
    Required,
}

impl PacmanConf {
    /// Reads the configuration; a host without one has no repository.
    pub(crate) fn read(host: &dyn Host) -> Self {
        let mut conf = Self::default();
        let mut section = None;
        conf.file(host, PATH, &mut section, 0);
        let mut names: Vec<&str> =
            conf.repositories.iter().map(|repository| repository.name.as_str()).collect();
        names.sort_unstable();
        if let Some(name) =
            names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first())
        {
            conf.unread.push(Gap::malformed(format!(
                "{PATH} has the repository {name} twice: pacman refuses to work"
            )));
        }
        conf
    }

    fn file(&mut self, host: &dyn Host, path: &str, section: &mut Option<usize>, depth: usize) {
        self.files = self.files.saturating_add(1);
        if depth > DEEPEST || self.files > MOST {
            return self.doubt(Gap::too_large(format!("what {PATH} includes")));
        }
        let text = match host.read(path, host::SMALL) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(gap) => return self.doubt(gap),
        };
        // A file that includes itself is read until it is too deep, and long ones need not be that deep.
        self.bytes = self.bytes.saturating_add(text.len());
        if self.bytes > LONGEST {
            return self.doubt(Gap::too_large(format!("what {PATH} includes")));
        }
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = Evidence::at(path, u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX));
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                *section = Some(self.section(name, at));
                continue;
            }
            let (key, value) =
                line.split_once('=').map_or((line, ""), |(key, value)| (key.trim(), value.trim()));
            if key != "Include" {
                self.setting(*section, key, value, &at);
                continue;
            }
            match glob::expand(host, value) {
                Ok(found) if value.starts_with('/') => {
                    found
                        .paths
                        .iter()
                        .for_each(|path| self.file(host, path, section, depth.saturating_add(1)));
                }
                Ok(_) => self.doubt(Gap::unsupported(format!("{at}: {value} is no absolute path"))),
                Err(gap) => self.doubt(gap),
            }
        }
    }

    /// The number of a section; that of options is beyond all repositories.
    fn section(&mut self, name: &str, place: Evidence) -> usize {
        if name == "options" {
            return usize::MAX;
        }
        if self.repositories.len() >= MOST {
            self.doubt(Gap::too_large(format!("the list of repositories in {PATH}")));
            return MOST;
        }
        if name.is_empty() || name == "local" || name.contains('/') {
            self.doubt(Gap::malformed(format!("{place}: pacman refuses a repository of the name `{name}`")));
        }
        self.repositories.push(Repository { name: name.to_owned(), place, ..Repository::default() });
        self.repositories.len().saturating_sub(1)
    }

    fn setting(&mut self, section: Option<usize>, key: &str, value: &str, at: &Evidence) {
        let Some(section) = section else {
            return self
                .doubt(Gap::malformed(format!("{at}: {key} stands in no section: pacman refuses to work")));
        };
        if section == usize::MAX {
            let list = match key {
                "IgnorePkg" => &mut self.ignored,
                "IgnoreGroup" => &mut self.ignored_groups,
                "SigLevel" => &mut self.levels,
                "DBPath" if value.trim_end_matches('/') != "/var/lib/pacman" => {
                    return self.doubt(Gap::unsupported(format!("{at}: pacman's databases are in {value}")));
                }
                "RootDir" if !value.trim_end_matches('/').is_empty() => {
                    return self.doubt(Gap::unsupported(format!("{at}: pacman installs below {value}")));
                }
                _ => return,
            };
            return words(list, value);
        }
        let Some(repository) = self.repositories.get_mut(section) else { return };
        match key {
            "Server" if repository.servers.len() < MOST => repository.servers.push(value.to_owned()),
            "SigLevel" => words(&mut repository.levels, value),
            "Usage" => words(&mut repository.usage, value),
            _ => {}
        }
    }

    fn doubt(&mut self, gap: Gap) {
        if !gap.is_absent() && self.unread.len() < 100 {
            self.unread.push(gap);
        }
    }

    /// What is asked of the packages of a repository, and whether any key will do.
    pub(crate) fn demand(&self, repository: &Repository) -> (Demand, bool) {
        // What pacman is compiled with; Arch's own file says Required.
        let (mut demand, mut any_key) = (Demand::Optional, false);
        for word in self.levels.iter().chain(&repository.levels) {
            match word.strip_prefix("Package").unwrap_or(word) {
                "Never" => demand = Demand::Never,
                "Optional" => demand = Demand::Optional,
                "Required" => demand = Demand::Required,
                "TrustAll" => any_key = true,
                "TrustedOnly" => any_key = false,
                _ => {}
            }
        }
        (demand, any_key)
    }

    /// Whether a package stays as it is; patterns that are not understood keep none.
    pub(crate) fn ignores<'a>(&self, name: &str, mut groups: impl Iterator<Item = &'a String>) -> bool {
        let any = |patterns: &[String], text: &str| {
            patterns.iter().any(|pattern| glob::fits(pattern, text).unwrap_or_default())
        };
        any(&self.ignored, name) || groups.any(|group| any(&self.ignored_groups, group))
    }

    /// Patterns that are not understood.
    pub(crate) fn odd(&self) -> impl Iterator<Item = Gap> {
        let patterns = self.ignored.iter().chain(&self.ignored_groups);
        // A caret negates a set here, and not where these patterns are read.
        let odd = patterns.filter(|pattern| pattern.contains("[^") || glob::fits(pattern, "x").is_none());
        odd.take(10)
            .map(|pattern| Gap::unsupported(format!("{PATH}: the pattern {pattern} is not understood")))
    }
}

fn words(list: &mut Vec<String>, value: &str) {
    let room = MOST.saturating_mul(10).saturating_sub(list.len());
    list.extend(value.split_whitespace().take(room).map(str::to_owned));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::GapKind;
    use crate::host::Tree;

    fn read(text: &str) -> PacmanConf {
        let host = Tree::new(Timestamp(0))
            .file(PATH, text)
            .file("/etc/pacman.d/mirrorlist", "# one\nServer = https://m.example.org/$repo/os/$arch\n")
            .file("/etc/pacman.d/more.conf", "[more]\nInclude = /etc/pacman.d/more.conf\n");
        PacmanConf::read(&host)
    }

    #[test]
    fn sections_lists_and_included_servers() {
        let conf = read(
            "[options]\nIgnorePkg = linux*  bash\nIgnorePkg=x\n#IgnorePkg = y\nIgnoreGroup = base\nSigLevel = Required DatabaseOptional\n\
             [core]\nInclude = /etc/pacman.d/mirrorlist\n[own]\nSigLevel = PackageOptional TrustAll\nUsage = Search\n\
             Server = http://own.example.org/\n[options]\nIgnorePkg = late\n",
        );
        assert!(conf.unread.is_empty(), "{:?}", conf.unread);
        let [core, own] = conf.repositories.as_slice() else { panic!("{conf:?}") };
        assert_eq!((core.name.as_str(), core.place.to_string().as_str()), ("core", "/etc/pacman.conf:7"));
        assert_eq!(core.servers, ["https://m.example.org/$repo/os/$arch"]);
        assert!(core.upgrades() && !own.upgrades());
        assert_eq!(conf.demand(core), (Demand::Required, false));
        assert_eq!(conf.demand(own), (Demand::Optional, true));
        for (name, groups, ignored) in
            [("linux-lts", "", true), ("late", "", true), ("y", "", false), ("y", "base", true)]
        {
            assert_eq!(conf.ignores(name, [groups.to_owned()].iter()), ignored, "{name} {groups}");
        }
    }

    #[test]
    fn what_pacman_refuses_and_what_goes_round_is_said() {
        let doubt = |text: &str| read(text).unread.first().map(ToString::to_string).unwrap_or_default();
        assert!(doubt("[a]\n[a]\n").contains("a twice"));
        assert!(doubt("IgnorePkg = a\n").contains("no section"));
        assert!(doubt("[options]\nDBPath = /srv/pacman\n").contains("/srv/pacman"));
        assert_eq!(doubt("[options]\nDBPath = /var/lib/pacman/\n"), "");
        assert!(
            doubt("[options]\nInclude = /etc/pacman.d/more.conf\n")
                .contains("what /etc/pacman.conf includes")
        );
        assert_eq!(read("[options]\nIgnorePkg = [a/b] [^x]\n").odd().count(), 2);
        assert!(doubt("[core\n[]\n").contains("refuses"));
    }

    #[test]
    fn a_long_file_that_includes_itself_ends() {
        let text = format!("[options]\n{}", "Include = /etc/pacman.conf\n".repeat(30_000));
        let conf = PacmanConf::read(&Tree::new(Timestamp(0)).file(PATH, text));
        assert!(conf.unread.iter().any(|gap| gap.why == GapKind::TooLarge), "{:?}", conf.unread);
    }
}
