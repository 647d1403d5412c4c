import os

from django.core.exceptions import SuspiciousFileOperation
from django.http import FileResponse, Http404
from django.urls import path
from django.utils._os import safe_join


def media(request, name):
    try:
        full = safe_join(os.environ["BASE"], name)
        return FileResponse(open(full, "rb"))
    except (SuspiciousFileOperation, OSError):
        raise Http404


urlpatterns = [path("media/<path:name>", media)]
