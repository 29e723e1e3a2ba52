//! Pairs on which this crate and sshd once differed, put to every release.

use super::Pair;

/// Each with a name that says what it is about.
pub(crate) fn pairs() -> Vec<(&'static str, Pair)> {
    let of = Pair::of;
    let include = |pattern: &str| {
        let files =
            [("d/10.conf", "Port 10"), ("d/B", "Port 11"), ("d/.c", "Port 12"), ("with blank", "Port 13")];
        Pair::with(&format!("Include {pattern}"), &files)
    };
    let blocks = "AuthenticationMethods publickey\nMatch user alice\nAuthenticationMethods password\n\
                  Match address 10.0.0.0/8\nAuthenticationMethods any";
    vec![
        ("quoted-value-alone", of("ExposeAuthInfo \"yes\"")),
        ("form-feed-alone", of("\x0c")),
        ("form-feed-behind-blanks", of("\t \x0c")),
        ("carriage-return-before-argument", include("\r\"{dir}/with blank\"")),
        ("include-ends-at-empty-word", include("{dir}/d/B \"\" {dir}/d/10.conf")),
        ("include-class-of-letters", include("{dir}/d/[[:digit:]]*")),
        ("include-class-that-does-not-exist", include("{dir}/d/[[:nothing:]]* {dir}/d/B")),
        ("include-caret-does-not-negate", include("{dir}/d/[^B]*")),
        ("include-hidden-behind-backslash", include("{dir}/d/\\\\.[c]")),
        ("include-dot-folders", include("{dir}/d/.*/d/B")),
        ("include-bracket-left-open", include("{dir}/d/[B {dir}/d/B")),
        ("match-value-after-equals", of("Match user=alice\nPermitRootLogin no").client("user=alice")),
        ("match-value-empty-after-equals", of("Match user=\nPermitRootLogin no").client("user=alice")),
        ("match-all-before-empty-word", of("Match all \"\"\nPermitRootLogin no")),
        ("match-all-before-empty-word-and-more", of("Match all \"\" x\nPermitRootLogin no")),
        ("match-more-behind-empty-word", of("Match user alice \"\" x")),
        ("match-two-empty-words", of("Match user alice \"\" \"\"")),
        ("match-port-with-blank", of("Match localport \"x y\"").client("lport=22")),
        (
            "match-length-over-128",
            of("Match address 2001:db8::/999,127.0.0.1\nUsePAM no").client("addr=127.0.0.1"),
        ),
        (
            "match-address-of-one-interface",
            of("Match localaddress *,10.0.0.0/8\nPermitRootLogin no").client("laddr=fe80::1%lo"),
        ),
        (
            "match-network-is-of-no-interface",
            of("Match address fe80::/10\nPermitRootLogin no").client("addr=fe80::1%lo"),
        ),
        ("match-version", of("Match version OpenSSH_10*\nPasswordAuthentication no")),
        ("match-version-at-start", of("Match version OpenSSH_*\nUsePAM yes\nPort 23")),
        ("match-invalid-user-at-start", of("Match invalid-user\nPasswordAuthentication no")),
        (
            "match-invalid-user",
            of("Match invalid-user\nPasswordAuthentication no").client("user=ghost,invalid-user"),
        ),
        (
            "keyboard-interactive-by-its-older-name",
            of("KbdInteractiveAuthentication no\nChallengeResponseAuthentication yes"),
        ),
        (
            "keyboard-interactive-off-under-match",
            of("Match user alice\nKbdInteractiveAuthentication no").client("user=alice"),
        ),
        ("methods-all-off", of("AuthenticationMethods password\nPasswordAuthentication no")),
        ("methods-one-off", of("AuthenticationMethods password publickey\nPasswordAuthentication no")),
        (
            "any-behind-methods-not-matched",
            of("Match user alice\nAuthenticationMethods publickey any").client("user=bob"),
        ),
        (
            "any-behind-methods-matched",
            of("Match user alice\nAuthenticationMethods publickey any").client("user=alice"),
        ),
        ("any-twice-not-matched", of("Match user alice\nAuthenticationMethods any any").client("user=bob")),
        ("any-behind-earlier-block", of(blocks).client("user=alice,addr=10.0.0.1")),
        ("any-behind-global-line", of(blocks).client("user=bob,addr=10.0.0.1")),
        ("methods-bad-behind-good", of("AuthenticationMethods publickey\nAuthenticationMethods x")),
        (
            "methods-bad-behind-good-matched",
            of("AuthenticationMethods publickey\nMatch user alice\nAuthenticationMethods password\n\
                Match all\nAuthenticationMethods x")
            .client("user=alice"),
        ),
        ("command-without-user", of("AuthorizedPrincipalsCommand /bin/true")),
        ("command-alone-under-match", of("Match user alice\nAuthorizedPrincipalsCommand ")),
        (
            "command-relative-not-matched",
            of("Match user alice\nAuthorizedKeysCommand true").client("user=bob"),
        ),
        ("command-relative-matched", of("Match user alice\nAuthorizedKeysCommand true").client("user=alice")),
        ("command-relative-behind-good", of("AuthorizedKeysCommand none\nAuthorizedKeysCommand true")),
        ("algorithms-all-taken-away", of("PubkeyAcceptedKeyTypes -*")),
        ("algorithms-all-taken-away-under-match", of("Match all\nPubkeyAcceptedKeyTypes -*")),
        ("routing-domain-on-linux", of("RDomain none")),
        ("rekey-none-behind-an-open-quote", of("RekeyLimit=default \"none")),
        ("rekey-none-in-quotes", of("RekeyLimit default \"none\"")),
        ("rekey-none-behind-quotes", of("RekeyLimit \"default\" none")),
        ("rekey-none-and-more", of("RekeyLimit default none none")),
        ("rekey-none-behind-a-sign", of("RekeyLimit default=none")),
        ("subsystem-under-match", of("Match user alice\nSubsystem x y")),
    ]
}
