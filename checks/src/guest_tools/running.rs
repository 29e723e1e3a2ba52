//! The hypervisor's guest tools run and talk to the hypervisor.

use crate::check::{Check, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::software::guest_tools::{self, State};

pub(crate) static CHECK: Check = Check {
    id: "guest-tools-running",
    title: "The guest tools of the hypervisor run and talk to it",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "Through its guest tools a hypervisor freezes file systems for a snapshot, shuts the machine \
        down in order, moves it while it runs and knows its addresses. Where they stop, backups may hold \
        torn files, and some contracts suspend their service level for as long as they are missing. A \
        package in the database proves nothing: the process must run, and hold the channel that the \
        hypervisor offers.",
    remedy: "systemctl status qemu-guest-agent open-vm-tools xe-linux-distribution xen-guest-agent   # is one there?\n\
        Install the tools of your hypervisor: qemu-guest-agent (KVM), open-vm-tools (VMware), xe-guest-utilities or \
        xen-guest-agent (Xen, XCP-ng), hyperv-daemons (Hyper-V)\n\
        If the unit is masked: systemctl unmask UNIT\n\
        systemctl enable --now UNIT\n\
        If it runs and does not talk: systemctl restart UNIT, then journalctl -u UNIT\n\
        If it does nothing of what it is there for: take what it needs out of the list in the evidence (/etc/qemu/qemu-ga.conf, \
        /etc/sysconfig/qemu-ga, /etc/vmware-tools/tools.conf) or install its plugins, then systemctl restart UNIT",
    references: &["qemu-ga(8)", "vmtoolsd(8)", "https://docs.xcp-ng.org/vms/"],
    examples: Examples {
        kept: r#"
[hypervisor.known]
platform = "kvm"
[hypervisor.known.channels.known]
virtio_ports = [{ name = "org.qemu.guest_agent.0", device = "/dev/vport2p1" }]
[[processes.known.list]]
pid = 812
name = "qemu-ga"
exe = { known = "/usr/sbin/qemu-ga" }
open = { known = { devices = ["/dev/vport2p1"] } }
"#,
        broken: r#"
[hypervisor.known]
platform = "kvm"
devices = { known = [] }
[hypervisor.known.channels.known]
virtio_ports = [{ name = "org.qemu.guest_agent.0", device = "/dev/vport2p1" }]
[processes.known]
list = []
[units.known.units."qemu-guest-agent.service"]
path = "/etc/systemd/system/qemu-guest-agent.service"
state = "masked"
[packages.known]
installed = { qemu-guest-agent = "1:7.2" }
"#,
    },
    judge,
};

fn judge(facts: &Facts, policy: &Policy) -> Result<Judgement, Gap> {
    Ok(report(guest_tools::examine(facts)?, facts, policy))
}

/// The judgement that follows from a state; [`super::enabled`] says the same words of the next boot.
pub(super) fn report(state: State, facts: &Facts, policy: &Policy) -> Judgement {
    let mut judgement = Judgement::new();
    match state {
        State::Healthy(said) => judgement.observe(format!("{} {}", said.tools, said.text), said.evidence),
        State::Unknown(reason) => judgement.unknown(reason),
        State::NotAsked(reason) => return Judgement::not_applicable(reason),
        State::NotOffered(channel) => {
            return Judgement::not_applicable(format!(
                "the provider does not offer {channel} to this machine, so that guest tools would have nothing to talk to"
            ));
        }
        State::Silent(said)
        | State::Masked(said)
        | State::Disabled(said)
        | State::Stopped(said)
        | State::Missing(said) => {
            let mut message = said.text;
            let foreign = guest_tools::foreign(facts);
            if !foreign.is_empty() {
                message += &format!("; installed, but for another hypervisor: {}", foreign.join(", "));
            }
            if let Some(clause) = &policy.offer.guest_tools_clause {
                message += &format!("; {}", clause.trim_end_matches('.'));
            }
            let mut evidence = said.evidence.into_iter();
            if let Some(first) = evidence.next() {
                judgement.fail(evidence.fold(Finding::new(said.tools, message, first), Finding::and));
            } else {
                judgement.unknown(message);
            }
        }
    }
    judgement
}
