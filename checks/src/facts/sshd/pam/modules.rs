//! The modules of PAM that hostduty knows: what each is for, which of its arguments decide, whether it is installed.

use super::conditions::CUT;
use super::control::Code;
use super::lines::Words;
use crate::host::Host;

/// What a module is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Compares a password with shadow(5), and asks it for what has expired.
    Unix,
    /// Compares a password with one that is kept elsewhere.
    Elsewhere,
    /// Asks for something else than a password.
    Factor,
    /// Says the same to everybody.
    Always(Code),
    /// Returns the code that its arguments name.
    Debug,
    SucceedIf,
    Nologin,
    Shells,
    LocalUser,
    RootOk,
    UserType,
    ListFile,
    Access,
    Time,
    Faillock,
    SecureTty,
    /// In `account`: is asked about accounts of its own.
    Others,
    /// Never lets in over the network, and fails in one way or another.
    Never,
    /// Anything may come of it.
    Unknown,
}

/// What a module does in `auth`, or else in `account`.
pub(super) fn kind(module: &str, auth: bool) -> Kind {
    let only_auth = |kind| if auth { kind } else { Kind::Always(Code::MODULE_UNKNOWN) };
    match module {
        "pam_unix" => Kind::Unix,
        "pam_permit" => Kind::Always(Code::SUCCESS),
        "pam_deny" => Kind::Always(Code::AUTH_ERR),
        "pam_debug" => Kind::Debug,
        "pam_warn" => Kind::Always(Code::IGNORE),
        "pam_succeed_if" => Kind::SucceedIf,
        "pam_nologin" => Kind::Nologin,
        "pam_shells" => Kind::Shells,
        "pam_localuser" => Kind::LocalUser,
        "pam_rootok" => Kind::RootOk,
        "pam_usertype" => Kind::UserType,
        "pam_listfile" => Kind::ListFile,
        "pam_access" => Kind::Access,
        // Locks wear off, and whoever is locked out now is let in later: they do not count.
        "pam_faillock" => Kind::Faillock,
        "pam_tally" | "pam_tally2" => Kind::Always(Code::SUCCESS),
        "pam_env" if auth => Kind::Always(Code::IGNORE),
        "pam_env" => Kind::Always(Code::SERVICE_ERR),
        "pam_faildelay" | "pam_group" | "pam_mail" => only_auth(Kind::Always(Code::IGNORE)),
        "pam_limits" | "pam_mkhomedir" | "pam_motd" | "pam_namespace" | "pam_setquota" | "pam_tty_audit"
        | "pam_umask" | "pam_xauth" => Kind::Always(Code::MODULE_UNKNOWN),
        "pam_loginuid" if auth => Kind::Always(Code::MODULE_UNKNOWN),
        "pam_time" if auth => Kind::Always(Code::MODULE_UNKNOWN),
        "pam_time" => Kind::Time,
        "pam_securetty" => Kind::SecureTty,
        "pam_fprintd" | "pam_howdy" if auth => Kind::Never,
        _ if !auth && has_accounts_of_its_own(module) => Kind::Others,
        _ if !auth => Kind::Unknown,
        "pam_krb5" | "pam_ldap" | "pam_mysql" | "pam_pgsql" | "pam_pwdfile" | "pam_radius"
        | "pam_radius_auth" | "pam_sss" | "pam_systemd_home" | "pam_tacplus" | "pam_userdb"
        | "pam_winbind" => Kind::Elsewhere,
        "pam_2fa"
        | "pam_duo"
        | "pam_google_authenticator"
        | "pam_oath"
        | "pam_p11"
        | "pam_pkcs11"
        | "pam_rssh"
        | "pam_securid"
        | "pam_ssh_agent_auth"
        | "pam_u2f"
        | "pam_ussh"
        | "pam_yubico" => Kind::Factor,
        _ => Kind::Unknown,
    }
}

/// What these modules compare belongs to accounts of their own, and one of the host's own files is rarely among them.
pub(in crate::facts::sshd) fn has_accounts_of_its_own(module: &str) -> bool {
    matches!(module, "pam_sss" | "pam_systemd_home")
}

/// Factors that may come without an answer to a question: a push, a touch, a key.
pub(super) fn is_silent(module: &str) -> bool {
    !matches!(module, "pam_google_authenticator" | "pam_oath" | "pam_yubico" | "pam_securid" | "pam_2fa")
}

/// The name of a module, without its folder and ending.
pub(super) fn name(path: &str) -> String {
    let base = path.rsplit('/').next().unwrap_or_default();
    base.rsplit_once('.').map_or(base, |(name, _)| name).chars().take(64).collect()
}

/// Arguments that decide and are kept; of one that ends with `=` the value is kept too, of one with `=*` only the name.
fn deciding(module: &str) -> &'static [&'static str] {
    match module {
        "pam_unix" => &[
            "nullok",
            "nullok_secure",
            "nullresetok",
            "use_first_pass",
            "try_first_pass",
            "broken_shadow",
            "no_pass_expiry",
        ],
        "pam_nologin" => &["successok", "file="],
        "pam_localuser" => &["file="],
        "pam_usertype" => &["issystem", "isregular", "use_uid"],
        "pam_listfile" => &["item=", "sense=", "onerr=", "file=", "apply="],
        "pam_access" => &["accessfile=", "fieldsep=*", "listsep=*"],
        "pam_time" => &["conffile="],
        "pam_faillock" => &["preauth", "authfail", "authsucc"],
        "pam_google_authenticator" => &[
            "nullok",
            "forward_pass",
            "use_first_pass",
            "try_first_pass",
            "grace_period=*",
            "echo_verification_code",
        ],
        "pam_u2f" => &["nouserok"],
        _ => match kind(module, true) {
            Kind::Elsewhere | Kind::Factor => &[
                "nullok",
                "nouserok",
                "use_first_pass",
                "try_first_pass",
                "forward_pass",
                "ignore_unknown_user",
                "ignore_authinfo_unavail",
                "ignore_root",
                "ignore_k5login",
                "minimum_uid=*",
                "unknown_ok",
                "localifdown",
            ],
            _ => &[],
        },
    }
}

/// The arguments that a fact keeps.
pub(super) fn kept(module: &str, words: Words<'_>) -> Vec<String> {
    const LONG: usize = 256;
    const MANY: usize = 64;
    let mut arguments = Vec::new();
    let mut debugged = (false, false);
    for word in words {
        let argument = match module {
            "pam_succeed_if" if word.len() > LONG => Some(CUT.to_owned()),
            "pam_succeed_if" => Some(word),
            "pam_debug" => {
                let (seen, value) = match (word.strip_prefix("auth="), word.strip_prefix("acct=")) {
                    (Some(value), _) => (&mut debugged.0, value),
                    (_, Some(value)) => (&mut debugged.1, value),
                    _ => continue,
                };
                // The first of its kind counts, also where its value means nothing.
                let first = !std::mem::replace(seen, true);
                (first && Code::named(value).is_some()).then_some(word)
            }
            _ => deciding(module).iter().find_map(|known| match known.strip_suffix('*') {
                Some(start) => word.starts_with(start).then(|| start.trim_end_matches('=').to_owned()),
                None if known.ends_with('=') => {
                    (word.starts_with(known) && word.len() <= LONG).then(|| word.clone())
                }
                // pam_unix knows its arguments by how they begin.
                None if module == "pam_unix" => word.starts_with(known).then(|| (*known).to_owned()),
                None => (word == *known).then(|| word.clone()),
            }),
        };
        arguments.extend(argument);
        if arguments.len() > MANY {
            return vec![CUT.to_owned()];
        }
    }
    arguments
}

/// The arguments that a fact keeps of a module that has a say in a new password. None of their values is a secret.
pub(super) fn kept_of_passwords(module: &str, words: Words<'_>) -> Vec<String> {
    if !matches!(module, "pam_unix" | "pam_pwquality" | "pam_cracklib" | "pam_passwdqc") {
        return Vec::new();
    }
    let arguments: Vec<String> = words.take(65).collect();
    if arguments.len() > 64 || arguments.iter().any(|argument| argument.len() > 256) {
        return vec![CUT.to_owned()];
    }
    arguments
}

/// The folders of modules, by distribution and machine.
const FOLDERS: [&str; 16] = [
    "/lib/security",
    "/lib64/security",
    "/usr/lib/security",
    "/usr/lib64/security",
    "/lib/x86_64-linux-gnu/security",
    "/usr/lib/x86_64-linux-gnu/security",
    "/lib/aarch64-linux-gnu/security",
    "/usr/lib/aarch64-linux-gnu/security",
    "/lib/arm-linux-gnueabihf/security",
    "/usr/lib/arm-linux-gnueabihf/security",
    "/lib/riscv64-linux-gnu/security",
    "/usr/lib/riscv64-linux-gnu/security",
    "/lib/powerpc64le-linux-gnu/security",
    "/usr/lib/powerpc64le-linux-gnu/security",
    "/lib/s390x-linux-gnu/security",
    "/usr/lib/s390x-linux-gnu/security",
];

/// Whether no such module is installed. Unless the folder of modules is found, each is taken to be there.
pub(super) fn is_missing(host: &dyn Host, module: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+@-".contains(c);
    if module.contains("$ISA") {
        return false;
    }
    if !module.chars().all(plain) {
        return true;
    }
    let absent = |path: &str| host.stat(path).is_err_and(|gap| gap.is_absent());
    if module.starts_with('/') {
        return absent(module) && known_folder(host);
    }
    FOLDERS.iter().all(|folder| absent(&format!("{folder}/{module}"))) && known_folder(host)
}

fn known_folder(host: &dyn Host) -> bool {
    FOLDERS.iter().any(|folder| host.stat(&format!("{folder}/pam_permit.so")).is_ok())
}
