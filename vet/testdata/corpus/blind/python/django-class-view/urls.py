import os
from pathlib import Path

from django.http import HttpResponse, HttpResponseNotFound
from django.urls import path
from django.views import View


class NoteView(View):
    root = Path(os.environ["BASE"])
    content_type = "text/plain; charset=utf-8"

    def get_path(self) -> Path:
        return self.root.joinpath(self.kwargs["slug"])

    def get(self, request, *args, **kwargs):
        target = self.get_path()
        if not target.exists():
            return HttpResponseNotFound()
        return HttpResponse(target.read_text(), content_type=self.content_type)


urlpatterns = [path("notes/<path:slug>", NoteView.as_view())]
