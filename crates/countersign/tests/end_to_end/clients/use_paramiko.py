"""What programs do with paramiko: port, user, a file with the password, known hosts, a folder of the server's."""
import os
import sys

import paramiko

port, user, password, known, folder = sys.argv[1:]
client = paramiko.SSHClient()
client.load_host_keys(known)
client.set_missing_host_key_policy(paramiko.RejectPolicy())
client.connect(
    "127.0.0.1", int(port), user, open(password).read(), look_for_keys=False, allow_agent=False
)

given, out, err = client.exec_command("cat; echo err >&2; exit 3")
given.write("in")
given.channel.shutdown_write()
assert (out.read(), err.read(), out.channel.recv_exit_status()) == (b"in", b"err\n", 3)

shell = client.invoke_shell(term="xterm", width=100, height=40)
shell.send("stty size; echo said-$((6 * 7)); exit 5\n")
said = b""
while chunk := shell.recv(4096):
    said += chunk
assert b"40 100" in said and b"said-42" in said, said
assert shell.recv_exit_status() == 5

# More reads at once than anything in between has places for: paramiko asks for a whole file ahead.
content = os.urandom(60_000_000)
mine = os.path.join(os.path.dirname(known), "mine")
with open(mine, "wb") as file:
    file.write(content)
sftp = client.open_sftp()
there = os.path.join(folder, "there")
assert sftp.put(mine, there).st_size == len(content)
with sftp.open(there, "rb") as file:
    file.prefetch(len(content))
    assert file.read() == content
sftp.get(there, mine)
assert open(mine, "rb").read() == content
sftp.rename(there, there + "-2")
assert sftp.listdir(folder) == ["there-2"]
sftp.remove(there + "-2")
client.get_transport().renegotiate_keys()
assert client.exec_command("echo after")[1].read() == b"after\n"
client.close()
print("done")
