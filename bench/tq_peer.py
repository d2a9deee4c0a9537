"""The peer of the China futures submitter: raw aio-pika, raw tqsdk, one durable insert, and nothing else.

It takes a message, writes it to a table, hands the order to the TqApi, waits for the exchange id, and acknowledges; so
many messages at a time as it is told.
"""

import asyncio
import json
import sys
import threading
from typing import Any

import aio_pika
import psycopg
import tqsdk  # pyright: ignore[reportMissingTypeStubs]

NAMES = ("symbol", "direction", "offset", "volume", "limit_price")


class Owner:
    """A TqApi in a thread of its own."""

    loop: asyncio.AbstractEventLoop
    commands: asyncio.Queue[Any]

    def __init__(self) -> None:
        self.ready = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()
        self.ready.wait()

    def _run(self) -> None:
        library: Any = tqsdk
        api = library.TqApi(library.TqKq(), auth=library.TqAuth("peer", "sandbox"), debug=False, disable_print=True)
        api.get_quote(sys.argv[3])
        loop, open_orders = api._loop, list[Any]()

        async def serve() -> None:
            self.loop, self.commands = loop, asyncio.Queue[Any]()
            self.ready.set()
            while True:
                order, done = await self.commands.get()
                shown = api.insert_order(*(order[name] for name in NAMES), order_id=order["order_id"])
                open_orders.append((shown, done))

        api.create_task(serve())
        while True:
            api.wait_update()
            for shown, done in list(open_orders):
                if shown.exchange_order_id or shown.status == "FINISHED":
                    open_orders.remove((shown, done))
                    done()


async def main() -> None:
    """Serve until standard input ends."""
    rabbitmq, database, _, queue_name, at_once = sys.argv[1:]
    owner, loop = Owner(), asyncio.get_running_loop()
    connection = await aio_pika.connect(rabbitmq)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=int(at_once))
    queue = await channel.declare_queue(queue_name, durable=True)
    table = await psycopg.AsyncConnection.connect(database, autocommit=True)
    await table.execute("CREATE TABLE IF NOT EXISTS peer_orders (id VARCHAR PRIMARY KEY, body JSONB)")

    async def take(message: Any) -> None:
        order = json.loads(message.body)["payload"]
        await table.execute("INSERT INTO peer_orders VALUES (%s, %s)", (order["order_id"], message.body.decode()))
        answered = loop.create_future()
        done = lambda: loop.call_soon_threadsafe(answered.set_result, None)  # noqa: E731
        owner.loop.call_soon_threadsafe(owner.commands.put_nowait, (order, done))
        await answered
        await message.ack()

    await queue.consume(take)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
