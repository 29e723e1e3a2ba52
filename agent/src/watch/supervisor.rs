//! Tells the service manager how it goes: the protocol of sd_notify(3), a datagram to the socket that it names.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// The service manager, if one asked to be told.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants a sign of life, at the latest.
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The one that the environment names.
    pub(crate) fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let ours = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let watchdog = variable("WATCHDOG_USEC").and_then(|text| text.parse().ok()).filter(|_| ours);
        Self::new(variable("NOTIFY_SOCKET").as_deref(), watchdog)
    }

    fn new(name: Option<&str>, watchdog_usec: Option<u64>) -> Self {
        let socket = name.and_then(|name| Some((UnixDatagram::unbound().ok()?, address(name).ok()?)));
        let watchdog = watchdog_usec.filter(|usec| *usec > 0 && socket.is_some()).map(Duration::from_micros);
        Self { socket, watchdog }
    }

    /// When the next sign of life is due after the last: at half the time that is given.
    pub(crate) fn pulse(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// Ready, or ready again after a reload.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={}", line(status)));
    }

    /// What `systemctl status` shows.
    pub(crate) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={}", line(status)));
    }

    /// A sign of life.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    /// The configuration is being read again; [`Supervisor::ready`] ends it.
    pub(crate) fn reloading(&self) {
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map_or(0, |at| i128::from(at.tv_sec()) * 1_000_000 + i128::from(at.tv_nsec()) / 1000);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=Reading the configuration again"));
    }

    /// The end.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Stopping");
    }

    fn tell(&self, message: &str) {
        if let Some((socket, address)) = &self.socket {
            // A manager that does not listen is no reason to stop.
            let _ = socket.send_to_addr(message.as_bytes(), address);
        }
    }
}

fn line(status: &str) -> String {
    status.replace('\n', " ")
}

/// A path, or with `@` in front a name of Linux's abstract sockets.
fn address(name: &str) -> io::Result<SocketAddr> {
    match name.strip_prefix('@') {
        #[cfg(target_os = "linux")]
        Some(name) => {
            use std::os::linux::net::SocketAddrExt;
            SocketAddr::from_abstract_name(name)
        }
        _ => SocketAddr::from_pathname(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn the_manager_hears_what_sd_notify_would_say() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::new(path.to_str(), Some(30_000_000));
        assert_eq!(supervisor.pulse(), Some(Duration::from_secs(15)));
        supervisor.ready("Watching\n3 fail");
        assert_eq!(heard(&manager), "READY=1\nSTATUS=Watching 3 fail");
        supervisor.alive();
        assert_eq!(heard(&manager), "WATCHDOG=1");
        supervisor.reloading();
        let message = heard(&manager);
        let instant = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(instant.split('\n').next().unwrap().parse::<u64>().unwrap() > 0, "{message}");
        supervisor.status("Watching");
        assert_eq!(heard(&manager), "STATUS=Watching");
        supervisor.stopping();
        assert_eq!(heard(&manager), "STOPPING=1\nSTATUS=Stopping");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_socket_is_named_with_an_at() {
        use std::os::linux::net::SocketAddrExt;
        let name = format!("hostduty-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Supervisor::new(Some(&format!("@{name}")), None).alive();
        assert_eq!(heard(&manager), "WATCHDOG=1");
    }

    #[test]
    fn nobody_listening_is_no_error() {
        Supervisor::new(Some("/nowhere/at/all"), Some(1)).ready("");
        let nobody = Supervisor::new(None, Some(1_000_000));
        nobody.alive();
        assert_eq!(nobody.pulse(), None);
    }
}
