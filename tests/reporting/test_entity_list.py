from transferlab.reporting.entities import NumberedEntity
from transferlab.reporting.entity_list import compared_entity_list, entity_list

ANNA = NumberedEntity(1, "Anna <b>", ((0, 0), (5, 5), (50, 51)), 0)
BOB = NumberedEntity(2, "Bob", ((3, 3),), None)


def test_singletons_are_folded_away_and_names_escaped():
    html = entity_list([BOB, ANNA], words=100)
    larger, folded = html.split("<details>")
    assert "Anna &lt;b&gt;" in larger and "<b>1</b>" in larger and '<span class="count">3</span>' in larger
    assert "M0 0v1M50 0v1M500 0v1" in larger  # thousandths of the text
    assert "Bob" not in larger and "Bob" in folded and "1 singleton<" in folded


def test_comparison_counts_found_of_gold_and_spurious():
    predicted = NumberedEntity(1, "she", ((5, 5), (7, 7)), 0)
    html = compared_entity_list([ANNA], [predicted, BOB], words=100)
    assert "Anna" in html and "she" not in html
    assert '<span class="count">1/3 +1</span>' in html
    assert '<span class="count">0/0 +1</span>' in html


def test_no_entities():
    assert "No entities" in entity_list([], words=0)
