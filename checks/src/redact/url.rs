//! Credentials in the address of a service: `https://user:password@host`, `https://token@host`.

use super::{Spans, run};

/// Finds the user part of URLs. A user name alone is shown where it is a login (`ssh://root@host`) and hidden where services
/// put tokens in its place (`https://`).
pub(super) fn find(text: &str, spans: &mut Spans) {
    let (mut from, mut word) = (0, 0);
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("://")).map(|at| from + at) {
        let start = at + 3;
        if word < start {
            word = run(text, start, |byte| {
                !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>')
            });
        }
        // A URL inside of a URL is found on its own.
        let end = text.get(start..word).and_then(|rest| rest.find("://")).map_or(word, |next| start + next);
        if let Some(rest) = text.get(start..end) {
            credentials(text, at, start, rest, spans);
        }
        from = end;
    }
}

fn credentials(text: &str, scheme_end: usize, start: usize, rest: &str, spans: &mut Spans) {
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let user = match rest.get(..authority).and_then(|authority| authority.rfind('@')) {
        Some(at) => at,
        // A password may hold a slash: then what follows the colon is no port.
        None => {
            let port = rest.get(..authority).and_then(|host| host.split_once(':')).map(|(_, port)| port);
            match port {
                Some(port) if !rest.starts_with('[') && !port.bytes().all(|byte| byte.is_ascii_digit()) => {
                    let Some(at) = rest.rfind('@') else { return };
                    at
                }
                _ => return,
            }
        }
    };
    let Some(user) = rest.get(..user) else { return };
    match user.find(':') {
        Some(colon) => spans.hide(start + colon + 1, start + user.len()),
        None => {
            let web =
                ["http", "https", "ftp"].iter().any(|scheme| super::ends_with(text, scheme_end, scheme));
            if web || user.len() >= 20 {
                spans.hide(start, start + user.len());
            }
        }
    }
}
