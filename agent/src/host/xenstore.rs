//! Asks xenstored for a key of this domain, over the kernel's own device; see xen/include/public/io/xs_wire.h.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use checks::facts::hypervisor::xenstore_reply;
use checks::gap::Gap;

const DEVICE: &str = "/dev/xen/xenbus";
const XS_READ: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections for questions to come; each takes one, so that no late answer meets another question.
static OPEN: Mutex<Vec<File>> = Mutex::new(Vec::new());
/// More questions than one gathering asks.
const QUESTIONS: usize = 16;

/// Opens connections ahead, for a thread that will not be allowed to.
pub(super) fn keep_open() {
    if let Ok(mut kept) = OPEN.lock() {
        kept.extend((0..QUESTIONS).map_while(|_| open().ok()));
    }
}

fn open() -> Result<File, Gap> {
    let kind = std::fs::metadata(DEVICE).map_err(|error| match error.kind() {
        // A key that is not there is another thing.
        ErrorKind::NotFound => Gap::unsupported(format!("{DEVICE} is not there to ask xenstore through")),
        _ => gap(&error, DEVICE),
    })?;
    if !kind.file_type().is_char_device() {
        return Err(Gap::unsupported(format!("{DEVICE} is not a device")));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
    options.open(DEVICE).map_err(|error| gap(&error, "xenstore"))
}

/// The value of a key relative to this domain. The request is the only thing ever written; it changes nothing.
pub(super) fn read(key: &str) -> Result<Vec<u8>, Gap> {
    let what = || format!("{key} in xenstore");
    let kept = OPEN.lock().ok().and_then(|mut open| open.pop());
    let mut device = kept.map_or_else(open, Ok)?;
    let mut request = Vec::new();
    let length = u32::try_from(key.len() + 1).map_err(|_| Gap::too_large(what()))?;
    for word in [XS_READ, 0, 0, length] {
        request.extend_from_slice(&word.to_ne_bytes());
    }
    request.extend_from_slice(key.as_bytes());
    request.push(0);
    device.write_all(&request).map_err(|error| gap(&error, &what()))?;
    let deadline = Instant::now() + PATIENCE;
    let mut answer = Vec::new();
    loop {
        let mut chunk = [0; 512];
        match device.read(&mut chunk) {
            Ok(0) => return Err(Gap::malformed(format!("xenstore ended in the middle of {key}"))),
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                if Instant::now() > deadline {
                    return Err(Gap::timed_out(what()));
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(error) => return Err(gap(&error, &what())),
        }
        if let Some(value) = xenstore_reply(&answer, key)? {
            return Ok(value);
        }
    }
}

fn gap(error: &std::io::Error, what: &str) -> Gap {
    match error.kind() {
        ErrorKind::NotFound => Gap::absent(what),
        ErrorKind::PermissionDenied => Gap::denied(what),
        _ => Gap::unsupported(format!("{what} cannot be read")),
    }
}
