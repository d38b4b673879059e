"""A real house, of the binary that PORTHOUSE names."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

BINARY = os.environ.get("PORTHOUSE", "")


async def until(what, holds, most=30.0):
    """Waits until holds() does; what is it that does not come?"""
    start = time.monotonic()
    while True:
        value = holds()
        value = await value if asyncio.iscoroutine(value) else value
        if value:
            return value
        if time.monotonic() - start > most:
            raise AssertionError(f"{what}: not in {most} s")
        await asyncio.sleep(0.05)


class RunningHouse:
    def __init__(self, *flags):
        self.folder, self.flags, self.listen = tempfile.mkdtemp(prefix="porthouse-py-"), flags, "127.0.0.1:0"
        self.said = tempfile.TemporaryFile()

    async def up(self):
        """Starts it, or one that follows a house that ended or lost its supervisor."""
        command = [BINARY, "up", "--listen", self.listen, "--admin", "off", "--data", self.folder, *self.flags]
        self.process = subprocess.Popen(command, stdout=self.said, stderr=self.said, start_new_session=True)

        async def stands():
            if self.process.poll() is not None:
                self.said.seek(0)
                raise AssertionError(f"the house ended with {self.process.returncode}: {self.said.read().decode()}")
            try:
                status = await self.status()
            except AssertionError:
                return False
            if status["state"] != "up" or not all(p.get("pid") for p in status["puddles"]):
                return False
            self.listen = status["listen"][0]
            return True

        await until("the house is up", stands)
        self.address = f"ws://{self.listen}"

    async def do(self, *args):
        process = await asyncio.create_subprocess_exec(
            BINARY, *args, "--data", self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, errors = await process.communicate()
        assert process.returncode == 0, f"porthouse {' '.join(args)}: {errors.decode()}"
        return out.decode().strip()

    async def status(self):
        return json.loads(await self.do("status", "--json"))

    async def token(self, client):
        return json.loads(await self.do("token", "add", client, "--json"))["token"]

    async def kill_puddle(self, slot):
        async def pid():
            return (await self.status())["puddles"][slot].get("pid")

        before = await pid()
        os.kill(before, signal.SIGKILL)

        async def another():
            now = await pid()
            return now and now != before

        await until("another puddle", another)

    async def kill_supervisor(self):
        """Ends the supervisor at once, and nothing else."""
        self.process.kill()
        await until("it is dead", lambda: self.process.poll() is not None)

    async def stop(self):
        await self.do("stop")
        await until("it is down", lambda: self.process.poll() is not None)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(20)
        self.said.close()
        shutil.rmtree(self.folder, ignore_errors=True)
