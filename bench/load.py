"""The load generator of the bench: plain IMAP, LMTP and SMTP over sockets, several connections at once in threads. Only the server's CPU is
measured, so the generator's own speed does not enter the figures."""
import re
import socket
import ssl
import threading


class Line:
    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def line(self):
        while True:
            at = self.buffer.find(b"\r\n")
            if at >= 0:
                out, self.buffer = self.buffer[:at], self.buffer[at + 2:]
                return out
            data = self.sock.recv(262144)
            if not data:
                raise EOFError("the server ended the connection")
            self.buffer += data


class Imap(Line):
    def __init__(self, target):
        raw = socket.create_connection(("127.0.0.1", target["imaps"]))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(target["context"].wrap_socket(raw, server_hostname=target["name"]))
        self.counter = 0
        self.line()

    def command(self, text, literal=None):
        """Returns how many octets came and checks for OK."""
        self.counter += 1
        tag = b"t%d" % self.counter
        self.sock.sendall(tag + b" " + text.encode() + (b" {%d+}\r\n" % len(literal) + literal if literal is not None else b"") + b"\r\n")
        tail, total = self.buffer[-200:], len(self.buffer)
        self.buffer = b""
        end = re.compile(rb"(?:^|\r\n)" + tag + rb" (OK|NO|BAD)[^\r\n]*\r\n$")
        while True:
            m = end.search(tail)
            if m:
                if m.group(1) != b"OK":
                    raise AssertionError(tail[-200:])
                return total
            data = self.sock.recv(262144)
            if not data:
                raise EOFError(text)
            total += len(data)
            tail = (tail + data)[-4000:]   # a tagged line with its CAPABILITY code fits


class Pop3(Line):
    def __init__(self, target, user, password):
        raw = socket.create_connection(("127.0.0.1", target["pop3s"]))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().__init__(target["context"].wrap_socket(raw, server_hostname=target["name"]))
        self.line()
        self.one(f"USER {user}")
        self.one(f"PASS {password}")

    def one(self, command):
        self.sock.sendall(command.encode() + b"\r\n")
        line = self.line()
        if not line.startswith(b"+OK"):
            raise AssertionError((command, line))
        return line

    def retrieve(self, numbers):
        """RETR of all these in one flight; octets that came."""
        self.sock.sendall(b"".join(b"RETR %d\r\n" % n for n in numbers))
        ends, total, data = 0, 0, self.buffer
        self.buffer = b""
        while ends < len(numbers):
            new = self.sock.recv(262144)
            if not new:
                raise EOFError("the server ended the connection")
            total += len(new)
            data = data[-4:] + new   # an end may come in two pieces, never twice
            ends += data.count(b"\r\n.\r\n")
        return total


class Smtp(Line):
    def __init__(self, port, lmtp=False, context=None, name=None):
        super().__init__(socket.create_connection(("127.0.0.1", port)))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.expect(b"2")
        hello = b"LHLO" if lmtp else b"EHLO"
        self.send(hello + b" bench.test", b"2")
        if context:
            self.send(b"STARTTLS", b"2")
            self.sock = context.wrap_socket(self.sock, server_hostname=name)
            self.send(hello + b" bench.test", b"2")

    def expect(self, first):
        while True:
            line = self.line()
            if line[3:4] != b"-":
                if line[:1] != first:
                    raise AssertionError(line)
                return line

    def send(self, command, first):
        self.sock.sendall(command + b"\r\n")
        return self.expect(first)

    def deliver(self, sender, recipient, data):
        self.send(b"MAIL FROM:<%s>" % sender.encode(), b"2")
        self.send(b"RCPT TO:<%s>" % recipient.encode(), b"2")
        self.send(b"DATA", b"3")
        self.sock.sendall(data + b".\r\n")
        return self.expect(b"2")


def parallel(count, total, make, work):
    """`total` units of work over `count` connections; raises what a thread raised."""
    errors, counter, lock = [], iter(range(total)), threading.Lock()

    def run():
        try:
            connection = make()
            while True:
                with lock:
                    number = next(counter, None)
                if number is None:
                    return
                work(connection, number)
        except Exception as error:
            errors.append(error)
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def context(ca):
    made = ssl.create_default_context(cafile=ca)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    return made


def message(number, size):
    head = (f"From: Sender {number} <s{number}@outside.test>\r\nTo: Ana <ana@example.test>, Ben <ben@example.test>\r\nSubject: Report {number} of the day\r\n"
            f"Message-ID: <{number}@bench.test>\r\nDate: Sat, 21 Nov 2026 10:00:{number % 60:02d} +0000\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n")
    middle = "\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>text</p>\r\n--b--\r\n"
    line = f"Line of the message number {number}, long enough to look like one that people write.\r\n"
    return (head + line * max(1, (size - len(head) - len(middle)) // len(line)) + middle).encode()
