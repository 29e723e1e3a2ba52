//! The screens of virtual machines that qemu(1) serves over VNC.

use super::Asked;
use super::tiger::Scheme;

/// `-vnc :1,password=on`, `-display vnc=127.0.0.1:0`; several may be given.
pub(super) fn asked(words: &[String]) -> Asked {
    let mut takes: Vec<Scheme> = Vec::new();
    let following = words.iter().skip(1).map(String::as_str);
    for (word, value) in words.iter().map(String::as_str).zip(following).take(4096) {
        let display = match word.trim_start_matches('-') {
            "vnc" if word.starts_with('-') => value,
            "display" if word.starts_with('-') => value.strip_prefix("vnc=").unwrap_or("none"),
            _ => continue,
        };
        let mut parts = display.split(',');
        let place = parts.next().unwrap_or_default();
        if place == "none" || place.starts_with("unix:") {
            continue;
        }
        let (mut password, mut tls, mut account) = (false, false, false);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, "on"));
            let on = value != "off";
            match name {
                "password" => password = on,
                "password-secret" => password = true,
                "tls" | "x509" | "tls-creds" | "x509verify" => tls = on,
                "sasl" => account = on,
                _ => {}
            }
        }
        takes.push(match (account, password, tls) {
            (true, _, true) => Scheme::X509Plain,
            (true, _, false) => Scheme::Plain,
            (false, true, true) => Scheme::X509Vnc,
            (false, true, false) => Scheme::Vnc,
            (false, false, true) => Scheme::X509None,
            (false, false, false) => Scheme::None,
        });
    }
    Asked { local: takes.is_empty(), ..Asked::of(Ok(takes)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_screen_has_its_own_way_in() {
        let takes = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let asked = asked(&words);
            (asked.takes.unwrap(), asked.local)
        };
        assert_eq!(takes("-m 512 -vnc :0"), (vec![Scheme::None], false));
        assert_eq!(
            takes("-vnc 127.0.0.1:1,password=on -vnc :2,tls-creds=t,sasl=on").0,
            [Scheme::Vnc, Scheme::X509Plain]
        );
        assert_eq!(takes("-display vnc=:1,password"), (vec![Scheme::Vnc], false));
        for line in ["-vnc none", "-display gtk", "-vnc unix:/run/vm.sock", "-spice port=5900", "-m 512 -vnc"]
        {
            assert_eq!(takes(line), (vec![], true), "{line}");
        }
    }
}
