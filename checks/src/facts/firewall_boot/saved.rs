//! What the files of iptables-save(8) and of settings say.

use super::chains::Chains;

/// Whether a file of iptables-save(8) drops or rejects anything on its way in.
pub(super) fn iptables(text: &str) -> bool {
    let mut chains = Chains::default();
    // Tables take the place of families.
    let mut table = "";
    let is_inbound = |name: &str| matches!(name, "INPUT" | "PREROUTING");
    for line in text.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if let [named, policy, ..] = words.as_slice()
            && let Some(name) = named.strip_prefix(':')
        {
            let chain = chains.get(table, name);
            chain.inbound |= is_inbound(name);
            chain.drops |= *policy == "DROP";
        } else if let ["-A", name, rest @ ..] = words.as_slice() {
            let chain = chains.get(table, name);
            chain.inbound |= is_inbound(name);
            for pair in rest.windows(2) {
                match pair {
                    ["-j", "DROP" | "REJECT"] => chain.drops = true,
                    ["-j" | "-g", target] => chain.targets.push(target),
                    _ => {}
                }
            }
        }
    }
    ["filter", "mangle", "nat", "raw", "security"].into_iter().any(|table| chains.drop_inbound(table))
}

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
    fn tables_of_iptables_save_and_settings() {
        assert!(iptables("*filter\n:INPUT DROP [0:0]\n"));
        assert!(iptables(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j REJECT --reject-with tcp-reset\n"
        ));
        assert!(!iptables(
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n-A FORWARD -j DROP\n# -A INPUT -j DROP\n"
        ));
        let user = "*filter\n:INPUT ACCEPT [0:0]\n:deny - [0:0]\n-A deny -p tcp -j DROP\n";
        assert!(!iptables(user), "nothing jumps to the chain that drops");
        assert!(iptables(&format!("{user}-A INPUT -i eth0 -g deny\n")));
        assert_eq!(setting("A=1\nA = \"2\" \n#A=3\nAB=4", "A").as_deref(), Some("2"));
        assert_eq!(setting("", "A"), None);
    }
}
