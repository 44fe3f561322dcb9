"""Sessions as bytes on a socket: what a program says that is no library, and mail from outside."""
import contextlib
import smtplib

TEXT = "From: Out <out@outside.test>\r\nTo: ana@example.test\r\nSubject: {0}\r\nMessage-ID: <{0}@outside.test>\r\n\r\nhello\r\n"


class Idle:
    """An IMAP session in IDLE."""

    def __init__(self, mail, name):
        self.socket = mail.connect("imaps")
        self.socket.settimeout(20)
        self.lines = self.socket.makefile("rb")
        assert self.lines.readline().startswith(b"* OK")
        for command, answer in ((f"LOGIN {mail.address(name)} {mail.password(name)}", b"a OK"), ("SELECT INBOX", b"a OK"), ("IDLE", b"+")):
            self.socket.sendall(b"a " + command.encode() + b"\r\n")
            line = self.lines.readline()
            while line.startswith(b"*"):
                line = self.lines.readline()
            assert line.startswith(answer), line

    def line(self):
        return self.lines.readline()

    def bye(self):
        """The last line, which must be BYE; the command under way has no other end."""
        line = last = self.lines.readline()
        while line:
            assert line.startswith(b"* "), line
            last, line = line, self.lines.readline()
        assert last.startswith(b"* BYE"), last

    def close(self):
        self.lines.close()
        self.socket.close()


def login_answer(mail, name="ana"):
    """What LOGIN is answered with; empty: the connection ended."""
    with contextlib.closing(mail.connect("imaps")) as s:
        s.settimeout(20)
        lines = s.makefile("rb")
        lines.readline()
        s.sendall(f"a LOGIN {mail.address(name)} {mail.password(name)}\r\n".encode())
        return lines.readline().decode()


def bring(mail, subject, to="ana@example.test"):
    client = smtplib.SMTP("127.0.0.1", mail.port("smtp"), timeout=20, local_hostname="mx.outside.test")
    client.sendmail("out@outside.test", [to], TEXT.format(subject))
    client.quit()
