//! A script for `nft -f`: the tables, chains, rules and sets that it leaves in the kernel.

mod block;
mod context;
mod lexer;
mod rule;
mod script;
mod source;
mod statement;
mod values;

use self::script::Script;
use self::source::Source;
use super::form::key::Kind;
use super::tables::Contents;
use crate::host::Host;

/// Reads a script from its file, with what it includes.
pub(crate) fn read(host: &dyn Host, path: &str) -> Contents {
    let mut source = Source::new(host);
    match source.read(path) {
        Ok(tokens) => Script::new(&source.files).run(&tokens),
        Err(reason) => Contents { unclear: vec![reason], ..Contents::default() },
    }
}

/// The port of a service by its name.
pub(super) fn service(name: &str) -> Option<u16> {
    named(values::value(Kind::Port, 2, name)?)
}

/// The type of a message of ICMP by its name.
pub(super) fn icmp(ipv6: bool, name: &str) -> Option<u16> {
    named(values::value(if ipv6 { Kind::Icmpv6 } else { Kind::Icmp }, 1, name)?)
}

fn named(bytes: Vec<u8>) -> Option<u16> {
    Some(bytes.iter().fold(0, |number: u16, byte| number.wrapping_shl(8) | u16::from(*byte)))
}

pub(crate) use values::keys_of_number;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    fn contents(text: &str) -> Contents {
        read(&Tree::new(Timestamp(0)).file("/etc/nftables.conf", text), "/etc/nftables.conf")
    }

    #[test]
    fn blocks_and_single_commands_leave_the_same() {
        let block = contents(
            "flush ruleset\ntable inet filter {\n chain input {\n  type filter hook input priority filter; policy drop;\n  \
             tcp dport { 22,\n 80 } accept\n }\n}\n",
        );
        let single = contents(
            "flush ruleset; add table inet filter\nadd chain inet filter input { type filter hook input priority 0 ; \
             policy drop ; }\nadd rule inet filter input tcp dport {22, http} accept\n",
        );
        assert_eq!((&block.unclear, &single.unclear), (&Vec::new(), &Vec::new()));
        let words = |contents: &Contents| contents.tables[0].chains[0].rules[0].words.clone();
        assert_eq!(words(&block), ["meta l4proto tcp", "th dport { 22, 80 }", "accept"]);
        assert_eq!(words(&block), words(&single));
        assert_eq!(block.tables[0].chains[0].base, single.tables[0].chains[0].base);
        assert!(block.flushes);
    }

    #[test]
    fn what_is_not_understood_is_said_and_nonsense_ends() {
        for text in [
            "table inet f {",
            "}",
            "table inet f { }}",
            "replace rule inet f c handle 3 drop",
            "table inet f { strange x; }",
            "table inet f { chain c { type filter hook nowhere priority 0; } }",
            "table inet f { chain c { type filter hook input priority odd; } }",
            "include \"/etc/none.nft\"",
            "include \"./relative.nft\"",
            "add rule inet f c x $undefined",
            "add element inet f s { 1 }",
        ] {
            assert!(!contents(text).unclear.is_empty(), "{text:?}");
        }
        let rule = contents("table inet f { chain c { tcp option maxseg size 500 drop\n } }");
        assert!(rule.tables[0].chains[0].rules[0].unclear.is_some());
        contents(&"table ip x { chain y { ".repeat(20_000));
        contents(&"a\n".repeat(100_000));
    }
}
