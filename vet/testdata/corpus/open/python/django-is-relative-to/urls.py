import os
import pathlib

from django.http import Http404, HttpResponse
from django.urls import path, re_path

BASE = os.environ["BASE"]


def f(request):
    path = pathlib.Path(os.path.abspath(os.path.join(BASE, request.GET["name"])))
    if not path.is_relative_to(BASE):
        raise Http404
    return HttpResponse(path.read_bytes())


urlpatterns = [path("f", f)]
