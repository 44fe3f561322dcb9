"""A phone on the wire: sends exactly the bytes of a script, in one of several framings, and reads replies with Apple's rules in mind.

Framings: "whole" (as the script says), "split" (one octet per write), "eager" (what can follow without an answer comes in one packet
with what stands before it: DONE and the next commands), "compress" (COMPRESS right behind the login; each write ends in a partial flush, as
a phone's does, and short ones come one octet per write).
Every reply line is checked against what stalls Apple's parser: < 8192 octets outside literals, no double space after the tag, text after a
response code, CRLF, one UID per FETCH.
"""
import re
import select
import time
import zlib


class Stalled(AssertionError):
    pass


class Phone:
    def __init__(self, socket, framing="whole", greeting=True):
        self.socket, self.framing, self.buffer, self.held = socket, framing, b"", b""
        self.socket.settimeout(20)
        self.lines = []
        self.packer = self.unpacker = None
        self.greeting = self.line() if greeting else None

    # --- sending ---
    def write(self, data, more=False):
        """more: the script goes on without waiting; in the eager framing the bytes wait for what follows."""
        data = data if isinstance(data, bytes) else data.encode()
        if self.framing == "eager" and more:
            self.held += data
            return
        data, self.held = self.held + data, b""
        if self.packer:
            data = self.packer.compress(data) + self.packer.flush(zlib.Z_PARTIAL_FLUSH)
        if self.framing == "split" or (self.packer and len(data) < 200):
            for at in range(len(data)):
                self.socket.sendall(data[at:at + 1])
        else:
            self.socket.sendall(data)

    def send(self, line, more=False):
        self.write(line + "\r\n", more)

    def packet(self, *lines):
        self.write("".join(line + "\r\n" for line in lines))

    # --- reading ---
    def fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise Stalled(f"the server ended the connection; last lines: {self.lines[-3:]}")
        self.buffer += self.unpacker.decompress(data) if self.unpacker else data

    def compress(self):
        """RFC 4978: from here on both sides."""
        self.ok("zc", "COMPRESS DEFLATE")
        assert not self.buffer, self.buffer
        self.packer, self.unpacker = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)

    def line(self):
        """One reply, literals included as bytes in place."""
        out = b""
        while True:
            while b"\r\n" not in self.buffer:
                if b"\n" in self.buffer.replace(b"\r\n", b""):
                    raise Stalled(f"a bare LF: {self.buffer[:200]!r}")
                self.fill()
            piece, self.buffer = self.buffer.split(b"\r\n", 1)
            if len(piece) + 2 > 8192 and not piece.startswith((b"* SORT ", b"* THREAD ")):   # no phone asks for them
                raise Stalled(f"{len(piece)} octets outside a literal: {piece[:100]!r}")
            out += piece + b"\r\n"
            m = re.search(rb"\{(\d+)\}$", piece)
            if not m:
                break
            size = int(m.group(1))
            while len(self.buffer) < size:
                self.fill()
            out += self.buffer[:size]
            self.buffer = self.buffer[size:]
        self.check(out)
        self.lines.append(out[:300])
        return out

    @staticmethod
    def check(reply):
        head = reply.split(b"\r\n", 1)[0]
        if re.match(rb"\S+ (OK|NO|BAD|BYE) \[[^\]]*\]\s*$", head):
            raise Stalled(f"no text after the response code: {head!r}")
        if b"  " in head.split(b"{")[0].split(b'"')[0] and b"FETCH" not in head:
            raise Stalled(f"a double space: {head!r}")
        if re.match(rb"\* \d+ FETCH ", head):
            outside = re.sub(rb'"(?:[^"\\]|\\.)*"', b'""', head)
            if len(re.findall(rb"[( ]UID \d", outside)) > 1:
                raise Stalled(f"UID twice: {head!r}")

    def until(self, tag):
        """Untagged replies and the tagged one of `tag`."""
        untagged = []
        while True:
            line = self.line()
            if line.startswith(tag.encode() + b" "):
                if self.framing == "compress" and not self.packer and re.match(rb"\S+ OK \[CAPABILITY [^]]* COMPRESS=DEFLATE[ \]]", line):
                    self.compress()
                return untagged, line
            if not line.startswith((b"* ", b"+")):
                raise Stalled(f"waiting for {tag}: {line!r}")
            untagged.append(line)

    def ok(self, tag, line, more=False):
        """Sends "tag line", returns the untagged replies; the result must be OK."""
        self.send(f"{tag} {line}")
        untagged, result = self.until(tag)
        assert result.split()[1] == b"OK", (line, result)
        return untagged, result

    def expect(self, pattern):
        line = self.line()
        assert re.match(pattern.encode() if isinstance(pattern, str) else pattern, line), (pattern, line)
        return line

    def quiet(self, seconds=0.3):
        """Nothing comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pending = getattr(self.socket, "pending", lambda: 0)()
            if pending or select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                self.socket.settimeout(max(0.001, end - time.monotonic()))
                try:
                    data = self.socket.recv(65536)
                    assert not data, f"unasked bytes: {data!r}"
                except TimeoutError:   # TLS had something for itself: a session ticket
                    pass
                finally:
                    self.socket.settimeout(20)
        assert not self.buffer, self.buffer


def find(pattern, replies):
    """The replies that match; there must be one."""
    found = [r for r in replies if re.search(pattern.encode() if isinstance(pattern, str) else pattern, r, re.S)]
    assert found, (pattern, [r[:200] for r in replies])
    return found
