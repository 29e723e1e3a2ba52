//! Packets that the rules treat alike, with what the rules have done to them.

use std::rc::Rc;

use super::{both, one};
use crate::reach::packets::Packets;
use crate::reach::program::{STATE_INVALID, STATE_NEW, STATE_UNTRACKED, Step};
use crate::reach::ranges::Ranges;
use crate::reach::tables::Place;

/// Packets that the rules treat alike, with what the rules have done to them.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    pub(crate) packets: Packets,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(super) mark: Word,
    pub(super) connection_mark: Word,
    pub(super) tracking: Tracking,
    /// The destination as rewritten.
    pub(crate) destination: Option<(u128, u16)>,
    pub(super) source_rewritten: bool,
    /// The interfaces through which it may leave, once it is routed and does not stay.
    pub(crate) out: Option<u128>,
    pub(super) added: Vec<Rc<str>>,
    /// Why what the packet holds is not known any more.
    pub(super) forgotten: Option<Rc<str>>,
    /// What left it to chance whether the packets are here.
    pub(crate) chance: Option<Rc<str>>,
    /// Why it is not known whether the packets are here.
    pub(crate) doubt: Option<Rc<str>>,
    /// Which rule or policy of this hook let them through.
    pub(crate) accepted_by: Option<Place>,
    pub(crate) rewritten_by: Option<Place>,
    /// The rules that took them, the last first.
    pub(crate) trace: Option<Rc<Trace>>,
}

#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) place: Place,
    pub(crate) before: Option<Rc<Trace>>,
}

/// Nested deeply enough, dropping a list of the usual kind would recurse as often as it is long.
impl Drop for Trace {
    fn drop(&mut self) {
        let mut before = self.before.take();
        while let Some(mut trace) = before.and_then(Rc::into_inner) {
            before = trace.before.take();
        }
    }
}

/// A word of 32 bits of which some may not be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    value: u32,
    known: u32,
}

impl Default for Word {
    /// Marks are zero on a packet that comes from outside.
    fn default() -> Self {
        Self { value: 0, known: u32::MAX }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tracking {
    /// Connection tracking has not seen it.
    #[default]
    Before,
    New,
    Never,
}

impl State {
    /// Whether neither chance nor ignorance had a part in it that the packets are here.
    pub(super) fn is_certain(&self) -> bool {
        self.doubt.is_none() && self.chance.is_none()
    }

    /// Whether the source that a rule would see is the sender's.
    pub(super) fn has_its_source(&self) -> bool {
        self.forgotten.is_none() && !self.source_rewritten
    }

    /// Whether later rules cannot tell the two apart.
    pub(super) fn alike(&self, other: &Self) -> bool {
        self.mark == other.mark
            && self.connection_mark == other.connection_mark
            && self.tracking == other.tracking
            && self.destination == other.destination
            && self.source_rewritten == other.source_rewritten
            && self.out == other.out
            && self.added == other.added
            && self.forgotten == other.forgotten
            && self.accepted_by == other.accepted_by
    }

    /// The bit of `ct state`.
    pub(super) fn tracked(&self) -> u32 {
        match self.tracking {
            // nft_ct_get_eval and xt_conntrack say invalid where there is no connection.
            Tracking::Before => STATE_INVALID,
            Tracking::New => STATE_NEW,
            Tracking::Never => STATE_UNTRACKED,
        }
    }

    /// What a step without a test does.
    pub(super) fn change(&mut self, step: &Step) {
        let mix = |word: Word, and: u32, xor: u32| Word {
            value: (word.value & and) ^ xor,
            known: word.known | !and,
        };
        match step {
            Step::SetMark { and, xor } => self.mark = mix(self.mark, *and, *xor),
            Step::SetConnectionMark { .. } | Step::SaveMark { .. } | Step::ForgetConnectionMark
                if self.tracking != Tracking::New => {}
            Step::SetConnectionMark { and, xor } => {
                self.connection_mark = mix(self.connection_mark, *and, *xor)
            }
            Step::SaveMark { mask } => self.connection_mark = self.connection_mark.takes(self.mark, *mask),
            Step::RestoreMark { mask } if self.tracking == Tracking::New => {
                self.mark = self.mark.takes(self.connection_mark, *mask);
            }
            Step::ForgetMark => self.mark.known = 0,
            Step::ForgetConnectionMark => self.connection_mark.known = 0,
            Step::ForgetPacket(reason) => self.forgotten = Some(Rc::clone(reason)),
            Step::Untrack if self.tracking == Tracking::Before => self.tracking = Tracking::Never,
            Step::Adds(set) if !self.added.contains(set) => self.added.push(Rc::clone(set)),
            Step::Test(_)
            | Step::Branch(_)
            | Step::Then(_)
            | Step::RestoreMark { .. }
            | Step::Untrack
            | Step::Adds(_) => {}
        }
    }
}

impl Word {
    /// The bits of the mask from another word.
    fn takes(self, other: Self, mask: u32) -> Self {
        Self {
            value: (self.value & !mask) | (other.value & mask),
            known: (self.known & !mask) | (other.known & mask),
        }
    }
}

/// Whether a test of a word holds.
pub(super) enum Held {
    Known(bool),
    Unknown(Rc<str>),
}

impl Held {
    pub(super) fn split(self, flow: Flow) -> (Vec<Flow>, Vec<Flow>) {
        match self {
            Self::Known(holds) => one(holds, flow),
            Self::Unknown(reason) => both(flow, |state| state.doubt = Some(Rc::clone(&reason))),
        }
    }
}

impl Word {
    /// Whether it is one of these values.
    pub(super) fn among(self, name: &str, values: &Ranges) -> Held {
        if self.known == u32::MAX {
            return Held::Known(values.contains(self.value.into()));
        }
        match Ranges::masked((self.value & self.known).into(), self.known.into(), 32, 1 << 12) {
            Some(possible) if !possible.meets(values) => Held::Known(false),
            Some(possible) if possible.without(values).is_empty() => Held::Known(true),
            _ => Held::Unknown(format!("the {name} is not known").into()),
        }
    }

    /// Whether it has this value where the mask has ones.
    pub(super) fn masked(self, name: &str, value: u128, mask: u128) -> Held {
        let (value, mask) = (u32::try_from(value).unwrap_or(0), u32::try_from(mask).unwrap_or(u32::MAX));
        if (self.value ^ value) & mask & self.known != 0 {
            Held::Known(false)
        } else if mask & !self.known == 0 {
            Held::Known(true)
        } else {
            Held::Unknown(format!("the {name} is not known").into())
        }
    }
}
