"""Every call of the official Python SDK against a running posthorn, with its client that waits and its client that
does not (contract C21). Arguments: the URL and the token."""

import asyncio
import contextlib
import inspect
import io
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from qstash import AsyncQStash, QStash, Receiver
from qstash.errors import QStashError, SignatureError

received = []


class Destination(BaseHTTPRequestHandler):
    """Remembers what it gets; answers with the status in the path."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        received.append((self.path, self.headers, body))
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"text")

    do_PUT = do_POST

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Destination)
threading.Thread(target=server.serve_forever, daemon=True).start()
origin = f"http://127.0.0.1:{server.server_port}"


async def of(value):
    """The value of a call of either client."""
    return await value if inspect.isawaitable(value) else value


async def eventually(attempt, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        value = await of(attempt())
        if value:
            return value
        assert time.monotonic() < deadline, f"{inspect.getsource(attempt).strip()} did not come true"
        await asyncio.sleep(0.05)


async def refused(kind, call):
    try:
        await of(call())
    except kind as error:
        return str(error)
    raise AssertionError(f"{inspect.getsource(call).strip()} was not refused")


def arrived(path):
    return eventually(lambda: [each for each in received if each[0] == path])


async def messages(client, name):
    url = f"{origin}/200/{name}"
    told = await of(
        client.message.publish(
            url=url, body="text", content_type="text/plain", headers={"My-Header": "m"}, method="PUT", label=name,
            callback_headers={"Forward-X": "1"}, failure_callback_headers={"Forward-Y": "2"}, retries=2,
            retry_delay="1000 * (1 + retried)", callback=f"{url}/cb", failure_callback=f"{url}/fail", delay="1h",
            timeout=30, flow_control={"key": name, "parallelism": 3, "rate": 4, "period": "2s"},
        )
    )
    assert told.message_id and told.deduplicated is False
    message = await of(client.message.get(told.message_id))
    assert (message.url, message.body, message.method, message.max_retries) == (url, "text", "PUT", 2)
    assert message.headers["My-Header"] == ["m"] and message.headers["Content-Type"] == ["text/plain"]
    assert message.callback_headers == {"X": ["1"]} and message.failure_callback_headers == {"Y": ["2"]}
    assert message.callback == f"{url}/cb" and message.failure_callback == f"{url}/fail"
    assert message.retry_delay_expression == "1000 * (1 + retried)" and message.label == name
    assert message.flow_control.rate == 4 and message.flow_control.period == 2 and message.caller_ip
    assert message.not_before - message.created_at == 3_600_000

    twice = [await of(client.message.publish_json(url=url, body={"n": 1}, delay=3600, deduplication_id=name)) for _ in "12"]
    assert twice[0].message_id == twice[1].message_id and twice[1].deduplicated
    await of(client.message.publish_json(url=url, body={"n": 2}, delay=3600, content_based_deduplication=True))
    later = int(time.time()) + 3600
    hidden = await of(client.message.publish(url=url, body="s", not_before=later, redact={"body": True, "header": ["A"]}))
    assert (await of(client.message.get(hidden.message_id))).body.startswith("REDACTED:")

    await of(client.message.cancel(told.message_id))
    assert "404" in await refused(QStashError, lambda: client.message.get(told.message_id))
    assert await of(client.message.cancel_many([told.message_id, twice[0].message_id])) == 1
    assert await of(client.message.cancel_all()) >= 2


async def batches(client, name):
    url = f"{origin}/200/{name}"
    replies = await of(
        client.message.batch([{"url": url, "body": "a", "content_type": "text/plain"}, {"url": url, "queue": name, "body": "b"}])
    )
    assert len(replies) == 2 and all(each.message_id for each in replies)
    assert await of(client.message.batch_json([{"url": url, "body": {"n": 1}}, {"url": url, "retries": 0}]))
    await eventually(lambda: {"a", "b", '{"n": 1}'} <= {body for path, _, body in received if path == f"/200/{name}"})


async def queues(client, name):
    url = f"{origin}/200/{name}"
    await of(client.queue.upsert(name, parallelism=2, paused=True))
    assert (await of(client.message.enqueue(queue=name, url=url, body="1", content_type="text/plain"))).message_id
    assert (await of(client.message.enqueue_json(queue=name, url=url, body={"n": 2}))).message_id
    queue = await of(client.queue.get(name))
    assert (queue.name, queue.parallelism, queue.lag, queue.paused) == (name, 2, 2, True)
    assert name in [each.name for each in await of(client.queue.list())]
    await of(client.queue.resume(name))
    await eventually(lambda: len([each for each in received if each[0] == f"/200/{name}"]) == 2)
    await of(client.queue.pause(name))
    await of(client.queue.delete(name))
    assert "404" in await refused(QStashError, lambda: client.queue.get(name))


async def schedules(client, name):
    url = f"{origin}/200/{name}"
    made = await of(
        client.schedule.create(
            destination=url, cron="*/10 * * * *", body="text", content_type="text/plain", headers={"A": "1"},
            method="PUT", retries=2, retry_delay="1000", callback=f"{url}/cb", failure_callback=f"{url}/fail", delay="10s",
            timeout="30s", schedule_id=name, queue=name, flow_control={"key": name, "rate": 4}, label=name,
        )
    )
    assert made == name
    schedule = await of(client.schedule.get(name))
    assert (schedule.destination, schedule.cron, schedule.body, schedule.retries) == (url, "*/10 * * * *", "text", 2)
    assert (schedule.delay, schedule.timeout, schedule.queue, schedule.label) == (10, 30, name, name)
    assert schedule.method == "PUT" and schedule.flow_control.rate == 4 and schedule.caller_ip
    other = await of(client.schedule.create_json(destination=url, cron="0 0 1 1 *", body={"n": 1}))
    assert {name, other} <= {each.schedule_id for each in await of(client.schedule.list())}
    await of(client.schedule.pause(name))
    assert (await of(client.schedule.get(name))).paused is True
    await of(client.schedule.resume(name))
    assert (await of(client.schedule.get(name))).paused is False
    for schedule_id in [name, other]:
        await of(client.schedule.delete(schedule_id))
    assert "404" in await refused(QStashError, lambda: client.schedule.get(name))


async def url_groups(client, name):
    urls = [f"{origin}/200/{name}/{index}" for index in "12"]
    await of(client.url_group.upsert_endpoints(name, [{"url": urls[0], "name": "one"}, {"url": urls[1]}]))
    group = await of(client.url_group.get(name))
    assert [(each.url, each.name) for each in group.endpoints] == [(urls[0], "one"), (urls[1], None)]
    told = await of(client.message.publish_json(url_group=name, body={"n": 1}))
    assert [each.url for each in told] == urls and all(each.message_id for each in told)
    await of(client.url_group.remove_endpoints(name, [{"name": "one"}]))
    assert name in [each.name for each in await of(client.url_group.list())]
    await of(client.url_group.delete(name))
    await of(client.url_group.delete(name))
    assert "404" in await refused(QStashError, lambda: client.url_group.get(name))


async def dead_letters(client, name):
    url = f"{origin}/404/{name}"
    for body in "123":
        await of(client.message.publish(url=url, body=body, retries=0, label=name))

    async def three():
        page = await of(client.dlq.list(filter={"label": name, "response_status": 404}, count=100))
        return page.messages if len(page.messages) == 3 else None

    entries = await eventually(three)
    assert entries[0].response_status == 404 and entries[0].response_body == "text"
    assert sorted(each.body for each in entries) == ["1", "2", "3"]
    page = await of(client.dlq.list(filter={"label": name}, count=2))
    rest = await of(client.dlq.list(filter={"label": name}, count=2, cursor=page.cursor))
    assert [each.dlq_id for each in page.messages + rest.messages] == [each.dlq_id for each in entries]
    first, *others = [each.dlq_id for each in entries]
    assert (await of(client.dlq.get(first))).dlq_id == first
    await of(client.dlq.delete(first))
    assert "404" in await refused(QStashError, lambda: client.dlq.delete(first))
    assert await of(client.dlq.delete_many([first, *others])) == 2


async def logs(client, name):
    url = f"{origin}/500/{name}"
    told = await of(client.message.publish(url=url, body="text", retries=0, label=name, retry_delay="1000"))

    async def ended():
        page = await of(client.log.list(filter={"message_id": told.message_id}))
        return page.logs if len(page.logs) == 4 else None

    entries = await eventually(ended)
    assert [each.state.value for each in entries] == ["FAILED", "ERROR", "ACTIVE", "CREATED"]
    assert entries[1].response_status == 500 and entries[1].response_body == "dGV4dA==" and entries[1].response_headers
    assert entries[3].body_base64 == "dGV4dA==" and entries[3].retry_delay_expression == "1000" and entries[3].label == name
    filtered = await eventually(lambda: of_label(client, name, url))
    again = await of(client.log.list(filter={"label": name}, count=1, cursor=filtered.cursor))
    assert again.logs[0].state.value == "ERROR"


async def of_label(client, name, url):
    page = await of(client.log.list(filter={"label": name, "url": url, "from_time": 1}, count=1))
    return page if page.logs and page.logs[0].state.value == "FAILED" else None


async def flow_control(client, name):
    url = f"{origin}/200/{name}"
    await of(client.message.publish(url=url, delay="1h", flow_control={"key": name, "parallelism": 3}))
    assert (await of(client.flow_control.get(name))).parallelism_max == 3
    await of(client.flow_control.pin(name, {"parallelism": 7, "rate": 20, "period": 120}))
    pinned = await of(client.flow_control.get(name))
    assert (pinned.parallelism_max, pinned.rate_max, pinned.rate_period, pinned.is_pinned_rate) == (7, 20, 120, True)
    await of(client.flow_control.unpin(name, {"parallelism": True, "rate": True}))
    await of(client.flow_control.pause(name))
    assert (await of(client.flow_control.get(name))).is_paused is True
    await of(client.flow_control.resume(name))
    await of(client.flow_control.reset_rate(name))
    assert (await of(client.flow_control.get_global_parallelism())).parallelism_count >= 0


async def signatures(client, name):
    keys = await of(client.signing_key.get())
    receiver = Receiver(keys.current, keys.next)
    url = f"{origin}/200/{name}"
    await of(client.message.publish_json(url=url, body={"ü": 1}))
    [(_, headers, body)] = await arrived(f"/200/{name}")
    receiver.verify(signature=headers["Upstash-Signature"], body=body, url=url)
    await refused(SignatureError, lambda: receiver.verify(signature=headers["Upstash-Signature"], body="other"))
    rotated = await of(client.signing_key.rotate())
    assert rotated.current == keys.next


async def refusals(client, name):
    assert "Upstash-Retry-Delay" in await refused(QStashError, lambda: client.message.publish(url=origin, retry_delay="foo"))
    assert "invalid scheme" in await refused(QStashError, lambda: client.message.publish(url="ftp://a"))
    assert "401" in await refused(QStashError, lambda: QStash("wrong", base_url=sys.argv[1]).queue.list())


async def main():
    stories = [messages, batches, queues, schedules, url_groups, dead_letters, logs, flow_control, signatures, refusals]
    failed = 0
    for kind in [QStash, AsyncQStash]:
        client = kind(sys.argv[2], base_url=sys.argv[1])
        for story in stories:
            name = f"{kind.__name__}-{story.__name__}"
            try:
                # This version of the SDK prints what it gets from `log.list`.
                with contextlib.redirect_stdout(io.StringIO()):
                    await story(client, name)
                print(f"ok     Python {name}")
            except Exception as error:
                failed += 1
                print(f"FAILED Python {name}")
                traceback.print_exception(error)
    sys.exit(1 if failed else 0)


asyncio.run(main())
