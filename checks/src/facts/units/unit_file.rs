//! One unit file with its drop-ins, as far as judges ask: what it runs, where it may run, how it can be enabled.

/// Programs of one unit that are kept; no unit has so many.
const PROGRAMS: usize = 64;

/// What a unit file says, after systemd.syntax(7), systemd.service(5) and the `[Install]` section of systemd.unit(5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UnitFile {
    /// Program paths of `ExecStart=`.
    pub(super) programs: Vec<String>,
    /// The values of `ConditionVirtualization=`.
    pub(super) conditions: Vec<String>,
    /// `WantedBy=`, `RequiredBy=` or `UpheldBy=` name something.
    pub(super) wanted: bool,
    /// `Alias=`
    pub(super) aliases: Vec<String>,
    /// `Also=` names something.
    pub(super) also: bool,
    /// `DefaultInstance=`
    pub(super) default_instance: Option<String>,
}

impl UnitFile {
    /// Reads a file on top of what is known: lists grow, and an empty value empties them.
    pub(super) fn apply(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut section = String::new();
        for (_, line) in logical_lines(&text) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name.to_owned();
                continue;
            }
            let Some((key, value)) = line.split_once('=') else { continue };
            let value = value.trim();
            match (section.as_str(), key.trim_end()) {
                ("Service", "ExecStart") if value.is_empty() => self.programs.clear(),
                ("Service", "ExecStart") => {
                    if let Some(program) = program(value)
                        && self.programs.len() < PROGRAMS
                    {
                        self.programs.push(program);
                    }
                }
                ("Unit", "ConditionVirtualization") if value.is_empty() => self.conditions.clear(),
                ("Unit", "ConditionVirtualization") if self.conditions.len() < PROGRAMS => {
                    self.conditions.push(value.to_owned());
                }
                ("Install", "WantedBy" | "RequiredBy" | "UpheldBy") if !value.is_empty() => {
                    self.wanted = true
                }
                ("Install", "Alias") if value.is_empty() => self.aliases.clear(),
                ("Install", "Alias") => {
                    self.aliases.extend(value.split_whitespace().take(PROGRAMS).map(str::to_owned));
                }
                ("Install", "Also") if !value.is_empty() => self.also = true,
                ("Install", "DefaultInstance") => {
                    self.default_instance = Some(value.to_owned()).filter(|value| !value.is_empty());
                }
                _ => {}
            }
        }
    }
}

/// Lines without comments and blank lines, joined where one ends in a backslash that no other escapes; each with the
/// number of its first.
pub(super) fn logical_lines(text: &str) -> Vec<(u32, String)> {
    let mut lines = Vec::new();
    let mut open = None;
    for (number, line) in (1_u32..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with(['#', ';']) || (line.is_empty() && open.is_none()) {
            continue;
        }
        let (first, mut whole) = open.take().unwrap_or((number, String::new()));
        match line.strip_suffix('\\') {
            Some(start) if line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1 => {
                whole.push_str(start);
                whole.push(' ');
                open = Some((first, whole));
            }
            _ => {
                whole.push_str(line);
                lines.push((first, whole));
            }
        }
    }
    lines.extend(open);
    lines
}

/// The first word of a command line without the prefixes of systemd.service(5), unquoted.
fn program(value: &str) -> Option<String> {
    let value = value.trim_start_matches(['@', '-', ':', '+', '!', '|']).trim_start();
    let word = match value.chars().next()? {
        quote @ ('"' | '\'') => value.get(1..)?.split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    Some(word.to_owned()).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_in_replaces_what_the_unit_runs() {
        let mut file = UnitFile::default();
        file.apply(
            b"[Unit]\nConditionVirtualization=vmware\n[Service]\nExecStart=-@/usr/bin/a argv0 \\\n# comment\n --key secret\n\
              [Install]\nWantedBy=multi-user.target\nAlias=b.service c.service\nDefaultInstance=x\n",
        );
        assert_eq!(file.programs, ["/usr/bin/a"]);
        assert_eq!(file.conditions, ["vmware"]);
        assert!(file.wanted && !file.also);
        assert_eq!(file.aliases, ["b.service", "c.service"]);
        file.apply(
            b"[Service]\nExecStart=\nExecStart=\"/opt/my tool/run\" now\n[Unit]\nConditionVirtualization=\n",
        );
        assert_eq!(file.programs, ["/opt/my tool/run"]);
        assert!(file.conditions.is_empty());
    }

    #[test]
    fn hostile_bytes_are_harmless() {
        let mut file = UnitFile::default();
        file.apply(b"[Service\nExecStart=\"\nExecStart=-\nExecStart='\xff\n[Service]\nExecStart=\"\nExecStart=@!\n\\\n\\\n\0=\0");
        assert!(file.programs.is_empty());
        file.apply("[Service]\nExecStart=/x\n".repeat(10_000).as_bytes());
        assert_eq!(file.programs.len(), PROGRAMS);
    }
}
