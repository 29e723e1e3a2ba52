//! What sshd offers to protect a connection holds against those who listen in or stand in between.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::ssh_servers::Other;
use crate::facts::sshd::patterns;
use crate::facts::sshd::{Config, DEFAULT, Line, Vendor};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_remedy;
use crate::ssh_server::{self, Asked};

pub(crate) static CHECK: Check = Check {
    id: "ssh-algorithms",
    title: "SSH servers offer no cipher, MAC, key exchange or signature that is broken or withdrawn",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "Client and server agree on what the client likes best among all that the server offers, so one old client \
                or one that was talked into it brings a connection down to the weakest algorithm on the list. Who records \
                or changes such a connection may read parts of it, or pose as the server or as the user. Defaults are \
                sound in every release that is still mended; lines that were added for a device of ten years ago stay.",
    remedy: "hostduty sshd --why ciphers --why macs --why kexalgorithms --why hostkeyalgorithms --why pubkeyacceptedalgorithms   # names the deciding lines\n\
             Take what is named out of that line, or write what sshd shall leave out of its own list, such as `Ciphers -*-cbc`, to /etc/ssh/sshd_config.d/00-algorithms.conf; the first value wins, so it must sort before every other file there.\n\
             On Red Hat, where crypto-policies decides: update-crypto-policies --set DEFAULT\n\
             sshd -t && systemctl reload ssh   # `sshd` on Red Hat and SUSE\n\
             Stay logged in, and try a second login with every client that you use: one that knows nothing better is shut out from now on.",
    references: &[
        "sshd_config(5), Ciphers, MACs, KexAlgorithms, HostKeyAlgorithms, PubkeyAcceptedAlgorithms",
        "RFC 9142",
        "RFC 8758",
        "RFC 8332",
        "NIST SP 800-131A",
        "ANSSI, (Open)SSH secure use recommendations",
    ],
    examples: Examples {
        kept: r#"
[processes.known]
list = [{ pid = 812, name = "sshd" }]
[[ssh_servers.known.daemons]]
program = "/usr/sbin/sshd"
file = "/etc/ssh/sshd_config"
at = [{ source = "/proc/812", text = "runs" }]
running = [{ pid = 812 }]
[sshd.known.config.known]
build = { version = [9, 2] }
files = ["/etc/ssh/sshd_config"]
"#,
        broken: r#"
[processes.known]
list = [{ pid = 812, name = "sshd" }]
[[ssh_servers.known.daemons]]
program = "/usr/sbin/sshd"
file = "/etc/ssh/sshd_config"
at = [{ source = "/proc/812", text = "runs" }]
running = [{ pid = 812 }]
[sshd.known.config.known]
build = { version = [9, 2] }
files = ["/etc/ssh/sshd_config"]
lines = [{ keyword = "ciphers", values = ["aes256-ctr,aes128-cbc"], at = { source = "/etc/ssh/sshd_config", line = 12, text = "Ciphers aes256-ctr,aes128-cbc" } }]
"#,
    },
    judge,
};

/// Lines that a finding or a pass names besides the first.
const PLACES: usize = 8;

/// What an algorithm that is not of today comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Nobody may offer it any more.
    Weak,
    /// As [`Weight::Weak`], but no failure where the release offers it by itself: whether that release is still good
    /// enough is `patches-release-supported`'s question, and lines can only make it worse.
    Withdrawn,
    /// It holds in this place, and those who decide advise to leave it in time.
    Dated,
}
use Weight::{Dated, Weak, Withdrawn};

/// Patterns of names with their weight, the reason, and who says so. The first that fits counts; what none fits is fine.
const TABLE: &[(&str, Weight, &str, &str)] = &[
    // Ciphers. sshd itself has lost all but the modes of CBC; lists of older releases still name them.
    (
        "3des-cbc",
        Weak,
        "its blocks of 64 bits repeat within hours of traffic",
        "NIST SP 800-131A; CVE-2016-2183",
    ),
    ("blowfish-cbc", Weak, "its blocks of 64 bits repeat within hours of traffic", "CVE-2016-2183"),
    ("cast128-cbc", Weak, "its blocks of 64 bits repeat within hours of traffic", "CVE-2016-2183"),
    ("arcfour*", Weak, "RC4 gives text away", "RFC 8758: MUST NOT"),
    // Not withdrawn by any RFC, but each way to put a MAC on it has an attack of its own.
    (
        "*-cbc",
        Weak,
        "CBC as SSH uses it gives text away to who can change packets",
        "CVE-2008-5161; CVE-2023-48795",
    ),
    ("rijndael-cbc@*", Weak, "CBC as SSH uses it gives text away to who can change packets", "CVE-2008-5161"),
    // MACs. Collisions do not break them, so only MD5 goes, which nobody approves for anything any more.
    ("hmac-md5*", Weak, "MD5 is approved for nothing any more", "RFC 6151; NIST SP 800-131A"),
    ("hmac-ripemd160*", Weak, "RIPEMD-160 was never approved, and OpenSSH has dropped it", "OpenSSH 7.6"),
    ("hmac-sha1-96*", Weak, "its tags are cut to 96 bits of SHA-1", "OpenSSH 6.7; NIST SP 800-131A"),
    (
        "hmac-sha1*",
        Dated,
        "SHA-1 holds in a MAC, and NIST ends it in 2030",
        "NIST, Transitioning Away from SHA-1, 2022",
    ),
    ("umac-64*", Dated, "tags of 64 bits hold, as a wrong guess ends the connection", "RFC 4418, section 6"),
    // Key exchanges. What was recorded can be opened whenever the exchange falls.
    (
        "diffie-hellman-group1-sha1",
        Weak,
        "its group of 1,024 bits is within reach, and SHA-1",
        "RFC 9142: SHOULD NOT",
    ),
    (
        "diffie-hellman-group-exchange-sha1",
        Weak,
        "SHA-1, and groups that may be small",
        "RFC 9142: SHOULD NOT",
    ),
    (
        "diffie-hellman-group14-sha1",
        Dated,
        "SHA-1 holds here for those who know nothing else",
        "RFC 9142: MAY",
    ),
    ("rsa1024-sha1", Weak, "RSA of 1,024 bits is within reach", "RFC 9142: MUST NOT"),
    ("gss-group1-sha1-*", Weak, "its group of 1,024 bits is within reach, and SHA-1", "RFC 9142: SHOULD NOT"),
    ("gss-group14-sha1-*", Weak, "SHA-1", "RFC 9142: SHOULD NOT; RFC 8732"),
    ("gss-gex-sha1-*", Weak, "SHA-1, and groups that may be small", "RFC 9142: SHOULD NOT; RFC 8732"),
    // Signatures. SHA-1 falls to collisions here, which cost less from year to year.
    (
        "ssh-dss*",
        Weak,
        "DSA of 1,024 bits is within reach, and SHA-1",
        "FIPS 186-5; NIST SP 800-131A; OpenSSH 10.0",
    ),
    (
        "ssh-rsa",
        Withdrawn,
        "it signs with SHA-1; the same keys sign as rsa-sha2-256 too",
        "RFC 8332; NIST SP 800-131A",
    ),
    (
        "ssh-rsa-cert-v01@openssh.com",
        Withdrawn,
        "it signs with SHA-1; the same keys sign as rsa-sha2-256 too",
        "RFC 8332; NIST SP 800-131A",
    ),
];

/// The lists: keyword, as the manual page writes it, and what one entry is.
const LISTS: &[(&str, &str, &str)] = &[
    ("ciphers", "Ciphers", "cipher"),
    ("macs", "MACs", "MAC"),
    ("kexalgorithms", "KexAlgorithms", "key exchange"),
    ("gssapikexalgorithms", "GSSAPIKexAlgorithms", "key exchange by GSSAPI"),
    ("hostkeyalgorithms", "HostKeyAlgorithms", "signature of the host"),
    ("pubkeyacceptedalgorithms", "PubkeyAcceptedAlgorithms", "signature of users"),
];

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let presence = ssh_server::presence(facts, Asked::Nobody)?;
    let (mut judgement, serving) = match presence {
        ControlFlow::Break(judgement) => (judgement, false),
        ControlFlow::Continue(judgement) => (judgement, true),
    };
    for other in &facts.ssh_servers.known()?.others {
        of_another(other, serving, &mut judgement);
    }
    if !serving {
        return Ok(judgement);
    }
    for (config, _) in ssh_server::decided(facts, &mut judgement)? {
        let before = judgement.findings.len();
        let mut said = Said::default();
        for list in LISTS {
            if let Err(gap) = one_list(facts, config, list, &mut said, &mut judgement) {
                judgement.unknown(format!("which algorithms sshd offers by {} is not known: {gap}", list.1));
            }
        }
        if judgement.findings.len() == before && !said.fine.is_empty() {
            judgement.observe(format!("sshd offers nothing weak: {}", said.fine.join(", ")), said.places);
        }
        for ((kind, why), Old { names, places }) in said.dated {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            judgement.observe(format!("dated as {kind}: {}: {why}", names.join(", ")), places);
        }
        if judgement.remedy.is_none() && config.build.vendor != Vendor::RedHat {
            judgement.remedy = remedy(facts, config, &said.lines);
        }
    }
    if judgement.findings.is_empty() {
        ssh_server::freshness(facts, &mut judgement);
    }
    Ok(judgement)
}

/// What is known of the algorithms of a server that is not OpenSSH's.
fn of_another(other: &Other, beside_sshd: bool, judgement: &mut Judgement) {
    let places = other.at.iter().take(1).cloned();
    match other.name.as_str() {
        _ if other.early && beside_sshd => judgement.observe(
            format!(
                "{} answers only until the disks are unlocked, and its algorithms are not looked at",
                other.name
            ),
            places,
        ),
        "tinysshd" => judgement.observe("tinysshd knows no weak algorithm", places),
        "tailscaled" => {
            judgement
                .observe("Tailscale SSH is reached through the tailnet, which encrypts by itself", places);
        }
        name => {
            let place = other.at.first().cloned().unwrap_or_default();
            judgement.unknown(format!("which algorithms {name} ({place}) offers is not known to hostduty"));
        }
    }
}

/// Algorithms that are dated for one reason, and where the lists come from.
#[derive(Default)]
struct Old {
    names: BTreeSet<String>,
    places: BTreeSet<Evidence>,
}

/// An algorithm that is weak: the reason, who says so, and each line that offers it, with for whom.
struct Offered<'a> {
    why: &'a str,
    source: &'a str,
    places: Vec<(Evidence, &'a str)>,
}

/// What the lists of one configuration come to, besides findings.
#[derive(Default)]
struct Said {
    /// What is dated, by kind and reason, with where the lists come from.
    dated: BTreeMap<(&'static str, String), Old>,
    /// How many of which kind.
    fine: Vec<String>,
    places: Vec<Evidence>,
    /// Lines that would take out what is weak: keyword and names.
    lines: Vec<(&'static str, &'static str, Vec<String>)>,
}

fn one_list(
    facts: &Facts,
    config: &Config,
    list: &(&'static str, &'static str, &'static str),
    said: &mut Said,
    judgement: &mut Judgement,
) -> Result<(), Gap> {
    let (keyword, spelling, kind) = *list;
    match keyword {
        "gssapikexalgorithms" if !by_gssapi(facts, config)? => return Ok(()),
        "pubkeyacceptedalgorithms" if !takes_keys(config)? => return Ok(()),
        _ => {}
    }
    let setting = config.global(keyword)?;
    let usual = Config { build: config.build.clone(), ..Config::default() }.global(keyword)?;
    let usual: Vec<&str> = names(&usual.values).collect();
    let mut lists = vec![(setting.values.clone(), place(setting.at.first(), spelling), String::new())];
    lists.extend(under_match(config, keyword).map(|line| {
        let block = line.under.and_then(|index| config.matches.get(index));
        let whom = block.and_then(|block| block.at.text.clone()).unwrap_or_default();
        (line.values.clone(), place(Some(&line.at), spelling), format!(" where {whom} holds"))
    }));
    let mut fine = BTreeSet::new();
    let mut weak: BTreeMap<&str, Offered<'_>> = BTreeMap::new();
    for (values, place, whom) in &lists {
        for name in names(values) {
            let Some((_, weight, why, source)) =
                TABLE.iter().find(|(pattern, ..)| patterns::matches(pattern, name))
            else {
                fine.insert(name);
                continue;
            };
            if *weight == Dated || (*weight == Withdrawn && usual.contains(&name)) {
                let old = said.dated.entry((kind, format!("{why} ({source})"))).or_default();
                old.names.insert(name.to_owned());
                old.places.insert(place.clone());
            } else {
                let new = || Offered { why, source, places: Vec::new() };
                weak.entry(name)
                    .or_insert_with(new)
                    .places
                    .push((place.clone().says(format!("{spelling} … {name}")), whom.as_str()));
            }
        }
    }
    said.fine.push(format!("{} good ones as {kind}", fine.len()));
    said.places.extend(lists.iter().take(PLACES).map(|(_, place, _)| place.clone()));
    for (name, Offered { why, source, places }) in weak {
        let Some((first, whom)) = places.first() else { continue };
        if keyword == "hostkeyalgorithms" && !has_key(facts, config, name) {
            let message = format!("{name} is allowed as {kind}, but sshd has no host key for it");
            judgement.observe(message, [first.clone()]);
            continue;
        }
        let more = match places.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(", and by {more} more lines"),
        };
        let message = format!("is offered by sshd as {kind}{whom}{more}: {why} ({source})");
        let finding = Finding::new(name, message, first.clone());
        let others = places.iter().skip(1).take(PLACES).map(|(place, _)| place.clone());
        judgement.fail(others.fold(finding, Finding::and));
        match said.lines.iter_mut().find(|(known, ..)| *known == keyword) {
            Some((_, _, weak)) => weak.push(name.to_owned()),
            None => said.lines.push((keyword, spelling, vec![name.to_owned()])),
        }
    }
    Ok(())
}

fn names(values: &[String]) -> impl Iterator<Item = &str> {
    values.iter().flat_map(|list| list.split(',')).filter(|name| !name.is_empty())
}

/// A deciding line. What facts hold of it is the whole list that it comes to, which is too long to repeat.
fn place(at: Option<&Evidence>, spelling: &str) -> Evidence {
    at.cloned().unwrap_or_else(|| Evidence::of(DEFAULT)).says(spelling)
}

/// Lines of Match blocks, but for those behind another one of their own block or one around it.
fn under_match<'a>(config: &'a Config, keyword: &'a str) -> impl Iterator<Item = &'a Line> {
    let mut set = BTreeSet::new();
    config.lines_of(keyword).filter(move |line| {
        let outer = |index: &usize| {
            let block = config.matches.get(*index)?;
            block.under.filter(|outer| outer < index)
        };
        let wins = std::iter::successors(line.under, outer).all(|index| !set.contains(&index));
        set.extend(line.under);
        wins && line.under.is_some()
    })
}

/// Whether keys are exchanged by GSSAPI, for which the host must have a key of Kerberos.
fn by_gssapi(facts: &Facts, config: &Config) -> Result<bool, Gap> {
    Ok(config.global("gssapikeyexchange")?.is("yes") && *facts.sshd.known()?.keytab.known()?)
}

/// Whether any account may log in with a key at all.
fn takes_keys(config: &Config) -> Result<bool, Gap> {
    let sometimes =
        config.lines_of("pubkeyauthentication").any(|line| line.values.iter().any(|value| value == "yes"));
    Ok(sometimes || config.global("pubkeyauthentication")?.is("yes"))
}

/// Whether sshd may have a host key that signs with an algorithm: sshd offers only what it has a key for. What is known
/// of host keys is that of the usual configuration.
fn has_key(facts: &Facts, config: &Config, algorithm: &str) -> bool {
    let (Some(sshd), Some(found)) = (facts.sshd.value(), facts.host_keys.value()) else { return true };
    let files = |config: &Config| -> Vec<String> {
        config.lines_of("hostkey").flat_map(|line| line.values.clone()).collect()
    };
    let same = sshd.config.value().is_some_and(|usual| files(usual) == files(config));
    if !same || !found.gaps.is_empty() || !found.missing.is_empty() {
        return true;
    }
    let kind = algorithm.trim_end_matches("-cert-v01@openssh.com");
    found.keys.iter().any(|key| key.kind.is_empty() || key.kind == kind)
}

/// What to write on this very host.
fn remedy(
    facts: &Facts,
    config: &Config,
    weak: &[(&'static str, &'static str, Vec<String>)],
) -> Option<String> {
    let lines: Vec<(&str, String)> = weak
        .iter()
        .map(|(keyword, spelling, names)| (*keyword, format!("{spelling} -{}", names.join(","))))
        .collect();
    let wanted: Vec<(&str, &str)> = lines.iter().map(|(keyword, line)| (*keyword, line.as_str())).collect();
    (!wanted.is_empty()).then(|| ssh_remedy::without_algorithms(facts, config, &wanted))
}

#[cfg(test)]
#[path = "algorithms_tests.rs"]
mod tests;
