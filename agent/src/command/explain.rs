//! `hostduty explain`: everything that a check's own file says.

use std::fmt::Write;
use std::process::ExitCode;

use checks::check::Check;
use checks::host::System;
use checks::providers;
use checks::registry::{self, CHECKS};

use super::list::system_name;
use super::{Error, no_such};
use crate::cli;
use crate::output;
use crate::render::human::wrapped;

pub(crate) fn run(arguments: &cli::Explain) -> Result<ExitCode, Error> {
    let id = &arguments.check;
    let check = registry::find(id)
        .ok_or_else(|| no_such("check", id, &CHECKS.iter().map(|check| check.id).collect::<Vec<_>>()))?;
    output::print(&page(check))?;
    Ok(ExitCode::SUCCESS)
}

fn page(check: &Check) -> String {
    let mut out = String::new();
    let systems: Vec<&str> = check.systems.iter().map(|system| system_name(*system)).collect();
    let _ = writeln!(out, "{}: {}", check.id, check.title);
    let _ = writeln!(out, "Severity {}, on {}", check.severity.name(), systems.join(" and "));
    let _ = writeln!(out, "\nWhy it matters");
    wrapped(&mut out, "  ", 2, &check.rationale.split_whitespace().collect::<Vec<_>>().join(" "));
    let _ = writeln!(out, "\nHow to mend it");
    for step in check.remedy.lines() {
        wrapped(&mut out, "  - ", 4, step);
    }
    let on_a_mac = check.remedy_on(System::MacOs);
    if on_a_mac != check.remedy {
        let _ = writeln!(out, "\nHow to mend it on a Mac");
        for step in on_a_mac.lines() {
            wrapped(&mut out, "  - ", 4, step);
        }
    }
    let _ = writeln!(out, "\nAsked for by");
    for offer in providers::offers().unwrap_or_default() {
        for duty in offer.duty.iter().filter(|duty| duty.checks.iter().any(|id| id == check.id)) {
            wrapped(&mut out, "  ", 4, &format!("{} {}: {}", offer.name, duty.id, duty.title));
        }
    }
    let _ = writeln!(out, "\nSee also\n  {}", check.references.join("\n  "));
    for (heading, example) in [("Kept by", check.examples.kept), ("Broken by", check.examples.broken)] {
        let _ = writeln!(out, "\n{heading} such facts as");
        for line in example.trim().lines() {
            let _ = writeln!(out, "  {}", line.trim_end());
        }
    }
    out
}
