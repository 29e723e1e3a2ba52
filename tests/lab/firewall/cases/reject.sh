# Every way to say no.
# refused lan 192.168.77.2 tcp 192.168.77.1 22
# refused lan 192.168.77.2 tcp 192.168.77.1 25
# refused lan 192.168.77.2 tcp 192.168.77.1 53
# refused lan 192.168.77.2 tcp 192.168.77.1 80
# refused lan 192.168.77.2 udp 192.168.77.1 22
# refused lan 192.168.77.2 udp 192.168.77.1 53
# refused wan 2001:db8:200::7 tcp 2001:db8:100::1 22
# refused wan 2001:db8:200::7 tcp 2001:db8:100::1 25
# refused wan 2001:db8:200::7 tcp 2001:db8:100::1 53
# refused wan 2001:db8:200::7 tcp 2001:db8:100::1 80
# refused wan 203.0.113.5 tcp 172.17.0.2 22
# refused wan 203.0.113.5 udp 172.17.0.2 53
nft -f - <<'END'
table inet filter {
  chain refuse {
    th dport 22 reject
    th dport 25 reject with icmpx host-unreachable
    th dport 53 reject with icmpx admin-prohibited
    tcp dport 80 reject with tcp reset
  }
  chain input { type filter hook input priority 0; meta l4proto { tcp, udp } jump refuse; }
  chain forward { type filter hook forward priority 0; meta l4proto { tcp, udp } jump refuse; }
}
END
