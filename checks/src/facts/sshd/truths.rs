//! What holds of many things at once: one truth for each Match line, as bits.

use super::connection::Truth;

/// A truth for each of a row of things.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Truths {
    /// Pairs of words: where it certainly holds, and where it may.
    words: Vec<[u64; 2]>,
}

impl Truths {
    /// From a truth for each.
    pub(super) fn of(truths: impl IntoIterator<Item = Truth>) -> Self {
        let mut words: Vec<[u64; 2]> = Vec::new();
        for (index, truth) in truths.into_iter().enumerate() {
            let bit = 1_u64 << (index % 64);
            if index % 64 == 0 {
                words.push([0, 0]);
            }
            if let Some([certain, possible]) = words.last_mut() {
                *certain |= if truth == Truth::Yes { bit } else { 0 };
                *possible |= if truth == Truth::No { 0 } else { bit };
            }
        }
        Self { words }
    }

    /// What holds of both.
    pub(super) fn and(&self, other: &Self) -> Self {
        let both = self.words.iter().zip(&other.words);
        Self { words: both.map(|(one, two)| [one[0] & two[0], one[1] & two[1]]).collect() }
    }

    /// Those of which it may hold, by their index.
    pub(super) fn possible(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(word, [_, possible])| {
            let mut rest = *possible;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.checked_sub(1)?;
                Some(word * 64 + bit as usize)
            })
        })
    }

    /// What holds of one of them; a thing that is not in the row is not known.
    pub(super) fn get(&self, index: usize) -> Truth {
        let bit = 1_u64 << (index % 64);
        match self.words.get(index / 64) {
            None => Truth::Unknown,
            Some([certain, _]) if certain & bit != 0 => Truth::Yes,
            Some([_, possible]) if possible & bit != 0 => Truth::Unknown,
            Some(_) => Truth::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_values() {
        use Truth::{No, Unknown, Yes};
        let all = [Yes, No, Unknown];
        let row = |truths: &[Truth]| Truths::of((0..130).map(|index| truths[index % truths.len()]));
        for one in all {
            for two in all {
                let both = row(&[one]).and(&row(&[two]));
                assert_eq!([both.get(0), both.get(129)], [one.and(two); 2]);
            }
        }
        assert_eq!(Truths::of([Yes]).get(64), Unknown);
        assert_ne!(row(&[Yes, No]), row(&[Yes, Unknown]));
        assert!(row(&[Yes, No, Unknown]).possible().eq((0..130).filter(|index| index % 3 != 1)));
    }
}
