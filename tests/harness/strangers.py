"""Strangers' servers from Debian, unpacked below .deps/ and run in a mount namespace of their own: their /usr is laid over ours there, so they
find their fixed paths, and nothing is installed. Loopback only, free ports, ended by their pid. Needs root for the namespace.
"""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from buzon import ROOT, skip, wait_until


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def unpack(*names, alone=False):
    """Folders with the packages; alone: without what they depend on."""
    if os.geteuid() != 0:
        skip("strangers' servers need root for a mount namespace of their own")
    done = subprocess.run([str(ROOT / "tools/fetch-strangers"), *(["--alone"] if alone else []), *names], capture_output=True, text=True)
    if done.returncode:
        skip(f"cannot unpack {' '.join(names)}: {done.stderr[-300:]}")
    return [ROOT / ".deps" / name for name in names]


def certificate(folder, name):
    """A private CA and a certificate for `name`, a host name or an IPv4 address; returns (ca, chain, key)."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=folder)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "30", "-subj", "/CN=Outside CA", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "server.key", "-out", "server.csr",
            "-subj", f"/CN={name}")
    (folder / "ext").write_text(f"subjectAltName={'IP' if name[-1].isdigit() else 'DNS'}:{name}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30", "-out",
            "server.pem", "-extfile", "ext")
    return folder / "ca.pem", folder / "server.pem", folder / "server.key"


class Namespace:
    """Runs a shell script in a private mount namespace with the given trees' /usr over ours, and folder/etc with extra users over
    /etc."""

    def __init__(self, folder, trees, users=()):
        self.folder, self.trees = folder, trees
        passwd = pathlib.Path("/etc/passwd").read_text()
        group = pathlib.Path("/etc/group").read_text()
        for number, name in enumerate(users, 60990):
            passwd += f"{name}:x:{number}:{number}::{folder}:/usr/sbin/nologin\n"
            group += f"{name}:x:{number}:\n"
        self.etc = folder / "etc"   # laid over /etc
        self.etc.mkdir(exist_ok=True)
        (self.etc / "passwd").write_text(passwd)
        (self.etc / "group").write_text(group)

    def command(self, script):
        layers = ":".join(f"{tree}/usr" for tree in self.trees)
        setup = (f"set -e; mount -t overlay overlay -o lowerdir={layers}:/usr /usr; "
                 f"mount -t overlay overlay -o lowerdir={self.etc}:/etc /etc; ")
        return ["unshare", "-m", "--propagation", self.propagation(), "sh", "-c", setup + script]

    @staticmethod
    def propagation():
        """Our mounts must stay ours. In a chroot "/" is no mount point and cannot be made private; it need not be, unless the machine shares it."""
        def roots(pid):
            with open(f"/proc/{pid}/mountinfo") as file:
                return [line for line in file if line.split()[4] == "/"]
        if roots("self"):
            return "private"
        if any(" shared:" in line for line in roots(1)):
            skip("in a chroot on a machine that shares its mounts: a stranger's mounts would leak")
        return "unchanged"


class Server:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stranger-"))
        self.folder.chmod(0o755)
        self.process = None

    def spawn(self, command):
        self.output = open(self.folder / "out", "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output, start_new_session=True)

    def wait_port(self, port):
        def there():
            if self.process.poll() is not None:
                raise AssertionError(f"{type(self).__name__} ended: {(self.folder / 'out').read_text()[-2000:]}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                return False
        wait_until(f"{type(self).__name__} on port {port}", there, 30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.after()
        shutil.rmtree(self.folder, ignore_errors=True)

    def after(self):
        pass


class Dovecot(Server):
    """IMAP, LMTP and an auth socket; any user of one password."""

    def __init__(self, password="secret", extra="", name="mail.outside.test", argon2=False, mechanisms="plain login"):
        super().__init__()
        trees = unpack("dovecot-imapd", *(["dovecot-lmtpd"] if "lmtp" in extra else []), *(["dovecot-pop3d"] if "pop3" in extra else []))
        self.imap_port, self.imaps_port, self.lmtp_port, self.pop3s_port = free_port(), free_port(), free_port(), free_port()
        self.auth_socket = self.folder / "auth"
        for sub in ("run", "state", "mail"):
            (self.folder / sub).mkdir()
        (self.folder / "mail").chmod(0o777)
        self.ca, cert, key = certificate(self.folder, name)
        (self.folder / "dovecot.conf").write_text(f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/state
log_path = {self.folder}/log
protocols = imap{" lmtp" if "lmtp" in extra else ""}{" pop3" if "pop3" in extra else ""}
auth_mechanisms = {mechanisms}
default_internal_user = dovecot
default_login_user = dovenull
default_internal_group = dovecot
listen = 127.0.0.1
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = mdbox:{self.folder}/mail/%u
passdb {{
  driver = {"passwd-file" if argon2 else "static"}
  args = {self.argon2(password) if argon2 else "password=" + password}
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={self.folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = {self.imaps_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service auth {{
  unix_listener {self.auth_socket} {{
    mode = 0666
  }}
}}
{extra.format(lmtp_port=self.lmtp_port, pop3s_port=self.pop3s_port, folder=self.folder)}
""")
        namespace = self.namespace(trees)
        self.spawn(namespace.command(f"exec /usr/sbin/dovecot -F -c {self.folder}/dovecot.conf"))
        self.wait_port(self.imap_port)

    def namespace(self, trees):
        return Namespace(self.folder, trees, ["dovecot", "dovenull"])

    def argon2(self, password):
        """A password file for ana@example.test and u0..u99 with one Argon2id hash of buzon's default parameters (19 MiB, 2 passes, 1 lane)."""
        out = ctypes.create_string_buffer(200)
        secret, salt = password.encode(), os.urandom(16)
        number = ctypes.c_size_t
        failed = ctypes.CDLL("libargon2.so.1").argon2id_hash_encoded(2, 19456, 1, secret, number(len(secret)), salt, number(len(salt)), number(32), out,
                                                                     number(200))
        assert failed == 0, failed
        users = ["ana", *(f"u{n}" for n in range(100))]
        (self.folder / "users").write_text("".join(f"{user}@example.test:{{ARGON2ID}}{out.value.decode()}\n" for user in users))
        return f"{self.folder}/users"


class Postfix(Server):
    """An MTA of the outside: MX for `domain` on `smtp_port`, smart host with STARTTLS and AUTH on `submission_port`. What it accepts for its
    domain lies in mail/<user>/new; a smart host accepts any recipient and keeps them all in mail/anybody/new."""

    def __init__(self, domain="outside.test", name="mail.outside.test", password="secret", smtp_port=None, address="127.0.0.1",
                 lmtp=None, mechanisms="plain login", submission_options=""):
        super().__init__()
        self.dovecot = Dovecot(password, mechanisms=mechanisms)
        self.tree, = unpack("postfix")
        self.address = address
        self.smtp_port, self.submission_port = smtp_port or free_port(), free_port()
        self.ca, cert, key = certificate(self.folder, name)
        conf = self.folder / "etc/postfix"
        for sub in ("etc", "etc/postfix", "queue", "lib", "mail"):
            (self.folder / sub).mkdir()
        (self.folder / "mail").chmod(0o777)
        for file in ("dynamicmaps.cf", "postfix-files"):
            if (self.tree / "etc/postfix" / file).exists():
                shutil.copy(self.tree / "etc/postfix" / file, conf / file)
        (conf / "main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {self.folder}/queue
data_directory = {self.folder}/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = {name}
mydestination =
mynetworks =
inet_interfaces = {address}
maillog_file = {self.folder}/log
maillog_file_prefixes = {self.folder}
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {self.folder}/mail
virtual_mailbox_maps = static:anybody/
virtual_uid_maps = static:8
virtual_gid_maps = static:8
virtual_minimum_uid = 8
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = {self.dovecot.auth_socket}
smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unauth_destination
default_transport = virtual
smtputf8_enable = yes
message_size_limit = 60000000
{f"virtual_transport = lmtp:inet:127.0.0.1:{lmtp}" if lmtp else ""}
virtual_mailbox_limit = 0
mailbox_size_limit = 0
alias_maps =
alias_database =
local_recipient_maps =
""")
        (conf / "master.cf").write_text(f"""
{address}:{self.smtp_port} inet n - n - - smtpd
{address}:{self.submission_port} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  {submission_options}
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
""")
        namespace = Namespace(self.folder, [self.tree], ["postfix", "postdrop"])
        self.spawn(namespace.command(f"chown postfix {self.folder}/lib; exec /usr/sbin/postfix start-fg"))
        self.wait_port(self.submission_port)

    def after(self):
        try:   # the master has a session of its own
            os.kill(int((self.folder / "queue/pid/master.pid").read_text()), signal.SIGTERM)
        except (OSError, ValueError):
            pass
        self.dovecot.__exit__()

    def queue_empty(self):
        return not any(path.is_file() for sub in ("incoming", "active", "deferred", "maildrop")
                       for path in (self.folder / "queue" / sub).rglob("*"))

    def received(self):
        """Paths of the messages that arrived."""
        folder = self.folder / "mail/anybody/new"
        return sorted(folder.iterdir()) if folder.is_dir() else []


class Exim(Server):
    """A second MTA of the outside: MX for `domain` with opportunistic TLS; what arrives lies in mail/anybody/new."""

    def __init__(self, domain="outside.test", name="mail.outside.test"):
        super().__init__()
        self.tree, = unpack("exim4-daemon-light")
        self.smtp_port = free_port()
        self.ca, cert, key = certificate(self.folder, name)
        for sub in ("spool", "log", "mail"):
            (self.folder / sub).mkdir()
            (self.folder / sub).chmod(0o777)
        key.chmod(0o644)
        config = self.folder / "exim.conf"
        config.write_text(f"""
primary_hostname = {name}
domainlist local_domains = {domain}
exim_user = mail
exim_group = mail
never_users =
spool_directory = {self.folder}/spool
log_file_path = {self.folder}/log/%slog
pid_file_path = {self.folder}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {self.smtp_port}
tls_advertise_hosts = *
tls_certificate = {cert}
tls_privatekey = {key}
acl_smtp_rcpt = check_rcpt
keep_environment =
begin acl
check_rcpt:
  accept domains = +local_domains
  deny message = relay not permitted
begin routers
here:
  driver = accept
  domains = +local_domains
  transport = file
begin transports
file:
  driver = appendfile
  maildir_format
  directory = {self.folder}/mail/anybody
  create_directory
  delivery_date_add
  user = mail
  group = mail
""")
        namespace = Namespace(self.folder, [self.tree], ["Debian-exim"])
        self.spawn(namespace.command(f"exec /usr/sbin/exim4 -C {config} -bdf -q1m"))
        self.wait_port(self.smtp_port)

    def received(self):
        folder = self.folder / "mail/anybody/new"
        return sorted(folder.iterdir()) if folder.is_dir() else []


class Slapd(Server):
    """OpenLDAP with StartTLS on `port` and TLS on `tls_port`, for the name 127.0.0.1. `tree` is LDIF below dc=example,dc=test, `schema` further
    definitions. cn=admin may do all, cn=reader reads secrets too, anybody reads the rest."""

    SUFFIX = "dc=example,dc=test"
    ADMIN = ("cn=admin," + SUFFIX, "admin-password")
    READER = ("cn=reader," + SUFFIX, "reader-password")

    def __init__(self, tree, schema="", debug=0):
        """debug: slapd's -d; 256 writes each operation to `out`."""
        super().__init__()
        self.debug = debug
        self.tree, self.tools = unpack("slapd", "ldap-utils")
        self.port, self.tls_port = free_port(), free_port()
        self.ca, cert, key = certificate(self.folder, "127.0.0.1")
        (self.folder / "db").mkdir()
        (self.folder / "own.schema").write_text(schema)
        schemas = "".join(f"include {self.tree}/etc/ldap/schema/{name}.schema\n" for name in ("core", "cosine", "inetorgperson", "nis"))
        (self.folder / "slapd.conf").write_text(f"""
{schemas}
include {self.folder}/own.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
loglevel none
threads 2
database mdb
suffix "{self.SUFFIX}"
rootdn "{self.ADMIN[0]}"
rootpw {self.ADMIN[1]}
directory {self.folder}/db
maxsize 1073741824
index objectClass,uid,mail,entryUUID eq
access to attrs=userPassword
  by dn.exact="{self.READER[0]}" read
  by anonymous auth
  by * none
access to *
  by * read
""")
        top = f"dn: {self.SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n"
        top += (f"dn: {self.READER[0]}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n"
                f"userPassword: {self.READER[1]}\n\n")
        (self.folder / "tree.ldif").write_text(top + tree)
        self.start(f"slapadd -q -f {self.folder}/slapd.conf -l {self.folder}/tree.ldif; ")

    def start(self, before=""):
        namespace = Namespace(self.folder, [self.tree])
        self.spawn(namespace.command(f"{before}exec /usr/sbin/slapd -d {self.debug} -f {self.folder}/slapd.conf "
                                     f"-h 'ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/'"))
        self.wait_port(self.tls_port)

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)
        self.process = None

    def change(self, ldif):
        subprocess.run([str(self.tools / "usr/bin/ldapmodify"), "-x", "-H", f"ldap://127.0.0.1:{self.port}", "-D", self.ADMIN[0], "-w", self.ADMIN[1]],
                       input=ldif, text=True, check=True, capture_output=True, env={**os.environ, "LDAPNOINIT": "1"})
