#!/usr/bin/env python3
"""Two gateway hosts and a gateway inside are one server to a phone: a TLS session begun at one of them is resumed at each other, over a rotation of
the keys too. A node that is revoked gets no more of them, and what it had is worth nothing from then on. No key comes to a disk."""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import PORTS, wait_until  # noqa: E402
from resumption import VERSIONS, resumed, save_session  # noqa: E402
from two_hosts import GatewayHost, Inside  # noqa: E402


class Doors:
    """By host: "dmz1", "dmz2" and "", the inside's own."""

    def __init__(self, inside, folder):
        self.host, self.ports, self.folder = inside.host, {name: base + PORTS["imaps"] for name, base in inside.bases.items()}, folder

    def begin(self, door, version):
        save_session(self.ports[door], self.host, str(self.folder / f"{door}{version}"), version)

    def takes(self, door, begun, version, rounds=4):
        """Whether each try at `door` took up what was begun at the other; None: some did. A node has two workers."""
        seen = set(resumed(self.ports[door], self.host, str(self.folder / f"{begun}{version}"), version, rounds))
        return None if len(seen) > 1 else seen.pop()


def logged(mail, name):
    return (mail.folder / "serve.out").read_text().count(name)


def one_server(doors):
    for version in VERSIONS:
        for begun in doors.ports:
            doors.begin(begun, version)
            for door in doors.ports:
                assert doors.takes(door, begun, version), (version, begun, door)
    print("a session begun at one of three hosts is resumed at each of them, TLS 1.2 and 1.3")


def files(mail):
    return {path: path.read_bytes() for path in mail.state.rglob("*") if path.is_file() and path.parent.name != "log"}


def rotation(inside, nodes, doors):
    """The owner draws a new key; the previous one is still taken, everywhere."""
    kept = [files(node) for node in nodes]
    inside.config.write_text('tls.ticket_rotation = "5s"\n' + inside.config.read_text())
    inside.restart()
    wait_until("the nodes have the new supervisor's keys", lambda: doors_agree(doors), 30)
    for version in VERSIONS:
        doors.begin("dmz1", version)
        before = [logged(node, "ticket_keys_from_inside") for node in nodes]
        wait_until("a rotation", lambda: all(logged(node, "ticket_keys_from_inside") > n for node, n in zip(nodes, before)), 30)
        for door in doors.ports:
            assert doors.takes(door, "dmz1", version, 1), f"{version}: the previous key is taken at {door or 'the inside'}"
    assert [files(node) for node in nodes] == kept, "no file of a node has changed"
    for mail in (inside, *nodes):
        for path in [mail.folder / "serve.out", *(mail.state / "log").iterdir()]:
            lines = [line for line in path.read_bytes().splitlines() if b" node_added " not in line]   # which names a public key's hash
            assert not re.search(rb"[0-9a-f]{64}", b"\n".join(lines)), f"a key in {path}"
    print("rotated by the inside, taken over by both nodes; nothing of it in any file or log")


def doors_agree(doors):
    doors.begin("", "-tls1_3")
    return all(doors.takes(door, "", "-tls1_3") for door in doors.ports)


def revocation(inside, one, two, doors):
    text = inside.config.read_text().replace('"5s"', '"12h"')
    inside.config.write_text(text)
    inside.restart()
    wait_until("the nodes have the new supervisor's keys", lambda: doors_agree(doors), 30)
    for version in VERSIONS:
        doors.begin("dmz1", version)
        doors.begin("dmz2", version)
    had = logged(two, "ticket_keys_from_inside")
    drawn = logged(one, "ticket_keys_from_inside")
    inside.run("node", "revoke", "dmz2")
    wait_until("the others have new keys", lambda: logged(one, "ticket_keys_from_inside") > drawn, 5)
    assert logged(inside, "ticket_keys_drawn_anew") == 1
    for version in VERSIONS:
        wait_until("the old keys are gone", lambda: all(doors.takes(door, "dmz1", version) is False for door in ("dmz1", "")), 5)
        for door in ("dmz1", ""):
            assert doors.takes(door, "dmz2", version) is False, "what the revoked node begins is worth nothing elsewhere"
        doors.begin("dmz1", version)
        assert doors.takes("", "dmz1", version), "the others share the new keys"
        assert doors.takes("dmz2", "dmz1", version) is False, "the revoked node has not got them"
    assert logged(two, "ticket_keys_from_inside") == had
    print("a node revoked: all keys drawn anew at once, shared by those that stay, and not with the node")


def main():
    with tempfile.TemporaryDirectory(prefix="buzon-tickets-") as name, Inside(more=("dmz2", "")) as inside, GatewayHost(inside) as one, \
            GatewayHost(inside, "dmz2") as two:
        try:
            doors = Doors(inside, pathlib.Path(name))
            for node in (one, two):
                wait_until("keys have come", lambda: logged(node, "ticket_keys_from_inside"), 20)
            one_server(doors)
            rotation(inside, (one, two), doors)
            revocation(inside, one, two, doors)
        except BaseException:
            inside.show_logs()
            raise


if __name__ == "__main__":
    main()
