//! Whether hostduty runs in a container, by evidence that an image cannot leave behind on a whole machine.

use crate::host::{self, Host};

/// Inode of the first PID namespace of a kernel, PROC_PID_INIT_INO in linux/proc_ns.h.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";
/// Parts of the control group of PID 1 that name the manager of a container.
const GROUPS: &[(&str, &str)] = &[
    ("/docker", "docker"),
    ("/kubepods", "kubernetes"),
    ("/libpod", "podman"),
    ("/lxc", "lxc"),
    ("/machine.slice/machine-", "systemd-nspawn"),
];
/// Files that images and managers put at the root. A machine that was made from a container's image keeps them.
const MARKS: &[(&str, &str)] = &[("/.dockerenv", "docker"), ("/run/.containerenv", "podman")];

/// The kind of container; adds what gave it away, and what did not.
pub(super) fn read(host: &dyn Host, evidence: &mut Vec<String>) -> Option<String> {
    if let Some((kind, seen)) = declared(host) {
        evidence.push(seen);
        return Some(kind);
    }
    let cgroup = host::read_text(host, "/proc/1/cgroup", host::SMALL).unwrap_or_default();
    for line in cgroup.lines().take(64) {
        if let Some((_, kind)) = GROUPS.iter().find(|(part, _)| line.contains(part)) {
            evidence.push(format!("/proc/1/cgroup: {line}"));
            return Some((*kind).to_owned());
        }
    }
    let mounts = mounts(host);
    let mark = MARKS.iter().find(|(path, _)| host.stat(path).is_ok());
    if let Some((path, kind)) = mark {
        let proof = mounts.or_else(|| own_namespace(host));
        return match proof {
            Some(proof) => {
                evidence.push((*path).to_owned());
                evidence.push(proof);
                Some((*kind).to_owned())
            }
            None => {
                evidence.push(format!(
                    "{path}: left behind by the image that this machine was made from, for nothing else here is a container's"
                ));
                None
            }
        };
    }
    let given = mounts.filter(|mounts| mounts.contains("/etc/hosts"))?;
    evidence.push(given);
    Some("oci".to_owned())
}

/// What the manager, or systemd on its behalf, says in so many words.
fn declared(host: &dyn Host) -> Option<(String, String)> {
    let kernel = host::read_line(host, "/proc/sys/kernel/osrelease").unwrap_or_default();
    if kernel.to_ascii_lowercase().contains("microsoft") || kernel.contains("WSL") {
        return Some(("wsl".to_owned(), format!("/proc/sys/kernel/osrelease: {kernel}")));
    }
    for path in ["/run/host/container-manager", "/run/systemd/container"] {
        if let Some(kind) = host::read_line(host, path).ok().as_deref().and_then(word) {
            return Some((kind.clone(), format!("{path}: {kind}")));
        }
    }
    if host.stat("/proc/vz").is_ok() && host.stat("/proc/bc").is_err() {
        return Some(("openvz".to_owned(), "/proc/vz without /proc/bc".to_owned()));
    }
    // Of the environment of PID 1 one word is looked at, and nothing is kept.
    let environment = host.read("/proc/1/environ", host::SMALL).unwrap_or_default();
    let value = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"container="))?;
    let kind = word(std::str::from_utf8(value).ok()?)?;
    Some((kind.clone(), format!("/proc/1/environ: container={kind}")))
}

/// A root file system of layers, and files of /etc that a manager mounts one by one.
fn mounts(host: &dyn Host) -> Option<String> {
    let text = host.read("/proc/self/mountinfo", host::LARGE).ok()?;
    let text = String::from_utf8_lossy(&text);
    let (mut layered, mut files) = (None, None);
    for line in text.lines() {
        let Some((before, after)) = line.split_once(" - ") else { continue };
        let kind = after.split(' ').next().unwrap_or_default();
        match before.split(' ').nth(4) {
            Some("/") => layered = matches!(kind, "overlay" | "aufs" | "fuse-overlayfs").then_some(kind),
            Some(file @ ("/etc/hosts" | "/etc/hostname" | "/etc/resolv.conf")) => files = Some(file),
            _ => {}
        }
    }
    match (layered, files) {
        (Some(kind), Some(_)) => Some(format!("/proc/self/mountinfo: / is {kind} and /etc/hosts a mount")),
        (Some(kind), None) => Some(format!("/proc/self/mountinfo: / is {kind}")),
        (None, Some(file)) => Some(format!("/proc/self/mountinfo: {file} is a mount")),
        (None, None) => None,
    }
}

fn own_namespace(host: &dyn Host) -> Option<String> {
    let namespace = host.read_link("/proc/self/ns/pid").ok()?;
    (namespace != FIRST_PID_NAMESPACE).then(|| format!("/proc/self/ns/pid: {namespace}"))
}

/// A short plain word; whoever wrote it could write anything.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (plain && (1..=32).contains(&text.len())).then(|| text.to_owned())
}
