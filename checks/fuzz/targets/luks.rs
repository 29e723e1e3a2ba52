//! LUKS headers: the bytes of a device, or the text of a header of version 2 whose checksum is made to fit.

#![no_main]

use checks::host::{FileKind, Tree};
use hostduty_fuzz::{gather, host, parts};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

/// The layer was opened with the header whose UUID its device has, or the header would not be read.
fn base(device: &[u8]) -> Tree {
    let uuid = device.get(168..208).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
    let uuid = String::from_utf8_lossy(uuid).replace('-', "");
    host()
        .file("/proc/1/mountinfo", "1 0 252:0 / / rw - ext4 /dev/dm-0 rw\n")
        .file("/sys/class/block/dm-0/dev", "252:0\n")
        .file("/sys/class/block/dm-0/dm/uuid", format!("CRYPT-LUKS2-{uuid}-root\n"))
        .file("/sys/class/block/dm-0/dm/name", "root\n")
        .file("/sys/class/block/dm-0/slaves/vda", "")
        .file("/sys/class/block/vda/dev", "253:0\n")
        .file("/sys/class/block/vda/device/model", "")
        .node("/dev/vda", FileKind::BlockDevice, device)
}

/// A header around a text, as version 2 has it.
fn around(json: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
    let size = [16_usize << 10, 4 << 20].into_iter().find(|size| json.len() < size - 4096).unwrap_or(4 << 20);
    bytes[8..16].copy_from_slice(&(size as u64).to_be_bytes());
    bytes[72..78].copy_from_slice(b"sha256");
    bytes.extend_from_slice(json);
    bytes.resize(size, 0);
    let sum = Sha256::digest(&bytes);
    bytes[448..480].copy_from_slice(&sum);
    bytes
}

fuzz_target!(|data: &[u8]| {
    for part in parts(data).take(1) {
        let is_text = part.first().is_some_and(|first| *first == b'{');
        let device = if is_text { around(&part) } else { part.into_owned() };
        gather(&base(&device), "", &["block"]);
    }
});
