//! Configurations with a point to each, written by hand.

use super::Pair;

/// All of them, asked about without a connection.
pub(crate) fn pairs() -> Vec<Pair> {
    let plain = [
        "# nothing",
        "PasswordAuthentication no",
        "passwordauthentication=NO",
        "PASSWORDAUTHENTICATION = \"no\" # why",
        "\"PasswordAuthentication\" no",
        "PasswordAuthentication 'no'",
        "  \t PasswordAuthentication\t no \t\x0c",
        "PasswordAuthentication no\r\nUsePAM yes\r\n",
        "=PasswordAuthentication no",
        "PasswordAuthentication == no",
        "PasswordAuthentication no no",
        "PasswordAuthentication",
        "PasswordAuthentication # no",
        "PasswordAuthentication \"\"",
        "PasswordAuthentication \"no",
        "PasswordAuthentication\"no",
        "PasswordAuthentication \"no\"yes",
        "PasswordAuthentication n\\o",
        "PasswordAuthentication false",
        "PasswordAuthenticatio no",
        "PasswordAuthentication no\nPasswordAuthentication yes",
        "PasswordAuthentication yes\nPasswordAuthentication no",
        "ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes",
        "SkeyAuthentication no",
        "DSAAuthentication no",
        "PermitRootLogin without-password",
        "PermitRootLogin Prohibit-Password",
        "PermitRootLogin maybe",
        "Port 22\nPort 2222\nPort 2222",
        "Port 0",
        "Port 65536",
        "ListenAddress 127.0.0.1\nPort 2200\nPort 2201",
        "ListenAddress [::1]:2222\nListenAddress ::1\nListenAddress 127.0.0.1:80",
        "AllowUsers a b\nAllowUsers c@10.0.0.1\nDenyUsers d",
        "AllowGroups a b\nDenyGroups c\nDenyGroups d",
        "AllowUsers \"a b\" c # d",
        "AuthenticationMethods publickey,password publickey,keyboard-interactive:pam",
        "AuthenticationMethods any",
        "AuthenticationMethods any publickey",
        "AuthenticationMethods publickey any",
        "AuthenticationMethods pubkey",
        "AuthenticationMethods publickey\nAuthenticationMethods password",
        "AuthenticationMethods password\nPasswordAuthentication no",
        "AuthenticationMethods ,",
        "AuthenticationMethods",
        "AuthorizedKeysFile .ssh/a /etc/ssh/%u\nAuthorizedKeysFile .ssh/b",
        "AuthorizedKeysFile none",
        "AuthorizedKeysCommand /bin/true %u # x\nAuthorizedKeysCommandUser nobody",
        "AuthorizedKeysCommand /bin/true",
        "AuthorizedKeysCommand true",
        "AuthorizedKeysCommand none",
        "AuthorizedPrincipalsCommand /bin/true",
        "TrustedUserCAKeys /etc/ssh/ca.pub",
        "Match user nobody-here\nPasswordAuthentication no\nPort 22",
        "PasswordAuthentication no\nMatch user nobody-here\nPasswordAuthentication yes",
        "PasswordAuthentication no\nMatch all\nPasswordAuthentication yes",
        "Match all\nPasswordAuthentication no\nUsePAM yes\nPort 2022\nMatch user x\nPasswordAuthentication yes",
        "Match all\nAllowUsers b\nMatch all\nAllowUsers c",
        "AllowUsers a\nMatch all\nAllowUsers b",
        "Match all user x",
        "Match user x all",
        "Match",
        "Match user",
        "Match planet earth\nPasswordAuthentication no",
        "Match user x # comment\nPermitRootLogin yes",
        "Match user=x\nUsePAM yes",
        "RSAAuthentication yes\nProtocol 1\nUsePrivilegeSeparation sandbox",
        "LoginGraceTime 1m30s",
        "LoginGraceTime 1x",
        "MaxAuthTries six",
        "Include",
        "Include \"\"",
        "Include {dir}/none*",
        "Include {dir}",
        "DebianBanner no",
        "UsePAM yes\n\nUsePAM no",
        "Subsystem sftp internal-sftp -f AUTH",
    ];
    let mut pairs: Vec<Pair> = plain.iter().map(|text| Pair::of(text)).collect();
    let with = Pair::with;
    pairs.extend([
        with("Include {dir}/d/*.conf\nUsePAM no", &[("d/20.conf", "UsePAM no"), ("d/10.conf", "UsePAM yes")]),
        with("Include {dir}/d/*", &[("d/a", "UsePAM no"), ("d/B", "UsePAM yes"), ("d/.0", "Port 1")]),
        with("Include {dir}/d/b {dir}/d/a", &[("d/a", "UsePAM no"), ("d/b", "UsePAM yes")]),
        with("Include {dir}/d/[!a]", &[("d/a", "UsePAM no"), ("d/b", "UsePAM yes")]),
        with("Include {dir}/d/? {dir}/*/x1", &[("d/a", "Port 3"), ("d/x1", "Port 4"), ("e/x1", "Port 5")]),
        with("UsePAM no\nInclude {dir}/d/a\nPort 9", &[("d/a", "Match user x\nPasswordAuthentication no")]),
        with("Match user x\nInclude {dir}/a\nPermitRootLogin no", &[("a", "PasswordAuthentication no")]),
        with("Match user x\nInclude {dir}/a", &[("a", "Port 3")]),
        with("Match user x\nInclude {dir}/a", &[("a", "Match all\nPasswordAuthentication no")]),
        with("Match all\nInclude {dir}/a", &[("a", "Match all\nPasswordAuthentication no\nPort 3")]),
        with(
            "Include {dir}/a",
            &[("a", "Match all\nPasswordAuthentication no\nInclude {dir}/b"), ("b", "Port 8")],
        ),
        with("Include {dir}/a", &[("a", "UsePAM\n")]),
        with("Include {dir}/a {dir}/a\n", &[("a", "Port 3")]),
        with("Include {dir}/main", &[]),
    ]);
    let chain = |length: usize| -> Pair {
        let link = |at: usize| (format!("c{at}"), vec![format!("Include {{dir}}/c{}", at + 1)]);
        let mut pair = Pair::of("Include {dir}/c0");
        pair.files.extend((0..length).map(link));
        pair.files.push((format!("c{length}"), vec!["UsePAM yes".to_owned()]));
        pair
    };
    pairs.extend([chain(14), chain(15), chain(16), chain(17)]);
    pairs
}
