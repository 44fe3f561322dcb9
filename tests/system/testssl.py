#!/usr/bin/env python3
"""testssl.sh, Debian's, looks at the gateway's ports: 993, 995, 465, and STARTTLS on 587 and 110. Protocols, ciphers, forward secrecy and
vulnerabilities must be nothing above LOW; what it says of the certificate is listed with the reason. It takes minutes for each port.

    testssl.py [imaps|pop3s|submissions|submission|pop3 ...]      all when none is named"""
import collections
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon  # noqa: E402
from strangers import unpack  # noqa: E402

STARTTLS = {"imaps": None, "pop3s": None, "submissions": None, "submission": "smtp", "pop3": "pop3"}
FINE = ("OK", "INFO", "LOW", "DEBUG")   # DEBUG: what it has not looked for
# What it says above LOW of a certificate that `buzon init` has made, or of itself, and why it stands.
LISTED = {
    "cert_revocation": "an authority of one's own runs no responder and publishes no list",
    "engine_problem": "of the OpenSSL that testssl.sh itself uses",
    "sessionresumption_ticket": "its s_client may leave before TLS 1.3's ticket has come; tests/system/tls.py resumes",
}


def look(tree, mail, service):
    starttls = STARTTLS[service]
    out = mail.folder / f"testssl-{service}.json"
    command = [str(tree / "usr/bin/testssl"), "--quiet", "--color", "0", "--warnings", "off",
               "-n", "none", "--ip", "127.0.0.1", "--add-ca", str(mail.ca), "--jsonfile", str(out), *(["-t", starttls] if starttls else []),
               "-p", "-s", "-f", "-P", "-S", "-U", f"{mail.host}:{mail.port(service)}"]
    libraries = os.pathsep.join(str(path) for path in (tree / "usr/lib").glob("*-linux-gnu"))
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, stdin=subprocess.DEVNULL, cwd=mail.folder, errors="replace",
                          env={"PATH": f"{tree}/usr/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TESTSSL_INSTALL_DIR": str(tree / "etc/testssl"), "LD_LIBRARY_PATH": libraries,
                               "HOME": str(mail.folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"})
    findings = json.loads(out.read_text())
    assert len(findings) > 50, (done.returncode, done.stdout[-3000:], done.stderr[-2000:])
    return findings, time.monotonic() - begin


def judge(service, findings, took):
    counts = collections.Counter(row["severity"] for row in findings)
    listed, bad = [], []
    for row in findings:
        if row["severity"] in FINE:
            continue
        (listed if LISTED.get(row["id"].split(" ")[0]) and (row["severity"] == "WARN" or row["id"].startswith("cert_")) else bad).append(row)
    print(f"{service}: {len(findings)} findings in {took:.0f} s: {dict(counts)}", flush=True)
    for row in listed:
        print(f"  {row['severity']} {row['id']}: {row['finding']} ({LISTED[row['id'].split(' ')[0]]})")
    for row in findings:
        if row["severity"] == "LOW":
            print(f"  LOW {row['id']}: {row['finding']}")
    assert not bad, bad


def main():
    tree, = unpack("testssl.sh")
    with Buzon(accounts=()) as mail:
        for service in sys.argv[1:] or STARTTLS:
            judge(service, *look(tree, mail, service))
        assert "SIGSYS" not in (mail.folder / "serve.out").read_text()


if __name__ == "__main__":
    main()
