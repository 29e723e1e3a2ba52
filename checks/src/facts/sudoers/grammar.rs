//! The grammar of sudoers(5), as far as it decides who types a password.

use std::rc::Rc;

use super::command::command;
use super::cursor::{Cursor, Item};

/// A line that is no include.
#[derive(Debug)]
pub(super) enum Line {
    Defaults(Scope, Vec<Setting>),
    Aliases(AliasKind, Vec<(String, Vec<Item>)>),
    Rule(Rule),
}

/// Whom a `Defaults` line concerns.
#[derive(Debug)]
pub(super) enum Scope {
    /// Everyone, or everyone on some hosts: this host may be one of them.
    Global,
    Users(Vec<Item>),
    RunAs(Vec<Item>),
    Commands(Vec<Item>),
}

#[derive(Debug)]
pub(super) struct Setting {
    pub(super) negated: bool,
    pub(super) name: String,
    pub(super) value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AliasKind {
    User,
    RunAs,
    Command,
}

/// Who may run what.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) users: Vec<Item>,
    pub(super) permissions: Vec<Permission>,
}

/// One command of a rule, with the tags and the users that it inherits from those before it.
#[derive(Debug)]
pub(super) struct Permission {
    /// Whether the rule holds on every host; else this host may be one of them.
    pub(super) every_host: bool,
    /// Whether it depends on a time, a role, a folder or a digest.
    pub(super) conditional: bool,
    /// `None` without parentheses: root.
    pub(super) runas: Option<Rc<RunAs>>,
    /// `Some(false)` for NOPASSWD, `Some(true)` for PASSWD.
    pub(super) authenticate: Option<bool>,
    pub(super) command: Item,
}

#[derive(Debug, Default)]
pub(super) struct RunAs {
    pub(super) users: Vec<Item>,
    pub(super) groups: Vec<Item>,
}

const TAGS: &[&str] = &[
    "EXEC",
    "NOEXEC",
    "FOLLOW",
    "NOFOLLOW",
    "LOG_INPUT",
    "NOLOG_INPUT",
    "LOG_OUTPUT",
    "NOLOG_OUTPUT",
    "MAIL",
    "NOMAIL",
    "INTERCEPT",
    "NOINTERCEPT",
    "PASSWD",
    "NOPASSWD",
    "SETENV",
    "NOSETENV",
];
const OPTIONS: &[&str] = &[
    "ROLE",
    "TYPE",
    "PRIVS",
    "LIMITPRIVS",
    "NOTBEFORE",
    "NOTAFTER",
    "TIMEOUT",
    "CWD",
    "CHROOT",
    "APPARMOR_PROFILE",
];

/// Reads a line. `Some(None)` for one that says nothing about passwords, `None` for one that is not understood.
pub(super) fn line(text: &str) -> Option<Option<Line>> {
    if text.contains('\0') {
        return None;
    }
    let word_end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(word_end)?;
    let kind = match word {
        "Defaults" if rest.is_empty() || rest.starts_with([' ', '\t', '@', ':', '>', '!']) => {
            return defaults(rest).map(Some);
        }
        "User_Alias" => AliasKind::User,
        "Runas_Alias" => AliasKind::RunAs,
        "Cmnd_Alias" | "Cmd_Alias" => AliasKind::Command,
        "Host_Alias" => return Some(None),
        _ => return rule(text).map(Line::Rule).map(Some),
    };
    aliases(rest, kind).map(|aliases| Some(Line::Aliases(kind, aliases)))
}

fn defaults(text: &str) -> Option<Line> {
    let mut cursor = Cursor::new(text);
    let scope = match text.chars().next() {
        Some(mark @ ('@' | ':' | '>' | '!')) => {
            cursor.skip(1);
            let list = cursor.list(|_, _| false)?;
            match mark {
                '@' => Scope::Global,
                ':' => Scope::Users(list),
                '>' => Scope::RunAs(list),
                _ => Scope::Commands(list),
            }
        }
        _ => Scope::Global,
    };
    let mut settings = Vec::new();
    while !cursor.is_at_end() {
        let mut negated = false;
        while cursor.eat('!') {
            negated = !negated;
        }
        let name = cursor.word(|character, _| matches!(character, ',' | '=' | '+' | '-'))?;
        let _ = cursor.eat('+') || cursor.eat('-');
        let value = if cursor.eat('=') { Some(cursor.word(|character, _| character == ',')?) } else { None };
        if name.is_empty() {
            return None;
        }
        settings.push(Setting { negated, name, value });
        if !cursor.eat(',') && !cursor.is_at_end() {
            return None;
        }
    }
    Some(Line::Defaults(scope, settings))
}

/// `NAME = list : NAME = list`.
fn aliases(text: &str, kind: AliasKind) -> Option<Vec<(String, Vec<Item>)>> {
    let mut cursor = Cursor::new(text);
    let mut aliases = Vec::new();
    loop {
        let name = cursor.word(|character, _| character == '=')?;
        let capital = name.starts_with(|first: char| first.is_ascii_uppercase());
        if !capital || !cursor.eat('=') {
            return None;
        }
        let members = if kind == AliasKind::Command {
            let mut commands = Vec::new();
            loop {
                commands.push(command(&mut cursor)?.0);
                if !cursor.eat(',') {
                    break commands;
                }
            }
        } else {
            cursor.list(ends_name)?
        };
        aliases.push((name, members));
        if !cursor.eat(':') {
            return cursor.is_at_end().then_some(aliases);
        }
    }
}

fn rule(text: &str) -> Option<Rule> {
    let mut cursor = Cursor::new(text);
    let users = cursor.list(ends_name)?;
    let mut permissions = Vec::new();
    loop {
        // A host may be an IPv6 address, so a colon does not end it.
        let hosts = cursor.list(|character, _| matches!(character, '=' | '(' | ')'))?;
        let every_host = matches!(hosts.as_slice(), [Item { negated: false, name }] if name == "ALL");
        if !cursor.eat('=') {
            return None;
        }
        let (mut runas, mut authenticate, mut optional) = (None, None, false);
        loop {
            if cursor.eat('(') {
                runas = Some(Rc::new(run_as(&mut cursor)?));
            }
            while let Some(option) = ahead(&mut cursor, OPTIONS, '=') {
                let _ = option;
                cursor.word(|character, _| character == ',')?;
                optional = true;
            }
            while let Some(tag) = ahead(&mut cursor, TAGS, ':') {
                match tag {
                    "NOPASSWD" => authenticate = Some(false),
                    "PASSWD" => authenticate = Some(true),
                    _ => {}
                }
            }
            let (command, digest) = command(&mut cursor)?;
            let conditional = optional || digest;
            permissions.push(Permission {
                every_host,
                conditional,
                runas: runas.clone(),
                authenticate,
                command,
            });
            if !cursor.eat(',') {
                break;
            }
        }
        if !cursor.eat(':') {
            return cursor.is_at_end().then_some(Rule { users, permissions });
        }
    }
}

/// `users : groups )` after the opening parenthesis; either may be missing.
fn run_as(cursor: &mut Cursor<'_>) -> Option<RunAs> {
    let mut runas = RunAs::default();
    if !cursor.eat(')') {
        if !cursor.eat(':') {
            runas.users = cursor.list(ends_name)?;
            if cursor.eat(')') {
                return Some(runas);
            }
            if !cursor.eat(':') {
                return None;
            }
        }
        if !cursor.eat(')') {
            runas.groups = cursor.list(ends_name)?;
            if !cursor.eat(')') {
                return None;
            }
        }
    }
    Some(runas)
}

/// A known word with this mark after it, both consumed.
fn ahead(cursor: &mut Cursor<'_>, words: &[&'static str], mark: char) -> Option<&'static str> {
    cursor.blanks();
    let rest = cursor.rest();
    let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c == '_'))?;
    let word = words.iter().copied().find(|word| rest.get(..end) == Some(*word))?;
    let after = rest.get(end..)?;
    let gap = after.len().saturating_sub(after.trim_start().len());
    after.trim_start().starts_with(mark).then(|| {
        cursor.skip(end.saturating_add(gap).saturating_add(mark.len_utf8()));
        word
    })
}

/// `%:` starts the name of a group that is not in group(5); any other colon ends a name.
fn ends_name(character: char, word: &str) -> bool {
    match character {
        ':' => word != "%",
        '=' | '(' | ')' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule_of(text: &str) -> Vec<(String, Option<bool>)> {
        match line(text) {
            Some(Some(Line::Rule(rule))) => {
                rule.permissions.into_iter().map(|seen| (seen.command.name, seen.authenticate)).collect()
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn tags_and_users_hold_for_the_commands_after_them() {
        let seen = rule_of(
            "ada,%:x h1,fe80::1=(root) NOPASSWD : /bin/a -x \\: \\,y --a=b, /bin/b , PASSWD:NOEXEC:/bin/c : ALL = (:adm) ALL",
        );
        let expected =
            [("/bin/a", Some(false)), ("/bin/b", Some(false)), ("/bin/c", Some(true)), ("ALL", None)];
        assert_eq!(seen, expected.map(|(name, tag)| (name.to_owned(), tag)));
        assert_eq!(rule_of("a ALL=NOPASSWD:sha224:0GomF8mN3wlDt1HD9XldjJ3SNgpFdbjO1+NsQ== /bin/ls, ^/usr/bin/(a|b,c)$ ^x=.*$").len(), 2);
        assert_eq!(
            rule_of("a ALL=(ALL) CWD=/tmp TIMEOUT=5m NOPASSWD: SETENV: ALL"),
            [("ALL".to_owned(), Some(false))]
        );
    }

    #[test]
    fn what_is_not_understood_is_not_guessed() {
        for text in [
            "ada",
            "ada ALL",
            "ada ALL=",
            "ada ALL=(root ALL",
            "ada ALL = /bin/a,",
            "User_Alias x = y",
            "a\0 ALL=ALL",
            "User_Alias A = b, c d",
            "Defaults a b",
            "Cmnd_Alias C = ^open",
        ] {
            assert!(line(text).is_none(), "{text}");
        }
        assert!(matches!(line("Host_Alias X = 1.2.3.4 : Y = fe80::1"), Some(None)));
    }

    #[test]
    fn long_lines_end_in_linear_time() {
        for text in [
            "a,".repeat(100_000),
            "(".repeat(100_000),
            "a ALL=".to_owned() + &"NOPASSWD:".repeat(50_000),
            "!".repeat(100_000),
            "a ALL=(b) ".to_owned() + &"/x,".repeat(100_000),
            "Defaults ".to_owned() + &"a,".repeat(100_000),
        ] {
            let _ = line(&text);
        }
    }
}
