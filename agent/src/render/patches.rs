//! The updates that wait, as a list for people and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write;

use checks::check::{Judgement, Verdict};
use checks::facts::Facts;
use checks::facts::updates::{Pending, Status, Updates, Withheld};
use checks::gap::Gap;
use checks::policy::Policy;
use checks::registry;
use serde::Serialize;

use super::human::{Paint, wrapped};
use crate::output::clean;

/// What is listed, as JSON has it: packaging/schema/patches-v1.schema.json.
#[derive(Debug, Serialize)]
pub(crate) struct Listing {
    schema_version: u32,
    /// How old the knowledge of security updates is; `null` where that is not known.
    index_age_seconds: Option<u64>,
    /// `null` where nothing is known of updates, which is not the same as none.
    pending: Option<Vec<Entry>>,
    /// Security updates that preferences keep from ever being chosen.
    withheld: Vec<Kept>,
    /// Installed packages that no index has.
    unlisted: Vec<String>,
    kernel: Kernel,
    /// What could not be known and limits what is said.
    gaps: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Entry {
    package: String,
    architecture: String,
    installed: String,
    candidate: String,
    /// `null` where no index says which updates are for security.
    security: Option<bool>,
    origin: String,
    third_party: bool,
    source: String,
    status: Status,
    advisories: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Kept {
    package: String,
    installed: String,
    version: String,
    origin: String,
    /// The preference that decides, FILE:LINE.
    by: Option<String>,
}

#[derive(Debug, Serialize)]
struct Kernel {
    running: Option<String>,
    newest_installed: Option<String>,
    reboot_required: Option<bool>,
}

impl Listing {
    pub(crate) fn new(facts: &Facts) -> Self {
        let updates = facts.updates.value();
        let mut gaps = Vec::new();
        for id in ["patches-security", "patches-index-fresh"] {
            match judged(id, facts) {
                Ok(judgement) => {
                    gaps.extend(judgement.unknowns);
                    let stale = judgement.findings.into_iter().filter(|_| id == "patches-index-fresh");
                    gaps.extend(stale.map(|finding| finding.message));
                }
                Err(gap) => gaps.push(gap.to_string()),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        gaps.retain(|gap| seen.insert(gap.clone()));
        Self {
            schema_version: 1,
            index_age_seconds: updates.and_then(|updates| updates.index_age(facts.taken_at)),
            pending: updates
                .map(|updates| updates.pending.iter().map(|pending| Entry::new(updates, pending)).collect()),
            withheld: updates
                .map(|updates| updates.withheld.iter().map(Kept::new).collect())
                .unwrap_or_default(),
            unlisted: updates.map(|updates| updates.unlisted.iter().cloned().collect()).unwrap_or_default(),
            kernel: Kernel::new(facts),
            gaps,
        }
    }
}

/// What a check says of the facts, under the thresholds that hold without a configuration.
fn judged(id: &str, facts: &Facts) -> Result<Judgement, Gap> {
    let check = registry::CHECKS.iter().find(|check| check.id == id);
    check.map_or_else(|| Err(Gap::not_gathered()), |check| (check.judge)(facts, &Policy::default()))
}

impl Entry {
    fn new(updates: &Updates, pending: &Pending) -> Self {
        Self {
            package: pending.package.clone(),
            architecture: pending.architecture.clone(),
            installed: pending.installed.clone(),
            candidate: pending.candidate.clone(),
            security: updates.tells(pending).then_some(pending.security),
            origin: pending.origin.clone(),
            third_party: pending.third_party,
            source: if pending.source.is_empty() { &pending.package } else { &pending.source }.clone(),
            status: pending.status,
            advisories: pending.advisories.clone(),
        }
    }

    /// What keeps it from being installed by the next upgrade.
    fn obstacle(&self) -> &'static str {
        match self.status {
            Status::Upgradable => "",
            Status::Held => "held",
            Status::Phased => "phased: not this machine's turn",
            Status::KeptBack => "kept back",
        }
    }
}

impl Kept {
    fn new(withheld: &Withheld) -> Self {
        Self {
            package: withheld.package.clone(),
            installed: withheld.installed.clone(),
            version: withheld.version.clone(),
            origin: withheld.origin.clone(),
            by: withheld.by.as_ref().map(ToString::to_string),
        }
    }
}

impl Kernel {
    fn new(facts: &Facts) -> Self {
        let kernels = facts.kernels.value();
        let asked = kernels.is_some_and(|kernels| kernels.reboot_required.is_some());
        let verdict = judged("patches-kernel-running", facts).map(|judgement| judgement.verdict());
        Self {
            running: kernels.and_then(|kernels| Some(kernels.running.value()?.release.clone())),
            newest_installed: kernels.and_then(|kernels| Some(kernels.newest()?.release.clone())),
            reboot_required: match verdict {
                _ if asked => Some(true),
                Ok(Verdict::Fail) => Some(true),
                Ok(Verdict::Pass) => Some(false),
                _ => None,
            },
        }
    }
}

/// Lines of 80 columns: security first, then by what packages are built from.
pub(crate) fn human(listing: &Listing, paint: Paint) -> String {
    let mut out = String::new();
    let entries = listing.pending.as_deref().unwrap_or_default();
    let mut sources: BTreeMap<(bool, &str), Vec<&Entry>> = BTreeMap::new();
    let urgent =
        |source: &str| entries.iter().any(|entry| entry.source == source && entry.security == Some(true));
    for entry in entries {
        sources.entry((!urgent(&entry.source), &entry.source)).or_default().push(entry);
    }
    let others = match entries.iter().any(|entry| entry.security.is_none()) {
        true => "Updates that nobody classifies",
        false => "Other updates",
    };
    for (later, heading, verdict) in
        [(false, "Security updates", Verdict::Fail), (true, others, Verdict::Waived)]
    {
        let group: Vec<_> = sources.iter().filter(|((own, _), _)| *own == later).collect();
        if group.is_empty() {
            continue;
        }
        let _ = writeln!(out, "{}", paint.verdict(verdict, heading));
        for ((_, source), entries) in group {
            one(&mut out, source, entries, paint);
        }
        out.push('\n');
    }
    for kept in &listing.withheld {
        let by = kept.by.as_ref().map(|by| format!(" ({by})")).unwrap_or_default();
        let text = format!(
            "{} {} never gets {} of {}: preferences keep it back{by}",
            kept.package, kept.installed, kept.version, kept.origin
        );
        wrapped(&mut out, "Withheld: ", 4, &text);
    }
    sum(&mut out, listing, entries, paint);
    kernel(&mut out, &listing.kernel, paint);
    if !listing.unlisted.is_empty() {
        let text = format!("{} (no source has them)", listing.unlisted.join(", "));
        wrapped(&mut out, "Updated by nobody: ", 4, &text);
    }
    for gap in &listing.gaps {
        wrapped(&mut out, "Not known: ", 4, gap);
    }
    out
}

/// A source package with what is built from it.
fn one(out: &mut String, source: &str, entries: &[&Entry], paint: Paint) {
    let mut origins: Vec<String> = Vec::new();
    let mut advisories: Vec<&str> = Vec::new();
    for entry in entries {
        let third = if entry.third_party { ", third party" } else { "" };
        let origin = format!("{}{third}", entry.origin);
        if !origins.contains(&origin) {
            origins.push(origin);
        }
        advisories.extend(entry.advisories.iter().map(String::as_str));
    }
    advisories.sort_unstable();
    advisories.dedup();
    let _ = writeln!(out, "  {}  {}", paint.bold(&clean(source)), paint.dim(&clean(&origins.join("; "))));
    let mut versions: BTreeMap<(&str, &str, &str), Vec<String>> = BTreeMap::new();
    for entry in entries {
        // The architecture is worth a word only where a package is there for two.
        let alike = entries.iter().filter(|other| other.package == entry.package).count();
        let name = match alike {
            1 => entry.package.clone(),
            _ => format!("{}:{}", entry.package, entry.architecture),
        };
        versions.entry((&entry.installed, &entry.candidate, entry.obstacle())).or_default().push(name);
    }
    for ((installed, candidate, obstacle), names) in versions {
        let obstacle = if obstacle.is_empty() { String::new() } else { format!("  ({obstacle})") };
        wrapped(out, "      ", 6, &format!("{installed} -> {candidate}{obstacle}"));
        if names.len() > 1 || names.first().is_none_or(|name| name != source) {
            wrapped(out, "        ", 8, &names.join(", "));
        }
    }
    if !advisories.is_empty() {
        wrapped(out, "        ", 8, &advisories.join(", "));
    }
}

fn sum(out: &mut String, listing: &Listing, entries: &[Entry], paint: Paint) {
    let count = |status: Status| entries.iter().filter(|entry| entry.status == status).count();
    let security = entries.iter().filter(|entry| entry.security == Some(true)).count();
    match &listing.pending {
        None => {
            let _ = writeln!(out, "{}", paint.verdict(Verdict::Unknown, "Nothing is known of updates"));
        }
        Some(_) if entries.is_empty() => {
            let verdict = if listing.gaps.is_empty() { Verdict::Pass } else { Verdict::Unknown };
            let _ = writeln!(out, "{}", paint.verdict(verdict, "No update waits in the indexes on disk"));
        }
        Some(_) => {
            let untold = entries.iter().filter(|entry| entry.security.is_none()).count();
            let mut parts = match untold {
                0 => vec![format!("{security} for security")],
                _ if untold == entries.len() => vec!["no security classification exists here".to_owned()],
                _ => vec![format!("{security} for security"), format!("{untold} that nobody classifies")],
            };
            for (status, word) in
                [(Status::Held, "held"), (Status::KeptBack, "kept back"), (Status::Phased, "phased")]
            {
                if count(status) > 0 {
                    parts.push(format!("{} {word}", count(status)));
                }
            }
            let waiting = match entries.len() {
                1 => "1 package waits".to_owned(),
                many => format!("{many} packages wait"),
            };
            let _ = writeln!(out, "{waiting}: {}", parts.join(", "));
        }
    }
    let age = match listing.index_age_seconds.map(|seconds| seconds / 3600) {
        None => "of unknown age".to_owned(),
        Some(1) => "1 hour old".to_owned(),
        Some(hours @ 0..48) => format!("{hours} hours old"),
        Some(hours) => format!("{} days old", hours / 24),
    };
    let _ = writeln!(out, "What is known of security updates is {age}");
}

fn kernel(out: &mut String, kernel: &Kernel, paint: Paint) {
    let Some(running) = &kernel.running else { return };
    let newest = match &kernel.newest_installed {
        Some(newest) if newest != running => format!(" runs, {newest} is installed"),
        _ => String::new(),
    };
    let (verdict, reboot) = match kernel.reboot_required {
        Some(true) => (Verdict::Fail, "a reboot is due"),
        Some(false) => (Verdict::Pass, "no reboot is due"),
        None => (Verdict::Unknown, "whether a reboot is due is not known"),
    };
    let _ = writeln!(out, "Kernel {}{}: {}", clean(running), clean(&newest), paint.verdict(verdict, reboot));
}
