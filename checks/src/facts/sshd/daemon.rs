//! Where sshd lies, and the lines that its command line puts before the first of its file.

use crate::evidence::Evidence;
use crate::facts::ssh_servers::Daemon;
use crate::gap::Gap;
use crate::host::Host;

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

/// The lines that a daemon was given on its command line, each as the text of where it is given.
pub(super) fn given(daemon: &Daemon) -> Vec<Evidence> {
    let line = |flag: char, value: &str| match flag {
        'o' => Some(value.to_owned()),
        'p' => Some(format!("Port {value}")),
        '4' => Some("AddressFamily inet".to_owned()),
        '6' => Some("AddressFamily inet6".to_owned()),
        'h' => Some(format!("HostKey {value}")),
        'g' => Some(format!("LoginGraceTime {value}")),
        _ => None,
    };
    let given = daemon.given.iter();
    given.filter_map(|given| Some(given.at.clone().says(line(given.flag, &given.value)?))).collect()
}
