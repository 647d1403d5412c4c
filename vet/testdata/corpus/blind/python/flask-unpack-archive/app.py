import os
import shutil
import tempfile

from flask import Flask, request

app = Flask(__name__)


@app.post("/restore")
def restore():
    upload = request.files["backup"]
    with tempfile.NamedTemporaryFile(suffix=".tar") as tmp:
        upload.save(tmp)
        tmp.flush()
        shutil.unpack_archive(tmp.name, os.environ["BASE"])
    return "restored"
