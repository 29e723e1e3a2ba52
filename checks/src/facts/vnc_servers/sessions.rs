//! Sessions that units start with a VNC server in them, by the settings of the machine and of the account.
//!
//! The machine's defaults come first, then those of the account, then what the machine makes mandatory; the last that
//! says `SecurityTypes` counts. In TigerVNC's own form these are lines `key=value`, on Debian programs in Perl.

use super::tiger::{self, Scheme};
use super::{Asked, LONGEST, home, perl};
use crate::evidence::Evidence;
use crate::facts::Facts;
use crate::facts::accounts::User;
use crate::gap::Gap;
use crate::host::Host;

const MACHINE: &str = "/etc/tigervnc";
const USERS: &str = "/etc/tigervnc/vncserver.users";
/// Where the settings of an account lie, in new releases and in old ones.
const FOLDERS: [&str; 2] = [".config/tigervnc", ".vnc"];

/// Whether a program starts such a session.
pub(super) fn is_starter(name: &str) -> bool {
    let bare = name.strip_prefix("tiger").or_else(|| name.strip_prefix("x0tiger")).unwrap_or(name);
    matches!(bare, "vncserver" | "vncsession" | "vncsession-start")
}

/// What the session would offer; nothing for other programs.
pub(super) fn asked(host: &dyn Host, facts: &Facts, name: &str, words: &[String]) -> Option<Asked> {
    if !is_starter(name) {
        return None;
    }
    let debian = name.contains("tiger");
    let plain = || words.iter().filter(|word| !word.starts_with('-'));
    let account = match name {
        _ if name.ends_with("start") => plain().next().map_or(Ok(None), |display| user_of(host, display)),
        _ if name.ends_with("session") => Ok(plain().next().cloned()),
        _ => Ok(None),
    };
    let found = account.and_then(|account| {
        let name =
            account.ok_or_else(|| Gap::unsupported("it is not known whose settings the VNC session has"))?;
        let user = facts.accounts.known()?.find(&name);
        let user =
            user.ok_or_else(|| Gap::absent(format!("the account {name}, whose VNC session is to start")))?;
        settings(host, user, debian)
    });
    Some(match found {
        Ok((takes, at)) => Asked { takes: Ok(takes), local: false, at },
        Err(gap) => Asked::of(Err(gap)),
    })
}

/// The account of a display in vncserver.users: of `:1=ann` the first.
fn user_of(host: &dyn Host, display: &str) -> Result<Option<String>, Gap> {
    let text = String::from_utf8_lossy(&host.read(USERS, LONGEST)?).into_owned();
    let of = |line: &str| {
        line.trim_start_matches(' ')
            .strip_prefix(display)?
            .strip_prefix('=')
            .map(|name| name.trim_end().to_owned())
    };
    Ok(text.lines().find_map(of))
}

/// What the files say together, and which of them decides.
fn settings(host: &dyn Host, user: &User, debian: bool) -> Result<(Vec<Scheme>, Vec<Evidence>), Gap> {
    let home = home(user).ok_or_else(|| Gap::unsupported(format!("{} has no home folder", user.name)))?;
    let machine = |name: &str| said(host, &format!("{MACHINE}/vncserver-config-{name}"), None, debian);
    let mut own: Vec<(Vec<Scheme>, Evidence)> = Vec::new();
    for folder in FOLDERS {
        let names: &[&str] = if debian { &["tigervnc.conf", "vnc.conf", "config"] } else { &["config"] };
        // Of the names in one folder the first that is there counts.
        for name in names {
            let path = format!("{home}/{folder}/{name}");
            if host.stat(&path).is_err_and(|gap| gap.is_absent()) {
                continue;
            }
            own.extend(said(host, &path, Some(user.uid), debian && *name != "config")?);
            break;
        }
    }
    if let [(one, _), (other, _)] = own.as_slice()
        && one != other
    {
        // Which folder counts depends on the release.
        return Err(Gap::unsupported(format!(
            "{home}/.config/tigervnc and {home}/.vnc say different SecurityTypes"
        )));
    }
    let decides = match (machine("mandatory")?, own.into_iter().next()) {
        (Some(mandatory), _) => Some(mandatory),
        (None, Some(own)) => Some(own),
        (None, None) => machine("defaults")?,
    };
    Ok(match decides {
        Some((takes, at)) => (takes, vec![at]),
        // Debian adds TLSVnc where the server is to be reached from elsewhere.
        None if debian => (vec![Scheme::Vnc], Vec::new()),
        None => (tiger::default(), Vec::new()),
    })
}

/// The last `SecurityTypes` of a file.
fn said(
    host: &dyn Host,
    path: &str,
    uid: Option<u32>,
    program: bool,
) -> Result<Option<(Vec<Scheme>, Evidence)>, Gap> {
    let bytes = match uid {
        Some(uid) => host.read_as(path, uid, LONGEST),
        None => host.read(path, LONGEST),
    };
    let text = match bytes {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(gap) if gap.is_absent() => return Ok(None),
        Err(gap) => return Err(gap),
    };
    let last = if program {
        let all =
            perl::assignments(&text).map_err(|gap| Gap { what: format!("{path}: {}", gap.what), ..gap })?;
        let last = all.into_iter().rfind(|(name, ..)| name == "SecurityTypes");
        last.and_then(|(_, value, line)| Some((value?, line)))
    } else {
        let lines = (1_u32..).zip(text.lines().take(4096));
        let values = lines.filter_map(|(number, line)| Some((value(line)?.to_owned(), number)));
        values.last()
    };
    Ok(last.map(|(value, line)| {
        let takes = tiger::schemes(&value);
        let names: Vec<&str> = takes.iter().map(Scheme::name).collect();
        let at = Evidence::at(path, line).says(format!("SecurityTypes={}", names.join(",")));
        (takes, at)
    }))
}

/// The value of a line `securitytypes = …`, whatever the case of its key.
fn value(line: &str) -> Option<&str> {
    let (key, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
    key.trim().eq_ignore_ascii_case("securitytypes").then_some(value.trim())
}
