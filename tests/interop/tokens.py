#!/usr/bin/env python3
"""OAUTHBEARER and XOAUTH2 with keys that are fetched and tokens that the provider is asked about: an HTTPS server with a CA of its own that changes its
keys, revokes tokens, goes away and comes back, and one that lies: endless, slow, of the wrong type, redirecting, under another name."""
import base64
import http.server
import json
import pathlib
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402
from strangers import certificate, free_port  # noqa: E402

ISSUER, CLIENT, SECRET = "https://id.example.test", "buzon mail", "s:ecret/ä"


def openssl(*arguments, input=None):
    done = subprocess.run(["openssl", *arguments], input=input, capture_output=True)
    assert done.returncode == 0, (arguments, done.stderr.decode())
    return done.stdout


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    def __init__(self, folder, name):
        self.name, self.path = name, str(folder / f"{name}.key")
        openssl("genrsa", "-out", self.path, "2048")
        modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1]
        self.public = dict(kty="RSA", kid=name, e="AQAB", n=url64(bytes.fromhex(modulus)))

    def token(self, user, **claims):
        claims = dict(iss=ISSUER, aud="mail", email=user, exp=int(time.time()) + 3600, **claims)
        text = url64(json.dumps(dict(alg="RS256", kid=self.name)).encode()) + "." + url64(json.dumps(claims).encode())
        return text + "." + url64(openssl("dgst", "-sha256", "-sign", self.path, input=text.encode()))


class Provider:
    """An identity provider. `mood` says how it answers; `asked` counts what came."""

    def __init__(self, folder):
        folder.mkdir()
        self.ca, chain, key = certificate(folder, "localhost")
        self.keys, self.tokens, self.mood, self.asked, self.cache = [], {}, "good", {"keys": 0, "ask": 0, "elsewhere": 0}, "max-age=1"
        self.release = threading.Event()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain, key)
        self.port, self.server = free_port(), None
        self.start()

    def start(self):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            do_GET = do_POST = lambda self: provider.serve(self)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None   # clients that hang up on a liar
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def serve(self, request):
        what = {"/keys": "keys", "/ask": "ask"}.get(request.path, "elsewhere")
        self.asked[what] += 1
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        if self.mood == "redirect":
            return self.reply(request, b"", 302, Location=f"https://localhost:{self.port}/elsewhere")
        if self.mood == "slow":
            request.send_response(200)
            request.end_headers()
            while not self.release.wait(0.2):
                request.wfile.write(b" ")
            return None
        if self.mood == "huge":
            request.send_response(200)
            request.send_header("Content-Type", "application/json")
            request.end_headers()
            for _ in range(4000):
                request.wfile.write(b'{"keys":[' + b" " * 65536)
            return None
        if self.mood == "page":
            return self.reply(request, b"<html>Sign in</html>", type="text/html")
        if self.mood == "broken":
            return self.reply(request, b'{"keys": [{"kty": "RSA", "n": "!"}], "active": "yes"}')
        if self.mood == "error":
            return self.reply(request, b'{"error":"server_error"}', 500)
        if what == "keys":
            return self.reply(request, json.dumps({"keys": [key.public for key in self.keys]}).encode())
        if what == "ask":
            return self.introspect(request, body)
        return self.reply(request, b"{}", 404)

    def introspect(self, request, body):
        quoted = ":".join(urllib.parse.quote(part, safe="") for part in (CLIENT, SECRET))
        if request.headers.get("Authorization") != "Basic " + base64.b64encode(quoted.encode()).decode():
            return self.reply(request, b'{"error":"invalid_client"}', 401)
        form = urllib.parse.parse_qs(body.decode(), strict_parsing=True)
        return self.reply(request, json.dumps(self.tokens.get(form["token"][0], {"active": False})).encode())

    def reply(self, request, body, status=200, type="application/json", **headers):
        request.send_response(status)
        for name, value in {"Content-Type": type, "Content-Length": str(len(body)), "Cache-Control": self.cache, **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)


class World:
    def __init__(self, mail, provider):
        self.mail, self.provider, self.text = mail, provider, mail.config.read_text()
        self.user = mail.address("ana")
        self.secret = mail.folder / "client-secret"
        self.secret.write_text(SECRET + "\n")
        self.secret.chmod(0o600)

    def settings(self, restart=True, **values):
        """oauth.NAME = value for each, and token mechanisms on every listener that has some."""
        head, first, rest = self.text.partition("\n[[listener]]")
        rest = "\n".join('mechanisms = ["PLAIN", "OAUTHBEARER", "XOAUTH2"]' if line.startswith("mechanisms") else line for line in rest.split("\n"))
        head += "".join(f"\noauth.{name} = {json.dumps(value)}" for name, value in values.items())
        self.mail.config.write_text(head + first + rest)
        return self.mail.restart() if restart else self.mail.run("reload", check=False)

    def login(self, token, user=None):
        """curl over IMAP: "OK", or what auth logged about it."""
        before = len(self.mail.events("auth", "login"))
        done = subprocess.run(["curl", "-sS", "-m", "30", "--cacert", self.mail.ca, "--login-options", "AUTH=OAUTHBEARER", "-u", user or self.user,
                               "--oauth2-bearer", token, f"imaps://{self.mail.host}:{self.mail.port('imaps')}/"], capture_output=True, text=True)
        event = wait_until("the login is in the log", lambda: self.mail.events("auth", "login")[before:])[-1]
        if done.returncode == 0:
            assert "reason" not in event and event["account"] == self.user, event
            return "OK"
        assert token not in json.dumps(event), "a token in the log"
        return f"{event['verdict']}: {event['reason']}"

    def refused(self, why, token):
        answer = self.login(token)
        assert answer.startswith("refused: ") and why in answer, (why, answer)

    def not_now(self, why, token):
        answer = self.login(token)
        assert answer.startswith("not now: ") and why in answer, (why, answer)


def fetched_keys(world):
    provider, url = world.provider, f"https://localhost:{world.provider.port}/keys"
    first, second = Key(world.mail.folder, "first"), Key(world.mail.folder, "second")
    provider.keys = [first]
    common = dict(jwks_url=url, issuer=ISSUER, audience=["mail"], ca_file=str(provider.ca), jwks_longest="1h")
    world.settings(**common, jwks_shortest="1s")
    assert world.login(first.token(world.user)) == "OK"
    world.refused("nobody here", first.token("nobody@example.test"))
    world.refused("no key", second.token(world.user))
    provider.keys = [second]
    wait_until("the new key is fetched", lambda: world.login(second.token(world.user)) == "OK", 10)
    wait_until("the old key is gone", lambda: "no key" in world.login(first.token(world.user)), 10)
    print("keys are fetched, changed and withdrawn")
    good = second.token(world.user)
    for mood, why in (("redirect", "redirect"), ("page", "no JSON"), ("error", "500"), ("broken", "JWKS"), ("huge", "too large")):
        before = len(world.mail.events("auth", "keys_not_fetched"))
        provider.mood = mood
        failure = wait_until(f"a {mood} answer is in the log", lambda: world.mail.events("auth", "keys_not_fetched")[before:], 20)[-1]
        assert why in failure["error"], (mood, failure)
        assert world.login(good) == "OK", "the keys that were fetched stay good"
        print(f"keys: {mood}: {failure['error'][:90]}")
    assert provider.asked["elsewhere"] == 0, "a redirect was followed"
    provider.stop()
    before = len(world.mail.events("auth", "keys_not_fetched"))
    wait_until("nobody answers", lambda: world.mail.events("auth", "keys_not_fetched")[before:], 20)
    assert world.login(good) == "OK"
    world.mail.restart()
    world.not_now("have not been fetched", good)
    provider.mood = "good"
    provider.release.clear()
    provider.start()
    wait_until("it is back", lambda: world.login(good) == "OK", 20)
    print("keys: the provider goes and comes back")
    world.settings(**common, jwks_shortest="1m")
    assert world.login(good) == "OK"
    asked = provider.asked["keys"]
    for number in range(20):
        world.refused("no key", Key.token(first, world.user, jti=str(number)))
    assert provider.asked["keys"] == asked, "unknown keys caused fetches within the shortest interval"
    world.settings(**{**common, "ca_file": str(world.mail.ca)})
    world.not_now("have not been fetched", good)
    assert "not trusted" in world.mail.events("auth", "keys_not_fetched")[-1]["error"]
    world.settings(**{**common, "jwks_url": url.replace("localhost", "127.0.0.1")})
    world.not_now("have not been fetched", good)
    assert "another name" in world.mail.events("auth", "keys_not_fetched")[-1]["error"]
    print("keys: certificates of strangers and of other names")


def introspection(world):
    provider = world.provider
    common = dict(introspection_url=f"https://localhost:{provider.port}/ask", introspection_client=CLIENT, introspection_secret_file=str(world.secret),
                  ca_file=str(provider.ca), issuer=ISSUER, audience=["mail"])
    world.settings(**common)
    active = dict(active=True, iss=ISSUER, aud=["mail"], email=world.user, exp=int(time.time()) + 3600)
    provider.tokens = {"good-token": active, "token-of-another-service": {**active, "aud": "calendar"}, "expired-token": {**active, "exp": int(time.time()) - 3600},
                       "bare-token": {"active": True, "email": world.user}}
    assert world.login("good-token") == "OK"
    asked = provider.asked["ask"]
    assert world.login("good-token") == "OK" and provider.asked["ask"] == asked, "an answer is remembered"
    for token, why in (("unknown-token", "not active"), ("token-of-another-service", "audience"), ("expired-token", "expired"), ("bare-token", "issuer")):
        world.refused(why, token)
    print("introspection: good, unknown, for another service, expired")
    for mood, why in (("redirect", "redirect"), ("page", "no JSON"), ("error", "500"), ("broken", "active"), ("huge", "too large"), ("slow", "too long")):
        provider.mood = mood
        began = time.monotonic()
        world.not_now(why, f"fresh-{mood}")
        assert time.monotonic() - began < 15, "a slow provider holds a login for too long"
        assert world.login("good-token") == "OK"
        print(f"introspection: {mood}: not now")
    assert provider.asked["elsewhere"] == 0, "a redirect was followed"
    provider.mood = "good"
    provider.release.set()
    world.settings(**common, introspection_cache="0s")
    assert world.login("good-token") == "OK"
    provider.tokens.pop("good-token")
    world.refused("not active", "good-token")
    world.secret.write_text("wrong\n")
    world.mail.run("reload")
    provider.tokens["good-token"] = active
    world.not_now("401", "good-token")
    print("introspection: revoked at once without memory; a wrong secret is ours to mend")


def main():
    with Buzon(accounts=["ana"], host="localhost") as mail:
        provider = Provider(mail.folder / "provider")
        world = World(mail, provider)
        done = world.settings(restart=False, jwks_url=f"https://localhost:{provider.port}/keys", issuer=ISSUER, audience=["mail"])
        assert done.returncode and "restart" in done.stdout + done.stderr, "auth may not connect before it starts again"
        fetched_keys(world)
        introspection(world)
        provider.stop()


if __name__ == "__main__":
    main()
