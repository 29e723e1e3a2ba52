//! When the provider handed the machine over, by all the evidence on it.

mod handover;

use serde::{Deserialize, Serialize};

use crate::date::Timestamp;
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::{Host, Stat};
pub use handover::Handover;

/// 2010-01-01. No cloud image of a distribution in use is older; an earlier date means that the clock was not set.
const CLOCK_WAS_SET: Timestamp = Timestamp(1_262_304_000);

/// When the provider handed the machine over, by all the evidence on it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// What was found, by kind and then by age.
    pub traces: Vec<Trace>,
    /// What was found and cannot be used, one sentence each: a date in the future, a clock that was not set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trace {
    /// What left it.
    pub kind: TraceKind,
    /// When.
    pub at: Timestamp,
    /// The path that bears the date.
    pub path: String,
}

/// What leaves a trace when a machine is handed over, the most trustworthy first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TraceKind {
    /// The oldest of the marks that cloud-init sets once for each instance id (`/var/lib/cloud/instance/sem/`): the
    /// first boot of this very instance, also when it was made from a golden image. `boot-finished`, `data/` and the
    /// log are no such mark, because every boot writes them.
    CloudInit,
    /// The log of VMware's guest customisation, which runs when a clone of a template starts for the first time.
    GuestCustomization,
    /// The last change of /etc/machine-id. A well-made image ships it empty and the first boot fills it; a careless
    /// one ships it filled, and then it is older than the rental.
    MachineId,
    /// The oldest SSH host key. The first boot makes them, unless the image ships them; an administrator may have
    /// replaced them, and then they are younger.
    HostKey,
    /// The last change of an installer's log. Golden images are made with installers too, so the machine was handed
    /// over at this time or later.
    Installer,
    /// The birth of the root file system. An image that is copied block by block keeps the birth that it had at its
    /// maker's, so the machine was handed over at this time or later.
    Birth,
}

impl TraceKind {
    /// As it reads in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudInit => "cloud-init's first run",
            Self::GuestCustomization => "VMware's guest customisation",
            Self::MachineId => "the machine id",
            Self::HostKey => "the oldest SSH host key",
            Self::Installer => "the installer's log",
            Self::Birth => "the birth of the root file system",
        }
    }
}

/// Looks for every trace. Nothing found is an empty list, which decides nothing.
pub(crate) fn read(host: &dyn Host, _facts: &Facts) -> Result<Delivery, Gap> {
    let mut search = Search { host, delivery: Delivery::default() };
    search.oldest_of(TraceKind::CloudInit, "/var/lib/cloud/instance/sem", |_| true);
    search.modified(TraceKind::GuestCustomization, "/var/log/vmware-imc/toolsDeployPkg.log");
    if host.stat("/etc/machine-id").is_ok_and(|stat| stat.size < 32) {
        search.ignore("/etc/machine-id is empty, so it says nothing about the first boot");
    } else {
        search.modified(TraceKind::MachineId, "/etc/machine-id");
    }
    search.oldest_of(TraceKind::HostKey, "/etc/ssh", |name| {
        name.starts_with("ssh_host_") && name.ends_with("_key.pub")
    });
    for path in ["/var/log/installer", "/var/log/anaconda", "/root/anaconda-ks.cfg"] {
        search.modified(TraceKind::Installer, path);
    }
    search.born("/", |stat| stat.created);
    // mkfs makes this folder and nothing changes it, so where no birth is kept its last change is as good.
    search.born("/lost+found", |stat| stat.created.or(Some(stat.modified)));
    let mut delivery = search.delivery;
    delivery.traces.sort_by(|a, b| (a.kind, a.at, &a.path).cmp(&(b.kind, b.at, &b.path)));
    Ok(delivery)
}

struct Search<'a> {
    host: &'a dyn Host,
    delivery: Delivery,
}

impl Search<'_> {
    fn ignore(&mut self, sentence: impl Into<String>) {
        self.delivery.ignored.push(sentence.into());
    }

    /// Keeps a date, or says why not.
    fn add(&mut self, kind: TraceKind, at: Timestamp, path: &str) {
        if at > self.host.now() {
            self.ignore(format!("{path} bears a date in the future"));
        } else if at < CLOCK_WAS_SET {
            self.ignore(format!("{path} was written before the clock was set"));
        } else {
            self.delivery.traces.push(Trace { kind, at, path: path.to_owned() });
        }
    }

    fn stat(&mut self, path: &str) -> Option<Stat> {
        match self.host.stat(path) {
            Ok(stat) => Some(stat),
            Err(gap) if gap.is_absent() => None,
            Err(gap) => {
                self.ignore(gap.to_string());
                None
            }
        }
    }

    fn modified(&mut self, kind: TraceKind, path: &str) {
        if let Some(stat) = self.stat(path) {
            self.add(kind, stat.modified, path);
        }
    }

    fn born(&mut self, path: &str, date: impl Fn(&Stat) -> Option<Timestamp>) {
        if let Some(at) = self.stat(path).as_ref().and_then(date) {
            self.add(TraceKind::Birth, at, path);
        }
    }

    /// The oldest usable date of the files in a folder. A first boot may start before the clock is set.
    fn oldest_of(&mut self, kind: TraceKind, folder: &str, wanted: impl Fn(&str) -> bool) {
        let names = match self.host.list(folder) {
            Ok(names) => names,
            Err(gap) if gap.is_absent() => return,
            Err(gap) => return self.ignore(gap.to_string()),
        };
        let now = self.host.now();
        let dated: Vec<(Timestamp, String)> = names
            .iter()
            .filter(|name| wanted(name))
            .take(1000)
            .map(|name| format!("{folder}/{name}"))
            .filter_map(|path| Some((self.stat(&path)?.modified, path)))
            .collect();
        let usable = dated.iter().filter(|(at, _)| (CLOCK_WAS_SET..=now).contains(at)).min();
        if let Some((at, path)) = usable.or(dated.first()) {
            self.add(kind, *at, path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Tree;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn dated(tree: Tree, path: &str, day: Timestamp) -> Tree {
        tree.file(path, "0123456789abcdef0123456789abcdef\n").with(path, |node| node.modified = day)
    }

    #[test]
    fn every_trace_is_found_and_the_best_comes_first() {
        let mut tree = Tree::new(at("2026-11-22T12:00:00Z")).link("/var/lib/cloud/instance", "instances/i-1");
        for (path, day) in [
            ("/var/lib/cloud/instances/i-1/sem/config_ssh", "2026-03-02T09:00:05Z"),
            ("/var/lib/cloud/instances/i-1/sem/config_locale", "2026-03-02T09:00:01Z"),
            ("/var/lib/cloud/instances/i-1/boot-finished", "2026-11-01T09:00:00Z"),
            ("/var/lib/cloud/instances/i-1/sem/clock", "1970-01-01T00:00:09Z"),
            ("/etc/machine-id", "2026-03-02T09:00:00Z"),
            ("/etc/ssh/ssh_host_rsa_key.pub", "2026-03-02T09:00:09Z"),
            ("/etc/ssh/ssh_host_ed25519_key.pub", "2026-03-02T09:00:08Z"),
            ("/etc/ssh/sshd_config", "2020-01-01T00:00:00Z"),
            ("/root/anaconda-ks.cfg", "2025-06-01T00:00:00Z"),
            ("/lost+found", "2025-05-31T00:00:00Z"),
        ] {
            tree = dated(tree, path, at(day));
        }
        let seen = read(&tree, &Facts::default()).unwrap();
        let traces: Vec<_> =
            seen.traces.iter().map(|trace| (trace.kind, trace.at, trace.path.as_str())).collect();
        assert_eq!(
            traces,
            [
                (
                    TraceKind::CloudInit,
                    at("2026-03-02T09:00:01Z"),
                    "/var/lib/cloud/instance/sem/config_locale"
                ),
                (TraceKind::MachineId, at("2026-03-02T09:00:00Z"), "/etc/machine-id"),
                (TraceKind::HostKey, at("2026-03-02T09:00:08Z"), "/etc/ssh/ssh_host_ed25519_key.pub"),
                (TraceKind::Installer, at("2025-06-01T00:00:00Z"), "/root/anaconda-ks.cfg"),
                (TraceKind::Birth, at("2025-05-31T00:00:00Z"), "/lost+found"),
            ]
        );
        assert!(seen.ignored.is_empty(), "{:?}", seen.ignored);
    }

    #[test]
    fn dates_that_cannot_be_are_ignored_and_said() {
        let mut tree = Tree::new(at("2026-11-22T12:00:00Z")).file("/etc/machine-id", "");
        tree = dated(tree, "/lost+found", Timestamp(i64::MAX));
        tree = dated(tree, "/var/lib/cloud/instance/sem/a", Timestamp(0));
        tree = dated(tree, "/var/log/installer", Timestamp(i64::MIN));
        tree = tree.refuse("/etc/ssh", Gap::denied("/etc/ssh"));
        let seen = read(&tree, &Facts::default()).unwrap();
        assert!(seen.traces.is_empty(), "{:?}", seen.traces);
        assert_eq!(seen.ignored.len(), 5, "{:?}", seen.ignored);
        assert_eq!(read(&Tree::new(at("2026-11-22")), &Facts::default()).unwrap(), Delivery::default());
    }
}
