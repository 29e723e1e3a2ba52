//! People who have an account on the Mac, and when each password was last set: dscl(1).

use serde::{Deserialize, Serialize};

use super::{both, plist, refusal};
use crate::date::Timestamp;
use crate::gap::{Gap, Reading};
use crate::host::{Command, Host, Output};

/// An account of a person: uid 501 and above.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// Short name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// When the account and its password were made; only root sees it of others.
    pub times: Reading<Times>,
}

/// Two instants of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Times {
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When its password was last set.
    pub password_set: Timestamp,
}

/// The first number that macOS gives to people.
const FIRST: i64 = 501;
/// More accounts than these are refused.
const ACCOUNTS: usize = 200;
const DSCL: &str = "/usr/bin/dscl";

/// Asks the local directory for people and their times.
pub(super) fn read(host: &dyn Host) -> Result<Vec<User>, Gap> {
    let mut users = parse_list(&host.run(&Command::new(DSCL, &[".", "-list", "/Users", "UniqueID"]))?)?;
    for user in &mut users {
        let path = format!("/Users/{}", user.name);
        let command = Command::new(DSCL, &[".", "-read", &path, "accountPolicyData"]);
        user.times = host.run(&command).and_then(|output| parse_times(&user.name, &output)).into();
    }
    Ok(users)
}

/// Asks the local directory who is root under whatever name.
pub(super) fn read_superusers(host: &dyn Host) -> Result<Vec<String>, Gap> {
    parse_superusers(&host.run(&Command::new(DSCL, &[".", "-list", "/Users", "UniqueID"]))?)
}

/// Asks where accounts come from.
pub(super) fn read_directories(host: &dyn Host) -> Result<Vec<String>, Gap> {
    parse_directories(&host.run(&Command::new(DSCL, &["/Search", "-read", "/", "CSPSearchPath"]))?)
}

/// Those of `dscl . -list /Users UniqueID` that have the number 0.
pub fn parse_superusers(output: &Output) -> Result<Vec<String>, Gap> {
    parse_list(output)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rows = text.lines().filter_map(|line| line.trim().rsplit_once(char::is_whitespace));
    let zero = rows.filter(|(_, number)| number.parse() == Ok(0_i64));
    Ok(zero.map(|(name, _)| name.trim().to_owned()).take(ACCOUNTS).collect())
}

/// `dscl /Search -read / CSPSearchPath`: the names of directories behind the key, on its line or one a line.
pub fn parse_directories(output: &Output) -> Result<Vec<String>, Gap> {
    let text = String::from_utf8_lossy(&output.stdout);
    let list = text.trim_start().strip_prefix("CSPSearchPath:").filter(|_| output.status == 0);
    let names: Vec<&str> = list.unwrap_or_default().split_whitespace().take(ACCOUNTS).collect();
    if names.is_empty() || !names.iter().all(|name| name.starts_with('/')) {
        return Err(refusal("dscl /Search -read / CSPSearchPath", output));
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// `dscl . -list /Users UniqueID`: a name and a number a line.
pub fn parse_list(output: &Output) -> Result<Vec<User>, Gap> {
    if output.status != 0 {
        return Err(refusal("dscl . -list /Users", output));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut users, mut seen) = (Vec::new(), false);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let number = words.next_back().and_then(|number| number.parse::<i64>().ok());
        let (Some(name), Some(number), None) = (words.next(), number, words.next()) else {
            return Err(Gap::malformed(
                "`dscl . -list /Users UniqueID` lists an account without a name and a number",
            ));
        };
        seen = true;
        if let (true, Ok(uid)) = (number >= FIRST, u32::try_from(number)) {
            users.push(User { name: name.to_owned(), uid, times: Reading::default() });
        }
    }
    match users.len() {
        _ if !seen => Err(refusal("dscl . -list /Users", output)),
        count if count > ACCOUNTS => Err(Gap::too_large("the list of accounts")),
        _ => Ok(users),
    }
}

/// `dscl . -read /Users/<name> accountPolicyData`: a line with the key, then a property list.
pub fn parse_times(name: &str, output: &Output) -> Result<Times, Gap> {
    let text = both(output);
    if text.contains("No such key") {
        return Err(Gap::absent(format!("the account policy of {name} (which only root sees)")));
    }
    if output.status != 0 || !text.starts_with("dsAttrTypeNative:accountPolicyData:") {
        return Err(refusal(&format!("dscl . -read /Users/{name}"), output));
    }
    let start = text.find('<').unwrap_or(text.len());
    let list = plist::parse(text.get(start..).unwrap_or("").as_bytes())?;
    // A time of 0 is how some tools write that there was none.
    let instant = |key| list.get(key).and_then(plist::Value::instant).filter(|at| at.0 > 0);
    match instant("passwordLastSetTime") {
        Some(password_set) => Ok(Times { created: instant("creationTime"), password_set }),
        None => Err(Gap::absent(format!("the time at which the password of {name} was set"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{exit, out};
    use super::*;
    use crate::gap::GapKind;

    fn policy(keys: &str) -> String {
        format!(
            "dsAttrTypeNative:accountPolicyData:\n <?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <plist version=\"1.0\">\n<dict>{keys}</dict>\n</plist>\n\n"
        )
    }

    #[test]
    fn people_begin_at_501() {
        let text = "_www                    70\nnobody                  -2\nroot                    0\nada                     501\nbuild                   502\n";
        let users = parse_list(&out(text)).unwrap();
        assert_eq!(users.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["ada", "build"]);
        assert_eq!(parse_list(&out("root 0\n")).unwrap(), []);
        for bad in ["", "ada\n", "ada five\n", "a b 501\n", "\0\n"] {
            assert_eq!(parse_list(&out(bad)).unwrap_err().why, GapKind::Malformed, "{bad:?}");
        }
        let many: String = (0..10_000).map(|number| format!("u{number} {}\n", 501 + number)).collect();
        assert_eq!(parse_list(&out(&many)).unwrap_err().why, GapKind::TooLarge);
    }

    #[test]
    fn times_of_an_account() {
        let keys = "<key>creationTime</key><real>1771000000.25</real><key>failedLoginCount</key><integer>0</integer>\
            <key>passwordLastSetTime</key><real>1771000001.75</real>";
        let times = parse_times("ada", &out(&policy(keys))).unwrap();
        assert_eq!(
            (times.created, times.password_set),
            (Some(Timestamp(1_771_000_000)), Timestamp(1_771_000_001))
        );
        let huge = keys.replace("1771000001.75", "1e300");
        assert_eq!(parse_times("ada", &out(&policy(&huge))).unwrap().password_set, Timestamp(i64::MAX));
    }

    #[test]
    fn root_under_other_names_and_other_directories() {
        let list = out("_www                    70\nroot                    0\ntoor   0\nnobody  -2\n");
        assert_eq!(parse_superusers(&list).unwrap(), ["root", "toor"]);
        assert!(parse_superusers(&out("root\n")).is_err() && parse_superusers(&out("")).is_err());
        assert_eq!(parse_directories(&out("CSPSearchPath: /Local/Default\n")).unwrap(), ["/Local/Default"]);
        let two = out("CSPSearchPath:\n /Local/Default\n /LDAPv3/ldap.example.org\n");
        assert_eq!(parse_directories(&two).unwrap(), ["/Local/Default", "/LDAPv3/ldap.example.org"]);
        assert!(parse_directories(&out("CSPSearchPath:\n")).is_err());
        assert!(parse_directories(&out("No such key: CSPSearchPath\n")).is_err());
        let refused = Output { status: 56, ..out("CSPSearchPath: /Local/Default\n") };
        assert!(parse_directories(&refused).is_err());
    }

    #[test]
    fn no_time_is_a_gap() {
        let why = |output: Output| parse_times("ada", &output).unwrap_err().why;
        assert_eq!(why(out(&policy("<key>creationTime</key><real>1771000000.25</real>"))), GapKind::Absent);
        assert_eq!(why(out(&policy("<key>passwordLastSetTime</key><real>0</real>"))), GapKind::Absent);
        assert_eq!(why(out("No such key: accountPolicyData\n")), GapKind::Absent);
        assert_eq!(why(exit(56, "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)\n")), GapKind::Malformed);
        assert_eq!(why(out("")), GapKind::Malformed);
        assert_eq!(why(out(policy("").trim_end_matches("</plist>\n\n"))), GapKind::Malformed);
    }
}
