//! Sockets with what strangers really reach of them, as seen with packets in network namespaces.

use super::*;
use crate::facts::sockets::Namespace;
use crate::packet_filter::tests::{facts, input, listening, two_families};

/// Who reaches each of these sockets, in their order; one may be bound to an interface, such as `tcp 0.0.0.0:80 2`.
fn reached(network: &str, tables: &str, sockets: &[&str]) -> Vec<Access> {
    let plain: Vec<String> =
        sockets.iter().map(|text| text.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
    let mut facts = listening(facts(network, tables), &plain);
    if let crate::gap::Reading::Known(own) = &mut facts.sockets {
        for (at, (socket, text)) in own.list.iter_mut().zip(sockets).enumerate() {
            socket.inode = at as u64;
            socket.device = Some(text.split(' ').nth(2).map_or(0, |device| device.parse().unwrap()));
        }
    }
    let mut found = exposure(&facts).unwrap().sockets;
    found.sort_by_key(|exposed| exposed.socket.inode);
    found.into_iter().map(|exposed| exposed.access).collect()
}

/// A rule that accepts what has these bytes in its network header.
fn accepts(family: &str, offset: usize, bytes: &str) -> String {
    let length = bytes.len() / 2;
    let rule = format!(
        r#"{{ handle = 2, expressions = [{{ payload = {{ base = "network", offset = {offset}, length = {length}, register = 1 }} }}, {{ compare = {{ operator = "equal", register = 1, value = "{bytes}" }} }}, {{ verdict = "accept" }}] }}"#
    );
    input(family, "drop", &rule)
}

#[test]
fn a_socket_that_is_bound_to_an_interface_leaves_the_others_to_the_next() {
    let own = reached(&two_families(), "[]", &["tcp 192.0.2.1:8080 1", "tcp 0.0.0.0:8080 2"]);
    assert_eq!((own[0].reach, own[1].reach), (Reach::Loopback, Reach::Anyone));
    let own = reached(&two_families(), "[]", &["tcp 0.0.0.0:8080 1", "tcp [::]:8080 2"]);
    assert_eq!((own[0].reach, own[1].ipv4), (Reach::Loopback, Reach::Anyone));
}

#[test]
fn a_socket_with_an_address_comes_before_those_with_none_whatever_their_families() {
    let own = reached(&two_families(), "[]", &["udp [::ffff:192.0.2.1]:6000", "udp 0.0.0.0:6000"]);
    assert_eq!(own[0].reach, Reach::Anyone);
}

#[test]
fn an_address_that_a_container_has_too_stays_this_machines_own() {
    let mut facts = listening(facts(&two_families(), "[]"), &["tcp [::]:22"]);
    let crate::gap::Reading::Known(own) = &mut facts.sockets else { unreachable!() };
    own.namespaces = Ok(vec![Namespace {
        inode: 9,
        name: "unshare".to_owned(),
        pid: 7,
        unit: None,
        addresses: Ok(vec!["192.0.2.1".parse().unwrap()]).into(),
        sockets: Ok(vec![Socket::new(Protocol::Tcp, "192.0.2.1:22".parse().unwrap(), 8, 0)]).into(),
    }])
    .into();
    let found = exposure(&facts).unwrap().sockets;
    let access = |namespace| &found.iter().find(|one| one.namespace == namespace).unwrap().access;
    assert_eq!((access(None).ipv4, access(Some(9)).reach), (Reach::Anyone, Reach::Unknown));
}

/// All of an address's ports sent on, and nothing else: `iif eth0 dnat to 172.17.0.2`, `ct status dnat accept`.
#[test]
fn a_rule_for_every_port_leads_to_the_socket_of_the_same_port() {
    let nat = r#"{ handle = 2, expressions = [{ payload = { base = "network", offset = 16, length = 4, register = 1 } }, { compare = { operator = "equal", register = 1, value = "c0000201" } }, { immediate = { register = 1, data = "ac110002" } }, { nat = { kind = 1, family = 2, addresses = [1, 1] } }] }"#;
    let forward = r#"{ handle = 2, expressions = [{ ct = { key = 2, register = 1 } }, { bitwise = { source = 1, register = 1, length = 4, mask = "20000000", xor = "00000000" } }, { compare = { operator = "not-equal", register = 1, value = "00000000" } }, { verdict = "accept" }] }"#;
    let chain = |name, base: &str, rules: &str| {
        format!(r#"{{ name = "{name}", handle = 1, base = {{ {base} }}, rules = [{rules}] }}"#)
    };
    let tables = format!(
        r#"[{{ family = "ip", name = "t", chains = [{}, {}] }}]"#,
        chain("p", r#"kind = "nat", hook = "prerouting", priority = -100, policy = "accept""#, nat),
        chain("f", r#"kind = "filter", hook = "forward", priority = 0, policy = "drop""#, forward),
    );
    let route = r#"{ to = "172.17.0.0/16", table = 254, kind = 1, through = [3] },"#;
    let bridge =
        "[[network.known.interfaces]]\nindex = 3\nname = \"docker0\"\nkind = \"bridge\"\nup = true\n";
    let network = two_families().replacen("routes.known = [", &format!("routes.known = [{route}"), 1);
    let network = network + bridge + "hardware = 1\nreverse_path_filter.known = 0\n";
    let mut facts = listening(facts(&network, &tables), &[]);
    let crate::gap::Reading::Known(own) = &mut facts.sockets else { unreachable!() };
    own.namespaces = Ok(vec![Namespace {
        inode: 9,
        addresses: Ok(vec!["172.17.0.2".parse().unwrap()]).into(),
        sockets: Ok(vec![Socket::new(Protocol::Tcp, "0.0.0.0:80".parse().unwrap(), 8, 0)]).into(),
        ..Namespace::default()
    }])
    .into();
    assert_eq!(exposure(&facts).unwrap().sockets[0].access.reach, Reach::Anyone);
}

#[test]
fn a_container_whose_addresses_are_not_known_may_be_reached() {
    let mut facts = listening(facts(&two_families(), "[]"), &[]);
    let crate::gap::Reading::Known(own) = &mut facts.sockets else { unreachable!() };
    let listening = |local: &str| Socket::new(Protocol::Tcp, local.parse().unwrap(), 8, 0);
    own.namespaces = Ok(vec![Namespace {
        inode: 9,
        addresses: Err(Gap::too_large("/proc/7/net/fib_trie")).into(),
        sockets: Ok(vec![listening("0.0.0.0:80"), listening("127.0.0.1:81")]).into(),
        ..Namespace::default()
    }])
    .into();
    let found = exposure(&facts).unwrap().sockets;
    let reach = |port| found.iter().find(|one| one.socket.port == port).unwrap().access.reach;
    assert_eq!((reach(80), reach(81)), (Reach::Unknown, Reach::Loopback));
}

#[test]
fn one_of_another_family_that_is_bound_to_an_interface_comes_no_later() {
    for protocol in ["tcp", "udp"] {
        let (six, four) = (format!("{protocol} [::]:6000 2"), format!("{protocol} 0.0.0.0:6000"));
        assert_eq!(reached(&two_families(), "[]", &[&six, &four])[0].ipv4, Reach::Anyone, "{protocol}");
    }
}

#[test]
fn what_is_sent_to_many_reaches_every_socket_of_the_port() {
    let rule = accepts("ip", 16, "e00000fb");
    let own = reached(&two_families(), &rule, &["udp 224.0.0.251:5353", "udp 0.0.0.0:5353"]);
    assert_eq!((own[0].reach, own[1].reach), (Reach::Networks, Reach::Networks));
}

#[test]
fn neighbours_write_from_any_address() {
    let local = two_families().replace("2001:db8::1/", "fe80::1/");
    let rule = accepts("ip6", 8, "20010db800090000");
    let own = reached(&local, &rule, &["tcp [::]:8080"]);
    assert_eq!((own[0].ipv6, own[0].from.last().unwrap().as_str()), (Reach::Networks, "2001:db8:9::/64"));
    let open = two_families() + "route_localnet.known = true\n";
    let rule = accepts("ip", 16, "7f000001");
    for socket in ["tcp 0.0.0.0:8080", "tcp 127.0.0.1:8080"] {
        assert_eq!(reached(&open, &rule, &[socket])[0].from, ["192.0.2.0/24"], "{socket}");
        let bare = open.replace("192.0.2.1/24", "192.0.2.1/32");
        assert_eq!(reached(&bare, &rule, &[socket])[0].from, ["169.254.0.0/16"], "{socket}");
    }
}

#[test]
fn machines_without_an_address_write_to_all_of_their_link() {
    let from_nowhere = accepts("ip", 12, "00000000");
    let own = reached(&two_families(), &from_nowhere, &["udp 0.0.0.0:67", "tcp 0.0.0.0:67"]);
    assert_eq!((own[0].reach, own[1].reach), (Reach::Networks, Reach::Nobody));
    // Linux 5.3 takes the rest of 0.0.0.0/8 for addresses like others.
    let from_zero = accepts("ip", 12, "00010203");
    assert_eq!(reached(&two_families(), &from_zero, &["tcp 0.0.0.0:80"])[0].from, ["0.1.2.3"]);
}

#[test]
fn a_forwarding_machine_answers_to_the_first_address_of_its_networks() {
    let anycast = r#"{ to = "2001:db8::/128", table = 255, kind = 4, through = [2] },"#;
    let network = two_families().replace("routes.known = [", &format!("routes.known = [{anycast}"));
    let rule = accepts("ip6", 24, "20010db8000000000000000000000000");
    let own = reached(&network, &rule, &["udp [::]:5353", "tcp [::]:5353"]);
    assert_eq!((own[0].ipv6, own[1].ipv6), (Reach::Anyone, Reach::Nobody));
}

#[test]
fn a_chain_at_one_port_of_a_bridge_leaves_it_open_what_comes_through_the_others() {
    let port = |index: u32| {
        format!("[[network.known.interfaces]]\nindex = {index}\nname = \"p{index}\"\nup = true\nmaster = 2\n")
    };
    let network = two_families().replace("up = true", "up = true\nkind = \"bridge\"") + &port(3) + &port(4);
    let reach = |devices: &str| {
        let chain = format!(
            r#"[{{ family = "netdev", name = "t", chains = [{{ name = "c", handle = 1, base = {{ kind = "filter", hook = "ingress", priority = 0, policy = "drop", devices = [{devices}] }} }}] }}]"#
        );
        reached(&network, &chain, &["tcp 0.0.0.0:8080"])[0].reach
    };
    assert_eq!(reach(r#""p3""#), Reach::Unknown);
    assert_eq!(reach(r#""p3", "p4""#), Reach::Loopback);
    assert_eq!(reach(r#""eth0""#), Reach::Loopback);
}

#[test]
fn the_content_of_an_option_is_not_known_however_long_it_is() {
    let rule = r#"{ handle = 2, expressions = [{ exthdr = { operation = 1, kind = 2, offset = 2, length = 2, present = false, register = 1 } }, { compare = { operator = "equal", register = 1, value = "05b4" } }, { verdict = "accept" }] }"#;
    let own = reached(&two_families(), &input("inet", "drop", rule), &["tcp 0.0.0.0:8080"]);
    assert_eq!(own[0].reach, Reach::Unknown);
}

/// What rules write about a connection is not followed; without such a rule it is what every new connection has.
#[test]
fn a_zone_that_rules_set_may_be_any() {
    let write = r#"{ handle = 2, expressions = [{ immediate = { register = 1, data = "0500" } }, { ct-set = { key = 17, register = 1 } }] },"#;
    let ask = r#"{ handle = 3, expressions = [{ ct = { key = 17, register = 1 } }, { compare = { operator = "equal", register = 1, value = "0500" } }, { verdict = "accept" }] }"#;
    let reach =
        |rules: &str| reached(&two_families(), &input("inet", "drop", rules), &["tcp 0.0.0.0:80"])[0].reach;
    assert_eq!(reach(ask), Reach::Nobody);
    assert_eq!(reach(&format!("{write} {ask}")), Reach::Unknown);
}

/// A map that rules fill gives marks to those who knocked.
#[test]
fn a_map_that_rules_fill_may_give_anything() {
    let source = r#"{ payload = { base = "network", offset = 12, length = 4, register = 9 } }"#;
    let adds = format!(
        r#"{{ handle = 2, expressions = [{source}, {{ immediate = {{ register = 1, data = "07000000" }} }}, {{ dynset = {{ set = "m", operation = 0, register = 9 }} }}] }},"#
    );
    let asks = format!(
        r#"{{ handle = 3, expressions = [{source}, {{ lookup = {{ set = "m", register = 9, destination = 1 }} }}, {{ compare = {{ operator = "equal", register = 1, value = "07000000" }} }}, {{ verdict = "accept" }}] }}"#
    );
    let reach = |rules: &str| {
        let chain = input("ip", "drop", rules);
        let set = r#"name = "filter", sets = [{ name = "m", flags = 8, key_type = 7, key_length = 4, elements.known = [] }], "#;
        let tables = chain.replacen("name = \"filter\", ", set, 1);
        reached(&two_families(), &tables, &["tcp 0.0.0.0:80"])[0].ipv4
    };
    assert_eq!(reach(&asks), Reach::Nobody);
    assert_eq!(reach(&format!("{adds} {asks}")), Reach::Unknown);
}
