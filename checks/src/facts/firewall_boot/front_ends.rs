//! The services that load a packet filter from files of a known form.

use super::tables::Contents;
use super::{Left, Saved, iptables, nft, settings};
use crate::facts::ruleset::IpFamily;
use crate::facts::units::Unit;
use crate::host::{Host, SMALL, read_text};

/// What the unit leaves, if it is one of theirs.
pub(super) fn read(host: &dyn Host, name: &str, unit: &Unit) -> Option<Left> {
    Some(match name {
        "nftables.service" => nftables(host, unit),
        "netfilter-persistent.service" => persistent(host),
        "iptables.service" => one_family(host, name, &IPTABLES, false),
        "ip6tables.service" => one_family(host, name, &IP6TABLES, true),
        "ufw.service" => ufw(host),
        "firewalld.service" => Left::both(firewalld(host)),
        _ => return None,
    })
}

/// Where the services of Red Hat, Arch, Alpine and Gentoo keep their tables.
const IPTABLES: [&str; 4] = [
    "/etc/sysconfig/iptables",
    "/etc/iptables/iptables.rules",
    "/etc/iptables/rules-save",
    "/var/lib/iptables/rules-save",
];
const IP6TABLES: [&str; 4] = [
    "/etc/sysconfig/ip6tables",
    "/etc/iptables/ip6tables.rules",
    "/etc/iptables/rules6-save",
    "/var/lib/ip6tables/rules-save",
];
/// Debian and Arch, Red Hat, Alpine, Gentoo.
const NFTABLES: [&str; 4] = [
    "/etc/nftables.conf",
    "/etc/sysconfig/nftables.conf",
    "/etc/nftables.nft",
    "/var/lib/nftables/rules-save",
];

/// The one file of these that exists.
fn only<'a>(host: &dyn Host, paths: &[&'a str]) -> Result<&'a str, Saved> {
    let mut found = None;
    for path in paths {
        match host.stat(path) {
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(Saved::Unclear(gap.to_string())),
            Ok(_) => match found {
                None => found = Some(*path),
                Some(first) => {
                    return Err(Saved::Unclear(format!(
                        "{first} and {path} both exist, and one of them counts"
                    )));
                }
            },
        }
    }
    found.ok_or_else(|| Saved::Nothing(format!("{} does not exist", paths.join(" or "))))
}

/// What contents mean for a family.
fn saved(contents: &Contents, path: &str, family: IpFamily) -> Saved {
    match contents.unclear.first() {
        _ if contents.drops(family) => Saved::Filter(path.to_owned()),
        Some(reason) => Saved::Unclear(reason.clone()),
        None => Saved::Nothing(format!("{path} drops nothing on its way in")),
    }
}

fn left(contents: Contents, paths: [&str; 2]) -> Left {
    let [ipv4, ipv6] = paths;
    Left {
        ipv4: saved(&contents, ipv4, IpFamily::V4),
        ipv6: saved(&contents, ipv6, IpFamily::V6),
        saves_at_stop: false,
        contents: Some(contents),
    }
}

/// What the unit gives to `nft -f`, or the file of the distribution.
fn nftables(host: &dyn Host, unit: &Unit) -> Left {
    let path = match started_with(host, unit) {
        Some(path) => path,
        None => match only(host, &NFTABLES) {
            Ok(path) => path.to_owned(),
            Err(saved) => return Left::both(saved),
        },
    };
    let saves_at_stop = saves_at_stop(host, "/etc/conf.d/nftables", "SAVE_ON_STOP");
    Left { saves_at_stop, ..left(nft::read(host, &path), [&path, &path]) }
}

/// `ExecStart=/usr/sbin/nft -f /etc/nftables.conf`
fn started_with(host: &dyn Host, unit: &Unit) -> Option<String> {
    let mut found = None;
    for path in std::iter::once(&unit.path).chain(&unit.drop_ins) {
        let text = read_text(host, path, SMALL).ok()?;
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("ExecStart=")) {
            let mut words = line.split_whitespace().skip_while(|word| *word != "-f" && *word != "--file");
            found = words.nth(1).filter(|path| path.starts_with('/')).map(str::to_owned);
        }
    }
    found
}

fn saves_at_stop(host: &dyn Host, path: &str, key: &str) -> bool {
    let text = read_text(host, path, SMALL).unwrap_or_default();
    settings::setting(&text, key).is_some_and(|value| value.eq_ignore_ascii_case("yes"))
}

/// Reads saved tables into what others have left.
fn add(host: &dyn Host, contents: &mut Contents, path: &str, ipv6: bool, keep: bool) -> Option<Saved> {
    match read_text(host, path, SMALL) {
        Ok(text) => {
            iptables::add(contents, path, &text, ipv6, keep);
            None
        }
        Err(gap) if gap.is_absent() => Some(Saved::Nothing(gap.to_string())),
        Err(gap) => Some(Saved::Unclear(gap.to_string())),
    }
}

fn persistent(host: &dyn Host) -> Left {
    let paths = ["/etc/iptables/rules.v4", "/etc/iptables/rules.v6"];
    let mut contents = Contents::default();
    let [ipv4, ipv6] = paths;
    let refused = [add(host, &mut contents, ipv4, false, false), add(host, &mut contents, ipv6, true, false)];
    for saved in refused.iter().flatten() {
        if let Saved::Unclear(reason) = saved {
            contents.unclear.push(reason.clone());
        }
    }
    let [refused4, refused6] = refused;
    let read = left(contents, paths);
    Left { ipv4: refused4.unwrap_or(read.ipv4), ipv6: refused6.unwrap_or(read.ipv6), ..read }
}

fn one_family(host: &dyn Host, name: &str, paths: &[&str], ipv6: bool) -> Left {
    let other = Saved::Nothing(format!("{name} is for {}", if ipv6 { "IPv6" } else { "IPv4" }));
    let order = |this: Saved, contents| {
        let (ipv4, ipv6) = if ipv6 { (other.clone(), this) } else { (this, other.clone()) };
        let configuration = name.replace(".service", "");
        let saves_at_stop = saves_at_stop(host, &format!("/etc/conf.d/{configuration}"), "SAVE_ON_STOP")
            || saves_at_stop(
                host,
                &format!("/etc/sysconfig/{configuration}-config"),
                &format!("{}_SAVE_ON_STOP", configuration.to_uppercase()),
            );
        Left { ipv4, ipv6, saves_at_stop, contents }
    };
    match only(host, paths) {
        Err(saved) => order(saved, None),
        Ok(path) => {
            let mut contents = Contents::default();
            if let Some(saved) = add(host, &mut contents, path, ipv6, false) {
                return order(saved, None);
            }
            let family = if ipv6 { IpFamily::V6 } else { IpFamily::V4 };
            order(saved(&contents, path, family), Some(contents))
        }
    }
}

/// ufw(8) loads before.rules, after.rules and user.rules between chains of its own (`ufw-init-functions`).
fn ufw(host: &dyn Host) -> Left {
    let setting =
        |path: &str, key: &str| read_text(host, path, SMALL).map(|text| settings::setting(&text, key));
    let enabled = "/etc/ufw/ufw.conf";
    match setting(enabled, "ENABLED") {
        Ok(Some(value)) if value.eq_ignore_ascii_case("yes") => {}
        Ok(_) => return Left::both(Saved::Nothing(format!("{enabled} does not say ENABLED=yes"))),
        Err(gap) if gap.is_absent() => return Left::both(Saved::Nothing(gap.to_string())),
        Err(gap) => return Left::both(Saved::Unclear(gap.to_string())),
    }
    let defaults = "/etc/default/ufw";
    let policies = ["INPUT", "FORWARD", "OUTPUT"]
        .map(|chain| setting(defaults, &format!("DEFAULT_{chain}_POLICY")).ok().flatten());
    let [Some(input), Some(forward), Some(output)] = policies else {
        return Left::both(Saved::Unclear(format!("{defaults} does not say what is dropped by default")));
    };
    let mut contents = Contents::default();
    let ipv6 = setting(defaults, "IPV6").ok().flatten();
    if ipv6.is_some_and(|value| value.eq_ignore_ascii_case("yes")) {
        ufw_family(host, &mut contents, "6", [&input, &forward, &output]);
    } else {
        let closed = "*filter\n:INPUT DROP\n:FORWARD DROP\n:OUTPUT DROP\n-A INPUT -i lo -j ACCEPT\n-A OUTPUT -o lo -j ACCEPT\nCOMMIT\n";
        iptables::add(&mut contents, defaults, closed, true, false);
    }
    ufw_family(host, &mut contents, "", [&input, &forward, &output]);
    for script in ["/etc/ufw/before.init", "/etc/ufw/after.init"] {
        if host.stat(script).is_ok_and(|stat| stat.mode & 0o111 != 0) {
            contents.unclear.push(format!("ufw runs {script}, which may load more"));
        }
    }
    left(contents, [enabled, enabled])
}

fn ufw_family(host: &dyn Host, contents: &mut Contents, six: &str, policies: [&String; 3]) {
    let ipv6 = !six.is_empty();
    let [input, forward, output] = policies;
    let mut text = "*filter\n".to_owned();
    let mut policy_text = "*filter\n".to_owned();
    for (chain, policy) in [("input", input), ("forward", forward), ("output", output)] {
        let built_in = chain.to_uppercase();
        for part in ["before-logging", "before", "after", "after-logging", "reject", "track"] {
            text += &format!(":ufw{six}-{part}-{chain} -\n-A {built_in} -j ufw{six}-{part}-{chain}\n");
        }
        match policy.as_str() {
            "REJECT" => text += &format!("-A ufw{six}-reject-{chain} -j REJECT\n"),
            "ACCEPT" => {
                for protocol in ["tcp", "udp"] {
                    let new = "-m conntrack --ctstate NEW -j ACCEPT";
                    text += &format!("-A ufw{six}-track-{chain} -p {protocol} {new}\n");
                }
            }
            _ => {}
        }
        text +=
            &format!(":ufw{six}-skip-to-policy-{chain} -\n-A ufw{six}-skip-to-policy-{chain} -j {policy}\n");
        let policy = if policy == "REJECT" { "DROP" } else { policy };
        policy_text += &format!(":{built_in} {policy}\n");
    }
    text += "COMMIT\n";
    policy_text += "COMMIT\n";
    iptables::add(contents, "/etc/default/ufw", &text, ipv6, false);
    for file in ["before", "after", "user"] {
        let path = format!("/etc/ufw/{file}{six}.rules");
        if let Some(Saved::Nothing(reason) | Saved::Unclear(reason)) = add(host, contents, &path, ipv6, true)
        {
            contents.unclear.push(reason);
        }
    }
    let mut hooks = "*filter\n".to_owned();
    for chain in ["input", "forward", "output"] {
        hooks += &format!("-A ufw{six}-before-{chain} -j ufw{six}-user-{chain}\n");
    }
    hooks += "COMMIT\n";
    iptables::add(contents, "/etc/default/ufw", &hooks, ipv6, true);
    iptables::add(contents, "/etc/default/ufw", &policy_text, ipv6, true);
}

/// firewalld.zone(5): every zone that it ships rejects or drops what it does not list, except `trusted`.
fn firewalld(host: &dyn Host) -> Saved {
    let path = "/etc/firewalld/firewalld.conf";
    let zone = match read_text(host, path, SMALL) {
        Ok(text) => settings::setting(&text, "DefaultZone").unwrap_or_else(|| "public".to_owned()),
        // Without a file the built-in default holds.
        Err(gap) if gap.is_absent() => "public".to_owned(),
        Err(gap) => return Saved::Unclear(gap.to_string()),
    };
    if zone == "trusted" || zone.contains('/') {
        return Saved::Unclear(format!("firewalld's default zone is {zone:?}"));
    }
    let own = format!("/etc/firewalld/zones/{zone}.xml");
    match read_text(host, &own, SMALL) {
        Ok(text) if text.contains("\"ACCEPT\"") => Saved::Unclear(format!("{own} accepts by default")),
        Ok(_) => Saved::Filter(own),
        Err(gap) if gap.is_absent() => Saved::Filter(format!("firewalld's zone {zone}")),
        Err(gap) => Saved::Unclear(gap.to_string()),
    }
}
