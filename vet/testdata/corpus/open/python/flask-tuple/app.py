import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
BASE = os.environ["BASE"]


def wanted():
    return request.args.get("name"), request.args.get("as")


@app.get("/f")
def f():
    name, _ = wanted()
    return send_file(os.path.join(BASE, name))
