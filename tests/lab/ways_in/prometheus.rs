//! From the watch over node_exporter to an alert of Prometheus, and promtool's word on the rules and the metrics.

use std::process::Output;

use serde_json::Value;

use super::super::machines::{Machine, top};
use super::{WAYS, snippet, typed, until, watched};

/// The lines of hostduty as node_exporter gives them, once they say this.
fn scraped(machine: &Machine, line: &str) -> String {
    let get = "curl -sf 127.0.0.1:9100/metrics > /run/scraped";
    until(machine, line, &format!("{get}; grep -Fx '{line}' /run/scraped"));
    machine.sh("grep hostduty_ /run/scraped")
}

/// The states of an alert about a check, as Prometheus has them now.
fn alerts(machine: &Machine, check: &str) -> Vec<(String, String)> {
    let text = machine.sh("curl -sf http://127.0.0.1:9090/api/v1/alerts");
    let Ok(all) = serde_json::from_str::<Value>(&text) else { return Vec::new() };
    let alerts = all["data"]["alerts"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = alerts.iter().filter(|alert| alert["labels"]["check"] == check);
    ours.map(|alert| (text(&alert["state"]), text(&alert["annotations"]["summary"]))).collect()
}

/// promtool's answer; any other exit code than these is none.
fn accepted(output: &Output) -> bool {
    assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[test]
fn a_broken_duty_becomes_an_alert_of_prometheus() {
    if !crate::allowed("node_exporter and Prometheus on a booted Debian 12") {
        return;
    }
    let machine = watched("ways-prometheus");
    typed(&machine, &snippet(WAYS, "metrics"));
    let healthy = scraped(&machine, "node_textfile_scrape_error 0");
    assert!(healthy.contains("hostduty_looked_seconds"), "{healthy}");

    for file in ["hostduty.rules.yml", "hostduty.rules.test.yml"] {
        machine.put(&top().join("packaging/prometheus").join(file), &format!("/etc/prometheus/{file}"));
    }
    // Asked more often than anybody would, as the test does not want to wait.
    let configuration = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n{}",
        snippet(WAYS, "prometheus.yml")
    );
    machine.sh(&format!("cat > /etc/prometheus/prometheus.yml <<'END'\n{configuration}END\n"));
    typed(&machine, &snippet(WAYS, "promtool"));

    machine.sh("useradd -m bob; passwd -q -d bob");
    let fails = "hostduty_check{check=\"passwords-empty\",severity=\"high\",verdict=\"fail\"} 1";
    scraped(&machine, fails);
    let asked = "curl -sf http://127.0.0.1:9090/api/v1/alerts | grep -q ";
    until(&machine, "the alert", &format!("{asked} '\"check\":\"passwords-empty\".*\"state\":\"firing\"'"));
    let summary = "127.0.0.1:9100: passwords-empty is broken (high)".to_owned();
    assert_eq!(alerts(&machine, "passwords-empty"), [("firing".to_owned(), summary)]);
    machine.sh("passwd -q -l bob");
    until(&machine, "the end of the alert", &format!("! {asked} '\"check\":\"passwords-empty\"'"));

    // Metrics as promtool wants them, and a copy that it does not; one with a word for a number, which node_exporter refuses.
    let check = |change: &str| {
        let file = "/var/lib/prometheus/node-exporter/hostduty.prom";
        machine.run(&["sh", "-c", &format!("sed '{change}' {file} | promtool check metrics")])
    };
    assert!(accepted(&check("")), "{}", String::from_utf8_lossy(&check("").stderr));
    assert!(!accepted(&check("s/gauge/gouge/")));
    machine.sh("sed 's/^hostduty_gaps .*/hostduty_gaps many/' /run/hostduty/metrics/hostduty.prom \
                > /var/lib/prometheus/node-exporter/broken.prom");
    scraped(&machine, "node_textfile_scrape_error 1");
}

#[test]
fn broken_rules_are_refused() {
    if !crate::allowed("the alert rules with promtool") {
        return;
    }
    // No machine has to boot for it: promtool is a file of the unpacked Debian.
    let folder = tempfile::tempdir().unwrap();
    let promtool = super::root().join("usr/bin/promtool");
    let rules = std::fs::read_to_string(top().join("packaging/prometheus/hostduty.rules.yml")).unwrap();
    let tests = top().join("packaging/prometheus/hostduty.rules.test.yml");
    std::fs::copy(tests, folder.path().join("hostduty.rules.test.yml")).unwrap();
    let ask = |rules: &str| {
        std::fs::write(folder.path().join("hostduty.rules.yml"), rules).unwrap();
        let run = |words: &[&str]| {
            let mut command = std::process::Command::new(&promtool);
            accepted(&command.args(words).current_dir(folder.path()).output().unwrap())
        };
        (run(&["check", "rules", "hostduty.rules.yml"]), run(&["test", "rules", "hostduty.rules.test.yml"]))
    };
    assert_eq!(ask(&rules), (true, true));
    for (what, instead, syntax) in [
        ("expr: hostduty_gaps > 0", "expr: hostduty_gaps >", false),
        ("expr: hostduty_gaps > 0", "expr: hostduty_gaps > 2", true),
        ("critical|high", "critical|high|medium", true),
        ("medium|low", "medium|low|advice", true),
        ("        for: 6h\n", "        for: 7h\n", true),
        ("> 900", "> 1900", true),
        ("offer=\"cloud-temple-vm-instances\"", "offer=~\".*\"", true),
        ("and on (instance, job) up == 1", "", true),
        ("node_textfile_scrape_error == 1", "node_textfile_scrape_error == 2", true),
    ] {
        assert!(rules.contains(what), "{what}");
        assert_eq!(ask(&rules.replace(what, instead)), (syntax, false), "{what} → {instead}");
    }
}
