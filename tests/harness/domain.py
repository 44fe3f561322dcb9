"""An Active Directory domain controller for tests: Samba from Debian, unpacked below .deps/. It has fixed ports (88, 389, 636), so a test that
uses it runs in a network namespace of its own: call own_network() first.
"""
import os
import pwd
import subprocess
import sys

from buzon import skip, wait_until
from strangers import Namespace, Server, certificate, unpack


def own_network():
    """Runs this very program again in a network of its own, where nothing but its loopback is."""
    if os.environ.get("BUZON_OWN_NETWORK"):
        return
    if os.geteuid() != 0:
        skip("a network namespace needs root")
    os.environ["BUZON_OWN_NETWORK"] = "1"
    os.execvp("unshare", ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', sys.executable, *sys.argv])


class DomainController(Server):
    ADMIN = "Admin-Passw0rd"
    PRIVILEGED = 60980   # group

    def __init__(self, realm):
        super().__init__()
        self.realm, self.base = realm, ",".join(f"DC={part.lower()}" for part in realm.split("."))
        trees = unpack("samba", "samba-dsdb-modules", "winbind", "samba-common-bin", "samba-ad-provision", "samba-ad-dc")
        self.ca, chain, key = certificate(self.folder, "127.0.0.1")   # libldap takes "localhost" for the name of the machine
        key.chmod(0o600)
        self.namespace = Namespace(self.folder, [tree for tree in trees if (tree / "usr").is_dir()], self.missing_users())
        with open(self.namespace.etc / "group", "a") as groups:
            groups.write(f"winbindd_priv:x:{self.PRIVILEGED}:buzon-ntlm\n")
        self.home = self.folder / "dc"
        self.run = self.home / "run"   # winbind's sockets: libwbclient knows them by /run/samba alone
        self.run.mkdir(parents=True)
        self.sam = self.home / "private/sam.ldb"
        self.options = " ".join(f'"--option={name}={value}"' for name, value in (
            ("server services", "ldap, cldap, kdc, rpc, winbindd"), ("tls certfile", chain), ("tls keyfile", key), ("tls cafile", self.ca),
            ("pid directory", self.home), ("ncalrpc dir", self.home / "ncalrpc"), ("interfaces", "127.0.0.1"), ("bind interfaces only", "yes"),
            ("kdc default domain supported enctypes", "aes256-cts-hmac-sha1-96"),
            ("old password allowed period", "0")))
        self.tool(f"samba-tool domain provision --realm={realm} --domain={realm.split('.')[0]} --server-role=dc --dns-backend=NONE "
                  f"--adminpass={self.ADMIN} --targetdir={self.home} --host-name=localhost --host-ip=127.0.0.1")
        self.settings = self.home / "etc/smb.conf"

    @staticmethod
    def missing_users():
        try:
            pwd.getpwnam("buzon-ntlm")
            return []
        except KeyError:
            return ["buzon-ntlm"]

    def inside(self, script):
        """A command that runs where ntlm_auth is, and winbind's sockets."""
        return self.namespace.command(f"mount -t tmpfs none /run; mkdir /run/samba; mount --bind {self.run} /run/samba; {script}")

    def tool(self, script):
        done = subprocess.run(self.namespace.command(script), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (script, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def samba_tool(self, words):
        return self.tool(f"samba-tool {words} -H {self.sam} -s {self.settings}")

    def change(self, ldif):
        """While it runs."""
        (tools,) = unpack("ldap-utils")
        done = subprocess.run([str(tools / "usr/bin/ldapmodify"), "-x", "-H", "ldaps://127.0.0.1", "-D", f"Administrator@{self.realm}", "-w", self.ADMIN],
                              input=ldif, capture_output=True, text=True, env={**os.environ, "LDAPTLS_CACERT": str(self.ca)})
        assert done.returncode == 0, done.stderr

    def start(self):
        self.spawn(self.inside(f"mkdir -p /var/log/samba; exec samba -F -M single -s {self.settings} --debug-stdout {self.options}"))
        for port in (88, 389, 636):
            self.wait_port(port)
        privileged = self.home / "state/winbindd_privileged"
        wait_until("winbind's sockets", lambda: (privileged / "pipe").exists(), 60)
        os.chown(privileged, 0, self.PRIVILEGED)   # what Debian's package does
