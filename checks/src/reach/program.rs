//! The rules of every front end as one language: tests of a packet's properties, and what a rule then does.

use std::rc::Rc;

use super::ranges::Ranges;

/// A property of a packet that a rule can test. Values are numbers: addresses and ports as they read, a MAC address as
/// 48 bits, everything else as its bytes in network byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Field {
    /// Source address.
    Source,
    /// Destination address, as rewritten so far.
    Destination,
    /// Destination port, as rewritten so far.
    DestinationPort,
    /// Destination address as the sender wrote it (`ct original daddr`).
    OriginalDestination,
    /// Destination port as the sender wrote it (`ct original proto-dst`).
    OriginalDestinationPort,
    /// The packet's mark, 32 bits.
    Mark,
    /// The connection's mark, 32 bits.
    ConnectionMark,
    /// What the sender, or a machine on the way, is free to choose.
    Free(Free),
}

/// Properties that are open: each value is one that some sender can choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Free {
    /// Source port, 16 bits.
    SourcePort,
    /// Source address of the frame, 48 bits.
    SourceMac,
    /// The flags of TCP, 8 bits; those of a connection's first segment.
    TcpFlags,
    /// The TTL or hop limit, 8 bits.
    TimeToLive,
    /// The byte with DSCP and ECN: TOS or traffic class, 8 bits.
    TrafficClass,
    /// Length of the packet with its IP header, 16 bits.
    Length,
    /// Other bytes of the packet: layer (`facts::ruleset::nftables::Layer` as its place 0…4), offset, length in bytes. From
    /// layer 5 on it is whether there is an extension: 5 and NFT_EXTHDR_OP_*, its number, 1.
    Bytes(u8, u16, u8),
}

/// What a packet is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Always,
    Never,
    /// The property has one of these values.
    Is(Field, Rc<Ranges>),
    /// The property has these bits where the mask has ones: for masks with so many holes that ranges would be too many.
    Masked {
        field: Field,
        value: u128,
        mask: u128,
    },
    /// It came in through one of these interfaces: bit N for `Network::interfaces[N]`.
    In(u128),
    /// It leaves through one of these; none before it is routed, and none for what stays here.
    Out(u128),
    /// Its connection is in one of these states (`STATE_*`).
    State(u32),
    /// The destination of its connection was rewritten.
    DestinationRewritten,
    /// The source of its connection was rewritten.
    SourceRewritten,
    /// An earlier rule added it to this set, which rules change.
    Added(Rc<str>),
    /// A socket waits for it here, and has this property.
    Socket(Socket),
    /// All of these.
    All(Vec<Test>),
    /// One of these.
    Any(Vec<Test>),
    /// Not this.
    Not(Box<Test>),
    /// Chance, a rate or a counter decides, in these words: `limit`, `numgen`.
    Chance(Rc<str>),
    /// It is not known, for this reason.
    Unknown(Rc<str>),
}

/// Why what becomes of a packet is not known after TPROXY.
pub(crate) const PROXY: &str = "a rule hands the packet to a transparent proxy";

/// `enum ip_conntrack_info` as bits of `ct state` (NF_CT_STATE_BIT): invalid is the first.
pub(crate) const STATE_INVALID: u32 = 1;
pub(crate) const STATE_ESTABLISHED: u32 = 2;
pub(crate) const STATE_RELATED: u32 = 4;
pub(crate) const STATE_NEW: u32 = 8;
pub(crate) const STATE_UNTRACKED: u32 = 64;

/// What a rule asks of the socket that waits for a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socket {
    /// That there is one.
    Exists,
    /// That it is bound to every address.
    Wildcard,
    /// That it has IP_TRANSPARENT.
    Transparent,
}

/// One step of a rule, in order. A test that does not hold ends the rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Test(Test),
    /// The first whose test holds goes on with its steps; none: the rule ends.
    Branch(Vec<(Test, Vec<Step>)>),
    /// `mark = (mark & and) ^ xor`.
    SetMark {
        and: u32,
        xor: u32,
    },
    /// The same of the connection's mark.
    SetConnectionMark {
        and: u32,
        xor: u32,
    },
    /// `connection mark = (connection mark & !mask) ^ (mark & mask)` (CONNMARK --save-mark).
    SaveMark {
        mask: u32,
    },
    /// `mark = (mark & !mask) ^ (connection mark & mask)` (CONNMARK --restore-mark).
    RestoreMark {
        mask: u32,
    },
    /// The mark is not known from here on.
    ForgetMark,
    /// The connection's mark is not known from here on.
    ForgetConnectionMark,
    /// The packet is changed in a way that is not modelled: what it holds is not known from here on, for this reason.
    ForgetPacket(Rc<str>),
    /// Takes the packet out of connection tracking.
    Untrack,
    /// Adds the packet's source address (or another key) to a set that rules change, by the set's name.
    Adds(Rc<str>),
    /// Ends the rule.
    Then(Action),
}

/// How a rule ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    Accept,
    Drop,
    Reject,
    Return,
    /// The place of a chain in its table.
    Jump(usize),
    Goto(usize),
    /// Rewrites the destination; several where the kernel chooses one. `None` keeps the address or the port.
    Destination(Vec<Rewrite>),
    /// Rewrites the destination to the address of the interface that the packet came in through, and to these ports.
    Redirect(Option<(u16, u16)>),
    /// Rewrites the source: an accept within its chain.
    Source,
    /// Ends in a way that hostduty cannot follow, for this reason.
    Unknown(Rc<str>),
}

/// One new destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewrite {
    /// First and last address, as numbers.
    pub(crate) addresses: Option<(u128, u128)>,
    /// First and last port.
    pub(crate) ports: Option<(u16, u16)>,
}

/// A rule. Its place in the facts is its place in the chain.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rule {
    pub(crate) steps: Vec<Step>,
}

impl Rule {
    /// The same rule with those tests first that cut packets least finely: by what they are for, then by interface, and by
    /// their source last. All of a run have to hold, so that their order changes nothing but into how many parts a
    /// long list of rules cuts the packets.
    pub(crate) fn arranged(mut self) -> Self {
        arrange(&mut self.steps);
        self
    }
}

fn arrange(steps: &mut [Step]) {
    let plain = |step: &Step| matches!(step, Step::Test(test) if test.is_certain());
    for run in steps.chunk_by_mut(|one, next| plain(one) && plain(next)) {
        run.sort_by_key(|step| if let Step::Test(test) = step { test.fineness() } else { 0 });
    }
    for step in steps {
        if let Step::Branch(ways) = step {
            ways.iter_mut().for_each(|(_, steps)| arrange(steps));
        }
    }
}

impl Test {
    /// Whether it leaves nothing to chance and nothing open.
    pub(crate) fn is_certain(&self) -> bool {
        match self {
            Self::Chance(_) | Self::Unknown(_) => false,
            Self::All(tests) | Self::Any(tests) => tests.iter().all(Self::is_certain),
            Self::Not(test) => test.is_certain(),
            _ => true,
        }
    }

    /// How finely it cuts packets: 0 not at all, 3 by source.
    fn fineness(&self) -> u8 {
        match self {
            Self::Is(Field::Source, _) | Self::Masked { field: Field::Source, .. } => 3,
            Self::Is(Field::Free(_), _) | Self::Masked { field: Field::Free(_), .. } => 2,
            Self::In(_) => 1,
            Self::All(tests) | Self::Any(tests) => tests.iter().map(Self::fineness).max().unwrap_or(0),
            Self::Not(test) => test.fineness(),
            _ => 0,
        }
    }
}
