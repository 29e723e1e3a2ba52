//! Statements: what a rule does with the packet.

use super::kinds::{self, Kind, Order};
use super::registers::Key;
use super::{Text, fields, properties, values, verdict};
use crate::facts::ruleset::nftables::{Expression, Family, Layer};

impl Text<'_> {
    pub(super) fn statement(&mut self, step: &Expression) {
        let clause = match step {
            Expression::Verdict(one) => verdict(one),
            Expression::Reject { kind, code } => self.reject(*kind, *code),
            Expression::Neutral(words) => words.clone(),
            Expression::Notrack => "notrack".to_owned(),
            Expression::Masquerade => "masquerade".to_owned(),
            Expression::Synproxy => "synproxy".to_owned(),
            Expression::FlowOffload(name) => format!("flow add @{name}"),
            Expression::Queue { bypass } => if *bypass { "queue flags bypass" } else { "queue" }.to_owned(),
            Expression::MetaSet { key, register } => self.assign(&properties::meta(*key), *register),
            Expression::CtSet { key, register } => {
                self.assign(&properties::ct(*key, None, self.table.family), *register)
            }
            Expression::PayloadSet { base, offset, length, register } => {
                self.write_payload(*base, *offset, *length, *register)
            }
            Expression::ExthdrSet { operation, kind, offset, length, register } => match register {
                Some(register) => {
                    let key = properties::exthdr(*operation, *kind, *offset, *length, false);
                    self.assign(&key, *register)
                }
                None => format!("reset {}", properties::exthdr(*operation, *kind, 0, 0, true).name),
            },
            Expression::Limit { rate, unit, burst, bytes, over } => {
                limit(*rate, *unit, *burst, *bytes, *over)
            }
            Expression::Quota { bytes, over } => {
                format!("quota {}{}", if *over { "over " } else { "" }, amount(*bytes))
            }
            Expression::Connlimit { count, over } => {
                format!("ct count {}{count}", if *over { "over " } else { "" })
            }
            Expression::Object { kind, name, register } => self.object(*kind, name, *register),
            Expression::Dynset { set, operation, register, expressions, .. } => {
                self.dynset(set, *operation, *register, expressions)
            }
            Expression::Nat { kind, family, addresses, ports, flags } => {
                let verb = if *kind == 0 { "snat" } else { "dnat" };
                let version = if *family == u32::from(fields::IPV6) { " ip6" } else { " ip" };
                let version = if self.table.family == Family::Inet { version } else { "" };
                format!("{verb}{version}{}{}", self.target(*addresses, *ports), nat_flags(*flags))
            }
            Expression::Redirect { ports } => format!("redirect{}", self.target(None, *ports)),
            Expression::Tproxy { family, address, port } => {
                let version = match (self.table.family, u8::try_from(*family)) {
                    (Family::Inet, Ok(fields::IPV4)) => " ip",
                    (Family::Inet, Ok(fields::IPV6)) => " ip6",
                    _ => "",
                };
                let pair = |register: &Option<u32>| register.map(|register| (register, register));
                format!("tproxy{version}{}", self.target(pair(address), pair(port)))
            }
            // nft has no words of its own for these.
            Expression::Match(found) => found.to_string(),
            Expression::Target(found) => found.to_string(),
            Expression::Other(name) => format!("[{name}]"),
            // Loads and tests are written elsewhere.
            _ => "[expression]".to_owned(),
        };
        self.push(clause);
    }

    fn reject(&mut self, kind: u32, code: u8) -> String {
        // nft says by itself which packets can be answered in this way.
        if kind == 1 {
            return "reject with tcp reset".to_owned();
        }
        let clause = self.network_clause.take().filter(|_| kind == 0);
        self.imply(clause);
        let (word, names, usual) = match (kind, self.network) {
            (2, _) => ("icmpx", kinds::ICMPX_CODES, 1),
            (_, Some(fields::IPV6)) => ("icmpv6", kinds::ICMPV6_CODES, 4),
            _ => ("icmp", kinds::ICMP_CODES, 3),
        };
        // The usual answer needs no words, in a table of one family.
        let plain = code == usual
            && (kind == 2 || !matches!(self.table.family, Family::Inet | Family::Bridge | Family::Netdev));
        if plain {
            return "reject".to_owned();
        }
        format!("reject with {word} {}", values::number_as(names, u64::from(code), 1))
    }

    /// `KEY set VALUE`
    fn assign(&self, key: &Key, register: u32) -> String {
        format!("{} set {}", key.name, self.held(register, key.size, key.kind, key.order))
    }

    /// A checksum takes pairs of bytes, so nft loads a pair, changes some of its bits and writes the pair back.
    fn write_payload(&mut self, base: Layer, offset: u32, length: u32, register: u32) -> String {
        let written = self.registers.parts(register, length.clamp(1, 64) as usize);
        let Some((_, Key { mask: Some((mask, xor)), .. })) = written.first() else {
            let key = self.field(base, offset, length.min(64));
            return self.assign(&key, register);
        };
        // The bytes of which any bit changes.
        let changes = |byte: &u8| *byte != 0xff;
        let (Some(first), Some(last)) = (mask.iter().position(changes), mask.iter().rposition(changes))
        else {
            return "[payload set]".to_owned();
        };
        let replaced: Vec<u8> = mask.get(first..=last).unwrap_or_default().iter().map(|byte| !byte).collect();
        let value = xor.get(first..=last).unwrap_or_default();
        let place = offset.saturating_add(u32::try_from(first).unwrap_or(0));
        // What is flipped and not replaced is no assignment.
        if value.iter().zip(&replaced).any(|(value, replaced)| value & !replaced != 0) {
            return "[payload set]".to_owned();
        }
        if let Some((name, shift, kind)) =
            fields::part(self.network, self.transport, (base, place), &replaced)
        {
            let number = values::number(Order::Network, value).unwrap_or(0) >> shift;
            return format!("{name} set {}", values::number_as(kind, number, 1));
        }
        let key = self.field(base, place, u32::try_from(replaced.len()).unwrap_or(0));
        if replaced.iter().any(|byte| *byte != 0xff) || key.length != replaced.len() {
            return "[payload set]".to_owned();
        }
        format!("{} set {}", key.name, values::value(key.kind, key.order, value))
    }

    /// What a register holds, as a value of a kind.
    fn held(&self, register: u32, length: usize, kind: Kind, order: Order) -> String {
        let parts = self.registers.parts(register, length.max(1));
        let Some((_, key)) = parts.first() else { return "[register]".to_owned() };
        match (&key.constant, &key.mask) {
            (Some(bytes), _) => values::value(kind, order, bytes),
            (None, None) => key.name.clone(),
            (None, Some((mask, xor))) => {
                let shown = |bytes: &[u8]| {
                    let kind = if matches!(kind, Kind::Number) { Kind::Mark } else { kind };
                    values::value(kind, key.order, bytes)
                };
                // (a & ~b) ^ b is a | b.
                let or = mask.iter().zip(xor).all(|(mask, xor)| *mask == !*xor);
                let flips = xor.iter().any(|byte| *byte != 0);
                let keeps = mask.iter().all(|byte| *byte == 0xff);
                match (flips, or, keeps) {
                    (false, ..) => format!("{} & {}", key.name, shown(mask)),
                    (true, true, _) => format!("{} | {}", key.name, shown(xor)),
                    (true, false, true) => format!("{} ^ {}", key.name, shown(xor)),
                    _ => format!("{} & {} ^ {}", key.name, shown(mask), shown(xor)),
                }
            }
        }
    }

    /// ` to ADDRESS:PORT`, each of them a value, a range or what a map gives; nothing without either.
    fn target(&self, addresses: Option<(u32, u32)>, ports: Option<(u32, u32)>) -> String {
        let mapped = |register: u32| {
            let key = self.registers.parts(register, 1).into_iter().next()?.1;
            key.constant.is_none().then_some(key)
        };
        // One map gives the address, and the port in the next register.
        if let Some(key) = addresses.and_then(|(first, _)| mapped(first)) {
            let both = ports.is_some_and(|(first, _)| self.registers.parts(first, 1).is_empty());
            let port = if both { None } else { ports };
            return format!(" to {}{}", key.name, self.port(port));
        }
        let address = addresses.map(|(first, last)| {
            let bytes = |register: u32| self.constant(register);
            match (bytes(first), bytes(last)) {
                (Some(from), Some(to)) => {
                    let kind = if from.len() == 16 { Kind::Ipv6 } else { Kind::Ipv4 };
                    let shown = if from == to {
                        values::value(kind, Order::Network, &from)
                    } else {
                        values::range(kind, Order::Network, &from, &to)
                    };
                    if kind == Kind::Ipv6 && ports.is_some() { format!("[{shown}]") } else { shown }
                }
                _ => "[register]".to_owned(),
            }
        });
        match (address, ports) {
            (None, None) => String::new(),
            (address, ports) => format!(" to {}{}", address.unwrap_or_default(), self.port(ports)),
        }
    }

    fn port(&self, ports: Option<(u32, u32)>) -> String {
        let Some((first, last)) = ports else { return String::new() };
        match (self.constant(first), self.constant(last)) {
            (Some(from), Some(to)) => {
                format!(":{}", values::range(Kind::Number, Order::Network, &from, &to))
            }
            _ => format!(":{}", self.held(first, 2, Kind::Number, Order::Network)),
        }
    }

    fn constant(&self, register: u32) -> Option<Vec<u8>> {
        self.registers.parts(register, 1).into_iter().next()?.1.constant
    }

    fn object(&self, kind: u32, name: &str, register: Option<u32>) -> String {
        let word = |kind: u32| match kind {
            1 => "counter name",
            2 => "quota name",
            3 => "ct helper set",
            4 => "limit name",
            5 => "ct count name",
            7 => "ct timeout set",
            8 => "meta secmark set",
            9 => "ct expectation set",
            10 => "synproxy name",
            _ => "[object]",
        };
        let Some(register) = register else { return format!("{} \"{name}\"", word(kind)) };
        let set = self.set(name);
        let parts = self.registers.parts(register, set.map_or(1, |set| set.key_length.min(64) as usize));
        let keys: Vec<_> = parts.iter().map(|(_, key)| key.name.as_str()).collect();
        format!("{} {} map @{name}", word(set.and_then(|set| set.object).unwrap_or(0)), keys.join(" . "))
    }

    fn dynset(&self, name: &str, operation: u32, register: u32, expressions: &[Expression]) -> String {
        let verb = match operation {
            0 => "add",
            1 => "update",
            _ => "delete",
        };
        let length = self.set(name).map_or(1, |set| set.key_length.min(64) as usize);
        let parts = self.registers.parts(register, length);
        let keys: Vec<_> = parts.iter().map(|(_, key)| key.name.as_str()).collect();
        let mut shown = keys.join(" . ");
        for expression in expressions {
            let mut inner = Text::new(self.table, 0);
            inner.statement(expression);
            shown += &format!(" {}", inner.clauses.join(" "));
        }
        format!("{verb} @{name} {{ {shown} }}")
    }
}

fn limit(rate: u64, unit: u64, burst: u32, bytes: bool, over: bool) -> String {
    let per = match unit {
        1 => "second",
        60 => "minute",
        3600 => "hour",
        86_400 => "day",
        604_800 => "week",
        _ => return format!("limit rate {rate} per {unit} seconds"),
    };
    let over = if over { "over " } else { "" };
    if bytes {
        let burst = if burst == 0 { String::new() } else { format!(" burst {}", amount(u64::from(burst))) };
        return format!("limit rate {over}{}/{per}{burst}", amount(rate));
    }
    // nft leaves out the burst that is meant without one.
    let burst = if matches!(burst, 0 | 5) { String::new() } else { format!(" burst {burst} packets") };
    format!("limit rate {over}{rate}/{per}{burst}")
}

/// Bytes, in the largest unit that divides them.
fn amount(bytes: u64) -> String {
    match bytes {
        1.. if bytes.is_multiple_of(1 << 20) => format!("{} mbytes", bytes >> 20),
        1.. if bytes.is_multiple_of(1 << 10) => format!("{} kbytes", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

/// NF_NAT_RANGE_*
fn nat_flags(flags: u32) -> String {
    let names = [(4, "random"), (16, "fully-random"), (8, "persistent")];
    let set: Vec<_> = names.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { String::new() } else { format!(" {}", set.join(",")) }
}
