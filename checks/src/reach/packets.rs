//! A set of packets that the rules have treated alike so far.

use std::rc::Rc;

use super::nft::protocol_number;
use super::program::Free;
use super::ranges::Ranges;
use super::sources::Sources;
use crate::facts::sockets::Protocol;

/// Every packet whose destination is one of `targets`, that came in through one of `interfaces`, from one of `sources`, with
/// the free properties in their ranges.
#[derive(Debug, Clone)]
pub(crate) struct Packets {
    /// Bit N for target N of the walk.
    pub(crate) targets: u128,
    /// Bit N for interface N of the context.
    pub(crate) interfaces: u128,
    pub(crate) sources: Sources,
    /// In the order of the properties; one that is not named has any value.
    free: Vec<(Free, Rc<Ranges>)>,
}

impl Free {
    /// How many bits the property has.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::SourcePort | Self::Length => 16,
            Self::SourceMac => 48,
            Self::TcpFlags | Self::TimeToLive | Self::TrafficClass => 8,
            Self::Bytes(_, _, length) => u32::from(length) * 8,
        }
    }

    /// As a person calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SourcePort => "the source port",
            Self::SourceMac => "the sender's MAC address",
            Self::TcpFlags => "the TCP flags",
            Self::TimeToLive => "the TTL",
            Self::TrafficClass => "the DSCP or TOS",
            Self::Length => "the packet's length",
            NEXT_HEADER => "the first header after that of IPv6",
            HEADER_LENGTH => "the first byte of the header",
            Self::Bytes(..) => "the packet's content",
        }
    }

    /// Whether every usual sender's packet has one of these values.
    pub(crate) fn is_usual(self, values: &Ranges) -> bool {
        match self {
            Self::TcpFlags | FRAGMENT => true,
            HEADER_LENGTH => values.contains(0x45),
            NEXT_HEADER => values.contains(6) || values.contains(17),
            _ => false,
        }
    }

    /// The values that the first packet of a connection can have.
    pub(crate) fn possible(self) -> Ranges {
        match self {
            // SYN, and not ACK, RST or FIN; the others do not keep a listener from answering (tcp_rcv_state_process).
            Self::TcpFlags => {
                (0_u128..256).filter(|flags| flags & 0x17 == 0x02).map(|flags| (flags, flags)).collect()
            }
            // Fragments are put together before any rule sees them; what may be set is "do not fragment".
            FRAGMENT => [(0, 0), (0x4000, 0x4000)].into_iter().collect(),
            // Version 4 with a header of five words, and more where there are options.
            HEADER_LENGTH => Ranges::range(0x45, 0x4f),
            // An extension header or an option is there or not.
            Self::Bytes(5.., ..) => Ranges::range(0, 1),
            // Neither connects nor answers from port 0 work.
            Self::SourcePort => Ranges::range(1, 0xffff),
            _ => Ranges::all(self.bits()),
        }
    }
}

/// Flags and offset of a fragment in the header of IPv4.
pub(crate) const FRAGMENT: Free = Free::Bytes(1, 6, 2);

/// Version and length of the header of IPv4.
pub(crate) const HEADER_LENGTH: Free = Free::Bytes(1, 0, 1);
/// What follows the header of IPv6: the protocol, or an extension header.
pub(crate) const NEXT_HEADER: Free = Free::Bytes(1, 6, 1);

/// What can follow the header of IPv6: hop-by-hop options, routing, fragment, authentication, destination options, mobility,
/// or the protocol itself.
pub(crate) fn next_headers(protocol: Protocol) -> Rc<Ranges> {
    let own = protocol_number(protocol).into();
    Rc::new([0, own, 43, 44, 51, 60, 135].into_iter().map(|header| (header, header)).collect())
}

impl Packets {
    pub(crate) fn new(targets: u128, interfaces: u128, sources: Rc<Ranges>) -> Self {
        Self { targets, interfaces, sources: Sources::new(sources), free: Vec::new() }
    }

    /// Whether it holds no packet.
    pub(crate) fn is_empty(&self) -> bool {
        self.targets == 0
            || self.interfaces == 0
            || self.sources.is_empty()
            || self.free.iter().any(|(_, values)| values.is_empty())
    }

    /// The values that a free property still has.
    pub(crate) fn values(&self, property: Free) -> Rc<Ranges> {
        match self.free.iter().find(|(found, _)| *found == property) {
            Some((_, values)) => Rc::clone(values),
            None => Rc::new(property.possible()),
        }
    }

    /// The free properties that rules have tested, with what is left of each.
    pub(crate) fn narrowed(&self) -> &[(Free, Rc<Ranges>)] {
        &self.free
    }

    /// Whether most senders' packets are among these, as far as what they are free to choose goes.
    pub(crate) fn are_usual(&self) -> bool {
        let most = |free: Free, values: &Ranges| values.count() > free.possible().count() / 2;
        self.free.iter().all(|(free, values)| free.is_usual(values) || most(*free, values))
    }

    /// The same packets to other targets.
    pub(crate) fn to(&self, targets: u128) -> Self {
        Self { targets, ..self.clone() }
    }

    pub(crate) fn with(mut self, property: Free, values: Rc<Ranges>) -> Self {
        match self.free.binary_search_by_key(&property, |(found, _)| *found) {
            Ok(at) => {
                if let Some(place) = self.free.get_mut(at) {
                    place.1 = values;
                }
            }
            Err(at) => self.free.insert(at, (property, values)),
        }
        self
    }

    /// The packets of both.
    pub(crate) fn and(&self, other: &Self) -> Option<Self> {
        let targets = self.targets & other.targets;
        let interfaces = self.interfaces & other.interfaces;
        if targets == 0 || interfaces == 0 {
            return None;
        }
        let sources = self.sources.and(&other.sources);
        let mut both = Self { targets, interfaces, sources, free: self.free.clone() };
        for (property, values) in &other.free {
            let left = both.values(*property);
            both = both.with(*property, Rc::new(left.and(values)));
        }
        (!both.is_empty()).then_some(both)
    }

    /// The packets of this one that the other does not hold.
    pub(crate) fn without(&self, other: &Self) -> Vec<Self> {
        let Some(common) = self.and(other) else { return vec![self.clone()] };
        let mut rest = Vec::new();
        let mut left = self.clone();
        let mut keep = |part: Self| {
            if !part.is_empty() {
                rest.push(part);
            }
        };
        keep(Self { targets: left.targets & !common.targets, ..left.clone() });
        left.targets = common.targets;
        keep(Self { interfaces: left.interfaces & !common.interfaces, ..left.clone() });
        left.interfaces = common.interfaces;
        keep(Self { sources: left.sources.without(&common.sources), ..left.clone() });
        left.sources = common.sources.clone();
        for (property, values) in &common.free {
            let outside = left.values(*property).without(values);
            keep(left.clone().with(*property, Rc::new(outside)));
            left = left.with(*property, Rc::clone(values));
        }
        rest
    }

    /// Whether both hold the same packets; `false` also where that would take long to find out.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.targets == other.targets
            && self.interfaces == other.interfaces
            && self.free == other.free
            && self.sources.same(&other.sources)
    }

    /// Both as one, where they differ in one respect only.
    pub(crate) fn join(&self, other: &Self) -> Option<Self> {
        let same_sources = self.sources.same(&other.sources);
        let same = [
            self.targets == other.targets,
            self.interfaces == other.interfaces,
            same_sources,
            self.free == other.free,
        ];
        let differ = same.iter().filter(|same| !**same).count();
        if differ > 1 || (differ == 1 && !same[3]) {
            return None;
        }
        let sources = match same_sources {
            true => self.sources.clone(),
            false => self.sources.or(&other.sources),
        };
        Some(Self {
            targets: self.targets | other.targets,
            interfaces: self.interfaces | other.interfaces,
            sources,
            free: self.free.clone(),
        })
    }

    /// Those whose free property is among the values, and those where it is not.
    pub(crate) fn split_free(self, property: Free, wanted: &Rc<Ranges>) -> (Option<Self>, Option<Self>) {
        let values = self.values(property);
        let inside = values.and(wanted);
        if inside.is_empty() {
            return (None, Some(self));
        }
        let outside = values.without(wanted);
        if outside.is_empty() {
            return (Some(self), None);
        }
        (Some(self.clone().with(property, Rc::new(inside))), Some(self.with(property, Rc::new(outside))))
    }

    /// Those from the wanted sources, and the others.
    pub(crate) fn split_sources(self, wanted: &Rc<Ranges>) -> (Option<Self>, Option<Self>) {
        let Self { targets, interfaces, sources, free } = self;
        let (inside, outside) = sources.split(wanted);
        let with = |sources| Self { targets, interfaces, sources, free: free.clone() };
        (inside.map(with), outside.map(with))
    }

    /// Those to the wanted targets, and the others.
    pub(crate) fn split_targets(self, wanted: u128) -> (Option<Self>, Option<Self>) {
        let (inside, outside) = (self.targets & wanted, self.targets & !wanted);
        match (inside, outside) {
            (0, _) => (None, Some(self)),
            (_, 0) => (Some(self), None),
            _ => (Some(Self { targets: inside, ..self.clone() }), Some(Self { targets: outside, ..self })),
        }
    }

    /// Those from the wanted interfaces, and the others.
    pub(crate) fn split_interfaces(self, wanted: u128) -> (Option<Self>, Option<Self>) {
        let (inside, outside) = (self.interfaces & wanted, self.interfaces & !wanted);
        match (inside, outside) {
            (0, _) => (None, Some(self)),
            (_, 0) => (Some(self), None),
            _ => (
                Some(Self { interfaces: inside, ..self.clone() }),
                Some(Self { interfaces: outside, ..self }),
            ),
        }
    }
}
