"""smtplib over a certificate that names the host while the connection goes to loopback."""
import base64
import hashlib
import hmac
import os
import smtplib
import socket


class Submission(smtplib.SMTP):
    """STARTTLS with the test's CA; `implicit` for 465."""

    def __init__(self, mail, service="submission", ehlo="phone.test"):
        self.server, self.implicit = mail, service == "submissions"
        super().__init__(local_hostname=ehlo, timeout=30)
        self._host = mail.host   # what starttls checks the certificate for
        code, text = self.connect("127.0.0.1", mail.port(service))
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)

    def _get_socket(self, host, port, timeout):
        raw = socket.create_connection((host, port), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = self.server.host
        return self.server.tls().wrap_socket(raw, server_hostname=self.server.host) if self.implicit else raw

    def secure(self):
        if not self.implicit:
            self._host = self.server.host
            self.starttls(context=self.server.tls())
        self.ehlo()
        return self

    def auth_scram_sha_256(self, challenge=None):
        """RFC 5802 and 7677; for smtplib's auth(). Checks the server's proof as well."""
        if challenge is None:
            self.bare = f"n={self.user},r={base64.b64encode(os.urandom(18)).decode()}"
            return "n,," + self.bare
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if "v" in fields:
            assert base64.b64decode(fields["v"]) == self.server_proof, "the server does not know the password"
            return ""
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        final = f"c=biws,r={fields['r']}"
        signed = ",".join((self.bare, challenge.decode(), final)).encode()

        def mac(key, text):
            return hmac.digest(key, text, "sha256")
        key = mac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), signed)))
        self.server_proof = mac(mac(salted, b"Server Key"), signed)
        return f"{final},p={base64.b64encode(proof).decode()}"
