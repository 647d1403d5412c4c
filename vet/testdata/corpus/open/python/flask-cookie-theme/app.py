import os

from flask import Flask, abort, request

app = Flask(__name__)
BASE = os.environ["BASE"]


@app.get("/f")
def f():
    with open(os.path.join(BASE, request.cookies.get("theme", "hello.txt"))) as fh:
        return fh.read()
