//! Files of `KEY=value`.

/// The last value of `KEY=value` in a file of such lines, without quotes.
pub(super) fn setting(text: &str, key: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(key)?.trim_start().strip_prefix('='))
        .next_back()
        .map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_counts() {
        assert_eq!(setting("A=1\nA = \"2\" \n#A=3\nAB=4", "A").as_deref(), Some("2"));
        assert_eq!(setting("", "A"), None);
    }
}
