"""A Kerberos realm for tests: MIT's KDC from Debian, unpacked below .deps/, on a free port of the loopback, with its own database. Clients find it
by KRB5_CONFIG alone; nothing of the machine is touched.

    with Kdc("EXAMPLE.TEST", "localhost") as kdc:
        kdc.add("ana", "secret")
        kdc.keytab(folder / "mail.keytab", "imap/localhost", "smtp/localhost")
        tickets = kdc.login("ana", "secret")          # environment of a client that has a ticket
"""
import subprocess
import sys

from strangers import Server, free_port, unpack


class Kdc(Server):
    def __init__(self, realm, host):
        super().__init__()
        self.realm, self.host = realm, host
        self.kdc_tree, self.admin_tree, self.user_tree, self.faketime, self.python = unpack(
            "krb5-kdc", "krb5-admin-server", "krb5-user", "faketime", "python3-gssapi")
        self.port, self.others, self.count = free_port(), [], 0
        self.libraries = ":".join(f"{tree}/usr/lib/x86_64-linux-gnu" for tree in (self.kdc_tree, self.admin_tree, self.user_tree))
        self.config = self.write_config("krb5.conf", self.port)
        self.write_profile("kdc.conf", self.port)
        self.tool(self.admin_tree / "usr/sbin/kdb5_util", "create", "-s", "-P", "master", "-r", realm)
        self.spawn(self.command(self.port))
        self.wait_port(self.port)

    def write_profile(self, name, port):
        path = self.folder / name
        path.write_text(f"""
[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {self.realm} = {{
  database_name = {self.folder}/principal
  key_stash_file = {self.folder}/stash
  acl_file = {self.folder}/acl
  max_life = 10h
  supported_enctypes = aes256-cts:normal aes128-cts:normal
 }}
""")
        return path

    def write_config(self, name, port):
        path = self.folder / name
        path.write_text(f"""
[libdefaults]
 default_realm = {self.realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 0
[realms]
 {self.realm} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 {self.host} = {self.realm}
[dbmodules]
 db_module_dir = {self.kdc_tree}/usr/lib/x86_64-linux-gnu/krb5/plugins/kdb
[plugins]
 ccselect = {{
  disable = k5identity
 }}
""")
        return path

    def environment(self, config=None, **more):
        return {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "HOME": str(self.folder), "LD_LIBRARY_PATH": self.libraries,
                "KRB5_CONFIG": str(config or self.config), "KRB5_KDC_PROFILE": str(self.folder / "kdc.conf"), **more}

    def shifted(self, shift):
        """The environment of a process whose clock is off: "-1d", "+20m"."""
        return {"LD_PRELOAD": str(next(self.faketime.rglob("libfaketimeMT.so.1"))), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def command(self, port, **more):
        profile = self.write_profile(f"kdc-{port}.conf", port)
        environment = self.environment(KRB5_KDC_PROFILE=str(profile), **more)
        return ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), str(self.kdc_tree / "usr/sbin/krb5kdc"), "-n",
                "-r", self.realm, "-P", str(self.folder / f"pid-{port}")]

    def tool(self, *command, input=None, environment=None):
        done = subprocess.run([str(word) for word in command], input=input, capture_output=True, text=True, timeout=60,
                              env=environment or self.environment())
        assert done.returncode == 0, (command, done.stdout + done.stderr)
        return done.stdout

    def admin(self, *words):
        return self.tool(self.admin_tree / "usr/sbin/kadmin.local", "-r", self.realm, "-q", " ".join(words))

    def add(self, name, password):
        self.admin("addprinc", "-pw", password, name)

    def keytab(self, path, *principals):
        for name in principals:
            self.admin("addprinc", "-randkey", name)
            self.admin("ktadd", "-k", str(path), name)
        path.chmod(0o600)
        return path

    def login(self, name, password, *services, **more):
        """Gets a ticket, and those of the services; returns the environment with it."""
        self.count += 1
        environment = self.environment(KRB5CCNAME=f"FILE:{self.folder}/tickets-{self.count}", **more)
        self.tool(self.user_tree / "usr/bin/kinit", name, input=password + "\n", environment=environment)
        for service in services:
            self.tool(self.user_tree / "usr/bin/kvno", service, environment=environment)
        return environment

    def login_shifted(self, shift, name, password, *services):
        """The same in a world whose clock is off: a second KDC over the same database."""
        port = free_port()
        process = subprocess.Popen(self.command(port, **self.shifted(shift)), stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
                                   start_new_session=True)
        self.others.append(process)
        main, self.process = self.process, process
        self.wait_port(port)
        self.process = main
        return self.login(name, password, *services, config=self.write_config(f"krb5-{port}.conf", port), **self.shifted(shift))

    def token(self, environment, service, mechanism="krb5", bindings=b""):
        """The first token of a client with these tickets."""
        script = f"""
import sys, gssapi
from gssapi.raw import ChannelBindings
mech = gssapi.OID.from_int_seq({"'1.2.840.113554.1.2.2'" if mechanism == "krb5" else "'1.3.6.1.5.5.2'"})
name = gssapi.Name({service!r}, gssapi.NameType.hostbased_service)
bindings = {bindings!r}
context = gssapi.SecurityContext(name=name, mech=mech, usage="initiate", flags=[gssapi.RequirementFlag.mutual_authentication],
                                 channel_bindings=ChannelBindings(application_data=bindings) if bindings else None)
sys.stdout.buffer.write(context.step())
"""
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, env={**environment, "PYTHONPATH": self.python_path})
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    @property
    def python_path(self):
        return str(self.python / "usr/lib/python3/dist-packages")

    def after(self):
        for process in self.others:
            process.terminate()
            process.wait(10)
