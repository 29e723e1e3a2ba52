//! The commands of a script, carried out on tables in memory.

use super::block;
use super::lexer::Token;
use super::rule;
use crate::evidence::Evidence;
use crate::facts::firewall_boot::tables::{Contents, SavedChain, SavedRule, SavedTable};
use crate::facts::ruleset::nftables::Family;

/// Carries out commands.
pub(super) struct Script<'a> {
    files: &'a [String],
    contents: Contents,
}

/// What stands between braces or ends of lines: words, and a block in braces at their end.
pub(super) struct Statement<'a> {
    pub(super) words: &'a [Token],
    pub(super) block: Option<&'a [Token]>,
}

/// Takes statements apart. A word before braces that `opens` says to open a block ends with it; other braces belong to
/// the statement, with the line ends inside them.
pub(super) fn statements<'a>(
    tokens: &'a [Token],
    opens: impl Fn(&[Token]) -> bool,
) -> impl Iterator<Item = Result<Statement<'a>, String>> {
    let mut rest = tokens;
    std::iter::from_fn(move || {
        loop {
            let first = rest.first()?;
            if !(first.is("\n") || first.is(";")) {
                break;
            }
            rest = rest.get(1..)?;
        }
        let mut depth = 0_usize;
        let mut block_at = None;
        for (at, token) in rest.iter().enumerate() {
            if token.is("{") {
                if depth == 0 && block_at.is_none() && rest.get(..at).is_some_and(&opens) {
                    block_at = Some(at);
                }
                depth = depth.saturating_add(1);
            } else if token.is("}") {
                let Some(less) = depth.checked_sub(1) else {
                    rest = &[];
                    return Some(Err("a brace closes that was not opened".to_owned()));
                };
                depth = less;
                if depth == 0
                    && let Some(opened) = block_at
                {
                    let words = rest.get(..opened)?;
                    let block = rest.get(opened.saturating_add(1)..at);
                    rest = rest.get(at.saturating_add(1)..)?;
                    return Some(Ok(Statement { words, block }));
                }
            } else if depth == 0 && (token.is("\n") || token.is(";")) {
                let words = rest.get(..at)?;
                rest = rest.get(at..)?;
                return Some(Ok(Statement { words, block: None }));
            }
        }
        let words = std::mem::take(&mut rest);
        Some(if depth > 0 {
            Err("a brace is not closed".to_owned())
        } else {
            Ok(Statement { words, block: None })
        })
    })
}

/// The family that a word names.
fn family(word: Option<&Token>) -> Option<Family> {
    Some(match word?.text.as_str() {
        "ip" => Family::Ip,
        "ip6" => Family::Ip6,
        "inet" => Family::Inet,
        "arp" => Family::Arp,
        "bridge" => Family::Bridge,
        "netdev" => Family::Netdev,
        _ => return None,
    })
}

impl<'a> Script<'a> {
    pub(super) fn new(files: &'a [String]) -> Self {
        Self { files, contents: Contents::default() }
    }

    /// Carries all of them out.
    pub(super) fn run(mut self, tokens: &[Token]) -> Contents {
        let opens = |words: &[Token]| {
            let words = match words {
                [verb, rest @ ..] if verb.is("add") || verb.is("create") => rest,
                all => all,
            };
            words.first().is_some_and(|word| {
                [
                    "table",
                    "chain",
                    "set",
                    "map",
                    "flowtable",
                    "counter",
                    "quota",
                    "limit",
                    "synproxy",
                    "secmark",
                    "ct",
                ]
                .iter()
                .any(|kind| word.is(kind))
            })
        };
        for statement in statements(tokens, opens) {
            let place =
                statement.as_ref().ok().and_then(|one| one.words.first()).map(|token| self.evidence(token));
            if let Err(reason) = statement.and_then(|statement| self.command(&statement)) {
                let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
                self.unclear(format!("{place}{reason}"));
            }
        }
        self.contents
    }

    /// A hundred reasons are as good as ten thousand.
    fn unclear(&mut self, reason: String) {
        if self.contents.unclear.len() < 100 {
            self.contents.unclear.push(reason);
        }
    }

    fn evidence(&self, token: &Token) -> Evidence {
        let (file, line) = token.at;
        Evidence::at(self.files.get(file).map(String::as_str).unwrap_or_default(), line)
    }

    fn command(&mut self, statement: &Statement<'_>) -> Result<(), String> {
        let (verb, words) = match statement.words {
            [verb, rest @ ..]
                if ["add", "create", "insert", "delete", "destroy", "flush", "replace", "reset"]
                    .iter()
                    .any(|known| verb.is(known)) =>
            {
                (verb.text.as_str(), rest)
            }
            all => ("add", all),
        };
        let Some((kind, rest)) = words.split_first() else { return Ok(()) };
        let (family, rest) = match family(rest.first()) {
            Some(family) => (family, rest.get(1..).unwrap_or_default()),
            None => (Family::Ip, rest),
        };
        let name = |at: usize| rest.get(at).map(|token| token.text.as_str()).ok_or("it lacks a name");
        match (verb, kind.text.as_str()) {
            ("flush", "ruleset") => {
                if words.len() > 1 {
                    self.contents.tables.retain(|table| table.family != family);
                    return Ok(());
                }
                self.contents = Contents { flushes: true, ..Contents::default() };
            }
            ("add" | "create", "table") => {
                let table = self.contents.table(family, name(0)?);
                if let Some(block) = statement.block {
                    return block::table(self.files, table, block);
                }
            }
            ("delete" | "destroy", "table") => {
                let name = name(0)?;
                self.contents.tables.retain(|table| table.family != family || table.name != name);
            }
            ("flush", "table") => {
                for chain in &mut self.contents.table(family, name(0)?).chains {
                    chain.rules.clear();
                }
            }
            ("add" | "create", "chain") => {
                let (table, chain) = (name(0)?, name(1)?);
                let chain = chain_of(self.contents.table(family, table), chain);
                if let Some(block) = statement.block {
                    return block::chain(self.files, family, chain, block);
                }
            }
            ("flush", "chain") => chain_of(self.contents.table(family, name(0)?), name(1)?).rules.clear(),
            ("delete" | "destroy", "chain") => {
                let name = name(1)?;
                self.contents.table(family, self::name(rest, 0)?).chains.retain(|chain| chain.name != name);
            }
            ("add" | "insert", "rule") => {
                let (table, chain) = (name(0)?, name(1)?);
                let words = rest.get(2..).unwrap_or_default();
                if words
                    .first()
                    .is_some_and(|word| word.is("position") || word.is("index") || word.is("handle"))
                {
                    return Err("it puts a rule beside another by its number".to_owned());
                }
                let rule = saved(self.files, family, words);
                let rules = &mut chain_of(self.contents.table(family, table), chain).rules;
                let at = if verb == "insert" { 0 } else { rules.len() };
                // Inserting ten thousand rules in front would take a square of the time.
                if at == 0 && rules.len() > 2_000 {
                    return Err("it inserts too many rules".to_owned());
                }
                rules.insert(at, rule);
            }
            ("add" | "create", "set" | "map") => {
                let table = self.contents.table(family, name(0)?);
                let set = name(1)?;
                block::set(table, set, statement.block.unwrap_or_default());
            }
            ("add" | "create", "element") => {
                let table = self.contents.table(family, name(0)?);
                block::elements(table, name(1)?, rest.get(2..).unwrap_or_default())?;
            }
            (
                "add" | "create",
                "counter" | "quota" | "limit" | "flowtable" | "synproxy" | "secmark" | "ct",
            ) => {}
            (verb, kind) => return Err(format!("hostduty does not follow `{verb} {kind}`")),
        }
        Ok(())
    }
}

fn name(words: &[Token], at: usize) -> Result<&str, String> {
    words.get(at).map(|token| token.text.as_str()).ok_or_else(|| "it lacks a name".to_owned())
}

/// The chain of this name, new if there was none.
pub(super) fn chain_of<'t>(table: &'t mut SavedTable, name: &str) -> &'t mut SavedChain {
    let at = table.chains.iter().position(|chain| chain.name == name);
    let at = at.unwrap_or_else(|| {
        table.chains.push(SavedChain { name: name.to_owned(), base: None, rules: Vec::new() });
        table.chains.len().saturating_sub(1)
    });
    #[allow(clippy::indexing_slicing, reason = "the place was found or made above")]
    &mut table.chains[at]
}

/// One rule with its words.
pub(super) fn saved(files: &[String], family: Family, words: &[Token]) -> SavedRule {
    let (file, line) = words.first().map_or((0, 0), |token| token.at);
    let mut text = String::new();
    for token in words.iter().filter(|token| !token.is("\n")) {
        if text.len() > 200 {
            text += " …";
            break;
        }
        let space = if text.is_empty() || token.is(",") { "" } else { " " };
        text += &if token.quoted {
            format!("{space}\"{}\"", token.text)
        } else {
            format!("{space}{}", token.text)
        };
    }
    let source = files.get(file).map(String::as_str).unwrap_or_default();
    let at = Evidence::at(source, line).says(text);
    match rule::read(family, words) {
        Ok(words) => SavedRule { at, words, unclear: None },
        Err(reason) => SavedRule { at, words: Vec::new(), unclear: Some(reason) },
    }
}
