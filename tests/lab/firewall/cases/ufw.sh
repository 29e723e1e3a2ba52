# As ufw loads what people allow and deny with it. Its files are copies that nobody else sees.
# needs ufw
# open wan 203.0.113.5 tcp 198.51.100.1 22
# open wan 2001:db8:200::7 tcp 2001:db8:100::1 22
# open lan 192.168.77.130 tcp 192.168.77.1 3306
# dropped wan 203.0.113.5 tcp 198.51.100.1 3306
# dropped wan 2001:db8:200::7 tcp 2001:db8:100::1 3306
# dropped wan 203.0.113.5 tcp 198.51.100.1 8080
# refused wan 203.0.113.5 tcp 198.51.100.1 8000
# limited wan 203.0.113.5 tcp 198.51.100.1 443
# open lan 192.168.77.2 tcp 172.17.0.2 80
# dropped wan 203.0.113.5 tcp 172.17.0.2 80
unshare --mount sh -eu >/dev/null <<'END'
copy=$(mktemp -d)
trap 'umount /etc/ufw /etc/default/ufw; rm -r "$copy"' EXIT
cp -r /etc/ufw "$copy/ufw"
# Its settings of the kernel would stay for the next ruleset.
sed 's/^IPT_SYSCTL=.*/IPT_SYSCTL=/' /etc/default/ufw >"$copy/default"
sed -i 's/^ENABLED=.*/ENABLED=yes/' "$copy/ufw/ufw.conf"
mount --bind "$copy/ufw" /etc/ufw
mount --bind "$copy/default" /etc/default/ufw
/lib/ufw/ufw-init start
ufw allow 22/tcp
ufw allow from 192.168.77.0/24 to any port 3306 proto tcp
ufw limit 443/tcp
ufw deny 8080
ufw reject in on wan0 to any port 8000 proto tcp
ufw route allow in on lan0 out on docker0 to 172.17.0.2 port 80 proto tcp
# Docker's bridge is no part of it: replies of the container pass.
iptables -I FORWARD -i docker0 -j ACCEPT
END
