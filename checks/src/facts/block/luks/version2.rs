//! Version 2: a binary header with a checksum and a text in JSON behind it, and the same once more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sha2::{Digest, Sha256, Sha512};

use super::{Kdf, Keyslot, Luks, MAGIC, Segment, number, text, uuid};
use crate::gap::Gap;

/// What the second header begins with.
const SECOND: &[u8] = b"SKUL\xba\xbe";
/// The binary part.
const BINARY: usize = 4096;
/// The field of the checksum, which counts as zeros.
const CHECKSUM: std::ops::Range<usize> = 448..512;
/// How long one header with its text may be, and thus where the second one is.
const SIZES: [u64; 9] =
    [16 << 10, 32 << 10, 64 << 10, 128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20];
/// More keyslots, segments or tokens than this no header has (32 each).
const MOST: usize = 64;
/// No name that a header gives is longer.
const LONGEST: usize = 128;

type Read<'a> = &'a mut dyn FnMut(u64, usize) -> Result<Vec<u8>, Gap>;

/// One of the two headers, whole.
struct Header {
    sequence: u64,
    luks: Luks,
    uuid: String,
}

/// Why a header is not used.
enum Flaw {
    /// There is none.
    None,
    /// It is damaged, and how.
    Damaged(&'static str),
    /// Its checksum fits, but what it says makes no sense; its length.
    Senseless(u64),
    /// It may be sound, and cannot be read.
    Gap(Gap),
}

impl From<Gap> for Flaw {
    fn from(gap: Gap) -> Self {
        Self::Gap(gap)
    }
}

/// The header that counts: the newer one of those that are whole, as cryptsetup chooses; `None` where there is neither.
pub(super) fn parse(name: &str, at: Read<'_>) -> Result<Option<(Luks, String)>, Gap> {
    let first = header(name, at, 0, MAGIC);
    if let Err(Flaw::Gap(gap)) = first {
        return Err(gap);
    }
    let mut second = Err(Flaw::None);
    // A damaged first header does not tell where the second is.
    let places: &[u64] = match &first {
        Ok((_, size)) | Err(Flaw::Senseless(size)) => &[*size],
        Err(_) => &SIZES,
    };
    for place in places {
        match header(name, at, *place, SECOND) {
            // There may be none behind it, but one that is damaged is no reason not to look.
            Err(Flaw::None) => {}
            found => second = found,
        }
        if !matches!(second, Err(Flaw::None | Flaw::Damaged(_) | Flaw::Senseless(_))) {
            break;
        }
    }
    match (first, second) {
        (Ok((first, _)), Ok((second, _))) if second.sequence > first.sequence => {
            Ok(Some((Luks { from_second: true, ..second.luks }, second.uuid)))
        }
        (Ok((first, _)), _) => Ok(Some((first.luks, first.uuid))),
        (Err(_), Ok((second, _))) => Ok(Some((Luks { from_second: true, ..second.luks }, second.uuid))),
        (Err(_), Err(Flaw::Gap(gap))) => Err(gap),
        (Err(Flaw::Damaged(why)), Err(_)) | (Err(_), Err(Flaw::Damaged(why))) => {
            Err(Gap::malformed(format!("the LUKS header of {name} {why}")))
        }
        (Err(Flaw::Senseless(_)), Err(_)) | (Err(_), Err(Flaw::Senseless(_))) => {
            Err(Gap::malformed(format!("the LUKS header of {name} holds a text that makes no sense")))
        }
        (Err(_), Err(_)) => Ok(None),
    }
}

/// One header and its length.
fn header(name: &str, at: Read<'_>, offset: u64, magic: &[u8]) -> Result<(Header, u64), Flaw> {
    let mut bytes = at(offset, BINARY)?;
    let word = |at: usize| number(&bytes, at).map(u64::from_be_bytes).unwrap_or_default();
    if !bytes.starts_with(magic) || bytes.get(6..8) != Some(&[0, 2]) {
        return Err(Flaw::None);
    }
    let (size, sequence, own) = (word(8), word(16), word(256));
    if !SIZES.contains(&size) || own != offset || bytes.len() != BINARY {
        return Err(Flaw::Damaged("is not where it says that it is"));
    }
    let algorithm = bytes.get(72..104).and_then(text).unwrap_or_default();
    let length = usize::try_from(size).unwrap_or(BINARY).saturating_sub(BINARY);
    let json = at(offset.saturating_add(BINARY as u64), length)?;
    let told: Vec<u8> = bytes.get(CHECKSUM).unwrap_or_default().to_vec();
    if let Some(field) = bytes.get_mut(CHECKSUM) {
        field.fill(0);
    }
    let sum = match algorithm.as_str() {
        "sha256" => Sha256::new().chain_update(&bytes).chain_update(&json).finalize().to_vec(),
        "sha512" => Sha512::new().chain_update(&bytes).chain_update(&json).finalize().to_vec(),
        _ => {
            let what =
                format!("the checksum of the LUKS header of {name}, of a kind that hostduty does not know");
            return Err(Flaw::Gap(Gap::unsupported(what)));
        }
    };
    if !told.starts_with(&sum) {
        return Err(Flaw::Damaged("does not have the checksum that it says"));
    }
    let end = json.iter().position(|byte| *byte == 0).unwrap_or(json.len());
    let json: Option<Json> = serde_json::from_slice(json.get(..end).unwrap_or_default()).ok();
    let luks = json.filter(|json| json.config.json_size == length.to_string()).and_then(Json::facts);
    let luks = luks.ok_or(Flaw::Senseless(size))?;
    Ok((Header { sequence, luks, uuid: uuid(&bytes) }, size))
}

/// The parts of the text that say how the volume is enciphered; the rest is passed over unread.
#[derive(Deserialize)]
struct Json {
    keyslots: BTreeMap<String, JsonKeyslot>,
    tokens: BTreeMap<String, JsonToken>,
    segments: BTreeMap<String, JsonSegment>,
    digests: BTreeMap<String, JsonDigest>,
    config: JsonConfig,
}

#[derive(Deserialize)]
struct JsonKeyslot {
    #[serde(rename = "type")]
    kind: String,
    key_size: u32,
    kdf: Option<JsonKdf>,
    area: Option<JsonArea>,
}

#[derive(Deserialize)]
struct JsonArea {
    #[serde(default)]
    encryption: String,
}

#[derive(Deserialize)]
struct JsonKdf {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    hash: String,
    #[serde(default)]
    iterations: u64,
    #[serde(default)]
    time: u64,
    #[serde(default)]
    memory: u64,
}

#[derive(Deserialize)]
struct JsonToken {
    #[serde(rename = "type")]
    kind: String,
    keyslots: Vec<String>,
}

#[derive(Deserialize)]
struct JsonSegment {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    encryption: String,
    integrity: Option<JsonIntegrity>,
    #[serde(default)]
    flags: Vec<String>,
}

#[derive(Deserialize)]
struct JsonIntegrity {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct JsonDigest {
    keyslots: Vec<String>,
    segments: Vec<String>,
}

#[derive(Deserialize)]
struct JsonConfig {
    /// The length of the whole text, once more.
    json_size: String,
    requirements: Option<JsonRequirements>,
}

#[derive(Deserialize)]
struct JsonRequirements {
    #[serde(default)]
    mandatory: Vec<String>,
}

impl Json {
    fn facts(self) -> Option<Luks> {
        let maps = [self.keyslots.len(), self.tokens.len(), self.segments.len(), self.digests.len()];
        if maps.iter().any(|length| *length > MOST) {
            return None;
        }
        // A keyslot opens the volume if a digest says that its key is the one of a segment.
        let opens = |slot: &String| {
            self.digests.values().any(|digest| digest.keyslots.contains(slot) && !digest.segments.is_empty())
        };
        let mut luks = Luks { version: 2, ..Luks::default() };
        for (name, slot) in &self.keyslots {
            let number: u32 = name.parse().ok()?;
            // The one that remembers how far enciphering anew has come holds no key.
            let Some(kdf) = slot.kdf.as_ref().filter(|_| slot.kind == "luks2") else { continue };
            if !opens(name) {
                luks.unbound.insert(number);
                continue;
            }
            let kdf = Kdf {
                name: plain(&kdf.kind)?,
                hash: plain(&kdf.hash)?,
                iterations: kdf.iterations,
                passes: kdf.time,
                memory_kib: kdf.memory,
            };
            let cipher = plain(slot.area.as_ref().map_or("", |area| &area.encryption))?;
            luks.keyslots.push(Keyslot { number, key_bits: slot.key_size.checked_mul(8)?, cipher, kdf });
        }
        luks.keyslots.sort_by_key(|slot| slot.number);
        // Copies of the state before and after enciphering anew are no parts of the volume.
        for segment in self
            .segments
            .values()
            .filter(|segment| segment.flags.iter().all(|flag| !flag.starts_with("backup-")))
        {
            luks.segments.insert(Segment {
                kind: plain(&segment.kind)?,
                cipher: plain(&segment.encryption)?,
                integrity: segment
                    .integrity
                    .as_ref()
                    .map_or(Some(String::new()), |integrity| plain(&integrity.kind))?,
            });
        }
        for token in self.tokens.values() {
            let slots =
                token.keyslots.iter().map(|slot| slot.parse().ok()).collect::<Option<BTreeSet<u32>>>()?;
            luks.tokens.entry(plain(&token.kind)?).or_default().extend(slots);
        }
        let requirements = self.config.requirements.map(|all| all.mandatory).unwrap_or_default();
        luks.requirements = requirements.iter().take(MOST).map(|name| plain(name)).collect::<Option<_>>()?;
        Some(luks)
    }
}

/// A name that is one.
fn plain(name: &str) -> Option<String> {
    let is_one = name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_graphic());
    is_one.then(|| name.to_owned())
}
