"""Hosts as network namespaces (iproute2): outside, an outer firewall, a gateway's host, an inner firewall, inside. Needs root."""
import ctypes
import os
import pathlib
import subprocess
import threading

PREFIX = f"bz{os.getpid()}"
CLONE_NEWNET = 0x40000000
# link: (host, address), (host, address); each a network of its own
LINKS = [(("out", "198.51.100.2"), ("fwo", "198.51.100.1")), (("fwo", "203.0.113.1"), ("dmz", "203.0.113.10")),
         (("dmz", "172.16.0.10"), ("fwi", "172.16.0.1")), (("fwi", "10.0.0.1"), ("in", "10.0.0.2")), (("fwi", "192.0.2.2"), ("fwo", "192.0.2.1"))]
ROUTES = {"out": ["default via 198.51.100.1"], "dmz": ["default via 203.0.113.1", "10.0.0.0/24 via 172.16.0.1"], "in": ["default via 10.0.0.1"],
          "fwi": ["default via 192.0.2.1"], "fwo": ["10.0.0.0/24 via 192.0.2.2"]}
HOSTS = list(ROUTES)
OUTSIDE, GATEWAY, GATEWAY_INNER, INSIDE = "198.51.100.2", "203.0.113.10", "172.16.0.10", "10.0.0.2"


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


def of(host):
    """The words before a command that runs there."""
    return ["ip", "netns", "exec", f"{PREFIX}{host}"]


class Hosts:
    """Raises OSError or CalledProcessError where the kernel gives no namespaces."""

    def __enter__(self):
        try:
            for host in HOSTS:
                run("ip", "netns", "add", PREFIX + host)
                run(*of(host), "ip", "link", "set", "lo", "up")
            for number, ends in enumerate(LINKS):
                names = [f"{PREFIX}v{number}{side}" for side in "ab"]
                run("ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1])
                for name, (host, address) in zip(names, ends):
                    run("ip", "link", "set", name, "netns", PREFIX + host)
                    run(*of(host), "ip", "addr", "add", address + "/24", "dev", name)
                    run(*of(host), "ip", "link", "set", name, "up")
            for host, routes in ROUTES.items():
                for route in routes:
                    run(*of(host), "ip", "route", "add", *route.split())
            for host in ("fwo", "fwi"):
                run(*of(host), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", PREFIX + host], capture_output=True)

    def rules(self, host, text):
        run(*of(host), "nft", "-f", "-", input="flush ruleset\n" + text)


def at(host, function):
    """What `function` returns or raises, called in a thread that is on that host; sockets it makes stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    box = {}

    def body():
        try:
            with open(pathlib.Path("/run/netns") / (PREFIX + host)) as place:
                if libc.setns(place.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            box["value"] = function()
        except BaseException as error:   # handed to the caller
            box["error"] = error
    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in box:
        raise box["error"]
    return box["value"]
