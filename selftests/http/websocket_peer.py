# SPDX-License-Identifier: Apache-2.0
"""A WebSocket server and client of Debian's python3-websockets; test_peers.py runs it by
/usr/bin/python3. Debian 12 has version 10, Debian 13 version 15, which has another API.

serve: prints its port, sends back each message, and says what path it was asked for in the first.
talk URL ROOTS: exchanges messages of many sizes, a ping and a close; prints what it found as JSON.
"""

import asyncio
import json
import ssl
import sys
import urllib.parse

import websockets

SIZES = (0, 1, 125, 126, 65535, 65536, 1 << 20)


async def serve():
    async def echo(peer):
        await peer.send(peer.request.path if hasattr(peer, "request") else peer.path)
        async for message in peer:
            await peer.send(message)
        # The client closes; a code and a reason of its own come back as they are.

    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None,
                                subprotocols=["echo"]) as server:
        print(list(server.sockets)[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def talk(url, roots):
    secure = {}
    if url.startswith("wss:"):
        secure = {"ssl": ssl.create_default_context(cafile=roots),
                  "server_hostname": urllib.parse.urlsplit(url).hostname}
    found = {}
    async with websockets.connect(url, host="127.0.0.1", max_size=None, subprotocols=["echo"],
                                  **secure) as peer:
        found["path"] = await peer.recv()
        found["subprotocol"] = peer.subprotocol
        extensions = peer.protocol.extensions if hasattr(peer, "protocol") else peer.extensions
        found["extensions"] = [extension.name for extension in extensions]
        for size in SIZES:
            message = bytes(i * 7 & 255 for i in range(size))
            await peer.send(message)
            if await peer.recv() != message:
                raise SystemExit(f"a message of {size} bytes came back changed")
        await peer.send("\N{SNOWMAN}" * 1000)
        found["text"] = (await peer.recv()) == "\N{SNOWMAN}" * 1000
        await (await peer.ping(b"are you there"))
        await peer.close(4321, "that was all")
        found["close"] = [peer.close_code, peer.close_reason]
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(serve() if sys.argv[1] == "serve" else talk(*sys.argv[2:]))
