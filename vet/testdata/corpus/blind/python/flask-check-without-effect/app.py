import os

from flask import Flask, current_app, request, send_file

app = Flask(__name__)
BASE = os.path.realpath(os.environ["BASE"])


@app.route("/x")
def x():
    path = os.path.realpath(os.path.join(BASE, request.args["name"]))
    if os.path.commonpath([path, BASE]) != BASE:
        current_app.logger.warning("outside of the base: %s", path)
    return send_file(path)
