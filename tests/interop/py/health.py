"""Asks gRPC's health service about some services, with a client of the gRPC project: health.py ENDPOINT [SERVICE …].

Prints a number for each: 1 is SERVING, 2 NOT_SERVING.
"""
import sys

import grpc


def main():
    with grpc.insecure_channel(sys.argv[1].replace("unix://", "unix:"), (("grpc.default_authority", "localhost"),)) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")  # bytes to bytes: one field in, one field out
        for service in sys.argv[2:]:
            name = service.encode()
            answer = check(bytes([0x0a, len(name)]) + name, timeout=10)
            print(answer[1] if answer[:1] == b"\x08" else 0)


main()
