"""buzon on two hosts: an inside with everything but the doors, and a gateway's host in front of it. Here both are on one machine, on addresses of
their own; tests/system/dmz.py puts them into network namespaces."""
import contextlib
import random
import socket

from buzon import PORTS, Buzon, free_port_base, hold_ports, wait_until

INNER = {"enroll": 7460, "auth": 7461, "mailstore": 7462, "mta": 7463, "egress": 7464}


def free_inner_base(address):
    """Added to 7460..7464, all of them free at `address`."""
    for _ in range(200):
        base = random.randrange(12000, 30000, 10)
        if not hold_ports(base + port for port in INNER.values()):
            continue
        with contextlib.ExitStack() as stack:
            try:
                for port in INNER.values():
                    s = stack.enter_context(socket.socket())
                    s.bind((address, base + port))
                return base
            except OSError:
                continue
    raise RuntimeError("no free ports")


def before_tables(config, text):
    config.write_text(text + "\n" + config.read_text())


class Inside(Buzon):
    """`more`: hosts with one IMAPS listener each, of their own port base; "" is the inside's own host."""

    def __init__(self, *arguments, address="127.0.0.2", node="dmz1", more=(), **options):
        super().__init__(*arguments, **options)
        self.address_inside, self.node = address, node
        self.inner_base = free_inner_base(address)
        self.bases = {node: self.base, **{name: free_port_base() for name in more}}

    def listener(self, node):
        return (f'\n[[listener]]\nname = "imaps-{node}"\nservice = "imap"\naddress = "127.0.0.1"\nport = {self.bases[node] + PORTS["imaps"]}\n'
                'tls = "implicit"\n')

    def inner_port(self, role):
        return self.inner_base + INNER[role]

    def inner_keys(self):
        return "\n".join(f"inner.{role}_port = {self.inner_port(role)}" for role in INNER)

    def run(self, *arguments, **options):
        done = super().run(*arguments, **options)
        if arguments[0] == "init":
            text = self.config.read_text().replace("[[listener]]\n", f"[[listener]]\nnode = \"{self.node}\"\n")
            text += "".join(self.listener(name) + (f'node = "{name}"\n' if name else "") for name in self.bases if name != self.node)
            self.config.write_text(text)
            before_tables(self.config, f'inner.listen = "{self.address_inside}"\n{self.inner_keys()}')
        return done

    def listening(self):
        with contextlib.suppress(OSError):
            socket.create_connection((self.address_inside, self.inner_port("auth")), 1).close()
            return True
        return False


class GatewayHost(Buzon):
    """Its clients log in with the accounts of `inside`."""

    def __init__(self, inside, name="dmz1", **options):
        super().__init__(inside.domain, accounts=(), host=inside.host, **options)
        self.inside, self.name, self.base = inside, name, inside.bases[name]
        self.passwords = inside.passwords

    def run(self, *arguments, **options):
        done = super().run(*arguments, **options)
        if arguments[0] == "init":
            if self.name != self.inside.node:
                self.config.write_text(self.config.read_text().split("[[listener]]")[0] + self.inside.listener(self.name))
            self.join()
        return done

    def listening(self):
        if self.name == self.inside.node:
            return super().listening()
        with contextlib.suppress(OSError):
            socket.create_connection((self.listen, self.port("imaps")), 1).close()
            return True
        return False

    def join(self):
        tls = self.state / "tls"
        request = super().run("node", "request", self.name, "--to", str(tls)).stdout
        (tls / "node.pem").write_text(self.inside.run("node", "add", self.name, input=request).stdout)
        (tls / "inner-ca.pem").write_text(self.inside.run("node", "ca").stdout)
        before_tables(self.config, f'inner.connect = "{self.inside.address_inside}"\ninner.ca_file = "tls/inner-ca.pem"\n'
                      f'inner.certificate_file = "tls/node.pem"\ninner.key_file = "tls/node-key.pem"\ngateway.workers = 2\n'
                      + self.inside.inner_keys())

    def linked(self):
        """Both workers are linked to all that runs inside."""
        wait_until("the gateway is linked", lambda: sum("peer_up" == e["event"] for e in self.events("gateway")) >= 6, 20)
        return self


assert set(PORTS) >= {"imaps", "pop3s", "submission", "smtp"}
