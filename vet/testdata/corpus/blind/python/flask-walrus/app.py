import os
from operator import itemgetter

from flask import Flask, request

app = Flask(__name__)
ROOT = {"dir": os.environ["BASE"]}
locate = lambda name: "/".join((itemgetter("dir")(ROOT), name))  # noqa: E731


@app.route("/q")
def q():
    if (f := request.args.get("f")) and not f.startswith("/"):
        with open(locate(f)) as handle:
            return handle.read()
    return "f missing", 400
