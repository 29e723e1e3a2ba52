# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hostduty_global_optspecs
    string join \n h/help V/version
end

function __fish_hostduty_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hostduty_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hostduty_using_subcommand
    set -l cmd (__fish_hostduty_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hostduty -n "__fish_hostduty_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_needs_command" -s V -l version -d 'Print version'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "report" -d 'Judge every check and print what is kept, what is broken and what could not be known'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "duties" -d 'Print the offer\'s matrix: every duty of the customer and where it stands'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "list" -d 'List the checks'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "explain" -d 'Print all that hostduty knows about one check: why, how to mend it, examples'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "facts" -d 'Print the facts of this host as a snapshot that `report --facts` judges anywhere'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "sshd" -d 'Print what sshd would do: its effective configuration, the lines that decide, who can log in from where'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "exposure" -d 'List every socket and published port with who can reach it and the rule that decides'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "reach" -d 'Tell whether one new connection would get through, and which rules it meets'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "patches" -d 'List the updates that wait, security first, and say how old that knowledge is'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "watch" -d 'Stay, and tell what changes: to the journal, to the record, to node_exporter'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "status" -d 'Tell how the running watch is doing'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "history" -d 'Tell since when, and for how long, each duty was kept or broken'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "drift" -d 'Tell what changed between two snapshots or two JSON reports'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "config" -d 'Check or show the configuration'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "doctor" -d 'Say which privileges and sources are missing, and which checks each would decide'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "man" -d 'Print the manual page in roff'
complete -c hostduty -n "__fish_hostduty_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l root -d 'Read a root folder (a mounted image, a chroot) instead of the running machine' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l facts -d 'Judge a snapshot made by `hostduty facts`, as of its instant (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l at -d 'Judge a root folder\'s ages as of this instant instead of now (RFC 3339 or a day)' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l host -d 'Ask this machine over SSH (user@server, ssh://user@server:port); may be repeated' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l hosts -d 'Ask those that a file names, one destination a line' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l inventory -d 'Ask those of an Ansible inventory, INI or YAML' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l from -d 'Look at nothing, and show these JSON reports again, single or merged (`-` for standard input); may be repeated' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l jobs -d 'Ask this many at a time' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l timeout -d 'Give each this many seconds, all told' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l remote-binaries -d 'Send the binary DIR/<target>/hostduty instead of one below /usr/lib/hostduty/remote' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l config -d 'Read this configuration file instead of /etc/hostduty and its relatives (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l offer -d 'Whose machine it is, such as scaleway-elastic-metal; beats the configuration' -r -f -a "scaleway-elastic-metal\t''
scaleway-dedibox\t''
scaleway-apple-silicon\t''
cloud-temple-vm-instances\t''
ovhcloud-public-cloud\t''
generic\t''"
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l check -d 'Judge only this check; may be repeated' -r -f -a "accounts-homes\t''
accounts-sudo-nopasswd\t''
accounts-uid-zero\t''
accounts-unused\t''
backup-agent\t''
encryption-data\t''
encryption-strength\t''
encryption-swap\t''
firewall-container-bypass\t''
firewall-default-deny\t''
firewall-enforced\t''
firewall-exposure\t''
firewall-ipv6-parity\t''
firewall-persistent\t''
guest-tools-current\t''
guest-tools-drivers\t''
guest-tools-enabled\t''
guest-tools-running\t''
integrity-system\t''
logs-persistent\t''
malware-protection\t''
mdm-enrolled\t''
mdm-profiles\t''
monitoring-agent\t''
passwords-changed\t''
passwords-default\t''
passwords-empty\t''
passwords-hash\t''
passwords-policy\t''
patches-automatic\t''
patches-index-fresh\t''
patches-kernel-running\t''
patches-release-supported\t''
patches-repositories\t''
patches-security\t''
patches-services-restarted\t''
remote-desktop-legacy-password\t''
remote-desktop-tunnelled\t''
secrets-cloud-keys\t''
secrets-seeds\t''
services-legacy\t''
ssh-algorithms\t''
ssh-authorized-keys\t''
ssh-authorized-keys-age\t''
ssh-config-loaded\t''
ssh-config-valid\t''
ssh-host-keys\t''
ssh-key-only\t''
ssh-private-keys\t''
ssh-root-login\t''
storage-redundancy\t''"
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l format -d 'How it is written; every format holds one host or many' -r -f -a "human\t'For people at a terminal'
json\t'All of it, for programs (packaging/schema: report-v1; of other machines fleet-v1)'
markdown\t'For a ticket, a wiki, the summary of a pipeline'
html\t'One page that needs nothing else, for a browser or for paper'
sarif\t'SARIF 2.1.0: code scanning'
junit\t'JUnit XML: the tests of a build server'
openmetrics\t'OpenMetrics: Prometheus'
ocsf\t'OCSF 1.5 compliance findings, one a line: security data lakes'
xccdf\t'XCCDF 1.2 results: SCAP tools'
oscal\t'OSCAL 1.2.1 assessment results: governance tools'"
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l key -d 'Sign with this private key instead of the host\'s own' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l state -d 'The state folder, which tells since when each verdict holds' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -s o -l output -d 'Write to a file instead of standard output; it appears whole or not at all' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l fail-on -d 'Only failures of at least this severity make the exit code 1' -r -f -a "advice\t''
low\t''
medium\t''
high\t''
critical\t''"
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l sudo -d 'Run there as root by `sudo -n`, which never asks for a password'
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l list-hosts -d 'Say who would be asked, and ask nobody'
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -s v -l verbose -d 'Show every finding and every piece of evidence, also of what is kept'
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l sign -d 'Sign it with the host\'s SSH key; the signature comes beside it, with .sig'
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l allow-unknown -d 'Exit 0 instead of 3 when nothing fails but something is unknown'
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -l require-attestations -d 'Duties without a valid attestation count as unknown in the exit code'
complete -c hostduty -n "__fish_hostduty_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l root -d 'Read a root folder (a mounted image, a chroot) instead of the running machine' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l facts -d 'Judge a snapshot made by `hostduty facts`, as of its instant (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l at -d 'Judge a root folder\'s ages as of this instant instead of now (RFC 3339 or a day)' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l config -d 'Read this configuration file instead of /etc/hostduty and its relatives (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l offer -d 'Whose machine it is, such as scaleway-elastic-metal; beats the configuration' -r -f -a "scaleway-elastic-metal\t''
scaleway-dedibox\t''
scaleway-apple-silicon\t''
cloud-temple-vm-instances\t''
ovhcloud-public-cloud\t''
generic\t''"
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l format -d 'human for people, json for programs: the `duties` of the report' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -s o -l output -d 'Write to a file instead of standard output; it appears whole or not at all' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l fail-on -d 'Only failures of at least this severity make the exit code 1' -r -f -a "advice\t''
low\t''
medium\t''
high\t''
critical\t''"
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l allow-unknown -d 'Exit 0 instead of 3 when nothing fails but something is unknown'
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -l require-attestations -d 'Duties without a valid attestation count as unknown in the exit code'
complete -c hostduty -n "__fish_hostduty_using_subcommand duties" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand list" -l format -d 'human for people, json for programs' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand explain" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand facts" -l root -d 'Read a root folder (a mounted image, a chroot) instead of the running machine' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand facts" -l at -d 'Take a root folder\'s facts as of this instant instead of now (RFC 3339 or a day)' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand facts" -s o -l output -d 'Write to a file instead of standard output; it appears whole or not at all' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand facts" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -s f -l file -d 'Read this configuration file instead of the server\'s own' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -l root -d 'Read a root folder (a mounted image, a chroot) instead of the running machine' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -s C -l connection -d 'For this connection, so that Match blocks are heeded: user=,addr=,host=,laddr=,lport=,rdomain=,invalid-user' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -l why -d 'Print the line that decides a keyword, and the lines that lost; may be repeated' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -l format -d 'With --logins: human for people, json for programs' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -l release -d 'Read as this release would, instead of the installed one (such as "OpenSSH_9.2p1 Debian-2")' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -l logins -d 'Print which accounts can log in, from where, by which methods'
complete -c hostduty -n "__fish_hostduty_using_subcommand sshd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand exposure" -l facts -d 'Ask about the machine of a snapshot made by `hostduty facts` (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand exposure" -l root -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand exposure" -l format -d 'human for people, json for programs (schema: packaging/schema/exposure-v1.schema.json)' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand exposure" -s o -l output -d 'Write to a file instead of standard output; it appears whole or not at all' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand exposure" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hostduty -n "__fish_hostduty_using_subcommand exposure" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -l proto -d 'tcp or udp' -r -f -a "tcp\t'A connection'
udp\t'The first datagram of an exchange'"
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -l from -d 'The sender, with its port where that matters: 203.0.113.9, [2001:db8::9]:40000' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -l to -d 'Where it goes: 192.0.2.1:22, [2001:db8::1]:22' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -l in -d 'The interface that it comes in through' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -l facts -d 'Ask about the machine of a snapshot made by `hostduty facts` (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -l root -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -l format -d 'human for people, json for programs (schema: packaging/schema/reach-v1.schema.json)' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -s o -l output -d 'Write to a file instead of standard output; it appears whole or not at all' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hostduty -n "__fish_hostduty_using_subcommand reach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand patches" -l root -d 'Read a root folder (a mounted image, a chroot) instead of the running machine' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand patches" -l facts -d 'Judge a snapshot made by `hostduty facts`, as of its instant (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand patches" -l at -d 'Judge a root folder\'s ages as of this instant instead of now (RFC 3339 or a day)' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand patches" -l format -d 'human for people, json for programs (schema: packaging/schema/patches-v1.schema.json)' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand patches" -s o -l output -d 'Write to a file instead of standard output; it appears whole or not at all' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand patches" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hostduty -n "__fish_hostduty_using_subcommand patches" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand watch" -l config -d 'Read this configuration file instead of /etc/hostduty and its relatives (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand watch" -l offer -d 'Whose machine it is, such as scaleway-elastic-metal; beats the configuration' -r -f -a "scaleway-elastic-metal\t''
scaleway-dedibox\t''
scaleway-apple-silicon\t''
cloud-temple-vm-instances\t''
ovhcloud-public-cloud\t''
generic\t''"
complete -c hostduty -n "__fish_hostduty_using_subcommand watch" -l state -d 'The state folder, which holds the record; $STATE_DIRECTORY or /var/lib/hostduty (/var/db/hostduty on macOS) if none is named' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand watch" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand status" -l state -d 'The state folder of the watch' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand status" -l format -d 'human for people, json for programs (schema: packaging/schema/status-v1.schema.json)' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -l check -d 'Only this check' -r -f -a "accounts-homes\t''
accounts-sudo-nopasswd\t''
accounts-uid-zero\t''
accounts-unused\t''
backup-agent\t''
encryption-data\t''
encryption-strength\t''
encryption-swap\t''
firewall-container-bypass\t''
firewall-default-deny\t''
firewall-enforced\t''
firewall-exposure\t''
firewall-ipv6-parity\t''
firewall-persistent\t''
guest-tools-current\t''
guest-tools-drivers\t''
guest-tools-enabled\t''
guest-tools-running\t''
integrity-system\t''
logs-persistent\t''
malware-protection\t''
mdm-enrolled\t''
mdm-profiles\t''
monitoring-agent\t''
passwords-changed\t''
passwords-default\t''
passwords-empty\t''
passwords-hash\t''
passwords-policy\t''
patches-automatic\t''
patches-index-fresh\t''
patches-kernel-running\t''
patches-release-supported\t''
patches-repositories\t''
patches-security\t''
patches-services-restarted\t''
remote-desktop-legacy-password\t''
remote-desktop-tunnelled\t''
secrets-cloud-keys\t''
secrets-seeds\t''
services-legacy\t''
ssh-algorithms\t''
ssh-authorized-keys\t''
ssh-authorized-keys-age\t''
ssh-config-loaded\t''
ssh-config-valid\t''
ssh-host-keys\t''
ssh-key-only\t''
ssh-private-keys\t''
ssh-root-login\t''
storage-redundancy\t''"
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -l since -d 'Only what came after: an instant, a day, or so long ago as in 90min, 12h, 30d' -r
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -l state -d 'The state folder' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -l format -d 'human for people, json for programs (schema: packaging/schema/history-v1.schema.json)' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -s o -l output -d 'Write to a file instead of standard output; it appears whole or not at all' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -f -a "verify" -d 'Tell whether the record is as it was written, and if not, which entries are missing or altered'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -f -a "sign" -d 'Write a small statement of where the record ends, signed with the host\'s SSH key'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and not __fish_seen_subcommand_from verify sign help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from verify" -l state -d 'The state folder' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from verify" -l statement -d 'Also that it still holds the entry that this statement speaks of (see `history sign`)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from sign" -l state -d 'The state folder' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from sign" -l key -d 'Sign with this private key instead of the host\'s own' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from sign" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Tell whether the record is as it was written, and if not, which entries are missing or altered'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "sign" -d 'Write a small statement of where the record ends, signed with the host\'s SSH key'
complete -c hostduty -n "__fish_hostduty_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostduty -n "__fish_hostduty_using_subcommand drift" -l config -d 'Read this configuration file instead of /etc/hostduty and its relatives (`-` for standard input)' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand drift" -l offer -d 'Whose machine it is, such as scaleway-elastic-metal; beats the configuration' -r -f -a "scaleway-elastic-metal\t''
scaleway-dedibox\t''
scaleway-apple-silicon\t''
cloud-temple-vm-instances\t''
ovhcloud-public-cloud\t''
generic\t''"
complete -c hostduty -n "__fish_hostduty_using_subcommand drift" -l format -d 'human for people, json for programs (schema: packaging/schema/drift-v1.schema.json)' -r -f -a "human\t'For people'
json\t'For programs'"
complete -c hostduty -n "__fish_hostduty_using_subcommand drift" -s o -l output -d 'Write to a file instead of standard output; it appears whole or not at all' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand drift" -l color -d 'When to use colour' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c hostduty -n "__fish_hostduty_using_subcommand drift" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and not __fish_seen_subcommand_from check example help" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and not __fish_seen_subcommand_from check example help" -f -a "check" -d 'Read the configuration as `report` would and say what it means, or what is wrong with it'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and not __fish_seen_subcommand_from check example help" -f -a "example" -d 'Print a commented example to start from'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and not __fish_seen_subcommand_from check example help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and __fish_seen_subcommand_from check" -l config -d 'The same, as other verbs take it' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and __fish_seen_subcommand_from example" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "check" -d 'Read the configuration as `report` would and say what it means, or what is wrong with it'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "example" -d 'Print a commented example to start from'
complete -c hostduty -n "__fish_hostduty_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostduty -n "__fish_hostduty_using_subcommand doctor" -l root -d 'Look at a root folder instead of the running machine' -r -F
complete -c hostduty -n "__fish_hostduty_using_subcommand doctor" -s v -l verbose -d 'List every path and kernel query that was asked for, by room'
complete -c hostduty -n "__fish_hostduty_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand completions" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand man" -s h -l help -d 'Print help'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "report" -d 'Judge every check and print what is kept, what is broken and what could not be known'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "duties" -d 'Print the offer\'s matrix: every duty of the customer and where it stands'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "list" -d 'List the checks'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "explain" -d 'Print all that hostduty knows about one check: why, how to mend it, examples'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "facts" -d 'Print the facts of this host as a snapshot that `report --facts` judges anywhere'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "sshd" -d 'Print what sshd would do: its effective configuration, the lines that decide, who can log in from where'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "exposure" -d 'List every socket and published port with who can reach it and the rule that decides'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "reach" -d 'Tell whether one new connection would get through, and which rules it meets'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "patches" -d 'List the updates that wait, security first, and say how old that knowledge is'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "watch" -d 'Stay, and tell what changes: to the journal, to the record, to node_exporter'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "status" -d 'Tell how the running watch is doing'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "history" -d 'Tell since when, and for how long, each duty was kept or broken'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "drift" -d 'Tell what changed between two snapshots or two JSON reports'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "config" -d 'Check or show the configuration'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "doctor" -d 'Say which privileges and sources are missing, and which checks each would decide'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "man" -d 'Print the manual page in roff'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and not __fish_seen_subcommand_from report duties list explain facts sshd exposure reach patches watch status history drift config doctor completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and __fish_seen_subcommand_from history" -f -a "verify" -d 'Tell whether the record is as it was written, and if not, which entries are missing or altered'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and __fish_seen_subcommand_from history" -f -a "sign" -d 'Write a small statement of where the record ends, signed with the host\'s SSH key'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "check" -d 'Read the configuration as `report` would and say what it means, or what is wrong with it'
complete -c hostduty -n "__fish_hostduty_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "example" -d 'Print a commented example to start from'
