//! What drops or redirects packets outside netfilter: programs of BPF and filters of tc.

use serde::{Deserialize, Serialize};

use super::{Interface, decode};
use crate::gap::Gap;
use crate::host::{BpfObject, Host, Query, RouteObject};

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

/// Every program and filter but those of netfilter; `xdp` are those that the list of interfaces named.
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
    for interface in interfaces {
        found.extend(lines(host, BpfObject::Interface(interface.index), Some(&interface.name))?);
    }
    for object in [BpfObject::Namespace, BpfObject::ControlGroups] {
        found.extend(lines(host, object, None)?);
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// More programs than this are not kept.
const PROGRAMS: usize = 20_000;

/// The answer to one question; `place` where the question is about one place.
pub(super) fn lines(host: &dyn Host, object: BpfObject, place: Option<&str>) -> Result<Vec<Bpf>, Gap> {
    let answer = host.query(&Query::Bpf(object))?;
    let wrong = || Gap::malformed(format!("the answer about {} has another form", object.subject()));
    let text = str::from_utf8(&answer).map_err(|_| wrong())?;
    let program = |line: &str| {
        let mut words = line.splitn(4, ' ');
        let hook = match words.next()? {
            "tc" => BpfHook::Tc,
            "tc-egress" => BpfHook::TcEgress,
            "socket-lookup" => BpfHook::SocketLookup,
            "control-group" => BpfHook::ControlGroup,
            "netfilter" => BpfHook::Netfilter,
            _ => return None,
        };
        let number = words.next()?.parse().ok()?;
        let name = words.next().filter(|name| *name != "-").unwrap_or_default().to_owned();
        let place = place.or(words.next()).unwrap_or_default().to_owned();
        Some(Bpf { hook, place, name, program: Some(number) })
    };
    let found: Vec<Bpf> = text
        .lines()
        .take(PROGRAMS + 1)
        .map(|line| program(line).ok_or_else(wrong))
        .collect::<Result<_, _>>()?;
    if found.len() > PROGRAMS {
        return Err(Gap::too_large(format!("the list of {}", object.subject())));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::GapKind;
    use crate::host::Tree;

    fn host() -> Tree {
        Tree::new(Timestamp(0))
            .answer(Query::Route(RouteObject::Qdiscs), "")
            .answer(Query::Bpf(BpfObject::Interface(2)), "tc 7 - \n")
            .answer(Query::Bpf(BpfObject::Namespace), "")
            .answer(
                Query::Bpf(BpfObject::ControlGroups),
                "control-group 9 sd_fw_ingress /system.slice/a b.service\n",
            )
    }

    #[test]
    fn a_program_is_never_lost_and_what_may_not_be_asked_is_a_gap() {
        let eth0 = Interface { index: 2, name: "eth0".to_owned(), ..Interface::default() };
        let interfaces = std::slice::from_ref(&eth0);
        let found = read(&host(), interfaces, Vec::new()).unwrap();
        let shown: Vec<_> =
            found.iter().map(|one| (one.hook, one.place.as_str(), one.name.as_str())).collect();
        let group = (BpfHook::ControlGroup, "/system.slice/a b.service", "sd_fw_ingress");
        assert_eq!(shown, [(BpfHook::Tc, "eth0", ""), group]);
        let two = [eth0.clone(), Interface { index: 3, ..eth0 }];
        assert_eq!(read(&host(), &two, Vec::new()).unwrap_err().why, GapKind::Offline);
        let netfilter = |answer: &str| {
            lines(&host().answer(Query::Bpf(BpfObject::Netfilter), answer), BpfObject::Netfilter, None)
        };
        let drop = Bpf {
            hook: BpfHook::Netfilter,
            place: "ip input".into(),
            name: "drop".into(),
            program: Some(11),
        };
        assert_eq!(netfilter("netfilter 11 drop ip input\n"), Ok(vec![drop]));
        assert_eq!(netfilter(""), Ok(Vec::new()));
        for broken in ["netfilter x - \n", "other 1 - \n", "\n", "\u{0}"] {
            assert_eq!(netfilter(broken).unwrap_err().why, GapKind::Malformed, "{broken:?}");
        }
        assert_eq!(lines(&host(), BpfObject::Netfilter, None).unwrap_err().why, GapKind::Offline);
    }
}
