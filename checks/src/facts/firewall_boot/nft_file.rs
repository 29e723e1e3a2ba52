//! What a file for `nft -f` does with inbound traffic.

use super::chains::Chains;

/// What a file for `nft -f` does with inbound traffic.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NftFile {
    /// Something drops or rejects IPv4 on its way in.
    pub(super) ipv4: bool,
    /// Something drops or rejects IPv6 on its way in.
    pub(super) ipv6: bool,
    /// It reads other files.
    pub(super) includes: bool,
    /// It empties the whole ruleset, whoever has loaded it.
    pub(super) flushes: bool,
}

/// Reads blocks of tables and chains, and single commands.
pub(super) fn read(text: &str) -> NftFile {
    let mut reader = Reader::default();
    for token in tokens(text) {
        match token {
            "{" => reader.open(),
            "}" => reader.close(),
            "\n" | ";" => reader.end_statement(),
            word if reader.block.is_some() => reader.word_in_block(word),
            word => reader.statement.push(word),
        }
    }
    reader.depth = 0;
    reader.end_statement();
    let drops = |families: [&str; 2]| families.into_iter().any(|family| reader.chains.drop_inbound(family));
    NftFile {
        ipv4: drops(["ip", "inet"]),
        ipv6: drops(["ip6", "inet"]),
        includes: reader.includes,
        flushes: reader.flushes,
    }
}

/// Where in the file the reader is.
#[derive(Default)]
struct Reader<'a> {
    chains: Chains<'a>,
    includes: bool,
    flushes: bool,
    /// How many braces are open.
    depth: usize,
    /// The family of the table whose block is open.
    table: Option<&'a str>,
    /// The chain, map or set whose block is open.
    block: Option<Block<'a>>,
    /// The words since the last statement ended, outside of such blocks.
    statement: Vec<&'a str>,
}

struct Block<'a> {
    family: &'a str,
    name: &'a str,
    /// How many braces were open around it.
    depth: usize,
    previous: &'a str,
}

impl<'a> Reader<'a> {
    fn open(&mut self) {
        if self.block.is_none() {
            match (self.table, command(&self.statement)) {
                (None, ["table", named, ..]) => {
                    self.table = Some(family_of(named));
                    self.statement.clear();
                }
                (None, ["chain", named, ..]) => self.open_block(family_of(named)),
                // The braces of a set inside a rule.
                (None, _) => {}
                (Some(family), words) => {
                    // A map may hold verdicts, and rules look them up without a jump.
                    let is_map = words.first() == Some(&"map");
                    let name = words.last().copied().unwrap_or_default();
                    self.chains.get(family, name).inbound |= is_map;
                    self.open_block(family);
                }
            }
        }
        self.depth = self.depth.saturating_add(1);
    }

    fn open_block(&mut self, family: &'a str) {
        let name = self.statement.last().copied().unwrap_or_default();
        self.block = Some(Block { family, name, depth: self.depth, previous: "" });
        self.statement.clear();
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        let closed = self.block.take_if(|block| block.depth == self.depth).is_some();
        if !closed && self.depth == 0 && self.table.take().is_some() {
            self.statement.clear();
        }
    }

    fn word_in_block(&mut self, word: &'a str) {
        let Some(block) = &mut self.block else { return };
        let chain = self.chains.get(block.family, block.name);
        match std::mem::replace(&mut block.previous, word) {
            "hook" => chain.inbound |= matches!(word, "ingress" | "prerouting" | "input"),
            "jump" | "goto" => chain.targets.push(word),
            _ => chain.drops |= is_drop(word),
        }
    }

    fn end_statement(&mut self) {
        if self.block.is_some() || (self.table.is_none() && self.depth > 0) {
            return;
        }
        match command(&self.statement) {
            ["include", ..] => self.includes = true,
            ["flush", "ruleset", ..] => self.flushes = true,
            // A rule on a line of its own: `add rule inet filter input tcp dport 23 drop`.
            ["rule", named, rest @ ..] => {
                let name = if family_of(named) == *named { rest.get(1) } else { rest.first() };
                let chain = self.chains.get(family_of(named), name.copied().unwrap_or_default());
                chain.drops |= rest.iter().any(|word| is_drop(word));
                chain.targets.extend(rest.windows(2).filter_map(|pair| match pair {
                    ["jump" | "goto", target] => Some(*target),
                    _ => None,
                }));
            }
            _ => {}
        }
        self.statement.clear();
    }
}

/// A command without the verb that adds.
fn command<'a, 'b>(words: &'b [&'a str]) -> &'b [&'a str] {
    match words {
        ["add" | "insert" | "create", rest @ ..] => rest,
        all => all,
    }
}

/// The family that a word names; tables without one are of IPv4.
fn family_of(word: &str) -> &str {
    if matches!(word, "ip" | "ip6" | "inet" | "arp" | "bridge" | "netdev") { word } else { "ip" }
}

fn is_drop(word: &str) -> bool {
    matches!(word, "drop" | "reject")
}

/// Words, braces and ends of statements; comments and quoted strings are left out, line ends after `\` too.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            match first {
                '#' => rest = rest.get(rest.find('\n').unwrap_or(rest.len())..)?,
                '"' => {
                    let inside = rest.get(1..)?;
                    rest = inside.get(inside.find('"').map_or(inside.len(), |end| end + 1)..)?;
                }
                '\\' => rest = rest.strip_prefix("\\\n").or_else(|| rest.get(1..))?,
                '\n' | ';' | '{' | '}' => {
                    let (token, after) = rest.split_at_checked(1)?;
                    rest = after;
                    return Some(token);
                }
                other if other.is_whitespace() || other == ',' => rest = rest.get(other.len_utf8()..)?,
                _ => {
                    let ends = |one: char| one.is_whitespace() || "#\"\\;{},".contains(one);
                    let (token, after) = rest.split_at_checked(rest.find(ends).unwrap_or(rest.len()))?;
                    rest = after;
                    return Some(token);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families(text: &str) -> [bool; 2] {
        let seen = read(text);
        [seen.ipv4, seen.ipv6]
    }

    #[test]
    fn blocks_of_nft() {
        let stock = "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter;\n\t}\n\tchain forward {\n\t\ttype filter hook forward priority filter;\n\t}\n}\n";
        assert_eq!(families(stock), [false, false]);
        assert!(read(stock).flushes && !read(&stock.replace("flush", "# flush")).flushes);
        assert_eq!(
            families(&stock.replace("input priority filter;", "input priority filter; policy drop;")),
            [true; 2]
        );
        assert_eq!(
            families(&stock.replace("forward priority filter;", "forward priority filter; policy drop;")),
            [false; 2]
        );
        let deny =
            stock.replace("\tchain input", "\tchain deny { counter reject comment \"no\"; }\n\tchain input");
        assert_eq!(families(&deny), [false; 2], "nothing jumps to the chain that rejects");
        assert_eq!(
            families(&deny.replace("input priority filter;", "input priority 0; jump deny")),
            [true; 2]
        );
        assert_eq!(
            families(
                "table ip6 f { chain c { type filter hook input priority 0; tcp dport { 23, 25 } drop; } }"
            ),
            [false, true]
        );
        assert_eq!(
            families("table f {\nmap m { type ipv4_addr : verdict; elements = { 192.0.2.1 : drop } }\n}"),
            [true, false]
        );
        assert_eq!(
            families("table inet f { chain c { hook input; comment \"drop everything\" # drop\n } }"),
            [false; 2]
        );
        assert_eq!(
            families(
                "table ip f { set s { elements = { 1, 2 } }\n chain c { hook output; drop }\n chain d { hook input; ip saddr { 1.1.1.1, 2.2.2.2 } accept; reject } }"
            ),
            [true, false]
        );
    }

    #[test]
    fn commands_of_nft() {
        let base =
            "add table inet f\nadd chain inet f in { type filter hook input priority 0 ; policy drop ; }\n";
        assert_eq!(families(base), [true; 2]);
        let open = "add table inet f\nadd chain inet f in { type filter hook input priority 0 ; }\nadd rule inet f in tcp dport 22 accept\n";
        assert_eq!(families(open), [false; 2]);
        assert_eq!(families(&format!("{open}add rule inet f in drop")), [true; 2]);
        assert_eq!(families(&format!("{open}add rule f in drop\n")), [false; 2]);
        let forward =
            "add chain ip f fwd { type filter hook forward priority 0 ; }\nadd rule ip f fwd drop\n";
        assert_eq!(families(forward), [false; 2]);
        let braces = format!("{open}add rule inet f in tcp dport {{ 23,\n 25 }} counter drop\n");
        assert_eq!(families(&braces), [true; 2]);
        assert_eq!(
            families(&format!("{open}add rule inet f in goto x\nadd rule inet f x drop\n")),
            [true; 2]
        );
        assert!(read("include \"/etc/nftables/*.nft\"\n").includes);
    }

    #[test]
    fn nonsense_ends() {
        for text in [
            "}}}}",
            "{{{{",
            "\"",
            "\\",
            "# drop",
            "table",
            "table {",
            "chain x y {",
            "é{drop}",
            "\0;\0",
            "add rule",
            "add rule ip",
        ] {
            read(text);
        }
        read(&"table ip x { chain y { ".repeat(20_000));
        read(&"a\n".repeat(100_000));
    }
}
