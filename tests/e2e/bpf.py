# SPDX-License-Identifier: GPL-2.0-or-later
"""bpf(2) by hand: just what a hostile or curious process would call. Numbers: linux/bpf.h."""

import ctypes
import os
import platform
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)
_NR_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]  # asm/unistd.h
_ATTR_BYTES = 128

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_NEXT_KEY, PROG_LOAD = 0, 1, 2, 4, 5
OBJ_PIN, OBJ_GET, OBJ_INFO, MAP_FREEZE, LINK_CREATE, LINK_DETACH = 6, 7, 15, 22, 28, 34
ATTACH_XDP = 37
MAP_TYPE_ARRAY, PROG_TYPE_XDP = 2, 6
F_RDONLY = 1 << 3


def _pointer(buffer):
    return ctypes.addressof(buffer)


def call(command, attributes):
    """bpf(2); returns its result, raises OSError."""
    raw = ctypes.create_string_buffer(attributes, _ATTR_BYTES)
    result = _LIBC.syscall(_NR_BPF, command, raw, _ATTR_BYTES)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def obj_get(path, flags=0):
    name = ctypes.create_string_buffer(os.fsencode(path))
    return call(OBJ_GET, struct.pack("=QII", _pointer(name), 0, flags))


def obj_pin(descriptor, path):
    name = ctypes.create_string_buffer(os.fsencode(path))
    call(OBJ_PIN, struct.pack("=QII", _pointer(name), descriptor, 0))


def info(descriptor):
    """The raw struct bpf_{map,prog,link}_info."""
    buffer = ctypes.create_string_buffer(256)
    call(OBJ_INFO, struct.pack("=IIQ", descriptor, len(buffer), _pointer(buffer)))
    return buffer.raw


def identity(path):
    """(type, id) of what is pinned there, map or link."""
    descriptor = obj_get(path)
    try:
        return struct.unpack_from("=II", info(descriptor))
    finally:
        os.close(descriptor)


def map_sizes(descriptor):
    """(type, id, key bytes, value bytes, entries)."""
    return struct.unpack_from("=IIIII", info(descriptor))


def link_ids(descriptor):
    """(link id, program id); struct bpf_link_info: type, id, prog_id."""
    return struct.unpack_from("=III", info(descriptor))[1:]


def lookup(descriptor, key, value_bytes):
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value = ctypes.create_string_buffer(value_bytes)
    call(MAP_LOOKUP, struct.pack("=IIQQQ", descriptor, 0, _pointer(key_buffer),
                                 _pointer(value), 0))
    return value.raw


def update(descriptor, key, value):
    key_buffer = ctypes.create_string_buffer(key, len(key))
    value_buffer = ctypes.create_string_buffer(value, len(value))
    call(MAP_UPDATE, struct.pack("=IIQQQ", descriptor, 0, _pointer(key_buffer),
                                 _pointer(value_buffer), 0))


def keys(descriptor, key_bytes):
    """All keys of a map at rest."""
    found = []
    key = None
    following = ctypes.create_string_buffer(key_bytes)
    while True:
        try:
            call(MAP_NEXT_KEY, struct.pack("=IIQQQ", descriptor, 0, _pointer(key) if key else 0,
                                           _pointer(following), 0))
        except FileNotFoundError:
            return found
        found.append(following.raw)
        key = ctypes.create_string_buffer(following.raw, key_bytes)


def freeze(descriptor):
    call(MAP_FREEZE, struct.pack("=I", descriptor))


def link_detach(descriptor):
    call(LINK_DETACH, struct.pack("=I", descriptor))


def xdp_link_create(program, ifindex):
    """Attach in native mode; the link's descriptor."""
    return call(LINK_CREATE, struct.pack("=IIII", program, ifindex, ATTACH_XDP,
                                         1 << 2))  # XDP_FLAGS_DRV_MODE, linux/if_link.h


def array_create(value_bytes, entries, name):
    return call(MAP_CREATE, struct.pack("=IIIIIIII16s", MAP_TYPE_ARRAY, 4, value_bytes, entries,
                                        0, 0, 0, 0, name.encode()))


def xdp_pass_load(name):
    """A two-instruction XDP program: r0 = XDP_PASS (2); exit."""
    code = ctypes.create_string_buffer(struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0), 16)
    licence = ctypes.create_string_buffer(b"GPL")
    return call(PROG_LOAD, struct.pack("=IIQQIIQII16s", PROG_TYPE_XDP, 2, _pointer(code),
                                       _pointer(licence), 0, 0, 0, 0, 0, name.encode()))
