import os
import uuid

from flask import Flask, abort, jsonify, request

app = Flask(__name__)
EXTENSIONS = {"image/png": ".png", "image/jpeg": ".jpg", "text/plain": ".txt"}


@app.post("/upload")
def upload():
    file = request.files["file"]
    ext = os.path.splitext(file.filename)[1].lower()
    if ext not in EXTENSIONS.values():
        abort(415)
    stored = uuid.uuid4().hex + ext
    file.save(os.path.join(os.environ["BASE"], stored))
    return jsonify(id=stored, original=file.filename)
