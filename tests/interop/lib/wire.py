"""Reading from a connection what protocols other than HTTP answer."""
from lib.tls import Refused

LONGEST = 65536


def read_exactly(connection, count):
    read = b""
    while len(read) < count:
        more = connection.recv(count - len(read))
        if not more:
            raise Refused(f"the connection ended after {len(read)} of {count} bytes")
        read += more
    return read


def read_line(connection):
    """A line without its end; nothing beyond it is read."""
    line = b""
    while not line.endswith(b"\r\n"):
        if len(line) > LONGEST:
            raise Refused("a line has no end")
        line += read_exactly(connection, 1)
    return line[:-2]
