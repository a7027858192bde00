"""Workflows with the official Python package, unchanged, against the running system. Arguments: URL of the API, token."""

import json
import socket
import sys
import threading
import time
import urllib.request

import uvicorn
from fastapi import FastAPI
from qstash import AsyncQStash, Receiver
from upstash_workflow import AsyncWorkflowContext
from upstash_workflow.fastapi import Serve

api, token = sys.argv[1:3]


def request(method, path, body=None, headers=None):
    """A request with the token; gives its JSON."""
    wanted = urllib.request.Request(
        api + path,
        method=method,
        data=body,
        headers={"Authorization": f"Bearer {token}", **(headers or {})},
    )
    with urllib.request.urlopen(wanted) as response:
        text = response.read()
    return json.loads(text) if text else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


port = free_port()
base = f"http://127.0.0.1:{port}"
keys = request("GET", "/v2/keys")
receiver = Receiver(current_signing_key=keys["current"], next_signing_key=keys["next"])
app = FastAPI()
serve = Serve(app)
seen = {}
options = {"qstash_client": AsyncQStash(token, base_url=api), "receiver": receiver}


@app.get("/answer")
async def answer():
    return {"answer": "& <ü>"}


@serve.post("/steps", **options)
async def steps(context: AsyncWorkflowContext[dict]) -> None:
    async def first():
        return f"one of {context.request_payload['name']}"

    one = await context.run("one", first)
    await context.sleep("pause", 1)
    response = await context.call("ask", url=f"{base}/answer", method="GET")

    async def last():
        seen["steps"] = [one, response.status, response.body, context.headers.get("x-user")]

    await context.run("last", last)


async def failed(context, status, response, headers):
    seen["failed"] = [status, response, context.request_payload]


@serve.post("/fails", retries=0, failure_function=failed, **options)
async def fails(context: AsyncWorkflowContext[dict]) -> None:
    async def first():
        return 1

    async def broken():
        raise RuntimeError("broken & <ü>")

    await context.run("one", first)
    await context.run("two", broken)


def wait_for(what, condition):
    deadline = time.time() + 30
    while not condition():
        if time.time() > deadline:
            raise SystemExit(f"FAILED  {what}")
        time.sleep(0.05)
    print(f"ok      {what}")


server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error"))
threading.Thread(target=server.run, daemon=True).start()
wait_for("the application starts", lambda: server.started)


def start(path, payload):
    """Begins a run by a plain message to the workflow."""
    body = json.dumps(payload).encode()
    headers = {"Content-Type": "application/json", "Upstash-Forward-X-User": "u"}
    request("POST", f"/v2/publish/{base}{path}", body, headers)


def states(path):
    runs = request("GET", f"/v2/workflows/logs?workflowUrl={base}{path}")["runs"]
    return [run["workflowState"] for run in runs]


start("/steps", {"name": "ü"})
wait_for("run, sleep, call and run end with success", lambda: states("/steps") == ["RUN_SUCCESS"])
assert seen["steps"] == ["one of ü", 200, {"answer": "& <ü>"}, "u"], seen["steps"]
start("/fails", {"name": "x"})
wait_for("a failed step calls the failure function", lambda: "failed" in seen)
assert seen["failed"][0] == 500 and seen["failed"][2] == {"name": "x"}, seen["failed"]
wait_for("its run has failed", lambda: states("/fails") == ["RUN_FAILED"])
