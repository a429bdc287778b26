"""The page behind every problem's `type`: what the code means, for people who meet it in an answer."""

from html import escape

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from libs.chassis.problem_codes import REGISTRY, ProblemCode

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto }}</style>
<h1>{title}</h1>
{content}
</html>
"""


async def problem_page(request: Request) -> Response:
    """One code; 404 for a code that does not exist."""
    problem_code = REGISTRY.get(request.path_params["code"])
    if problem_code is None:
        raise HTTPException(404)
    content = f"<p>{escape(problem_code.explanation)}</p>\n<p>{_terms(problem_code)}</p>"
    return HTMLResponse(PAGE.format(title=escape(problem_code.title), content=content))


async def problem_index(request: Request) -> Response:
    """Every code there is."""
    rows = "\n".join(
        f'<li><a href="/problems/{escape(code)}"><code>{escape(code)}</code></a>: {escape(each.title)}</li>'
        for code, each in sorted(REGISTRY.items())
    )
    return HTMLResponse(PAGE.format(title="Problems", content=f"<ul>\n{rows}\n</ul>"))


def _terms(problem_code: ProblemCode) -> str:
    return f"Status {problem_code.status}, code <code>{escape(problem_code.code)}</code>."
