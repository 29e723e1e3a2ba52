//! Reads which repositories dnf, yum and zypper are told to use, and what they may take from them.

use std::collections::BTreeMap;

use super::ini::{self, Section, truth};
use super::variables::Variables;
use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

/// More repositories are in no configuration; Red Hat's own has a thousand, nearly all of them off.
const MOST: usize = 8192;
const DEFAULT_PRIORITY: i64 = 99;
/// Options by which dnf may choose otherwise, and which no host has been seen to set.
const UNREAD: [&str; 4] = ["disable_excludes", "module_platform_id", "pluginconfpath", "varsdir"];

/// Whose repository it is: they keep what they fetch in different places and choose differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tool {
    #[default]
    Dnf,
    Zypper,
}

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Repository {
    pub(super) tool: Tool,
    pub(super) id: String,
    pub(super) place: Evidence,
    pub(super) enabled: bool,
    /// The first of metalink, mirrorlist, baseurl and the id, by which dnf names the folder of its cache; each of the
    /// addresses that it may come to be when the variables in it are not known for certain.
    pub(super) addresses: Vec<String>,
    /// Whether [`Repository::addresses`] is certain to hold the true one.
    pub(super) certain: bool,
    /// Lower comes first.
    pub(super) priority: i64,
    pub(super) module_hotfixes: bool,
    pub(super) excludes: Vec<(String, Evidence)>,
    pub(super) includes: Vec<String>,
    pub(super) careless: Vec<String>,
    /// Whether packages or metadata must be signed.
    pub(super) signed: bool,
}

impl Repository {
    pub(super) fn address(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }

    pub(super) fn scheme(&self) -> &str {
        self.address().split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// Host and path, without credentials and without what follows a question mark.
    pub(super) fn archive(&self) -> String {
        let address = self.address().split_once("://").map_or(self.address(), |(_, rest)| rest);
        let address = address.split(['?', '#']).next().unwrap_or_default();
        let host_end = address.find('/').unwrap_or(address.len());
        let start =
            address.get(..host_end).and_then(|host| host.rfind('@')).map_or(0, |at| at.saturating_add(1));
        address.get(start..).unwrap_or_default().trim_end_matches('/').to_owned()
    }
}

/// What is configured.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    pub(super) repositories: Vec<Repository>,
    pub(super) excludes: Vec<(String, Evidence)>,
    pub(super) includes: Vec<String>,
    /// Where dnf is told to keep its cache.
    pub(super) caches: Vec<String>,
    /// zypper takes a package from another vendor than the installed one's.
    pub(super) vendor_change: bool,
    /// Vendors that zypper is told to take for one, by the beginning of their names, in small letters.
    pub(super) vendors: Vec<Vec<String>>,
    pub(super) unread: Vec<Gap>,
}

pub(super) fn read(host: &dyn Host, variables: &Variables) -> Configuration {
    let mut configuration = Configuration::default();
    let mut main = Main::default();
    let paths = ["/etc/yum.conf", "/etc/dnf/dnf.conf"];
    let parts = files(host, "/etc/dnf/libdnf5.conf.d", ".conf", &mut configuration.unread);
    let vendor = files(host, "/usr/share/dnf5/libdnf.conf.d", ".conf", &mut configuration.unread);
    // /etc/yum.conf is a link to dnf's file where dnf is; what a later file sets wins.
    let paths = paths.into_iter().map(str::to_owned);
    for path in vendor.into_iter().chain(paths).chain(parts) {
        let Some(text) = text(host, &path, &mut configuration.unread) else { continue };
        for section in ini::sections(&text) {
            if section.name == "main" {
                main.take(&section, &path, &mut configuration);
            } else if !section.name.is_empty() {
                add(&mut configuration, repository(&section, &path, Tool::Dnf, &main, variables));
            }
        }
    }
    if main.folders.is_empty() {
        main.folders =
            ["/etc/yum.repos.d", "/etc/yum/repos.d", "/etc/distro.repos.d", "/usr/share/dnf5/repos.d"]
                .map(str::to_owned)
                .to_vec();
    }
    for folder in main.folders.clone() {
        repositories(host, &folder, Tool::Dnf, &main, variables, &mut configuration);
    }
    for folder in ["/etc/dnf/repos.override.d", "/usr/share/dnf5/repos.override.d"] {
        let overrides = files(host, folder, ".repo", &mut configuration.unread);
        configuration.unread.extend(overrides.iter().take(1).map(|path| {
            Gap::unsupported(format!("{path} overrides what repositories say, which hostduty does not read"))
        }));
    }
    let mut zypp = Main { gpgcheck: true, ..Main::default() };
    if let Some(text) = text(host, "/etc/zypp/zypp.conf", &mut configuration.unread) {
        for section in ini::sections(&text) {
            zypp.take(&section, "/etc/zypp/zypp.conf", &mut Configuration::default());
            let change = section.get("solver.allowvendorchange").and_then(|(value, _)| truth(value));
            configuration.vendor_change = change.unwrap_or(configuration.vendor_change);
        }
    }
    for folder in ["/usr/etc/zypp/vendors.d", "/etc/zypp/vendors.d"] {
        for path in files(host, folder, "", &mut configuration.unread) {
            let Some(text) = text(host, &path, &mut configuration.unread) else { continue };
            let all = ini::sections(&text);
            let lists = all.iter().filter_map(|section| section.get("vendors"));
            let lists = lists.map(|(names, _)| {
                let names = names.split(',').map(|name| name.trim().to_ascii_lowercase());
                names.filter(|name| !name.is_empty()).collect()
            });
            configuration.vendors.extend(lists);
        }
    }
    repositories(host, "/etc/zypp/repos.d", Tool::Zypper, &zypp, variables, &mut configuration);
    if configuration.repositories.len() > MOST {
        configuration.unread.push(Gap::too_large("what is configured of repositories"));
        configuration.repositories.truncate(MOST);
    }
    // The same repository in two files is the one that was read last.
    let mut last = BTreeMap::new();
    for (at, repository) in configuration.repositories.iter().enumerate() {
        last.insert((repository.tool == Tool::Zypper, repository.id.clone()), at);
    }
    let mut at = 0_usize;
    configuration.repositories.retain(|repository| {
        let kept = last.get(&(repository.tool == Tool::Zypper, repository.id.clone())) == Some(&at);
        at = at.saturating_add(1);
        kept
    });
    configuration
}

/// What holds for every repository that does not say otherwise.
#[derive(Debug, Clone, Default)]
struct Main {
    gpgcheck: bool,
    repo_gpgcheck: bool,
    sslverify: Option<bool>,
    priority: Option<i64>,
    folders: Vec<String>,
}

impl Main {
    fn take(&mut self, section: &Section, path: &str, configuration: &mut Configuration) {
        let flag = |keys: &[&str]| keys.iter().find_map(|key| truth(section.get(key)?.0));
        self.gpgcheck = flag(&["gpgcheck", "pkg_gpgcheck"]).unwrap_or(self.gpgcheck);
        self.repo_gpgcheck = flag(&["repo_gpgcheck"]).unwrap_or(self.repo_gpgcheck);
        self.sslverify = flag(&["sslverify"]).or(self.sslverify);
        self.priority = section.get("priority").and_then(|(value, _)| value.parse().ok()).or(self.priority);
        let folders = section.words("reposdir");
        if !folders.is_empty() {
            self.folders = folders;
        }
        for key in ["cachedir", "system_cachedir"] {
            configuration
                .caches
                .extend(section.get(key).map(|(value, _)| value.trim_end_matches('/').to_owned()));
        }
        for key in UNREAD {
            if let Some((value, line)) = section.get(key) {
                configuration.unread.push(Gap::unsupported(format!(
                    "{path}:{line}: hostduty does not know what follows from {key}={value}"
                )));
            }
        }
        configuration.excludes.extend(excludes(section, path));
        configuration.includes.extend(section.words("includepkgs"));
    }
}

fn excludes(section: &Section, path: &str) -> Vec<(String, Evidence)> {
    let keys = ["exclude", "excludepkgs"].into_iter();
    keys.flat_map(|key| {
        let line = section.get(key).map_or(section.line, |(_, line)| line);
        let place = Evidence::at(path, line);
        section.words(key).into_iter().map(move |word| (word, place.clone()))
    })
    .collect()
}

fn repositories(
    host: &dyn Host,
    folder: &str,
    tool: Tool,
    main: &Main,
    variables: &Variables,
    configuration: &mut Configuration,
) {
    for path in files(host, folder, ".repo", &mut configuration.unread) {
        let Some(text) = text(host, &path, &mut configuration.unread) else { continue };
        for section in ini::sections(&text).into_iter().filter(|section| !section.name.is_empty()) {
            if section.name != "main" {
                add(configuration, repository(&section, &path, tool, main, variables));
            }
        }
    }
}

fn add(configuration: &mut Configuration, repository: Repository) {
    // One more than is kept shows that there are too many.
    if configuration.repositories.len() <= MOST {
        configuration.repositories.push(repository);
    }
}

fn repository(section: &Section, path: &str, tool: Tool, main: &Main, variables: &Variables) -> Repository {
    let flag = |keys: &[&str]| keys.iter().find_map(|key| truth(section.get(key)?.0));
    let (ids, mut certain) = variables.expand(&section.name);
    let id = ids.into_iter().next().unwrap_or_default();
    let written = ["metalink", "mirrorlist", "baseurl"].iter().find_map(|key| {
        let value = section.get(key).map(|(value, _)| value)?;
        value.split(|c: char| c.is_whitespace() || c == ',').find(|word| !word.is_empty())
    });
    let addresses = match written {
        Some(written) => {
            let (all, sure) = variables.expand(written);
            certain &= sure;
            let local = |address: String| {
                if address.starts_with('/') { format!("file://{address}") } else { address }
            };
            all.into_iter().map(local).collect()
        }
        None => vec![id.clone()],
    };
    let number = |key: &str| section.get(key).and_then(|(value, _)| value.parse::<i64>().ok());
    let gpgcheck = flag(&["gpgcheck", "pkg_gpgcheck"]).unwrap_or(main.gpgcheck);
    let metadata =
        flag(&["repo_gpgcheck"]).unwrap_or(main.repo_gpgcheck || (tool == Tool::Zypper && gpgcheck));
    let mut repository = Repository {
        tool,
        id,
        place: Evidence::at(path, section.line),
        enabled: flag(&["enabled"]).unwrap_or(true),
        addresses,
        certain,
        priority: number("priority").or(main.priority).unwrap_or(DEFAULT_PRIORITY),
        module_hotfixes: flag(&["module_hotfixes"]).unwrap_or(false),
        excludes: excludes(section, path),
        includes: section.words("includepkgs"),
        careless: Vec::new(),
        signed: gpgcheck,
    };
    let unverified = flag(&["sslverify"]).or(main.sslverify) == Some(false);
    let plain = matches!(repository.scheme(), "http" | "ftp");
    if !gpgcheck {
        repository.careless.push("gpgcheck=0".to_owned());
    } else if !metadata && plain {
        repository.careless.push("repo_gpgcheck=0".to_owned());
    } else if !metadata && unverified && repository.scheme() == "https" {
        repository.careless.push("sslverify=0".to_owned());
    }
    repository
}

/// The files of a folder with an ending, in order.
fn files(host: &dyn Host, folder: &str, ending: &str, unread: &mut Vec<Gap>) -> Vec<String> {
    let folder = folder.trim_end_matches('/');
    match host.list(folder) {
        Ok(names) => names
            .into_iter()
            .filter(|name| name.ends_with(ending) && !name.starts_with('.'))
            .map(|name| format!("{folder}/{name}"))
            .collect(),
        Err(gap) => {
            unread.extend(Some(gap).filter(|gap| !gap.is_absent()));
            Vec::new()
        }
    }
}

fn text(host: &dyn Host, path: &str, unread: &mut Vec<Gap>) -> Option<String> {
    match host.read(path, host::SMALL) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(gap) => {
            unread.extend(Some(gap).filter(|gap| !gap.is_absent()));
            None
        }
    }
}
