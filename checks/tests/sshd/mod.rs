//! Configurations of sshd(8) with connections: written and drawn ones, and what the real program and this crate say.

pub(crate) mod dice;
pub(crate) mod draw;
pub(crate) mod found;
pub(crate) mod ours;
pub(crate) mod settings;
pub(crate) mod theirs;
pub(crate) mod written;

use std::fmt;

/// A configuration and a connection that it is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Names of files below the folder of the configuration with their lines; the first one is the main file. `{dir}` in
    /// a line stands for that folder, `{rel}` for the same from /etc/ssh.
    pub(crate) files: Vec<(String, Vec<String>)>,
    /// Who comes from where; `None` when no connection is described.
    pub(crate) client: Option<Client>,
}

/// What `sshd -C` says of a connection: names and values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Client {
    pub(crate) user: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) addr: Option<String>,
    pub(crate) laddr: Option<String>,
    pub(crate) lport: Option<u16>,
    pub(crate) rdomain: Option<String>,
    pub(crate) invalid_user: bool,
}

impl Pair {
    /// A main file alone.
    pub(crate) fn of(main: &str) -> Self {
        Self::with(main, &[])
    }
    /// A main file and what it may include.
    pub(crate) fn with(main: &str, files: &[(&str, &str)]) -> Self {
        let lines = |text: &str| text.split('\n').map(str::to_owned).collect();
        let others = files.iter().map(|(name, text)| ((*name).to_owned(), lines(text)));
        Self { files: [("main".to_owned(), lines(main))].into_iter().chain(others).collect(), client: None }
    }
    /// The same, asked about a connection in the words of `sshd -C`.
    pub(crate) fn client(mut self, words: &str) -> Self {
        let mut client = Client::default();
        for word in words.split(',').filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let value = Some(value.to_owned());
            match name {
                "user" => client.user = value,
                "host" => client.host = value,
                "addr" => client.addr = value,
                "laddr" => client.laddr = value,
                "lport" => client.lport = value.and_then(|port| port.parse().ok()),
                "rdomain" => client.rdomain = value,
                "invalid-user" => client.invalid_user = true,
                other => panic!("sshd -C knows no {other}"),
            }
        }
        self.client = Some(client);
        self
    }
    /// The files with what `{dir}` and `{rel}` stand for, `folder` lying in /etc/ssh.
    pub(crate) fn contents(&self, folder: &str) -> impl Iterator<Item = (String, String)> {
        self.files.iter().map(move |(name, lines)| {
            let text =
                lines.join("\n").replace("{dir}", &format!("/etc/ssh/{folder}")).replace("{rel}", folder);
            (format!("/etc/ssh/{folder}/{name}"), text + "\n")
        })
    }
    /// The same pair with less: without a file, without a line, without a part of the connection.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for at in 1..self.files.len() {
            let mut less = self.clone();
            less.files.remove(at);
            all.push(less);
        }
        for (file, (_, lines)) in self.files.iter().enumerate() {
            for line in 0..lines.len() {
                let mut less = self.clone();
                less.files[file].1.remove(line);
                all.push(less);
            }
        }
        if let Some(client) = &self.client {
            let without = |change: &dyn Fn(&mut Client)| {
                let mut less = client.clone();
                change(&mut less);
                Self { client: Some(less), ..self.clone() }
            };
            all.push(Self { client: None, ..self.clone() });
            all.push(without(&|client| client.user = None));
            all.push(without(&|client| client.host = None));
            all.push(without(&|client| client.addr = None));
            all.push(without(&|client| client.laddr = None));
            all.push(without(&|client| client.lport = None));
            all.push(without(&|client| client.rdomain = None));
            all.push(without(&|client| client.invalid_user = false));
        }
        all.retain(|less| less != self);
        all
    }
}

impl Client {
    /// In the words of `sshd -C`.
    pub(crate) fn words(&self) -> String {
        let port = self.lport.map(|port| port.to_string());
        let named = [
            ("user", &self.user),
            ("host", &self.host),
            ("addr", &self.addr),
            ("laddr", &self.laddr),
            ("lport", &port),
            ("rdomain", &self.rdomain),
        ];
        let words = named.iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
        words.chain(self.invalid_user.then(|| "invalid-user".to_owned())).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, lines) in &self.files {
            writeln!(out, "  {name}:")?;
            lines.iter().try_for_each(|line| writeln!(out, "    {line:?}"))?;
        }
        match &self.client {
            Some(client) => writeln!(out, "  -C {}", client.words()),
            None => Ok(()),
        }
    }
}
