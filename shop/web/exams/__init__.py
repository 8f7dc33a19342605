"""The pages of the receiver exam."""

from litestar.handlers import HTTPRouteHandler

from shop.web.exams.pages import (
    download_exam,
    show_exam,
    show_exams,
    start_exam,
    stop_exam,
    stream_exam,
    stream_exams,
)

handlers: list[HTTPRouteHandler] = [
    show_exams,
    stream_exams,
    start_exam,
    show_exam,
    stream_exam,
    stop_exam,
    download_exam,
]
