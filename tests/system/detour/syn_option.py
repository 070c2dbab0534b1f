"""One SYN with a destination in it, under no key at all. Usage: syn_option.py FROM TO PORT"""

import socket
import struct
import sys

source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
options = bytes([254, 8, 0x4C, 0x51, 10, 0, 3, 1])
header = struct.pack("!HHIIBBHHH", 40000, port, 7, 0, (20 + len(options)) << 2, 2, 65535, 0, 0) + options
pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, 6, len(header)) + header
total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
total = (total & 0xFFFF) + (total >> 16)
header = header[:16] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + header[18:]
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
    raw.sendto(header, (target, 0))
