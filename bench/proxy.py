#!/usr/bin/env python3
"""What it costs to pass IMAP sessions on to another server: buzon (gateway and egress) beside nginx's mail proxy and Dovecot's proxy, in one run.

    bench/proxy.py [--quick] [--rows login,bytes,idle] [--sessions N]

In front TLS 1.3 with ECDSA P-256 and full handshakes for all, behind plain loopback to one and the same Dovecot, whose own cost is not counted. nginx asks
a script of ours who may log in (not counted), with proxy_buffer 16k for bytes and its default for idle sessions; Dovecot proxies in its
high-performance login mode with a static password. Counted are user and system CPU and PSS of the processes that carry the sessions, and, as rows of their own, with those that check
passwords (buzon: auth; Dovecot: auth, anvil, config and log).
"""
import argparse
import http.server
import pathlib
import ssl
import sys
import threading

here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here.parent / "tests/harness"), str(here)]
from buzon import Buzon  # noqa: E402
from bench import cpu, pss, tree  # noqa: E402
import load  # noqa: E402
import strangers  # noqa: E402

NAME = "mail.outside.test"
BACK_END = """
login_trusted_networks = 127.0.0.0/8
mail_max_userip_connections = 100000
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 20000
  process_limit = 4
  vsz_limit = 1 G
}}
service imap {{
  service_count = 100000
  client_limit = 50
  process_limit = 20000
  process_min_avail = 2
  vsz_limit = 1 G
}}
service anvil {{
  client_limit = 30000
}}
service auth {{
  client_limit = 30000
}}
"""


class Verdicts:
    """The HTTP service that nginx asks: everybody may, at the back end."""

    def __init__(self, back_end_port):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                for key, value in (("Auth-Status", "OK"), ("Auth-Server", "127.0.0.1"), ("Auth-Port", str(back_end_port))):
                    self.send_header(key, value)
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.request_queue_size = 200
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Nginx(strangers.Server):
    def __init__(self, back_end_port):
        super().__init__()
        trees = strangers.unpack("nginx-core", "libnginx-mod-mail")
        self.ca, cert, key = strangers.certificate(self.folder, NAME)
        self.imaps_port, self.big_port = strangers.free_port(), strangers.free_port()
        verdicts = Verdicts(back_end_port)
        config = self.folder / "nginx.conf"
        config.write_text(f"""
load_module /usr/lib/nginx/modules/ngx_mail_module.so;
user root;
daemon off;
pid {self.folder}/pid;
error_log {self.folder}/log warn;
worker_processes 2;
worker_rlimit_nofile 60000;
events {{ worker_connections 30000; }}
mail {{
  auth_http http://127.0.0.1:{verdicts.port}/;
  imap_capabilities IMAP4rev1 IDLE;
  proxy_pass_error_message on;
  ssl_certificate {cert};
  ssl_certificate_key {key};
  ssl_protocols TLSv1.3;
  server {{ listen 127.0.0.1:{self.imaps_port} ssl backlog=4096; protocol imap; timeout 1h; proxy_timeout 1h; }}
  server {{ listen 127.0.0.1:{self.big_port} ssl backlog=4096; protocol imap; proxy_buffer 16k; timeout 1h; proxy_timeout 1h; }}
}}
""")
        self.spawn(strangers.Namespace(self.folder, trees).command(f"exec /usr/sbin/nginx -e {self.folder}/log -c {config}"))
        self.wait_port(self.imaps_port)


def named(pid, *names):
    out = []
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/comm") as file:
                if file.read().strip() in names:
                    out.append(one)
        except OSError:
            pass
    return out


class Side:
    """A front: where its clients connect, the processes that carry sessions, and all that work for it."""

    def __init__(self, name, target, carriers, everything, big_port=None):
        self.name, self.target, self.carriers, self.everything = name, target, carriers, everything
        self.big = dict(target, imaps=big_port) if big_port else target

    def login(self, target=None):
        session = load.Imap(target or self.target)
        session.command("LOGIN ana@example.test secret")
        return session

    def logins(self, count):
        self.login().command("LOGOUT")
        before = cpu(self.carriers()), cpu(self.everything())
        load.parallel(4, count, lambda: None, lambda _, n: self.login().command("LOGOUT"))
        return [1000 * (now - then) / count for now, then in zip((cpu(self.carriers()), cpu(self.everything())), before)]

    def bytes(self, octets):
        """CPU seconds for a GB."""
        session = self.login(self.big)
        session.command("SELECT Big")
        session.command("FETCH 1:* (BODY.PEEK[])")   # warm
        before, got = cpu(self.carriers()), 0
        while got < octets:
            got += session.command("FETCH 1:* (BODY.PEEK[])")
        return (cpu(self.carriers()) - before) / (got / 1e9)

    def record_size(self):
        """The largest TLS record of a big answer, seen on the wire."""
        class Tap:
            def __init__(self, target):
                import socket
                self.raw = socket.create_connection(("127.0.0.1", target["imaps"]))
                self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
                self.tls = target["context"].wrap_bio(self.into, self.out, server_hostname=target["name"])
                self.wire = b""
        tap = Tap(self.big)

        def pump(function, *arguments):
            while True:
                try:
                    value = function(*arguments)
                    tap.raw.sendall(tap.out.read())
                    return value
                except ssl.SSLWantReadError:
                    tap.raw.sendall(tap.out.read())
                    data = tap.raw.recv(1 << 18)
                    if not data:
                        raise EOFError("the front ended the connection") from None
                    tap.wire += data
                    tap.into.write(data)
        pump(tap.tls.do_handshake)
        seen = pump(tap.tls.read, 1 << 18)
        for line, end in ((b"a LOGIN ana@example.test secret\r\n", b"a OK"), (b"b SELECT Big\r\n", b"b OK"), (b"c FETCH 1 (BODY.PEEK[])\r\n", b"c OK")):
            pump(tap.tls.write, line)
            seen = b""
            while b"\n" + end not in b"\n" + seen[-4000:]:
                seen += pump(tap.tls.read, 1 << 18)
        largest, at = 0, 0
        while at + 5 <= len(tap.wire):
            size = int.from_bytes(tap.wire[at + 3:at + 5], "big")
            largest, at = max(largest, size), at + 5 + size
        return largest

    def idle(self, count):
        before = pss(self.carriers())
        sessions = []

        def one(_, number):
            session = self.login()
            session.command("SELECT INBOX")
            session.sock.sendall(b"i IDLE\r\n")
            session.line()
            sessions.append(session)
        load.parallel(32, count, lambda: None, one)
        kib = (pss(self.carriers()) - before) / count
        for session in sessions:
            session.sock.close()
        return kib


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the work: for trying, not for figures")
    parser.add_argument("--rows", default="login,bytes,idle")
    parser.add_argument("--sides", default="buzon,nginx,dovecot")
    parser.add_argument("--sessions", type=int, default=1500)
    options = parser.parse_args()
    scale, rows = 10 if options.quick else 1, options.rows.split(",")
    with strangers.Dovecot(extra=BACK_END) as back_end:
        settings = (f'[[server]]\nname = "old"\nhost = "127.0.0.1"\nimap_port = {back_end.imap_port}\nimap_tls = "none"\n'
                    '[[route]]\ndomain = "example.test"\nserver = "old"\n')
        with Buzon(accounts=[], settings=settings) as mail, Nginx(back_end.imap_port) as nginx, \
                strangers.Dovecot(password=f"secret proxy=y host=127.0.0.1 port={back_end.imap_port}", extra=BACK_END) as proxy:
            mail.add_account("ana", "secret")
            sides = [
                Side("buzon", dict(imaps=mail.port("imaps"), context=load.context(mail.ca), name=mail.host),
                     lambda: mail.pid("gateway") + mail.pid("egress"), lambda: mail.pid("gateway") + mail.pid("egress") + mail.pid("auth")),
                Side("nginx", dict(imaps=nginx.imaps_port, context=load.context(nginx.ca), name=NAME),
                     lambda: named(nginx.process.pid, "nginx"), lambda: named(nginx.process.pid, "nginx"), nginx.big_port),
                Side("dovecot", dict(imaps=proxy.imaps_port, context=load.context(proxy.ca), name=NAME),
                     lambda: named(proxy.process.pid, "imap-login"), lambda: [proxy.process.pid]),
            ]
            sides = [side for side in sides if side.name in options.sides.split(",")]
            results = []

            def row(name, unit, values):
                results.append((name, unit, values))
                print(f"{name:36} " + "  ".join(f"{side.name} {value:9.4g}" for side, value in zip(sides, values)) + f"  {unit}", flush=True)
            if "login" in rows:
                both = [side.logins(1000 // scale) for side in sides]
                row("login", "CPU ms", [b[0] for b in both])
                row("login, passwords included", "CPU ms", [b[1] for b in both])
            if "bytes" in rows:
                session = sides[0].login()
                session.command("CREATE Big")
                for number in range(100):
                    session.command("APPEND Big", load.message(number, 1_000_000))
                session.command("LOGOUT")
                row("largest TLS record", "bytes", [side.record_size() for side in sides])
                row("proxied to the client", "CPU s per GB", [side.bytes(1e9 / scale) for side in sides])
            if "idle" in rows:
                count = options.sessions // scale
                row(f"idle TLS session, {count} of them", "KiB PSS", [side.idle(count) for side in sides])
                if sides[0].name == "buzon":
                    print("  buzon now: " + ", ".join(f"{role} {pss(mail.pid(role)):.0f} KiB" for role in ("gateway", "egress")))
    print("\n| row | " + " | ".join(side.name for side in sides) + " | unit |\n|---|" + "---|" * len(sides) + "---|")
    for name, unit, values in results:
        print(f"| {name} | " + " | ".join(f"{value:.3g}" for value in values) + f" | {unit} |")


if __name__ == "__main__":
    main()
