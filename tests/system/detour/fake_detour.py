#!/usr/bin/python3
"""A detour that misbehaves, for the client's system tests: it answers the detour protocol (version 1) but makes no mapping
(the test's own nftables rules do). Says READY, then one word a request: lost, late or answered.

usage: fake_detour.py ADDRESS [--lose N] [--delay SECONDS] [--nonsense]
"""

import argparse
import socket
import time

PORT = 45672


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--lose", type=int, default=0, help="requests that get no answer, from the first")
    parser.add_argument("--delay", type=float, default=0.0, help="answers only requests of at least this age")
    parser.add_argument("--nonsense", action="store_true", help="answers with all kinds of rubbish before the answer")
    options = parser.parse_args()
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((options.address, PORT))
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind((options.address, 0))
    first = 0.0
    print("READY", flush=True)
    while True:
        request, client = server.recvfrom(64)
        first = first or time.monotonic()
        if options.lose > 0:
            options.lose -= 1
            print("lost", flush=True)
            continue
        # One late answer, to the first request; those that come meanwhile are lost.
        if options.delay:
            server.settimeout(0.01)
            while time.monotonic() - first < options.delay:
                try:
                    server.recvfrom(64)
                except TimeoutError:
                    pass
            server.settimeout(None)
            options.delay = 0.0
            print("late", flush=True)
        answer = bytes([1, 1, 0, 0]) + request[4:]
        if options.nonsense:
            server.sendto(answer[:11], client)
            server.sendto(answer + b"\0", client)
            server.sendto(bytes([2]) + answer[1:], client)
            server.sendto(request, client)
            server.sendto(answer[:8] + bytes([0, 9]) + answer[10:], client)
            stranger.sendto(answer, client)
        server.sendto(answer, client)
        if options.nonsense:
            server.sendto(answer, client)
        print("answered", flush=True)


if __name__ == "__main__":
    main()
