# Nothing is filtered: what nobody listens for is refused by the kernel.
# open lan 192.168.77.2 tcp 192.168.77.1 22
# open wan 2001:db8:200::7 udp 2001:db8:100::1 53
# open wan 203.0.113.5 tcp 172.17.0.2 80
# refused wan 203.0.113.5 tcp 198.51.100.1 7009
# refused wan 203.0.113.5 tcp 198.51.100.1 7002
# refused wan 203.0.113.5 udp 198.51.100.1 7004
