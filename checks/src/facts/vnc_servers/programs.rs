//! Which programs are VNC servers, and what the command line of each comes to.

use super::tiger::{self, Scheme};
use super::{Asked, qemu, wayvnc, x11vnc};
use crate::facts::accounts::User;
use crate::facts::ssh_servers::Listen;
use crate::gap::Gap;
use crate::host::Host;

/// Ports that VNC servers have by custom, by display.
const PORTS: std::ops::RangeInclusive<u16> = 5900..=5963;

enum Kind {
    Tiger,
    Tight,
    X11vnc,
    Wayvnc,
    Krfb,
    Qemu,
    /// Its settings are in a form that hostduty does not read: where.
    Elsewhere(&'static str),
}

fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "Xvnc" | "Xtigervnc" | "Xvnc4" | "x0vncserver" | "X0tigervnc" | "w0vncserver" => Kind::Tiger,
        "Xtightvnc" => Kind::Tight,
        "x11vnc" => Kind::X11vnc,
        "wayvnc" => Kind::Wayvnc,
        "krfb" => Kind::Krfb,
        "vino-server" => Kind::Elsewhere("dconf"),
        "Xkasmvnc" => Kind::Elsewhere("kasmvnc.yaml"),
        "kvm" => Kind::Qemu,
        _ if name.starts_with("qemu-system-") || name.starts_with("qemu-kvm") => Kind::Qemu,
        // `comm` holds 15 bytes.
        _ if name.starts_with("gnome-remote-de") => Kind::Elsewhere("dconf"),
        _ if name.starts_with("vncserver-x11") || name.starts_with("vncserver-virtu") => {
            Kind::Elsewhere("RealVNC's own files")
        }
        _ => return None,
    })
}

/// Whether a program, by the name of its file, is a VNC server.
pub(super) fn is_server(name: &str) -> bool {
    kind(name).is_some()
}

/// The same of what units start: also scripts that start a session with a server in it.
pub(super) fn is_started(name: &str) -> bool {
    is_server(name) || super::sessions::is_starter(name)
}

/// How a server with this command line lets somebody in.
pub(super) fn asked(
    host: &dyn Host,
    name: &str,
    words: &[String],
    user: Option<&User>,
    listens: &[Listen],
) -> Asked {
    match kind(name) {
        Some(Kind::Tiger) => tiger::asked(words),
        Some(Kind::Tight) => tiger::tight(words),
        Some(Kind::X11vnc) => x11vnc::asked(host, words, user),
        Some(Kind::Wayvnc) => wayvnc::asked(host, words, user),
        // It knows no other scheme.
        Some(Kind::Krfb) => Asked { local: true, ..Asked::of(Ok(vec![Scheme::Vnc])) },
        Some(Kind::Qemu) => qemu::asked(words),
        Some(Kind::Elsewhere(place)) => {
            let takes =
                Err(Gap::unsupported(format!("its settings are in {place}, which hostduty does not read")));
            // What serves RDP alone is none of this.
            let is_vnc = |listen: &Listen| listen.address.is_some_and(|one| PORTS.contains(&one.port()));
            let other = name.starts_with("gnome") && !listens.iter().any(is_vnc);
            Asked { takes, local: other || listens.is_empty(), at: Vec::new() }
        }
        None => Asked::of(Err(Gap::unsupported(format!("hostduty does not know {name}")))),
    }
}
