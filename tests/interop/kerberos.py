#!/usr/bin/env python3
"""GSSAPI and GSS-SPNEGO with a real KDC, and what must not get in: tickets for another service, of another realm's rule, expired, replayed, from a
clock that is off, bound to another TLS connection; tokens cut off, damaged, or no tokens at all. Debian's clients: sasl_clients.py."""
import hashlib
import imaplib
import os
import pathlib
import random
import ssl
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from buzon import Buzon, wait_until  # noqa: E402
from kdc import Kdc  # noqa: E402

REALM, HOST = "EXAMPLE.TEST", "localhost"
MECHANISMS = ["PLAIN", "GSSAPI", "GSS-SPNEGO"]


class World:
    def __init__(self, mail, kdc):
        self.mail, self.kdc = mail, kdc
        self.end_point = hashlib.sha256(ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((HOST, mail.port("imaps"))))).digest()

    def connect(self):
        return imaplib.IMAP4_SSL(HOST, self.mail.port("imaps"), ssl_context=self.mail.tls())

    def reload(self, **changes):
        lines = self.mail.config.read_text().split("\n")
        for key, value in changes.items():
            lines = [f"kerberos.{key} = {value}" if line.startswith(f"kerberos.{key} ") else line for line in lines]
        self.mail.config.write_text("\n".join(lines))
        self.mail.run("reload")

    def logins(self):
        return self.mail.events("auth", "login")

    def attempt(self, action):
        """What auth logged about the one login that `action` tries, and what `action` returned."""
        before = len(self.logins())
        result = action()
        return wait_until("a login in the log", lambda: self.logins()[before:])[0], result

    def send(self, mechanism, *tokens):
        """Sends these tokens over IMAP and says what the server answered: "OK", "NO" or "BAD"; "more" when it wants to go on."""
        left = list(tokens)
        client = self.connect()
        try:
            client.authenticate(mechanism, lambda challenge: left.pop(0) if left else None)
            return "OK"
        except (imaplib.IMAP4.error, imaplib.IMAP4.abort) as refusal:
            return str(refusal)
        finally:
            client.shutdown()

    def refused(self, what, reason, *tokens, mechanism="GSSAPI"):
        event, answer = self.attempt(lambda: self.send(mechanism, *tokens))
        assert answer != "OK" and event["verdict"] in ("refused", "abandoned"), (what, answer, event)
        assert reason in event.get("reason", ""), (what, event)
        assert "Kerberos" not in answer and "ticket" not in answer.lower(), (what, "the client was told why", answer)
        print(f"refused: {what}: {event['reason'][:100]}")


def full_login(world, environment, mechanism="GSSAPI", bindings=b"", authzid=b"", layer=b"\x01", service="imap"):
    """A client of our own with python3-gssapi: the whole of RFC 4752."""
    import gssapi
    from gssapi.raw import ChannelBindings
    os.environ["KRB5_CONFIG"] = environment["KRB5_CONFIG"]
    credentials = gssapi.Credentials(usage="initiate", store={"ccache": environment["KRB5CCNAME"]})
    oid = gssapi.OID.from_int_seq("1.3.6.1.5.5.2" if mechanism == "GSS-SPNEGO" else "1.2.840.113554.1.2.2")
    context = gssapi.SecurityContext(name=gssapi.Name(f"{service}@{HOST}", gssapi.NameType.hostbased_service), mech=oid, usage="initiate", creds=credentials,
                                     flags=[gssapi.RequirementFlag.mutual_authentication, gssapi.RequirementFlag.integrity],
                                     channel_bindings=ChannelBindings(application_data=bindings) if bindings else None)

    def answer(challenge):
        if not context.complete:
            return context.step(challenge or None) or b""
        if mechanism == "GSS-SPNEGO":
            return b""
        offer = context.unwrap(challenge).message
        assert offer == b"\x01\0\0\0", ("the layers that are offered", offer)
        return context.wrap(layer + b"\0\0\0" + authzid, False).message
    client = world.connect()
    try:
        client.authenticate(mechanism, answer)
        assert client.select("INBOX")[0] == "OK"
        client.logout()
        assert context.complete
        return "OK"
    except imaplib.IMAP4.error as refusal:
        client.shutdown()
        return str(refusal)


def own_client(world):
    mail, kdc = world.mail, world.kdc
    ana = kdc.login("ana", "secret")
    right = b"tls-server-end-point:" + world.end_point
    for mechanism in MECHANISMS[1:]:
        for bindings in (b"", right):
            event, answer = world.attempt(lambda: full_login(world, ana, mechanism, bindings))
            assert answer == "OK" and event["account"] == mail.address("ana") and event["mech"] == mechanism, (mechanism, answer, event)
        event, answer = world.attempt(lambda: full_login(world, ana, mechanism, b"tls-server-end-point:" + bytes(32)))
        assert answer != "OK" and "channel bindings" in event["reason"].lower(), (answer, event)
        print(f"{mechanism}: with, without and with wrong channel bindings")
    for authzid, worked in ((b"ana@example.test", True), (b"ANA", True), (b"ben@example.test", False), (b"ana\0", False), (b"\xff", False)):
        event, answer = world.attempt(lambda: full_login(world, ana, authzid=authzid))
        assert (answer == "OK") == worked, (authzid, answer, event)
    for layer in (b"\x02", b"\x04", b"\x00", b"\x03"):
        event, answer = world.attempt(lambda: full_login(world, ana, layer=layer))
        assert answer != "OK" and "security layer" in event["reason"], (layer, answer, event)
    for name, why in (("cleo", "nobody here"), ("ana/admin", "instance"), ("off", "disabled")):
        event, answer = world.attempt(lambda: full_login(world, kdc.login(name, "secret")))
        assert answer != "OK" and why in event["reason"], (name, answer, event)
        assert "AUTHENTICATIONFAILED" in answer, answer
    print("authorization identities, layers, principals without account")


def hostile_tokens(world):
    kdc = world.kdc
    ana = kdc.login("ana", "secret")
    good = kdc.token(ana, f"imap@{HOST}")
    world.refused("a ticket for another service of the keytab", "Request ticket server", kdc.token(ana, f"smtp@{HOST}"))
    world.refused("a ticket for a service we are not", "Request ticket server", kdc.token(ana, f"HTTP@{HOST}"))
    world.refused("a ticket for a name that the keytab has not", "not found in keytab", other_name_token(kdc))
    seen, answer = world.attempt(lambda: world.send("GSSAPI", good, b"", b"no wrapped message"))
    assert answer != "OK" and seen["verdict"] != "not now", (answer, seen)
    world.refused("the same token again", "replay", good)
    world.refused("an expired ticket", "expired", kdc.token(kdc.login_shifted("-1d", "ana", "secret", f"imap/{HOST}"), f"imap@{HOST}"))
    world.refused("a clock 20 minutes ahead", "skew", kdc.token({**ana, **kdc.shifted("+20m")}, f"imap@{HOST}"))
    spnego = kdc.token(ana, f"imap@{HOST}", "spnego")
    world.refused("a negotiation on the mechanism without", "No credentials", spnego)
    world.refused("a token without negotiation where there is one", "No credentials", kdc.token(ana, f"imap@{HOST}"), mechanism="GSS-SPNEGO")
    ntlm = b"NTLMSSP\0\x01\0\0\0\x07\x82\x08\xa2" + bytes(24)
    world.refused("bare NTLM", "unsupported mechanism", ntlm, mechanism="GSS-SPNEGO")
    world.refused("NTLM in a negotiation", "unsupported mechanism", negotiation_of_ntlm(ntlm), mechanism="GSS-SPNEGO")
    rng = random.Random(4752)
    for mechanism, token in (("GSSAPI", kdc.token(ana, f"imap@{HOST}")), ("GSS-SPNEGO", spnego)):
        before = len(world.logins())
        cases = [token[:n] for n in (1, 2, 10, 17, 60, len(token) // 2, len(token) - 1)] + [b"\0" * 100, b"\x60\x84\xff\xff\xff\xff" + token, rng.randbytes(3000)]
        for _ in range(40):
            damaged = bytearray(token)
            for _ in range(rng.randrange(1, 4)):
                damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
            if bytes(damaged) != token:
                cases.append(bytes(damaged))
        for case in cases:
            answer = world.send(mechanism, case)
            assert answer != "OK", (mechanism, case)
        assert len(world.logins()) - before == len(cases)
        assert all("reason" in event for event in world.logins()[before:])
        print(f"{mechanism}: {len(cases)} cut off, damaged and random tokens refused")
    world.refused("a token as long as they may be", "token", bytes(24 << 10))
    world.refused("a token over the limit", "too long", bytes((24 << 10) + 1))
    assert full_login(world, ana) == "OK", "and the next one is served"


def other_name_token(kdc):
    kdc.admin("addprinc", "-randkey", f"imap/old.{HOST}")
    return kdc.token(kdc.login("ana", "secret"), f"imap@old.{HOST}")


def negotiation_of_ntlm(token):
    def der(tag, *parts):
        body = b"".join(parts)
        return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x81, len(body)])) + body
    ntlm = bytes.fromhex("060a2b06010401823702020a")
    init = der(0x30, der(0xa0, der(0x30, ntlm)), der(0xa2, der(0x04, token)))
    return der(0x60, bytes.fromhex("06062b0601050502"), der(0xa0, init))


def settings(world):
    """Required channel bindings, another realm's rule, and a realm that is stripped: by reload."""
    mail, kdc = world.mail, world.kdc
    ana = kdc.login("ana", "secret")
    world.reload(channel_binding='"required"')
    event, answer = world.attempt(lambda: full_login(world, ana))
    assert answer != "OK" and "not bound" in event["reason"], (answer, event)
    assert full_login(world, ana, bindings=b"tls-server-end-point:" + world.end_point) == "OK"
    world.reload(channel_binding='"off"')
    assert full_login(world, ana, bindings=b"tls-server-end-point:" + bytes(32)) == "OK", "who does not look cannot refuse"
    world.reload(realms='["OTHER.TEST"]')
    event, answer = world.attempt(lambda: full_login(world, ana))
    assert answer != "OK" and "kerberos.realms" in event["reason"], (answer, event)
    for rule in ("EXAMPLE.TEST=", "EXAMPLE.TEST=example.test"):
        world.reload(realms=f'["OTHER.TEST", "{rule}"]')
        event, answer = world.attempt(lambda: full_login(world, ana))
        assert answer == "OK" and event["account"] == mail.address("ana"), (rule, answer, event)
    print("reload: channel_binding and realms")


def new_keys(world, keytab):
    """The KDC gets a new key: old tickets stay good, new ones are as soon as the keytab has it."""
    mail, kdc = world.mail, world.kdc
    before = kdc.login("ana", "secret", f"imap/{HOST}")
    fresh = kdc.folder / "fresh.keytab"
    fresh.write_bytes(keytab.read_bytes())
    kdc.admin("ktadd", "-k", str(fresh), f"imap/{HOST}")
    after = kdc.login("ana", "secret")
    event, answer = world.attempt(lambda: full_login(world, after))
    assert answer != "OK" and "kvno" in event["reason"], (answer, event)
    keytab.write_bytes(fresh.read_bytes())
    mail.run("reload")
    for environment in (before, after):
        assert full_login(world, environment) == "OK"
    for content, why in ((b"", "keytab"), (b"\x05\x02", "no keys"), (fresh.read_bytes()[:50], "cut off"),
                         ((kdc.folder / "web.keytab").read_bytes(), "no key of imap")):
        keytab.write_bytes(content)
        done = mail.run("reload", check=False)
        assert done.returncode == 1 and why in done.stdout + done.stderr, (why, done)
    assert full_login(world, after) == "OK", "the old settings stay"
    keytab.write_bytes(fresh.read_bytes())
    keytab.chmod(0o644)
    done = mail.run("reload", check=False)
    assert done.returncode == 1, "a keytab that others may read"
    print("reload: new keys; keytabs that are none are refused")


def main():
    with Kdc(REALM, HOST) as kdc:
        for name in ("ana", "ben", "cleo", "off", "ana/admin"):
            kdc.add(name, "secret")
        keytab = kdc.keytab(kdc.folder / "mail.keytab", *(f"{service}/{HOST}" for service in ("imap", "pop", "smtp")))
        kdc.keytab(kdc.folder / "web.keytab", f"HTTP/{HOST}")
        sys.path.insert(0, kdc.python_path)
        own = (f'kerberos.keytab_file = "{keytab}"\nkerberos.realms = ["{REALM}"]\nkerberos.channel_binding = "optional"\n')
        with Buzon(accounts=["ana", "ben", "off"], host=HOST) as mail:
            mail.run("account", "disable", mail.address("off"))
            text = mail.config.read_text()
            head, first, rest = text.partition("\n[[listener]]")
            listeners = "\n".join(f'mechanisms = {MECHANISMS!r}'.replace("'", '"') if line.startswith("mechanisms") else line for line in rest.split("\n"))
            mail.config.write_text(head + "\n" + own + first + listeners)
            mail.restart()
            world = World(mail, kdc)
            own_client(world)
            hostile_tokens(world)
            settings(world)
            new_keys(world, keytab)


if __name__ == "__main__":
    main()
