//! Who is root under another name: `accounts-uid-zero` on macOS.

use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::gap::Gap;

/// The directories of the Mac itself; what others serve is not asked.
const LOCAL: [&str; 2] = ["/Local/Default", "/BSD/local"];

/// Whether root alone has the user id 0.
pub(crate) fn uid_zero(facts: &Facts) -> Result<Judgement, Gap> {
    let mac = facts.mac.known()?;
    let superusers = mac.superusers.known()?;
    let mut judgement = Judgement::new();
    let list = || Evidence::of("dscl . -list /Users UniqueID");
    for name in superusers.iter().filter(|name| *name != "root") {
        let message = "has the user id 0 and is root under another name";
        judgement.fail(Finding::new(name, message, list().says(format!("{name} 0"))));
    }
    match mac.directories.known() {
        Ok(directories) => {
            for directory in directories.iter().filter(|name| !LOCAL.contains(&name.as_str())) {
                judgement
                    .unknown(format!("accounts also come from {directory}, which hostduty does not ask"));
            }
        }
        Err(gap) => judgement.unknown(gap.to_string()),
    }
    if superusers.iter().any(|name| name == "root") {
        judgement.observe("root is the account with the user id 0", [list()]);
    } else {
        judgement.unknown("the local directory lists no account root with the user id 0");
    }
    Ok(judgement)
}

#[cfg(test)]
mod tests {
    use super::super::tests::facts;
    use super::*;
    use crate::check::Verdict;
    use crate::facts::mac::Mac;
    use crate::gap::Reading::Known;

    fn verdict(names: &[&str], directories: &[&str]) -> Verdict {
        let list = |names: &[&str]| Known(names.iter().map(|name| (*name).to_owned()).collect());
        let mac = Mac { superusers: list(names), directories: list(directories), ..Mac::default() };
        uid_zero(&facts(mac)).unwrap().verdict()
    }

    #[test]
    fn a_second_root_and_another_directory() {
        assert_eq!(verdict(&["root"], &["/Local/Default"]), Verdict::Pass);
        assert_eq!(verdict(&["root", "toor"], &["/Local/Default"]), Verdict::Fail);
        assert_eq!(verdict(&["root"], &["/Local/Default", "/LDAPv3/ldap.example.org"]), Verdict::Unknown);
        assert_eq!(verdict(&[], &["/Local/Default"]), Verdict::Unknown);
        assert!(uid_zero(&facts(Mac::default())).is_err());
    }
}
