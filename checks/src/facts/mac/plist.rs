//! Reads XML property lists, the form in which macOS keeps and prints structured data.
//!
//! The grammar is Apple's PropertyList-1.0.dtd, without CDATA sections and internal DTD subsets, which no system tool
//! writes. Binary lists are converted by the system's own plutil(1) first.

use std::collections::BTreeMap;

use crate::date::Timestamp;
use crate::gap::Gap;
use crate::host::{self, Command, Host};

/// Lists nested deeper than this are refused.
const DEPTH: u32 = 32;

/// One value of a property list.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `<dict>`; the first of two equal keys counts.
    Dict(BTreeMap<String, Value>),
    /// `<array>`
    Array(Vec<Value>),
    /// `<string>`
    Text(String),
    /// `<integer>`
    Integer(i64),
    /// `<real>`
    Real(f64),
    /// `<true/>` and `<false/>`
    Bool(bool),
    /// `<date>`
    Date(Timestamp),
    /// `<data>`, whose bytes are never kept: they may hold keys.
    Data,
}

impl Value {
    /// The value of a key, when this is a dictionary that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        if let Self::Dict(map) = self { map.get(key) } else { None }
    }
    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
    /// The elements of an array.
    #[must_use]
    pub fn array(&self) -> Option<&[Self]> {
        if let Self::Array(values) = self { Some(values) } else { None }
    }
    /// A truth value; older tools write 0 and 1.
    #[must_use]
    pub fn bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            Self::Integer(value @ 0..=1) => Some(*value == 1),
            _ => None,
        }
    }
    /// A date, or a number of seconds since 1970.
    #[must_use]
    pub fn instant(&self) -> Option<Timestamp> {
        match self {
            Self::Date(at) => Some(*at),
            Self::Integer(seconds) => Some(Timestamp(*seconds)),
            #[expect(clippy::cast_possible_truncation, reason = "a cast to an integer saturates")]
            Self::Real(seconds) if seconds.is_finite() => Some(Timestamp(seconds.floor() as i64)),
            _ => None,
        }
    }
}

/// Reads a property list from a file, by way of `plutil` when it is binary.
pub(super) fn read(host: &dyn Host, path: &str) -> Result<Value, Gap> {
    let bytes = host.read(path, host::SMALL)?;
    if !bytes.starts_with(b"bplist") {
        return parse(&bytes).map_err(|gap| Gap { what: format!("{path}: {}", gap.what), ..gap });
    }
    let convert = Command::new("/usr/bin/plutil", &["-convert", "xml1", "-o", "-", "--", path]);
    parse(&host.run(&convert)?.stdout).map_err(|gap| Gap { what: format!("{path}: {}", gap.what), ..gap })
}

/// The value that an XML property list holds.
///
/// # Errors
/// [`crate::gap::GapKind::Unsupported`] for a binary list, [`crate::gap::GapKind::Malformed`] for anything else that
/// is no complete list.
pub fn parse(bytes: &[u8]) -> Result<Value, Gap> {
    if bytes.starts_with(b"bplist") {
        return Err(Gap::unsupported("a binary property list"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("is not UTF-8"))?;
    let mut reader = Reader { rest: text.strip_prefix('\u{feff}').unwrap_or(text) };
    reader.prolog()?;
    let (name, empty) = reader.tag()?;
    if name != "plist" || empty {
        return Err(malformed("does not begin with <plist>"));
    }
    let value = reader.value(DEPTH)?;
    reader.close("plist")?;
    reader.blank()?;
    if reader.rest.is_empty() { Ok(value) } else { Err(malformed("goes on after </plist>")) }
}

fn malformed(why: &str) -> Gap {
    Gap::malformed(format!("the property list {why}"))
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Takes what lies before `end`, and `end`.
    fn until(&mut self, end: &str) -> Result<&'a str, Gap> {
        let (before, after) = self.rest.split_once(end).ok_or_else(|| malformed("is cut short"))?;
        self.rest = after;
        Ok(before)
    }

    /// Skips white space and comments.
    fn blank(&mut self) -> Result<(), Gap> {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix("<!--") {
                Some(after) => {
                    self.rest = after;
                    self.until("-->")?;
                }
                None => return Ok(()),
            }
        }
    }

    /// Skips the XML declaration and the document type.
    fn prolog(&mut self) -> Result<(), Gap> {
        loop {
            self.blank()?;
            if self.rest.starts_with("<?") {
                self.until("?>")?;
            } else if self.rest.starts_with("<!DOCTYPE") {
                if self.until(">")?.contains('[') {
                    return Err(malformed("has a document type of its own"));
                }
            } else {
                return Ok(());
            }
        }
    }

    /// An opening tag: its name, and whether it closes itself.
    fn tag(&mut self) -> Result<(&'a str, bool), Gap> {
        self.blank()?;
        self.rest = self.rest.strip_prefix('<').ok_or_else(|| malformed("has text between its elements"))?;
        let inner = self.until(">")?;
        let (inner, empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
        Ok((inner.split_whitespace().next().unwrap_or(""), empty))
    }

    fn close(&mut self, name: &str) -> Result<(), Gap> {
        match self.tag()? {
            (closing, false) if closing.strip_prefix('/') == Some(name) => Ok(()),
            _ => Err(malformed("closes another element than it opened")),
        }
    }

    /// The text of an element that holds nothing else.
    fn text(&mut self, name: &str, empty: bool) -> Result<String, Gap> {
        if empty {
            return Ok(String::new());
        }
        let raw = self.rest.find('<').and_then(|at| self.rest.split_at_checked(at));
        let (raw, after) = raw.ok_or_else(|| malformed("is cut short"))?;
        self.rest = after;
        self.close(name)?;
        unescape(raw)
    }

    fn value(&mut self, depth: u32) -> Result<Value, Gap> {
        let (name, empty) = self.tag()?;
        self.value_of(name, empty, depth)
    }

    fn value_of(&mut self, name: &str, empty: bool, depth: u32) -> Result<Value, Gap> {
        let below = depth.checked_sub(1).ok_or_else(|| malformed("is nested too deeply"))?;
        let bad = |what: &str| malformed(&format!("has a bad {what}"));
        Ok(match name {
            "dict" => Value::Dict(if empty { BTreeMap::new() } else { self.dict(below)? }),
            "array" => Value::Array(if empty { Vec::new() } else { self.array(below)? }),
            "true" | "false" => {
                if !empty {
                    self.close(name)?;
                }
                Value::Bool(name == "true")
            }
            "string" => Value::Text(self.text(name, empty)?),
            "integer" => {
                let text = self.text(name, empty)?;
                Value::Integer(text.trim().parse().map_err(|_| bad("integer"))?)
            }
            "real" => Value::Real(self.text(name, empty)?.trim().parse().map_err(|_| bad("real"))?),
            "date" => Value::Date(self.text(name, empty)?.trim().parse().map_err(|_| bad("date"))?),
            "data" => {
                self.text(name, empty)?;
                Value::Data
            }
            _ => return Err(malformed("has an element that no property list has")),
        })
    }

    fn dict(&mut self, depth: u32) -> Result<BTreeMap<String, Value>, Gap> {
        let mut map = BTreeMap::new();
        loop {
            match self.tag()? {
                ("/dict", false) => return Ok(map),
                ("key", empty) => {
                    let key = self.text("key", empty)?;
                    let value = self.value(depth)?;
                    map.entry(key).or_insert(value);
                }
                _ => return Err(malformed("has a value without a key")),
            }
        }
    }

    fn array(&mut self, depth: u32) -> Result<Vec<Value>, Gap> {
        let mut values = Vec::new();
        loop {
            match self.tag()? {
                ("/array", false) => return Ok(values),
                (name, empty) => values.push(self.value_of(name, empty, depth)?),
            }
        }
    }
}

/// Resolves the five named entities and numeric ones.
fn unescape(raw: &str) -> Result<String, Gap> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let (name, after) = after.split_once(';').ok_or_else(|| malformed("has a bare ampersand"))?;
        let number = || match name.strip_prefix("#x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => name.strip_prefix('#')?.parse().ok(),
        };
        text.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => number().and_then(char::from_u32).ok_or_else(|| malformed("has an unknown entity"))?,
        });
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GapKind;
    use crate::host::{Output, Tree};

    fn list(body: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
             \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n{body}\n</plist>\n"
        )
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let value = parse(
            list(
                "<dict><!-- note --><key>a &amp; b</key><array><string>&lt;&#65;&#x42;&gt;</string><integer>-7\
                 </integer><real>1.5</real><true/><false></false><date>2026-08-18T03:12:44Z</date>\
                 <data>\n\tc2VjcmV0\n</data><string/><dict/></array></dict>",
            )
            .as_bytes(),
        )
        .unwrap();
        let items = value.get("a & b").unwrap().array().unwrap();
        assert_eq!(items[0].text(), Some("<AB>"));
        assert_eq!(items[1], Value::Integer(-7));
        assert_eq!(items[2].instant(), Some(Timestamp(1)));
        assert_eq!((items[3].bool(), items[4].bool()), (Some(true), Some(false)));
        assert_eq!(items[5].instant().unwrap().to_string(), "2026-08-18T03:12:44Z");
        assert_eq!((&items[6], items[7].text()), (&Value::Data, Some("")));
        assert_eq!(items[8], Value::Dict(BTreeMap::new()));
    }

    #[test]
    fn what_is_cut_short_or_hostile_is_malformed() {
        let whole = list("<dict><key>a</key><array><string>x</string></array></dict>");
        for end in 0..whole.trim_end().len() {
            assert_eq!(parse(&whole.as_bytes()[..end]).unwrap_err().why, GapKind::Malformed, "{end}");
        }
        for body in [
            "<dict><string>x</string></dict>",
            "<dict><key>a</key></dict>",
            "<array><string>a</array></string>",
            "<string>&unknown;</string>",
            "<string>a & b</string>",
            "<string>&#xd800;</string>",
            "<integer>99999999999999999999</integer>",
            "<date>yesterday</date>",
            "<script/>",
            "text",
            "<true/><true/>",
        ] {
            assert_eq!(parse(list(body).as_bytes()).unwrap_err().why, GapKind::Malformed, "{body}");
        }
        assert!(parse(list(&"<array>".repeat(100_000)).as_bytes()).is_err());
        assert!(parse(b"<!DOCTYPE plist [<!ENTITY a \"b\">]><plist><true/></plist>").is_err());
        assert!(parse(b"<plist><string>\xff\x00</string></plist>").is_err());
        assert_eq!(parse(list("<real>nan</real>").as_bytes()).unwrap().instant(), None);
    }

    #[test]
    fn plutil_converts_a_binary_list() {
        let convert = Command::new("/usr/bin/plutil", &["-convert", "xml1", "-o", "-", "--", "/a.plist"]);
        let tree = Tree::new(Timestamp(0)).file("/a.plist", b"bplist00\xd0");
        assert_eq!(read(&tree, "/a.plist").unwrap_err().why, GapKind::Offline);
        let answer = Output { stdout: list("<true/>").into_bytes(), ..Output::default() };
        assert_eq!(read(&tree.output(convert, answer), "/a.plist").unwrap(), Value::Bool(true));
        assert_eq!(parse(b"bplist00").unwrap_err().why, GapKind::Unsupported);
    }
}
