import os
import zipfile

from flask import Flask, jsonify, request

app = Flask(__name__)


class Importer:
    """Unpacks a theme into the themes directory."""

    def __init__(self, dest):
        self.dest = dest

    def run(self, stream):
        written = []
        with zipfile.ZipFile(stream) as zf:
            for info in zf.infolist():
                if info.is_dir():
                    continue
                target = os.path.join(self.dest, info.filename)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with zf.open(info) as src, open(target, "wb") as dst:
                    dst.write(src.read())
                written.append(info.filename)
        return written


@app.post("/import")
def import_theme():
    importer = Importer(os.environ["BASE"])
    return jsonify(importer.run(request.files["archive"].stream))
