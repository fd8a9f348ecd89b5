"""HTTP/1.1 by hand over asyncio: cheap, and free to leave at any byte, as real clients do."""

import asyncio
import json
import socket


class Gone(Exception):
    """The server closed the connection before its answer was whole."""


class Connection:
    """One connection, for one request after another."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.buffer = reader, writer, b""

    @classmethod
    async def open(cls, port, window=None):
        """`window` bytes at most lie unread on this side, so that the server feels a slow reader."""
        if window is None:
            return cls(*await asyncio.open_connection("127.0.0.1", port))
        plug = socket.socket()
        plug.setblocking(False)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", port))
        return cls(*await asyncio.open_connection(sock=plug, limit=window))

    key = None

    async def send(self, method, path, body=None, share=1.0):
        """`share` below 1 stops in the middle of the body, which is an object or the text of one."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        bearer = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{bearer}"
            f"Content-Length: {len(data)}\r\n\r\n")
        self.writer.write(head.encode() + data[: int(share * len(data))])
        await self.writer.drain()

    async def head(self):
        """Status, and headers by their names in small letters."""
        lines = (await self.until(b"\r\n\r\n")).decode().split("\r\n")
        self.headers = {
            name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:] if ":" in line)}
        return int(lines[0].split()[1]), self.headers

    async def body(self):
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self):
        """The body as it comes."""
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            yield await self.exactly(int(self.headers.get("content-length", 0)))
            return
        while size := int((await self.until(b"\r\n")).split(b";")[0], 16):
            yield await self.exactly(size)
            await self.exactly(2)
        await self.until(b"\r\n")

    async def events(self):
        """The `data:` lines of server-sent events."""
        text = b""
        async for piece in self.pieces():
            *whole, text = (text + piece).split(b"\n\n")
            for event in whole:
                yield event.removeprefix(b"data: ")

    async def until(self, mark):
        while mark not in self.buffer:
            await self.more()
        found, self.buffer = self.buffer.split(mark, 1)
        return found

    async def exactly(self, count):
        while len(self.buffer) < count:
            await self.more()
        found, self.buffer = self.buffer[:count], self.buffer[count:]
        return found

    pause = 0.0
    step = 1 << 16

    async def more(self):
        if self.pause:
            await asyncio.sleep(self.pause)
        data = await self.reader.read(self.step)
        if not data:
            raise Gone()
        self.buffer += data

    def leave(self):
        """Goes without a word."""
        self.writer.transport.abort()

    def close(self):
        self.writer.close()

    async def ask(self, method, path, body=None):
        await self.send(method, path, body)
        status, _ = await self.head()
        return status, (await self.body()).decode()
