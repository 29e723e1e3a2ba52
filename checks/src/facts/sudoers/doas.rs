//! doas.conf(5): `permit nopass` lets somebody run commands without a password.

use super::cursor::Cursor;
use super::{By, Grant, Sudoers};
use crate::facts::accounts::Accounts;
use crate::gap::Gap;
use crate::host::{Host, SMALL};

/// Adds what /etc/doas.conf and, as Alpine has it, /etc/doas.d/*.conf permit without a password. Rules that follow may
/// take a permission back; they are not weighed against it, so that more is named here rather than less.
pub(super) fn read(host: &dyn Host, accounts: &Accounts, sudoers: &mut Sudoers) {
    let mut paths = vec!["/etc/doas.conf".to_owned()];
    match host.list("/etc/doas.d") {
        Ok(names) => {
            let names = names.iter().filter(|name| name.ends_with(".conf")).take(100);
            paths.extend(names.map(|name| format!("/etc/doas.d/{name}")));
        }
        Err(gap) if gap.is_absent() => {}
        Err(gap) => sudoers.gaps.push(gap),
    }
    for path in paths {
        match host.read(&path, SMALL) {
            Ok(content) => {
                for (line, number) in String::from_utf8_lossy(&content).lines().zip(1_u32..) {
                    match rule(line, accounts) {
                        Ok(Some(grant)) => {
                            sudoers.grants.push(Grant { path: path.clone(), line: number, ..grant })
                        }
                        Ok(None) => {}
                        Err(()) => sudoers.gaps.push(Gap::malformed(format!(
                            "{path}:{number}: a rule that hostduty does not understand"
                        ))),
                    }
                }
                sudoers.files.push(path);
            }
            Err(gap) if gap.is_absent() => {}
            Err(gap) => sudoers.gaps.push(gap),
        }
    }
}

/// `permit|deny [options] identity [as target] [cmd command [args ...]]`.
fn rule(line: &str, accounts: &Accounts) -> Result<Option<Grant>, ()> {
    let line = line.split('#').next().unwrap_or("");
    let mut cursor = Cursor::new(line);
    let mut word = || -> Result<Option<String>, ()> {
        if cursor.is_at_end() { Ok(None) } else { cursor.word(|_, _| false).map(Some).ok_or(()) }
    };
    match word()?.as_deref() {
        None | Some("deny") => return Ok(None),
        Some("permit") => {}
        Some(_) => return Err(()),
    }
    let mut grant = Grant { all_commands: true, as_root: true, by: By::Nopass, ..Grant::default() };
    let (mut nopass, mut environment) = (false, false);
    let identity = loop {
        let next = word()?.ok_or(())?;
        match next.as_str() {
            _ if environment => environment = !next.ends_with('}'),
            "nopass" => nopass = true,
            "nolog" | "persist" | "keepenv" => {}
            "setenv" => environment = true,
            _ => break next,
        }
    };
    grant.who.push(match identity.strip_prefix(':') {
        Some(group) => format!("%{group}"),
        None => identity,
    });
    while let Some(next) = word()? {
        match next.as_str() {
            "as" => {
                let target = word()?.ok_or(())?;
                let uid = accounts.find(&target).map(|user| user.uid);
                grant.as_root = target == "root" || target == "0" || uid == Some(0);
                grant.as_users = if grant.as_root { Vec::new() } else { vec![target] };
            }
            "cmd" => {
                grant.all_commands = false;
                grant.commands.push(word()?.ok_or(())?);
                break;
            }
            _ => return Err(()),
        }
    }
    Ok(nopass.then_some(grant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn only_nopass_rules_are_kept() {
        let tree = Tree::new(Timestamp(0))
            .file(
                "/etc/doas.conf",
                "# x\npermit persist :wheel\npermit nopass keepenv setenv { A=secret B } ada as www cmd /bin/x args y\n\
                 permit nopass :wheel\ndeny bob\npermit\nnonsense \"\n",
            )
            .file("/etc/doas.d/a.conf", "permit nopass bob as root\n")
            .file("/etc/doas.d/b", "permit nopass carl\n");
        let mut seen = Sudoers::default();
        read(&tree, &Accounts::default(), &mut seen);
        let who: Vec<_> =
            seen.grants.iter().map(|grant| (grant.who.join(","), grant.as_root, grant.line)).collect();
        assert_eq!(who, [("ada".into(), false, 3), ("%wheel".into(), true, 4), ("bob".into(), true, 1)]);
        assert_eq!(seen.grants[0].commands, ["/bin/x"]);
        assert_eq!(seen.gaps.len(), 2, "{:?}", seen.gaps);
        assert!(!format!("{seen:?}").contains("secret"));
    }
}
