//! A set of rooms of facts, small enough to be copied.

use checks::facts::{ROOMS, Room};

/// A set of rooms, by their place in [`ROOMS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RoomSet(u64);

impl RoomSet {
    /// No room.
    pub(crate) const NONE: Self = Self(0);
    /// Every room.
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// The room at a place of [`ROOMS`] alone.
    pub(crate) fn only(place: usize) -> Self {
        Self(u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0))
    }

    /// The room of a name alone; no room if there is none.
    pub(crate) fn named(name: &str) -> Self {
        ROOMS.iter().position(|room| room.name == name).map_or(Self::NONE, Self::only)
    }

    /// These and those.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those.
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Adds rooms.
    pub(crate) fn add(&mut self, other: Self) {
        *self = self.and(other);
    }

    /// Whether one of those is among these.
    pub(crate) fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is none.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rooms, in the order in which they are gathered.
    pub(crate) fn rooms(self) -> impl Iterator<Item = &'static Room> {
        ROOMS
            .iter()
            .enumerate()
            .filter(move |(place, _)| self.meets(Self::only(*place)))
            .map(|(_, room)| room)
    }

    /// Their names.
    pub(crate) fn names(self) -> Vec<&'static str> {
        self.rooms().map(|room| room.name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_room_has_a_place_of_its_own() {
        assert!(ROOMS.len() <= 64, "RoomSet needs a wider number");
        for room in ROOMS {
            assert_eq!(RoomSet::named(room.name).names(), [room.name]);
        }
        let two = RoomSet::named("sshd").and(RoomSet::named("accounts"));
        assert_eq!(two.names(), ["accounts", "sshd"]);
        assert_eq!(two.without(RoomSet::named("sshd")).names(), ["accounts"]);
        assert_eq!(RoomSet::ALL.names().len(), ROOMS.len());
        assert!(RoomSet::named("kitchen").is_empty() && RoomSet::only(64).is_empty());
    }
}
