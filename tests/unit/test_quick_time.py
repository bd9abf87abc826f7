"""The leaping clock: time passes only where nothing else can happen."""

import asyncio
import os
import sys
import time
import tty

from fixtures.quick_time import run_quickly


def test_an_hour_of_sleep_takes_no_time_and_keeps_the_order() -> None:
    async def main() -> list[str]:
        order = []

        async def after(seconds: float, name: str) -> None:
            await asyncio.sleep(seconds)
            order.append(f"{name} at {asyncio.get_running_loop().time():g}")

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(after(3600, "late"))
            tasks.create_task(after(60, "early"))
        return order

    assert run_quickly(main()) == ["early at 60", "late at 3600"]


def test_work_in_a_thread_is_waited_for() -> None:
    async def main() -> str:
        async with asyncio.timeout(10):
            return await asyncio.to_thread(lambda: time.sleep(0.05) or "done")

    assert run_quickly(main()) == "done"


def test_a_child_that_works_is_waited_for() -> None:
    async def main() -> bytes:
        code = "sum(range(3_000_000)); print('done')"
        pipe = asyncio.subprocess.PIPE
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=pipe)
        async with asyncio.timeout(3600):
            output, _ = await child.communicate()
        return output

    assert run_quickly(main()) == b"done\n"


def test_a_socket_that_answers_is_waited_for() -> None:
    async def main() -> bytes:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await asyncio.sleep(0.5)
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello\n")
        async with asyncio.timeout(1):
            answer = await reader.read()
        writer.close()
        server.close()
        await server.wait_closed()
        return answer

    assert run_quickly(main()) == b"hello\n"


def test_what_nobody_answers_times_out_at_once() -> None:
    async def main() -> float:
        try:
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        except TimeoutError:
            return asyncio.get_running_loop().time()
        return 0.0

    assert run_quickly(main()) == 30.0


def test_no_time_passes_while_a_byte_crosses_a_pseudo_terminal() -> None:
    """The kernel hands bytes from one end to the other in a thread of its own, which epoll does not see coming."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        came: asyncio.Queue[bytes] = asyncio.Queue()
        for end in (ours, theirs):
            loop.add_reader(end, lambda end=end: came.put_nowait(os.read(end, 64)))
        for turn in range(300):
            os.write((ours, theirs)[turn % 2], b"x")
            async with asyncio.timeout(60):
                await came.get()
        for end in (ours, theirs):
            loop.remove_reader(end)
            os.close(end)
        return loop.time()

    assert run_quickly(main()) == 0
