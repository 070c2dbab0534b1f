"""Asks a server again and again, and prints how long each answer took: {"rtts": [seconds, ...]}."""

import json
import socket
import sys
import time

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(5)
rtts = []
for i in range(count):
    began = time.monotonic()
    asker.sendto(str(i).encode(), (host, port))
    while asker.recv(2048) != str(i).encode():
        pass
    rtts.append(time.monotonic() - began)
print(json.dumps({"rtts": rtts}))
