//! Agents for backup, monitoring and protection against malware that hostduty knows, and whether one is at work.

use super::{Match, Software, package_record, seen, unit_file};
use crate::check::{Evidence, Finding, Judgement};
use crate::facts::Facts;
use crate::gap::Gap;

/// Judges whether at least one of these agents is at work: a process of it runs, or a timer starts it. `purpose`
/// completes "no agent for …".
pub(crate) fn judge(facts: &Facts, agents: &'static [Software], purpose: &str) -> Result<Judgement, Gap> {
    let mut judgement = Judgement::new();
    let mut idle: Vec<(String, Evidence)> = Vec::new();
    let mut doubts = Vec::new();
    for agent in agents {
        match agent.process(facts) {
            Ok(Some((Match::Genuine, process))) => {
                judgement.observe(format!("{} runs", agent.name), [seen(process)]);
                continue;
            }
            Ok(Some((_, process))) => doubts.push(format!(
                "process {} is called {}, and only root may see which file it runs",
                process.pid, process.name
            )),
            _ => {}
        }
        let units = agent.units(facts).unwrap_or_default();
        let starts = units.iter().find(|(_, unit)| unit.starts_at_boot());
        match starts {
            Some((name, unit)) if name.ends_with(".timer") || name.ends_with(".socket") => {
                judgement.observe(format!("{} starts by {name}", agent.name), [unit_file(unit)]);
            }
            Some((name, unit)) => idle.push((format!("{name} is enabled and does not run"), unit_file(unit))),
            None => {
                if let Some((name, unit)) = units.first() {
                    idle.push((format!("{name} is {}", unit.state.name()), unit_file(unit)));
                } else if let Ok(Some((name, version))) = agent.package(facts) {
                    let record = package_record(facts, &format!("{name} {version}"));
                    idle.push((format!("{name} is installed and nothing starts it"), record));
                }
            }
        }
    }
    if !judgement.observations.is_empty() {
        return Ok(judgement);
    }
    // Without a list of processes or units an agent may be at work unseen.
    let (processes, units) = (facts.processes.known()?, facts.units.known()?);
    if let Some(gap) = processes.gaps.first().or(units.gaps.first()) {
        return Err(gap.clone());
    }
    for doubt in doubts {
        judgement.unknown(doubt);
    }
    if judgement.unknowns.is_empty() {
        let mut message = format!("has no agent for {purpose} at work that hostduty knows");
        for (text, _) in &idle {
            message += &format!("; {text}");
        }
        let looked = Evidence::of("/proc").says(format!(
            "none of {} known agents among {} processes and {} units",
            agents.len(),
            processes.list.len(),
            units.units.len()
        ));
        let finding = Finding::new("this machine", message, looked);
        judgement.fail(idle.into_iter().fold(finding, |finding, (_, evidence)| finding.and(evidence)));
    }
    Ok(judgement)
}

const fn agent(
    name: &'static str,
    packages: &'static [&'static str],
    units: &'static [&'static str],
    programs: &'static [&'static str],
) -> Software {
    Software { name, packages, units, programs }
}

/// Agents that copy the data of the machine elsewhere.
pub(crate) static BACKUP: &[Software] = &[
    agent(
        "Acronis Cyber Protect",
        &["acronis-backup-agent"],
        &["acronis_mms.service"],
        &["/opt/acronis/bin/mms"],
    ),
    agent("Amanda", &["amanda-client"], &["amanda.socket", "amanda-udp.socket"], &[]),
    agent("Bacula", &["bacula-fd", "bacula-client"], &["bacula-fd.service"], &["/usr/sbin/bacula-fd"]),
    agent(
        "Bareos",
        &["bareos-filedaemon"],
        &["bareos-fd.service", "bareos-filedaemon.service"],
        &["/usr/sbin/bareos-fd"],
    ),
    agent(
        "BorgBackup",
        &["borgbackup", "borg"],
        &["borg.timer", "borgbackup.timer", "borg-backup.timer"],
        &["/usr/bin/borg"],
    ),
    agent("borgmatic", &["borgmatic"], &["borgmatic.timer"], &["/usr/bin/borgmatic"]),
    agent("Commvault", &[], &["commvault.Instance001.service"], &["/opt/commvault/Base/cvd"]),
    agent("Duplicati", &["duplicati"], &["duplicati.service"], &["/usr/bin/duplicati-server"]),
    agent("duplicity", &["duplicity", "duply"], &["duplicity.timer", "duply.timer"], &["/usr/bin/duplicity"]),
    agent(
        "IBM Spectrum Protect",
        &["TIVsm-BA"],
        &["dsmcad.service"],
        &["/opt/tivoli/tsm/client/ba/bin/dsmcad"],
    ),
    agent(
        "Kopia",
        &["kopia"],
        &["kopia.service", "kopia.timer", "kopia-snapshot.timer"],
        &["/usr/bin/kopia"],
    ),
    agent(
        "pgBackRest",
        &["pgbackrest"],
        &["pgbackrest.service", "pgbackrest.timer"],
        &["/usr/bin/pgbackrest"],
    ),
    agent(
        "Proxmox Backup Client",
        &["proxmox-backup-client"],
        &["proxmox-backup-client.timer", "proxmox-backup.timer"],
        &[],
    ),
    agent("rdiff-backup", &["rdiff-backup"], &["rdiff-backup.timer"], &["/usr/bin/rdiff-backup"]),
    agent(
        "restic",
        &["restic", "resticprofile"],
        &["restic.timer", "restic-backup.timer", "resticprofile.timer"],
        &["/usr/bin/restic"],
    ),
    agent("rsnapshot", &["rsnapshot"], &["rsnapshot.timer", "rsnapshot-daily.timer"], &[]),
    agent("Rubrik", &["rubrik-agent"], &["rubrikagents.service"], &["/usr/bin/rubrik/backup_agent_main"]),
    agent(
        "UrBackup",
        &["urbackup-client"],
        &["urbackupclientbackend.service"],
        &["/usr/sbin/urbackupclientbackend"],
    ),
    agent(
        "Veeam Agent",
        &["veeam", "veeam-nosnap"],
        &["veeamservice.service", "veeamdeployment.service"],
        &["/usr/sbin/veeamservice"],
    ),
    agent("Veritas NetBackup", &["VRTSnbclt"], &["netbackup.service"], &["/usr/openv/netbackup/bin/nbdisco"]),
];

/// Agents that tell somebody when the machine is unwell.
pub(crate) static MONITORING: &[Software] = &[
    agent(
        "Amazon CloudWatch agent",
        &["amazon-cloudwatch-agent"],
        &["amazon-cloudwatch-agent.service"],
        &["/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent"],
    ),
    agent(
        "Azure Monitor agent",
        &["azuremonitoragent"],
        &["azuremonitoragent.service"],
        &["/opt/microsoft/azuremonitoragent/bin/agentlauncher"],
    ),
    agent(
        "Checkmk agent",
        &["check-mk-agent"],
        &["check-mk-agent.socket", "cmk-agent-ctl-daemon.service"],
        &["/usr/bin/cmk-agent-ctl"],
    ),
    agent("collectd", &["collectd", "collectd-core"], &["collectd.service"], &["/usr/sbin/collectd"]),
    agent("Datadog agent", &["datadog-agent"], &["datadog-agent.service"], &[]),
    agent(
        "Dynatrace OneAgent",
        &["dynatrace-oneagent"],
        &["oneagent.service"],
        &["/opt/dynatrace/oneagent/agent/lib64/oneagentwatchdog"],
    ),
    agent(
        "Elastic agent",
        &["elastic-agent"],
        &["elastic-agent.service"],
        &["/opt/Elastic/Agent/elastic-agent"],
    ),
    agent(
        "Grafana Alloy",
        &["alloy", "grafana-agent"],
        &["alloy.service", "grafana-agent.service"],
        &["/usr/bin/alloy", "/usr/bin/grafana-agent"],
    ),
    agent(
        "Icinga",
        &["icinga2", "icinga2-bin"],
        &["icinga2.service"],
        &["/usr/lib/x86_64-linux-gnu/icinga2/sbin/icinga2"],
    ),
    agent("Metricbeat", &["metricbeat"], &["metricbeat.service"], &["/usr/share/metricbeat/bin/metricbeat"]),
    agent("Monit", &["monit"], &["monit.service"], &["/usr/bin/monit"]),
    agent("Munin node", &["munin-node"], &["munin-node.service"], &["/usr/sbin/munin-node"]),
    agent(
        "Nagios NRPE",
        &["nagios-nrpe-server", "nrpe"],
        &["nagios-nrpe-server.service", "nrpe.service", "nrpe.socket"],
        &["/usr/sbin/nrpe"],
    ),
    agent("Netdata", &["netdata", "netdata-core"], &["netdata.service"], &["/usr/sbin/netdata"]),
    agent(
        "New Relic infrastructure agent",
        &["newrelic-infra"],
        &["newrelic-infra.service"],
        &["/usr/bin/newrelic-infra", "/usr/bin/newrelic-infra-service"],
    ),
    agent(
        "OpenTelemetry collector",
        &["otelcol", "otelcol-contrib"],
        &["otelcol.service", "otelcol-contrib.service"],
        &["/usr/bin/otelcol", "/usr/bin/otelcol-contrib"],
    ),
    agent(
        "Performance Co-Pilot",
        &["pcp"],
        &["pmcd.service"],
        &["/usr/libexec/pcp/bin/pmcd", "/usr/lib/pcp/bin/pmcd"],
    ),
    agent(
        "Prometheus node exporter",
        &["prometheus-node-exporter", "node-exporter", "golang-github-prometheus-node-exporter"],
        &["prometheus-node-exporter.service", "node_exporter.service", "node-exporter.service"],
        &["/usr/bin/prometheus-node-exporter", "/usr/local/bin/node_exporter", "/usr/bin/node_exporter"],
    ),
    agent("Sensu agent", &["sensu-go-agent"], &["sensu-agent.service"], &["/usr/sbin/sensu-agent"]),
    agent("SNMP daemon", &["snmpd", "net-snmp"], &["snmpd.service"], &["/usr/sbin/snmpd"]),
    agent("Telegraf", &["telegraf"], &["telegraf.service"], &["/usr/bin/telegraf"]),
    agent("Vector", &["vector"], &["vector.service"], &["/usr/bin/vector"]),
    agent(
        "Zabbix agent",
        &["zabbix-agent", "zabbix-agent2"],
        &["zabbix-agent.service", "zabbix-agent2.service"],
        &["/usr/sbin/zabbix_agentd", "/usr/sbin/zabbix_agent2"],
    ),
];

/// Agents that look for malware or for its behaviour. A downloader of signatures (freshclam) is none.
pub(crate) static MALWARE: &[Software] = &[
    agent(
        "Bitdefender GravityZone",
        &["bitdefender-security-tools"],
        &["bdsec.service", "bdsecd.service"],
        &["/opt/bitdefender-security-tools/bin/bdsecd"],
    ),
    agent("chkrootkit", &["chkrootkit"], &["chkrootkit.timer"], &[]),
    agent(
        "ClamAV",
        &["clamav-daemon", "clamd", "clamav"],
        &["clamav-daemon.service", "clamd.service", "clamd@scan.service", "clamav-clamonacc.service"],
        &["/usr/sbin/clamd", "/usr/sbin/clamonacc"],
    ),
    agent("Cortex XDR", &["cortex-agent"], &["traps_pmd.service"], &["/opt/traps/bin/pmd"]),
    agent(
        "CrowdStrike Falcon",
        &["falcon-sensor"],
        &["falcon-sensor.service"],
        &["/opt/CrowdStrike/falcon-sensor", "/opt/CrowdStrike/falcon-sensor-bpf", "/opt/CrowdStrike/falcond"],
    ),
    agent("Elastic Defend", &[], &["ElasticEndpoint.service"], &["/opt/Elastic/Endpoint/elastic-endpoint"]),
    agent(
        "ESET",
        &["efs", "eea"],
        &["efs.service", "eea.service"],
        &["/opt/eset/efs/sbin/startd", "/opt/eset/efs/lib/oaeventd"],
    ),
    agent(
        "Falco",
        &["falco"],
        &["falco.service", "falco-modern-bpf.service", "falco-bpf.service", "falco-kmod.service"],
        &["/usr/bin/falco"],
    ),
    agent(
        "HarfangLab",
        &["hurukai-agent"],
        &["hurukai.service", "hurukai-agent.service"],
        &["/opt/hurukai-agent/bin/hurukai"],
    ),
    agent(
        "Kaspersky Endpoint Security",
        &["kesl"],
        &["kesl.service", "kesl-supervisor.service"],
        &["/opt/kaspersky/kesl/libexec/kesl"],
    ),
    agent("Linux Malware Detect", &["maldetect"], &["maldet.service"], &[]),
    agent(
        "Microsoft Defender for Endpoint",
        &["mdatp"],
        &["mdatp.service"],
        &["/opt/microsoft/mdatp/sbin/wdavdaemon"],
    ),
    agent(
        "SentinelOne",
        &["SentinelAgent", "sentinelagent"],
        &["sentinelone.service"],
        &["/opt/sentinelone/bin/sentinelone-agent", "/opt/sentinelone/bin/s1-agent"],
    ),
    agent(
        "Sophos",
        &[],
        &["sophos-spl.service", "sav-protect.service"],
        &["/opt/sophos-spl/base/bin/sophos_watchdog", "/opt/sophos-av/engine/_/savd.0"],
    ),
    agent(
        "Trend Micro Deep Security",
        &["ds-agent", "ds_agent"],
        &["ds_agent.service"],
        &["/opt/ds_agent/ds_agent"],
    ),
    agent(
        "VMware Carbon Black",
        &["cb-psc-sensor", "cbagent"],
        &["cbagentd.service"],
        &["/opt/carbonblack/psc/bin/cbagentd"],
    ),
    agent(
        "Wazuh agent",
        &["wazuh-agent"],
        &["wazuh-agent.service"],
        &["/var/ossec/bin/wazuh-syscheckd", "/var/ossec/bin/wazuh-agentd"],
    ),
    agent(
        "WithSecure",
        &["f-secure-linuxsecurity"],
        &["f-secure-linuxsecurity-activate.service", "fsbg.service"],
        &["/opt/f-secure/linuxsecurity/bin/fsavd"],
    ),
];
