//! The command line and the settings of wayvnc(1).

use super::tiger::{Scheme, shown};
use super::{Asked, LONGEST, home};
use crate::evidence::Evidence;
use crate::facts::accounts::User;
use crate::gap::Gap;
use crate::host::Host;

pub(super) fn asked(host: &dyn Host, words: &[String], user: Option<&User>) -> Asked {
    let mut file = None;
    let mut local = false;
    let mut rest = words.iter().take(4096).map(String::as_str);
    while let Some(word) = rest.next() {
        match word {
            "-u" | "--unix-socket" => local = true,
            "-C" | "--config" => file = rest.next().map(str::to_owned),
            _ => {
                let value = word.strip_prefix("--config=").or_else(|| word.strip_prefix("-C"));
                file = value.map(str::to_owned).or(file);
            }
        }
    }
    let path = file.or_else(|| Some(format!("{}/.config/wayvnc/config", home(user?)?)));
    let takes = match (&path, user) {
        (Some(path), Some(user)) if path.starts_with('/') => settled(host.read_as(path, user.uid, LONGEST)),
        (Some(path), None) if path.starts_with('/') => settled(host.read(path, LONGEST)),
        _ => Err(Gap::unsupported("it is not known which file has the settings of wayvnc")),
    };
    let at = path.filter(|_| takes.is_ok()).map(|path| Evidence::of(shown(&path)));
    Asked { takes, local, at: at.into_iter().collect() }
}

fn settled(bytes: Result<Vec<u8>, Gap>) -> Result<Vec<Scheme>, Gap> {
    match bytes {
        Ok(bytes) => settings(&String::from_utf8_lossy(&bytes)),
        Err(gap) if gap.is_absent() => Ok(vec![Scheme::None]),
        Err(gap) => Err(gap),
    }
}

/// `key=value`, blanks around both left out.
fn settings(text: &str) -> Result<Vec<Scheme>, Gap> {
    let (mut on, mut tls, mut rsa) = (false, false, false);
    for line in text.lines().take(4096).map(str::trim).filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once('=') else { continue };
        match (key.trim(), value.trim()) {
            ("enable_auth", "true") => on = true,
            ("enable_auth", "false") => on = false,
            ("enable_auth", _) => return Err(Gap::malformed("enable_auth of wayvnc is no truth value")),
            ("certificate_file" | "private_key_file", _) => tls = true,
            ("rsa_private_key_file", _) => rsa = true,
            _ => {}
        }
    }
    Ok(match (on, tls, rsa) {
        (false, ..) => vec![Scheme::None],
        (true, true, true) => vec![Scheme::X509Plain, Scheme::Rsa],
        (true, false, true) => vec![Scheme::Rsa],
        (true, ..) => vec![Scheme::X509Plain],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::Tree;

    #[test]
    fn who_is_asked_for_an_account_needs_one() {
        let ann = User { name: "ann".into(), uid: 1000, home: "/home/ann".into(), ..User::default() };
        let takes = |text: &str, line: &str| {
            let tree = Tree::new(Timestamp(0))
                .file("/home/ann/.config/wayvnc/config", text)
                .file("/etc/w", "enable_auth=true\n");
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let asked = asked(&tree, &words, Some(&ann));
            (asked.takes, asked.local)
        };
        assert_eq!(takes("address=0.0.0.0\n", "").0, Ok(vec![Scheme::None]));
        let on = "enable_auth = true\ncertificate_file=/c\npassword=x\n";
        assert_eq!(takes(on, "0.0.0.0").0, Ok(vec![Scheme::X509Plain]));
        assert_eq!(takes("enable_auth=true\nrsa_private_key_file=/k\n", "").0, Ok(vec![Scheme::Rsa]));
        assert!(takes("enable_auth=maybe\n", "").0.is_err());
        for line in ["-C /etc/w", "--config=/etc/w", "-C/etc/w", "--config /etc/w"] {
            assert_eq!(takes("", line).0, Ok(vec![Scheme::X509Plain]), "{line}");
        }
        assert_eq!(takes("", "-C /none").0, Ok(vec![Scheme::None]));
        assert!(takes("", "-u /run/x").1 && takes("", "-C relative").0.is_err());
        let nobody = asked(&Tree::new(Timestamp(0)), &[], None);
        assert!(nobody.takes.is_err());
    }
}
