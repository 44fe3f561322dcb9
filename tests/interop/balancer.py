#!/usr/bin/env python3
"""HAProxy from Debian before our gateway, speaking PROXY protocol 1 and 2 and checking our health; and our egress before Dovecot and Postfix that
want such a header. The addresses in the servers' logs are the proof."""
import imaplib
import pathlib
import re
import smtplib
import socket
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402
import strangers  # noqa: E402

BALANCER, CLIENT = "127.0.0.2", "127.0.0.9"   # source addresses; all of 127/8 is ours
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


class HaProxy(strangers.Server):
    """TCP from `port[name]` to ports of ours, from BALANCER, with a header."""

    def __init__(self, routes):
        super().__init__()
        trees = strangers.unpack("haproxy")
        self.port = {name: strangers.free_port() for name in routes}
        parts = []
        for name, (target, options) in routes.items():
            parts.append(f"listen {name}\n  bind 127.0.0.1:{self.port[name]}\n  server buzon 127.0.0.1:{target} source {BALANCER} {options}\n")
        config = self.folder / "haproxy.cfg"
        config.write_text("global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n" + "\n".join(parts))
        self.spawn(strangers.Namespace(self.folder, trees).command(f"exec /usr/sbin/haproxy -db -f {config}"))
        for port in self.port.values():
            self.wait_port(port)


def from_address(address, port):
    return socket.create_connection(("127.0.0.1", port), 20, (address, 0))


def imap(mail, raw, name, tls=True):
    class Client(imaplib.IMAP4_SSL if tls else imaplib.IMAP4):
        def _create_socket(client, timeout):
            return mail.imap_tls().wrap_socket(raw, server_hostname=mail.host) if tls else raw
    client = Client(mail.host)
    client.login(mail.address(name), mail.password(name))
    return client


def proxied(mail):
    return mail.events("gateway-0", "proxied") + mail.events("gateway-1", "proxied") + mail.events("gateway", "proxied")


def by_haproxy(mail, haproxy):
    for name in ("v1", "v2", "v2crc"):
        raw = from_address(CLIENT, haproxy.port[name])
        own = raw.getsockname()[1]
        client = imap(mail, raw, "ana")
        assert client.select("INBOX")[0] == "OK"
        events = [e for e in proxied(mail) if e["peer"] == f"{CLIENT}:{own}"]
        assert len(events) == 1 and events[0]["balancer"].startswith(BALANCER + ":") and events[0]["version"] == name[1], (events, proxied(mail))
        client.logout()
    assert any(e.get("peer") == CLIENT for e in mail.events("auth")) and not any(e.get("peer") == BALANCER for e in mail.events("auth"))
    with smtplib.SMTP() as client:
        client.sock = from_address(CLIENT, haproxy.port["mx"])
        assert client.getreply()[0] == 220
        assert client.ehlo("outside.test")[0] == 250
        client.sendmail("someone@outside.test", [mail.address("ben")], b"Subject: by a balancer\r\n\r\nx\r\n")

    def received():
        with mail.imap("ben", "INBOX") as inside:   # not by the balancer
            found = inside.search(None, "SUBJECT", '"by a balancer"')[1][0]
            return inside.fetch(found, "BODY.PEEK[HEADER.FIELDS (RECEIVED)]")[1][0][1] if found else None
    header = wait_until("the message is there", received)
    assert CLIENT.encode() in header and BALANCER.encode() not in header, header
    print("HAProxy: version 1, 2 and 2 with CRC32c; logs, mail store and Received know the client's address")


def health(mail, haproxy):
    """Checks go on all the time; none of them is taken for a client or an offence."""
    def checked():
        return len([e for e in all_events(mail, "accept") if e["peer"].startswith(BALANCER)]) >= 4
    wait_until("HAProxy has checked several times", checked)
    refused = [e for e in all_events(mail, "refused") if e.get("peer", "").startswith(BALANCER)]
    assert not refused, refused
    assert "DOWN" not in (haproxy.folder / "out").read_text(), (haproxy.folder / "out").read_text()
    print("health checks of HAProxy are let in and seen as such")


def all_events(mail, name):
    out = []
    for path in sorted((mail.state / "log").glob("gateway*.log")):
        out += mail.events(path.stem, name)
    return out


def hears(raw, data):
    """What comes back; nothing when refused."""
    raw.settimeout(10)
    try:
        raw.sendall(data)
        return raw.recv(1000)
    except ConnectionError:
        return b""


def refused(mail, port):
    v1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 50000 143\r\n"
    v2 = SIGNATURE + b"\x21\x11" + struct.pack("!H", 12) + bytes([203, 0, 113, 7, 198, 51, 100, 1]) + struct.pack("!HH", 50000, 143)
    assert hears(from_address(BALANCER, port), v1).startswith(b"* OK")
    assert hears(from_address(BALANCER, port), v2).startswith(b"* OK")
    assert hears(from_address("127.0.0.3", port), v1) == b"", "not a balancer"
    assert hears(from_address(BALANCER, port), b"a1 CAPABILITY\r\n") == b"", "no header"
    assert hears(from_address(BALANCER, port), b"") == b"", "silence ends by itself"
    # A ticket of ours in a TLV is skipped like any other: the session has to log in.
    forged = SIGNATURE + b"\x21\x11" + struct.pack("!H", 12 + 6 + 8) + v2[16:] + b"\xe0\x00\x03\x01\x01\x01" + b"\xe8\x00\x05ana@x"
    raw = from_address(BALANCER, port)
    assert hears(raw, forged).startswith(b"* OK") and b"BAD" in hears(raw, b"a1 SELECT INBOX\r\n")
    # Elsewhere a header is garbage.
    for service, header in (("smtp", v1), ("smtp", v2), ("pop3", v1), ("pop3", v2)):
        raw = from_address(BALANCER, mail.port(service))
        raw.recv(1000)
        answer = hears(raw, header)
        assert re.match(rb"5\d\d |-ERR|$", answer), (service, answer)
    for header in (v1, v2):   # an alert, or nothing
        assert hears(from_address(BALANCER, mail.port("imaps")), header)[:1] in (b"", b"\x15")
    assert not [e for e in all_events(mail, "accept") if e["peer"].startswith("203.0.113.7") and e["listener"] != "imap-clear"]
    print("refused: strangers, connections without a header, our own TLVs, a header where none is awaited")


EXTRA = """
haproxy_trusted_networks = 127.0.0.0/8
service imap-login {{
  inet_listener imap_proxied {{
    port = %d
    haproxy = yes
  }}
}}
"""


def behind(mail, dovecot, postfix):
    for number, (name, server) in enumerate((("cal", "dovecot-v2"), ("dan", "dovecot-v1"))):
        mail.run("account", "route", mail.address(name), server)
        address = f"127.0.0.{50 + number}"
        raw = from_address(address, mail.port("imaps"))
        client = imap(mail, raw, name)
        client.select("INBOX")
        client.logout()
        wait_until(f"Dovecot's log names {address}",
                   lambda: re.search(rf"Login: user=<{re.escape(mail.address(name))}>.*rip={re.escape(address)},", (dovecot.folder / "log").read_text()))
    for server, address in (("postfix-v2", "127.0.0.60"), ("postfix-v1", "127.0.0.61")):
        mail.run("account", "route", mail.address("eva"), server)
        with smtplib.SMTP() as client:
            client._host = mail.host
            client.sock = from_address(address, mail.port("submission"))
            assert client.getreply()[0] == 220
            client.starttls(context=mail.tls())
            client.login(mail.address("eva"), mail.password("eva"))
        wait_until(f"Postfix's log names {address}", lambda: f"connect from unknown[{address}]" in (postfix.folder / "log").read_text()
                   or re.search(rf"connect from \S+\[{re.escape(address)}\]", (postfix.folder / "log").read_text()))
    print("Dovecot and Postfix behind us know the client's address, by version 2 and version 1")


def servers(dovecot, proxied_port, postfix, submission_port):
    out = ""
    for version, word in (("v2", "proxy"), ("v1", "proxy-v1")):
        out += f"""
[[server]]
name = "dovecot-{version}"
host = "127.0.0.1"
imap_port = {proxied_port}
imap_tls = "none"
send_client = "{word}"

[[server]]
name = "postfix-{version}"
host = "127.0.0.1"
imap_port = 0
submission_port = {submission_port}
tls_name = "mail.outside.test"
tls_ca_file = "{postfix.ca}"
send_client = "{word}"
"""
    return out


def main():
    ports = {"imap-behind": strangers.free_port(), "mx-behind": strangers.free_port(), "imap-clear": strangers.free_port()}
    listeners = ""
    for name, port in ports.items():
        kind = {"imap-behind": 'service = "imap"', "mx-behind": 'service = "mx"\ntls = "starttls"', "imap-clear": 'service = "imap"\ntls = "none"'}[name]
        listeners += (f'[[listener]]\nname = "{name}"\n{kind}\naddress = "127.0.0.1"\nport = {port}\nproxy_protocol_from = ["{BALANCER}"]\n')
    proxied_port = strangers.free_port()
    with strangers.Dovecot(extra=EXTRA % proxied_port, password="secret") as dovecot, \
            strangers.Postfix(submission_options="-o smtpd_upstream_proxy_protocol=haproxy") as postfix:
        settings = listeners + servers(dovecot, proxied_port, postfix, postfix.submission_port) + "[gateway]\nproxy_header_time = \"1s\"\n"
        with Buzon(accounts=["ana", "ben"], settings=settings) as mail:
            for name in ("cal", "dan", "eva"):
                mail.add_account(name, "secret")
            routes = {"v1": (ports["imap-behind"], "send-proxy check check-send-proxy inter 200ms"),
                      "v2": (ports["imap-behind"], "send-proxy-v2 check check-send-proxy inter 200ms"),
                      "v2crc": (ports["imap-behind"], "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
                      "mx": (ports["mx-behind"], "send-proxy-v2 check check-send-proxy inter 200ms")}
            with HaProxy(routes) as haproxy:
                by_haproxy(mail, haproxy)
                health(mail, haproxy)
            refused(mail, ports["imap-clear"])
            mail.own_imap = False
            behind(mail, dovecot, postfix)
    print("PASS")


if __name__ == "__main__":
    main()
