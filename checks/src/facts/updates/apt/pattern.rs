//! The patterns of apt_preferences(5): a name, a glob, or an extended regular expression between slashes; case is ignored.

/// A longer pattern is not understood.
const LONGEST: usize = 1024;
/// What a count in braces may ask for.
const MOST_REPEATS: usize = 255;
/// How many steps a byte of text may take.
const MOST_STEPS: usize = 20_000;
/// Deeper groups are not understood.
const DEEPEST: usize = 32;

/// What a text is held against.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Option<Node>);

/// A piece of a pattern.
#[derive(Debug, Clone)]
enum Node {
    /// One byte out of a set.
    One(Box<[bool; 256]>),
    /// One after the other.
    All(Vec<Node>),
    /// One of them.
    Any(Vec<Node>),
    /// At least so often, at most so often.
    Repeat(Box<Node>, usize, Option<usize>),
    /// The start of the text.
    Start,
    /// Its end.
    End,
}

impl Pattern {
    /// Reads a pattern; nothing when it is an expression that is malformed or not understood.
    pub(super) fn new(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let inner = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        let lower = |text: &str| text.to_ascii_lowercase().into_bytes();
        let node = match inner {
            Some(expression) => {
                let bytes = lower(expression);
                let mut parser = Expression { text: &bytes, at: 0, deep: 0 };
                let node = parser.alternatives()?;
                if parser.at < bytes.len() {
                    return None;
                }
                // Without anchors it may be found anywhere.
                let gap = || Node::Repeat(Box::new(Node::One(Box::new([true; 256]))), 0, None);
                Node::All(vec![gap(), node, gap(), Node::End])
            }
            None => match glob(&lower(text)) {
                Some(mut nodes) => {
                    nodes.push(Node::End);
                    Node::All(nodes)
                }
                None => return Some(Self(None)),
            },
        };
        (steps(&node) <= MOST_STEPS).then_some(Self(Some(node)))
    }

    /// Whether a text is what the pattern says.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(node) = &self.0 else { return false };
        let text = text.to_ascii_lowercase();
        let bytes = text.as_bytes().get(..text.len().min(4096)).unwrap_or_default();
        let mut places = vec![false; bytes.len().saturating_add(1)];
        if let Some(first) = places.first_mut() {
            *first = true;
        }
        step(node, bytes, &places).last().copied().unwrap_or_default()
    }
}

/// Where a match may end, for all the places at which it may begin. Time is bounded by pattern times text squared.
fn step(node: &Node, text: &[u8], from: &[bool]) -> Vec<bool> {
    match node {
        Node::One(set) => {
            let mut to = vec![false; from.len()];
            for ((start, byte), end) in from.iter().zip(text).zip(to.iter_mut().skip(1)) {
                *end = *start && set.get(usize::from(*byte)).copied().unwrap_or_default();
            }
            to
        }
        Node::All(nodes) => nodes.iter().fold(from.to_vec(), |places, node| step(node, text, &places)),
        Node::Any(nodes) => nodes.iter().fold(vec![false; from.len()], |mut all, node| {
            join(&mut all, &step(node, text, from));
            all
        }),
        Node::Repeat(inner, least, most) => {
            let mut places = from.to_vec();
            for _ in 0..*least {
                places = step(inner, text, &places);
            }
            let mut all = places.clone();
            // Every round but the last reaches a new place.
            let rounds = most.map_or(usize::MAX, |most| most.saturating_sub(*least));
            for _ in 0..rounds.min(from.len().saturating_add(1)) {
                places = step(inner, text, &places);
                if !join(&mut all, &places) {
                    break;
                }
            }
            all
        }
        Node::Start => from.iter().enumerate().map(|(at, place)| *place && at == 0).collect(),
        Node::End => {
            let last = from.len().saturating_sub(1);
            from.iter().enumerate().map(|(at, place)| *place && at == last).collect()
        }
    }
}

/// Repeated repetitions multiply.
fn steps(node: &Node) -> usize {
    match node {
        Node::One(_) | Node::Start | Node::End => 1,
        Node::All(nodes) | Node::Any(nodes) => nodes.iter().map(steps).fold(1, usize::saturating_add),
        Node::Repeat(inner, least, most) => {
            steps(inner).saturating_mul(most.unwrap_or(*least).max(*least).saturating_add(1))
        }
    }
}

/// Adds places to others; whether any was new.
fn join(all: &mut [bool], more: &[bool]) -> bool {
    let mut new = false;
    for (place, other) in all.iter_mut().zip(more) {
        new |= *other && !*place;
        *place |= *other;
    }
    new
}

fn letter(byte: u8) -> Node {
    let mut set = [false; 256];
    if let Some(place) = set.get_mut(usize::from(byte)) {
        *place = true;
    }
    Node::One(Box::new(set))
}

fn any() -> Node {
    Node::One(Box::new([true; 256]))
}

/// fnmatch(3) without flags; nothing for a pattern that can match no text.
fn glob(text: &[u8]) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    let mut at = 0_usize;
    while let Some(byte) = text.get(at) {
        at = at.saturating_add(1);
        match byte {
            b'*' => nodes.push(Node::Repeat(Box::new(any()), 0, None)),
            b'?' => nodes.push(any()),
            b'\\' => {
                nodes.push(letter(*text.get(at)?));
                at = at.saturating_add(1);
            }
            b'[' => match set(text, at, true) {
                Some((set, after)) => {
                    nodes.push(Node::One(set));
                    at = after;
                }
                // Without an end it is a bracket.
                None => nodes.push(letter(b'[')),
            },
            other => nodes.push(letter(*other)),
        }
    }
    Some(nodes)
}

/// What stands between brackets, from behind the first; and where it ends.
fn set(text: &[u8], mut at: usize, glob: bool) -> Option<(Box<[bool; 256]>, usize)> {
    let mut set = Box::new([false; 256]);
    let turned = match text.get(at)? {
        b'^' => true,
        b'!' => glob,
        _ => false,
    };
    at = at.saturating_add(usize::from(turned));
    let begin = at;
    loop {
        let byte = *text.get(at)?;
        let class = text.get(at..).and_then(|rest| rest.strip_prefix(b"[:"));
        if byte == b']' && at > begin {
            break;
        }
        if let Some((name, length)) = class.and_then(|rest| {
            let end = rest.windows(2).position(|two| two == b":]")?;
            Some((rest.get(..end)?, end))
        }) {
            let inside: fn(&u8) -> bool = match name {
                b"alpha" => u8::is_ascii_alphabetic,
                b"digit" => u8::is_ascii_digit,
                b"alnum" => u8::is_ascii_alphanumeric,
                b"upper" | b"lower" => u8::is_ascii_alphabetic,
                b"space" => |byte| matches!(byte, b' ' | 9..=13),
                b"blank" => |byte| matches!(byte, b' ' | b'\t'),
                b"punct" => u8::is_ascii_punctuation,
                b"xdigit" => u8::is_ascii_hexdigit,
                b"print" => |byte| byte.is_ascii_graphic() || *byte == b' ',
                b"graph" => u8::is_ascii_graphic,
                b"cntrl" => u8::is_ascii_control,
                _ => return None,
            };
            for (byte, place) in (0..=u8::MAX).zip(set.iter_mut()) {
                *place |= inside(&byte);
            }
            at = at.saturating_add(length).saturating_add(4);
            continue;
        }
        if matches!(text.get(at..), Some([b'[', b'.' | b'=', ..])) {
            return None;
        }
        let quoted = glob && byte == b'\\';
        let low = if quoted { *text.get(at.saturating_add(1))? } else { byte };
        at = at.saturating_add(1).saturating_add(usize::from(quoted));
        let high = match (text.get(at), text.get(at.saturating_add(1))) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                at = at.saturating_add(2);
                *high
            }
            _ => low,
        };
        for byte in low..=high {
            if let Some(place) = set.get_mut(usize::from(byte)) {
                *place = true;
            }
        }
    }
    if turned {
        set.iter_mut().for_each(|place| *place = !*place);
    }
    Some((set, at.saturating_add(1)))
}

/// regex(7), extended.
struct Expression<'a> {
    text: &'a [u8],
    at: usize,
    deep: usize,
}

impl Expression<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn alternatives(&mut self) -> Option<Node> {
        let mut all = vec![self.sequence()?];
        while self.peek() == Some(b'|') {
            self.skip();
            all.push(self.sequence()?);
        }
        if all.len() == 1 { all.pop() } else { Some(Node::Any(all)) }
    }

    fn sequence(&mut self) -> Option<Node> {
        let mut nodes = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| *byte != b'|') {
            if byte == b')' && self.deep > 0 {
                break;
            }
            self.skip();
            let node = match byte {
                b'^' => Node::Start,
                b'$' => Node::End,
                b'.' => any(),
                b'(' => {
                    self.deep = self.deep.saturating_add(1);
                    if self.deep > DEEPEST {
                        return None;
                    }
                    let inner = self.alternatives()?;
                    if self.peek() != Some(b')') {
                        return None;
                    }
                    self.skip();
                    self.deep = self.deep.saturating_sub(1);
                    inner
                }
                b'[' => {
                    let (set, after) = set(self.text, self.at, false)?;
                    self.at = after;
                    Node::One(set)
                }
                b'\\' => {
                    let quoted = self.peek()?;
                    self.skip();
                    // `\w`, `\b` and back references are GNU's, and not understood.
                    if quoted.is_ascii_alphanumeric() || b"<>`'".contains(&quoted) {
                        return None;
                    }
                    letter(quoted)
                }
                b'*' | b'+' | b'?' | b'{' => return None,
                other => letter(other),
            };
            let node = self.repeated(node)?;
            nodes.push(node);
        }
        Some(Node::All(nodes))
    }

    fn repeated(&mut self, mut node: Node) -> Option<Node> {
        while let Some(byte) = self.peek() {
            let (least, most) = match byte {
                b'*' => (0, None),
                b'+' => (1, None),
                b'?' => (0, Some(1)),
                b'{' => {
                    let rest = self.text.get(self.at.saturating_add(1)..)?;
                    let end = rest.iter().position(|byte| *byte == b'}')?;
                    let inner = std::str::from_utf8(rest.get(..end)?).ok()?;
                    self.at = self.at.saturating_add(end).saturating_add(1);
                    let (least, most) = match inner.split_once(',') {
                        None => (inner.parse().ok()?, Some(inner.parse().ok()?)),
                        Some((least, "")) => (least.parse().ok()?, None),
                        Some(("", most)) => (0, Some(most.parse().ok()?)),
                        Some((least, most)) => (least.parse().ok()?, Some(most.parse().ok()?)),
                    };
                    if least.max(most.unwrap_or(0)) > MOST_REPEATS || most.is_some_and(|most| most < least) {
                        return None;
                    }
                    (least, most)
                }
                _ => break,
            };
            self.skip();
            node = Node::Repeat(Box::new(node), least, most);
            if steps(&node) > MOST_STEPS {
                return None;
            }
        }
        Some(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(text)
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("bookworm", "Bookworm", true),
            ("bookworm", "bookworm-security", false),
            ("bookworm*", "bookworm-security", true),
            ("*-security", "bookworm-security", true),
            ("lib?", "libc", true),
            ("lib?", "lib", false),
            ("lib[a-c]6", "libc6", true),
            ("lib[!a-c]6", "libc6", false),
            ("lib[[:digit:]]*", "lib64z", true),
            ("a[", "a[", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*", "", true),
            ("", "", true),
            ("1.2*", "1.20-1", true),
        ] {
            assert_eq!(is(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn expressions() {
        for (pattern, text, expected) in [
            ("/^linux-(image|headers)/", "linux-headers-6.1", true),
            ("/^linux-(image|headers)/", "x-linux-image", false),
            ("/b+/", "aBbc", true),
            ("/^a{2,3}$/", "aaa", true),
            ("/^a{2,3}$/", "aaaa", false),
            ("/^(ab)*$/", "ababab", true),
            ("/^(a*)*$/", "aaaa", true),
            ("/[^0-9]$/", "1a", true),
            ("/[^0-9]$/", "a1", false),
            ("/./", "", false),
            ("/^1\\.2/", "1.2", true),
            ("/^1\\.2/", "1x2", false),
            ("//", "anything", true),
            ("/a|^b/", "cb", false),
        ] {
            assert_eq!(is(pattern, text), expected, "{pattern} {text}");
        }
        for malformed in [
            "/(/",
            "/[/",
            "/a{300}/",
            "/\\b/",
            "/*/",
            "/(((a{200}){200}){200})/",
            &format!("/{}/", "(".repeat(40)),
        ] {
            assert!(Pattern::new(malformed).is_none(), "{malformed}");
        }
    }

    #[test]
    fn hostile_expressions_end() {
        assert!(!is(&format!("/^{}$/", "(a*)*".repeat(100)), &format!("{}b", "a".repeat(200))));
        assert!(!is(&"*a".repeat(400), &"b".repeat(300)));
    }
}
