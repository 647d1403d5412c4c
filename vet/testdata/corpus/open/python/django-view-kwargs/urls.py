import os

from django.views import View
from django.http import FileResponse
from django.urls import path, re_path

BASE = os.environ["BASE"]


class F(View):
    def get(self, request, *args, **kwargs):
        target = os.path.join(BASE, self.kwargs["name"])
        return FileResponse(open(target, "rb"))


urlpatterns = [path("d/<path:name>", F.as_view())]
