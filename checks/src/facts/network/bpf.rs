//! What drops or redirects packets outside netfilter: programs of BPF and filters of tc.

use serde::{Deserialize, Serialize};

use super::{Interface, decode};
use crate::gap::Gap;
use crate::host::{Host, Query, RouteObject};

/// A program of BPF, or a filter of tc, in the way of packets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bpf {
    /// Where it sits.
    pub hook: BpfHook,
    /// The interface (XDP, tc), or the folder of the control group; empty for what sees the whole namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// As the kernel or tc names it; may be empty. A filter of tc starts with its kind.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The kernel's number of the program; a filter such as u32 has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<u32>,
}

/// Where a program of BPF, or a filter of tc, sees packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BpfHook {
    /// As a frame comes from the device.
    Xdp,
    /// The ingress filters of tc, and tcx.
    Tc,
    /// The egress filters of tc, tcx, and netkit: they see answers, and what is passed on to a container.
    TcEgress,
    /// Sockets of a control group (BPF_CGROUP_INET_INGRESS).
    ControlGroup,
    /// The choice of a socket (BPF_SK_LOOKUP).
    SocketLookup,
    /// A program at a netfilter hook (BPF_PROG_TYPE_NETFILTER).
    Netfilter,
}

/// Every program and filter; `xdp` are those that the list of interfaces named.
pub(super) fn read(host: &dyn Host, interfaces: &[Interface], xdp: Vec<Bpf>) -> Result<Vec<Bpf>, Gap> {
    let mut found = xdp;
    for (index, both) in decode::filtering(&host.query(&Query::Route(RouteObject::Qdiscs))?)? {
        let Some(interface) = interfaces.iter().find(|interface| interface.index == index) else { continue };
        let directions = [(BpfHook::Tc, false), (BpfHook::TcEgress, true)];
        for (hook, egress) in directions.into_iter().filter(|(_, egress)| both || !egress) {
            let dump = host.query(&Query::Route(RouteObject::Filters { interface: index, egress }))?;
            let filters = decode::filters(&dump)?.into_iter();
            found.extend(filters.map(|(name, program)| Bpf {
                hook,
                place: interface.name.clone(),
                name,
                program,
            }));
        }
    }
    Ok(found)
}
