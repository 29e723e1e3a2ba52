use super::*;

/// Each host as `name = target port key`.
fn hosts(text: &str, is_yaml: bool) -> Vec<String> {
    let listed = parsed(text, is_yaml, "FILE").unwrap();
    let line = |host: Destination| {
        let port = host.port.map(|port| format!(" {port}")).unwrap_or_default();
        let key = host.identity.map(|file| format!(" with {file}")).unwrap_or_default();
        format!("{} = {}{port}{key}", host.name, host.target)
    };
    listed.hosts.into_iter().map(line).collect()
}

fn refused(text: &str, is_yaml: bool) -> String {
    let (line, why) = parsed(text, is_yaml, "FILE").unwrap_err();
    format!("{line}: {why}")
}

#[test]
fn groups_and_hosts_say_how_a_host_is_reached() {
    let ini = "\
mail.example.org
[web]
web[01:02] ansible_user=ann # who
[db]
db-[a:b]:2222
'old' ansible_ssh_host=192.0.2.7 ansible_ssh_user=\"bob\" note='a b # c'
[site:children]
web
db
[site:vars]
ansible_user = deploy
[db:vars]
ansible_private_key_file='/keys/db one' # that of the site
[all:vars]
ansible_port=23
";
    let yaml = "\
---
all:
  vars:
    ansible_port: 23
  hosts:
    mail.example.org:
  children:
    site:
      vars: {ansible_user: deploy}
      children:
        web:
          hosts:
            web[01:02]:
              ansible_user: ann  # who
              packages:
              - nginx
              motd: |
                # a text
                ansible_user: nobody
        db:
          vars:
            ansible_private_key_file: '/keys/db one'
            secret: !vault |
              $ANSIBLE_VAULT;1.1;AES256
          hosts:
            ? ignored
            db-[a:b]:2222:
            \"old\": {ansible_ssh_host: 192.0.2.7, ansible_ssh_user: bob}
"
    .replace("            ? ignored\n", "");
    let wanted = [
        "mail.example.org = mail.example.org 23",
        "web01 = ann@web01 23",
        "web02 = ann@web02 23",
        "db-a = deploy@db-a 2222 with /keys/db one",
        "db-b = deploy@db-b 2222 with /keys/db one",
        "old = bob@192.0.2.7 23 with /keys/db one",
    ];
    assert_eq!(hosts(ini, false), wanted);
    assert_eq!(hosts(&yaml, true), wanted);
}

#[test]
fn ranges_and_ports_are_as_ansible_has_them() {
    let ini = "s[1:10:4]\n[2001:db8::1]:2200\n2001:db8::5\nx[0:1]y[a:b].example.org:22\n[e]\n";
    assert_eq!(
        hosts(ini, false),
        [
            "s1 = s1",
            "s5 = s5",
            "s9 = s9",
            "2001:db8::1 = 2001:db8::1 2200",
            "2001:db8::5 = 2001:db8::5",
            "x0ya.example.org = x0ya.example.org 22",
            "x0yb.example.org = x0yb.example.org 22",
            "x1ya.example.org = x1ya.example.org 22",
            "x1yb.example.org = x1yb.example.org 22",
        ]
    );
    for (text, why) in [
        ("w[1:3", "1: `w[1:3`: a bracket is not closed"),
        ("\nw[01:100]", "2: `w[01:100]`: its ends have different lengths"),
        ("w[3:1]", "1: `w[3:1]`: it ends before it begins"),
        ("w[1:4000000000]", "1: `w[1:4000000000]`: it means more hosts"),
        ("w[1:9999]x[1:9999]", "1: `w[1:9999]x[1:9999]`: it means more hosts"),
        ("w[1:x]", "1: `w[1:x]`: its ends are no numbers"),
    ] {
        assert!(refused(text, false).starts_with(why), "{}", refused(text, false));
    }
}

#[test]
fn what_is_not_understood_has_a_line() {
    for (text, why) in [
        ("#!/usr/bin/python3\n", "1: it is a program: run it"),
        ("[web:hots]\n", "1: `[web:hots]`: write :children or :vars"),
        ("[web]\nw1 ansible_user = ann\n", "2: `ansible_user` is no variable"),
        ("[web]\nw1 ansible_user='ann\n", "2: a quotation mark is not closed"),
        ("[web:vars]\nansible_user\n", "2: `ansible_user` is no variable"),
        ("w1\n[wbe:vars]\nansible_user=ann\n", "2: there is no group [wbe]"),
        ("[a:children]\nb\n", "2: there is no group [b]"),
        ("[a:children]\nb\n[b:children]\na\n", "1: the group a is a child of its own"),
        ("w1 ansible_port=ssh\n", "1: `ssh` is no port"),
        ("w1 ansible_host=-oProxyCommand=id\n", "1: w1: `-oProxyCommand=id` starts with `-`"),
        ("-oProxyCommand=id\n", "1: -oProxyCommand=id: `-oProxyCommand=id` starts with `-`"),
        ("w1 ansible_host='{{ address }}'\n", "1: only Ansible can work out this template"),
        ("w1\n\nw2 ansible_user='a b'\n", "3: w2: ` ` does not belong into the name"),
    ] {
        assert!(refused(text, false).starts_with(why), "{}", refused(text, false));
    }
    for (text, why) in [
        ("web:\n\thosts:\n", "2: YAML is indented by blanks"),
        ("web:\n  hots:\n", "2: a group has hosts, children and vars, not `hots`"),
        ("web:\n  hosts:\n  - w1\n", "3: `- w1` is no key: write `w1:`"),
        ("web:\n  hosts:\n    w1:\n   w2:\n", "4: it is indented like nothing above it"),
        ("web:\n  hosts:\n    w1\n", "3: `w1` is no key: write `w1:`"),
        ("web:\n  hosts:\n    w1:\n    w1:\n", "4: `w1` is there twice"),
        ("web:\n  hosts:\n    w1:\n      <<: *x\n", "4: a merge is not followed"),
        ("web:\n  hosts:\n    w1: *x\n", "3: `w1` is not understood here"),
        (
            "web:\n  hosts:\n    w1:\n      ansible_host: |\n        x\n",
            "4: the value of `ansible_host` is not",
        ),
        ("web:\n  hosts:\n    w1:\n      ansible_host: !vault x\n", "4: the value of `ansible_host` is not"),
        ("plugin: amazon.aws.aws_ec2\n", "1: this file asks a plugin"),
        ("a:\n---\nb:\n", "2: an inventory is one document"),
    ] {
        assert!(refused(text, true).starts_with(why), "{}", refused(text, true));
    }
    let deep: String =
        (0..200).map(|depth| format!("{0}g{depth}:\n{0} children:\n", "  ".repeat(depth))).collect();
    assert!(refused(&deep, true).contains("nested deeper"));
}

#[test]
fn what_is_not_followed_is_said() {
    let ini = "localhost ansible_connection=local\nw1 ansible_ssh_common_args='-J gate'\nw2 ansible_connection=ssh\n";
    let listed = parsed(ini, false, "FILE").unwrap();
    assert_eq!(listed.hosts.len(), 2);
    assert_eq!(
        listed.notes,
        [
            "localhost is left out: FILE:1 reaches it by `local`",
            "FILE:2 is not followed: put what ansible_ssh_common_args says into ~/.ssh/config"
        ]
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("group_vars")).unwrap();
    std::fs::write(folder.path().join("hosts"), "[web]\nw1\n").unwrap();
    assert!(read(&folder.path().join("hosts")).unwrap().notes[0].contains("group_vars is not read"));
    assert!(read(folder.path()).unwrap_err().to_string().contains("it is a folder"));
}

#[test]
fn no_bytes_are_too_strange() {
    let pieces = [
        "[", "]", ":", "w", "a b", "\"", "'", "\\", "\n", "  ", "- ", "{", "}", "#", "=", "hosts:", "é", "1",
    ];
    let mut seed = 7_usize;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text += pieces[(seed >> 33) % pieces.len()];
        }
        let _ = parsed(&text, false, "FILE");
        let _ = parsed(&text, true, "FILE");
    }
}

#[test]
fn a_list_that_was_made_to_take_long_is_given_up() {
    let (line, why) = parsed(&"w[1:9999]\n".repeat(100_000), false, "FILE").unwrap_err();
    assert!(line == 51 && why.contains("named more than 500000 times"), "{line}: {why}");
}
