"""Debian's Cyrus IMAP as a stranger: IMAP, POP3 and LMTP on loopback, users with passwords in a sasldb, a user who may act for others (RFC 4616).
Its names are as Cyrus has them by default ("Sent", "a/b") with the usual mailboxes made at the first login; `debian` turns to what Debian's
imapd.conf has: personal mailboxes below INBOX with "." between ("INBOX.Sent"), and none made."""
import strangers


USUAL = """autocreate_inbox_folders: Drafts|Sent|Trash|Junk|Archive
autocreate_subscribe_folders: Drafts|Sent|Trash|Junk|Archive
xlist-drafts: Drafts
xlist-sent: Sent
xlist-trash: Trash
xlist-junk: Junk
xlist-archive: Archive"""


class Cyrus(strangers.Server):
    PROXY = ("master", "proxy-secret")

    def __init__(self, users, password="secret", name="mail.outside.test", debian=False):
        super().__init__()
        trees = strangers.unpack("cyrus-imapd", "cyrus-pop3d", "sasl2-bin")
        self.imap_port, self.imaps_port, self.pop3s_port, self.lmtp_port = (strangers.free_port() for _ in range(4))
        for sub in ("conf", "spool", "run", "run/proc", "run/lock", "run/socket"):
            (self.folder / sub).mkdir()
        self.ca, cert, key = strangers.certificate(self.folder, name)
        namespace = strangers.Namespace(self.folder, trees, ["cyrus"])
        (namespace.etc / "imapd.conf").write_text(f"""
configdirectory: {self.folder}/conf
defaultpartition: default
partition-default: {self.folder}/spool
proc_path: {self.folder}/run/proc
mboxname_lockpath: {self.folder}/run/lock
idlesocket: {self.folder}/run/socket/idle
lmtpsocket: {self.folder}/run/socket/lmtp
notifysocket: {self.folder}/run/socket/notify
servername: {name}
altnamespace: {"no" if debian else "yes"}
unixhierarchysep: {"no" if debian else "yes"}
{"" if debian else USUAL}
admins: cyrus
proxyservers: {self.PROXY[0]}
autocreate_quota: 0
autocreate_post: yes
autocreate_users: anyone
popminpoll: 0
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {self.folder}/sasldb2
tls_server_cert: {cert}
tls_server_key: {key}
tls_session_timeout: 0
lmtp_downcase_rcpt: yes
""")
        (namespace.etc / "cyrus.conf").write_text(f"""
START {{
  recover cmd="ctl_cyrusdb -r"
}}
SERVICES {{
  imap cmd="imapd" listen="127.0.0.1:{self.imap_port}" prefork=0
  imaps cmd="imapd -s" listen="127.0.0.1:{self.imaps_port}" prefork=0
  pop3s cmd="pop3d -s" listen="127.0.0.1:{self.pop3s_port}" prefork=0
  lmtp cmd="lmtpd -a" listen="127.0.0.1:{self.lmtp_port}" prefork=0
}}
EVENTS {{
}}
""")
        words = [(user, password) for user in users] + [self.PROXY]
        put = "".join(f"printf %s '{secret}' | /usr/sbin/saslpasswd2 -p -c -f {self.folder}/sasldb2 -u {name} {user}; " for user, secret in words)
        key.chmod(0o644)
        self.spawn(namespace.command(f"{put}chown -R cyrus {self.folder}; export CYRUS_USER=cyrus; "
                                     f"exec /usr/lib/cyrus/bin/master -p {self.folder}/pid"))
        self.wait_port(self.imap_port)
