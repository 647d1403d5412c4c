import logging
import os

from flask import Flask, request, send_file
from werkzeug.utils import secure_filename

log = logging.getLogger("invoices")
app = Flask(__name__)
INVOICES = os.environ["BASE"]


@app.route("/invoices/get")
def get_invoice():
    name = request.args.get("name", "")
    safe_name = secure_filename(name)
    if not safe_name:
        return "bad request", 400
    log.info("invoice %s requested", safe_name)
    return send_file(os.path.join(INVOICES, name), download_name=safe_name)
