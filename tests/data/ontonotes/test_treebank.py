import pytest

from transferlab.data.ontonotes.treebank import words_of_trees
from transferlab.data.readers.base import DataError


def words(text: str, edited: bool = False) -> list[list[str]]:
    return list(words_of_trees(enumerate(text.split("\n"), 1), "a.parse", edited))


def test_words_stand_as_the_treebank_writes_them_without_traces() -> None:
    tree = """
(TOP (S (NP-SBJ-1 (-LRB- -LRB-) (NNP U.S.) (-RRB- -RRB-))
        (VP (VBZ is) (VP (VBN hit) (NP-1 (-NONE- *-1)) (NP (CD 1\\/2) (NN %))))
        (. /.)))
(TOP (FRAG (`` ``) (NN a\u00a0b) (NN *) (CC &) (NNP AT&T) ('' '') (: --) (. /?)))"""
    assert words(tree) == [
        ["-LRB-", "U.S.", "-RRB-", "is", "hit", "1\\/2", "%", "/."],
        ["``", "a\u00a0b", "*", "&", "AT&T", "''", "--", "/?"],
    ]


def test_what_a_speaker_takes_back_is_left_out_unless_it_is_kept() -> None:
    tree = "(TOP (S (EDITED (NP (PRP I)) (EDITED (UH uh)) (, ,)) (NP (PRP we)) (VP (VBD left))))"
    assert words(tree) == [["we", "left"]]
    assert words(tree, edited=True) == [["I", "uh", ",", "we", "left"]]


@pytest.mark.parametrize(
    "tree", ["(TOP (EDITED (UH uh)))", "(TOP (NP (-NONE- *)))", "(TOP (S (EDITED (UH uh)) (-NONE- *)))"]
)
def test_a_tree_without_a_word_has_the_one_of_its_skeleton(tree: str) -> None:
    assert words(f"{tree}\n(TOP (UH Yes))") == [["nullp"], ["Yes"]]


def test_layout_comments_and_outer_brackets_without_a_label_do_not_matter() -> None:
    text = ";; a comment (\n<DOC id=(1)>\n*x* also (\n( (S\n\t(NN a)\n\n(NN b)))(TOP (NN c))\n(TOP\n(NN\nd))"
    assert words(text) == [["a", "b"], ["c"], ["d"]]
    assert words("") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [("(TOP (NN a)", 1), ("(TOP (NN a))\n)", 2), ("(TOP ())", 1), ("(TOP (NN a))\n\nword", 3), ("(TOP (NN a))\n(", 2)],
)
def test_broken_brackets_are_refused_with_file_and_line(text: str, line: int) -> None:
    with pytest.raises(DataError, match=rf"a\.parse, line {line}: .*OntoNotes"):
        words(text)
