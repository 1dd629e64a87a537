"""A client that does what it should not, made of paramiko: port, user, a file with the password, known hosts, what to do."""
import socket
import sys
import threading
import time

import paramiko
from paramiko.common import cMSG_CHANNEL_DATA, cMSG_CHANNEL_OPEN, cMSG_CHANNEL_REQUEST, cMSG_GLOBAL_REQUEST

port, user, password, _, what, argument = sys.argv[1:]
# Nothing more is taken once so many tries to send, of a tenth of a second each, came to nothing.
TRIES = 20
# So much is sent at most, in packets.
MOST = 8_000


class Sock:
    """A socket from which nothing more is read once it is deaf, and which says when nothing more is taken."""

    def __init__(self):
        self.inner = socket.create_connection(("127.0.0.1", int(port)))
        self.deaf = False
        self.full = threading.Event()
        self.tries = 0

    def recv(self, most):
        if self.deaf:
            threading.Event().wait()
        return self.inner.recv(most)

    def send(self, data):
        try:
            sent = self.inner.send(data)
        except TimeoutError:
            self.tries += 1
            if self.tries == TRIES:
                self.full.set()
            raise
        self.tries = 0
        return sent

    def __getattr__(self, name):
        return getattr(self.inner, name)


def message(kind, *fields):
    made = paramiko.Message()
    made.add_byte(kind)
    for field in fields:
        made.add(field)
    return made


sock = Sock()
transport = paramiko.Transport(sock)
transport.daemon = True


def before_signing_in():
    """Opens, asks and sends before anybody signed in, and once more under new keys; says what was answered."""
    answered = []
    for kind in (81, 82, 91, 92, 98, 99, 100):
        paramiko.Transport._handler_table[kind] = lambda _, said, kind=kind: answered.append(kind)
    transport.start_client()
    for again in (True, False):
        transport._send_message(message(cMSG_GLOBAL_REQUEST, "tcpip-forward", True, "127.0.0.1", 0))
        transport._send_message(message(cMSG_CHANNEL_OPEN, "session", 0, 1 << 20, 1 << 15))
        transport._send_message(message(cMSG_CHANNEL_REQUEST, 0, "exec", True, f"touch {argument}"))
        transport._send_message(message(cMSG_CHANNEL_DATA, 0, "touch it\n"))
        if again:
            transport.renegotiate_keys()
    for kind in (81, 82, 98, 99, 100):
        del paramiko.Transport._handler_table[kind]
    paramiko.Transport._handler_table[91] = paramiko.Transport._parse_channel_open_success
    paramiko.Transport._handler_table[92] = paramiko.Transport._parse_channel_open_failure
    return answered


def signed_in():
    if not transport.is_active():
        transport.start_client()
    transport.auth_password(user, open(password).read())
    return transport.open_session()


def goes_on(step):
    """Does a step again and again until it is sent away."""
    try:
        while transport.is_active():
            step()
    except (OSError, EOFError, paramiko.SSHException):
        pass


if what == "early":
    print("answered", before_signing_in(), flush=True)
    channel = signed_in()
    channel.exec_command("echo ran")
    print(channel.recv(100).decode().strip(), flush=True)
elif what == "overflow":
    channel = signed_in()
    channel.exec_command(f"echo begun; sleep {argument}")
    print(channel.recv(100).decode().strip(), flush=True)
    data, sent = "x" * 32_000, [0]

    def more():
        transport._send_message(message(cMSG_CHANNEL_DATA, channel.remote_chanid, data))
        sent[0] += 1
        if sent[0] == MOST:
            sock.full.set()

    threading.Thread(target=goes_on, args=(more,), daemon=True).start()
    sock.full.wait()
    print("taken", sent[0] * len(data), flush=True)
    transport.join()
elif what in ("takes-nothing", "reads-nothing"):
    channel = signed_in()
    channel.get_pty()
    channel.invoke_shell()
    channel.send(f"sleep {argument} & yes\n")
    if what == "reads-nothing":
        sock.deaf = True
    print("types", flush=True)

    def key():
        channel.send("k")
        time.sleep(0.01)

    goes_on(key)
print("over", flush=True)
