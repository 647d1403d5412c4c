import io
import os
import zipfile

from flask import Flask, request, send_file

app = Flask(__name__)
SHARE = os.environ["BASE"]


def pack(names):
    buf = io.BytesIO()
    with zipfile.ZipFile(buf, "w", zipfile.ZIP_STORED) as zf:
        for n in names:
            zf.write(os.path.join(SHARE, n), arcname=os.path.basename(n))
    buf.seek(0)
    return buf


@app.route("/archive", methods=["POST"])
def archive():
    selected = request.form.getlist("sel")
    return send_file(pack(selected), mimetype="application/zip", download_name="selection.zip")
