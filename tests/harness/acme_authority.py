"""An authority that speaks ACME: Pebble, with a DNS of its own (pebble-challtestsrv), both from Debian, on loopback. It validates for real: it asks that
DNS and visits port `http` or `tls` of whatever address it gets there."""
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import urllib.request

from buzon import wait_until
from strangers import free_port, unpack


class Authority:
    def __init__(self, http, tls, nonce_reject=0, reuse=0, days=90, seconds=None, ocsp="", eab=None):
        """`nonce_reject`, `reuse`: how many of a hundred good nonces are refused, and authorizations used again. Pebble makes a new one where
        `rand.Intn(100) > reuse`, so with 0 it uses one in a hundred again: authorizations() tells."""
        tree, = unpack("pebble")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="authority-"))
        self.folder.chmod(0o755)
        self.port, self.management, self.dns, self.dns_management = (free_port() for _ in range(4))
        self.ca = self.folder / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / "key.pem",
                        "-out", self.ca, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "30"],
                       check=True, capture_output=True)
        settings = {"listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
                    "certificate": str(self.ca), "privateKey": str(self.folder / "key.pem"), "httpPort": http, "tlsPort": tls,
                    "ocspResponderURL": ocsp, "externalAccountBindingRequired": bool(eab), "externalAccountMACKeys": eab or {},
                    "certificateValidityPeriod": seconds or days * 86400}
        (self.folder / "config.json").write_text(json.dumps({"pebble": settings}))
        self.log = open(self.folder / "log", "ab")
        self.processes = [
            self.spawn(tree / "usr/bin/pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", f"127.0.0.1:{self.dns}",
                       "-http01", "", "-https01", "", "-tlsalpn01", "", "-management", f"127.0.0.1:{self.dns_management}"),
            self.spawn(tree / "usr/bin/pebble", "-config", self.folder / "config.json", "-dnsserver", f"127.0.0.1:{self.dns}",
                       PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT=str(nonce_reject), PEBBLE_AUTHZREUSE=str(reuse))]
        wait_until("the authority answers", self.answers, 30)

    def spawn(self, program, *arguments, **environment):
        return subprocess.Popen([str(program), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                env={**os.environ, **environment})

    def answers(self):
        for process in self.processes:
            assert process.poll() is None, (self.folder / "log").read_text()[-2000:]
        try:
            self.get(self.directory)
            self.dns_order("set-default-ipv4", ip="127.0.0.1")
            return True
        except OSError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.terminate()
            process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def directory(self):
        return f"https://localhost:{self.port}/dir"

    def get(self, url):
        context = ssl.create_default_context(cafile=str(self.ca))
        with urllib.request.urlopen(url, context=context, timeout=10) as reply:
            return reply.read()

    def issuer(self, what):
        """roots, intermediates, intermediate-keys: PEM."""
        return self.get(f"https://localhost:{self.management}/{what}/0").decode()

    def dns_order(self, order, **fields):
        request = urllib.request.Request(f"http://127.0.0.1:{self.dns_management}/{order}", json.dumps(fields).encode())
        urllib.request.urlopen(request, timeout=10).close()

    def authorizations(self):
        """How many it has asked a proof for so far; what is used again is not counted."""
        return (self.folder / "log").read_text(errors="replace").count("authorizations in the db")

    def said(self, text):
        return text in (self.folder / "log").read_text(errors="replace")
