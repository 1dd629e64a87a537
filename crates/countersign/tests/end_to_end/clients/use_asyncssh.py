"""What programs do with asyncssh: port, user, a file with the password, known hosts, a folder of the server's."""
import asyncio
import os
import sys

import asyncssh

port, user, password, known, folder = sys.argv[1:]


async def main():
    async with asyncssh.connect(
        "127.0.0.1",
        int(port),
        username=user,
        password=open(password).read(),
        known_hosts=known,
        client_keys=None,
        agent_path=None,
        config=None,
    ) as connection:
        ran = await connection.run("cat; echo err >&2; exit 3", input="in")
        assert (ran.stdout, ran.stderr, ran.exit_status) == ("in", "err\n", 3)
        many = await asyncio.gather(*(connection.run(f"echo {n}") for n in range(24)))
        said = [(one.stdout, one.stderr, one.exit_status) for one in many]
        assert said == [(f"{n}\n", "", 0) for n in range(24)], said
        async with connection.start_sftp_client() as sftp:
            content = os.urandom(4_000_000)
            mine, there = os.path.join(os.path.dirname(known), "mine"), os.path.join(folder, "there")
            with open(mine, "wb") as file:
                file.write(content)
            await sftp.put(mine, there, block_size=8192, max_requests=256)
            await sftp.get(there, mine + "-2", block_size=8192, max_requests=256)
            assert open(mine + "-2", "rb").read() == content
            await asyncio.gather(*(sftp.copy(there, f"{there}-{n}") for n in range(8)))
            listed = sorted(name for name in await sftp.listdir(folder) if name[0] != ".")
            assert listed == ["there"] + [f"there-{n}" for n in range(8)], listed
            await asyncio.gather(*(sftp.remove(f"{there}-{n}") for n in range(8)))
            assert await sftp.getsize(there) == len(content)


asyncio.run(main())
print("done")
