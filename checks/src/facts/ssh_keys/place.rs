//! Where the key files of an account lie: TOKENS of sshd_config(5), and the way through symlinks.

use crate::facts::accounts::{Accounts, User};
use crate::gap::{Gap, GapKind};
use crate::host::Host;

/// Symlinks on one way, as Linux counts them.
const LINKS: usize = 40;
/// Parts of one way.
const PARTS: usize = 1_000;

/// The path that a pattern of AuthorizedKeysFile means for an account; `None` where sshd itself breaks off.
pub(super) fn expand(pattern: &str, user: &User, accounts: &Accounts) -> Option<String> {
    let pattern = tilde(pattern, accounts)?;
    let mut path = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => match letters.next()? {
                '%' => path.push('%'),
                'h' => path += &user.home,
                'u' => path += &user.name,
                'U' => path += &user.uid.to_string(),
                _ => return None,
            },
            _ => path.push(letter),
        }
    }
    Some(if path.starts_with('/') { path } else { format!("{}/{path}", user.home.trim_end_matches('/')) })
}

/// A tilde means the home of root, as whom sshd runs, or of an account that follows it.
fn tilde(pattern: &str, accounts: &Accounts) -> Option<String> {
    let Some(rest) = pattern.strip_prefix('~') else { return Some(pattern.to_owned()) };
    let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
    let user = match name {
        "" => accounts.users.iter().find(|user| user.uid == 0),
        _ => accounts.find(name),
    }?;
    Some(format!("{}/{below}", user.home.trim_end_matches('/')))
}

/// The path without symlinks, `.` and `..`, as realpath(3) has it.
pub(super) fn real(host: &dyn Host, path: &str) -> Result<String, Gap> {
    let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut done = String::new();
    let mut links = 0_usize;
    while let Some(part) = todo.pop() {
        match part.as_str() {
            "" | "." => continue,
            ".." => {
                done.truncate(done.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let here = format!("{done}/{part}");
        match host.read_link(&here) {
            Ok(target) => {
                links += 1;
                if links > LINKS || todo.len() > PARTS {
                    return Err(Gap::malformed(format!("{path} is a loop of symlinks")));
                }
                if target.starts_with('/') {
                    done.clear();
                }
                todo.extend(target.split('/').rev().take(PARTS).map(str::to_owned));
            }
            Err(gap) if gap.why == GapKind::Unsupported => done = here,
            Err(gap) => return Err(gap),
        }
    }
    Ok(if done.is_empty() { "/".to_owned() } else { done })
}

/// The folders above a path, the nearest first, the root last.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(parent(path), |path| parent(path))
}

fn parent(path: &str) -> Option<&str> {
    match path.rsplit_once('/')? {
        ("", "") => None,
        ("", _) => Some("/"),
        (parent, _) => Some(parent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn patterns() {
        let user = |name: &str, uid, home: &str| User {
            name: name.into(),
            uid,
            home: home.into(),
            ..User::default()
        };
        let users = vec![user("root", 0, "/root"), user("anna", 1000, "/home/anna")];
        let accounts = Accounts { users, ..Accounts::default() };
        let anna = accounts.find("anna").unwrap();
        for (pattern, wanted) in [
            (".ssh/authorized_keys", Some("/home/anna/.ssh/authorized_keys")),
            ("/keys/%u-%U%%", Some("/keys/anna-1000%")),
            ("%h/k", Some("/home/anna/k")),
            ("~/k", Some("/root/k")),
            ("~anna/%u", Some("/home/anna/anna")),
            ("~nobody/k", None),
            ("/keys/%f", None),
            ("/keys/%", None),
        ] {
            assert_eq!(expand(pattern, anna, &accounts).as_deref(), wanted, "{pattern}");
        }
    }

    #[test]
    fn ways_through_symlinks() {
        let tree = Tree::new(Timestamp(0))
            .file("/srv/keys/anna", "")
            .link("/home/anna/.ssh", "../../srv/keys")
            .link("/k", "/home/./anna//.ssh/../keys/anna")
            .link("/loop", "/loop");
        assert_eq!(real(&tree, "/home/anna/.ssh/anna").unwrap(), "/srv/keys/anna");
        assert_eq!(real(&tree, "/k").unwrap(), "/srv/keys/anna");
        assert_eq!(real(&tree, "/").unwrap(), "/");
        assert_eq!(real(&tree, "/loop").unwrap_err().why, GapKind::Malformed);
        assert!(real(&tree, "/none/x").unwrap_err().is_absent());
        assert_eq!(above("/a/b").collect::<Vec<_>>(), ["/a", "/"]);
        assert_eq!(above("/").count(), 0);
    }
}
