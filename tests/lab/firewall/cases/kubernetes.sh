# A service as kube-proxy's nftables mode writes it: verdict maps over address, protocol and port, and DNAT to an
# endpoint that chance chooses among those that there are: one for the first port, two for the second, one of which is
# given out.
# open lan 192.168.77.2 tcp 192.168.77.1 30080
# open wan 203.0.113.5 tcp 198.51.100.1 30080
# limited wan 203.0.113.5 tcp 198.51.100.1 30082
# dropped wan 203.0.113.5 tcp 198.51.100.9 30080
# refused wan 203.0.113.5 tcp 198.51.100.1 30081
nft -f - <<'END'
table ip kube-proxy {
  set nodeport-ips { type ipv4_addr; elements = { 192.168.77.1, 198.51.100.1 }; }
  map no-endpoint-nodeports { type inet_proto . inet_service : verdict; elements = { tcp . 30081 : goto reject-chain }; }
  map service-nodeports { type inet_proto . inet_service : verdict; elements = { tcp . 30080 : goto external-web, tcp . 30082 : goto service-most }; }
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = { 198.51.100.9 . tcp . 30080 : drop }; }
  chain reject-chain { reject; }
  chain endpoint-web { meta l4proto tcp dnat to 172.17.0.2:80; }
  chain service-web { numgen random mod 1 vmap { 0 : goto endpoint-web }; }
  chain service-most { numgen random mod 100000 vmap { 0-99998 : goto endpoint-web, 99999 : drop }; }
  chain external-web { jump mark-for-masquerade; goto service-web; }
  chain mark-for-masquerade { meta mark set meta mark or 0x4000; }
  chain nodeport-endpoints-check { ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain filter-prerouting { type filter hook prerouting priority dstnat - 10; ct state new jump nodeport-endpoints-check; }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
}
END
