//! Finds what upgrades with apk by itself: a line of root's crontab, or a script that such a line runs.

use super::AutomaticUpdates;
use crate::evidence::Evidence;
use crate::host::{self, Host};

const CRONTAB: &str = "/etc/crontabs/root";

/// Notes the lines and scripts that would run.
pub(super) fn read(host: &dyn Host, updates: &mut AutomaticUpdates) {
    let crontab = match host.read(CRONTAB, host::SMALL) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(gap) => {
            // Without BusyBox's own table another cron daemon has its own way to these folders.
            if !gap.is_absent() {
                updates.unread.push(gap);
            }
            None
        }
    };
    let lines =
        || crontab.iter().flat_map(|text| text.lines()).filter(|line| !line.trim_start().starts_with('#'));
    if let Some(text) = &crontab
        && let Some(at) = text.lines().position(upgrades)
    {
        updates.apk_scripts.push(Evidence::at(CRONTAB, number(at)));
    }
    for period in ["15min", "hourly", "daily", "weekly", "monthly"] {
        let dir = format!("/etc/periodic/{period}");
        if crontab.is_some() && !lines().any(|line| line.contains(&dir)) {
            continue;
        }
        match host.list(&dir) {
            Ok(names) => {
                let runs = names.iter().filter(|name| run_parts(name)).take(1000);
                runs.for_each(|name| script(host, &format!("{dir}/{name}"), updates));
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => updates.unread.push(gap),
        }
    }
}

/// Whether run-parts runs a file of this name: one with a point, such as `upgrade.sh`, it passes over in silence.
fn run_parts(name: &str) -> bool {
    name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
}

/// Notes a script that upgrades with apk. run-parts only runs what is executable.
fn script(host: &dyn Host, path: &str, updates: &mut AutomaticUpdates) {
    let executable = host.stat(path).is_ok_and(|stat| stat.mode & 0o100 != 0);
    match host.read(path, host::SMALL) {
        Ok(bytes) if executable => {
            if let Some(at) = String::from_utf8_lossy(&bytes).lines().position(upgrades) {
                updates.apk_scripts.push(Evidence::at(path, number(at)));
            }
        }
        Ok(_) => {}
        Err(gap) => updates.unread.push(gap),
    }
}

fn upgrades(line: &str) -> bool {
    let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
    let apk = words.iter().position(|word| *word == "apk" || word.ends_with("/apk"));
    apk.is_some_and(|at| words.iter().skip(at).any(|word| word.trim_end_matches([';', '&']) == "upgrade"))
}

fn number(at: usize) -> u32 {
    u32::try_from(at.saturating_add(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::Gap;
    use crate::host::Tree;

    fn found(host: &Tree) -> Vec<String> {
        let mut updates = AutomaticUpdates::default();
        read(host, &mut updates);
        updates.apk_scripts.iter().map(ToString::to_string).collect()
    }

    fn with_script(name: &str) -> Tree {
        let path = format!("/etc/periodic/daily/{name}");
        Tree::new(Timestamp(0))
            .file(&path, "#!/bin/sh\napk -U upgrade\n")
            .with(&path, |node| node.mode = 0o755)
    }

    #[test]
    fn scripts_run_by_their_name_and_by_the_crontab() {
        assert_eq!(found(&with_script("up")), ["/etc/periodic/daily/up:2"]);
        assert!(found(&with_script("up.sh")).is_empty(), "run-parts passes it over");
        let daily = "# m h\n0 2 * * * run-parts /etc/periodic/daily\n";
        assert_eq!(found(&with_script("up").file(CRONTAB, daily)).len(), 1);
        assert!(
            found(&with_script("up").file(CRONTAB, "#0 2 * * * run-parts /etc/periodic/daily\n")).is_empty()
        );
        assert_eq!(
            found(&Tree::new(Timestamp(0)).file(CRONTAB, "0 2 * * * apk -U upgrade\n")),
            ["/etc/crontabs/root:1"]
        );
    }

    #[test]
    fn what_cannot_be_read_is_noted() {
        let mut updates = AutomaticUpdates::default();
        let denied = with_script("up").refuse(CRONTAB, Gap::denied(CRONTAB));
        read(&denied, &mut updates);
        assert_eq!(updates.unread, [Gap::denied(CRONTAB)]);
    }
}
