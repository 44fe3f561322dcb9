"""Stock command line clients, told where a system of a test is."""
import json
import subprocess

from buzon import ROOT, skip

NODE = ROOT / "tests/interop/node"


class Mbsync:
    """isync: one channel between ana's account (or another's) and a Maildir that begins empty."""

    def __init__(self, mail, name, *channel, user="ana", account="", port=None):
        self.local, self.config = mail.folder / name, mail.folder / f"{name}rc"
        self.local.mkdir()
        lines = "\n".join(channel)
        self.config.write_text(f"""
IMAPAccount a
Host {mail.host}
Port {port or mail.port('imaps')}
User {mail.address(user)}
Pass {mail.password(user)}
SSLType IMAPS
CertificateFile {mail.ca}
{account}

IMAPStore far
Account a

MaildirStore near
Path {self.local}/
Inbox {self.local}/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
{lines}
SyncState *
""")

    def sync(self, *options):
        done = subprocess.run(["mbsync", "-c", str(self.config), *options, "c"], capture_output=True, text=True, timeout=300, errors="replace")
        assert done.returncode == 0, (done.stdout[-1500:], done.stderr[-1500:])
        return done

    def messages(self, mailbox):
        return sorted(path for folder in ("cur", "new") for path in (self.local / mailbox / folder).iterdir())


def curl(mail, path, *options, user="ana", text=False, port=None):
    """IMAP on port 993 (or `port`) by curl(1); `path` begins with a slash or is empty."""
    port = port or mail.port("imaps")
    done = subprocess.run(["curl", "-sS", "--cacert", mail.ca, "--connect-to", f"{mail.host}:{port}:127.0.0.1:{port}", "-u",
                           f"{mail.address(user)}:{mail.password(user)}", *options, f"imaps://{mail.host}:{port}{path}"],
                          capture_output=True, text=text, timeout=60, errors="replace" if text else None)
    assert done.returncode == 0, (options, path, done.stderr)
    return done.stdout


def node_modules():
    """What the scripts of tests/interop/node need, fetched once."""
    if (NODE / "node_modules/imapflow").is_dir():
        return
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=NODE, capture_output=True, text=True)
    if done.returncode:
        skip(f"npm ci: {done.stderr[-300:]}")


def imapflow(mail, mailbox, subject, user="ana", port=None):
    """What imapflow has seen in a mailbox (node/fetch.mjs)."""
    options = {"host": mail.host, "port": port or mail.port("imaps"), "ca": str(mail.ca), "user": mail.address(user), "password": mail.password(user),
               "mailbox": mailbox, "subject": subject}
    done = subprocess.run(["node", str(NODE / "fetch.mjs")], input=json.dumps(options), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
