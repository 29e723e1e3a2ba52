# IPv4 is closed and IPv6 was forgotten: what hosts with rules for `ip` alone look like.
# dropped wan 203.0.113.5 tcp 198.51.100.1 3306
# open wan 203.0.113.5 tcp 198.51.100.1 22
# open wan 2001:db8:200::7 tcp 2001:db8:100::1 3306
iptables-nft-restore <<'END'
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p icmp -j ACCEPT
-A INPUT -p tcp -m state --state NEW -m tcp --dport 22 -j ACCEPT
COMMIT
END
