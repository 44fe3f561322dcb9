"""Apple's push service, played by Node's HTTP/2 on loopback (apple_push_service.mjs): TLS, a client certificate that it demands, and answers as a test
wants them."""
import json
import pathlib
import shutil
import subprocess
import threading

from buzon import skip, wait_until
from strangers import certificate, free_port

TOPIC = "com.apple.mail.XServer.11111111-2222-3333-4444-555555555555"


def push_certificate(folder, topic=TOPIC, name="push"):
    """A certificate as Apple issues them, by an authority of its own: (ca, chain, key). `topic` None: the subject has no user id."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}-ca.key", "-out", f"{name}-ca.pem",
            "-days", "30", "-subj", "/CN=Push CA", "-addext", "basicConstraints=critical,CA:TRUE")
    subject = (f"/UID={topic}" if topic else "") + "/CN=APSP:mail.example.test/C=US"
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{name}-ca.pem", "-CAkey", f"{name}-ca.key", "-CAcreateserial", "-days", "20", "-out",
            f"{name}.pem")
    (folder / f"{name}.key").chmod(0o600)
    return [folder / f"{name}{end}" for end in ("-ca.pem", ".pem", ".key")]


class ApplePushService:
    """`pushes`: requests so far, in order, with token, headers and account; `connections`: the client's."""

    def __init__(self, folder):
        if not shutil.which("node"):
            skip("node is not installed")
        folder = pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        self.ca, self.chain, self.key = certificate(folder, "localhost")
        self.client_ca, self.client_chain, self.client_key = push_certificate(folder)
        self.port, self.process = free_port(), None
        self.told = []
        self.start()

    def settings(self):
        return (f'\n[apns]\ncertificate_file = "{self.client_chain}"\nkey_file = "{self.client_key}"\n'
                f'server = "https://localhost:{self.port}"\nca_file = "{self.ca}"\n')

    def start(self, **answer):
        """With this answer for all, until answer() gives another."""
        script = pathlib.Path(__file__).with_suffix(".mjs")
        files = [str(self.port), str(self.chain), str(self.key), str(self.client_ca)]
        self.process = subprocess.Popen(["node", str(script), *files, json.dumps(answer or {"status": 200})],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        begun = self.listenings()
        threading.Thread(target=self.listen, args=(self.process,), daemon=True).start()
        wait_until("the push service listens", lambda: self.listenings() > begun)

    def listen(self, process):
        for line in process.stdout:
            self.told.append(json.loads(line))

    def listenings(self):
        return sum("listening" in one for one in self.told)

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(10)
        self.process = None

    def answer(self, token=None, **answer):
        """status, body, wait (ms): for one device, or for all others."""
        wanted = sum("set" in one for one in self.told) + 1
        self.process.stdin.write(json.dumps(dict(answer, **({"token": token} if token else {}))) + "\n")
        wait_until("the push service knows", lambda: sum("set" in one for one in self.told) >= wanted)

    @property
    def connections(self):
        return [one for one in list(self.told) if "protocol" in one]

    @property
    def pushes(self):
        return [dict(one, token=one["path"].rsplit("/", 1)[1]) for one in list(self.told) if "path" in one]

    def pushes_to(self, token):
        return [push for push in self.pushes if push["token"] == token]
