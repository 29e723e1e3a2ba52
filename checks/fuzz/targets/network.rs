//! Dumps of rtnetlink and the list of programs of BPF: cut short, they are a gap; a default route at the end is found.

#![no_main]

use checks::gap::Gap;
use checks::host::{BpfObject, Query, RouteObject};
use hostduty_fuzz::{gather, host, parts};
use libfuzzer_sys::fuzz_target;

const OBJECTS: [RouteObject; 7] = [
    RouteObject::Links,
    RouteObject::Addresses,
    RouteObject::Routes,
    RouteObject::Rules,
    RouteObject::Qdiscs,
    RouteObject::Filters { interface: 2, egress: false },
    RouteObject::Filters { interface: 2, egress: true },
];

/// `nlmsghdr`, `rtmsg` of a default route in the table 254, RTA_OIF.
const DEFAULT: [u8; 36] = [
    36, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0, 8, 0, 4, 0, 77,
    0, 0, 0,
];

fuzz_target!(|data: &[u8]| {
    let mut tree = host();
    for (part, object) in parts(data).zip(OBJECTS) {
        tree = tree.answer(Query::Route(object), part);
    }
    let mut rest = parts(data).skip(OBJECTS.len());
    let programs = [BpfObject::Namespace, BpfObject::ControlGroups, BpfObject::Netfilter];
    for (part, object) in rest.by_ref().zip(programs) {
        tree = tree.answer(Query::Bpf(object), part);
    }
    gather(&tree, "", &["network"]);
    let routes = parts(data).nth(2).unwrap_or_default();
    // What does not end where a message starts swallows the rest, or is refused.
    let padded = routes.len().is_multiple_of(4);
    let tree = tree.answer(Query::Route(RouteObject::Routes), [&routes, &DEFAULT[..]].concat());
    let facts = gather(&tree, "", &["network"]);
    let Some(routes) = facts.network.value().map(|network| network.routes.known()) else { return };
    match routes {
        Ok(routes) if padded => {
            let found = routes.iter().any(|route| route.to.length == 0 && route.through == [77]);
            assert!(found, "a route was lost");
        }
        Ok(_) => {}
        Err(Gap { what, .. }) => assert!(!what.is_empty()),
    }
});
