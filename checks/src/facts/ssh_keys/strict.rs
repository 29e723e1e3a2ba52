//! What StrictModes of sshd_config(5) objects to: somebody else could change the file or put another in its place.

use crate::facts::accounts::{Accounts, User};
use crate::gap::Gap;
use crate::host::Host;

/// Objections against a key file and the folders above it, up to the home folder of its account.
pub(super) fn objections(
    host: &dyn Host,
    user: &User,
    accounts: &Accounts,
    path: &str,
) -> Result<Vec<String>, Gap> {
    let mut objections = Vec::new();
    let home = user.home.trim_end_matches('/');
    let mut here = path.trim_end_matches('/');
    for _ in 0..64 {
        let stat = host.stat(if here.is_empty() { "/" } else { here })?;
        let shown = if here.is_empty() { "/" } else { here };
        if stat.uid != 0 && stat.uid != user.uid {
            objections.push(format!("{shown}: belongs to uid {}", stat.uid));
        }
        if stat.mode & 0o002 != 0 {
            objections.push(format!("{shown}: anyone may write to it"));
        } else if stat.mode & 0o020 != 0 && !is_private(stat.gid, user, accounts) {
            objections.push(format!("{shown}: its group (gid {}) may write to it", stat.gid));
        }
        if here.is_empty() || here == home {
            break;
        }
        here = here.rsplit_once('/').map_or("", |(above, _)| above);
    }
    Ok(objections)
}

/// Whether nobody but the user is in a group, as where every user has one of the same name.
fn is_private(gid: u32, user: &User, accounts: &Accounts) -> bool {
    let mut groups = accounts.groups.iter().filter(|group| group.gid == gid).peekable();
    groups.peek().is_some()
        && groups.all(|group| group.members.iter().all(|member| *member == user.name))
        && accounts.users.iter().all(|other| other.gid != gid || other.uid == user.uid)
}
