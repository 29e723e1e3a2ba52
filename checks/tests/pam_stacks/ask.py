"""Asks the real libpam. Reads cases as JSON from standard input and writes what it returned.

It rewrites /etc, so it only runs where /etc is a folder made for it, in a mount namespace of its own."""

import ctypes
import ctypes.util
import json
import os
import shutil
import sys

if not os.path.exists("/etc/made-for-the-oracle"):
    sys.exit("this is a real /etc")

pam = ctypes.CDLL("libpam.so.0")
libc = ctypes.CDLL("libc.so.6")
libc.calloc.restype = ctypes.c_void_p
libc.strdup.restype = ctypes.c_void_p


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Response(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]


CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.POINTER(Response)),
    ctypes.c_void_p,
)
DELAY = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)


class Conversation(ctypes.Structure):
    _fields_ = [("converse", CONVERSE), ("data", ctypes.c_void_p)]


answer = b""
ABORT = 26


@CONVERSE
def converse(count, messages, responses, _data):
    memory = libc.calloc(count, ctypes.sizeof(Response))
    replies = ctypes.cast(memory, ctypes.POINTER(Response))
    for index in range(count):
        if messages[index].contents.style in (1, 2):
            replies[index].text = libc.strdup(answer)
    responses[0] = replies
    return 0


@DELAY
def no_delay(_code, _microseconds, _data):
    pass


def handle(service, user):
    made = ctypes.c_void_p()
    talk = Conversation(converse, None)
    if pam.pam_start(service.encode(), user.encode(), ctypes.byref(talk), ctypes.byref(made)):
        return None, talk  # libpam gives up on the files
    # As sshd sets them; and no waiting after a failure.
    pam.pam_set_item(made, 3, ctypes.c_char_p(b"ssh"))
    pam.pam_set_item(made, 4, ctypes.c_char_p(b"192.0.2.7"))
    pam.pam_set_item(made, 10, no_delay)
    return made, talk


def result(call, flags, service, user):
    made, _talk = handle(service, user)
    if made is None:
        return ABORT
    code = call(made, flags)
    pam.pam_end(made, 0)
    return code


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def ask(case):
    global answer
    shutil.rmtree("/etc/pam.d", ignore_errors=True)
    for path, text in case["files"].items():
        write(path, text)
    codes = []
    for typed in case["typed"]:
        answer = typed.encode()
        codes.append(result(pam.pam_authenticate, 0 if case["empty"] else 1, "sshd", case["user"]))
    account = result(pam.pam_acct_mgmt, 0, "sshd", case["user"])
    for path in case["files"]:
        if not path.startswith("/etc/pam.d/"):
            os.unlink(path)
    return {"auth": codes, "account": account}


json.dump([ask(case) for case in json.load(sys.stdin)], sys.stdout)
