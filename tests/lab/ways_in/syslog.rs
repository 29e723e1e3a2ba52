//! From the journal over rsyslog to a central syslog, and what Wazuh's decoders would read.

use std::process::Command;

use super::super::machines::top;
use super::{WAYS, snippet, typed, until, watched};

/// Another rsyslog on the same machine, which keeps what arrives as it came, and what a reader of JSON makes of it.
const CENTRAL: &str = r#"
global(workDirectory="/run/central")
module(load="imtcp")
module(load="mmjsonparse")
input(type="imtcp" address="127.0.0.1" port="514")
template(name="raw" type="string" string="%rawmsg%\n")
template(name="read" type="string" string="%syslogseverity-text% %hostname% %app-name% %$!check% %$!verdict% %$!previous% %$!severity%\n")
action(type="omfile" file="/run/central/raw" template="raw")
action(type="mmjsonparse" cookie="")
if $parsesuccess == "OK" then action(type="omfile" file="/run/central/read" template="read")
"#;

#[test]
fn a_broken_duty_arrives_as_one_line_at_a_central_syslog() {
    if !crate::allowed("rsyslog between the journal and a central syslog") {
        return;
    }
    let machine = watched("ways-syslog");
    machine.sh(&format!(
        "mkdir /run/central; cat > /run/central.conf <<'END'{CENTRAL}END\n\
         echo 127.0.0.1 syslog.example.org >> /etc/hosts; \
         systemd-run -q --unit=central rsyslogd -n -f /run/central.conf -i /run/central/pid"
    ));
    machine.put(&top().join("packaging/rsyslog/30-hostduty.conf"), "/root/30-hostduty.conf");
    typed(&machine, &snippet(WAYS, "rsyslog"));

    machine.sh("useradd -m bob; passwd -q -d bob");
    until(&machine, "the line", "grep 'passwords-empty fail' /run/central/read");
    machine.sh("useradd -m eve; passwd -q -d eve");
    until(
        &machine,
        "one more finding",
        "journalctl -t hostduty -o cat | grep 'passwords-empty: fails for more'",
    );
    machine.sh("passwd -q -l bob; passwd -q -l eve");
    until(&machine, "the second line", "grep 'passwords-empty pass' /run/central/read");
    let read = machine.sh("grep passwords-empty /run/central/read");
    let wanted = "err ways-syslog hostduty passwords-empty fail pass high\n\
                  err ways-syslog hostduty passwords-empty fail fail high\n\
                  info ways-syslog hostduty passwords-empty pass fail high\n";
    assert_eq!(read, wanted, "{}", machine.sh("cat /run/central/raw"));
    let named = machine
        .sh("grep -c '\"message\": \"passwords-empty: fails for more since [^ ]*: eve\"' /run/central/raw");
    assert_eq!(named, "1\n", "{}", machine.sh("cat /run/central/raw"));
    // Whatever else is in the journal stays here, and what is kept here is kept once.
    machine.sh("logger -t somebody else");
    until(&machine, "another's message", "grep somebody /var/log/syslog");
    let others = machine.sh("grep -v ' hostduty - - - { \"check\": \"[a-z]' /run/central/raw");
    assert_eq!(others, "");
    let kept = machine.sh("grep -c 'hostduty.*passwords-empty: fail since' /var/log/syslog");
    assert_eq!(kept, "1\n", "{}", machine.sh("cat /var/log/syslog"));

    // Wazuh does not run here. The expressions of its decoders do, by the library that it has them read with.
    let said = machine.sh("journalctl -t hostduty -o cat HOSTDUTY_VERDICT=fail + HOSTDUTY_VERDICT=pass");
    let decoders = std::fs::read_to_string(top().join("packaging/wazuh/decoders.xml")).unwrap();
    let expressions: Vec<&str> = decoders
        .split("<regex type=\"pcre2\">")
        .skip(1)
        .map(|rest| rest.split_once("</regex>").unwrap().0)
        .collect();
    let by: Vec<usize> = expressions
        .iter()
        .map(|expression| {
            let found = said.lines().filter(|line| {
                let mut grep = Command::new("sh");
                grep.args(["-c", "printf '%s\\n' \"$1\" | grep -qP -e \"$2\"", "sh", line, expression]);
                grep.status().unwrap().success()
            });
            found.count()
        })
        .collect();
    assert_eq!(by.iter().sum::<usize>(), said.lines().count(), "{by:?} of\n{said}");
    assert!(by.iter().all(|lines| *lines > 0), "{by:?} of\n{said}");
}
