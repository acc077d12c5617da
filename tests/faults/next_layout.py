#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""next_layout.py ABI.H FOLDER STAMP: the contract as a next release might have it.

FOLDER/ipacct/abi.h is ABI.H with another version, and every record that counts laid out otherwise:
fields in another order, records that grew, counters at another offset. A build with
-Dnext_layout=true is that release, to the last program: T-SCHEMA upgrades to it."""

import os
import re
import sys


def change(text, old, new):
    if text.count(old) != 1:
        sys.exit(f"next_layout.py: {text.count(old)} times in abi.h, not once:\n{old}")
    return text.replace(old, new)


def size(text, record, octets):
    """The assertion that a record has so many octets."""
    found = re.findall(rf"IPACCT_ASSERT_SIZE\(struct {record}, .*\);", text)
    if len(found) != 1:
        sys.exit(f"next_layout.py: {len(found)} assertions of the size of {record}")
    return text.replace(found[0], f"IPACCT_ASSERT_SIZE(struct {record}, {octets});")


def body(text, record, *lines):
    """Another declaration of a record."""
    new, n = re.subn(rf"^struct {record} {{\n.*?^}};", "struct %s {\n%s\n};" % (
        record, "\n".join(f"\t{line};" for line in lines)), text, flags=re.M | re.S)
    if n != 1:
        sys.exit(f"next_layout.py: {n} declarations of {record}")
    return new


def next_layout(text):
    text = change(text, "#define IPACCT_ABI_VERSION  1u", "#define IPACCT_ABI_VERSION  2u")
    # The fields of a key the other way round.
    text = body(text, "ipacct_key", "__u16 domain", "__u16 reserved", "__be32 addr_be[4]")
    # Received first. (A counter more would want a metric, a column, …: assertions see to that.)
    text = body(text, "ipacct_counters", "__u64 rx_packets", "__u64 rx_l3_bytes", "__u64 tx_packets",
                "__u64 tx_l3_bytes")
    # A line of the hot tier keeps its size: sets have 256 octets.
    text = body(text, "ipacct_hot4_line", "__be32 addr_be", "__u16 domain", "__u16 flags",
                "__u64 rx_l3_bytes", "__u64 tx_l3_bytes", "__u32 rx_packets", "__u32 tx_packets")
    text = body(text, "ipacct_hot6_line", "__be32 addr_be[4]", "__u16 domain", "__u16 flags",
                "__u32 reserved0", "__u64 reserved[2]", "__u64 rx_l3_bytes", "__u64 tx_l3_bytes",
                "__u32 rx_packets", "__u32 tx_packets")
    text = body(text, "ipacct_roll6_line", "__u64 key", "__u64 reserved[3]",
                "struct ipacct_counters counters")
    # Totals begin 32 octets later, the state of a partition with another field.
    text = change(text, "struct ipacct_totals {\n", "struct ipacct_totals {\n\t__u64 more[4];\n")
    text = size(text, "ipacct_totals", 832 + 32)
    text = change(text, "struct ipacct_part {\n", "struct ipacct_part {\n\t__u64 first;\n")
    text = change(text, "\t__u64 guard_rolled;   /* packets of protected addresses that were rolled up "
                        "all the same */\n", "\t__u64 guard_rolled;\n")
    text = size(text, "ipacct_part", 64 + 8)
    # An interface has more room before what a witness needs.
    text = change(text, "\t__u64 base_rx_packets_before;\n",
                  "\t__u64 more[2];\n\t__u64 base_rx_packets_before;\n")
    return size(text, "ipacct_interface", 112 + 16)


def main(source, folder, stamp):
    with open(source, encoding="utf-8") as lines:
        text = next_layout(lines.read())
    os.makedirs(os.path.join(folder, "ipacct"), exist_ok=True)
    with open(os.path.join(folder, "ipacct", "abi.h"), "w", encoding="utf-8") as out:
        out.write(text)
    with open(stamp, "w", encoding="utf-8") as out:
        out.write("next_layout.py made ipacct/abi.h\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
