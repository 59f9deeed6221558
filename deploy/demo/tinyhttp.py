# SPDX-License-Identifier: Apache-2.0
"""Just enough HTTP/1.1 over asyncio for the demo's app and its load generator."""
import asyncio

HEAD_MAX = 16384


async def read_message(reader):
    """-> (first line, headers in lower case, body); raises on a broken or closed connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", 0))
    return first, headers, await reader.readexactly(length) if length else b""


async def serve(port, answer):
    """answer(method, path, body) -> (status, headers, body), awaited; runs until cancelled."""

    async def client(reader, writer):
        try:
            while True:
                first, headers, body = await read_message(reader)
                method, path, _ = first.split(" ", 2)
                status, extra, out = await answer(method, path, body)
                lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(out)}"]
                lines += [f"{name}: {value}" for name, value in extra.items()]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + out)
                await writer.drain()
                if headers.get("connection", "").lower() == "close":
                    break
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", port, limit=HEAD_MAX, backlog=256)
    async with server:
        await server.serve_forever()


class Client:
    """Keep-alive connections to one port, used one request at a time each."""

    def __init__(self, port):
        self.port = port
        self.idle = []

    async def get(self, path, seconds):
        """-> (status, headers, body); raises OSError, EOFError or TimeoutError when there is no answer."""
        return await asyncio.wait_for(self._get(path), seconds)

    async def _get(self, path):
        reader = None
        while self.idle and (reader is None or reader.at_eof()):
            reader, writer = self.idle.pop()
        if reader is None or reader.at_eof():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=HEAD_MAX)
        whole = False
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
            first, headers, body = await read_message(reader)
            whole = headers.get("connection", "").lower() != "close"
            return int(first.split(" ")[1]), headers, body
        finally:
            if whole:
                self.idle.append((reader, writer))
            else:
                writer.close()
