"""A real Chromium, driven through its DevTools protocol."""

import asyncio
import contextlib
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.harness.waiting import wait_until

NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "about:blank",
)


def chromium() -> str | None:
    """The program, or None where there is none here."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page. `problems` holds what it wrote to its console as an error, uncaught errors and
    violated policies; `requests` the URLs that it asked for."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.problems: list[str] = []
        self.requests: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._waiting.pop(told["id"]).set_result(told)
            else:
                self._note(told["method"], told["params"])

    def _note(self, method: str, parameters: Any) -> None:
        if method == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(f"{parameters['entry']['text']} {parameters['entry'].get('url')}")
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.problems.append(json.dumps(parameters["args"]))
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    async def send(self, method: str, **parameters: Any) -> Any:
        """The result of a command of the protocol."""
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(30):
            told = await answer
        assert "error" not in told, (method, told)
        return told["result"]

    async def open(self, url: str) -> None:
        """Goes to a page; what it loads goes on."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.send(f"{domain}.enable")
        await self.send("Page.navigate", url=url)

    async def value(self, expression: str) -> Any:
        """What an expression is in the page, awaited where it is a promise."""
        told = await self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def until(self, expression: str, seconds: float = 20.0) -> Any:
        """The first truthy value of an expression; True for a node."""
        plain = f"(() => {{ const it = {expression}; return it instanceof Node || it; }})()"
        return await wait_until(lambda: self.value(plain), seconds, every=0.05)

    async def type(self, text: str) -> None:
        """Types into what has the focus."""
        await self.send("Input.insertText", text=text)

    async def press(self, key: str, code: int = 0) -> None:
        """Presses and lets go of a key, such as `Enter`."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}
        await self.send("Input.dispatchKeyEvent", type="keyDown", **event)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **event)

    async def sized(self, width: int, height: int) -> None:
        """Makes the page as wide and high as a screen of so many pixels."""
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    async def close(self) -> None:
        """Stops listening."""
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader
        await self._socket.close()


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Tab]:
    """An empty page in a browser of its own, which ends with the context."""
    program = chromium()
    assert program is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--user-data-dir={folder}",
            *_FLAGS,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            port = await wait_until(lambda: _port(Path(folder)), 30)
            async with aiohttp.ClientSession() as session:
                tab = await _tab(session, port)
                yield tab
                await tab.close()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _port(folder: Path) -> int | None:
    try:
        return int((folder / "DevToolsActivePort").read_text().split()[0])
    except (FileNotFoundError, IndexError):
        return None


async def _tab(session: aiohttp.ClientSession, port: int) -> Tab:
    async def target() -> str | None:
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [one for one in await answer.json() if one["type"] == "page"]
        return pages[0]["webSocketDebuggerUrl"] if pages else None

    url = await wait_until(target)
    return Tab(await session.ws_connect(url, max_msg_size=0))
