//! An XML document as a tree of elements, so that its renderers say only what is in it.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use crate::output;

/// An element with its attributes and what is in it: elements, or a text.
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: Option<String>,
    children: Vec<Element>,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), text: None, children: Vec::new() }
    }
    /// With one more attribute.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        // As blanks a reader takes them anyway (XML 1.0, section 3.3.3).
        let value = legible(&value.to_string()).replace(['\n', '\t'], " ");
        self.attributes.push((name, value));
        self
    }
    /// With a text in it.
    pub(super) fn saying(mut self, text: impl AsRef<str>) -> Self {
        self.text = Some(legible(text.as_ref()));
        self
    }
    /// With one more element in it.
    pub(super) fn holding(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }
    /// With more elements in it.
    pub(super) fn of(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    fn write(&self, out: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            start.push_attribute((*name, value.as_str()));
        }
        if self.text.is_none() && self.children.is_empty() {
            return out.write_event(Event::Empty(start));
        }
        out.write_event(Event::Start(start))?;
        if let Some(text) = &self.text {
            out.write_event(Event::Text(BytesText::new(text)))?;
        }
        for child in &self.children {
            child.write(out)?;
        }
        out.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

/// The document with this root.
pub(super) fn document(root: &Element) -> Result<String, output::Error> {
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 2);
    let failed = |error: std::io::Error| output::Error::Format(error.to_string());
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).map_err(failed)?;
    root.write(&mut out).map_err(failed)?;
    let mut text =
        String::from_utf8(out.into_inner()).map_err(|error| output::Error::Format(error.to_string()))?;
    text.push('\n');
    Ok(text)
}

/// Without the characters that XML 1.0 cannot hold even as references (section 2.2).
fn legible(text: &str) -> String {
    let is_legible = |character| {
        matches!(character, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..) && character != '\u{7f}'
    };
    text.chars().map(|character| if is_legible(character) { character } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_stays_text() {
        let root = Element::new("a")
            .with("name", "\"<&>'\n\u{fffe}")
            .holding(Element::new("b").saying("]]> <script>&amp;\u{0}"))
            .holding(Element::new("c"));
        assert_eq!(
            document(&root).unwrap(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a name=\"&quot;&lt;&amp;&gt;&apos; \u{fffd}\">\n  \
             <b>]]&gt; &lt;script&gt;&amp;amp;\u{fffd}</b>\n  <c/>\n</a>\n"
        );
    }
}
