//! An Ansible inventory as a list of SSH destinations: names, addresses, users and ports, by Ansible's precedence.
//!
//! Both formats are read here and not by a crate: of all that an inventory can say, six variables matter, everything else
//! is skipped by its indentation, and what matters and is not understood is refused with file, line and cure. A YAML
//! library would read more and know no better what a template or a vault means.

mod ini;
mod range;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Error;
use super::destination::{Destination, MOST};

/// The variables that say how a host is reached, later ones before earlier ones where both are set.
const KEYS: &[&str] = &[
    "ansible_host",
    "ansible_ssh_host",
    "ansible_port",
    "ansible_ssh_port",
    "ansible_user",
    "ansible_ssh_user",
    "ansible_private_key_file",
    "ansible_ssh_private_key_file",
    "ansible_connection",
    "ansible_ssh_args",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
    "ansible_group_priority",
];

/// A list that names its hosts oftener than this, a range with all that it means, was made to take long.
const NAMED: usize = 50 * MOST;

/// What an inventory names.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) hosts: Vec<Destination>,
    /// What was seen and is not followed.
    pub(crate) notes: Vec<String>,
}

/// Why one line is not understood.
type Complaint = (usize, String);

/// A value and the line that it stands on.
#[derive(Debug, Clone)]
struct Value {
    text: String,
    line: usize,
}

type Variables = BTreeMap<&'static str, Value>;

#[derive(Debug, Default)]
struct Group {
    children: BTreeSet<String>,
    variables: Variables,
    depth: usize,
}

/// Groups, hosts in the order of their first mention, and what each says.
#[derive(Debug, Default)]
struct Inventory {
    groups: BTreeMap<String, Group>,
    hosts: Vec<String>,
    variables: BTreeMap<String, Variables>,
    members: BTreeMap<String, BTreeSet<String>>,
    /// How often a host was named so far.
    named: usize,
}

/// Reads an inventory of either format.
pub(crate) fn read(path: &Path) -> Result<Listed, Error> {
    let file = path.display().to_string();
    if path.is_dir() {
        return Err(Error::Inventory(
            file,
            "it is a folder: name the files in it, each with --inventory".to_owned(),
        ));
    }
    let text = super::read(path)?;
    let mut listed = parsed(&text, is_yaml(path, &text), &file)
        .map_err(|(line, why)| Error::Line(file.clone(), line, why))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    for beside in ["group_vars", "host_vars"] {
        if folder.join(beside).is_dir() {
            let beside = folder.join(beside);
            listed.notes.push(format!(
                "{} is not read: say in ~/.ssh/config as whom and where its hosts are reached",
                beside.display()
            ));
        }
    }
    Ok(listed)
}

fn is_yaml(path: &Path, text: &str) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yml" | "yaml") => true,
        Some("ini") => false,
        _ => text
            .lines()
            .map(str::trim_end)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .is_some_and(|line| line == "---" || (line.ends_with(':') && !line.starts_with('['))),
    }
}

fn parsed(text: &str, is_yaml: bool, file: &str) -> Result<Listed, Complaint> {
    if text.starts_with("#!") {
        return Err((1, "it is a program: run it, and name its hosts with --hosts FILE".to_owned()));
    }
    let inventory = if is_yaml { yaml::parse(text)? } else { ini::parse(text)? };
    inventory.listed(file)
}

impl Inventory {
    fn group(&mut self, name: &str) -> &mut Group {
        self.groups.entry(name.to_owned()).or_default()
    }

    /// Adds the hosts that a pattern such as `web[01:10]:2222` means to a group.
    fn add(
        &mut self,
        pattern: &str,
        group: &str,
        variables: &Variables,
        line: usize,
    ) -> Result<(), Complaint> {
        let (pattern, port) = range::without_port(pattern);
        self.group(group);
        let names = range::expanded(pattern).map_err(|why| (line, why))?;
        self.named = self.named.saturating_add(names.len());
        if self.named > NAMED {
            return Err((line, format!("hosts were named more than {NAMED} times by now")));
        }
        for name in names {
            if !self.variables.contains_key(&name) {
                if self.hosts.len() >= MOST {
                    return Err((line, format!("there are more than {MOST} hosts")));
                }
                self.hosts.push(name.clone());
            }
            self.members.entry(name.clone()).or_default().insert(group.to_owned());
            let known = self.variables.entry(name).or_default();
            if let Some(port) = port {
                known.insert("ansible_port", Value { text: port.to_owned(), line });
            }
            known.extend(variables.iter().map(|(key, value)| (*key, value.clone())));
        }
        Ok(())
    }

    fn listed(mut self, file: &str) -> Result<Listed, Complaint> {
        self.sink("all", 0, &mut Vec::new())?;
        let nested: BTreeSet<String> =
            self.groups.values().flat_map(|group| group.children.clone()).collect();
        let tops: Vec<String> = self.groups.keys().filter(|name| !nested.contains(*name)).cloned().collect();
        // A ring has no top; it is found because its groups keep the depth that only `all` may have.
        for top in tops.iter().filter(|name| *name != "all") {
            self.sink(top, 1, &mut Vec::new())?;
        }
        let ring = self.groups.iter().find(|(name, group)| group.depth == 0 && *name != "all");
        if let Some((name, _)) = ring {
            return Err((1, format!("the group {name} is a child of its own")));
        }
        let mut listed = Listed::default();
        for name in &self.hosts {
            let variables = self.settled(name);
            self.take(name, &variables, file, &mut listed)?;
        }
        Ok(listed)
    }

    /// Gives a group and those below it their depth, the longest way from `all`.
    fn sink(&mut self, name: &str, depth: usize, above: &mut Vec<String>) -> Result<(), Complaint> {
        if above.iter().any(|one| one == name) || above.len() > 100 {
            return Err((1, format!("the group {name} is a child of its own")));
        }
        let Some(group) = self.groups.get_mut(name) else { return Ok(()) };
        if depth > 0 && group.depth >= depth {
            return Ok(());
        }
        group.depth = depth;
        let children = group.children.clone();
        above.push(name.to_owned());
        for child in children {
            self.sink(&child, depth + 1, above)?;
        }
        above.pop();
        Ok(())
    }

    /// The variables of a host: those of its groups from `all` down, of the same depth by priority and then by name, and
    /// last its own.
    fn settled(&self, host: &str) -> Variables {
        let mut groups: BTreeSet<&str> = BTreeSet::from(["all"]);
        let mut todo: Vec<&str> = self.members.get(host).into_iter().flatten().map(String::as_str).collect();
        while let Some(name) = todo.pop() {
            if groups.insert(name) {
                let parents = self.groups.iter().filter(|(_, group)| group.children.contains(name));
                todo.extend(parents.map(|(parent, _)| parent.as_str()));
            }
        }
        let mut order: Vec<(usize, i64, &str)> = groups
            .into_iter()
            .filter_map(|name| {
                let group = self.groups.get(name)?;
                let priority = group.variables.get("ansible_group_priority");
                Some((group.depth, priority.and_then(|value| value.text.parse().ok()).unwrap_or(1), name))
            })
            .collect();
        order.sort_unstable();
        let mut variables = Variables::new();
        for (_, _, name) in order {
            variables.extend(self.groups.get(name).into_iter().flat_map(|group| group.variables.clone()));
        }
        variables.extend(self.variables.get(host).cloned().unwrap_or_default());
        variables
    }

    fn take(
        &self,
        name: &str,
        variables: &Variables,
        file: &str,
        listed: &mut Listed,
    ) -> Result<(), Complaint> {
        let either = |one: &str, other: &str| variables.get(other).or_else(|| variables.get(one));
        if let Some(way) = variables.get("ansible_connection")
            && !matches!(
                way.text.as_str(),
                "ssh" | "smart" | "paramiko" | "paramiko_ssh" | "ansible.builtin.ssh"
            )
        {
            let note = format!("{name} is left out: {file}:{} reaches it by `{}`", way.line, way.text);
            listed.notes.push(note);
            return Ok(());
        }
        for key in ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"] {
            if let Some(value) = variables.get(key).filter(|value| !value.text.is_empty()) {
                let note =
                    format!("{file}:{} is not followed: put what {key} says into ~/.ssh/config", value.line);
                if !listed.notes.contains(&note) {
                    listed.notes.push(note);
                }
            }
        }
        let plain = |value: Option<&Value>| match value {
            Some(value) if value.text.contains("{{") => {
                Err((value.line, "only Ansible can work out this template: write the value".to_owned()))
            }
            other => Ok(other.map(|value| (value.text.clone(), value.line))),
        };
        let host = plain(either("ansible_host", "ansible_ssh_host"))?;
        let user = plain(either("ansible_user", "ansible_ssh_user"))?;
        let identity = plain(either("ansible_private_key_file", "ansible_ssh_private_key_file"))?;
        let port = match plain(either("ansible_port", "ansible_ssh_port"))? {
            Some((text, line)) => Some(text.parse().map_err(|_| (line, format!("`{text}` is no port")))?),
            None => None,
        };
        let line = [&host, &user, &identity].into_iter().flatten().map(|(_, line)| *line).next().unwrap_or(1);
        let text = |value: &Option<(String, usize)>| value.as_ref().map(|(text, _)| text.clone());
        let destination = Destination::named(
            name,
            text(&host).as_deref().unwrap_or(name),
            text(&user).as_deref(),
            port,
            text(&identity).as_deref(),
        );
        listed.hosts.push(destination.map_err(|why| (line, format!("{name}: {why}")))?);
        Ok(())
    }
}

/// A variable that matters, by the name that it is kept under.
fn key(name: &str) -> Option<&'static str> {
    KEYS.iter().copied().find(|key| *key == name)
}

#[cfg(test)]
mod tests;
