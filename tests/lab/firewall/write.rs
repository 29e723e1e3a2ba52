//! Writes drawn rules down as nft(8) and iptables-restore(8) read them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::dice::Dice;
use super::draw::{Chain, Front, Line, Rule, Stage};
use super::probe::Probe;

/// The base chains of nftables that rules are drawn into: name, type and hook, priority, and in how many of a hundred
/// rulesets the policy is drop.
const BASE: &[(&str, &str, i32, usize)] = &[
    ("raw", "filter hook prerouting", -300, 0),
    ("mangle", "filter hook prerouting", -150, 0),
    ("nat", "nat hook prerouting", -100, 0),
    ("early", "filter hook input", -10, 6),
    ("input", "filter hook input", 0, 40),
    ("late", "filter hook input", 10, 6),
    ("forward", "filter hook forward", 0, 40),
    ("forward_late", "filter hook forward", 10, 6),
];

/// Rules of the ruleset that is being written.
pub(crate) struct Sheet {
    number: usize,
    rules: usize,
    chains: BTreeMap<Chain, Vec<Line>>,
    /// Rules that test no port come after those that do.
    broad: Vec<(Chain, Line)>,
    /// Sets and maps by table of nftables; those of ipset as commands.
    objects: BTreeMap<(&'static str, String), String>,
    ipset: String,
    /// Whether a chain of this name drops what no rule decided, and by how much the priorities differ.
    drops: BTreeMap<&'static str, bool>,
    own_table: bool,
}

/// Draws another rule about a connection, with this number.
type More<'a> = &'a mut dyn FnMut(&mut Dice, usize, &Probe) -> Rule;

impl Sheet {
    pub(crate) fn new(number: usize, dice: &mut Dice) -> Self {
        let drops = BASE.iter().map(|(name, _, _, drops)| (*name, dice.percent(*drops))).collect();
        Self {
            number,
            rules: 0,
            chains: BTreeMap::new(),
            broad: Vec::new(),
            objects: BTreeMap::new(),
            ipset: String::new(),
            drops,
            own_table: dice.percent(35),
        }
    }

    /// A number that no rule has yet.
    pub(crate) fn next_number(&mut self) -> usize {
        self.rules += 1;
        self.rules
    }

    /// Adds a rule with what it needs.
    pub(crate) fn add(&mut self, front: Front, rule: Rule, dice: &mut Dice, more: More<'_>) {
        let base = self.base(front, &rule, dice);
        self.append(base, rule, dice, more, 0, false, &[]);
    }

    /// The base chain for a rule.
    fn base(&self, front: Front, rule: &Rule, dice: &mut Dice) -> Chain {
        let family = rule.ip();
        let early = rule.firsts.is_empty() && rule.ending.is_none() && dice.percent(10);
        let (table, name) = match front {
            Front::Nft => {
                let own = self.own_table && dice.percent(30);
                let name = match (early, rule.forwards) {
                    (true, _) => dice.pick(&["raw", "mangle"]),
                    (_, true) => dice.pick(&["forward", "forward", "forward_late"]),
                    (_, false) => dice.pick(&["early", "input", "input", "input", "late"]),
                };
                // `oifname` is known from forward on.
                let name =
                    if rule.tests.iter().any(|test| test.starts_with("oif")) { "forward" } else { name };
                let (family, table) = if own { (family, "own") } else { ("inet", "lab") };
                return Chain { front, family, table: table.to_owned(), name: name.to_owned() };
            }
            _ if early && !rule.tests.iter().any(|test| test.contains("-o ") || test.contains("--syn")) => {
                (dice.pick(&["raw", "mangle"]), "PREROUTING")
            }
            _ if rule.forwards => ("filter", "FORWARD"),
            _ => ("filter", "INPUT"),
        };
        Chain { front, family, table: table.to_owned(), name: name.to_owned() }
    }

    #[expect(clippy::too_many_arguments, reason = "where a rule goes takes as many words")]
    fn append(
        &mut self,
        chain: Chain,
        mut rule: Rule,
        dice: &mut Dice,
        more: More<'_>,
        depth: usize,
        before: bool,
        called_by: &[&'static str],
    ) {
        // Nothing can be rejected before it is routed, nor is its socket looked for in every hook.
        let before = before
            || matches!(chain.name.as_str(), "raw" | "mangle" | "PREROUTING")
            || matches!(chain.table.as_str(), "raw" | "mangle");
        for (kind, name, properties, elements) in std::mem::take(&mut rule.objects) {
            self.declare(&chain, kind, &name, &properties, &elements);
        }
        let native = chain.front == Front::Nft;
        for (stage, text) in &rule.firsts {
            let (table, name) = match (native, stage) {
                (true, Stage::Raw) => (chain.table.as_str(), "raw"),
                (true, Stage::Mangle) => (chain.table.as_str(), "mangle"),
                (true, _) => (chain.table.as_str(), "nat"),
                (false, Stage::Raw) => ("raw", "PREROUTING"),
                (false, Stage::Mangle) => ("mangle", "PREROUTING"),
                (false, _) => ("nat", "PREROUTING"),
            };
            let first = Chain { table: table.to_owned(), name: name.to_owned(), ..chain.clone() };
            let line = Line {
                text: self.named(text),
                ingredients: rule.ingredients.clone(),
                decides: !native && text.ends_with("-j DROP"),
            };
            self.chains.entry(first).or_default().push(line);
        }
        if rule.forwards {
            // Nobody waits here for what is passed on.
            rule.tests.retain(|test| !test.starts_with("socket"));
        }
        // What an earlier rule left for it, a rule tests of the same packets: sets fill while connections are tried.
        let scoped = rule.scope.is_some() || !rule.firsts.is_empty() || dice.percent(85);
        let scope = rule.scope.clone().unwrap_or_else(|| match (scoped, native) {
            (true, _) => rule.scope(),
            (false, true) => String::new(),
            (false, false) => format!("-p {}", rule.protocol()),
        });
        let mut line = Line { ingredients: rule.ingredients.clone(), decides: true, ..Line::default() };
        line.ingredients.extend(called_by);
        if scoped && native && rule.scope.is_none() {
            line.ingredients.push("payload dport");
        }
        let jumps = rule.ending.is_none() && depth < 2 && dice.percent(if depth == 0 { 22 } else { 10 });
        let ending = match rule.ending.clone() {
            Some(ending) => ending,
            None if jumps => {
                line.decides = false;
                let kind = dice.pick(&["jump", "jump", "goto", "map"]);
                let kind = if kind == "map" && (!native || !scoped) { "jump" } else { kind };
                let name = format!("u{}", self.next_number());
                let inner = Chain { name: name.clone(), ..chain.clone() };
                let called_by = match (kind, native) {
                    ("map", _) => "lookup verdict map",
                    ("goto", true) => "goto",
                    ("goto", false) => "xt -g",
                    (_, true) => "jump",
                    (_, false) => "xt -j chain",
                };
                self.chains.entry(inner.clone()).or_default();
                for _ in 0..2 {
                    let number = self.next_number();
                    let other = more(dice, number, &rule.probe);
                    // Only what asks for no translation of its own.
                    if other.forwards == rule.forwards {
                        self.append(inner.clone(), other, dice, more, depth + 1, before, &[called_by]);
                    }
                }
                match (kind, native) {
                    ("map", _) => {
                        format!("{} dport vmap {{ {} : jump {name} }}", rule.protocol(), rule.probe.port)
                    }
                    (_, true) => format!("{kind} {name}"),
                    ("goto", false) => format!("-g {name}"),
                    (_, false) => format!("-j {name}"),
                }
            }
            None => Self::verdict(&chain, before, &mut line, &rule, depth, dice),
        };
        let mut tests = rule.tests.join(" ");
        if chain.family != "inet" {
            // Refused where there is but one.
            tests = tests.replace(&format!("meta nfproto {}", rule.family()), "");
        }
        let tests = tests.as_str();
        let ending = match chain.family {
            "ip" if native => ending.replace("icmpx", "icmp type"),
            "ip6" if native => ending
                .replace("icmpx host-unreachable", "icmpv6 type addr-unreachable")
                .replace("icmpx", "icmpv6 type"),
            _ => ending,
        };
        // For iptables the protocol comes first: matches of ports follow it.
        let text = format!("{scope} {tests} {ending}");
        line.text = self.named(&text.split_whitespace().collect::<Vec<_>>().join(" "));
        match scoped || depth > 0 {
            true => self.chains.entry(chain).or_default().push(line),
            false => self.broad.push((chain, line)),
        }
    }

    fn verdict(
        chain: &Chain,
        before: bool,
        line: &mut Line,
        rule: &Rule,
        depth: usize,
        dice: &mut Dice,
    ) -> String {
        let native = chain.front == Front::Nft;
        let kind = match dice.below(100) {
            0..45 => 0,
            45..72 => 1,
            72..92 if !before => 2,
            92..100 if depth > 0 => 3,
            _ => 1,
        };
        let tcp = rule.protocol() == "tcp";
        let (name, text) = match (kind, native) {
            (0, true) => ("accept", "accept"),
            (0, false) => ("xt ACCEPT", "-j ACCEPT"),
            (1, true) => ("drop", "drop"),
            (1, false) => ("xt DROP", "-j DROP"),
            (2, true) if tcp && dice.percent(50) => ("reject", "meta l4proto tcp reject with tcp reset"),
            (2, true) => (
                "reject",
                dice.pick(&[
                    "reject",
                    "reject with icmpx admin-prohibited",
                    "counter reject with icmpx host-unreachable",
                ]),
            ),
            (2, false) if tcp && dice.percent(50) => ("xt REJECT", "-j REJECT --reject-with tcp-reset"),
            (2, false) if chain.family == "ip" => {
                ("xt REJECT", dice.pick(&["-j REJECT", "-j REJECT --reject-with icmp-admin-prohibited"]))
            }
            (2, false) => {
                ("xt REJECT", dice.pick(&["-j REJECT", "-j REJECT --reject-with icmp6-adm-prohibited"]))
            }
            (_, true) => ("return", "return"),
            (_, false) => ("xt RETURN", "-j RETURN"),
        };
        line.ingredients.push(name);
        line.decides = kind != 3;
        text.to_owned()
    }

    fn declare(&mut self, chain: &Chain, kind: &str, name: &str, properties: &str, elements: &[String]) {
        if kind == "ipset" {
            let name = self.named(name);
            let _ = writeln!(self.ipset, "create {name} {properties}");
            for element in elements {
                let _ = writeln!(self.ipset, "add {name} {element}");
            }
            return;
        }
        let elements = match elements.is_empty() {
            true => String::new(),
            false => format!("elements = {{ {} }};", elements.join(", ")),
        };
        let _ = writeln!(
            self.objects.entry((chain.family, chain.table.clone())).or_default(),
            "  {kind} {name} {{ {properties} {elements} }}"
        );
    }

    /// Sets of ipset outlive their ruleset a little: their names are unique in all of a run.
    fn named(&self, text: &str) -> String {
        let mut named = String::new();
        for (at, word) in text.split(' ').enumerate() {
            let set = word.starts_with('s')
                && word.contains('_')
                && word[1..].replace('_', "").parse::<u64>().is_ok();
            let _ = write!(named, "{}{word}", if at > 0 { " " } else { "" });
            if set {
                let _ = write!(named, "_{}", self.number);
            }
        }
        named
    }

    /// What loads everything, and the rules as they then stand.
    pub(crate) fn finish(mut self) -> (String, BTreeMap<Chain, Vec<Line>>) {
        for (chain, line) in std::mem::take(&mut self.broad) {
            self.chains.entry(chain).or_default().push(line);
        }
        for (chain, lines) in &mut self.chains {
            // Replies of the container pass: a test of theirs is not what a rule was drawn for.
            let replies: &[&str] = match (chain.front, chain.name.as_str()) {
                (Front::Nft, "forward" | "forward_late") => &["iifname docker0 accept"],
                (Front::Nft, "raw" | "mangle") => &[
                    "iifname docker0 tcp flags & ack == ack accept",
                    "iifname docker0 udp sport { 22, 53, 80, 443, 3306, 8080 } accept",
                    "iifname docker0 meta l4proto { 1, 58 } accept",
                ],
                (Front::Nft, _) => continue,
                (_, "FORWARD") => &["-i docker0 -j ACCEPT"],
                (_, "PREROUTING") if chain.table != "nat" => &[
                    "-i docker0 -p tcp ! --syn -j ACCEPT",
                    "-i docker0 -p udp -m multiport --sports 22,53,80,443,3306,8080 -j ACCEPT",
                    "-i docker0 -p 1 -j ACCEPT",
                    "-i docker0 -p 58 -j ACCEPT",
                ],
                _ => continue,
            };
            let line =
                |text: &&str| Line { text: (*text).to_owned(), ingredients: Vec::new(), decides: true };
            lines.splice(0..0, replies.iter().map(line));
        }
        let mut load = String::new();
        if !self.ipset.is_empty() {
            let _ = write!(load, "ipset restore <<'END'\n{}END\n", self.ipset);
        }
        self.native(&mut load);
        for (front, tool) in [(Front::IptablesNft, "nft"), (Front::IptablesLegacy, "legacy")] {
            for (family, program) in [("ip", "iptables"), ("ip6", "ip6tables")] {
                let text = self.restored(front, family);
                if !text.is_empty() {
                    let _ = write!(load, "{program}-{tool}-restore <<'END'\n{text}END\n");
                }
            }
        }
        (load, self.chains)
    }

    fn native(&self, load: &mut String) {
        let tables: std::collections::BTreeSet<(&str, &str)> = self
            .chains
            .keys()
            .filter(|chain| chain.front == Front::Nft)
            .map(|chain| (chain.family, chain.table.as_str()))
            .collect();
        if tables.is_empty() {
            return;
        }
        load.push_str("nft -f - <<'END'\n");
        for (family, table) in tables {
            let _ = writeln!(load, "table {family} {table} {{");
            load.push_str(self.objects.get(&(family, table.to_owned())).map_or("", String::as_str));
            let mine = |chain: &Chain| {
                chain.front == Front::Nft && (chain.family, chain.table.as_str()) == (family, table)
            };
            // Chains that are jumped to come before those that jump.
            let (user, base): (Vec<_>, Vec<_>) = self
                .chains
                .iter()
                .filter(|(chain, _)| mine(chain))
                .partition(|(chain, _)| !BASE.iter().any(|(name, ..)| *name == chain.name));
            for (chain, _) in &user {
                let _ = writeln!(load, "  chain {} {{ }}", chain.name);
            }
            for (chain, lines) in user.iter().chain(&base) {
                let _ = writeln!(load, "  chain {} {{", chain.name);
                if let Some((name, hook, priority, _)) = BASE.iter().find(|(name, ..)| *name == chain.name) {
                    let drops = family == "inet" && self.drops.get(name) == Some(&true);
                    let _ = writeln!(
                        load,
                        "    type {hook} priority {}; policy {};",
                        priority + if family == "inet" { 0 } else { 1 },
                        if drops { "drop" } else { "accept" }
                    );
                }
                for line in *lines {
                    let _ = writeln!(load, "    {}", line.text);
                }
                load.push_str("  }\n");
            }
            load.push_str("}\n");
        }
        load.push_str("END\n");
    }

    fn restored(&self, front: Front, family: &str) -> String {
        let mut text = String::new();
        for table in ["raw", "mangle", "nat", "filter"] {
            let mine: Vec<_> = self
                .chains
                .iter()
                .filter(|(chain, _)| {
                    (chain.front, chain.family, chain.table.as_str()) == (front, family, table)
                })
                .collect();
            if mine.is_empty() {
                continue;
            }
            let _ = writeln!(text, "*{table}");
            for (chain, _) in &mine {
                let policy = match chain.name.as_str() {
                    "INPUT" if self.drops["input"] => "DROP",
                    "FORWARD" if self.drops["forward"] => "DROP",
                    "INPUT" | "FORWARD" | "PREROUTING" => "ACCEPT",
                    _ => "-",
                };
                let _ = writeln!(text, ":{} {policy} [0:0]", chain.name);
            }
            for (chain, lines) in &mine {
                for line in *lines {
                    let _ = writeln!(text, "-A {} {}", chain.name, line.text);
                }
            }
            text.push_str("COMMIT\n");
        }
        text
    }
}
