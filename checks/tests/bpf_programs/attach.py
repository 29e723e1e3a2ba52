"""Attaches a harmless program of BPF at every place where one sees packets, says `ready`, and holds on until its input ends."""

import ctypes
import os
import struct
import sys

NUMBER = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
LIBC = ctypes.CDLL(None, use_errno=True)
PROG_LOAD, LINK_CREATE = 5, 28


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, max(len(attributes), 128))
    answer = LIBC.syscall(NUMBER, command, buffer, len(buffer))
    if answer < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return answer


def load(name, program_type, attach_type, verdict):
    """`r0 = verdict; exit`."""
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0))
    license = ctypes.create_string_buffer(b"GPL")
    head = struct.pack("=IIQQIIQII16sII", program_type, 2, ctypes.addressof(code), ctypes.addressof(license), 0, 0, 0,
                       0, 0, name.encode(), 0, attach_type)
    return bpf(PROG_LOAD, head)


def link(place, program, target, attach_type, more=b""):
    try:
        bpf(LINK_CREATE, struct.pack("=IIII", program, target, attach_type, 0) + more)
        print(place, flush=True)
    except OSError as error:
        print("left out", place, error, flush=True)


group, interface = sys.argv[1:]
interface = int(interface)
link("xdp", load("on_xdp", 6, 37, 2), interface, 37)
link("tc", load("on_tcx", 3, 46, -1), interface, 46)
link("tc-egress", load("on_tcx_out", 3, 47, -1), interface, 47)
link("socket-lookup", load("on_lookup", 30, 36, 1), os.open("/proc/self/ns/net", os.O_RDONLY), 36)
link("netfilter", load("on_netfilter", 32, 45, 1), 0, 45, struct.pack("=IIiI", 2, 1, 7, 0))
if group:
    os.makedirs(group, exist_ok=True)
    link("control-group", load("on_ingress", 8, 0, 1), os.open(group, os.O_RDONLY), 0)
print("ready", flush=True)
sys.stdin.read()
if group:
    os.rmdir(group)
