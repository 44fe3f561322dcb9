#!/usr/bin/env python3
"""Dovecot's imaptest scripts, and our own in scripts/, against a fresh buzon. Scripts whose extensions we do not offer are named as such;
exceptions.tsv holds the scripts that fail for a reason of the RFC."""
import pathlib
import subprocess
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "harness"))
from buzon import Buzon, corpus  # noqa: E402

folder = corpus() / "protocol-scripts/imaptest"
scripts = sorted(str(p) for p in folder.iterdir() if p.suffix != ".mbox" and not p.name.startswith(("COPYING", "broken__")))
scripts += sorted(str(p) for p in (here / "scripts").iterdir() if p.suffix != ".mbox")
with Buzon(accounts=["ana"]) as mail:
    password = mail.folder / "password"
    password.write_text(mail.password("ana"))
    done = subprocess.run([sys.executable, str(here / "run.py"), "--port", str(mail.port("imaps")), "--tls", "--ca", mail.ca, "--name", mail.host,
                           "--user", mail.address("ana"), "--password-file", str(password), "--exceptions", str(here / "exceptions.tsv"),
                           *(sys.argv[1:] and [s for s in scripts if pathlib.Path(s).name in sys.argv[1:]] or scripts)])
sys.exit(done.returncode)
