"""Mozilla's remote control of its own programs, as much as a test of Thunderbird needs: length:[type, id, name, parameters] both ways over TCP."""
import base64
import json
import os
import signal
import socket
import subprocess

from buzon import wait_until


class Thunderbird:
    """One process with a profile of its own below `folder`, without a display. `preferences`: what its user.js says.

        with Thunderbird(folder, {...}) as program: program.run("return 1 + arguments[0]", 2)
    """

    def __init__(self, folder, preferences):
        self.folder, self.profile = folder, folder / "profile"
        self.profile.mkdir(mode=0o700)
        (self.profile / "user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items()))
        self.number, self.process, self.stream = 0, None, None

    def __enter__(self):
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8", "TZ": "UTC", "MOZ_CRASHREPORTER_DISABLE": "1"}
        output = open(self.folder / "thunderbird.out", "ab")
        self.process = subprocess.Popen(["thunderbird", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote", "--profile",
                                         str(self.profile)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True)
        try:
            wait_until("Thunderbird's port", self.connect, 180)
            self.ask("WebDriver:NewSession", {})
            self.ask("Marionette:SetContext", {"value": "chrome"})
            self.ask("WebDriver:SetTimeouts", {"script": 900_000})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def connect(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Thunderbird ended with {self.process.returncode}: {self.output()}")
        try:
            port = int((self.profile / "MarionetteActivePort").read_text())
            self.stream = socket.create_connection(("127.0.0.1", port), 1000).makefile("rwb")
        except (OSError, ValueError):
            return False
        return self.receive()["marionetteProtocol"] == 3

    def output(self):
        return (self.folder / "thunderbird.out").read_text(errors="replace")[-3000:]

    def receive(self):
        length = b""
        while (octet := self.stream.read(1)) != b":":
            if not octet:
                raise AssertionError(f"Thunderbird closed its port: {self.output()}")
            length += octet
        return json.loads(self.stream.read(int(length)))

    def ask(self, name, parameters):
        self.number += 1
        data = json.dumps([0, self.number, name, parameters]).encode()
        self.stream.write(b"%d:%b" % (len(data), data))
        self.stream.flush()
        _, number, error, value = self.receive()
        assert number == self.number and not error, (name, error)
        return value

    def run(self, script, *arguments):
        """The value of a function body with the rights of the program itself; a promise is waited for."""
        return self.ask("WebDriver:ExecuteScript", {"script": script, "args": arguments, "sandbox": "system", "newSandbox": False})["value"]

    def screenshot(self):
        """PNG of the window."""
        return base64.b64decode(self.ask("WebDriver:TakeScreenshot", {"full": False, "hash": False})["value"])
