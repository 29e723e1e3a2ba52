//! Which machines an update of Ubuntu reaches while it is handed out by and by: apt's draw, the same on every try.

use super::candidates::Candidate;
use super::sources;
use crate::facts::automatic_updates::apt_conf::AptConf;
use crate::host::{self, Host};

/// How this host takes part in what is handed out by and by.
pub(super) struct Phasing {
    machine: Option<String>,
    /// Decided while a version is chosen, and not after.
    early: bool,
    always: bool,
    never: bool,
}

impl Phasing {
    pub(super) fn read(host: &dyn Host, conf: &AptConf) -> Self {
        let on = |name: &str| conf.get(name).and_then(|setting| sources::truth(&setting.value));
        let either = |name: &str| on(&format!("APT::Get::{name}")).or(on(&format!("Update-Manager::{name}")));
        let file = conf.get("Dir::Etc::machine-id").map_or("/etc/machine-id", |setting| &setting.value);
        let machine = match conf.get("APT::Machine-ID") {
            Some(setting) => Some(setting.value.clone()),
            None => host::read_line(host, file).ok(),
        };
        let first = machine.and_then(|text| text.lines().next().map(str::to_owned));
        Self {
            machine: first.filter(|text| !text.is_empty()),
            early: on("APT::Get::Phase-Policy") == Some(true),
            always: either("Always-Include-Phased-Updates") == Some(true),
            never: either("Never-Include-Phased-Updates") == Some(true),
        }
    }

    fn excluded(&self, source: &str, version: &str, percentage: u32) -> bool {
        match &self.machine {
            _ if self.always => false,
            _ if self.never => true,
            None => false,
            Some(machine) => drawn(source, version, machine) > percentage,
        }
    }

    pub(super) fn before(&self, source: &str, version: &str, percentage: u32) -> bool {
        self.early && self.excluded(source, version, percentage)
    }

    pub(super) fn holds(&self, candidate: &Candidate) -> bool {
        let excluded = |percentage| self.excluded(&candidate.source, &candidate.source_version, percentage);
        !self.early && candidate.phased.is_some_and(excluded)
    }
}

/// The number from 0 to 100 that apt draws for a source package on a machine: the update is for it when its
/// percentage is no smaller.
fn drawn(source: &str, version: &str, machine: &str) -> u32 {
    let text = format!("{source}-{version}-{machine}");
    // The characters of C are signed.
    let words: Vec<u32> = text.bytes().map(|byte| i32::from(byte.cast_signed()).cast_unsigned()).collect();
    uniform(&mut Random::new(fourth_of_four(&words)))
}

/// std::minstd_rand.
struct Random(u64);

impl Random {
    const MODULUS: u64 = 2_147_483_647;

    fn new(seed: u32) -> Self {
        match u64::from(seed).checked_rem(Self::MODULUS) {
            Some(0) | None => Self(1),
            Some(state) => Self(state),
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(48_271).checked_rem(Self::MODULUS).unwrap_or(1);
        self.0
    }
}

/// std::uniform_int_distribution from 0 to 100, as GNU's library makes it of numbers from 1 to 2,147,483,646.
fn uniform(random: &mut Random) -> u32 {
    const SCALE: u64 = 2_147_483_645 / 101;
    loop {
        let number = random.next().wrapping_sub(1);
        if number < SCALE * 101 {
            return u32::try_from(number.checked_div(SCALE).unwrap_or(0)).unwrap_or(0);
        }
    }
}

/// The last of four words that std::seed_seq generates, which is what seeds std::minstd_rand.
fn fourth_of_four(seed: &[u32]) -> u32 {
    const N: usize = 4;
    let mut state = [0x8b8b_8b8b_u32; N];
    let at = |index: usize| index & (N - 1);
    let get = |state: &[u32; N], index: usize| state.get(at(index)).copied().unwrap_or(0);
    let set = |state: &mut [u32; N], index: usize, value: u32| {
        if let Some(place) = state.get_mut(at(index)) {
            *place = value;
        }
    };
    let mix = |x: u32| x ^ (x >> 27);
    let short = |number: usize| u32::try_from(number & 0xffff_ffff).unwrap_or(0);
    // With four words p is 1 and q is 2.
    let rounds = seed.len().saturating_add(1).max(N);
    for k in 0..rounds {
        let before = k.wrapping_add(N - 1);
        let mixed = mix(get(&state, k) ^ get(&state, k.wrapping_add(1)) ^ get(&state, before));
        let first = mixed.wrapping_mul(1_664_525);
        let added = match k.checked_sub(1) {
            None => short(seed.len()),
            Some(previous) => short(at(k)).wrapping_add(seed.get(previous).copied().unwrap_or(0)),
        };
        let second = first.wrapping_add(added);
        let (p, q) = (get(&state, k.wrapping_add(1)), get(&state, k.wrapping_add(2)));
        set(&mut state, k.wrapping_add(1), p.wrapping_add(first));
        set(&mut state, k.wrapping_add(2), q.wrapping_add(second));
        set(&mut state, k, second);
    }
    for k in rounds..rounds.saturating_add(N) {
        let sum = get(&state, k)
            .wrapping_add(get(&state, k.wrapping_add(1)))
            .wrapping_add(get(&state, k.wrapping_add(N - 1)));
        let third = mix(sum).wrapping_mul(1_566_083_941);
        let fourth = third.wrapping_sub(short(at(k)));
        let (p, q) = (get(&state, k.wrapping_add(1)), get(&state, k.wrapping_add(2)));
        set(&mut state, k.wrapping_add(1), p ^ third);
        set(&mut state, k.wrapping_add(2), q ^ fourth);
        set(&mut state, k, fourth);
    }
    get(&state, 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_library_of_cpp_draws() {
        // From a program of five lines that asks std::seed_seq, std::minstd_rand and std::uniform_int_distribution.
        for (source, version, machine, expected) in [
            ("bash", "5.1-6ubuntu1.1", "0123456789abcdef0123456789abcdef", 84),
            ("a", "1", "x", 53),
            ("systemd", "249.11-0ubuntu3.12", "4d5e6f708192a3b4c5d6e7f8091a2b3c", 73),
            ("lé", "1", "z", 8),
            ("abc", "2", "", 12),
            ("", "", "", 45),
        ] {
            assert_eq!(drawn(source, version, machine), expected, "{source} {version} {machine}");
        }
    }
}
