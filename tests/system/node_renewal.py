#!/usr/bin/env python3
"""A node's certificate is renewed by itself when two thirds of its life are over, with the same key and without the end of any session; while the
inside is away it is tried again with back-off. What the node has then is what `buzon node list` shows."""
import datetime
import json
import pathlib
import shutil
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import wait_until  # noqa: E402
from pki import Pki  # noqa: E402
from sessions import Idle, bring, login_answer  # noqa: E402
from two_hosts import GatewayHost, Inside  # noqa: E402

DAY = 86400
NAME = "dmz1.gateway.nodes.buzon.internal"


class Node(GatewayHost):
    """Its first certificate of 90 days is due in `due` seconds from when it is made; the inside's own authority signs it."""
    due = 15

    def join(self):
        super().join()
        self.pki = Pki(self.folder / "pki")
        self.date_back(self.due)

    def date_back(self, due):
        for ours, theirs in (("inner.pem", "ca.pem"), ("inner.key", "ca-key.pem")):
            shutil.copy(self.inside.state / "inner" / theirs, self.pki.folder / ours)
        shutil.copy(self.state / "tls/node-key.pem", self.pki.folder / "node.key")
        self.pki.issue("node", san=f"DNS:{NAME}", usage="clientAuth", start=(due - 60 * DAY) / DAY, days=90, by="inner", has_key=True)
        shutil.copy(self.pki.folder / "node.pem", self.state / "tls/node.pem.new")
        (self.state / "tls/node.pem.new").rename(self.state / "tls/node.pem")

    def certificate(self):
        return (self.state / "tls/node.pem").read_text()

    def days_left(self):
        end = self.pki.openssl("x509", "-in", str(self.state / "tls/node.pem"), "-noout", "-enddate").strip().split("=")[1]
        end = datetime.datetime.strptime(end, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=datetime.timezone.utc)
        return (end - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / DAY

    def key_in_certificate(self):
        return self.pki.openssl("x509", "-in", str(self.state / "tls/node.pem"), "-noout", "-pubkey")


def listed(inside):
    row, = json.loads(inside.run("node", "list", "--json").stdout)
    return row


def in_time(inside, node):
    key, public = (node.state / "tls/node-key.pem").read_bytes(), node.key_in_certificate()
    wait_until("logins", lambda: " OK" in login_answer(node), 20)
    idle, before, processes = Idle(node, "ana"), node.certificate(), {role: node.pid(role) for role in ("connector", "gateway")}
    assert 29 < node.days_left() < 31, node.days_left()
    wait_until("the certificate is renewed", lambda: node.certificate() != before, node.due + 30)
    assert 89 < node.days_left() < 91, node.days_left()
    event, = wait_until("the connector says so", lambda: node.events("connector", "node_certificate_renewed"))
    assert event["node"] == "dmz1", event
    assert node.key_in_certificate() == public and (node.state / "tls/node-key.pem").read_bytes() == key
    assert stat.S_IMODE((node.state / "tls/node-key.pem").stat().st_mode) == 0o600
    wait_until("it is in use", lambda: "the node's certificate has been renewed" in (node.folder / "serve.out").read_text())
    bring(node, "after")
    line = idle.line()
    assert b"1 EXISTS" in line, "the session of before goes on"
    idle.close()
    assert " OK" in login_answer(node)
    assert processes == {role: node.pid(role) for role in processes} and not node.events("connector", "inside_away")
    row = listed(inside)
    assert row["state"] == "linked" and abs((row["expires"] / DAY - datetime.datetime.now().timestamp() / DAY) - 90) < 1, row
    assert "certificate ends 20" in inside.run("node", "list").stdout
    print("renewed in time: same key, no session ended, node list shows the new end")


def while_away(inside, node):
    inside.stop()
    node.date_back(-20 * DAY)
    overdue = node.certificate()
    node.run("reload")
    failed = wait_until("two tries", lambda: (e := node.events("connector", "node_certificate_not_renewed"))[1:] and e, 30)
    assert [e["next_s"] for e in failed[:2]] == ["5", "10"] and all(e["level"] == "warn" for e in failed), failed
    assert "has not been renewed" not in node.run("config", "check").stdout, "there is time yet"
    assert node.certificate() == overdue
    inside.serve()
    wait_until("the certificate is renewed", lambda: node.certificate() != overdue, 60)
    wait_until("logins", lambda: " OK" in login_answer(node), 20)
    assert node.days_left() > 89 and len(wait_until("said", lambda: (e := node.events("connector", "node_certificate_renewed"))[1:] and e)) == 2
    print(f"overdue while the inside is away: {len(failed)} tries or more with back-off, renewed when it is back")


def revoked(inside, node):
    """No longer ours to renew."""
    inside.run("node", "revoke", "dmz1")
    node.date_back(-1)
    before = node.certificate()
    tries = len(node.events("connector", "node_certificate_not_renewed"))
    node.run("reload")
    failed = wait_until("a try", lambda: (e := node.events("connector", "node_certificate_not_renewed"))[tries:] and e, 20)
    assert "revoked" in str(failed[-1]), failed[-1]
    assert node.certificate() == before
    print("a revoked node gets none")


def main():
    with Inside() as inside, Node(inside) as node:
        try:
            in_time(inside, node)
            while_away(inside, node)
            revoked(inside, node)
        except BaseException:
            inside.show_logs()
            raise


if __name__ == "__main__":
    main()
