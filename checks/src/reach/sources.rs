//! Sources of packets: a set of addresses that many parts share, and the few that each part has lost.

use std::rc::Rc;

use super::ranges::Ranges;

/// `base` without `gone`. A list of a hundred thousand addresses is kept once, however many parts rules cut packets into.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    base: Rc<Ranges>,
    /// A part of the base.
    gone: Rc<Ranges>,
    /// How many addresses the base has.
    size: u128,
}

/// What became of bases that many parts share, so that each is worked on once: before and after.
pub(crate) type Bases = Vec<(Rc<Ranges>, Sources)>;

/// Lists up to this length are compared address by address.
const SHORT: usize = 64;

impl Sources {
    pub(crate) fn new(base: Rc<Ranges>) -> Self {
        let size = base.count();
        Self { base, gone: Rc::default(), size }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.base == self.gone
    }

    /// The addresses themselves.
    pub(crate) fn ranges(&self) -> Rc<Ranges> {
        match self.gone.is_empty() {
            true => Rc::clone(&self.base),
            false => Rc::new(self.base.without(&self.gone)),
        }
    }

    pub(crate) fn count(&self) -> u128 {
        self.size.saturating_sub(self.gone.count())
    }

    /// How many ranges it takes to write them down, at most.
    pub(crate) fn length(&self) -> usize {
        self.base.as_slice().len() + self.gone.as_slice().len()
    }

    /// Whether any of these may be among them; `true` also where they have all gone.
    pub(crate) fn may_meet(&self, wanted: &Ranges) -> bool {
        self.base.meets(wanted)
    }

    /// Those that are wanted, and the rest.
    pub(crate) fn split(mut self, wanted: &Rc<Ranges>) -> (Option<Self>, Option<Self>) {
        if self.gone.is_empty() && Rc::ptr_eq(&self.base, wanted) {
            return (Some(self), None);
        }
        let inside = self.base.and(wanted).without(&self.gone);
        if inside.is_empty() {
            return (None, Some(self));
        }
        if inside.as_slice().len() <= 1 + self.length() / 16 {
            let gone = Rc::make_mut(&mut self.gone);
            inside.as_slice().iter().for_each(|(first, last)| gone.insert(*first, *last));
        } else {
            self = Self::new(Rc::new(self.base.without(&self.gone).without(wanted)));
        }
        let rest = (!self.is_empty()).then_some(self);
        (Some(Self::new(Rc::new(inside))), rest)
    }

    /// Those that are not among these.
    pub(crate) fn less(self, lost: &Ranges) -> Self {
        if !self.may_meet(lost) {
            return self;
        }
        if self.base.as_slice().len() <= SHORT {
            return Self::new(Rc::new(self.base.without(&self.gone).without(lost)));
        }
        Self { gone: Rc::new(self.gone.or(&self.base.and(lost))), ..self }
    }

    /// The same in place, for many parts of few bases.
    pub(crate) fn lose(&mut self, lost: &Ranges, bases: &mut Bases) {
        let left = match bases.iter().find(|(base, _)| Rc::ptr_eq(base, &self.base)) {
            Some((_, left)) => left.clone(),
            None => {
                let left = Self::new(Rc::new(self.base.without(lost)));
                bases.push((Rc::clone(&self.base), left.clone()));
                left
            }
        };
        let gone =
            if self.gone.meets(lost) { Rc::new(self.gone.without(lost)) } else { Rc::clone(&self.gone) };
        *self = Self { gone, ..left };
    }

    /// How many of these are among the wanted; the answers for each base are kept.
    pub(crate) fn meeting(&self, wanted: &Ranges, bases: &mut Vec<(*const Ranges, u128)>) -> u128 {
        let base = Rc::as_ptr(&self.base);
        let all = match bases.iter().find(|(known, _)| std::ptr::eq(*known, base)) {
            Some((_, all)) => *all,
            None => {
                let all = self.base.and(wanted).count();
                bases.push((base, all));
                all
            }
        };
        let gone = if all > 0 && self.gone.meets(wanted) { self.gone.and(wanted).count() } else { 0 };
        all.saturating_sub(gone)
    }

    /// Those of both.
    pub(crate) fn and(&self, other: &Self) -> Self {
        if Rc::ptr_eq(&self.base, &other.base) {
            return Self { gone: Rc::new(self.gone.or(&other.gone)), ..self.clone() };
        }
        Self::new(Rc::new(self.ranges().and(&other.ranges())))
    }

    /// Those of either.
    pub(crate) fn or(&self, other: &Self) -> Self {
        if Rc::ptr_eq(&self.base, &other.base) {
            return Self { gone: Rc::new(self.gone.and(&other.gone)), ..self.clone() };
        }
        Self::new(Rc::new(self.ranges().or(&other.ranges())))
    }

    /// Those that the other does not hold.
    pub(crate) fn without(&self, other: &Self) -> Self {
        Self::new(Rc::new(self.ranges().without(&other.ranges())))
    }

    /// Whether they are the same; `false` also where that would take long to find out.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let equal = |one: &Rc<Ranges>, two: &Rc<Ranges>| Rc::ptr_eq(one, two) || one == two;
        if Rc::ptr_eq(&self.base, &other.base) {
            return equal(&self.gone, &other.gone);
        }
        self.length().max(other.length()) <= SHORT && self.ranges() == other.ranges()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bits: u32) -> Ranges {
        (0..16).filter(|number| bits >> number & 1 != 0).map(|number| (number, number)).collect()
    }

    #[test]
    fn what_is_taken_away_piece_by_piece_is_gone() {
        let mut state = 7_u32;
        let mut draw = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        for _ in 0..2000 {
            let (all, one, two) = (draw() | 1, draw(), draw());
            let start = Sources::new(Rc::new(of(all)));
            let (held, rest) = start.clone().split(&Rc::new(of(one)));
            assert_eq!(held.map(|held| (*held.ranges()).clone()).unwrap_or_default(), of(all & one));
            let Some(rest) = rest else {
                assert_eq!(all & !one, 0);
                continue;
            };
            assert_eq!(*rest.ranges(), of(all & !one));
            let (held, left) = rest.clone().split(&Rc::new(of(two)));
            assert_eq!(held.map(|held| (*held.ranges()).clone()).unwrap_or_default(), of(all & !one & two));
            assert_eq!(
                left.as_ref().map(|left| (*left.ranges()).clone()).unwrap_or_default(),
                of(all & !one & !two)
            );
            assert_eq!(*rest.clone().less(&of(two)).ranges(), of(all & !one & !two));
            let mut lost = rest.clone();
            lost.lose(&of(two), &mut Vec::new());
            assert_eq!(*lost.ranges(), of(all & !one & !two));
            let met = rest.meeting(&of(two), &mut Vec::new());
            assert_eq!(met, u128::from((all & !one & two & 0xffff).count_ones()));
            assert_eq!(*rest.or(&start).ranges(), of(all));
            assert_eq!(*rest.and(&start).ranges(), of(all & !one));
            assert_eq!(*start.without(&rest).ranges(), of(all & one));
            assert!(rest.same(&rest.clone()) && !rest.is_empty());
            assert_eq!(rest.count(), u128::from((all & !one & 0xffff).count_ones()));
        }
    }
}
