"""Opens sockets of every kind that hostduty tells apart, says `ready`, and holds on until its input ends."""

import socket
import sys

V4, V6, TCP, UDP = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
IP_TRANSPARENT, SO_BINDTODEVICE = 19, 25
held = []


def open_socket(family, kind, address, port, only=0, device=None, transparent=False):
    one = socket.socket(family, kind)
    if family == V6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    if device:
        one.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())
    if transparent:
        one.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    one.bind((address, port))
    if kind == TCP:
        one.listen()
    held.append(one)


for kind in TCP, UDP:
    open_socket(V4, kind, "0.0.0.0", 1001)
    open_socket(V4, kind, "127.0.0.1", 1002)
    open_socket(V4, kind, "0.0.0.0", 1003, device="lo")
    open_socket(V4, kind, "0.0.0.0", 1004, transparent=True)
    open_socket(V6, kind, "::", 1005)
    open_socket(V6, kind, "::", 1006, only=1)
    open_socket(V6, kind, "::", 1007, only=1, device="lo")
    open_socket(V6, kind, "::1", 1008)
    open_socket(V6, kind, "::", 1009, transparent=True)
client = socket.create_connection(("127.0.0.1", 1002))
peer = socket.socket(V4, UDP)
peer.connect(("127.0.0.1", 1002))
print("ready", flush=True)
sys.stdin.read()
