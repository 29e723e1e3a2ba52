# Connects the namespaces. Set before: lan, wan and box, the processes that hold them; lan4, lan6… their addresses.
# Neighbours are fixed, because a filter under test may drop neighbour discovery.
on() { pid=$1; shift; nsenter --net --target "$pid" "$@"; }
host=02:00:00:00:00:01
for setting in net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.conf.all.rp_filter=0 \
    net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.accept_dad=0 net.ipv4.icmp_ratelimit=0 \
    net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0 net.ipv4.icmp_msgs_per_sec=1000000 \
    net.ipv4.icmp_msgs_burst=100000 net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0; do
    # Some kernels keep a few of these for the whole machine.
    echo "${setting#*=}" >"/proc/sys/$(echo "${setting%%=*}" | tr . /)" 2>/dev/null || true
done
ip link set lo up

# connect NAME PID MAC: a cable between HOST's interface NAME and eth0 of a process.
connect() {
    ip link add "$1" address $host type veth peer name eth0 address "$3" netns "$2"
    ip link set "$1" up
    on "$2" ip link set lo up
    on "$2" ip link set eth0 up
}
# neighbours INTERFACE MAC ADDRESS…
neighbours() {
    device=$1 mac=$2
    shift 2
    for address in "$@"; do ip neighbour replace "$address" lladdr "$mac" dev "$device" nud permanent; done
}
# sources PID GATEWAY4 GATEWAY6 MAC ADDRESS…: a client's addresses, and that everything goes to HOST.
sources() {
    pid=$1 four=$2 six=$3 mac=$4
    shift 4
    for address in "$@"; do
        case $address in
        *:*) on "$pid" ip addr add "$address/128" dev eth0 nodad ;;
        *) on "$pid" ip addr add "$address/32" dev eth0 ;;
        esac
    done
    for gateway in "$four" "$six"; do
        on "$pid" ip neighbour replace "$gateway" lladdr "$mac" dev eth0 nud permanent
        on "$pid" ip route add default via "$gateway" dev eth0 onlink
    done
}

connect lan0 "$lan" 02:00:00:00:77:02
ip addr add 192.168.77.1/24 dev lan0
ip addr add 2001:db8:77::1/64 dev lan0 nodad
ip addr add fd77::1/64 dev lan0 nodad
neighbours lan0 02:00:00:00:77:02 $lan4 $lan6
for to in 10.20.0.0/16 172.16.0.0/16; do ip route add $to via 192.168.77.2; done
ip route add fd00:1234::/32 via 2001:db8:77::2
sources "$lan" 192.168.77.1 2001:db8:77::1 $host $lan4 $lan6

connect wan0 "$wan" 02:00:00:00:64:02
ip addr add 198.51.100.1/24 dev wan0
ip addr add 198.51.100.9/24 dev wan0
ip addr add 2001:db8:100::1/64 dev wan0 nodad
neighbours wan0 02:00:00:00:64:02 $wan4 $wan6
ip route add default via 198.51.100.2
ip route add default via 2001:db8:100::2
sources "$wan" 198.51.100.1 2001:db8:100::1 $host $wan4 $wan6

ip link add docker0 address $host type bridge
ip link set docker0 up
ip addr add 172.17.0.1/16 dev docker0
ip addr add fd17::1/64 dev docker0 nodad
connect vethbox "$box" 02:42:ac:11:00:02
ip link set vethbox master docker0
neighbours docker0 02:42:ac:11:00:02 $box4 $box6
sources "$box" 172.17.0.1 fd17::1 $host $box4 $box6
