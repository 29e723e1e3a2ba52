//! Where sshd lies, and which keywords on its command line matter to a judge.

use crate::gap::Gap;
use crate::host::Host;

use super::keywords;

/// Where distributions put the server's program.
const PROGRAMS: &[&str] = &["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];

/// The server's program.
pub(super) fn program(host: &dyn Host) -> Result<String, Gap> {
    for path in PROGRAMS {
        match host.stat(path) {
            Ok(_) => return Ok((*path).to_owned()),
            Err(gap) if gap.is_absent() => {}
            Err(gap) => return Err(gap),
        }
    }
    Err(Gap::absent("the program sshd"))
}

/// Whether any judge asks for a keyword, in lower case, or nobody knows it. Red Hat's units set ciphers and the like on
/// the command line, which decide nothing here.
pub(crate) fn is_asked_for(keyword: &str) -> bool {
    keywords::find(keyword).is_none_or(|keyword| keywords::is_recorded(keyword.name))
}
