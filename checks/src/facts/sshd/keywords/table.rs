//! Every keyword of OpenSSH 8.4 to 10.5 and of the builds of Debian and Red Hat.

use super::{Effect, Form, Keyword, Patches};
use crate::facts::sshd::algorithms::Kind;

const YES_NO: Form = Form::Choice(&[("yes", "yes"), ("no", "no")]);
const FORWARDING: Form =
    Form::Choice(&[("yes", "yes"), ("all", "yes"), ("no", "no"), ("remote", "remote"), ("local", "local")]);

/// One that may stand in a Match block.
const fn everywhere(spelling: &'static str, name: &'static str, form: Form) -> Keyword {
    Keyword {
        name,
        spelling,
        form,
        in_match: true,
        copied: true,
        effect: Effect::Sets,
        since: (0, 0),
        before: (u32::MAX, 0),
        of: Patches::Everybody,
    }
}

/// One that may not.
const fn global(spelling: &'static str, name: &'static str, form: Form) -> Keyword {
    Keyword { in_match: false, copied: false, ..everywhere(spelling, name, form) }
}

impl Keyword {
    const fn since(self, major: u32, minor: u32) -> Self {
        Self { since: (major, minor), ..self }
    }
    const fn before(self, major: u32, minor: u32) -> Self {
        Self { before: (major, minor), ..self }
    }
    const fn of(self, of: Patches) -> Self {
        Self { of, ..self }
    }
    const fn not_copied(self) -> Self {
        Self { copied: false, ..self }
    }
    const fn ignored(self) -> Self {
        Self { effect: Effect::Ignored, form: Form::Anything, copied: false, ..self }
    }
}

/// The first spelling of a name that a build knows is the one that its `sshd -T` prints.
pub(super) static KEYWORDS: &[Keyword] = &[
    // May stand in a Match block.
    everywhere("AcceptEnv", "acceptenv", Form::Variables),
    everywhere("AllowAgentForwarding", "allowagentforwarding", YES_NO),
    everywhere("AllowGroups", "allowgroups", Form::Groups),
    everywhere("AllowStreamLocalForwarding", "allowstreamlocalforwarding", FORWARDING),
    everywhere("AllowTcpForwarding", "allowtcpforwarding", FORWARDING),
    everywhere("AllowUsers", "allowusers", Form::Users),
    everywhere("AuthenticationMethods", "authenticationmethods", Form::Methods),
    everywhere("AuthorizedKeysCommand", "authorizedkeyscommand", Form::Command),
    everywhere("AuthorizedKeysCommandUser", "authorizedkeyscommanduser", Form::Word),
    everywhere("AuthorizedKeysFile", "authorizedkeysfile", Form::HomeFiles),
    everywhere("AuthorizedPrincipalsCommand", "authorizedprincipalscommand", Form::Command),
    everywhere("AuthorizedPrincipalsCommandUser", "authorizedprincipalscommanduser", Form::Word),
    everywhere("AuthorizedPrincipalsFile", "authorizedprincipalsfile", Form::HomeFile),
    everywhere("Banner", "banner", Form::File),
    everywhere("CASignatureAlgorithms", "casignaturealgorithms", Form::Algorithms(Kind::Signature)),
    everywhere("ChannelTimeout", "channeltimeout", Form::Channels).since(9, 2),
    everywhere("ChrootDirectory", "chrootdirectory", Form::WordOrNone),
    everywhere("ClientAliveCountMax", "clientalivecountmax", Form::Number),
    everywhere("ClientAliveInterval", "clientaliveinterval", Form::Time),
    everywhere("DenyGroups", "denygroups", Form::Groups),
    everywhere("DenyUsers", "denyusers", Form::Users),
    everywhere("DisableForwarding", "disableforwarding", YES_NO),
    everywhere("ExposeAuthInfo", "exposeauthinfo", YES_NO),
    everywhere("ForceCommand", "forcecommand", Form::Rest),
    everywhere(
        "GatewayPorts",
        "gatewayports",
        Form::Choice(&[("clientspecified", "clientspecified"), ("yes", "yes"), ("no", "no")]),
    ),
    everywhere("HostbasedAuthentication", "hostbasedauthentication", YES_NO),
    everywhere("HostbasedUsesNameFromPacketOnly", "hostbasedusesnamefrompacketonly", YES_NO),
    everywhere(
        "IgnoreRhosts",
        "ignorerhosts",
        Form::Choice(&[("yes", "yes"), ("no", "no"), ("shosts-only", "shosts-only")]),
    ),
    everywhere("Include", "include", Form::Include),
    everywhere("IPQoS", "ipqos", Form::Traffic),
    everywhere("KbdInteractiveAuthentication", "kbdinteractiveauthentication", YES_NO),
    everywhere("LogLevel", "loglevel", Form::Level),
    everywhere("LogVerbose", "logverbose", Form::Places).since(8, 5),
    everywhere("Match", "match", Form::Match),
    everywhere("MaxAuthTries", "maxauthtries", Form::Number),
    everywhere("MaxSessions", "maxsessions", Form::Number),
    everywhere("PasswordAuthentication", "passwordauthentication", YES_NO),
    everywhere("PermitEmptyPasswords", "permitemptypasswords", YES_NO),
    everywhere("PermitListen", "permitlisten", Form::Listens),
    everywhere("PermitOpen", "permitopen", Form::Forwards),
    everywhere(
        "PermitRootLogin",
        "permitrootlogin",
        Form::Choice(&[
            ("without-password", "prohibit-password"),
            ("prohibit-password", "prohibit-password"),
            ("forced-commands-only", "forced-commands-only"),
            ("yes", "yes"),
            ("no", "no"),
        ]),
    ),
    everywhere("PermitTTY", "permittty", YES_NO),
    everywhere("PermitTunnel", "permittunnel", Form::Exact(&["no", "point-to-point", "ethernet", "yes"])),
    everywhere("PermitUserRC", "permituserrc", YES_NO),
    everywhere("PubkeyAuthentication", "pubkeyauthentication", YES_NO),
    everywhere("PubkeyAuthOptions", "pubkeyauthoptions", Form::PubkeyOptions),
    everywhere("RDomain", "rdomain", Form::Nothing),
    everywhere("RefuseConnection", "refuseconnection", YES_NO).since(9, 9),
    everywhere("RekeyLimit", "rekeylimit", Form::Rekey),
    everywhere("RequiredRSASize", "requiredrsasize", Form::Number).since(9, 1),
    everywhere("RevokedKeys", "revokedkeys", Form::File).before(10, 3),
    everywhere("RevokedKeys", "revokedkeys", Form::HomeFiles).since(10, 3),
    everywhere("SetEnv", "setenv", Form::Assignments).before(8, 5).not_copied(),
    everywhere("SetEnv", "setenv", Form::Assignments).since(8, 5),
    everywhere("StreamLocalBindMask", "streamlocalbindmask", Form::Mask),
    everywhere("StreamLocalBindUnlink", "streamlocalbindunlink", YES_NO),
    everywhere("TrustedUserCAKeys", "trustedusercakeys", Form::File),
    everywhere("UnusedConnectionTimeout", "unusedconnectiontimeout", Form::TimeOrNone).since(9, 2),
    everywhere("X11DisplayOffset", "x11displayoffset", Form::Number),
    everywhere("X11Forwarding", "x11forwarding", YES_NO),
    everywhere("X11UseLocalhost", "x11uselocalhost", YES_NO),
    // May not.
    global(
        "AddressFamily",
        "addressfamily",
        Form::Choice(&[("inet", "inet"), ("inet6", "inet6"), ("any", "any")]),
    ),
    global("Ciphers", "ciphers", Form::Algorithms(Kind::Cipher)),
    global("Compression", "compression", Form::Choice(&[("yes", "yes"), ("delayed", "yes"), ("no", "no")])),
    global("FingerprintHash", "fingerprinthash", Form::Digest),
    global("HostCertificate", "hostcertificate", Form::File),
    global("HostKey", "hostkey", Form::File),
    global("HostKeyAgent", "hostkeyagent", Form::FileOr("SSH_AUTH_SOCK")),
    global("HostKeyAlgorithms", "hostkeyalgorithms", Form::Algorithms(Kind::Key)),
    global("IgnoreUserKnownHosts", "ignoreuserknownhosts", YES_NO),
    global("KexAlgorithms", "kexalgorithms", Form::Algorithms(Kind::KeyExchange)),
    global("ListenAddress", "listenaddress", Form::Listen),
    global("LoginGraceTime", "logingracetime", Form::Time),
    global("Macs", "macs", Form::Algorithms(Kind::Mac)),
    global("MaxStartups", "maxstartups", Form::Startups),
    global("ModuliFile", "modulifile", Form::File).since(8, 6),
    global("PermitUserEnvironment", "permituserenvironment", Form::Environment),
    global("PerSourceMaxStartups", "persourcemaxstartups", Form::SourceStartups).since(8, 5),
    global("PerSourceNetBlockSize", "persourcenetblocksize", Form::NetBlock).since(8, 5),
    global("PerSourcePenalties", "persourcepenalties", Form::Penalties).since(9, 8),
    global("PerSourcePenaltyExemptList", "persourcepenaltyexemptlist", Form::Addresses).since(9, 8),
    global("PidFile", "pidfile", Form::File),
    global("Port", "port", Form::Port),
    global("PrintLastLog", "printlastlog", YES_NO),
    global("PrintMotd", "printmotd", YES_NO),
    global("SecurityKeyProvider", "securitykeyprovider", Form::FileOr("internal")),
    global("SshdAuthPath", "sshdauthpath", Form::File).since(10, 0),
    global("SshdSessionPath", "sshdsessionpath", Form::File).since(9, 8),
    global("StrictModes", "strictmodes", YES_NO),
    global("Subsystem", "subsystem", Form::Subsystem).before(9, 5),
    everywhere("Subsystem", "subsystem", Form::Subsystem).since(9, 5),
    global("SyslogFacility", "syslogfacility", Form::Facility),
    global("TCPKeepAlive", "tcpkeepalive", YES_NO),
    global("UseDNS", "usedns", YES_NO),
    global("VersionAddendum", "versionaddendum", Form::Addendum),
    global("XAuthLocation", "xauthlocation", Form::File),
    // PAM.
    global("UsePAM", "usepam", YES_NO),
    everywhere("PAMServiceName", "pamservicename", Form::Word).since(9, 8).before(10, 4),
    global("PAMServiceName", "pamservicename", Form::Word).since(10, 4).before(10, 5),
    everywhere("PAMServiceName", "pamservicename", Form::Word).since(10, 5).not_copied(),
    // Kerberos and GSSAPI. 10.4 misnamed its keywords of GSSAPI.
    everywhere("KerberosAuthentication", "kerberosauthentication", YES_NO),
    global("KerberosOrLocalPasswd", "kerberosorlocalpasswd", YES_NO),
    global("KerberosTicketCleanup", "kerberosticketcleanup", YES_NO),
    everywhere("GSSAPIAuthentication", "gssapiauthentication", YES_NO).before(10, 4),
    everywhere("GSSAPIAuthentication", "gssapiauthentication", YES_NO).since(10, 5),
    everywhere("GSSAPIAuthentication", "gssapiauthentication", YES_NO)
        .since(10, 4)
        .before(10, 5)
        .of(Patches::Distributions),
    everywhere("GssAuthentication", "gssapiauthentication", YES_NO)
        .since(10, 4)
        .before(10, 5)
        .of(Patches::Upstream),
    global("GSSAPICleanupCredentials", "gssapicleanupcredentials", YES_NO).before(10, 4),
    global("GSSAPICleanupCredentials", "gssapicleanupcredentials", YES_NO).since(10, 5),
    global("GSSAPICleanupCredentials", "gssapicleanupcredentials", YES_NO)
        .since(10, 4)
        .before(10, 5)
        .of(Patches::Distributions),
    global("GssCleanupCreds", "gssapicleanupcredentials", YES_NO)
        .since(10, 4)
        .before(10, 5)
        .of(Patches::Upstream),
    global("GSSAPIDelegateCredentials", "gssapidelegatecredentials", YES_NO).since(10, 3).before(10, 4),
    global("GSSAPIDelegateCredentials", "gssapidelegatecredentials", YES_NO).since(10, 5),
    global("GSSAPIDelegateCredentials", "gssapidelegatecredentials", YES_NO)
        .since(10, 4)
        .before(10, 5)
        .of(Patches::Distributions),
    global("GssDelegateCreds", "gssapidelegatecredentials", YES_NO)
        .since(10, 4)
        .before(10, 5)
        .of(Patches::Upstream),
    global("GSSAPIStrictAcceptorCheck", "gssapistrictacceptorcheck", YES_NO).before(10, 4),
    global("GSSAPIStrictAcceptorCheck", "gssapistrictacceptorcheck", YES_NO).since(10, 5),
    global("GSSAPIStrictAcceptorCheck", "gssapistrictacceptorcheck", YES_NO)
        .since(10, 4)
        .before(10, 5)
        .of(Patches::Distributions),
    global("GssStrictAcceptor", "gssapistrictacceptorcheck", YES_NO)
        .since(10, 4)
        .before(10, 5)
        .of(Patches::Upstream),
    // Renamed keywords.
    everywhere("HostbasedAcceptedAlgorithms", "hostbasedacceptedalgorithms", Form::Algorithms(Kind::Key))
        .since(8, 5),
    everywhere("HostbasedAcceptedKeyTypes", "hostbasedacceptedalgorithms", Form::Algorithms(Kind::Key)),
    everywhere("PubkeyAcceptedAlgorithms", "pubkeyacceptedalgorithms", Form::Algorithms(Kind::Key))
        .since(8, 5),
    everywhere("PubkeyAcceptedKeyTypes", "pubkeyacceptedalgorithms", Form::Algorithms(Kind::Key)),
    global("ChallengeResponseAuthentication", "challengeresponseauthentication", YES_NO).before(8, 7),
    everywhere("ChallengeResponseAuthentication", "kbdinteractiveauthentication", YES_NO).since(8, 7),
    global("SKeyAuthentication", "skeyauthentication", Form::Anything).before(8, 7).ignored(),
    everywhere("SKeyAuthentication", "kbdinteractiveauthentication", YES_NO).since(8, 7),
    global("DSAAuthentication", "pubkeyauthentication", YES_NO),
    global("HostDSAKey", "hostkey", Form::File),
    global("KeepAlive", "tcpkeepalive", YES_NO),
    // Without effect.
    global("AFSTokenPassing", "afstokenpassing", Form::Anything).ignored(),
    everywhere("AuthorizedKeysFile2", "authorizedkeysfile2", Form::Anything).ignored(),
    global("CheckMail", "checkmail", Form::Anything).ignored(),
    global("KerberosGetAFSToken", "kerberosgetafstoken", Form::Anything).ignored(),
    global("KerberosTgtPassing", "kerberostgtpassing", Form::Anything).ignored(),
    global("KeyRegenerationInterval", "keyregenerationinterval", Form::Anything).ignored(),
    global("PAMAuthenticationViaKbdInt", "pamauthenticationviakbdint", Form::Anything)
        .ignored()
        .before(10, 4),
    global("Protocol", "protocol", Form::Anything).ignored(),
    global("ReverseMappingCheck", "reversemappingcheck", Form::Anything).ignored(),
    global("RHostsAuthentication", "rhostsauthentication", Form::Anything).ignored(),
    everywhere("RhostsRSAAuthentication", "rhostsrsaauthentication", Form::Anything).ignored(),
    everywhere("RSAAuthentication", "rsaauthentication", Form::Anything).ignored(),
    global("ServerKeyBits", "serverkeybits", Form::Anything).ignored(),
    global("UseLogin", "uselogin", Form::Anything).ignored(),
    global("UsePrivilegeSeparation", "useprivilegeseparation", Form::Anything).ignored(),
    global("VerifyReverseMapping", "verifyreversemapping", Form::Anything).ignored(),
    // Of distributions.
    global("DebianBanner", "debianbanner", YES_NO).of(Patches::Debian),
    global("GSSAPICleanupCreds", "gssapicleanupcredentials", YES_NO).of(Patches::Distributions),
    global("GSSAPIKexAlgorithms", "gssapikexalgorithms", Form::GssAlgorithms).of(Patches::Distributions),
    global("GSSAPIKeyExchange", "gssapikeyexchange", YES_NO).of(Patches::Distributions),
    global("GSSAPIStoreCredentialsOnRekey", "gssapistorecredentialsonrekey", YES_NO)
        .of(Patches::Distributions),
    global("GSSAPIUseSessionCredCache", "gssapiusesessioncredcache", Form::Anything)
        .ignored()
        .of(Patches::Distributions),
    global("GSSUseSessionCCache", "gssusesessionccache", Form::Anything).ignored().of(Patches::Distributions),
    everywhere("GSSAPIEnablek5users", "gssapienablek5users", YES_NO).of(Patches::RedHat),
    global("KerberosUniqueCCache", "kerberosuniqueccache", YES_NO).of(Patches::RedHat),
    everywhere("KerberosUseKuserok", "kerberosusekuserok", YES_NO).of(Patches::RedHat),
    everywhere("RequiredRSASize", "requiredrsasize", Form::Number)
        .since(8, 7)
        .before(9, 1)
        .of(Patches::RedHat),
    everywhere("RSAMinSize", "requiredrsasize", Form::Number).since(8, 7).of(Patches::RedHat),
    everywhere("X11MaxDisplays", "x11maxdisplays", Form::Number).of(Patches::RedHat),
];
