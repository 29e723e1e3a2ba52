//! The blocks of tables, chains and sets.

use super::lexer::Token;
use super::script::{chain_of, saved, statements};
use super::values::{self, Typed};
use crate::facts::firewall_boot::form::{Element, sorted};
use crate::facts::firewall_boot::tables::{SavedChain, SavedSet, SavedTable};
use crate::facts::ruleset::nftables::{Base, Family};
use crate::facts::ruleset::{Hook, Policy};

/// What stands between the braces of `table`.
pub(super) fn table(files: &[String], table: &mut SavedTable, block: &[Token]) -> Result<(), String> {
    for statement in statements(block, |words| !words.is_empty()) {
        let statement = statement?;
        let inside = statement.block.unwrap_or_default();
        let name = statement.words.get(1).map(|token| token.text.as_str()).unwrap_or_default();
        match statement.words.first().map(|token| token.text.as_str()).unwrap_or_default() {
            "chain" => {
                let family = table.family;
                chain(files, family, chain_of(table, name), inside)?;
            }
            "set" | "map" => set(table, name, inside),
            "flags" => table.dormant |= statement.words.iter().any(|word| word.is("dormant")),
            // Objects count, limit or help; rules that name them say which.
            "comment" | "counter" | "quota" | "limit" | "ct" | "flowtable" | "synproxy" | "secmark" => {}
            other => return Err(format!("hostduty does not follow `{other}` in a table")),
        }
    }
    Ok(())
}

/// What stands between the braces of `chain`.
pub(super) fn chain(
    files: &[String],
    family: Family,
    chain: &mut SavedChain,
    block: &[Token],
) -> Result<(), String> {
    for statement in statements(block, |_| false) {
        let words = statement?.words;
        let second = |at: usize| words.get(at).map(|token| token.text.as_str()).unwrap_or_default();
        match second(0) {
            "type" if words.iter().any(|word| word.is("hook")) => {
                let policy = chain.base.take().map_or(Policy::Accept, |base| base.policy);
                chain.base = Some(base(family, words, policy)?);
            }
            "policy" => {
                let policy = match second(1) {
                    "drop" => Policy::Drop,
                    "accept" => Policy::Accept,
                    other => return Err(format!("hostduty does not know the policy {other:?}")),
                };
                chain.base.as_mut().ok_or("a policy comes before the hook")?.policy = policy;
            }
            "comment" | "flags" => {}
            "devices" => return Err("its devices are named apart".to_owned()),
            _ => chain.rules.push(saved(files, family, words)),
        }
    }
    Ok(())
}

/// `type filter hook input [device eth0] priority filter + 10`
fn base(family: Family, words: &[Token], policy: Policy) -> Result<Base, String> {
    let after = |name: &str| {
        let at = words.iter().position(|word| word.is(name))?;
        words.get(at.saturating_add(1)..)
    };
    let word = |name: &str| after(name).and_then(<[_]>::first).map(|token| token.text.as_str());
    let hook = match word("hook") {
        Some("ingress") => Hook::Ingress,
        Some("prerouting") => Hook::Prerouting,
        Some("input") => Hook::Input,
        Some("forward") => Hook::Forward,
        Some("output") => Hook::Output,
        Some("postrouting") => Hook::Postrouting,
        Some("egress") => Hook::Egress,
        _ => return Err("a chain has a hook that hostduty does not know".to_owned()),
    };
    let priority: String =
        after("priority").unwrap_or_default().iter().map(|token| token.text.as_str()).collect();
    let priority = self::priority(family, hook, &priority)
        .ok_or_else(|| format!("a chain has the priority {priority:?}, which hostduty does not know"))?;
    let devices = after("device").or_else(|| after("devices")).unwrap_or_default();
    let devices = devices.iter().take_while(|word| !word.is("priority"));
    let devices = devices.filter(|word| !["=", "{", "}", ","].iter().any(|sign| word.is(sign)));
    let devices = devices.map(|word| word.text.clone()).collect();
    Ok(Base { kind: word("type").unwrap_or_default().to_owned(), hook, priority, policy, devices })
}

/// A number, or a name with a number added or taken away.
fn priority(family: Family, hook: Hook, text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let at = text.find(['+', '-']).unwrap_or(text.len());
    let (name, offset) = text.split_at_checked(at)?;
    let offset: i32 = if offset.is_empty() { 0 } else { offset.parse().ok()? };
    let named: i32 = match (family, name) {
        (Family::Bridge, "dstnat") => -300,
        (Family::Bridge, "filter") => -200,
        (Family::Bridge, "out") => 100,
        (Family::Bridge, "srcnat") => 300,
        (Family::Bridge, _) => return None,
        (_, "raw") => -300,
        (_, "mangle") => -150,
        (_, "dstnat") if hook == Hook::Prerouting || hook == Hook::Output => -100,
        (_, "filter") => 0,
        (_, "security") => 50,
        (_, "srcnat") if hook == Hook::Postrouting || hook == Hook::Input => 100,
        _ => return None,
    };
    named.checked_add(offset)
}

/// What stands between the braces of `set` or `map`.
pub(super) fn set(table: &mut SavedTable, name: &str, block: &[Token]) {
    let mut set = SavedSet { name: name.to_owned(), changes: false, elements: Vec::new(), unclear: None };
    let mut keys = Err("a set has no type".to_owned());
    let mut elements = Vec::new();
    for statement in statements(block, |_| false) {
        let words = match statement {
            Ok(statement) => statement.words,
            Err(reason) => {
                set.unclear = Some(reason);
                break;
            }
        };
        match words.first().map(|token| token.text.as_str()).unwrap_or_default() {
            "type" => keys = values::keys_of_types(words.get(1..).unwrap_or_default()),
            "typeof" => keys = values::keys_of_fields(words.get(1..).unwrap_or_default()),
            "timeout" => set.changes = true,
            "flags" => set.changes |= words.iter().any(|word| word.is("dynamic") || word.is("timeout")),
            "elements" => elements.extend_from_slice(words.get(2..).unwrap_or_default()),
            _ => {}
        }
    }
    table.sets.retain(|other| other.name != name);
    fill(&mut set, keys, &elements);
    table.sets.push(set);
}

fn fill(set: &mut SavedSet, keys: Result<Vec<Typed>, String>, elements: &[Token]) {
    let keys = match keys {
        Ok(keys) => keys,
        Err(reason) => {
            set.unclear = Some(reason);
            return;
        }
    };
    let read: Result<Vec<Element>, String> = values::braces(&keys, elements);
    match read {
        Ok(elements) => set.elements = values::shown(&keys, &sorted(elements)),
        Err(reason) => set.unclear = Some(reason),
    }
}

/// `add element inet filter allowed { 192.0.2.1 }`
pub(super) fn elements(table: &mut SavedTable, name: &str, words: &[Token]) -> Result<(), String> {
    let set = table.sets.iter_mut().find(|set| set.name == name);
    let set = set.ok_or_else(|| format!("it adds elements to {name}, which is not there"))?;
    let _ = words;
    set.unclear = Some("elements are added to it apart".to_owned());
    Ok(())
}
