//! What the system asks of the process: to read its configuration again, or to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};

use super::bell::Rope;

/// What was asked and not done yet.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    reload: AtomicBool,
    stop: AtomicBool,
}

impl Asked {
    /// Whether the configuration shall be read again; asked once for each time.
    pub(crate) fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    /// Whether the process shall end.
    pub(crate) fn stop(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// Takes SIGHUP, SIGTERM and SIGINT from now on. To be called before any other thread is started, so that none of them
/// is met by a signal; the thread that waits for them sleeps until one comes.
pub(crate) fn listen(rope: Rope) -> Result<Arc<Asked>, Errno> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT] {
        signals.add(signal);
    }
    signals.thread_block()?;
    let asked = Arc::new(Asked::default());
    let shared = Arc::clone(&asked);
    let waiting = move || {
        while let Ok(signal) = signals.wait() {
            match signal {
                Signal::SIGHUP => shared.reload.store(true, Ordering::Release),
                _ => shared.stop.store(true, Ordering::Release),
            }
            rope.ring();
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned()).stack_size(64 << 10);
    thread.spawn(waiting).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EAGAIN)))?;
    Ok(asked)
}
