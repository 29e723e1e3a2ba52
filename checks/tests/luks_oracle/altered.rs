//! Headers of version 2 as no `luksFormat` of this machine makes them: other ciphers, tokens, damage, two that disagree.
//!
//! Their checksums are made to fit, and cryptsetup is asked what it reads. A kernel without a cipher refuses to format with
//! it; to read of it, it need not have it.

use std::fs;
use std::time::{Duration, Instant};

use checks::facts::block::luks::Luks;
use checks::gap::{Gap, GapKind};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use super::{IMAGE, cryptsetup, left_out, read, told};

/// The binary part of a header.
const BINARY: usize = 4096;
/// How long cryptsetup makes a header with its text.
const SIZE: usize = 16 << 10;

/// A whole image with one keyslot and one unbound.
fn formatted(size: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("key"), "a key").unwrap();
    fs::write(path("other"), "another").unwrap();
    fs::File::create(path("image")).unwrap().set_len(IMAGE).unwrap();
    let aes = ["--keyslot-cipher", "aes-xts-plain64", "--keyslot-key-size", "512"];
    let cheap = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
    let (image, key, other) = (path("image"), path("key"), path("other"));
    cryptsetup(
        &[
            &["luksFormat", "--type", "luks2", "--luks2-metadata-size", size][..],
            &aes,
            &cheap,
            &[&image, &key],
        ]
        .concat(),
    )?;
    let unbound = ["luksAddKey", "--unbound", "--key-size", "256", "--key-file", &key];
    cryptsetup(&[&unbound[..], &aes, &cheap, &[&image, &other]].concat())?;
    Some(fs::read(image).unwrap())
}

/// The text of a header.
fn text(bytes: &[u8]) -> Value {
    let json = &bytes[BINARY..SIZE];
    serde_json::from_slice(&json[..json.iter().position(|byte| *byte == 0).unwrap()]).unwrap()
}

/// Puts a text into the header at an offset.
fn put(bytes: &mut [u8], at: usize, text: &str) {
    let json = &mut bytes[at + BINARY..at + SIZE];
    json.fill(0);
    json[..text.len()].copy_from_slice(text.as_bytes());
}

/// Makes the checksum of the header at an offset fit, for so many bytes.
fn seal(bytes: &mut [u8], at: usize, size: usize) {
    bytes[at + 448..at + 512].fill(0);
    let whole = &bytes[at..at + size];
    let sum = if bytes[at + 72..].starts_with(b"sha512") {
        Sha512::digest(whole).to_vec()
    } else {
        Sha256::digest(whole).to_vec()
    };
    bytes[at + 448..at + 448 + sum.len()].copy_from_slice(&sum);
}

/// What hostduty reads, after it was held against what cryptsetup does.
fn compared(name: &str, bytes: &[u8]) -> Result<Luks, Gap> {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    fs::write(&image, bytes).unwrap();
    let ours = read(&image);
    // cryptsetup mends what it finds damaged, so that it comes last.
    let theirs = told(image.to_str().unwrap());
    let same = ours.clone().map(|luks| Luks { from_second: false, ..luks });
    assert_eq!(same.ok(), theirs, "{name}: {ours:?}");
    ours
}

#[test]
fn what_cryptsetup_reads_in_other_texts() {
    let Some(whole) = formatted("16k") else {
        return left_out("altered LUKS headers (tests/run installs cryptsetup-bin)");
    };
    let changed = |change: &dyn Fn(&mut Value)| {
        let (mut bytes, mut json) = (whole.clone(), text(&whole));
        change(&mut json);
        for at in [0, SIZE] {
            put(&mut bytes, at, &json.to_string());
            seal(&mut bytes, at, SIZE);
        }
        bytes
    };
    let mut count = 0;
    let mut compare = |name: &str, change: &dyn Fn(&mut Value)| {
        count += 1;
        compared(name, &changed(change))
    };
    for cipher in [
        "serpent-xts-plain64",
        "twofish-xts-plain64",
        "twofish-cbc-essiv:sha256",
        "camellia-xts-plain64",
        "cipher_null-ecb",
        "aes-gcm-random",
        "xchacha12,aes-adiantum-plain64",
        "capi:xts(aes)-plain64",
    ] {
        let luks = compare(cipher, &|json| json["segments"]["0"]["encryption"] = json!(cipher)).unwrap();
        assert_eq!(luks.segments.first().unwrap().cipher, cipher);
    }
    for cipher in ["cipher_null-ecb", "serpent-xts-plain64"] {
        let area = |json: &mut Value| json["keyslots"]["0"]["area"]["encryption"] = json!(cipher);
        assert_eq!(compare(cipher, &area).unwrap().keyslots[0].cipher, cipher);
    }
    let integrity =
        json!({"type": "hmac(sha256)", "journal_encryption": "none", "journal_integrity": "none"});
    let luks = compare("integrity", &|json| json["segments"]["0"]["integrity"] = integrity.clone()).unwrap();
    assert_eq!(luks.segments.first().unwrap().integrity, "hmac(sha256)");
    for kind in ["systemd-tpm2", "systemd-fido2", "systemd-pkcs11", "systemd-recovery", "clevis", "mine"] {
        let token = json!({"type": kind, "keyslots": ["0"]});
        let luks = compare(kind, &|json| json["tokens"]["3"] = token.clone()).unwrap();
        assert_eq!(luks.tokens[kind], [0].into());
    }
    let keyring = json!({"type": "luks2-keyring", "keyslots": [], "key_description": "x"});
    compare("a token of no keyslot", &|json| json["tokens"]["0"] = keyring.clone()).unwrap();
    for requirement in ["offline-reencrypt", "of-tomorrow"] {
        let mandatory = json!({"mandatory": [requirement]});
        let luks = compare(requirement, &|json| json["config"]["requirements"] = mandatory.clone()).unwrap();
        assert!(luks.requirements.contains(requirement));
    }
    for cost in [
        json!({"type": "argon2id", "time": 4, "memory": 65536, "cpus": 2, "salt": "AAAA"}),
        json!({"type": "argon2i", "time": 9, "memory": 32, "cpus": 1, "salt": "AAAA"}),
        json!({"type": "pbkdf2", "hash": "sha1", "iterations": 4_000_000_000_u32, "salt": "AAAA"}),
    ] {
        compare("kdf", &|json| json["keyslots"]["0"]["kdf"] = cost.clone()).unwrap();
    }
    for (name, path) in
        [("config", "/config"), ("segments", "/segments"), ("digests", "/digests"), ("keyslots", "/keyslots")]
    {
        compare(name, &|json| drop(json.as_object_mut().unwrap().remove(&path[1..]))).unwrap_err();
    }
    for (place, value) in
        [("/keyslots/0/key_size", json!("64")), ("/segments/0/type", json!(7)), ("/tokens", json!([]))]
    {
        compare(place, &|json| *json.pointer_mut(place).unwrap() = value.clone()).unwrap_err();
    }
    println!("{count} texts");
    assert!(count >= 30);
}

#[test]
fn which_of_two_headers_counts() {
    let Some(whole) = formatted("16k") else {
        return left_out("LUKS headers that disagree (tests/run installs cryptsetup-bin)");
    };
    let mut other = text(&whole);
    other["segments"]["0"]["encryption"] = json!("serpent-xts-plain64");
    let other = other.to_string();
    let sequence = u64::from_be_bytes(whole[16..24].try_into().unwrap());
    // The second one says another cipher; each with its own number.
    let two = |first: u64, second: u64| {
        let mut bytes = whole.clone();
        put(&mut bytes, SIZE, &other);
        bytes[16..24].copy_from_slice(&first.to_be_bytes());
        bytes[SIZE + 16..SIZE + 24].copy_from_slice(&second.to_be_bytes());
        seal(&mut bytes, 0, SIZE);
        seal(&mut bytes, SIZE, SIZE);
        bytes
    };
    let cipher = |luks: &Luks| luks.segments.first().unwrap().cipher.clone();
    for (first, second, expected) in [
        (sequence, sequence, "aes-xts-plain64"),
        (sequence + 1, sequence, "aes-xts-plain64"),
        (sequence, sequence + 1, "serpent-xts-plain64"),
        (1, u64::MAX, "serpent-xts-plain64"),
        (u64::MAX, 1, "aes-xts-plain64"),
    ] {
        let luks = compared(&format!("{first} and {second}"), &two(first, second)).unwrap();
        assert_eq!((cipher(&luks).as_str(), luks.from_second), (expected, expected.starts_with("serpent")));
    }
    let apart = two(sequence, sequence);
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = apart.clone();
        change(&mut bytes);
        bytes
    };
    // The first is damaged somewhere, or says of itself what is not so: the second counts.
    for at in [0, 12, 20, 80, 300, 449, BINARY, BINARY + 300, SIZE - 1] {
        let luks = compared(&format!("byte {at}"), &changed(&|bytes| bytes[at] ^= 0x20)).unwrap();
        assert!(luks.from_second && cipher(&luks) == "serpent-xts-plain64", "byte {at}");
    }
    for size in [0, 1, BINARY as u64, SIZE as u64 + 512, 8 << 20, u64::MAX] {
        let wrong = changed(&|bytes| {
            bytes[8..16].copy_from_slice(&size.to_be_bytes());
            seal(bytes, 0, SIZE);
        });
        assert!(compared(&format!("a size of {size}"), &wrong).unwrap().from_second);
    }
    let elsewhere = changed(&|bytes| {
        bytes[256..264].copy_from_slice(&4096_u64.to_be_bytes());
        seal(bytes, 0, SIZE);
    });
    assert!(compared("a first header that is elsewhere", &elsewhere).unwrap().from_second);
    // A first header so long that the second lies within it, and its checksum fits.
    let overlapping = changed(&|bytes| {
        bytes[8..16].copy_from_slice(&(2 * SIZE as u64).to_be_bytes());
        seal(bytes, 0, 2 * SIZE);
    });
    compared("a second header within the first", &overlapping).unwrap_err();
    // The first is gone; an older and shorter second one, damaged too, lies before the one that counts.
    let mut behind = formatted("32k").unwrap();
    behind[0] = 0;
    let older = apart[SIZE..SIZE + BINARY].to_vec();
    behind[SIZE..SIZE + BINARY].copy_from_slice(&older);
    assert!(compared("a damaged one before the second", &behind).unwrap().from_second);
    compared("a version of tomorrow", &changed(&|bytes| bytes[7] = 3)).unwrap_err();
    for places in [[20, SIZE + 20], [BINARY, SIZE + 300], [0, SIZE]] {
        compared("both damaged", &changed(&|bytes| places.iter().for_each(|at| bytes[*at] ^= 0x20)))
            .unwrap_err();
    }
    let sha512 = changed(&|bytes| {
        for at in [0, SIZE] {
            bytes[at + 72..at + 78].copy_from_slice(b"sha512");
            seal(bytes, at, SIZE);
        }
    });
    assert!(!compared("sha512", &sha512).unwrap().from_second);
}

#[test]
fn a_text_of_four_mebibytes_takes_no_time() {
    let of = |text: &[u8]| {
        let size = 4 << 20;
        let mut bytes = vec![0; BINARY];
        bytes[..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
        bytes[8..16].copy_from_slice(&(size as u64).to_be_bytes());
        bytes[72..78].copy_from_slice(b"sha256");
        bytes.extend(text.iter().cycle().take(size - BINARY));
        seal(&mut bytes, 0, size);
        checks::facts::block::luks::parse("image", &mut |offset, length| {
            let start = usize::try_from(offset).unwrap().min(bytes.len());
            Ok(bytes[start..bytes.len().min(start + length)].to_vec())
        })
    };
    let begun = Instant::now();
    for text in ["[", "{\"a\":", "{\"keyslots\":", "{\"tokens\":{\"0\":", "\"", "[[],", "9", " "] {
        assert_eq!(of(text.as_bytes()).unwrap_err().why, GapKind::Malformed, "{text}");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}
