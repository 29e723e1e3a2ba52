# As fail2ban's iptables-multiport and iptables-ipset actions leave iptables, in front of a filter that lets SSH in.
# refused wan 203.0.113.5 tcp 198.51.100.1 22
# open wan 203.0.113.77 tcp 198.51.100.1 22
# refused wan 203.0.113.200 tcp 198.51.100.1 443
# open wan 203.0.113.5 tcp 198.51.100.1 443
# dropped wan 203.0.113.5 tcp 198.51.100.1 3306
ipset restore <<'END'
create f2b-web hash:ip timeout 600
add f2b-web 203.0.113.200
END
iptables-nft-restore <<'END'
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:f2b-sshd - [0:0]
-A INPUT -p tcp -m multiport --dports 80,443 -m set --match-set f2b-web src -j REJECT --reject-with icmp-port-unreachable
-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m multiport --dports 22,80,443 -j ACCEPT
-A f2b-sshd -s 203.0.113.5/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b-sshd -j RETURN
COMMIT
END
