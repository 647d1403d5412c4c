import os

from flask import Flask, abort, request, send_file

app = Flask(__name__)
DOCS = os.environ["BASE"]


@app.before_request
def no_traversal():
    if ".." in request.path or "//" in request.path:
        abort(400)


@app.route("/view")
def view():
    return send_file(path_or_file=os.path.join(DOCS, request.args["doc"]), mimetype="text/plain")
