"""What learners take from ``/learn``: handouts to print, and receivers for the Build track."""

from litestar import MediaType, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from hookshop.webkit.access import OPEN_TO_ALL
from hookshop.webkit.markdown import render
from subscriber_app.web.documents import DOCUMENTS, HANDOUTS, RECEIVERS
from subscriber_app.web.receiver_files import find_receiver

HANDOUT_TITLES = {
    name: DOCUMENTS[f"{HANDOUTS}/{name}"].title for name in ("webhook", "verify", "retry", "run")
} | {"glossary": "Glossary on one page"}


@get(f"{HANDOUTS}/{{name:str}}", include_in_schema=False, opt=OPEN_TO_ALL)
async def show_handout(name: FromPath[str]) -> Template:
    """Show a handout. On paper it is one page, without what belongs to the screen."""
    if name not in HANDOUT_TITLES:
        raise NotFoundException(f"there is no handout {name!r}")
    document = DOCUMENTS.get(f"{HANDOUTS}/{name}")
    return Template(
        "subscriber/learn/handout.html",
        context={
            "title": HANDOUT_TITLES[name],
            "content": render(document.text) if document else None,
        },
    )


@get(f"{RECEIVERS}/{{file:str}}", include_in_schema=False, opt=OPEN_TO_ALL)
async def download_receiver(file: FromPath[str]) -> Response[str]:
    """Return a receiver of the Build track, to be saved as a file."""
    receiver = find_receiver(file)
    if receiver is None:
        raise NotFoundException(f"there is no receiver {file!r}")
    return Response(
        receiver.path.read_text(encoding="utf-8"),
        media_type=MediaType.TEXT,
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )
