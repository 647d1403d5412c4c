import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


def locate(name, root=BASE):
    return os.path.join(root, name)


@app.get("/f")
def f():
    return send_file(locate(name=request.args["name"]))
