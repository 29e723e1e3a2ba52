//! A command as sudoers(5) writes it: its path is kept, its arguments are passed over.

use super::cursor::{Cursor, Item};

/// A command without its arguments, and whether a digest stands before it.
pub(super) fn command(cursor: &mut Cursor<'_>) -> Option<(Item, bool)> {
    let mut digest = false;
    while ["sha224", "sha256", "sha384", "sha512"].iter().any(|name| {
        cursor.rest().trim_start().strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(':'))
    }) {
        cursor.word(|character, _| character == ':')?;
        cursor.eat(':');
        cursor.word(|character, _| character == ',')?;
        cursor.eat(',');
        digest = true;
    }
    let mut negated = false;
    while cursor.eat('!') {
        negated = !negated;
    }
    cursor.blanks();
    // A regular expression runs from `^` to `$` and may hold anything.
    if cursor.rest().starts_with('^') {
        let end = cursor.rest().find('$')?;
        let name = cursor.rest().get(..=end)?.to_owned();
        cursor.skip(end.saturating_add(1));
        arguments(cursor)?;
        return Some((Item { negated, name }, digest));
    }
    let name = cursor.word(|character, _| matches!(character, ',' | ':' | '=' | '(' | ')'))?;
    if name.is_empty() {
        return None;
    }
    arguments(cursor)?;
    Some((Item { negated, name }, digest))
}

/// Passes over the arguments of a command, up to a comma or colon that no backslash escapes. They may hold secrets.
fn arguments(cursor: &mut Cursor<'_>) -> Option<()> {
    cursor.blanks();
    if cursor.rest().starts_with('^') {
        let end = cursor.rest().find('$')?;
        cursor.skip(end.saturating_add(1));
    }
    let mut escaped = false;
    for (at, character) in cursor.rest().char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' | ':' => {
                cursor.skip(at);
                return Some(());
            }
            _ => {}
        }
    }
    cursor.skip(cursor.rest().len());
    Some(())
}
