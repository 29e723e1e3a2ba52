//! The hypervisor's guest tools come back by themselves after a reboot.

use crate::check::{Check, Examples, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::guest_tools::running;
use crate::host::System;
use crate::policy::Policy;
use crate::software::guest_tools;

pub(crate) static CHECK: Check = Check {
    id: "guest-tools-enabled",
    title: "The guest tools of the hypervisor start at boot",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "Guest tools that somebody started by hand are gone after the next reboot, often one that \
        the provider makes for maintenance, and nobody notices before a backup or a migration fails. \
        Packages of some distributions leave their service disabled. What counts is a link, an init script \
        or a udev rule that starts them.",
    remedy: "systemctl list-unit-files 'qemu-guest-agent*' 'open-vm-tools*' 'xe-*' 'xen-guest*'   # is one there, and masked?\n\
        Install the tools where none is there: see guest-tools-running\n\
        systemctl unmask UNIT && systemctl enable --now UNIT\n\
        With OpenRC: rc-update add SERVICE default",
    references: &["systemctl(1)", "systemd.unit(5)", "udev(7)"],
    examples: Examples {
        kept: r#"
[hypervisor.known]
platform = "vmware"
[packages.known]
installed = { open-vm-tools = "2:12.2.0" }
[units.known.units."open-vm-tools.service"]
path = "/usr/lib/systemd/system/open-vm-tools.service"
state = "enabled"
wanted_by = ["/etc/systemd/system/multi-user.target.wants/open-vm-tools.service"]
"#,
        broken: r#"
[hypervisor.known]
platform = "xen"
[packages.known]
installed = { xe-guest-utilities-latest = "8.4.0" }
[units.known.units."xe-linux-distribution.service"]
path = "/usr/lib/systemd/system/xe-linux-distribution.service"
state = "disabled"
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    Ok(running::report(guest_tools::startup(facts)?, facts, policy))
}
