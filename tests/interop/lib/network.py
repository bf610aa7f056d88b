"""A network of our own, for servers whose example changes a setting of the kernel's."""
import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

from lib.sample import EXAMPLES

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def leave(adaptors):
    """This thread and what it starts from now on have a network with nothing but a loopback, and those servers' settings."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
    for adaptor in adaptors:
        for name, value in settings(EXAMPLES / adaptor.name / adaptor.kernel_settings):
            Path("/proc/sys", *name.split(".")).write_text(value)


def settings(file):
    lines = [line.partition("#")[0].strip() for line in file.read_text().splitlines()]
    return [[part.strip() for part in line.split("=")] for line in lines if line]
