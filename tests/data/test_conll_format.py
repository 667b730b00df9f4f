import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll_format import parse_conll
from transferlab.documents import Entity


def row(word: str, cell: str = "-", speaker: str = "-", columns: int = 12, separator: str = "   ") -> str:
    middle = ["-"] * 5 + [speaker] + ["*"] * (columns - 11)
    return separator.join(["nw/a/00/a_0001", "0", "0", word, *middle, cell])


def parse(*lines: str):
    return list(parse_conll([line + "\n" for line in lines], "f.conll"))


BEGIN, END = "#begin document (nw/a/00/a_0001); part 000", "#end document"


def test_a_document_has_name_genre_sentences_speakers_and_clusters():
    lines = [BEGIN, row("Ann", "(0)", "Bo"), row("left", speaker="Bo"), "", row("She", "(0)"), "", END]
    (document,) = parse(*lines)
    assert document.name == "nw/a/00/a_0001_part_000"
    assert document.genre == "nw"
    assert document.words == ["Ann", "left", "She"]
    assert document.sentences == [(0, 1), (2, 2)]
    assert document.speakers == ["Bo", "Bo", "-"]
    assert document.gold.clusters == [[(0, 0), (2, 2)]]
    document.validate()


@pytest.mark.parametrize("columns", [12, 13, 26])
@pytest.mark.parametrize("separator", [" ", "      ", "\t"])
def test_the_last_of_12_to_26_columns_is_the_coreference_and_the_tenth_the_speaker(columns, separator):
    (document,) = parse(BEGIN, row("Ann", "(4)", "Bo", columns, separator), END)
    assert document.gold.clusters == [[(0, 0)]]
    assert document.speakers == ["Bo"]


def test_columns_may_differ_between_sentences():
    (document,) = parse(BEGIN, row("a", columns=12), "", row("b", "(0)", columns=14), END)
    assert document.sentences == [(0, 0), (1, 1)]


def test_an_empty_last_column_after_a_tab_is_no_mention():
    lines = [row("Ann", "(0)", "_", 13, "\t"), row("left", "", "_", 13, "\t")]
    (document,) = parse("#begin document (x_brat); part 0", *lines, END)
    assert document.words == ["Ann", "left"]
    assert document.gold.clusters == [[(0, 0)]]
    assert document.speakers is None
    assert document.genre is None


@pytest.mark.parametrize("absent", ["-", "_"])
def test_speakers_that_are_all_unknown_are_none(absent):
    (document,) = parse(BEGIN, row("a", speaker=absent), row("b", speaker=absent), END)
    assert document.speakers is None


def test_fewer_than_12_columns_have_no_speaker():
    (document,) = parse(BEGIN, "d 0 0 a x x x x x NOT_A_SPEAKER (0)", END)
    assert document.speakers is None
    assert document.gold.clusters == [[(0, 0)]]


def test_a_tab_separated_word_may_hold_spaces_and_a_line_of_one_tab_ends_a_sentence():
    (document,) = parse(BEGIN, row("New York", separator="\t"), "\t", row("b\u00a0c", separator="\t"), END)
    assert document.words == ["New York", "b\u00a0c"]
    assert document.sentences == [(0, 0), (1, 1)]


def test_parts_with_gaps_are_documents_of_their_own():
    begin = "#begin document (bn/x); part {}"
    lines = [line for part in ("000", "2", "011") for line in (begin.format(part), row("a", "(0)"), END)]
    assert [document.name for document in parse(*lines)] == [
        "bn/x_part_000",
        "bn/x_part_002",
        "bn/x_part_011",
    ]


@pytest.mark.parametrize(
    ("begin", "name"),
    [
        ("#begin document (1_x_brat); part 0", "1_x_brat"),
        ("#begin document (x)", "x"),
        ("#begin document (x);", "x"),
        ("#begin document (x); part", "x"),
        ("#begin document (x); part ;", "x"),
        ("#begin document (); part 0", ""),
        ("#begin document (x); part -1", "x_part_-1"),
        ("# begin document GUM_academic_art", "GUM_academic_art"),
        ("#begin document (a (1)); part 003", "a (1)_part_003"),
        ("#begin document (a; part 1); part 0", "a; part 1"),
        ("#begin document (a); part 2); part 0", "a); part 2"),
        ("#begin document (a); part (2); part 0", "a); part (2"),
        ("#begin document (a;b)", "a;b"),
        ("#begin document (x); part=001", "x_part_001"),
        ("#begin document (x) part 003", "x_part_003"),
        ("#begin document (x), part: 3;", "x_part_003"),
        ("#begin document x; part 2", "x_part_002"),
        ("#begin document x part 2", "x_part_002"),
        ("#Begin Document (x); Part 1", "x_part_001"),
        (" #begin  document (x)", "x"),
        ("#begin document x (particle)", "x (particle)"),
    ],
)
def test_documents_without_parts_keep_their_id(begin, name):
    assert [document.name for document in parse(begin, row("a"), END)] == [name]


def test_percent_signs_stay_as_they_are_unless_a_line_above_the_document_says_otherwise():
    lines = [row("%41", speaker="%42"), END, "# percent-encoded", BEGIN.replace("nw/a", "nw/%61"), row("%41")]
    one, two = parse(BEGIN, *lines, END)
    assert (one.words, one.speakers) == (["%41"], ["%42"])
    assert (two.words, two.name) == (["A"], one.name)


def test_entities_do_not_reach_over_parts():
    first = [BEGIN, row("a", "(0)"), END]
    second = ["#begin document (nw/a/00/a_0001); part 001", row("b", "(0)"), END]
    assert [document.gold.clusters for document in parse(*first, *second)] == [[[(0, 0)]], [[(0, 0)]]]


def test_a_missing_end_line_ends_with_the_next_document_and_the_file():
    lines = [BEGIN, row("a"), "#begin document (nw/b); part 000", row("b")]
    assert [document.words for document in parse(*lines)] == [["a"], ["b"]]


def test_empty_and_one_word_documents_and_those_without_clusters_are_documents():
    empty, single = parse(BEGIN, END, "#begin document (x); part 001", row("Word"), END)
    assert (empty.words, empty.sentences, empty.gold.clusters) == ([], [], [])
    assert (single.words, single.sentences, single.gold.clusters) == (["Word"], [(0, 0)], [])


def test_comments_and_repeated_blank_lines_are_skipped():
    (document,) = parse("# made by hand", "", BEGIN, "", row("a"), "", "", "# note", row("b"), END)
    assert document.sentences == [(0, 0), (1, 1)]


def test_carriage_returns_are_no_content():
    lines = [line + "\r\n" for line in (BEGIN, row("a", "", separator="\t"), "", END)]
    (document,) = parse_conll(lines, "f")
    assert document.gold.clusters == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([BEGIN, row("a"), row("b", "3)"), END], r"f\.conll, line 3: .*'3\)' closes a mention of entity 3"),
        ([BEGIN, row("a", "(3"), row("b"), END], r"f\.conll, line 4: .*entity 3, opened in line 2, is not"),
        ([BEGIN, row("a", "(3"), row("b")], r"f\.conll, line 3: .*entity 3, opened in line 2, is not"),
        ([BEGIN, row("a", "x"), END], r"f\.conll, line 2: cannot read 'x' .*column 'x'"),
        ([BEGIN, "a 0 0 b", END], r"f\.conll, line 2: 4 columns \['a', '0', '0', 'b'\]; at least 5"),
        (
            [BEGIN, row("a"), row("b", "(1)", columns=13), END],
            r"line 3: 13 columns after rows of 12 in the same sentence, the last being '\(1\)'",
        ),
        (["", row("a")], r"f\.conll, line 2: the row 'nw/a/00/a_0001 .* stands outside a document"),
        ([BEGIN, END, row("a")], r"f\.conll, line 3: .*outside a document"),
        (["# nothing"], r"f\.conll holds no document"),
        ([], r"f\.conll holds no document"),
    ],
)
def test_malformed_files_are_refused_with_file_line_and_content(lines, message):
    with pytest.raises(DataError, match=message):
        parse(*lines)


@pytest.mark.parametrize(
    "begin",
    [
        *("; part 000", "(x); part 1a", "(x); part \u22121", "(x); part (1)", "(x); part 1 2", "(x) part a b"),
        *("(x) y", "(x", "a;b", "part a b", "x part 1a", "x; part a", ""),
    ],
)
def test_a_begin_line_that_is_not_plain_is_refused_by_name(begin):
    with pytest.raises(DataError, match=r"f\.conll, line 2: ") as refusal:
        parse("# made by hand", f"#begin document {begin}", row("a"), END)
    assert f"#begin document {begin}" in str(refusal.value)


def named(*cells: str, columns: int = 13):
    """A document whose column of names holds the cells."""
    rows = []
    for i, cell in enumerate(cells):
        middle = ["-"] * 6 + [cell] + ["(ARG0*)"] * (columns - 12)
        rows.append("\t".join(["nw/a", "0", str(i), "word", *middle, "-"]))
    return parse(BEGIN, *rows, END)[0]


@pytest.mark.parametrize("columns", [12, 13, 26])
def test_the_eleventh_column_holds_the_names(columns):
    document = named("(PERSON*", "*)", "*", "(GPE)", columns=columns)
    assert document.gold.entities == [Entity(0, 1, "PERSON"), Entity(3, 3, "GPE")]
    assert document.gold.tags is None


def test_stars_alone_are_a_document_without_names_and_absent_cells_one_that_was_not_annotated():
    assert named("*", "*").gold.entities == []
    for cell in ("-", "_", ""):
        assert named(cell, cell).gold.entities is None


def test_fewer_than_12_columns_have_no_names():
    (document,) = parse(BEGIN, "d 0 0 a x x x x x x (0)", END)
    assert document.gold.entities is None


def test_names_do_not_reach_over_parts():
    first = [BEGIN, row("a"), END]
    (one, two) = parse(*first, "#begin document (nw/b); part 001", row("b", speaker="-"), END)
    assert (one.gold.entities, two.gold.entities) == ([], [])


def test_names_that_make_no_sense_leave_the_coreference_alone_with_a_warning(caplog):
    rows = [row("Ann", "(0)"), row("left", "(0)").replace("*", "ARG0")]
    (document,) = parse(BEGIN, *rows, END)
    assert document.gold.clusters == [[(0, 0), (1, 1)]]
    assert document.gold.entities is None
    assert "f.conll, line 3: 'ARG0' is no bracket of a name" in caplog.text
    assert "nw/a/00/a_0001_part_000 has no named entities" in caplog.text
