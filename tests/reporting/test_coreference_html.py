import base64
import hashlib
import re
import time

import pytest

from transferlab.documents import Annotations, Document
from transferlab.reporting.coreference_html import coreference_html, write_coreference_html


def document(name="d", gold=None, predicted=None, words=("<script>", "alert(1)", "</script>", "</noscript>")):
    return Document(
        name,
        list(words),
        [(0, len(words) - 1)],
        gold=Annotations(clusters=gold),
        predicted=None if predicted is None else Annotations(clusters=predicted),
    ).validate()


def views(html: str) -> list[tuple[str, list[str]]]:
    """For each document what it shows first, and all it can show."""
    found = re.findall(r'data-show="(\w+)" data-views="([\w ]*)"', html)
    return [(show, names.split()) for show, names in found]


def test_each_document_offers_the_views_that_it_has():
    clusters = [[(0, 0), (1, 2)]]
    documents = [
        document(gold=clusters, predicted=clusters),
        document(gold=clusters),
        document(predicted=clusters),
        document(),
    ]
    assert views(coreference_html(documents, "t")) == [
        ("predicted", ["gold", "predicted", "both", "differences"]),
        ("gold", ["gold"]),
        ("predicted", ["predicted"]),
        ("predicted", []),
    ]
    assert views(coreference_html(documents, "t", layer="differences"))[0][0] == "differences"
    assert views(coreference_html(documents, "t", layer="gold"))[0][0] == "gold"


def test_an_unknown_layer_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="layer='silver' is unknown; choose one of gold, predicted, both, differences"):
        coreference_html([], layer="silver")


def test_nothing_of_a_corpus_becomes_markup():
    evil = '"><script>alert(1)</script></noscript><img src=x>'
    words = ["<script>", "</noscript>", evil]
    text = document(evil, gold=[[(0, 1)]], predicted=[[(2, 2)]], words=words)
    text.speakers = [evil] * 3
    text.genre = evil
    html = coreference_html([text], title=evil)
    assert html.count("<script") == html.count("</script>") == 1
    assert html.count("<noscript>") == html.count("</noscript>") == 1
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_the_page_needs_nothing_from_elsewhere_and_runs_only_its_own_script():
    html = coreference_html([document(gold=[[(0, 0)]])])
    assert not re.search(r"https?:|//\w+\.|\bsrc=|<link|@import|url\(", html)
    script = re.search(r"<script>(.*?)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html


def test_every_element_that_the_script_asks_for_is_there():
    html = coreference_html([document(gold=[[(0, 0)]], predicted=[[(0, 0)]])])
    page, script = html.split("<script>")
    asked = set(re.findall(r'byId\("(\w+)"\)', script)) | {"shown", "picker", "search", "found", "status"}
    assert asked <= set(re.findall(r'id="(\w+)"', page))


def test_facts_and_documents_are_listed():
    html = coreference_html([document("first", gold=[[(0, 0), (1, 1)], [(2, 2)]]), document("second")])
    assert "4 words · 1 sentence · gold: 3 mentions, 2 entities" in html
    assert '<option value="0">first</option><option value="1">second</option>' in html


def test_no_documents_and_an_empty_one():
    assert "There are no documents." in coreference_html([])
    assert "0 words" in coreference_html([Document("empty", [], [], predicted=Annotations(clusters=[]))])


def test_the_page_is_written_whole(tmp_path):
    path = tmp_path / "new" / "page.html"
    assert write_coreference_html(iter([document(gold=[[(0, 0)]])]), path, title="t") == path
    assert path.read_text(encoding="utf-8") == coreference_html([document(gold=[[(0, 0)]])], title="t")
    assert list(path.parent.iterdir()) == [path]


def test_a_long_document_is_quick_and_small():
    words = ["word"] * 3000
    clusters = [[(i, min(2999, i + 1 + i % 5)) for i in range(k, 3000, 60)] for k in range(0, 60, 3)]
    started = time.perf_counter()
    html = coreference_html([document(gold=clusters, predicted=clusters[1:], words=words)])
    assert time.perf_counter() - started < 1
    assert len(html) < 1_000_000


def test_a_page_of_any_length_shows_the_first_documents_and_says_so(tmp_path, caplog):
    documents = (document(f"d{number}", gold=[[(0, 0)]]) for number in range(1200))
    html = write_coreference_html(documents, tmp_path / "page.html", max_documents=3).read_text()
    assert html.count('<section class="doc"') == 3 and "The first 3 of 1,200 documents" in html
    assert "first 3 of 1200 documents" in caplog.text
    whole = coreference_html([document(gold=[[(0, 0)]])], max_documents=1)
    assert "The first" not in whole
