import os

from flask import Flask, abort, send_from_directory

app = Flask(__name__)
TENANTS = {"acme": os.environ["BASE"]}


@app.route("/t/<tenant>/<path:filename>")
def tenant_file(tenant, filename):
    try:
        root = TENANTS[tenant]
    except KeyError:
        abort(404)
    return send_from_directory(root, filename)
