"""The recipes in the documentation do what they say."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[1] / "docs" / "recipes.md"
BLOCK = re.compile(
    r"^## (?P<title>.*?)$|(?:<!-- needs: (?P<needs>.*?) -->\n)?```python\n(?P<code>.*?)```",
    re.DOTALL | re.MULTILINE,
)


def recipes():
    found, title = [], ""
    for match in BLOCK.finditer(RECIPES.read_text(encoding="utf8")):
        title = match["title"] or title
        if match["code"]:
            needs, _, marks = (match["needs"] or "").partition(";")
            marked = [pytest.mark.cluster] if "cluster" in marks else []
            names = [name.strip() for name in needs.split(",") if name.strip()]
            found.append(
                pytest.param(match["code"], names, id=f"{title}-{names}", marks=marked)
            )
    return found


@pytest.mark.parametrize("code, needs", recipes())
def test_a_recipe_prints_what_it_says(code, needs):
    for name in needs:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}")
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "PYTHONUTF8": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    printed = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)
    assert [line for line in result.stdout.splitlines() if line in printed] == printed


def test_the_application_answers():
    testclient = pytest.importorskip("fastapi.testclient")
    (code,) = [recipe.values[0] for recipe in recipes() if "FastAPI()" in recipe.values[0]]
    names = {}
    exec(code, names)
    client = testclient.TestClient(names["app"])
    answers = [
        client.post("/chat", params={"message": message}).json()
        for message in ("我想听周杰伦的晴天", "放首歌", "今天天气怎么样")
    ]
    assert answers == [{"play": "周杰伦的晴天"}, {"say": "想听什么？"}, {"say": "嗯。"}]
