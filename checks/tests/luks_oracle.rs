//! hostduty reads from LUKS headers what `cryptsetup luksDump` says of them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test reads what it guards, fails loudly and says what it leaves out"
)]

#[path = "luks_oracle/altered.rs"]
mod altered;
mod say;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use checks::facts::block::luks::{self, Luks};
use checks::gap::{Gap, GapKind};
use say::left_out;
use serde_json::Value;

/// What a header takes, with room for eight keyslots of version 1.
const IMAGE: u64 = 24 << 20;

fn cryptsetup(arguments: &[&str]) -> Option<String> {
    let output = Command::new("/sbin/cryptsetup")
        .args(["--batch-mode", "--disable-locks"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    if !output.status.success() {
        eprintln!("cryptsetup {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    String::from_utf8(output.stdout).ok()
}

/// The header in an image, as hostduty reads it.
fn read(image: &Path) -> Result<Luks, Gap> {
    let bytes = fs::read(image).unwrap();
    luks::parse("image", &mut |offset, length| {
        let start = usize::try_from(offset).unwrap().min(bytes.len());
        Ok(bytes[start..bytes.len().min(start + length)].to_vec())
    })
}

/// The same as cryptsetup tells it: version, ciphers, integrity, keyslots with their size and stretching, tokens.
fn told(image: &str) -> Option<Luks> {
    let text = cryptsetup(&["luksDump", image])?;
    if text.contains("Version:       \t1") { Some(version1(&text)) } else { version2(image) }
}

fn version1(text: &str) -> Luks {
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).trim().to_owned()
    };
    let cipher = format!("{}-{}", value("Cipher name:"), value("Cipher mode:"));
    let key_bits = value("MK bits:").parse().unwrap();
    let mut luks = Luks { version: 1, ..Luks::default() };
    luks.segments.insert(luks::Segment { kind: "crypt".to_owned(), cipher, ..luks::Segment::default() });
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(slot) = line.strip_prefix("Key Slot ").and_then(|rest| rest.strip_suffix(": ENABLED"))
        else {
            continue;
        };
        let iterations = lines.next().unwrap().trim().strip_prefix("Iterations:").unwrap().trim();
        let kdf = luks::Kdf {
            name: "pbkdf2".to_owned(),
            hash: value("Hash spec:"),
            iterations: iterations.parse().unwrap(),
            ..luks::Kdf::default()
        };
        luks.keyslots.push(luks::Keyslot {
            number: slot.parse().unwrap(),
            key_bits,
            kdf,
            ..luks::Keyslot::default()
        });
    }
    luks
}

fn version2(image: &str) -> Option<Luks> {
    let json: Value =
        serde_json::from_str(&cryptsetup(&["luksDump", "--dump-json-metadata", image])?).unwrap();
    // Which keyslots open nothing only the text for people says.
    let text = cryptsetup(&["luksDump", image])?;
    let unbound: BTreeSet<u32> =
        text.lines().filter_map(|line| line.trim().strip_suffix(": luks2 (unbound)")?.parse().ok()).collect();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut luks = Luks { version: 2, unbound, ..Luks::default() };
    for segment in json["segments"].as_object().unwrap().values() {
        luks.segments.insert(luks::Segment {
            kind: word(&segment["type"]),
            cipher: word(&segment["encryption"]),
            integrity: word(&segment["integrity"]["type"]),
        });
    }
    for (number, slot) in json["keyslots"].as_object().unwrap() {
        let number = number.parse().unwrap();
        if luks.unbound.contains(&number) {
            continue;
        }
        let count = |name: &str| slot["kdf"][name].as_u64().unwrap_or_default();
        let kdf = luks::Kdf {
            name: word(&slot["kdf"]["type"]),
            hash: word(&slot["kdf"]["hash"]),
            iterations: count("iterations"),
            passes: count("time"),
            memory_kib: count("memory"),
        };
        let key_bits = u32::try_from(slot["key_size"].as_u64().unwrap() * 8).unwrap();
        let cipher = word(&slot["area"]["encryption"]);
        luks.keyslots.push(luks::Keyslot { number, key_bits, cipher, kdf });
    }
    luks.keyslots.sort_by_key(|slot| slot.number);
    let mut tokens: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for token in json["tokens"].as_object().unwrap().values() {
        let slots =
            token["keyslots"].as_array().unwrap().iter().map(|slot| word(slot).parse::<u32>().unwrap());
        tokens.entry(word(&token["type"])).or_default().extend(slots);
    }
    let requirements = json["config"]["requirements"]["mandatory"].as_array().cloned().unwrap_or_default();
    Some(Luks { tokens, requirements: requirements.iter().map(word).collect(), ..luks })
}

/// Ciphers with the key sizes in bits that go with them, AES alone: cryptsetup asks the kernel for each, and small kernels have
/// no other. Version 1 enciphers its keyslots with the same one, for which the first three do.
const CIPHERS: [(&str, &[&str]); 6] = [
    ("aes-xts-plain64", &["256", "512"]),
    ("aes-cbc-essiv:sha256", &["128", "256"]),
    ("aes-cbc-plain", &["256"]),
    ("aes-xts-plain", &["256", "512"]),
    ("aes-cbc-plain64", &["128"]),
    ("aes-ecb", &["256"]),
];

/// What goes into a drawn image: its arguments, how many keys are added, whether the first is taken away again.
fn drawn(number: usize) -> (Vec<String>, usize, bool) {
    let is_first_version = number.is_multiple_of(2);
    let (cipher, sizes) = CIPHERS[number / 2 % if is_first_version { 3 } else { CIPHERS.len() }];
    let size = sizes[number / 12 % sizes.len()];
    let mut arguments =
        vec!["--cipher".to_owned(), cipher.to_owned(), "--key-size".to_owned(), size.to_owned()];
    let mut add = |words: &[&str]| arguments.extend(words.iter().map(|word| (*word).to_owned()));
    if is_first_version {
        let hash = ["sha256", "sha512", "sha1"][number / 6 % 3];
        add(&["--type", "luks1", "--hash", hash, "--pbkdf-force-iterations"]);
        arguments.push((1000 + number * 37).to_string());
    } else {
        add(&[
            "--type",
            "luks2",
            "--label",
            "data",
            "--keyslot-cipher",
            "aes-xts-plain64",
            "--keyslot-key-size",
            "512",
        ]);
        match number / 12 % 3 {
            0 => {
                add(&["--pbkdf", "pbkdf2", "--hash", "sha512", "--pbkdf-force-iterations"]);
                arguments.push((1000 + number).to_string());
            }
            kind => {
                let name = if kind == 1 { "argon2id" } else { "argon2i" };
                add(&[
                    "--pbkdf",
                    name,
                    "--pbkdf-parallel",
                    "1",
                    "--pbkdf-force-iterations",
                    "4",
                    "--pbkdf-memory",
                ]);
                arguments.push((32 + number).to_string());
            }
        }
        if number % 5 == 1 {
            arguments.extend(["--luks2-metadata-size", "64k"].map(str::to_owned));
        }
    }
    (arguments, number % 4, number % 8 == 3)
}

#[test]
fn what_cryptsetup_says_of_its_headers() {
    let folder = tempfile::tempdir().unwrap();
    let key = |number: usize| {
        let path = folder.path().join(format!("key{number}"));
        fs::write(&path, format!("key number {number}")).unwrap();
        path.display().to_string()
    };
    let image = folder.path().join("image");
    let shown = image.display().to_string();
    let mut compared = 0;
    for number in 0..72 {
        let (mut arguments, more, is_taken) = drawn(number);
        fs::File::create(&image).unwrap().set_len(IMAGE).unwrap();
        arguments.splice(0..0, ["luksFormat".to_owned()]);
        arguments.extend([shown.clone(), key(0)]);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if cryptsetup(&words).is_none() {
            if number == 0 {
                left_out("LUKS headers as cryptsetup writes them (tests/run installs cryptsetup-bin)");
                return;
            }
            panic!("{arguments:?}");
        }
        let is_second_version = number % 2 == 1;
        for slot in 1..=more {
            let cheap = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1500"];
            let (first, added) = (key(0), key(slot));
            let aes = ["--keyslot-cipher", "aes-xts-plain64", "--keyslot-key-size", "512"];
            let aes = if is_second_version { &aes[..] } else { &[] };
            let words = [&["luksAddKey", "--key-file", &first][..], aes, &cheap, &[&shown, &added]].concat();
            assert!(cryptsetup(&words).is_some());
        }
        if is_second_version && more == 3 {
            let token = r#"{"type":"clevis","keyslots":["1","2"],"jwe":{}}"#;
            let path = folder.path().join("token");
            fs::write(&path, token).unwrap();
            let words = ["token", "import", "--json-file", path.to_str().unwrap(), &shown];
            assert!(cryptsetup(&words).is_some());
            let words = [
                "luksAddKey",
                "--unbound",
                "--key-size",
                "256",
                "--pbkdf",
                "pbkdf2",
                "--pbkdf-force-iterations",
                "1000",
                "--key-file",
                &key(0),
                &shown,
                &key(4),
            ];
            assert!(cryptsetup(&words).is_some());
        }
        if is_taken {
            assert!(cryptsetup(&["luksKillSlot", "--key-file", &key(1), &shown, "0"]).is_some());
        }
        let told = told(&shown).unwrap();
        assert_eq!(read(&image).unwrap(), told, "{arguments:?}");
        compared += told.keyslots.len();
        if is_second_version {
            damaged(&image, &told);
        }
    }
    println!("72 headers, {compared} keyslots");
    assert!(compared > 100);
}

/// Version 2 is there twice: with one of them damaged the other counts, with both of them neither.
fn damaged(image: &Path, told: &Luks) {
    let whole = fs::read(image).unwrap();
    let length = usize::try_from(u64::from_be_bytes(whole[8..16].try_into().unwrap())).unwrap();
    let spoil = |places: &[usize]| {
        let mut bytes = whole.clone();
        for place in places {
            bytes[*place] ^= 0x20;
        }
        fs::write(image, bytes).unwrap();
        read(image)
    };
    // A byte of the magic, of the salt, of the text.
    for at in [0, 110, 4100] {
        let second = Luks { from_second: true, ..told.clone() };
        assert_eq!(spoil(&[at]).unwrap(), second, "at {at}");
        assert_eq!(&spoil(&[length + at]).unwrap(), told, "at {at} of the second");
    }
    assert_eq!(spoil(&[110, length + 110]).unwrap_err().why, GapKind::Malformed);
    assert_eq!(spoil(&[0, length]).unwrap_err().why, GapKind::Unsupported);
}

#[test]
fn what_is_no_header_is_none() {
    let of = |bytes: Vec<u8>| {
        luks::parse("image", &mut |offset, length| {
            let start = usize::try_from(offset).unwrap().min(bytes.len());
            Ok(bytes[start..bytes.len().min(start.saturating_add(length))].to_vec())
        })
    };
    assert_eq!(of(Vec::new()).unwrap_err().why, GapKind::Unsupported);
    assert_eq!(of(vec![0; 1 << 20]).unwrap_err().why, GapKind::Unsupported);
    assert_eq!(of(b"LUKS\xba\xbe\0\x03".to_vec()).unwrap_err().why, GapKind::Unsupported);
    assert_eq!(of(b"LUKS\xba\xbe\0\x01".to_vec()).unwrap_err().why, GapKind::Malformed);
    assert!(of(b"LUKS\xba\xbe\0\x02".to_vec()).is_err());
}
