import os
from enum import Enum

from fastapi import FastAPI
from fastapi.responses import FileResponse


class Report(str, Enum):
    hello = "hello"
    report = "report"


app = FastAPI()


@app.get("/reports/{report}")
def get_report(report: Report):
    return FileResponse(os.path.join(os.environ["BASE"], report.value + ".txt"))
