//! What a guest agent that runs was told not to do for its hypervisor: qemu-ga by its options and its key file, vmtoolsd by
//! tools.conf and by the plugins that are not there.
//!
//! Of options only the names of commands are kept. How qemu-ga takes them was tried with the real one
//! (`tests/guest_agent_oracle.rs`): a name with a blank beside it names nothing, a later key wins, and `blacklist` in the
//! file goes before `block-rpcs`.

mod key_file;

use serde::{Deserialize, Serialize};

use super::Process;
use crate::date::Timestamp;
use crate::gap::{Gap, Reading};
use crate::host::{self, Host};

/// One place that keeps commands or plugins from the hypervisor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limit {
    /// The file, `/proc/812/cmdline` for an option, or the folder of the plugins.
    pub path: String,
    /// Its line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// When the file last changed, where the agent reads it at its start alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    /// Whether it is a list of what alone is done, instead of what is not.
    #[serde(skip_serializing_if = "super::is_false")]
    pub only: bool,
    /// Commands (`guest-shutdown`) or plugins (`powerOps`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Names of one list that are kept; qemu-ga has about sixty commands.
const NAMES: usize = 256;
/// Arguments that are looked at.
const ARGUMENTS: usize = 1024;
/// Where builds of qemu-ga look, each at one of them.
const AGENT_FILES: &[&str] =
    &["/etc/qemu/qemu-ga.conf", "/etc/qemu-kvm/qemu-ga.conf", "/etc/qemu-ga/qemu-ga.conf"];
const TOOLS_FILE: &str = "/etc/vmware-tools/tools.conf";
/// Where builds of open-vm-tools have the plugins of the service.
const PLUGINS: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/open-vm-tools/plugins/vmsvc",
    "/usr/lib/aarch64-linux-gnu/open-vm-tools/plugins/vmsvc",
    "/usr/lib/i386-linux-gnu/open-vm-tools/plugins/vmsvc",
    "/usr/lib64/open-vm-tools/plugins/vmsvc",
    "/usr/lib/open-vm-tools/plugins/vmsvc",
];

/// The limits of a process that is root's and has the name of an agent; nothing for any other.
pub(super) fn read(host: &dyn Host, process: &Process) -> Option<Reading<Vec<Limit>>> {
    if process.uid != 0 || process.contained {
        return None;
    }
    match process.program() {
        "qemu-ga" => Some(qemu_agent(host, process.pid).into()),
        "vmtoolsd" => Some(vmware_tools(host).into()),
        _ => None,
    }
}

fn qemu_agent(host: &dyn Host, pid: u32) -> Result<Vec<Limit>, Gap> {
    let path = format!("/proc/{pid}/cmdline");
    let options = match host.read(&path, host::SMALL) {
        // The kernel shows one for every process; recordings of an earlier version have none.
        Err(gap) if gap.is_absent() => Options::default(),
        other => options(&other?),
    };
    // Only root may see the environment; who cannot see it sees not either whether the agent holds its channel.
    let environment = host.read(&format!("/proc/{pid}/environ"), host::SMALL).unwrap_or_default();
    let variable = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"QGA_CONF="));
    let variable = variable.map(|path| String::from_utf8_lossy(path).into_owned());
    let mut limits = Vec::new();
    match options.file.or(variable) {
        Some(file) if file.starts_with('/') => limits.extend(agent_file(host, &file)?),
        Some(_) => return Err(Gap::unsupported("qemu-ga was given a configuration by a relative path")),
        None => {
            for file in AGENT_FILES {
                limits.extend(agent_file(host, file)?);
            }
        }
    }
    for (only, names) in options.lists {
        limits.push(Limit { path: path.clone(), only, names, ..Limit::default() });
    }
    Ok(limits)
}

fn agent_file(host: &dyn Host, path: &str) -> Result<Vec<Limit>, Gap> {
    let bytes = match host.read(path, host::SMALL) {
        Err(gap) if gap.is_absent() => return Ok(Vec::new()),
        other => other?,
    };
    let changed = host.stat(path).ok().map(|stat| stat.modified);
    let entries = key_file::parse(&bytes)
        .map_err(|line| Gap::malformed(format!("{path}:{line}: qemu-ga would not start with this line")))?;
    let last = |key: &str| entries.iter().rev().find(|entry| entry.group == "general" && entry.key == key);
    let refused = last("blacklist").or_else(|| last("block-rpcs"));
    let lists = [(true, last("allow-rpcs")), (false, refused)];
    Ok(lists
        .into_iter()
        .filter_map(|(only, entry)| {
            let entry = entry?;
            let names = commands(&entry.value)?;
            Some(Limit { path: path.to_owned(), line: Some(entry.line), changed, only, names })
        })
        .collect())
}

/// The commands of a list with commas. What is no command refuses nothing, but in a list of what alone is allowed it counts.
fn commands(list: &str) -> Option<Vec<String>> {
    let is_command = |name: &&str| {
        name.starts_with("guest-")
            && name.len() < 64
            && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    (!list.is_empty()).then(|| list.split(',').filter(is_command).take(NAMES).map(str::to_owned).collect())
}

/// What the command line of qemu-ga says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    /// `--config`
    file: Option<String>,
    /// Lists of what alone is allowed (`true`) and of what is refused.
    lists: Vec<(bool, Vec<String>)>,
}

/// Its long options with the letter that each stands for, and whether a word follows.
const LONG: &[(&str, char, bool)] = &[
    ("allow-rpcs", 'a', true),
    ("blacklist", 'b', true),
    ("block-rpcs", 'b', true),
    ("config", 'c', true),
    ("daemonize", 'd', false),
    ("dump-conf", 'D', false),
    ("fsfreeze-hook", 'F', false),
    ("help", 'h', false),
    ("logfile", 'l', true),
    ("method", 'm', true),
    ("path", 'p', true),
    ("pidfile", 'f', true),
    ("retry-path", 'r', false),
    ("service", 's', true),
    ("statedir", 't', true),
    ("verbose", 'v', false),
    ("version", 'V', false),
];

/// Reads arguments as getopt_long(3) does: long options may be cut short, letters may be joined.
fn options(cmdline: &[u8]) -> Options {
    let mut options = Options::default();
    let text = String::from_utf8_lossy(cmdline);
    let mut words = text.split('\0').skip(1).take(ARGUMENTS);
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) =
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let exact = LONG.iter().find(|(full, ..)| *full == name);
            let Some((_, letter, takes)) =
                exact.or_else(|| LONG.iter().find(|(full, ..)| full.starts_with(name)))
            else {
                continue;
            };
            let value = if *takes && value.is_none() { words.next() } else { value };
            options.take(*letter, value.unwrap_or_default());
            continue;
        }
        let Some(letters) = word.strip_prefix('-') else { continue };
        for (at, letter) in letters.char_indices() {
            let rest = letters.get(at.saturating_add(letter.len_utf8())..).unwrap_or_default();
            match LONG.iter().find(|(_, known, _)| *known == letter) {
                Some((_, _, true)) => {
                    let value = if rest.is_empty() { words.next().unwrap_or_default() } else { rest };
                    options.take(letter, value);
                    break;
                }
                // What follows -F without a blank is its own.
                Some((_, 'F', _)) => break,
                _ => {}
            }
        }
    }
    options
}

impl Options {
    fn take(&mut self, letter: char, value: &str) {
        match letter {
            'a' | 'b' if self.lists.len() < NAMES => {
                self.lists.extend(commands(value).map(|names| (letter == 'a', names)));
            }
            'c' => self.file = Some(value.chars().take(4096).collect()),
            _ => {}
        }
    }
}

fn vmware_tools(host: &dyn Host) -> Result<Vec<Limit>, Gap> {
    let mut limits = Vec::new();
    let bytes = match host.read(TOOLS_FILE, host::SMALL) {
        Err(gap) if gap.is_absent() => Vec::new(),
        other => other?,
    };
    // A file that is no key file leaves vmtoolsd with its defaults.
    let entries = key_file::parse(&bytes).unwrap_or_default();
    for (group, key, is_off, plugin) in [
        ("guestinfo", "poll-interval", (|value| value.trim() == "0") as fn(&str) -> bool, "guestInfo"),
        ("vmbackup", "enableSyncDriver", |value| matches!(value.trim(), "false" | "0"), "vmbackup"),
    ] {
        let last = entries.iter().rev().find(|entry| entry.group == group && entry.key == key);
        if let Some(entry) = last.filter(|entry| is_off(&entry.value)) {
            let names = vec![plugin.to_owned()];
            limits.push(Limit {
                path: TOOLS_FILE.to_owned(),
                line: Some(entry.line),
                names,
                ..Limit::default()
            });
        }
    }
    for folder in PLUGINS {
        let files = match host.list(folder) {
            Err(gap) if gap.is_absent() => continue,
            other => other?,
        };
        let missing = ["guestInfo", "powerOps", "vmbackup"]
            .into_iter()
            .filter(|plugin| !files.iter().any(|file| *file == format!("lib{plugin}.so")));
        let names: Vec<String> = missing.map(str::to_owned).collect();
        if !names.is_empty() {
            limits.push(Limit { path: (*folder).to_owned(), names, ..Limit::default() });
        }
        break;
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(arguments: &[&str]) -> Vec<(bool, String)> {
        let cmdline = format!("/usr/sbin/qemu-ga\0{}\0", arguments.join("\0"));
        options(cmdline.as_bytes()).lists.into_iter().map(|(only, names)| (only, names.join(" "))).collect()
    }

    #[test]
    fn options_are_taken_as_getopt_takes_them() {
        for (arguments, refused) in [
            (&["-b", "guest-exec"][..], "guest-exec"),
            (&["-vbguest-exec,guest-shutdown"], "guest-exec guest-shutdown"),
            (&["--bl", "guest-exec"], "guest-exec"),
            (&["x", "--blacklist=guest-exec, guest-shutdown,PASSWORD"], "guest-exec"),
            (&["--fsfreeze-hook", "-Fb", "--path", "-b", "-r", "-b", "guest-exec"], "guest-exec"),
        ] {
            assert_eq!(lists(arguments), [(false, refused.to_owned())], "{arguments:?}");
        }
        for none in [&["-b", ""][..], &["--", "-b", "guest-exec"], &["-m", "-bguest-exec"], &["-b"]] {
            assert_eq!(lists(none), [], "{none:?}");
        }
        assert_eq!(lists(&["-a", "x"]), [(true, String::new())]);
        assert_eq!(options(b"qemu-ga\0--conf\0/etc/x").file.as_deref(), Some("/etc/x"));
    }

    #[test]
    fn nonsense_is_taken_too() {
        for bytes in [&b""[..], b"\0", b"-", b"x\0-\xff\xfeb\0--\xc3\x28=\0---", b"x\0-\xc3\xa9b"] {
            options(bytes);
        }
    }
}
