"""A plain IMAP connection for oracles: commands as text or octets with literals in them, replies as lines."""
import re


class Closed(Exception):
    """The connection is gone, or the server said BYE."""


class Wire:
    """Lines with their literals in place."""

    def __init__(self, mail, name):
        self.socket, self.buffer, self.counter = mail.connect("imaps"), b"", 0
        self.socket.settimeout(30)
        self.line()
        _, tagged = self.command(f"LOGIN {mail.address(name)} {mail.password(name)}")
        assert tagged.startswith("OK"), tagged

    def receive(self):
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            raise Closed(str(error)) from error
        if not data:
            raise Closed("end of file")
        self.buffer += data

    def line(self):
        out = b""
        while True:
            while b"\r\n" not in self.buffer:
                self.receive()
            piece, self.buffer = self.buffer.split(b"\r\n", 1)
            out += piece
            m = re.search(rb"\{(\d+)\}$", piece)
            if not m:
                return out.decode("latin-1")
            while len(self.buffer) < int(m.group(1)):
                self.receive()
            out += b"\r\n" + self.buffer[:int(m.group(1))]
            self.buffer = self.buffer[int(m.group(1)):]

    def send(self, command, literal=None):
        self.counter += 1
        tag = f"t{self.counter}"
        data = tag.encode() + b" " + (command if isinstance(command, bytes) else command.encode())   # bytes may hold literals
        if literal is not None:
            data += b" {%d+}\r\n" % len(literal) + literal
        try:
            self.socket.sendall(data + b"\r\n")
        except OSError as error:
            raise Closed(str(error)) from error
        return tag

    def command(self, command, literal=None, told=None):
        """(untagged lines, tagged text). told: called with each untagged line as it comes."""
        tag, untagged = self.send(command, literal), []
        while True:
            line = self.line()
            if line.startswith(tag + " "):
                return untagged, line[len(tag) + 1:]
            untagged.append(line)
            if told:
                told(line)
            if line.startswith("* BYE"):
                raise Closed(line)

    def close(self):
        self.socket.close()


def numbers(text):
    """A sequence-set in its own order."""
    out = []
    for piece in text.split(","):
        first, _, last = piece.partition(":")
        out += range(int(first), int(last or first) + 1)
    return out
