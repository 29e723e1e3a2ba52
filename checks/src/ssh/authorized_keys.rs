//! Keys that open accounts are strong, nobody else can add to them, and those of root open nothing besides.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::accounts::Accounts;
use crate::facts::ssh_keys::{Authority, AuthorizedKey, KeyFile, SshKeys};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;
use crate::ssh_key::{self, Strength};

pub(crate) static CHECK: Check = Check {
    id: "ssh-authorized-keys",
    title: "Every key that opens an account is strong, only its account or root can add one, and none opens root besides",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[System::MacOs],
    machine: false,
    rationale: "A key in authorized_keys is as good as a password that never expires. DSA and short RSA keys can be \
                broken with money and patience, and whoever can write to the file or a folder above it can add a key of \
                their own. With StrictModes sshd passes over such a file, which locks its owner out instead. A key of an \
                ordinary account that opens root as well makes its thief root at once, past sudo and what it logs.",
    remedy: "ssh-keygen -t ed25519   # on the machine that logs in: a new key\n\
             Add the new .pub line to authorized_keys, log in with it, and only then remove the old line.\n\
             chmod go-w ~ ~/.ssh ~/.ssh/authorized_keys   # as the account itself\n\
             Where one key opens root and another account: become root with sudo from there first, and only when that works take the line out of root's file.",
    references: &["sshd(8), AUTHORIZED_KEYS FILE FORMAT", "sshd_config(5), StrictModes", "NIST SP 800-131A"],
    examples: Examples {
        kept: r#"
[ssh_keys.known]
accounts = ["debian"]
[[ssh_keys.known.files]]
account = "debian"
path = "/home/debian/.ssh/authorized_keys"
mode = 384
uid = 1000
keys = [{ line = 1, kind = "ssh-ed25519", fingerprint = "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY" }]
"#,
        broken: r#"
[ssh_keys.known]
accounts = ["debian"]
[[ssh_keys.known.files]]
account = "debian"
path = "/home/debian/.ssh/authorized_keys"
mode = 384
uid = 1000
keys = [{ line = 3, kind = "ssh-rsa", bits = 1024, fingerprint = "SHA256:QsrpcflGgo+xvyVuDrkx/R07qI26sSYMeanvry365jY" }]
"#,
    },
    judge,
};

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let found = facts.ssh_keys.known()?;
    let mut judgement = Judgement::new();
    for gap in &found.gaps {
        judgement.unknown(format!("not every authorized_keys file is known: {gap}"));
    }
    for file in &found.files {
        file_of(file, facts, &mut judgement);
    }
    for authority in &found.authorities {
        authority_of(authority, &mut judgement);
    }
    for place in &found.elsewhere {
        judgement.observe(
            "who gets in with a key is decided elsewhere too, which is not looked at here",
            [place.clone()],
        );
    }
    if let Some(accounts) = facts.accounts.value() {
        shared(found, accounts, facts, &mut judgement);
    }
    if !found.accounts.is_empty() {
        judgement.observe(summary(found), seen(found));
    }
    Ok(judgement)
}

fn summary(found: &SshKeys) -> String {
    let keys: Vec<_> = found.files.iter().flat_map(KeyFile::keys_taken).collect();
    let count = |with: &dyn Fn(&AuthorizedKey) -> bool| keys.iter().filter(|key| with(key)).count();
    let word = if keys.len() == 1 { "key" } else { "keys" };
    let mut said =
        format!("{} authorized {word} in the files of {} accounts", keys.len(), found.accounts.len());
    for (count, what) in [
        (count(&|key| !key.from.is_empty()), "bound to addresses by from="),
        (count(&|key| key.has("command")), "bound to one command"),
        (count(&|key| key.expires.is_some()), "with an end date"),
    ] {
        if count > 0 {
            said += &format!(", {count} {what}");
        }
    }
    said
}

/// Where no account has a file, what was seen is the list of accounts.
fn seen(found: &SshKeys) -> Vec<Evidence> {
    match found.files.as_slice() {
        [] => vec![Evidence::of("/etc/passwd")],
        files => files.iter().map(|file| Evidence::of(file.path.clone())).collect(),
    }
}

fn file_of(file: &KeyFile, facts: &Facts, judgement: &mut Judgement) {
    if let Some(gap) = &file.gap {
        judgement.unknown(format!("not every authorized_keys file is known: {gap}"));
    }
    if !file.passed_over.is_empty() {
        let message =
            format!("sshd passes over an authorized_keys file of {}: {}", file.account, file.passed_over);
        judgement.observe(message, [Evidence::of(file.path.clone())]);
        return;
    }
    for exposed in &file.exposed {
        let then = match ssh_key::strict_modes(facts) {
            Some(true) => ", so that sshd passes over it",
            Some(false) => ", and StrictModes is switched off",
            None => "",
        };
        judgement.fail(Finding::new(
            file.account.clone(),
            format!("has an authorized_keys file that others can change or replace ({exposed}){then}"),
            Evidence::of(file.path.clone()).says(format!("mode {:04o}, uid {}", file.mode, file.uid)),
        ));
    }
    if let [first, rest @ ..] = file.malformed.as_slice() {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let message =
            format!("a line{more} of an authorized_keys file holds no key, and sshd passes over it");
        judgement.observe(message, [Evidence::at(file.path.clone(), *first)]);
    }
    for key in &file.keys {
        key_of(file, key, facts, judgement);
    }
}

fn key_of(file: &KeyFile, key: &AuthorizedKey, facts: &Facts, judgement: &mut Judgement) {
    let place = || Evidence::at(file.path.clone(), key.line).says(shown(key));
    if !key.passed_over.is_empty() {
        return judgement.observe(format!("sshd passes over a key: {}", key.passed_over), [place()]);
    }
    if !key.unclear.is_empty() {
        judgement.unknown(format!("whether sshd takes the key at {} is not known: {}", place(), key.unclear));
    }
    if key.is_expired(facts.taken_at) == Some(true) {
        return judgement.observe("a key is over its expiry-time, and opens nothing", [place()]);
    }
    if key.is_authority() {
        let names = if key.principals.is_empty() { &[] } else { key.principals.as_slice() };
        let whom = match names {
            [] => format!("the name {}", file.account),
            names => format!("one of the names {}", names.join(", ")),
        };
        judgement.observe(
            format!("whoever holds a certificate of this authority for {whom} opens {}", file.account),
            [place()],
        );
    }
    if key.has("no-touch-required") {
        judgement.observe("a key of a security token opens the account without a touch", [place()]);
    }
    match ssh_key::strength(&key.kind, key.bits) {
        Strength::Weak(why) => {
            let message = format!("can be opened with a weak key, {why}");
            judgement.fail(Finding::new(file.account.clone(), message, place()));
        }
        Strength::Unknown => judgement.unknown(format!("the strength of {} is not known", place())),
        Strength::Fair => {
            judgement
                .observe("RSA below 3,072 bits is not enough beyond 2030: replace it in time", [place()]);
        }
        Strength::Good => {}
    }
}

fn shown(key: &AuthorizedKey) -> String {
    let size = key.bits.map(|bits| format!(" of {bits} bits")).unwrap_or_default();
    format!("{}{size} {}", key.kind, key.fingerprint).trim_end().to_owned()
}

fn authority_of(authority: &Authority, judgement: &mut Judgement) {
    if let Some(gap) = &authority.gap {
        judgement
            .unknown(format!("which authorities sign certificates that open accounts is not known: {gap}"));
    }
    if let Some(line) = authority.malformed {
        let message = "a line of TrustedUserCAKeys holds no key, and sshd stops there";
        judgement.observe(message, [Evidence::at(authority.path.clone(), line)]);
    }
    for key in &authority.keys {
        let place = || Evidence::at(authority.path.clone(), key.line).says(shown(key));
        let message = "whoever holds a certificate of this authority opens the account that it names";
        judgement.observe(message, [authority.at.clone(), place()]);
        match ssh_key::strength(&key.kind, key.bits) {
            Strength::Weak(why) => judgement.fail(Finding::new(
                authority.path.clone(),
                format!("signs certificates that open accounts with a weak key, {why}"),
                place(),
            )),
            Strength::Unknown => judgement.unknown(format!("the strength of {} is not known", place())),
            Strength::Fair | Strength::Good => {}
        }
    }
}

/// Says where one key opens several accounts. Among ordinary ones that is a matter of order: to take somebody's access
/// away one must find all. Root among them is a way around sudo, unless the key there runs one command only, as the
/// key that clouds put there to say that another account is meant.
fn shared(found: &SshKeys, accounts: &Accounts, facts: &Facts, judgement: &mut Judgement) {
    let mut opens: BTreeMap<&str, Vec<(&KeyFile, &AuthorizedKey)>> = BTreeMap::new();
    for file in &found.files {
        for key in file.keys_taken().filter(|key| !key.fingerprint.is_empty()) {
            if key.is_expired(facts.taken_at) != Some(true) {
                opens.entry(&key.fingerprint).or_default().push((file, key));
            }
        }
    }
    let mut uids: BTreeMap<&str, u32> = BTreeMap::new();
    for user in &accounts.users {
        uids.entry(&user.name).or_insert(user.uid);
    }
    let uid = |file: &KeyFile| uids.get(file.account.as_str()).copied();
    for (fingerprint, mut places) in opens {
        let names: BTreeSet<&str> = places.iter().map(|(file, _)| file.account.as_str()).collect();
        let people: BTreeSet<_> = places.iter().filter_map(|(file, _)| uid(file)).collect();
        if people.len() < 2 {
            continue;
        }
        let is_open_root =
            |(file, key): &(&KeyFile, &AuthorizedKey)| uid(file) == Some(0) && !key.has("command");
        places.sort_by_key(|place| !is_open_root(place));
        let root = places.first().filter(|place| is_open_root(place)).map(|(file, _)| file.account.clone());
        let evidence = places
            .iter()
            .take(20)
            .map(|(file, key)| Evidence::at(file.path.clone(), key.line).says(shown(key)))
            .collect::<Vec<_>>();
        match root.filter(|_| !ssh_key::root_is_closed(facts)) {
            Some(root) => {
                let others: Vec<&str> = names.into_iter().filter(|name| *name != root).collect();
                let message = format!("can be opened with a key that opens {} too", listed(&others));
                judgement.fail(Finding { subject: root, message, evidence });
            }
            None => {
                let names: Vec<&str> = names.into_iter().collect();
                judgement.observe(
                    format!("one key, {fingerprint}, is in the files of {}", listed(&names)),
                    evidence,
                );
            }
        }
    }
}

/// Up to three names, and how many more.
fn listed(names: &[&str]) -> String {
    match names {
        [shown @ .., last] if names.len() <= 3 && !shown.is_empty() => {
            format!("{} and {last}", shown.join(", "))
        }
        [one] => (*one).to_owned(),
        _ => {
            let shown: Vec<&str> = names.iter().take(3).copied().collect();
            format!("{} and {} other accounts", shown.join(", "), names.len().saturating_sub(3))
        }
    }
}

#[cfg(test)]
#[path = "authorized_keys_tests.rs"]
mod tests;
