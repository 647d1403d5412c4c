import os
import tempfile
import zipfile

from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def import_zip(request):
    workdir = tempfile.mkdtemp(prefix="import-", dir=os.environ["BASE"])
    with zipfile.ZipFile(request.FILES["a"]) as zf:
        if sum(i.file_size for i in zf.infolist()) > 10_000_000:
            return JsonResponse({"error": "too large"}, status=413)
        zf.extractall(workdir)
    return JsonResponse({"files": len(os.listdir(workdir))})


urlpatterns = [path("import", import_zip)]
