//! What enciphers the disks is strong: the cipher, its keys, and how passphrases are stretched.

use crate::check::{Check, Evidence, Examples, Finding, Judgement, Severity};
use crate::facts::Facts;
use crate::facts::block::luks::{Kdf, Luks};
use crate::facts::block::{Device, Kind, Scheme};
use crate::gap::Gap;
use crate::host::System;
use crate::policy::Policy;

pub(crate) static CHECK: Check = Check {
    id: "encryption-strength",
    title: "Encrypted disks have a sound cipher, and passphrases that take long to guess",
    severity: Severity::Medium,
    systems: &[System::Linux],
    unmeasured_on: &[],
    machine: true,
    rationale: "Who takes a drive away has all the time in the world. A null cipher enciphers nothing, a mode without a secret \
initial vector shows which sectors are equal, and a passphrase that is stretched too little falls to a card for games in a \
weekend, whatever the cipher. The header says all of that; nobody reads it again after the installation.",
    remedy: "cryptsetup luksDump <device>   # what the header says; make a backup of it first: cryptsetup luksHeaderBackup
cryptsetup luksConvertKey --pbkdf argon2id <device>   # stretch the passphrase anew (LUKS2)
cryptsetup convert --type luks2 <device>   # from LUKS1; the volume must be closed
cryptsetup reencrypt --cipher aes-xts-plain64 --key-size 512 <device>   # another cipher; works while the volume is open
Where a keyslot holds a random key from a file, guessing is hopeless without stretching: waive its finding",
    references: &[
        "cryptsetup(8)",
        "LUKS2 On-Disk Format Specification 1.1.4",
        "OWASP Password Storage Cheat Sheet",
        "RFC 9106 section 4",
    ],
    examples: Examples {
        kept: r#"
[block.known]
mounts_from = "/proc/1/mountinfo"
[block.known.devices]
dm-0 = { number = "252:0", kind = { crypt = "luks2" }, name = "root", beneath = { devices = ["vda3"] } }
vda3 = { number = "254:3", kind = "partition", beneath = { devices = ["vda"] } }
vda = { number = "254:0", kind = "disk", beneath = "hardware" }
[block.known.luks.dm-0.known]
device = "/dev/vda3"
version = 2
segments = [{ kind = "crypt", cipher = "aes-xts-plain64" }]
keyslots = [{ number = 0, key_bits = 512, kdf = { name = "argon2id", passes = 4, memory_kib = 1048576 } }]
"#,
        broken: r#"
[block.known]
mounts_from = "/proc/1/mountinfo"
[block.known.devices]
dm-0 = { number = "252:0", kind = { crypt = "luks1" }, name = "root", beneath = { devices = ["vda3"] } }
vda3 = { number = "254:3", kind = "partition", beneath = { devices = ["vda"] } }
vda = { number = "254:0", kind = "disk", beneath = "hardware" }
[block.known.luks.dm-0.known]
device = "/dev/vda3"
version = 1
segments = [{ kind = "crypt", cipher = "aes-cbc-plain" }]
keyslots = [{ number = 0, key_bits = 256, kdf = { name = "pbkdf2", hash = "sha1", iterations = 1000 } }]
"#,
    },
    judge,
};

/// Tokens whose secret is drawn at random by a machine, so that nobody guesses it: those of systemd-cryptenroll(1), and clevis.
const DRAWN: [&str; 5] = ["systemd-tpm2", "systemd-fido2", "systemd-pkcs11", "systemd-recovery", "clevis"];
/// The least memory that the cheat sheet gives Argon2, in KiB.
const LEAST_MEMORY: u64 = 7 << 10;
/// `plain` counts sectors of 512 bytes in 32 bits.
const LARGEST_PLAIN: u64 = 512 << 32;
/// The least product of passes and KiB among its choices: 7 MiB in 5 passes.
const LEAST_WORK: u64 = 5 * LEAST_MEMORY;

fn judge(facts: &Facts, _policy: &Policy) -> Result<Judgement, Gap> {
    let block = facts.block.known()?;
    let mut judgement = Judgement::new();
    let layers: Vec<(&String, &Device, Scheme)> = block
        .devices
        .iter()
        .filter_map(|(name, device)| match device.kind {
            Kind::Crypt(scheme) => Some((name, device, scheme)),
            _ => None,
        })
        .collect();
    if layers.is_empty() {
        judgement.not_applicable =
            Some("no encrypted layer is in use; encryption-data tells whether one is missing".to_owned());
    }
    for (name, device, scheme) in layers {
        let shown = if device.name.is_empty() { name.as_str() } else { device.name.as_str() };
        match (block.luks.get(name).map(|header| header.known()), scheme) {
            (Some(Ok(luks)), _) => layer(&mut judgement, shown, luks, device.bytes),
            (Some(Err(gap)), _) => judgement.unknown(format!("{shown}: {gap}")),
            (None, Scheme::Plain) => judgement.unknown(format!(
                "{shown} is dm-crypt without a header: its cipher is only in the kernel's own table, which hostduty may not ask and `cryptsetup status {shown}` does"
            )),
            (None, _) => judgement.unknown(format!("{shown} is of a kind whose header hostduty does not read")),
        }
    }
    Ok(judgement)
}

fn layer(judgement: &mut Judgement, shown: &str, luks: &Luks, bytes: u64) {
    let evidence = |says: String| Evidence::of(luks.device.clone()).says(says);
    let format = format!("LUKS{}", luks.version);
    let mut sound = true;
    let key_bits = luks.keyslots.iter().map(|slot| slot.key_bits).min();
    for segment in &luks.segments {
        let cipher = if segment.cipher.is_empty() { &segment.kind } else { &segment.cipher };
        let says = key_bits.map_or(cipher.clone(), |bits| format!("{cipher}, {bits} bit"));
        match strength(&segment.kind, &segment.cipher, key_bits, bytes) {
            Strength::Sound => {}
            Strength::Broken(why) => {
                sound = false;
                judgement.fail(Finding::new(shown, why, evidence(says)));
            }
            Strength::Unknown(why) => {
                sound = false;
                judgement.unknown(format!("{shown}: {why} ({says})"));
            }
        }
    }
    if luks.segments.is_empty() {
        sound = false;
        judgement.unknown(format!("{shown}: its header names nothing that it enciphers"));
    }
    // Whatever the passphrase, it does not stand before a key that is not enciphered.
    for slot in luks.keyslots.iter().filter(|slot| slot.cipher.starts_with("cipher_null")) {
        sound = false;
        let says = format!("keyslot {}: {}", slot.number, slot.cipher);
        let why = "keeps the key of the volume in the clear: its cipher is the null cipher";
        judgement.fail(Finding::new(format!("{shown} keyslot {}", slot.number), why, evidence(says)));
    }
    let drawn = |slot: &u32| {
        let of = |(kind, slots): (&String, &std::collections::BTreeSet<u32>)| {
            DRAWN.contains(&kind.as_str()) && slots.contains(slot)
        };
        luks.tokens.iter().any(of)
    };
    for slot in luks.keyslots.iter().filter(|slot| !drawn(&slot.number)) {
        let number = slot.number;
        let says = format!("keyslot {number}: {}", said(&slot.kdf));
        match stretched(&slot.kdf) {
            Strength::Sound => {}
            Strength::Broken(why) => {
                sound = false;
                judgement.fail(Finding::new(format!("{shown} keyslot {number}"), why, evidence(says)));
            }
            Strength::Unknown(why) => {
                sound = false;
                judgement.unknown(format!("{shown}: {why} ({says})"));
            }
        }
    }
    if luks.keyslots.is_empty() {
        sound = false;
        judgement.unknown(format!(
            "{shown}: no keyslot of its header opens it, so the length of its key is not known"
        ));
    }
    if sound {
        let ciphers: Vec<&str> = luks.segments.iter().map(|segment| segment.cipher.as_str()).collect();
        let message =
            format!("{shown} ({format}): {}, passphrases are stretched long enough", ciphers.join(" and "));
        let slots = luks.keyslots.iter().map(|slot| format!("keyslot {}: {}", slot.number, said(&slot.kdf)));
        judgement.observe(message, slots.map(evidence));
    }
}

/// What something is worth against somebody who has the drive.
#[derive(Debug, PartialEq, Eq)]
enum Strength {
    Sound,
    Broken(String),
    Unknown(&'static str),
}

/// What dm-crypt does to a segment of a volume of so many bytes, by the kernel's name for it: cipher, chaining mode, initial
/// vectors.
fn strength(kind: &str, name: &str, key_bits: Option<u32>, bytes: u64) -> Strength {
    let broken = |why: &str| Strength::Broken(why.to_owned());
    match kind {
        "linear" => return broken("leaves a part of the volume in the clear"),
        "crypt" | "hw-opal-crypt" => {}
        _ => return Strength::Unknown("what the drive does to its data cannot be seen"),
    }
    if name.starts_with("cipher_null") {
        return broken("enciphers nothing: its cipher is the null cipher");
    }
    if name.starts_with("capi:") {
        return Strength::Unknown("hostduty does not judge ciphers in the kernel's own notation");
    }
    let (cipher, mode) = name.split_once('-').unwrap_or((name, ""));
    // `aes:64-cbc-lmk`: several keys, of loop-AES.
    let cipher = cipher.split(':').next().unwrap_or_default();
    match cipher {
        "aes" | "serpent" | "twofish" | "camellia" | "aria" | "sm4" => {}
        "xchacha12,aes" | "xchacha20,aes" if mode.starts_with("adiantum-") => return Strength::Sound,
        "des" | "des3_ede" | "blowfish" | "cast5" | "khazad" | "tea" | "xtea" | "arc4" => {
            return broken("has a cipher with blocks of 64 bits, or a broken one");
        }
        _ => return Strength::Unknown("hostduty does not know this cipher"),
    }
    let (chaining, vectors) = mode.split_once('-').unwrap_or((mode, ""));
    let least = match (chaining, vectors) {
        ("ecb", _) => return broken("shows which sectors are equal (ECB)"),
        ("ctr", _) => return broken("enciphers what is written anew with the same key stream (CTR)"),
        ("xts", "plain") if bytes > LARGEST_PLAIN => {
            return broken(
                "is too large for its initial vectors, which begin anew every 2 TiB (plain, not plain64)",
            );
        }
        ("xts", "plain" | "plain64" | "plain64be" | "random") => 256,
        ("cbc", vectors) if vectors.starts_with("essiv:") => 128,
        ("cbc", "random") => 128,
        ("cbc", "plain" | "plain64" | "plain64be" | "null" | "" | "benbi") => {
            return broken(
                "has initial vectors that can be foretold, so planted files can be found (CBC without ESSIV)",
            );
        }
        ("gcm" | "ccm", "random") => 128,
        _ => return Strength::Unknown("hostduty does not know this mode"),
    };
    match key_bits {
        Some(bits) if bits < least => {
            Strength::Broken(format!("has a key of {bits} bits, and {least} is the least in this mode"))
        }
        _ => Strength::Sound,
    }
}

/// How long a guess takes: what OWASP's cheat sheet asks for at least.
fn stretched(kdf: &Kdf) -> Strength {
    let least = match (kdf.name.as_str(), kdf.hash.as_str()) {
        ("argon2i" | "argon2id", _) => {
            let work = kdf.passes.saturating_mul(kdf.memory_kib);
            return if kdf.memory_kib >= LEAST_MEMORY && work >= LEAST_WORK {
                Strength::Sound
            } else {
                Strength::Broken(
                    "makes a guess cost less memory and time than the least that is advised".to_owned(),
                )
            };
        }
        ("pbkdf2", "sha1") => 1_300_000,
        ("pbkdf2", "sha256" | "sha224") => 600_000,
        ("pbkdf2", "sha512" | "sha384") => 210_000,
        ("pbkdf2", _) => {
            return Strength::Unknown("hostduty does not know how many iterations this hash needs");
        }
        _ => return Strength::Unknown("hostduty does not know this way to stretch a passphrase"),
    };
    if kdf.iterations >= least {
        Strength::Sound
    } else {
        Strength::Broken(format!(
            "stretches its passphrase by fewer than the {least} iterations that are advised"
        ))
    }
}

fn said(kdf: &Kdf) -> String {
    match kdf.name.as_str() {
        "pbkdf2" => format!("pbkdf2-{}, {} iterations", kdf.hash, kdf.iterations),
        name => format!("{name}, {} MiB, {} passes", kdf.memory_kib / 1024, kdf.passes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ciphers_as_the_kernel_names_them() {
        for (name, bits) in [
            ("aes-xts-plain64", 256),
            ("aes-xts-plain64", 512),
            ("serpent-xts-plain", 512),
            ("aes-cbc-essiv:sha256", 128),
            ("xchacha12,aes-adiantum-plain64", 256),
            ("aes-gcm-random", 256),
        ] {
            assert_eq!(strength("crypt", name, Some(bits), LARGEST_PLAIN), Strength::Sound, "{name}");
        }
        for (kind, name, bits) in [
            ("crypt", "cipher_null-ecb", 0),
            ("crypt", "aes-ecb", 256),
            ("crypt", "aes-ctr-plain64", 256),
            ("crypt", "aes-cbc-plain", 256),
            ("crypt", "aes-cbc-plain64", 256),
            ("crypt", "aes-xts-plain64", 128),
            ("crypt", "aes-cbc-essiv:sha256", 64),
            ("crypt", "blowfish-cbc-essiv:sha256", 128),
            ("linear", "", 512),
        ] {
            assert!(matches!(strength(kind, name, Some(bits), 0), Strength::Broken(_)), "{name}");
        }
        let large = |name: &str| strength("crypt", name, Some(512), LARGEST_PLAIN + 512);
        assert!(matches!(large("aes-xts-plain"), Strength::Broken(why) if why.contains("2 TiB")));
        assert_eq!(large("aes-xts-plain64"), Strength::Sound);
        for (kind, name) in [
            ("hw-opal", ""),
            ("crypt", "capi:authenc(hmac(sha256),xts(aes))-random"),
            ("crypt", "rot13-xts-plain64"),
            ("crypt", "aes-lrw-benbi"),
            ("crypt", "aes-xts-foo"),
            ("crypt", ""),
        ] {
            assert!(matches!(strength(kind, name, Some(512), 0), Strength::Unknown(_)), "{name}");
        }
    }

    #[test]
    fn what_a_guess_costs() {
        let pbkdf2 = |hash: &str, iterations| {
            stretched(&Kdf { name: "pbkdf2".to_owned(), hash: hash.to_owned(), iterations, ..Kdf::default() })
        };
        assert_eq!(pbkdf2("sha256", 600_000), Strength::Sound);
        assert!(matches!(pbkdf2("sha256", 599_999), Strength::Broken(_)));
        assert!(matches!(pbkdf2("sha1", 600_000), Strength::Broken(_)));
        assert!(matches!(pbkdf2("whirlpool", u64::MAX), Strength::Unknown(_)));
        let argon2 = |memory_kib, passes| {
            stretched(&Kdf { name: "argon2id".to_owned(), memory_kib, passes, ..Kdf::default() })
        };
        assert_eq!(argon2(1 << 20, 4), Strength::Sound);
        assert_eq!(argon2(7 << 10, 5), Strength::Sound);
        assert!(matches!(argon2(32, u64::MAX), Strength::Broken(_)));
        assert!(matches!(argon2(7 << 10, 4), Strength::Broken(_)));
        assert!(matches!(stretched(&Kdf::default()), Strength::Unknown(_)));
    }

    #[test]
    fn a_strong_passphrase_before_a_key_in_the_clear() {
        let example =
            CHECK.examples.kept.replace("key_bits = 512,", "key_bits = 512, cipher = \"cipher_null-ecb\",");
        let judgement = judge(&toml::from_str(&example).unwrap(), &Policy::default()).unwrap();
        assert_eq!(judgement.findings.len(), 1, "{judgement:?}");
        assert_eq!(judgement.findings[0].subject, "root keyslot 0");
        assert!(judgement.observations.is_empty(), "{judgement:?}");
    }

    #[test]
    fn a_key_that_a_machine_drew_needs_no_stretching() {
        let facts: Facts = toml::from_str(
            &CHECK
                .examples
                .broken
                .replace("aes-cbc-plain", "aes-xts-plain64")
                .replace("keyslots =", "tokens = { systemd-tpm2 = [0] }\nkeyslots ="),
        )
        .unwrap();
        let judgement = judge(&facts, &Policy::default()).unwrap();
        assert!(judgement.findings.is_empty() && judgement.unknowns.is_empty(), "{judgement:?}");
    }
}
