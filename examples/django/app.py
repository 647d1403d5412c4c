"""A Django application in one file that names files to the server in front.

FILES names the directory. /accel/NAME answers with X-Accel-Redirect, /sendfile/NAME with X-Sendfile; /raw/NAME is what both
were before: Django sends the file itself.
"""

import os
import sys
from urllib.parse import quote

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse
from django.urls import path

BASE = os.path.abspath(os.environ.get("FILES", "files"))

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=sys.modules[__name__], SECRET_KEY="only of this example"
)


def index(request):
    return HttpResponse("ready")


def accel(request, name):
    response = HttpResponse(content_type="text/plain")
    response["X-Accel-Redirect"] = "/protected/" + quote(name)
    return response


def sendfile(request, name):
    response = HttpResponse(content_type="text/plain")
    response["X-Sendfile"] = BASE + "/" + name
    return response


def raw(request, name):
    """Never do this: the name goes straight to open."""
    return FileResponse(open(BASE + "/" + name, "rb"))


urlpatterns = [path("", index), path("raw/<path:name>", raw), path("accel/<path:name>", accel), path("sendfile/<path:name>", sendfile)]
app = get_wsgi_application()
