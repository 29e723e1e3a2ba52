# What chance, a rate or a counter decides is accepted and called limited. Each limit is far above what is tried.
# limited wan 203.0.113.5 tcp 198.51.100.1 22
# limited wan 203.0.113.5 udp 198.51.100.1 22
# limited wan 203.0.113.5 tcp 198.51.100.1 25
# limited wan 203.0.113.5 tcp 198.51.100.1 53
# limited wan 203.0.113.5 tcp 198.51.100.1 80
# limited wan 2001:db8:200::7 tcp 2001:db8:100::1 80
# limited wan 203.0.113.5 tcp 198.51.100.1 110
# limited wan 203.0.113.5 tcp 198.51.100.1 143
# limited wan 203.0.113.5 tcp 198.51.100.1 443
# limited wan 203.0.113.5 tcp 198.51.100.1 993
# limited wan 203.0.113.5 tcp 198.51.100.1 1194
# limited wan 203.0.113.5 tcp 198.51.100.1 3000
# limited wan 203.0.113.5 tcp 198.51.100.1 3001
# limited wan 203.0.113.5 tcp 198.51.100.1 3002
# limited wan 203.0.113.5 tcp 198.51.100.1 3003
# open wan 203.0.113.5 tcp 198.51.100.1 8000
# dropped wan 203.0.113.5 tcp 198.51.100.1 9000
nft -f - <<'END'
table inet filter {
  set seen { type ipv4_addr; flags dynamic; size 1000; }
  limit slow { rate 1000/second burst 100 packets; }
  chain input {
    type filter hook input priority 0; policy accept;
    th dport 22 limit rate 1000/second burst 100 packets accept
    th dport 22 drop
    th dport 25 limit rate over 1000/second burst 100 packets drop
    th dport 53 numgen random mod 1000 < 999 accept
    th dport 53 drop
    th dport 80 quota over 10 mbytes drop
    th dport 110 ct count over 1000 drop
    th dport 143 add @seen { ip saddr limit rate over 1000/second burst 100 packets } drop
    th dport 443 limit name "slow" accept
    th dport 443 drop
  }
}
END
iptables-legacy-restore <<'END'
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 993 -m limit --limit 1000/sec --limit-burst 100 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 993 -j DROP
-A INPUT -p tcp -m tcp --dport 1194 -m hashlimit --hashlimit-above 1000/sec --hashlimit-burst 100 --hashlimit-mode srcip --hashlimit-name lab -j DROP
-A INPUT -p tcp -m tcp --dport 3000 -m recent --name lab --update --seconds 60 --hitcount 20 -j DROP
-A INPUT -p tcp -m tcp --dport 3000 -m recent --name lab --set -j ACCEPT
-A INPUT -p tcp -m tcp --dport 3001 -m connlimit --connlimit-above 1000 -j DROP
-A INPUT -p tcp -m tcp --dport 3002 -m statistic --mode nth --every 1000 --packet 999 -j DROP
-A INPUT -p tcp -m tcp --dport 3003 -m quota --quota 1000000 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 3003 -j DROP
-A INPUT -p tcp -m tcp --dport 9000 -j DROP
COMMIT
END
