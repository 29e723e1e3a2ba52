//! A rule in the words of nft(8), as the steps that the kernel takes.

use super::context::{self, Context};
use super::lexer::Token;
use super::values::Typed;
use super::{statement, values};
use crate::facts::firewall_boot::form::key::Kind;
use crate::facts::firewall_boot::form::{Element, Key, Step, Test, Values, next, previous, words};
use crate::facts::ruleset::nftables::Family;

/// The rule in the words in which the kernel's rules are put too, or why that was not possible.
pub(super) fn read(family: Family, tokens: &[Token]) -> Result<Vec<String>, String> {
    let mut context = Context::new(family);
    let mut steps = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        if let Some(taken) = statement::read(rest, &mut context, &mut steps)? {
            rest = rest.get(taken.max(1)..).unwrap_or_default();
        } else {
            rest = test(rest, &mut context, &mut steps)?;
        }
    }
    Ok(words(family.name(), steps))
}

/// Reads one test; says what follows it.
fn test<'a>(
    tokens: &'a [Token],
    context: &mut Context,
    steps: &mut Vec<Step>,
) -> Result<&'a [Token], String> {
    let unknown = || {
        let shown = tokens.iter().take(3).map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        format!("hostduty does not compare {shown:?}")
    };
    let mut keys: Vec<(Key, &'static str)> = Vec::new();
    let mut rest = tokens;
    loop {
        let (key, name, taken) = context::key(rest).ok_or_else(unknown)?;
        steps.extend(context.before(name)?);
        keys.push((key, name));
        rest = rest.get(taken..).unwrap_or_default();
        match rest {
            [dot, after @ ..] if dot.is(".") => rest = after,
            _ => break,
        }
    }
    let flat: Vec<Key> = keys.iter().map(|(key, _)| *key).collect();
    let typed: Vec<Typed> = keys.iter().map(|(key, name)| (*key, values::kind_of(name))).collect();
    let [(key, name)] = keys.as_slice() else {
        let (verdict, invert, after) = operator(rest);
        let (values, after) = set(&typed, verdict, after).ok_or_else(unknown)??;
        steps.push(Step::Test(Test { keys: flat, mask: None, invert, values }));
        return Ok(after);
    };
    let kind = values::kind_of(name);
    let mut mask = None;
    if let [and, after @ ..] = rest
        && and.is("&")
    {
        let (bits, after) = flags(kind, key.bytes, after).ok_or_else(unknown)?;
        mask = Some(bits);
        rest = after;
    }
    // With a sign it is the value that is compared; without one, flags are looked for among others.
    let explicit = rest.first().is_some_and(|sign| sign.is("==") || sign.is("!="));
    let comparison = rest.first().map(|sign| sign.text.as_str()).unwrap_or_default();
    if let [sign, value, after @ ..] = rest
        && ["<", ">", "<=", ">=", "lt", "gt", "le", "ge"].iter().any(|known| sign.is(known))
    {
        let value = values::value(kind, key.bytes, &value.text).ok_or_else(unknown)?;
        let (least, most) = (vec![0; value.len()], vec![0xff; value.len()]);
        let (first, last) = match comparison {
            "<" | "lt" => (least, previous(&value).ok_or_else(unknown)?),
            "<=" | "le" => (least, value),
            ">" | "gt" => (next(&value).ok_or_else(unknown)?, most),
            _ => (value, most),
        };
        let values = Values::Here(vec![Element::range(first, last)]);
        steps.push(Step::Test(Test { keys: flat, mask, invert: false, values }));
        return Ok(after);
    }
    let (verdict, mut invert, mut rest) = operator(rest);
    if let Some(found) = set(&typed, verdict, rest) {
        let (values, after) = found?;
        steps.push(Step::Test(Test { keys: flat, mask, invert, values }));
        return Ok(after);
    }
    let is_flags = matches!(kind, Kind::State | Kind::Status | Kind::TcpFlags);
    let element = if is_flags || mask.is_some() {
        let (mut bits, after) = flags(kind, key.bytes, rest).ok_or_else(unknown)?;
        rest = after;
        if let [slash, after @ ..] = rest
            && slash.is("/")
            && mask.is_none()
        {
            let (all, after) = flags(kind, key.bytes, after).ok_or_else(unknown)?;
            mask = Some(all);
            rest = after;
        } else if mask.is_none() && !explicit {
            // Any of the flags, or none of them.
            let none = vec![0; bits.len()];
            mask = Some(std::mem::replace(&mut bits, none));
            invert = !invert;
        }
        Element::range(bits.clone(), bits)
    } else {
        let length = match rest {
            [_, dash, _, ..] if dash.is("-") => 3,
            _ => 1,
        };
        let value: Vec<&Token> = rest.iter().take(length).collect();
        rest = rest.get(value.len()..).unwrap_or_default();
        let (first, last) = values::range((*key, kind), &value)?;
        if first == last && !invert {
            context.learn(name, kind, &first);
        }
        Element::range(first, last)
    };
    steps.push(Step::Test(Test { keys: flat, mask, invert, values: Values::Here(vec![element]) }));
    Ok(rest)
}

/// Whether a verdict is looked up, whether the test is turned around, and what follows the sign.
fn operator(words: &[Token]) -> (bool, bool, &[Token]) {
    match words {
        [sign, rest @ ..] if sign.is("vmap") => (true, false, rest),
        [sign, rest @ ..] if sign.is("!=") || sign.is("!") || sign.is("ne") => (false, true, rest),
        [sign, rest @ ..] if sign.is("==") || sign.is("eq") => (false, false, rest),
        rest => (false, false, rest),
    }
}

type Found<'a> = Option<Result<(Values, &'a [Token]), String>>;

/// A set at the beginning of the words: in braces or by its name.
fn set<'a>(keys: &[Typed], verdict: bool, words: &'a [Token]) -> Found<'a> {
    let (first, rest) = words.split_first()?;
    if let Some(name) = first.text.strip_prefix('@').filter(|_| !first.quoted) {
        return Some(Ok((Values::Named { name: name.to_owned(), verdict }, rest)));
    }
    if !first.is("{") {
        return None;
    }
    let mut depth = 0_usize;
    for (at, word) in words.iter().enumerate() {
        if word.is("{") {
            depth = depth.saturating_add(1);
        } else if word.is("}") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                let (inside, after) = words.split_at_checked(at.saturating_add(1))?;
                return Some(values::braces(keys, inside).map(|elements| (Values::Here(elements), after)));
            }
        }
    }
    None
}

/// Flags with `,` or `|` between them, in parentheses or not, as one number.
fn flags(kind: Kind, bytes: u32, words: &[Token]) -> Option<(Vec<u8>, &[Token])> {
    let (grouped, mut rest) = match words {
        [open, rest @ ..] if open.is("(") => (true, rest),
        rest => (false, rest),
    };
    let mut all = vec![0; bytes as usize];
    loop {
        let (word, after) = rest.split_first()?;
        let value = values::value(kind, bytes, &word.text)?;
        all.iter_mut().zip(value).for_each(|(bits, more)| *bits |= more);
        rest = after;
        match rest {
            [sign, after @ ..] if sign.is(",") || sign.is("|") => rest = after,
            [close, after @ ..] if grouped && close.is(")") => return Some((all, after)),
            _ if grouped => return None,
            _ => return Some((all, rest)),
        }
    }
}
