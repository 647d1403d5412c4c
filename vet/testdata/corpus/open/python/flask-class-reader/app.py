import os

from flask import Flask, abort, request

app = Flask(__name__)
BASE = os.environ["BASE"]


class Reader:
    def __init__(self, name):
        self.path = os.path.join(BASE, name)

    def text(self):
        with open(self.path) as fh:
            return fh.read()


@app.get("/f")
def f():
    return Reader(request.args["name"]).text()
