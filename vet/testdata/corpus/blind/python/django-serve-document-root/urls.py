import os

from django.urls import re_path
from django.views.static import serve

THEMES = os.environ["BASE"]


def theme_file(request, path):
    theme = request.GET.get("theme", "default")
    return serve(request, path, document_root=os.path.join(THEMES, theme))


urlpatterns = [re_path(r"^theme/(?P<path>.*)$", theme_file)]
