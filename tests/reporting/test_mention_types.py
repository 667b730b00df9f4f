import pytest

from transferlab.documents import Document
from transferlab.reporting.mention_types import is_pronoun, mention_types


def types_in(*sentences: str) -> dict[str, str]:
    """The type of every bracketed mention of the sentences, by its wording."""
    words, ends, spans, start = [], [], [], 0
    for sentence in sentences:
        for token in sentence.split():
            if token.startswith("["):
                start = len(words)
            words.append(token.strip("[]"))
            if token.endswith("]"):
                spans.append((start, len(words) - 1))
        ends.append(len(words))
    document = Document("d", words, list(zip([0, *ends], [end - 1 for end in ends], strict=False)))
    return {document.span_text(span): kind for span, kind in mention_types(document, spans).items()}


def test_types_follow_the_head_word():
    assert types_in("He gave [Mr. Bennet] [the Duke of wide lands] and [the friend of Jane] to [her] .") == {
        "Mr. Bennet": "proper",
        "the Duke of wide lands": "proper",
        "the friend of Jane": "nominal",
        "her": "pronoun",
    }


def test_a_capital_at_the_start_of_a_sentence_counts_only_for_words_never_seen_in_lower_case():
    assert types_in("[Men] came .", "[Anna] saw the men .") == {"Men": "nominal", "Anna": "proper"}


def test_a_possessive_ending_is_not_the_head():
    assert types_in("[Anna 's] and [the king 's]") == {"Anna 's": "proper", "the king 's": "nominal"}


@pytest.mark.parametrize("mention", ["She", "each other", "one 's", "whose", "THEY", "'s"])
def test_pronouns(mention):
    assert is_pronoun(mention.split())


@pytest.mark.parametrize("mention", ["her house", "the other", "Who Knows", "Anna 's"])
def test_not_pronouns(mention):
    assert not is_pronoun(mention.split())
