//! Goes through the XML of a repository's metadata as it is unpacked, in bounded memory.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::gap::Gap;

/// The largest file that is read, unpacked; the whole of a distribution is a fifth of it.
pub(super) const LARGEST: u64 = 1 << 30;
/// A single tag or text of more bytes is in no metadata: the longest descriptions have a hundredth of it.
const LONGEST: usize = 4 << 20;
const DEEPEST: usize = 64;
const CHUNK: usize = 128 << 10;

/// What is met on the way.
pub(super) enum Node<'a> {
    /// An element begins.
    Open(Element<'a>),
    /// A piece of text, references resolved; one text may come in several pieces.
    Text(&'a str),
    /// An element of this name ends.
    Close(&'a [u8]),
}

/// The tag that begins an element.
pub(super) struct Element<'a> {
    tag: &'a BytesStart<'a>,
    path: &'a str,
}

impl Element<'_> {
    /// Its name, with the prefix that the document uses.
    pub(super) fn name(&self) -> &[u8] {
        self.tag.name().into_inner()
    }

    /// The value of an attribute; empty without it.
    pub(super) fn attribute(&self, name: &str) -> Result<String, Gap> {
        // Whether a name comes twice is not looked at: of a hundred thousand names that would take minutes.
        for attribute in self.tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| broken(self.path, &error))?;
            if attribute.key.as_ref() == name.as_bytes() {
                let text =
                    std::str::from_utf8(&attribute.value).map_err(|error| broken(self.path, &error))?;
                let text = quick_xml::escape::unescape(text).map_err(|error| broken(self.path, &error))?;
                return Ok(text.into_owned());
            }
        }
        Ok(String::new())
    }
}

/// Calls `visit` with everything in a document, and returns its length.
///
/// `path` only names it in a gap. A document that declares entities is refused, and so is one that ends early.
pub(super) fn walk(
    file: impl Read,
    path: &str,
    most: u64,
    mut visit: impl FnMut(Node<'_>) -> Result<(), Gap>,
) -> Result<u64, Gap> {
    let count = Rc::new(Count { total: Cell::new(0), since: Cell::new(0), most });
    let source = Counted { inner: BufReader::with_capacity(CHUNK, file), count: Rc::clone(&count) };
    let mut reader = Reader::from_reader(source);
    let mut buffer = Vec::new();
    let (mut depth, mut roots) = (0_usize, 0_usize);
    loop {
        buffer.clear();
        count.since.set(0);
        let event = reader.read_event_into(&mut buffer).map_err(|error| match &error {
            quick_xml::Error::Io(inner) if inner.kind() == ErrorKind::FileTooLarge => Gap::too_large(path),
            _ => broken(path, &error),
        })?;
        match event {
            Event::Start(tag) => {
                depth = depth.saturating_add(1);
                roots = roots.saturating_add(usize::from(depth == 1));
                if depth > DEEPEST {
                    return Err(Gap::malformed(format!("{path} nests more than {DEEPEST} elements")));
                }
                visit(Node::Open(Element { tag: &tag, path }))?;
            }
            Event::Empty(tag) => {
                roots = roots.saturating_add(usize::from(depth == 0));
                visit(Node::Open(Element { tag: &tag, path }))?;
                visit(Node::Close(tag.name().into_inner()))?;
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                visit(Node::Close(tag.name().into_inner()))?;
            }
            Event::Text(text) => visit(Node::Text(&String::from_utf8_lossy(&text)))?,
            Event::CData(text) => visit(Node::Text(&String::from_utf8_lossy(&text)))?,
            Event::GeneralRef(name) => {
                let name = String::from_utf8_lossy(&name);
                let text = quick_xml::escape::unescape(&format!("&{name};"))
                    .map_err(|error| broken(path, &error))?
                    .into_owned();
                visit(Node::Text(&text))?;
            }
            Event::DocType(_) => {
                return Err(Gap::malformed(format!("{path} declares entities, which no metadata has")));
            }
            Event::Eof if depth == 0 && roots == 1 => return Ok(count.total.get()),
            Event::Eof => return Err(Gap::malformed(format!("{path} ends before its end: it is damaged"))),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn broken(path: &str, error: &dyn std::fmt::Display) -> Gap {
    Gap::malformed(format!("{path} cannot be read to its end: {error}"))
}

struct Count {
    total: Cell<u64>,
    /// Bytes since the last event: what the reader may be holding.
    since: Cell<usize>,
    most: u64,
}

/// A source that refuses to feed one event for ever.
struct Counted<R> {
    inner: BufReader<R>,
    count: Rc<Count>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.count.total.get() > self.count.most {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if self.count.since.get() > LONGEST {
            return Err(io::Error::other("one of its texts has no end"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count
            .total
            .set(self.count.total.get().saturating_add(u64::try_from(amount).unwrap_or(u64::MAX)));
        self.count.since.set(self.count.since.get().saturating_add(amount));
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(document: &[u8]) -> Result<String, Gap> {
        let mut all = String::new();
        walk(document, "x.xml", 1 << 20, |node| {
            match node {
                Node::Open(element) => all.push_str(&format!(
                    "<{} {}>",
                    String::from_utf8_lossy(element.name()),
                    element.attribute("k")?
                )),
                Node::Text(text) => all.push_str(text),
                Node::Close(_) => all.push('/'),
            }
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn elements_texts_and_references() {
        assert_eq!(text(b"<a k='1&lt;2'>x&amp;y&#65;<b/><![CDATA[<]]></a>").unwrap(), "<a 1<2>x&yA<b >/</");
    }

    #[test]
    fn what_is_torn_or_hostile_is_a_gap_that_names_the_file() {
        let long = [b"<a>".as_slice(), &vec![b'x'; LONGEST + CHUNK], b"</a>"].concat();
        for document in [
            b"".as_slice(),
            b"<a>",
            b"<a><b></a>",
            b"<a/><b/>",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            b"<a>&b;</a>",
            b"<a k='",
            &long,
            &b"<a>".repeat(DEEPEST + 1),
        ] {
            let gap = text(document).unwrap_err();
            assert!(gap.to_string().contains("x.xml"), "{gap}");
        }
        assert_eq!(text(&b"<a></a>".repeat(1 << 18)).unwrap_err().why, crate::gap::GapKind::TooLarge);
    }
}
