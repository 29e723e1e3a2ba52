//! Reads primary.xml: the packages of a repository, of which those with the name of an installed one are kept.

use super::Package;
use super::xml::Node;
use crate::gap::Gap;

/// Takes the nodes of primary.xml and gives every package whose name is wanted.
pub(super) struct Primary<W, E> {
    wanted: W,
    each: E,
    path: String,
    package: Option<Package>,
    text: String,
    depth: usize,
    root: bool,
}

impl<W: Fn(&str) -> bool, E: FnMut(Package) -> Result<(), Gap>> Primary<W, E> {
    pub(super) fn new(path: &str, wanted: W, each: E) -> Self {
        Self {
            wanted,
            each,
            path: path.to_owned(),
            package: None,
            text: String::new(),
            depth: 0,
            root: false,
        }
    }

    pub(super) fn node(&mut self, node: Node<'_>) -> Result<(), Gap> {
        match node {
            Node::Open(element) => {
                self.depth = self.depth.saturating_add(1);
                self.text.clear();
                match (self.depth, element.name(), &mut self.package) {
                    (1, b"metadata", _) => self.root = true,
                    (1, ..) => return Err(Gap::malformed(format!("{} is no list of packages", self.path))),
                    (2, b"package", package) => *package = Some(Package::default()),
                    (3, b"version", Some(package)) => {
                        let epoch = element.attribute("epoch")?;
                        package.epoch = if epoch.is_empty() { 0 } else { number(&self.path, &epoch)? };
                        package.version = element.attribute("ver")?;
                        package.release = element.attribute("rel")?;
                    }
                    _ => {}
                }
            }
            Node::Text(more) => {
                if self.package.is_some() && matches!(self.depth, 3 | 4) && self.text.len() < 4096 {
                    self.text.push_str(more);
                }
            }
            Node::Close(name) => {
                match (self.depth, name, &mut self.package) {
                    (3, b"name", Some(package)) => {
                        // What nobody installed is read over.
                        if (self.wanted)(&self.text) {
                            package.name = std::mem::take(&mut self.text);
                        } else {
                            self.package = None;
                        }
                    }
                    (3, b"arch", Some(package)) => package.architecture = std::mem::take(&mut self.text),
                    (4, b"rpm:sourcerpm", Some(package)) => package.source = std::mem::take(&mut self.text),
                    (4, b"rpm:vendor", Some(package)) => package.vendor = std::mem::take(&mut self.text),
                    (2, b"package", package) => {
                        if let Some(package) = package.take() {
                            if package.name.is_empty() || package.version.is_empty() {
                                let what = format!("{} has a package without name or version", self.path);
                                return Err(Gap::malformed(what));
                            }
                            (self.each)(package)?;
                        }
                    }
                    _ => {}
                }
                self.depth = self.depth.saturating_sub(1);
            }
        }
        Ok(())
    }
}

fn number(path: &str, text: &str) -> Result<u32, Gap> {
    text.parse().map_err(|_| Gap::malformed(format!("{path} has the epoch `{text}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::updates::rpm::xml;

    #[test]
    fn the_packages_that_are_wanted() {
        let text = r#"<metadata xmlns:rpm="http://example.org/rpm"><package type="rpm"><name>a</name><arch>noarch</arch>
            <version epoch="2" ver="1.0" rel="3.el9"/><format><rpm:vendor>V &amp; W</rpm:vendor>
            <rpm:sourcerpm>a-1.0-3.el9.src.rpm</rpm:sourcerpm><rpm:provides><rpm:entry name="x" epoch="9" ver="9"/>
            </rpm:provides></format></package><package type="rpm"><name>b</name><arch>noarch</arch>
            <version epoch="0" ver="1" rel="1"/></package></metadata>"#;
        let mut found = Vec::new();
        let each = |package: Package| {
            found.push(format!("{} {} {} {}", package.name, package.evr(), package.vendor, package.source));
            Ok(())
        };
        let mut primary = Primary::new("p", |name| name == "a", each);
        xml::walk(text.as_bytes(), "p", 4096, |node| primary.node(node)).unwrap();
        assert_eq!(found, ["a 2:1.0-3.el9 V & W a-1.0-3.el9.src.rpm"]);
    }
}
