//! The binary for the other side: found by what its `uname` says, read once, checked to be what its folder claims.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::failure::{Failure, Reason};

/// Where packages install the binaries of other machines, as `<target>/hostduty`.
pub(crate) const INSTALLED: &str = "/usr/lib/hostduty/remote";
/// No build of hostduty is larger.
const LARGEST: u64 = 128 << 20;

/// What `uname -s -m` prints, the target that it means, and the machine's number in an ELF header (elf(5), `e_machine`).
const TARGETS: &[(&str, &str, &str, Option<u16>)] = &[
    ("Linux", "x86_64", "x86_64-unknown-linux-musl", Some(62)),
    ("Linux", "aarch64", "aarch64-unknown-linux-musl", Some(183)),
    ("Linux", "riscv64", "riscv64gc-unknown-linux-musl", Some(243)),
    ("Linux", "ppc64le", "powerpc64le-unknown-linux-musl", Some(21)),
    ("Linux", "s390x", "s390x-unknown-linux-musl", Some(22)),
    ("Linux", "armv7l", "armv7-unknown-linux-musleabihf", Some(40)),
    ("Linux", "i686", "i686-unknown-linux-musl", Some(3)),
    ("Darwin", "arm64", "aarch64-apple-darwin", None),
    ("Darwin", "x86_64", "x86_64-apple-darwin", None),
];

type Found = Result<Arc<Vec<u8>>, Failure>;

/// The binaries, each read at most once however many hosts want it.
#[derive(Debug)]
pub(super) struct Binaries {
    folder: PathBuf,
    /// Whether this very program may serve where the folder has none.
    own: bool,
    read: Mutex<BTreeMap<&'static str, Found>>,
}

impl Binaries {
    /// Those of the folder that the operator names, or the installed ones.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self {
            folder: folder.unwrap_or(Path::new(INSTALLED)).to_owned(),
            own: folder.is_none(),
            read: Mutex::new(BTreeMap::new()),
        }
    }

    /// The binary for what `uname -s -m` printed.
    pub(super) fn fitting(&self, uname: &str) -> Found {
        let mut words = uname.split_whitespace();
        let asked = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let known = TARGETS.iter().find(|(system, machine, ..)| (*system, *machine) == asked);
        let Some((_, _, target, machine)) = known else {
            let uname: String = uname.chars().take(64).collect();
            return Err(
                Reason::NoBinary.because(format!("it says that it is `{uname}`, for which none exists"))
            );
        };
        // A poisoned lock means that another host's thread panicked while reading; its map is whole all the same.
        let mut read = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        read.entry(target).or_insert_with(|| self.find(target, *machine)).clone()
    }

    fn find(&self, target: &str, machine: Option<u16>) -> Found {
        let path = self.folder.join(target).join("hostduty");
        let wrong = |why: String| Reason::NoBinary.because(format!("{}: {why}", path.display()));
        match File::open(&path) {
            Ok(file) => {
                let bytes = contents(file).map_err(wrong)?;
                match machine {
                    Some(number) if elf_machine(&bytes) != Some(number) => {
                        Err(wrong(format!("it is no program for {target}")))
                    }
                    _ => Ok(Arc::new(bytes)),
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // /proc leads to the program that runs even when a package has replaced it meanwhile.
                let own = std::env::current_exe().ok().filter(|_| self.own);
                let own = own.and_then(|path| File::open(path).ok()).and_then(|file| contents(file).ok());
                own.filter(|bytes| machine.is_some() && elf_machine(bytes) == machine && is_static(bytes))
                    .map(Arc::new)
                    .ok_or_else(|| wrong("there is none".to_owned()))
            }
            Err(error) => Err(wrong(error.to_string())),
        }
    }
}

fn contents(file: File) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST { Err("it is larger than any hostduty".to_owned()) } else { Ok(bytes) }
}

/// The machine of an ELF program of either byte order.
fn elf_machine(bytes: &[u8]) -> Option<u16> {
    let number = [*bytes.get(18)?, *bytes.get(19)?];
    match bytes.get(..6)? {
        [0x7f, b'E', b'L', b'F', _, 1] => Some(u16::from_le_bytes(number)),
        [0x7f, b'E', b'L', b'F', _, 2] => Some(u16::from_be_bytes(number)),
        _ => None,
    }
}

/// Whether a 64-bit little-endian ELF program asks for no loader: it has no segment PT_INTERP (elf(5)). Others are
/// taken for not static, which costs only an error message.
fn is_static(bytes: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let short = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let offset = bytes.get(32..40).and_then(|field| field.try_into().ok()).map(u64::from_le_bytes);
    let (Some(offset), Some(size), Some(count)) = (offset, short(54), short(56)) else { return false };
    let kind = |index: u16| {
        let at = usize::try_from(offset).ok()?.checked_add(usize::from(index) * usize::from(size))?;
        Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
    };
    bytes.get(4..6) == Some(&[2, 1])
        && (0..count).all(|index| kind(index).is_some_and(|kind| kind != PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_found_by_what_uname_says() {
        let folder = tempfile::tempdir().unwrap();
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        for (target, bytes) in [
            (format!("{}-unknown-linux-musl", std::env::consts::ARCH), own.as_slice()),
            ("s390x-unknown-linux-musl".to_owned(), own.as_slice()),
            ("aarch64-apple-darwin".to_owned(), b"Mach-O".as_slice()),
        ] {
            std::fs::create_dir(folder.path().join(&target)).unwrap();
            std::fs::write(folder.path().join(target).join("hostduty"), bytes).unwrap();
        }
        let binaries = Binaries::new(Some(folder.path()));
        let says = |uname: &str| match binaries.fitting(uname) {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(failure) => {
                assert_eq!(failure.reason, Reason::NoBinary);
                failure.detail.replace(&folder.path().display().to_string(), "DIR")
            }
        };
        assert_eq!(says(&format!("Linux {}\n", std::env::consts::ARCH)), format!("{} bytes", own.len()));
        assert_eq!(says("Darwin arm64"), "6 bytes");
        assert_eq!(
            says("Linux s390x"),
            "DIR/s390x-unknown-linux-musl/hostduty: it is no program for s390x-unknown-linux-musl"
        );
        assert_eq!(says("Linux riscv64"), "DIR/riscv64gc-unknown-linux-musl/hostduty: there is none");
        assert_eq!(says("Linux ../../etc"), "it says that it is `Linux ../../etc`, for which none exists");
        assert_eq!(says(""), "it says that it is ``, for which none exists");
    }

    #[test]
    fn a_program_with_a_loader_is_not_static() {
        // The test program itself, as the platform's compiler links it.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let asks_for_a_loader = String::from_utf8_lossy(&own[..4096]).contains("/ld-");
        assert_eq!(is_static(&own), !asks_for_a_loader);
        // An ELF header with one segment, of another kind.
        let mut header = vec![0; 64 + 56];
        header[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        header[32] = 64;
        header[54] = 56;
        header[56] = 1;
        header[64] = 1;
        assert!(is_static(&header));
        header[64] = 3;
        assert!(!is_static(&header));
        header[56] = 200;
        assert!(!is_static(&header) && !is_static(&header[..50]) && !is_static(b""));
    }
}
