"""What two hosts say to one another, by docs/wire.md alone: records, frames and hand-overs, for a test that plays a gateway."""
import socket
import ssl
import struct

TYPES = {"PeerGone": 8, "Hello": 32, "SaslStart": 40, "SaslStep": 41, "SaslAbort": 42, "SaslChallenge": 48, "SaslDone": 49, "SaslFail": 50,
         "LookupRecipient": 64, "RecipientVerdict": 65, "MaySendAs": 66, "EndSessions": 80, "Ping": 108, "TicketKeys": 111}
SERVICES = {"imap": 1, "pop3": 2, "submission": 3, "mx": 4, "lmtp": 5}


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return varint(len(value)) + value


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        piece, self.data = self.data[:n], self.data[n:]
        assert len(piece) == n
        return piece

    def varint(self):
        n = shift = 0
        while True:
            byte = self.take(1)[0]
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    def text(self):
        return self.take(self.varint())


def sasl_start(number, service, mechanism, listener, sid, address, initial):
    return (b"\x01" + varint(number) + bytes([SERVICES[service]]) + b"".join(text(t) for t in (mechanism, listener, sid, address, "", "TLSv1.3",
            "TLS_AES_128_GCM_SHA256", "")) + b"\x01" + text(initial) + text("") + text("") + varint(0) + text(""))


def sasl_done(payload):
    r = Reader(payload)
    r.take(1)
    return dict(id=r.varint(), account=r.text(), device=r.text(), ticket=r.text(), final=r.text(), verdict=r.text(), route=r.text())


def sasl_fail(payload):
    r = Reader(payload)
    r.take(1)
    return dict(id=r.varint(), kind=r.take(1)[0], reason=r.text())


def handoff(service, sid, address="198.51.100.2", ticket=None, tag="a1", rest=b"", port=993):
    tlvs = [(0xE0, bytes([1, SERVICES[service], 1])), (0xE1, sid.encode()), (0xE4, tag.encode()), (0xE5, b"phone.test")]
    if ticket is not None:
        tlvs.append((0xEA, ticket))
    body = socket.inet_aton(address) + socket.inet_aton("203.0.113.10") + struct.pack(">HH", 50000, port)
    body += b"".join(bytes([kind]) + struct.pack(">H", len(value)) + value for kind, value in tlvs)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(body)) + body + rest


class Node:
    """A connection to an inner port with a node's certificate."""

    def __init__(self, address, port, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.load_cert_chain(certificate, key)
        raw = socket.create_connection((address, port), 5)
        raw.settimeout(6)
        self.socket = context.wrap_socket(raw)
        self.data = b""

    def send(self, data):
        self.socket.sendall(data)

    def frame(self, kind, payload=b""):
        self.send(struct.pack(">IB", 1 + len(payload), TYPES[kind]) + payload)

    def next(self, *wanted):
        """The next frame of one of these kinds, as (kind, payload); None: the other side has ended."""
        names = {number: name for name, number in TYPES.items()}
        while True:
            while len(self.data) >= 4 and len(self.data) >= 4 + struct.unpack(">I", self.data[:4])[0]:
                size = struct.unpack(">I", self.data[:4])[0]
                kind, payload = names[self.data[4]], self.data[5:4 + size]
                self.data = self.data[4 + size:]
                if kind in wanted:
                    return kind, payload
            try:
                got = self.socket.recv(65536)
            except (ssl.SSLError, ConnectionError):
                return None
            if not got:
                return None
            self.data += got

    def heard(self):
        """The first bytes, or b"" when the other side ended without one."""
        try:
            return self.socket.recv(65536)
        except (ssl.SSLError, ConnectionError):
            return b""

    def close(self):
        self.socket.close()
