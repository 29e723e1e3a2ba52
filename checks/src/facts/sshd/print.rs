//! Prints a configuration in the form of `sshd -T`.

use std::fmt::Write;

use super::build::{Build, Vendor};
use super::{keywords, values};

/// How a keyword is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// All values on one line; `none` when there are none.
    Line,
    /// All values on one line; nothing when there are none.
    LineIfAny,
    /// As [`Style::LineIfAny`], and nothing when the only one is `none`.
    LineUnlessNone,
    /// A line for each value.
    Each,
    /// A line for each value, `none` as the C library writes what is not there.
    EachFile,
    Listeners,
    Penalties,
}

use Style::{Each, EachFile, Line, LineIfAny, LineUnlessNone, Listeners, Penalties};

/// The order in which all releases show their keywords.
const ORDER: &[(&str, Style)] = &[
    ("port", Each),
    ("addressfamily", Line),
    ("listenaddress", Listeners),
    ("usepam", Line),
    ("pamservicename", Line),
    ("logingracetime", Line),
    ("x11displayoffset", Line),
    ("x11maxdisplays", Line),
    ("maxauthtries", Line),
    ("maxsessions", Line),
    ("clientaliveinterval", Line),
    ("clientalivecountmax", Line),
    ("requiredrsasize", Line),
    ("streamlocalbindmask", Line),
    ("unusedconnectiontimeout", Line),
    ("permitrootlogin", Line),
    ("ignorerhosts", Line),
    ("ignoreuserknownhosts", Line),
    ("hostbasedauthentication", Line),
    ("hostbasedusesnamefrompacketonly", Line),
    ("pubkeyauthentication", Line),
    ("kerberosauthentication", Line),
    ("kerberosorlocalpasswd", Line),
    ("kerberosticketcleanup", Line),
    ("kerberosuniqueccache", Line),
    ("kerberosusekuserok", Line),
    ("gssapiauthentication", Line),
    ("gssapicleanupcredentials", Line),
    ("gssapidelegatecredentials", Line),
    ("gssapikeyexchange", Line),
    ("gssapistrictacceptorcheck", Line),
    ("gssapistorecredentialsonrekey", Line),
    ("gssapikexalgorithms", Line),
    ("gssapienablek5users", Line),
    ("passwordauthentication", Line),
    ("kbdinteractiveauthentication", Line),
    ("challengeresponseauthentication", Line),
    ("printmotd", Line),
    ("printlastlog", Line),
    ("x11forwarding", Line),
    ("x11uselocalhost", Line),
    ("permittty", Line),
    ("permituserrc", Line),
    ("strictmodes", Line),
    ("tcpkeepalive", Line),
    ("permitemptypasswords", Line),
    ("compression", Line),
    ("gatewayports", Line),
    ("usedns", Line),
    ("allowtcpforwarding", Line),
    ("allowagentforwarding", Line),
    ("disableforwarding", Line),
    ("allowstreamlocalforwarding", Line),
    ("streamlocalbindunlink", Line),
    ("fingerprinthash", Line),
    ("exposeauthinfo", Line),
    ("refuseconnection", Line),
    ("debianbanner", Line),
    ("pidfile", Line),
    ("modulifile", Line),
    ("xauthlocation", Line),
    ("ciphers", Line),
    ("macs", Line),
    ("banner", Line),
    ("forcecommand", Line),
    ("chrootdirectory", Line),
    ("trustedusercakeys", Line),
    ("revokedkeys", Line),
    ("securitykeyprovider", Line),
    ("authorizedprincipalsfile", Line),
    ("versionaddendum", Line),
    ("authorizedkeyscommand", Line),
    ("authorizedkeyscommanduser", Line),
    ("authorizedprincipalscommand", Line),
    ("authorizedprincipalscommanduser", Line),
    ("hostkeyagent", Line),
    ("kexalgorithms", Line),
    ("casignaturealgorithms", Line),
    ("hostbasedacceptedalgorithms", Line),
    ("hostkeyalgorithms", Line),
    ("pubkeyacceptedalgorithms", Line),
    ("sshdsessionpath", Line),
    ("sshdauthpath", Line),
    ("persourcepenaltyexemptlist", Line),
    ("loglevel", Line),
    ("syslogfacility", Line),
    ("authorizedkeysfile", Line),
    ("revokedkeys", LineUnlessNone),
    ("hostkey", EachFile),
    ("hostcertificate", EachFile),
    ("allowusers", Each),
    ("denyusers", Each),
    ("allowgroups", Each),
    ("denygroups", Each),
    ("acceptenv", Each),
    ("setenv", Each),
    ("authenticationmethods", Line),
    ("logverbose", LineIfAny),
    ("channeltimeout", Line),
    ("subsystem", Each),
    ("maxstartups", Line),
    ("persourcemaxstartups", Line),
    ("persourcenetblocksize", Line),
    ("permittunnel", Line),
    ("ipqos", Line),
    ("rekeylimit", Line),
    ("permitopen", Line),
    ("permitlisten", Line),
    ("permituserenvironment", Line),
    ("pubkeyauthoptions", Line),
    ("persourcepenalties", Penalties),
];

/// What `sshd -T` of a build prints. `get` answers with the values of a keyword, its defaults among them, as
/// [`values::verify`] and [`defaults::of`](super::defaults::of) write them.
///
/// Since 10.4 sshd writes the names of keywords as the manual page does. Where a port or an address takes the machine to
/// know, the line shows what is written.
pub(super) fn sshd_t(get: &dyn Fn(&str) -> Vec<String>, build: &Build) -> String {
    let mut text = String::new();
    for (name, style) in ORDER {
        let Some(shown) = shown(name, build) else { continue };
        // This keyword moved when it became a list.
        if *name == "revokedkeys" && (*style == Line) == build.since(10, 3) {
            continue;
        }
        let values = get(name);
        let line = |value: &str| format!("{shown} {value}\n");
        match style_of(name, *style, build) {
            Line if values.is_empty() => text += &line("none"),
            Line => text += &line(&value(name, &values, build)),
            LineIfAny if values.is_empty() => {}
            LineIfAny => text += &line(&values.join(" ")),
            LineUnlessNone if values.is_empty() || values == ["none"] => {}
            LineUnlessNone => text += &line(&values.join(" ")),
            Each => values.iter().for_each(|value| text += &line(value)),
            EachFile => {
                for value in &values {
                    text += &line(if value == "none" { "(null)" } else { value });
                }
            }
            Listeners => listeners(get).iter().for_each(|value| text += &line(value)),
            Penalties => text += &line(&penalties(&values, build)),
        }
    }
    text
}

/// A few keywords are shown otherwise in some releases.
fn style_of(name: &str, style: Style, build: &Build) -> Style {
    match name {
        "authorizedkeysfile" if build.since(10, 3) => LineUnlessNone,
        "channeltimeout" if !build.since(9, 3) => LineUnlessNone,
        _ => style,
    }
}

/// The name that a build gives a keyword, or `None` when it does not show it.
fn shown(name: &'static str, build: &Build) -> Option<String> {
    let keyword = keywords::named(name, build)?;
    let hidden = match name {
        "gssapistrictacceptorcheck" => build.vendor == Vendor::Upstream && !build.since(10, 1),
        // First seen in 10.0; 9.2 does not show it.
        "debianbanner" => !build.since(10, 0),
        _ => false,
    };
    if hidden {
        return None;
    }
    // 10.4 wrote these lines by hand, in the case of old.
    let by_hand = [
        "port",
        "listenaddress",
        "subsystem",
        "maxstartups",
        "persourcemaxstartups",
        "persourcenetblocksize",
        "ipqos",
        "rekeylimit",
        "permitopen",
        "permitlisten",
        "pubkeyauthoptions",
        "persourcepenalties",
    ];
    Some(match (build.since(10, 5), build.since(10, 4)) {
        (true, _) => keyword.spelling.to_owned(),
        (false, true) if !by_hand.contains(&name) => keyword.spelling.to_owned(),
        _ => keyword.spelling.to_ascii_lowercase(),
    })
}

/// The values of a line.
fn value(name: &str, values: &[String], build: &Build) -> String {
    match (name, values) {
        ("permitrootlogin", [only]) if only == "prohibit-password" && !build.since(10, 1) => {
            "without-password".to_owned()
        }
        ("unusedconnectiontimeout", [only]) if only == "0" => "none".to_owned(),
        ("maxstartups", [only]) => startups(only, build),
        ("rekeylimit", [bytes]) => format!("{bytes} 0"),
        _ => values.join(" "),
    }
}

/// All three numbers of MaxStartups. A single one is where every connection is rejected, and, save for two releases, where
/// that begins. Before 9.2 sshd took -1 for what no line sets.
fn startups(value: &str, build: &Build) -> String {
    let mut numbers: Vec<&str> = value.split(':').collect();
    if let [full] = numbers[..] {
        let begin = if build.since(10, 1) && !build.since(10, 3) { "10" } else { full };
        numbers = vec![begin, "30", full];
    }
    let shown: Vec<&str> = numbers
        .into_iter()
        .zip(["10", "30", "100"])
        .map(|(number, default)| if number == "-1" { default } else { number })
        .collect();
    shown.join(":")
}

/// Every address with every port that it has not chosen itself. Without ListenAddress these are the two addresses for
/// any, as far as AddressFamily allows.
fn listeners(get: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    let ports = get("port");
    let addresses = get("listenaddress");
    let family = get("addressfamily");
    let allows = |other: &str| family.first().is_none_or(|family| family != other);
    let mut shown = Vec::new();
    if addresses.is_empty() {
        for port in &ports {
            // As glibc's getaddrinfo(3) orders them.
            shown.extend(allows("inet").then(|| format!("[::]:{port}")));
            shown.extend(allows("inet6").then(|| format!("0.0.0.0:{port}")));
        }
        return shown;
    }
    // Addresses of the same routing domain come together, in the order of the first of each.
    let split = |value: &'_ str| {
        let (address, domain) = value.split_once(' ').unwrap_or((value, ""));
        (address.to_owned(), domain.to_owned())
    };
    let addresses: Vec<(String, String)> = addresses.iter().map(|value| split(value)).collect();
    let mut domains: Vec<&String> = Vec::new();
    for (_, domain) in &addresses {
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    for domain in domains {
        for (address, _) in addresses.iter().filter(|(_, of)| of == domain) {
            let (host, port) = values::split_listen(address);
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
            let own: Vec<&str> = match port {
                Some(port) => vec![port],
                None => ports.iter().map(String::as_str).collect(),
            };
            shown.extend(own.iter().map(|port| format!("{host}:{port} {domain}").trim_end().to_owned()));
        }
    }
    shown
}

/// All penalties in their order, each as its first line sets it.
fn penalties(values: &[String], build: &Build) -> String {
    let set = |name: &str| {
        values.iter().find_map(|value| {
            let (of, value) = value.split_once(':')?;
            (of == name).then(|| value.to_owned())
        })
    };
    // Any penalty turns them on.
    if values.first().is_some_and(|first| first == "no") && !values.iter().any(|value| value.contains(':')) {
        return "no".to_owned();
    }
    let seconds = [
        Some(("crash", 90)),
        Some(("authfail", 5)),
        Some(("noauth", 1)),
        build.since(10, 3).then_some(("invaliduser", 5)),
        Some(("grace-exceeded", if build.since(9, 9) { 10 } else { 20 })),
        build.since(9, 9).then_some(("refuseconnection", 10)),
        Some(("max", 600)),
        Some(("min", 15)),
    ];
    let mut text = String::new();
    for (name, default) in seconds.into_iter().flatten() {
        let default = if build.since(10, 3) { format!("{default}.000000") } else { default.to_string() };
        let _ = write!(text, "{name}:{} ", set(name).unwrap_or(default));
    }
    for name in ["max-sources4", "max-sources6"] {
        let _ = write!(text, "{name}:{} ", set(name).unwrap_or_else(|| "65536".to_owned()));
    }
    let overflow = set("overflow").unwrap_or_else(|| "permissive".to_owned());
    let overflow6 = set("overflow6").unwrap_or_else(|| overflow.clone());
    let _ = write!(text, "overflow:{overflow} overflow6:{overflow6}");
    text
}
