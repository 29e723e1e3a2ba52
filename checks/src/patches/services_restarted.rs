//! What runs is what is installed: no process still runs code that an update replaced or removed.

mod group;

use std::collections::BTreeMap;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::replaced::Stale;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use group::Group;

pub(crate) static CHECK: Check = Check {
    id: "patches-services-restarted",
    title: "No process runs a program or library that was replaced or removed after it started",
    severity: Severity::High,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: false,
    rationale: "An update closes nothing in what is running: a service keeps the old program and the old libraries in \
        memory, with their known holes, until it starts again, while the package manager says that all is up to date. \
        Judged is the code that processes have mapped. Modules that an interpreter has read (Python, Perl, PHP, Ruby, \
        Java) are not mapped, and a service of theirs has to be started again by whoever updates them.",
    remedy: "systemctl restart <service>   # for each service named\n\
        systemctl daemon-reexec       # for systemd itself\n\
        systemctl reboot              # where too much would have to be started again",
    references: &["proc_pid_maps(5)", "systemctl(1)", "needrestart(1)", "checkrestart(1)"],
    examples: Examples {
        kept: r#"
            [processes.known]
            [[processes.known.list]]
            pid = 700
            name = "nginx"
            exe = { known = "/usr/sbin/nginx" }
            unit = "nginx.service"
            [replaced.known]
        "#,
        broken: r#"
            [processes.known]
            [[processes.known.list]]
            pid = 700
            name = "nginx"
            exe = { known = "/usr/sbin/nginx" }
            unit = "nginx.service"
            [[replaced.known.processes]]
            pid = 700
            name = "nginx"
            unit = "nginx.service"
            files = [{ path = "/usr/lib/x86_64-linux-gnu/libssl.so.3", again = true }]
        "#,
    },
    judge,
};

/// Processes of a group that are shown as evidence.
const SHOWN: usize = 3;

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let processes = facts.processes.known()?;
    let replaced = facts.replaced.known()?;
    let mut judgement = Judgement::new();
    let mut groups = BTreeMap::<Group, Vec<&Stale>>::new();
    for stale in replaced.processes.iter().filter(|stale| !stale.files.is_empty()) {
        groups.entry(Group::of(stale)).or_default().push(stale);
    }
    for (group, members) in &groups {
        let mut evidence = members.iter().take(SHOWN).flat_map(|stale| seen(stale));
        if let Some(first) = evidence.next() {
            let message = format!("{}; {}", runs(members), group.advice());
            judgement.fail(evidence.fold(Finding::new(group.subject(), message, first), Finding::and));
        }
    }
    judgement.remedy = group::remedy(groups.keys());
    if replaced.unread > 0 {
        let why = replaced.gaps.first().map(|gap| format!(": {gap}")).unwrap_or_default();
        let what = match replaced.unread {
            1 => "what a process runs".to_owned(),
            many => format!("what {many} processes run"),
        };
        judgement.unknown(format!("{what} could not be read{why}"));
    }
    for gap in &processes.gaps {
        judgement.unknown(gap.to_string());
    }
    let stale = replaced.processes.len().saturating_add(replaced.unread as usize);
    if processes.list.len() > stale {
        // Without their number, which is another at every look.
        let which = if stale == 0 { "every process runs" } else { "the other processes run" };
        let place = if stale == 0 { "it took it" } else { "they took it" };
        let message = format!("{which} code that is still where {place} from");
        judgement.observe(message, [Evidence::of("/proc")]);
    }
    Ok(judgement)
}

fn seen(stale: &Stale) -> Option<Evidence> {
    let file = stale.files.first()?;
    Some(Evidence::of(format!("/proc/{}/maps", stale.pid)).says(format!("{} (deleted)", file.path)))
}

/// `runs libssl.so.3 and 2 more files that were replaced (4 processes)`.
fn runs(members: &[&Stale]) -> String {
    let mut files: Vec<_> = members.iter().flat_map(|stale| &stale.files).collect();
    files.sort_by_key(|file| (&file.path, !file.again));
    files.dedup_by_key(|file| &file.path);
    let first = files.first().map_or("", |file| file.path.rsplit('/').next().unwrap_or_default());
    let verb = match (files.iter().any(|file| file.again), files.iter().any(|file| !file.again)) {
        (true, false) => "replaced",
        (false, true) => "removed",
        _ => "replaced or removed",
    };
    let what = match files.len() {
        0 | 1 => format!("{first}, which was {verb}"),
        2 => format!("{first} and another file that were {verb}"),
        many => format!("{first} and {} more files that were {verb}", many.saturating_sub(1)),
    };
    match members.len() {
        0 | 1 => format!("still runs {what}"),
        many => format!("still runs {what} ({many} processes)"),
    }
}

#[cfg(test)]
mod tests;
