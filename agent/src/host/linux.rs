//! The questions that only the running Linux kernel answers.

use checks::gap::Gap;
use checks::host::Query;

use super::{bpf, diag, ipset, netfilter, route, xenstore};
use crate::sys;

/// Answers a kernel query; see [`Query`] for the forms.
pub(super) fn query(query: &Query) -> Result<Vec<u8>, Gap> {
    match query {
        Query::Nftables(object) => netfilter::nftables(*object),
        Query::NftElements { family, table, set } => netfilter::nftables_elements(*family, table, set),
        Query::LegacyTable { ipv6, table } => netfilter::legacy_table(*ipv6, table),
        Query::Route(object) => route::dump_of(*object),
        Query::IpSets => ipset::sets(),
        Query::Bpf(object) => bpf::programs(*object),
        Query::SocketDiag { protocol, ipv6 } => diag::sockets(*protocol, *ipv6),
        Query::Xenstore(key) => xenstore::read(key),
        #[cfg(target_arch = "x86_64")]
        Query::CpuidHypervisor => Ok(sys::cpuid_hypervisor()),
        #[cfg(not(target_arch = "x86_64"))]
        Query::CpuidHypervisor => Err(Gap::unsupported("this processor has no CPUID instruction")),
        Query::ClockState => {
            let state = if sys::clock_is_synchronised() { "synchronised" } else { "unsynchronised" };
            Ok(state.into())
        }
        Query::BootTime => sysinfo::System::boot_time()
            .map(|seconds| seconds.to_string().into_bytes())
            .map_err(|_| Gap::unsupported("the kernel does not say when it started")),
        Query::HostName => sysinfo::System::host_name()
            .map(String::into_bytes)
            .map_err(|_| Gap::unsupported("the kernel does not say its node name")),
        Query::Architecture => Ok(sysinfo::System::cpu_arch().into_bytes()),
        Query::EffectiveUser => Ok(nix::unistd::geteuid().to_string().into_bytes()),
    }
}
