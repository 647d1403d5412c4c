import os

from flask import Flask, send_from_directory

app = Flask(__name__)
TENANTS = os.environ["BASE"]


def tenant_root(tenant: str) -> str:
    return os.path.join(TENANTS, tenant)


@app.route("/t/<tenant>/<path:filename>")
def tenant_file(tenant, filename):
    return send_from_directory(directory=tenant_root(tenant), path=filename)
