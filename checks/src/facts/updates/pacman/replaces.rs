//! What a package says in `%REPLACES%`: a name, or a name with a condition on its version.

use crate::facts::packages::pacman_version::compare;

/// The name that is replaced.
pub(super) fn name(wanted: &str) -> &str {
    wanted.split(['<', '>', '=']).next().unwrap_or_default()
}

/// Whether the condition holds of an installed version.
pub(super) fn holds(wanted: &str, installed: &str) -> bool {
    let rest = wanted.strip_prefix(name(wanted)).unwrap_or_default();
    let version = rest.trim_start_matches(['<', '>', '=']);
    let order = compare(installed, version);
    match rest.strip_suffix(version).unwrap_or_default() {
        "" => true,
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        "=" => order.is_eq(),
        ">=" => order.is_ge(),
        ">" => order.is_gt(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions() {
        for (wanted, installed, answer) in [
            ("a", "9-1", true),
            ("a<2", "1-1", true),
            ("a<2", "2-1", false),
            ("a<=2-1", "2-1", true),
            ("a=2", "2-7", true),
            ("a>=2", "1-1", false),
            ("a>1", "2-1", true),
            ("a<>1", "2-1", false),
        ] {
            assert_eq!(name(wanted), "a");
            assert_eq!(holds(wanted, installed), answer, "{wanted} {installed}");
        }
        assert_eq!(name(""), "");
    }
}
