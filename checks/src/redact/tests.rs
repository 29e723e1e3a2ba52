//! What is hidden, what is left alone, and what hostile text does to the redactor.

use super::*;
use crate::registry::CHECKS;

/// Text with secrets, and what must be left of it.
const HIDDEN: &[(&str, &str)] = &[
    // Password hashes.
    (
        "root:$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7:19000:0:",
        "root:[redacted]:19000:0:",
    ),
    (
        "hash $6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3InaxBeoomnAihCKRVQAr/36eYkz here",
        "hash [redacted] here",
    ),
    ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "[redacted]"),
    ("x \\$6\\$salt\\$abcdefgh x", "x \\[redacted] x"),
    ("root:ab1cDEfgHIjk2:0:0:root:/root:/bin/sh", "root:[redacted]:0:0:root:/root:/bin/sh"),
    (
        "/etc/shadow:3: root:!ab1cDEfgHIjk2:19000:0:99999:7:::",
        "/etc/shadow:3: root:![redacted]:19000:0:99999:7:::",
    ),
    ("{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g2Kw3n", "{SSHA}[redacted]"),
    // Private keys.
    (
        "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK=\n-----END RSA PRIVATE KEY-----\nb",
        "a\n[redacted]\nb",
    ),
    (
        "k: \"-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl\\n-----END OPENSSH PRIVATE KEY-----\\n\"",
        "k: \"[redacted]\\n\"",
    ),
    ("-----BEGIN PRIVATE KEY-----\nMIIEvQ", "[redacted]"),
    ("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU= x", "[redacted] x"),
    ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----", "[redacted]"),
    // URLs.
    (
        "deb https://me:hunter2@repo.example.org/debian x",
        "deb https://me:[redacted]@repo.example.org/debian x",
    ),
    ("https://0123abc@example.org/", "https://[redacted]@example.org/"),
    ("postgres://u:p/w@db:5432/x", "postgres://u:[redacted]@db:5432/x"),
    ("http://a.example/?next=http://u:pw@b/", "http://a.example/?next=http://u:[redacted]@b/"),
    ("https://api.example/v1?token=abc&x=1", "https://api.example/v1?token=[redacted]&x=1"),
    // Assignments.
    ("password=hunter2", "password=[redacted]"),
    ("password = correct horse battery", "password = [redacted]"),
    ("db.password: correct horse\nport: 1", "db.password: [redacted]\nport: 1"),
    ("export DB_PASSWORD='a b' x", "export DB_PASSWORD='[redacted]' x"),
    ("{\"clientSecret\": \"a\\\"b\", \"id\": 3}", "{\"clientSecret\": \"[redacted]\", \"id\": 3}"),
    (
        "\"{\\\"apiToken\\\":\\\"abc\\\",\\\"n\\\":1}\"",
        "\"{\\\"apiToken\\\":\\\"[redacted]\\\",\\\"n\\\":1}\"",
    ),
    ("$conf['password'] = 'abc';", "$conf['password'] = '[redacted]';"),
    ("SCW_SECRET_KEY=11111111-2222-3333-4444-555555555555", "SCW_SECRET_KEY=[redacted]"),
    ("secret_key: 11111111-2222-3333-4444-555555555555", "secret_key: [redacted]"),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = [redacted]"),
    ("user=a pass=b host=c", "user=a pass=[redacted] host=c"),
    ("{\"pass\": \"hunter2\"}", "{\"pass\": \"[redacted]\"}"),
    ("  pass: hunter2\nx", "  pass: [redacted]\nx"),
    ("<password>abc</password>", "<password>[redacted]</password>"),
    (
        "<key>VNCPassword</key>\n  <string>abc</string>",
        "<key>VNCPassword</key>\n  <string>[redacted]</string>",
    ),
    ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
    ("curl -H 'Authorization: Basic dTpw' https://x", "curl -H 'Authorization: Basic [redacted]' https://x"),
    ("X-Auth-Token: abc", "X-Auth-Token: [redacted]"),
    // Command lines.
    ("restic --password hunter2 backup", "restic --password [redacted] backup"),
    ("tool --api-key=abc --x", "tool --api-key=[redacted] --x"),
    ("mysqldump -u root -phunter2 db", "mysqldump -u root -p[redacted] db"),
    ("sshpass -p hunter2 ssh -p 22 h", "sshpass -p [redacted] ssh -p 22 h"),
    ("curl -u me:hunter2 x", "curl -u me:[redacted] x"),
    ("echo 'root:hunter2' | chpasswd", "echo 'root:[redacted]' | chpasswd"),
    ("machine h login me password hunter2", "machine h login me password [redacted]"),
    ("ALTER USER me PASSWORD 'hunter2'", "ALTER USER me PASSWORD '[redacted]'"),
    ("CREATE USER me IDENTIFIED BY 'hunter2';", "CREATE USER me IDENTIFIED BY '[redacted]';"),
    ("openssl rsa -passin pass:hunter2", "openssl rsa -passin pass:[redacted]"),
    // Tokens.
    ("key AKIAIOSFODNN7EXAMPLE.", "key [redacted]."),
    ("SCW0123456789ABCDEFG", "[redacted]"),
    ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[redacted]"),
    ("github_pat_11ABCDEFG0123456789_abcdef", "[redacted]"),
    ("x/glpat-abcdefghij0123456789", "x/[redacted]"),
    ("xoxb-123456789012-abcdef", "[redacted]"),
    ("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ", "[redacted]"),
    (
        "t eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9 t",
        "t [redacted] t",
    ),
    // Long random words.
    ("x 8Jt3Qm9ZrT1vKp5LxYw2Nc7Hb4Gd6Fs0Ae8Ui3Oz1Xq= y", "x [redacted] y"),
    ("key 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "key [redacted]"),
    ("seed JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "seed [redacted]"),
];

/// What reports are made of.
const SHOWN: &[&str] = &[
    "/etc/ssh/sshd_config.d/50-cloud-init.conf:3: PasswordAuthentication yes",
    "passwordauthentication=yes",
    "PermitRootLogin prohibit-password: root logs in with a key",
    "PermitEmptyPasswords no",
    "root ALL=(ALL:ALL) NOPASSWD: ALL",
    "%sudo ALL=(ALL) PASSWD: /usr/bin/apt",
    "/etc/nsswitch.conf:7: passwd: files systemd",
    "passwd:         files systemd sss",
    "password [success=1 default=ignore] pam_unix.so obscure yescrypt",
    "password requisite pam_pwquality.so retry=3",
    "/etc/passwd:12: root has an empty password",
    "/etc/shadow: root",
    "root:x:0:0:root:/root:/bin/bash",
    "daemon:*:19000:0:99999:7:::",
    "the hash of root begins with $1$, which is MD5",
    "bcrypt ($2b$12$…)",
    "SHA256:8Jt3Qm9ZrT1vKp5LxYw2Nc7Hb4Gd6Fs0Ae8Ui3Oz1Xq",
    "256 SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDPw9JYGHmyDaOu1b4 root@host (ED25519)",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "image@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "commit 07a61bc52b7cdd4f0291afb2dc90b8ebb706d754",
    "/sys/block/dm-0/dm/uuid: CRYPT-LUKS2-0123456789abcdef0123456789abcdef-luks-data",
    "LVM-8Jt3Qm9ZrT1vKp5LxYw2Nc7Hb4Gd6Fs0Ae8Ui3Oz1XqW2e4R6t8Y0u1I3o5P7a9S",
    "/dev/mapper/luks-0b3e9b1c-4d1c-4d0e-9a6b-2f4f5d6e7a8b",
    "LUKS-0b3e9b1c-4d1c-4d0e-9a6b-2f4f5d6e7a8b",
    "/dev/disk/by-id/nvme-SAMSUNG_MZVLB512HBJQ-000A2_S4GENX0N123456_1",
    "/var/lib/docker/overlay2/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08/merged",
    "openssh-server 1:9.2p1-2+deb12u3, candidate 1:9.2p1-2+deb12u7",
    "linux-image-6.1.0-28-cloud-amd64 6.1.119-1",
    "inet filter input handle 12",
    "tcp [::]:5900 (launchd)",
    "https://www.scaleway.com/en/docs/elastic-metal/reference-content/shared-responsibility-model/",
    "ssh://root@192.0.2.1:2222/",
    "git clone git+ssh://git@example.org/x",
    "http://192.0.2.1:8080/path@2x.png",
    "ssh -p 2222 -L 5900:localhost:5900 user@host",
    "docker run -u 1000:1000 image",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl me@host",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "diffie-hellman-group-exchange-sha256,hmac-sha2-512-etm@openssh.com",
    "org.freedesktop.systemd1.ManagerListUnitsByPatternsAsyncReplyHandler",
    "dev-disk-by\\x2duuid-0b3e9b1c\\x2d4d1c\\x2d4d0e\\x2d9a6b\\x2d2f4f5d6e7a8b.swap",
    "PWD=/root",
    "passwords-changed: fail",
    "ssh-key-only pass 2026-11-22T11:29:08Z",
    "the bypass: packets that Docker forwards",
    "-----BEGIN CERTIFICATE----- is no secret",
    "usermod --password '!' guest",
    "root: its password: empty",
    "pass: No account can log in over SSH with a password",
    "{\"pass\": 12, \"fail\": 3}",
    "good for a failure but not for a pass: support is cut short",
    "pro attach <token>    # Ubuntu LTS",
    "Mot de passe : été à la 東京 café",
];

#[test]
fn secrets_are_hidden_and_their_surroundings_are_not() {
    for (text, wanted) in HIDDEN {
        assert_eq!(redact(text), *wanted, "{text}");
    }
}

#[test]
fn what_reports_are_made_of_is_left_alone() {
    for text in SHOWN {
        assert_eq!(redact(text), *text);
        assert!(matches!(redact(text), Cow::Borrowed(_)), "{text}");
    }
}

#[test]
fn the_catalogue_is_left_alone() {
    for check in CHECKS {
        for text in [check.title, check.rationale, check.remedy].iter().chain(check.references) {
            assert_eq!(redact(text), *text, "{}: reword it so that it does not look like a secret", check.id);
        }
    }
    for offer in crate::providers::offers().unwrap() {
        let clauses = [offer.storage_encryption, offer.encryption_conflict, offer.guest_tools_clause];
        let duties = offer.duty.into_iter().flat_map(|duty| [duty.id, duty.title, duty.source]);
        let documents = offer.document.into_iter().flat_map(|document| [document.name, document.url]);
        let statements = offer.attestation.into_iter().flat_map(|(id, statement)| [id, statement]);
        for text in clauses.into_iter().flatten().chain(duties).chain(documents).chain(statements) {
            assert_eq!(redact(&text), text, "{}", offer.id);
        }
    }
}

#[test]
fn a_second_time_changes_nothing() {
    for (text, _) in HIDDEN {
        let once = redact(text).into_owned();
        assert_eq!(redact(&once), once, "{text}");
    }
}

/// A small generator of the same numbers every time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

#[test]
fn any_mixture_ends_well_and_stays_as_it_is() {
    let pieces: Vec<&str> = HIDDEN
        .iter()
        .flat_map(|(text, wanted)| [*text, *wanted])
        .chain(SHOWN.iter().copied())
        .chain([
            "",
            "\n",
            ":",
            "=",
            "\"",
            "'",
            "\\",
            "[",
            "]",
            "{",
            "$",
            "@",
            "://",
            "é",
            "東",
            "\u{0}",
            " ",
            "-----BEGIN ",
        ])
        .chain([
            "password",
            "token:",
            "<secret>",
            "</key>",
            "-----END ",
            MASK,
            "\r\n",
            "&",
            "?",
            "--password ",
            "mysql ",
        ])
        .collect();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..4000 {
        let mut text = String::new();
        for _ in 0..numbers.below(6) + 1 {
            let piece = pieces[numbers.below(pieces.len())];
            // Cut anywhere, also so that quotes, blocks and tokens stay open.
            let cut = piece
                .char_indices()
                .map(|(at, _)| at)
                .nth(numbers.below(piece.len() + 1))
                .unwrap_or(piece.len());
            let (head, tail) = piece.split_at(cut);
            text.push_str([head, tail, piece][numbers.below(3)]);
        }
        let once = redact(&text).into_owned();
        assert_eq!(redact(&once), once, "{text:?}");
    }
}

#[test]
fn characters_of_several_bytes_are_never_cut() {
    for (text, _) in HIDDEN {
        for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            for letter in ["é", "東", "\u{1f511}"] {
                let mixed = format!("{}{letter}{}", &text[..at], &text[at..]);
                let once = redact(&mixed).into_owned();
                assert_eq!(redact(&once), once, "{mixed}");
            }
        }
    }
    assert_eq!(redact("password=été"), "password=[redacted]");
    assert_eq!(redact("é=password=hunter2"), "é=password=[redacted]");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
fn a_line_of_a_megabyte_takes_linear_time() {
    let units = [
        "a",
        ":",
        "=",
        "\"",
        "\\",
        "$",
        "$6$",
        "://",
        "a://b:c@",
        "password=",
        "password=\"",
        "password=\\\"",
        "token:",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY",
        "eyJ",
        "eyJhbGciOiJ.",
        "{SSHA}",
        "<key>password</key>",
        "a:",
        "' ",
        "mysql -p",
        "bearer ",
        "é",
        "Ab1",
        "/",
        "-",
        "_",
        "&token=",
        "Authorization: ",
        "pass\n",
        "--password ",
        "ghp_",
        "eyJ-",
        "eyJ-eyJ-/",
        "ghp_aaaaaaaaaaaaaaaaaaaaa.",
        "pwd=/",
        "password=no",
        "key=\\",
        "é:",
    ];
    for unit in units {
        let text = unit.repeat((1 << 20) / unit.len());
        let begun = std::time::Instant::now();
        let clean = redact(&text);
        assert!(clean.len() <= text.len().saturating_mul(11), "{unit}");
        // Even without optimisation; a quadratic scan would take hours.
        assert!(begun.elapsed().as_secs() < 20, "{unit}: {:?}", begun.elapsed());
    }
}
