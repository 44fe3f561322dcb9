#!/usr/bin/env python3
"""Logs in once by NTLM with what the GSS-API's mechanism of gss-ntlmssp makes: PROTOCOL HOST PORT CA USER on the command line, the password on standard
input, the mechanism in GSS_MECH_CONFIG. Binds to the TLS connection. Exit status 0: in."""
import base64
import hashlib
import imaplib
import poplib
import smtplib
import ssl
import sys

import gssapi
from gssapi.raw import ChannelBindings, acquire_cred_with_password

NTLM = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
protocol, host, port, ca, user = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)


class Client:
    def __init__(self, certificate):
        bindings = ChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(certificate).digest())
        name = gssapi.Name(user, gssapi.NameType.user)
        acquired = acquire_cred_with_password(name, sys.stdin.readline().strip().encode(), mechs=[NTLM], usage="initiate")
        self.context = gssapi.SecurityContext(name=gssapi.Name(f"{protocol}@{host}", gssapi.NameType.hostbased_service), mech=NTLM, usage="initiate",
                                              creds=gssapi.Credentials(base=acquired.creds), channel_bindings=bindings,
                                              flags=[gssapi.RequirementFlag.mutual_authentication])

    def answer(self, challenge):
        return self.context.step(challenge or None) or b""


def pop3():
    client = poplib.POP3_SSL(host, int(port), context=context)
    gss = Client(client.sock.getpeercert(binary_form=True))
    line = client._shortcmd("AUTH NTLM")
    while line.startswith(b"+ "):
        line = client._shortcmd(base64.b64encode(gss.answer(base64.b64decode(line[2:]))).decode())
    client.quit()


def imap():
    client = imaplib.IMAP4_SSL(host, int(port), ssl_context=context)
    client.authenticate("NTLM", Client(client.sock.getpeercert(binary_form=True)).answer)
    client.logout()


def smtp():
    client = smtplib.SMTP_SSL(host, int(port), context=context)
    client.ehlo()
    gss = Client(client.sock.getpeercert(binary_form=True))
    code, words = client.docmd("AUTH", "NTLM")
    while code == 334:
        code, words = client.docmd(base64.b64encode(gss.answer(base64.b64decode(words))).decode())
    assert code == 235, (code, words)
    client.quit()


try:
    {"imap": imap, "pop3": pop3, "smtp": smtp}[protocol]()
except (imaplib.IMAP4.error, poplib.error_proto, AssertionError, gssapi.exceptions.GSSError) as refusal:
    print(refusal, file=sys.stderr)
    sys.exit(1)
