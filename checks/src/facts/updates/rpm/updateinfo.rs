//! Reads updateinfo.xml: which versions of which packages mend something, and what.

use super::xml::Node;
use super::{Package, modules::Active};
use crate::gap::Gap;

/// One package of a security advisory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Advised {
    /// `RHSA-2026:1234`.
    pub(super) id: String,
    pub(super) package: Package,
}

/// Takes the nodes of updateinfo.xml and gives the packages of security advisories whose name is wanted.
///
/// Packages of a collection that is of a module count only while one of the modules is active, as with dnf. What its
/// publisher has withdrawn counts no more.
pub(super) struct Updateinfo<'a, W, E> {
    wanted: W,
    each: E,
    path: String,
    active: &'a Active,
    text: String,
    depth: usize,
    id: String,
    security: bool,
    /// Of the collection: whether it names modules, and whether one of them is active.
    modules: (bool, bool),
    packages: Vec<Package>,
    pub(super) advisories: u32,
}

/// So many packages of one collection are kept; Red Hat's largest have some thousands.
const MOST: usize = 200_000;

impl<'a, W: Fn(&str) -> bool, E: FnMut(Advised) -> Result<(), Gap>> Updateinfo<'a, W, E> {
    pub(super) fn new(path: &str, active: &'a Active, wanted: W, each: E) -> Self {
        Self {
            wanted,
            each,
            path: path.to_owned(),
            active,
            text: String::new(),
            depth: 0,
            id: String::new(),
            security: false,
            modules: (false, false),
            packages: Vec::new(),
            advisories: 0,
        }
    }

    pub(super) fn node(&mut self, node: Node<'_>) -> Result<(), Gap> {
        match node {
            Node::Open(element) => {
                self.depth = self.depth.saturating_add(1);
                self.text.clear();
                match (self.depth, element.name()) {
                    (1, b"updates") => {}
                    (1, _) => return Err(Gap::malformed(format!("{} is no list of advisories", self.path))),
                    (2, b"update") => {
                        self.id.clear();
                        self.security = element.attribute("type")? == "security"
                            && element.attribute("status")? != "retracted";
                        self.advisories = self.advisories.saturating_add(1);
                    }
                    (4, b"collection") => {
                        self.modules = (false, false);
                        self.packages.clear();
                    }
                    (5, b"module") => {
                        let [name, stream, context] =
                            ["name", "stream", "context"].map(|name| element.attribute(name));
                        self.modules.0 = true;
                        self.modules.1 |= self.active.has(&name?, &stream?, &context?);
                    }
                    (5, b"package") if self.security => {
                        let name = element.attribute("name")?;
                        if (self.wanted)(&name) {
                            let epoch = element.attribute("epoch")?;
                            let epoch = if epoch.is_empty() {
                                0
                            } else {
                                epoch.parse().map_err(|_| {
                                    Gap::malformed(format!("{} has the epoch `{epoch}`", self.path))
                                })?
                            };
                            let package = Package {
                                name,
                                epoch,
                                version: element.attribute("version")?,
                                release: element.attribute("release")?,
                                architecture: element.attribute("arch")?,
                                ..Package::default()
                            };
                            self.packages.push(package);
                            if self.packages.len() > MOST {
                                return Err(Gap::too_large(format!("a collection of {}", self.path)));
                            }
                        }
                    }
                    _ => {}
                }
            }
            Node::Text(more) => {
                if self.depth == 3 && self.text.len() < 4096 {
                    self.text.push_str(more);
                }
            }
            Node::Close(name) => {
                match (self.depth, name) {
                    (3, b"id") => self.text.trim().clone_into(&mut self.id),
                    (4, b"collection") => {
                        let applies = !self.modules.0 || self.modules.1;
                        for package in std::mem::take(&mut self.packages).into_iter().filter(|_| applies) {
                            (self.each)(Advised { id: self.id.clone(), package })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::updates::rpm::xml;

    #[test]
    fn security_advisories_of_active_modules() {
        let update = |id: &str, of: &str, status: &str, module: &str| {
            format!(
                r#"<update from="x" status="{status}" type="{of}" version="1"><id>{id}</id><title>t</title><pkglist>
                <collection short="c"><name>c</name>{module}<package name="a" epoch="0" version="2" release="1"
                arch="noarch"><filename>f</filename></package><package name="z" version="1" release="1" arch="noarch"/>
                </collection></pkglist></update>"#
            )
        };
        let module =
            |name: &str| format!(r#"<module name="{name}" stream="1" version="1" context="c" arch="x"/>"#);
        let text = format!(
            "<updates>{}{}{}{}{}</updates>",
            update("S1", "security", "final", ""),
            update("B1", "bugfix", "final", ""),
            update("S2", "security", "retracted", ""),
            update("S3", "security", "final", &module("off")),
            update("S4", "security", "final", &format!("{}{}", module("off"), module("on"))),
        );
        let active = Active::of(&[("on", "1", "c")]);
        let mut found = Vec::new();
        let each = |advised: Advised| {
            found.push(format!("{} {}", advised.id, advised.package.evr()));
            Ok(())
        };
        let mut updateinfo = Updateinfo::new("u", &active, |name| name == "a", each);
        xml::walk(text.as_bytes(), "u", 1 << 16, |node| updateinfo.node(node)).unwrap();
        assert_eq!(updateinfo.advisories, 5);
        drop(updateinfo);
        assert_eq!(found, ["S1 2-1", "S4 2-1"]);
    }
}
