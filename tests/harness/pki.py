"""Certificates of every kind and fault, made with the openssl tool: an authority, an intermediate, and leaves."""
import datetime
import pathlib
import subprocess

CONFIG = """
[ca]
default_ca = d
[d]
database = index.txt
new_certs_dir = .
rand_serial = yes
policy = p
unique_subject = no
[p]
commonName = optional
"""


class Pki:
    """Everything lies in `folder`; names of certificates are names of files there: NAME.pem, NAME.key."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "ca.cnf").write_text(CONFIG)
        (self.folder / "index.txt").write_text("")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "root.key", "-out", "root.pem",
                     "-days", "3000", "-subj", "/CN=Test Root", "-addext", "keyUsage=critical,keyCertSign")
        self.issue("middle", extensions="basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash", by="root")

    def openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def key(self, name, rsa=0):
        kind = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{rsa}"] if rsa else ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        self.openssl("genpkey", *kind, "-out", f"{name}.key")
        (self.folder / f"{name}.key").chmod(0o600)

    def issue(self, name, san="DNS:mail.test", usage="serverAuth", start=-1, days=300, md="sha256", rsa=0, extra="", extensions=None, by="middle",
              has_key=False):
        """`start`: days from now. Writes NAME.pem (the leaf alone) and NAME.key (unless it is there already); returns the name."""
        if not has_key:
            self.key(name, rsa)
        self.openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
        if extensions is None:
            extensions = "basicConstraints=CA:FALSE\n" + (f"subjectAltName={san}\n" if san else "") + (f"extendedKeyUsage={usage}\n" if usage else "") + extra
        (self.folder / f"{name}.ext").write_text(extensions + "\n")
        begin = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=start)
        end = begin + datetime.timedelta(days=days)
        signer = ["-selfsign", "-keyfile", f"{name}.key"] if by is None else ["-cert", f"{by}.pem", "-keyfile", f"{by}.key"]
        self.openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", f"{name}.csr", "-out", f"{name}.pem", "-md", md, *signer,
                     "-startdate", begin.strftime("%Y%m%d%H%M%SZ"), "-enddate", end.strftime("%Y%m%d%H%M%SZ"), "-extfile", f"{name}.ext")
        return name

    def chain(self, *names):
        """One file with these certificates in this order."""
        path = self.folder / ("+".join(names) + ".chain")
        path.write_text("".join((self.folder / f"{name}.pem").read_text() for name in names))
        return str(path)

    def path(self, name):
        return str(self.folder / name)
