//! The expressions that a rule of nftables is made of, as far as they are understood.

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::xtables;

/// One step of a rule. The kernel takes them in order; one that does not hold ends the rule.
///
/// Registers are numbered as the kernel sends them (NFT_REG_*): 0 is the verdict, 1 to 4 hold 16 bytes each, 8 to 23
/// (NFT_REG32_*) the same space in pieces of 4 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Expression {
    /// Ends the rule with a verdict.
    Verdict(Verdict),
    /// Drops the packet and tells the sender.
    Reject {
        /// `enum nft_reject_types`: 0 ICMP unreachable, 1 TCP reset, 2 ICMP of either family.
        kind: u32,
        /// The code of the ICMP message.
        code: u8,
    },
    /// Always goes on to the next expression, and changes nothing that a rule can test: `counter`, `last`, and `log` as
    /// nft writes it.
    Neutral(String),
    /// Puts bytes into a register.
    Immediate {
        /// Where to.
        register: u32,
        /// What.
        data: Bytes,
    },
    /// Loads bytes of the packet; ends the rule where the packet does not have them.
    Payload {
        /// Counted from where.
        base: Layer,
        /// In bytes.
        offset: u32,
        /// In bytes.
        length: u32,
        /// Where to.
        register: u32,
    },
    /// Writes bytes into the packet.
    PayloadSet {
        /// Counted from where.
        base: Layer,
        /// In bytes.
        offset: u32,
        /// In bytes.
        length: u32,
        /// Where from.
        register: u32,
    },
    /// Loads a property of the packet that is not in its bytes, by its number in `enum nft_meta_keys`.
    Meta {
        /// NFT_META_*
        key: u32,
        /// Where to.
        register: u32,
    },
    /// Sets such a property.
    MetaSet {
        /// NFT_META_*
        key: u32,
        /// Where from.
        register: u32,
    },
    /// Loads what connection tracking knows (`enum nft_ct_keys`).
    Ct {
        /// NFT_CT_*
        key: u32,
        /// IP_CT_DIR_ORIGINAL or _REPLY, where the key has a direction.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        direction: Option<u8>,
        /// Where to.
        register: u32,
    },
    /// Sets what connection tracking knows.
    CtSet {
        /// NFT_CT_*
        key: u32,
        /// Where from.
        register: u32,
    },
    /// Takes the packet out of connection tracking.
    Notrack,
    /// Compares a register.
    Compare {
        /// What is compared.
        register: u32,
        /// How.
        operator: Operator,
        /// With what; as many bytes are compared.
        value: Bytes,
    },
    /// Compares a register with a range, both ends included.
    Range {
        /// What is compared.
        register: u32,
        /// Whether it has to lie outside (NFT_RANGE_NEQ).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        invert: bool,
        /// First value.
        from: Bytes,
        /// Last value.
        to: Bytes,
    },
    /// `destination = (source & mask) ^ xor`, byte by byte (NFT_BITWISE_MASK_XOR).
    Bitwise {
        /// Where from.
        source: u32,
        /// Where to.
        register: u32,
        /// In bytes.
        length: u32,
        /// As many bytes.
        mask: Bytes,
        /// As many bytes.
        xor: Bytes,
    },
    /// Moves bits, or combines two registers: the other operations of `enum nft_bitwise_ops`.
    BitwiseOther {
        /// NFT_BITWISE_*
        operation: u32,
        /// Where to.
        register: u32,
    },
    /// Turns the bytes of numbers around.
    Byteorder {
        /// Where from.
        source: u32,
        /// Where to.
        register: u32,
        /// In bytes, of all the numbers.
        length: u32,
        /// In bytes, of one number.
        size: u32,
    },
    /// Looks a key up in a set or a map.
    Lookup {
        /// Its name; `__set0` and the like for those that are written in the rule.
        set: String,
        /// Where the key is.
        register: u32,
        /// Where the map's value goes to; 0 takes it as a verdict.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<u32>,
        /// Whether it goes on when the set does not have the key (NFT_LOOKUP_F_INV).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        invert: bool,
    },
    /// Adds, updates or deletes an element of a set.
    Dynset {
        /// Its name.
        set: String,
        /// `enum nft_dynset_ops`: 0 add, 1 update, 2 delete.
        operation: u32,
        /// Where the key is.
        register: u32,
        /// Whether it goes on when the element could not be added (NFT_DYNSET_F_INV).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        invert: bool,
        /// What is evaluated for the element, such as `limit`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        expressions: Vec<Expression>,
    },
    /// Asks the routing table about an address of the packet.
    Fib {
        /// `enum nft_fib_result`: 1 interface index, 2 interface name, 3 kind of address.
        result: u32,
        /// `enum nft_fib_flags`: 1 source, 2 destination, 4 mark, 8 inbound, 16 outbound interface, 32 only whether.
        flags: u32,
        /// Where to.
        register: u32,
    },
    /// Asks about the socket that the packet would reach (`enum nft_socket_keys`).
    Socket {
        /// 0 transparent, 1 mark, 2 wildcard, 3 control group.
        key: u32,
        /// Of the control group.
        #[serde(default)]
        level: u32,
        /// Where to.
        register: u32,
    },
    /// Loads a number that counts up or that is drawn.
    Numgen {
        /// Below which it stays.
        modulus: u32,
        /// What is added.
        offset: u32,
        /// `enum nft_ng_types`: 0 counts, 1 draws.
        kind: u32,
        /// Where to.
        register: u32,
    },
    /// Loads a number computed from other registers.
    Hash {
        /// Where to.
        register: u32,
    },
    /// Loads bytes of an extension header of IPv6 or of an option of IPv4 or TCP; ends the rule where the packet does not
    /// have it.
    Exthdr {
        /// `enum nft_exthdr_op`: 0 an extension header, 1 an option of TCP, 2 an option of IPv4, 3 a chunk of SCTP, 4 an
        /// option of DCCP.
        operation: u32,
        /// The number of the header, option or chunk.
        kind: u8,
        /// In bytes, from its start.
        offset: u32,
        /// In bytes.
        length: u32,
        /// Loads 1 or 0 for whether the packet has it, and ends no rule (NFT_EXTHDR_F_PRESENT).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        present: bool,
        /// Where to.
        register: u32,
    },
    /// Writes bytes into an option of TCP, or overwrites it with no-operations; ends the rule where the packet does not
    /// have it.
    ExthdrSet {
        /// As in [`Expression::Exthdr`].
        operation: u32,
        /// The number of the option.
        kind: u8,
        /// In bytes, from its start.
        offset: u32,
        /// In bytes.
        length: u32,
        /// Where from; without, it is the whole option that goes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        register: Option<u32>,
    },
    /// Loads a property that hostduty does not model.
    Load {
        /// As nft writes it (`rt mtu`, `osf name`), or the kernel's name of the expression.
        name: String,
        /// Where to.
        register: u32,
    },
    /// Holds for so many packets in a time, or only beyond that.
    Limit {
        /// Packets or bytes.
        rate: u64,
        /// Per so many seconds.
        unit: u64,
        /// In packets or bytes.
        burst: u32,
        /// Whether bytes are counted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bytes: bool,
        /// Holds beyond the limit (NFT_LIMIT_F_INV).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        over: bool,
    },
    /// Holds until so many bytes have passed, or only after that.
    Quota {
        /// In bytes.
        bytes: u64,
        /// Holds beyond it (NFT_QUOTA_F_INV).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        over: bool,
    },
    /// Holds for so many connections, or only beyond that.
    Connlimit {
        /// Connections.
        count: u32,
        /// Holds beyond it (NFT_CONNLIMIT_F_INV).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        over: bool,
    },
    /// Uses an object that has a name: a counter, a quota, a limit, a helper.
    Object {
        /// `NFT_OBJECT_*`; 0 where a map gives the name.
        kind: u32,
        /// Its name, or the map's.
        name: String,
        /// Where the map's key is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        register: Option<u32>,
    },
    /// Rewrites the source (0) or the destination (1) of a connection (`enum nft_nat_types`).
    Nat {
        /// 0 source, 1 destination.
        kind: u32,
        /// NFPROTO_* of the new address.
        family: u32,
        /// Registers that hold the first and last address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        addresses: Option<(u32, u32)>,
        /// Registers that hold the first and last port.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ports: Option<(u32, u32)>,
        /// NF_NAT_RANGE_*
        #[serde(default)]
        flags: u32,
    },
    /// Rewrites the destination to this machine.
    Redirect {
        /// Registers that hold the first and last port.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ports: Option<(u32, u32)>,
    },
    /// Rewrites the source to this machine's address.
    Masquerade,
    /// Hands the packet to a program.
    Queue {
        /// Accepts when no program listens (NFT_QUEUE_FLAG_BYPASS).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bypass: bool,
    },
    /// Sends the packet to a local socket without rewriting it.
    Tproxy {
        /// NFPROTO_* of the packets that it takes; 0 for both.
        family: u32,
        /// Register that holds the socket's address; without, it is that of the interface.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<u32>,
        /// Register that holds the socket's port; without, it is that of the packet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u32>,
    },
    /// Answers the TCP handshake itself.
    Synproxy,
    /// Lets established connections take a short cut; ends the rule for others.
    FlowOffload(String),
    /// A match of xtables, from `iptables-nft`.
    Match(xtables::Match),
    /// A target of xtables, from `iptables-nft`.
    Target(xtables::Target),
    /// Another expression by name.
    Other(String),
}

/// Where the offset of a payload counts from (`enum nft_payload_bases`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// The frame's header.
    Link,
    /// The IP header.
    Network,
    /// The TCP or UDP header.
    Transport,
    /// What follows the transport header.
    Inner,
    /// The packet inside a tunnel.
    Tunnel,
}

/// What a rule does with a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Ends this base chain; later base chains still see the packet.
    Accept,
    /// Ends the packet.
    Drop,
    /// Hands the packet to a program.
    Queue,
    /// Goes on with the next rule.
    Continue,
    /// Goes back to the chain that jumped here, or to the policy.
    Return,
    /// Goes to a chain and comes back.
    Jump(String),
    /// Goes to a chain and comes back to where this chain was called from.
    Goto(String),
    /// A number that is none of these.
    Other(u32),
}

/// `enum nft_cmp_ops`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}
