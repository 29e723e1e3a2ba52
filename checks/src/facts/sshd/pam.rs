//! The modules that PAM asks when somebody logs in through sshd, see pam.conf(5).

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::gap::Gap;
use crate::host::{self, Host};

use super::Sshd;

/// Files of one stack; more are a gap.
const FILES: usize = 64;
/// Modules of one stack; more are a gap.
const MODULES: usize = 200;

/// One line of the `auth` part of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PamModule {
    /// The module without folder and ending, such as `pam_unix`. Its arguments are never kept.
    pub module: String,
    /// Where it is named.
    pub at: Evidence,
}

/// What the stack does with a typed password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A password alone is asked for and can be right.
    Accepted(Evidence),
    /// The stack is not understood; the reason.
    Unclear(String),
}

/// Modules that compare a typed password with a stored one.
const PASSWORD: &[&str] = &[
    "pam_unix",
    "pam_sss",
    "pam_ldap",
    "pam_winbind",
    "pam_krb5",
    "pam_pwdfile",
    "pam_userdb",
    "pam_systemd_home",
];
/// Those among them whose passwords may open an account of the host's own files that has none there. What `pam_sss` and
/// `pam_systemd_home` compare belongs to accounts of their own.
const ELSEWHERE: &[&str] = &["pam_ldap", "pam_winbind", "pam_krb5", "pam_pwdfile", "pam_userdb"];
/// Modules that let nobody in by themselves and ask for nothing more.
const INERT: &[&str] = &[
    "pam_access",
    "pam_cap",
    "pam_deny",
    "pam_echo",
    "pam_env",
    "pam_faildelay",
    "pam_faillock",
    "pam_group",
    "pam_issue",
    "pam_keyinit",
    "pam_lastlog",
    "pam_limits",
    "pam_listfile",
    "pam_localuser",
    "pam_motd",
    "pam_nologin",
    "pam_permit",
    "pam_securetty",
    "pam_selinux",
    "pam_sepermit",
    "pam_shells",
    "pam_succeed_if",
    "pam_tally2",
    "pam_time",
    "pam_usertype",
    "pam_warn",
];

impl Sshd {
    /// What PAM does with a password typed into sshd.
    #[must_use]
    pub fn typed_password(&self) -> Typed {
        let modules = match self.pam.known() {
            Ok(modules) => modules,
            Err(gap) => return Typed::Unclear(format!("what PAM asks for is not known: {gap}")),
        };
        let has = |list: &[&str], module: &PamModule| list.contains(&module.module.as_str());
        if let Some(other) = modules.iter().find(|module| !has(PASSWORD, module) && !has(INERT, module)) {
            return Typed::Unclear(format!(
                "PAM asks {} too ({}), and hostduty does not know whether a password is enough for it",
                other.module, other.at
            ));
        }
        match modules.iter().find(|module| has(PASSWORD, module)) {
            Some(module) => Typed::Accepted(module.at.clone().says(module.module.clone())),
            None => Typed::Unclear("PAM names no module for sshd that compares passwords".to_owned()),
        }
    }
}

impl Sshd {
    /// What compares typed passwords with others than those in shadow(5), so that a lock there decides nothing.
    #[must_use]
    pub fn passwords_elsewhere(&self) -> Option<Evidence> {
        let kerberos = || {
            let setting = self.config.value()?.global("kerberosauthentication").ok()?;
            setting.is("yes").then(|| setting.shown("kerberosauthentication"))
        };
        let modules = self.pam.value().map_or(&[][..], Vec::as_slice);
        let module = modules.iter().find(|module| ELSEWHERE.contains(&module.module.as_str()));
        module.map(|module| module.at.clone().says(module.module.clone())).or_else(kerberos)
    }
}

/// Reads the `auth` modules of a service, which falls back on the service `other`.
pub(super) fn read(host: &dyn Host, service: &str) -> Result<Vec<PamModule>, Gap> {
    if service.contains('/') {
        return Err(Gap::unsupported("the PAM service of sshd is a path"));
    }
    let mut stack = Stack { host, modules: Vec::new(), files_left: FILES };
    match stack.service(service, 0) {
        Err(gap) if gap.is_absent() => stack.service("other", 0)?,
        result => result?,
    }
    Ok(stack.modules)
}

struct Stack<'a> {
    host: &'a dyn Host,
    modules: Vec<PamModule>,
    files_left: usize,
}

impl Stack<'_> {
    fn service(&mut self, name: &str, depth: usize) -> Result<(), Gap> {
        let mut last = Gap::absent(format!("/etc/pam.d/{name}"));
        for folder in ["/etc/pam.d", "/usr/lib/pam.d", "/usr/share/pam.d"] {
            let path = if name.starts_with('/') { name.to_owned() } else { format!("{folder}/{name}") };
            match host::read_text(self.host, &path, host::SMALL) {
                Ok(text) => return self.text(&path, &text, depth),
                Err(gap) if gap.is_absent() => last = gap,
                Err(gap) => return Err(gap),
            }
        }
        Err(last)
    }

    /// A file that another one names. Where it is missing the whole service fails, and `other` does not stand in for it.
    fn included(&mut self, path: &str, line: u32, name: &str, depth: usize) -> Result<(), Gap> {
        self.service(name, depth + 1).map_err(|gap| match gap.is_absent() {
            true => {
                Gap::malformed(format!("{path}:{line} includes {name}, which does not exist: the PAM stack"))
            }
            false => gap,
        })
    }

    fn text(&mut self, path: &str, text: &str, depth: usize) -> Result<(), Gap> {
        let left = self.files_left.checked_sub(1).filter(|_| depth < FILES);
        self.files_left = left.ok_or_else(|| Gap::too_large("the PAM stack of sshd"))?;
        for (number, line) in (1_u32..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.ends_with('\\') {
                return Err(Gap::unsupported(format!("{path}:{number} goes on in the next line")));
            }
            let (kind, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            if kind == "@include" {
                self.included(path, number, rest.trim(), depth)?;
                continue;
            }
            if kind.trim_start_matches('-') != "auth" {
                continue;
            }
            let rest = rest.trim_start();
            let (control, module) = match rest.strip_prefix('[') {
                Some(inside) => inside.split_once(']').unwrap_or((inside, "")),
                None => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
            };
            let module = module.split_whitespace().next().unwrap_or_default();
            if matches!(control, "include" | "substack") {
                self.included(path, number, module, depth)?;
            } else if module.is_empty() || self.modules.len() >= MODULES {
                return Err(Gap::malformed(format!("{path}:{number} names no PAM module")));
            } else {
                let base = module.rsplit('/').next().unwrap_or_default();
                let module = base.strip_suffix(".so").unwrap_or(base).to_owned();
                self.modules.push(PamModule { module, at: Evidence::at(path, number) });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Timestamp;
    use crate::gap::GapKind;
    use crate::host::Tree;

    #[test]
    fn the_stack_of_debian() {
        let tree = Tree::new(Timestamp(0))
            .file("/etc/pam.d/sshd", "# PAM\n@include common-auth\naccount required pam_nologin.so\n")
            .file(
                "/etc/pam.d/common-auth",
                "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite pam_deny.so\n\
                 auth required pam_permit.so\n-auth optional pam_cap.so\n",
            );
        let modules = read(&tree, "sshd").unwrap();
        let names: Vec<&str> = modules.iter().map(|module| module.module.as_str()).collect();
        assert_eq!(names, ["pam_unix", "pam_deny", "pam_permit", "pam_cap"]);
        let sshd = Sshd { pam: Ok(modules).into(), ..Sshd::default() };
        assert_eq!(
            sshd.typed_password(),
            Typed::Accepted(Evidence::at("/etc/pam.d/common-auth", 1).says("pam_unix"))
        );
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let tree = Tree::new(Timestamp(0)).file("/etc/pam.d/other", "auth required pam_duo.so x\n");
        let sshd = Sshd { pam: read(&tree, "sshd").into(), ..Sshd::default() };
        assert!(matches!(sshd.typed_password(), Typed::Unclear(why) if why.contains("pam_duo")));
        assert!(matches!(Sshd::default().typed_password(), Typed::Unclear(_)));
        let torn = Tree::new(Timestamp(0))
            .file("/etc/pam.d/sshd", "@include common-auth\n@include common-account\n")
            .file("/etc/pam.d/common-auth", "auth required pam_unix.so\n")
            .file("/etc/pam.d/other", "auth required pam_permit.so\n");
        let gap = read(&torn, "sshd").unwrap_err();
        assert_eq!(gap.why, GapKind::Malformed);
        assert!(gap.to_string().starts_with("/etc/pam.d/sshd:2 includes common-account"), "{gap}");
        let cycle = Tree::new(Timestamp(0)).file("/etc/pam.d/sshd", "@include sshd\n@include sshd\n");
        assert_eq!(read(&cycle, "sshd").unwrap_err().why, GapKind::TooLarge);
        assert!(read(&cycle.file("/etc/pam.d/sshd", "auth [a"), "sshd").is_err());
    }
}
