import os

from flask import Flask, current_app, send_file
from flask.views import MethodView

app = Flask(__name__)
app.config["RAW_ROOT"] = os.environ["BASE"]


class RawView(MethodView):
    def _path(self, rel):
        return os.path.normpath(os.path.join(current_app.config["RAW_ROOT"], rel))

    def get(self, rel):
        return send_file(self._path(rel))


app.add_url_rule("/raw/<path:rel>", view_func=RawView.as_view("raw"))
