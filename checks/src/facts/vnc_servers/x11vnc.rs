//! The command line of x11vnc(1), with what ~/.x11vncrc puts before it.

use super::tiger::{Scheme, shown};
use super::{Asked, LONGEST, home};
use crate::evidence::Evidence;
use crate::facts::accounts::User;
use crate::gap::Gap;
use crate::host::Host;

#[derive(Default)]
struct Options {
    password: bool,
    account: bool,
    tls: bool,
    certificate: bool,
    at: Vec<Evidence>,
}

pub(super) fn asked(host: &dyn Host, words: &[String], user: Option<&User>) -> Asked {
    let mut options = Options::default();
    let given: Vec<&str> = words.iter().take(4096).map(String::as_str).collect();
    let flag = |name: &str| {
        given.iter().position(|word| word.trim_start_matches('-') == name && word.starts_with('-'))
    };
    let file = match (flag("norc"), flag("rc").and_then(|at| given.get(at.saturating_add(1)))) {
        (Some(_), _) => None,
        (None, Some(path)) => Some(Ok((*path).to_owned())),
        (None, None) => Some(match user {
            Some(user) => home(user).map(|home| format!("{home}/.x11vncrc")).ok_or(()),
            None => Err(()),
        }),
    };
    let mut unread = None;
    match file {
        None => {}
        Some(Ok(path)) => {
            let bytes = match user {
                Some(user) => host.read_as(&path, user.uid, LONGEST),
                None => host.read(&path, LONGEST),
            };
            match bytes {
                Ok(bytes) => options.file(&String::from_utf8_lossy(&bytes)),
                Err(gap) if gap.is_absent() => {}
                Err(gap) => unread = Some(gap),
            }
        }
        Some(Err(())) => {
            unread = Some(Gap::unsupported("it is not known whose ~/.x11vncrc comes before its arguments"))
        }
    }
    for (at, word) in given.iter().enumerate() {
        if let Some(name) = word.strip_prefix('-') {
            options.one(name.trim_start_matches('-'), given.get(at.saturating_add(1)).copied());
        }
    }
    let takes = match unread {
        // What is given here counts whatever that file says.
        Some(gap) if !options.password && !options.account && !options.certificate => Err(gap),
        _ => Ok(vec![options.scheme()]),
    };
    Asked { takes, local: false, at: options.at }
}

impl Options {
    /// One option a line, the dash left out; a backslash at the end joins two lines.
    fn file(&mut self, text: &str) {
        for line in text.replace("\\\n", " ").lines().take(4096) {
            let mut words = line.split_whitespace();
            let Some(name) = words.next().filter(|name| !name.starts_with('#')) else { continue };
            self.one(name.trim_start_matches('-'), words.next());
        }
    }

    fn one(&mut self, name: &str, value: Option<&str>) {
        match name {
            "rfbauth" | "passwdfile" => {
                self.password = true;
                let path = value.filter(|path| path.starts_with('/') || path.starts_with('~'));
                self.at.extend(path.map(|path| Evidence::of(shown(path)).says("its password file")));
            }
            "passwd" | "viewpasswd" | "usepw" => self.password = true,
            "unixpw" | "unixpw_nis" | "unixpw_cmd" => self.account = true,
            "svc" | "xdmsvc" | "svc_xdummy" | "svc_xvnc" | "svc_xdummy_xvfb" => {
                (self.account, self.tls) = (true, true)
            }
            "ssl" | "sslonly" | "stunnel" | "stunnel3" => self.tls = true,
            "nossl" => self.tls = false,
            "sslverify" => self.certificate = true,
            _ => {}
        }
    }

    fn scheme(&self) -> Scheme {
        match (self.account, self.password, self.tls) {
            (_, _, true) if self.certificate => Scheme::Certificate,
            (true, _, true) => Scheme::TlsPlain,
            (true, _, false) => Scheme::Plain,
            (false, true, true) => Scheme::TlsVnc,
            (false, true, false) => Scheme::Vnc,
            (false, false, true) => Scheme::TlsNone,
            (false, false, false) => Scheme::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::host::{FileKind, Tree};

    fn ann() -> User {
        User { name: "ann".into(), uid: 1000, home: "/home/ann".into(), ..User::default() }
    }

    fn takes(tree: &Tree, line: &str) -> Result<Vec<Scheme>, Gap> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        asked(tree, &words, Some(&ann())).takes
    }

    #[test]
    fn without_a_password_anybody_gets_in() {
        let tree = Tree::new(Timestamp(0));
        for (line, wanted) in [
            ("-display :0 -forever", Scheme::None),
            ("-nopw -localhost", Scheme::None),
            ("-rfbauth /home/ann/.vnc/passwd", Scheme::Vnc),
            ("-passwd seventeen", Scheme::Vnc),
            ("--usepw -ssl SAVE", Scheme::TlsVnc),
            ("-ssl -nossl -passwdfile /x", Scheme::Vnc),
            ("-ssl", Scheme::TlsNone),
            ("-ssl SAVE -sslverify /ca", Scheme::Certificate),
            ("-unixpw -ssl", Scheme::TlsPlain),
            ("-unixpw_unsafe", Scheme::None),
            ("-svc", Scheme::TlsPlain),
        ] {
            assert_eq!(takes(&tree, line), Ok(vec![wanted]), "{line}");
        }
    }

    #[test]
    fn a_file_of_options_comes_before_them() {
        let tree =
            Tree::new(Timestamp(0)).file("/home/ann/.x11vncrc", "# rfbauth /no\nshared\nrfbauth \\\n/x\n");
        assert_eq!(takes(&tree, "-forever"), Ok(vec![Scheme::Vnc]));
        assert_eq!(takes(&tree, "-forever -norc"), Ok(vec![Scheme::None]));
        assert_eq!(
            takes(&tree.clone().file("/etc/rc", "-ssl SAVE\n"), "-rc /etc/rc"),
            Ok(vec![Scheme::TlsNone])
        );
        let fifo = Tree::new(Timestamp(0)).node("/home/ann/.x11vncrc", FileKind::Other, b"");
        assert!(takes(&fifo, "-forever").is_err());
        assert_eq!(takes(&fifo, "-passwd x"), Ok(vec![Scheme::Vnc]));
        assert!(asked(&tree, &["-forever".to_owned()], None).takes.is_err(), "whose file is not known");
    }
}
