"""Runs the Python cases: jobs on standard input, answers on standard output, both JSON.

Each job imports its case anew, with BASE in the environment, and gives it one request as its framework receives
requests: nothing is cleaned on the way.
"""

import asyncio
import base64
import contextlib
import functools
import http.client
import importlib
import inspect
import io
import json
import os
import runpy
import socket
import sys
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote_to_bytes

sys.dont_write_bytecode = True


def answer(status, headers, body):
    return {"Status": status, "Header": [list(h) for h in headers], "Body": base64.b64encode(body).decode(), "Error": ""}


def raw(request):
    head = "%s %s HTTP/1.1\r\n" % (request["Method"], request["Target"])
    head += "".join("%s: %s\r\n" % (n, v) for n, v in request["Header"])
    return (head + "Connection: close\r\n\r\n").encode() + request["body"]


class Wire:
    """Bytes from a socket, as http.client wants them."""

    def __init__(self, data):
        self.data = data

    def makefile(self, *args):
        return io.BytesIO(self.data)


def parse(data):
    response = http.client.HTTPResponse(Wire(data))
    response.begin()
    return answer(response.status, response.getheaders(), response.read())


def split(request):
    path, _, query = request["Target"].partition("?")
    return unquote_to_bytes(path), query


def wsgi(app, request):
    path, query = split(request)
    environ = {
        "REQUEST_METHOD": request["Method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request["body"]),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request["Header"]:
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = value
    got = {}

    def start_response(status, headers, exc_info=None):
        got["status"], got["headers"] = int(status.split()[0]), headers
        return io.BytesIO().write

    result = app(environ, start_response)
    try:
        body = b"".join(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    return answer(got["status"], got["headers"], body)


def asgi(app, request):
    path, query = split(request)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request["Method"],
        "scheme": "http",
        "path": path.decode("utf-8"),
        "raw_path": request["Target"].partition("?")[0].encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(n.lower().encode(), v.encode()) for n, v in request["Header"]],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    got = {"status": 0, "headers": [], "body": b""}
    sent = []

    async def receive():
        if sent:
            await asyncio.sleep(3600)
        sent.append(True)
        return {"type": "http.request", "body": request["body"], "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            got["status"] = message["status"]
            got["headers"] = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
        elif message["type"] == "http.response.body":
            got["body"] += message.get("body", b"")

    async def run():
        try:
            await app(scope, receive, send)
        except Exception:
            # What a server does: the client has its 500 already, or gets one.
            traceback.print_exc()
            got["status"] = got["status"] or 500

    asyncio.run(run())
    return answer(got["status"], got["headers"], got["body"])


def aiohttp(app, request):
    from aiohttp import web

    async def run():
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(raw(request))
        data = await reader.read()
        writer.close()
        await runner.cleanup()
        return parse(data)

    return asyncio.run(run())


def http_server(handler, request):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        with socket.create_connection(server.server_address) as conn:
            conn.sendall(raw(request))
            data = b""
            while chunk := conn.recv(1 << 16):
                data += chunk
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    return parse(data)


@functools.lru_cache(maxsize=None)
def django_handler():
    import django
    from django.conf import settings

    settings.configure(SECRET_KEY="test", ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", DEBUG=False)
    django.setup()
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def django(job, request):
    handler = django_handler()
    from django.test.utils import override_settings
    from django.urls import clear_url_caches, set_urlconf

    overrides = {}
    if os.path.exists(os.path.join(job["dir"], "settings.py")):
        settings = importlib.import_module("settings")
        overrides = {k: getattr(settings, k) for k in dir(settings) if k.isupper()}
    with override_settings(**dict(overrides, ROOT_URLCONF="urls")):
        clear_url_caches()
        set_urlconf(None)
        return wsgi(handler, request)


def main_program(path):
    """Runs a Flask program and returns what it would have served, the debugger around it where it asked for it."""
    import werkzeug.serving
    from werkzeug.debug import DebuggedApplication

    served = []

    def run_simple(hostname, port, application, use_debugger=False, use_evalex=True, **options):
        served.append(DebuggedApplication(application, evalex=use_evalex) if use_debugger else application)

    original, werkzeug.serving.run_simple = werkzeug.serving.run_simple, run_simple
    try:
        runpy.run_path(path, run_name="__main__")
    finally:
        werkzeug.serving.run_simple = original
    return served[0]


def load(job):
    """Returns the case's application."""
    for name in ("app", "main", "server", "wsgi", "asgi"):
        path = os.path.join(job["dir"], name + ".py")
        if os.path.exists(path):
            break
    else:
        raise LookupError("no app.py or main.py in " + job["dir"])
    if job["run"] == "main":
        return main_program(path)
    module = importlib.import_module(name)
    for attribute in ("app", "application"):
        if hasattr(module, attribute):
            return getattr(module, attribute)
    for attribute in ("create_app", "make_app"):
        if hasattr(module, attribute):
            return getattr(module, attribute)()
    return module.Handler


@contextlib.contextmanager
def overtaken(base):
    """Swaps docs for a link out of the base once the path of docs/guide.md has been resolved (pathlib's too)."""
    original, docs = os.path.realpath, os.path.join(base, "docs")

    def realpath(path, *args, **kwargs):
        resolved = original(path, *args, **kwargs)
        if resolved == os.path.join(docs, "guide.md"):
            os.rename(docs, docs + ".old")
            os.symlink("../files_evil", docs)
        return resolved

    os.path.realpath = realpath
    try:
        yield
    finally:
        os.path.realpath = original


def run(job):
    with overtaken(job["base"]) if job["race"] else contextlib.nullcontext():
        return serve(job)


def serve(job):
    request = job["request"]
    request["body"] = base64.b64decode(request["Body"] or "")
    os.environ["BASE"] = job["base"]
    if job["framework"] == "django":
        return django(job, request)
    app = load(job)
    if job["framework"] == "aiohttp":
        return aiohttp(app, request)
    if job["framework"] in ("fastapi", "starlette"):
        return asgi(app, request)
    if isinstance(app, functools.partial) or inspect.isclass(app) and issubclass(app, BaseHTTPRequestHandler):
        return http_server(app, request)
    return wsgi(app, request)


def forget(directory):
    """Makes the next import read its own files: cases share the names of their modules."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(directory + os.sep):
            del sys.modules[name]


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # cases may print
    answers = []
    for job in json.load(sys.stdin):
        sys.path.insert(0, job["dir"])
        importlib.invalidate_caches()
        try:
            answers.append(run(job))
        except Exception:
            answers.append({"Status": 0, "Header": [], "Body": "", "Error": traceback.format_exc()})
        finally:
            sys.path.remove(job["dir"])
            forget(job["dir"])
    json.dump(answers, out)
    out.close()


main()
