#!/usr/bin/env python3
"""Logins of users of an LDAP directory with many entries: each a different user, so each a search and a bind. Prints logins a second and the CPU time
of auth and slapd for one. Usage: directory_logins.py [ENTRIES] [LOGINS]"""
import os
import pathlib
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/harness"), str(ROOT / "tests/interop")]
from buzon import Buzon  # noqa: E402
from directories import login, settings  # noqa: E402
from strangers import Slapd  # noqa: E402

THREADS = 8


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(entries, logins):
    tree = "".join(f"dn: uid=u{n},{Slapd.SUFFIX}\nobjectClass: inetOrgPerson\nuid: u{n}\ncn: u{n}\nsn: u\nmail: u{n}@example.test\nuserPassword: pw\n\n"
                   for n in range(entries))
    with Slapd(tree) as slapd:
        text = settings(slapd.folder, corp=([f"ldap://127.0.0.1:{slapd.port}"], slapd.ca, "openldap", ""))
        with Buzon(settings=text, accounts=()) as mail:
            assert login(mail, "u0", "pw")[0].startswith("a OK")
            auth, = mail.pid("auth")
            before = cpu(auth), cpu(slapd.process.pid), time.monotonic()
            failed = []

            def run(first):
                for n in range(first, logins + 1, THREADS):
                    answer, _ = login(mail, f"u{n * (entries // (logins + 1))}", "pw")
                    if not answer.startswith("a OK"):
                        failed.append(answer)
            threads = [threading.Thread(target=run, args=(n + 1,)) for n in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not failed, failed[:3]
            after = cpu(auth), cpu(slapd.process.pid), time.monotonic()
            print(f"{entries} entries, {logins} users logged in for the first time: {logins / (after[2] - before[2]):.0f} a second; CPU of one: "
                  f"auth {(after[0] - before[0]) / logins * 1000:.2f} ms, slapd {(after[1] - before[1]) / logins * 1000:.2f} ms")


if __name__ == "__main__":
    main(*(int(word) for word in (sys.argv[1:] + ["100000", "1000"][len(sys.argv) - 1:])))
