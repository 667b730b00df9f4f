"""OntoNotes 5.0 for coreference: one file for each split, with the documents of CoNLL-2012 and no others.

    python scripts/prepare_coref_data.py data/conll-2012.zip
    python scripts/prepare_coref_data.py conll-formatted-ontonotes-5.0 --ontonotes ontonotes-release-5.0
    python scripts/prepare_coref_data.py conll-2012-train.v4.tar.gz conll-2012-development.v4.tar.gz \\
        conll-2012-test-key.tar.gz --ontonotes ontonotes-release-5.0_LDC2013T19.tgz

Nothing is downloaded and nothing unpacked. What is read: files *gold_conll (with words) and *gold_skel (which get
theirs from the .parse files of the release), with v4, v9, v12 or no version in their names. What is written:
train.english.v4_gold_conll, dev... and test..., of 2,802, 343 and 348 documents, which experiment=conll2012_coref and
experiment=conll2012_ner take with dataset.data_dir=data/ontonotes_coref.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from transferlab.data.ontonotes.prepare import prepare
from transferlab.data.readers.conll_files import LANGUAGES
from transferlab.utils.errors import UserError
from transferlab.utils.escaping import visible
from transferlab.utils.terminal import escape_log_records

USUAL = (Path("data/conll-2012"), Path("data/conll-2012.zip"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "places",
        nargs="*",
        type=Path,
        metavar="PLACE",
        help=f"directory, zip or tar archive, or several; {' or '.join(map(str, USUAL))} if none is given",
    )
    parser.add_argument("--ontonotes", type=Path, help="directory or archive of the OntoNotes 5.0 release (LDC2013T19)")
    parser.add_argument("--output", type=Path, default=Path("data/ontonotes_coref"), help="new directory (%(default)s)")
    parser.add_argument("--language", choices=LANGUAGES, default="english", help="only english can be checked")
    parser.add_argument("--partial", action="store_true", help="take what there is, whatever the number of documents")
    given = parser.parse_args()
    places = given.places or [place for place in USUAL if place.exists()][:1]
    if not places:
        raise UserError(f"none of {', '.join(map(str, USUAL))} is there; name what is to be read (--help)")
    escape_log_records()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prepare(places, given.output, given.ontonotes, given.language, given.partial)
    data = f"dataset.data_dir={given.output}"
    print(f"{given.output} is ready: python src/train.py experiment=conll2012_coref encoder=bert-base-cased {data}")


if __name__ == "__main__":
    try:
        main()
    except (UserError, OSError) as error:
        sys.exit(f"error: {visible(str(error))}")
    except KeyboardInterrupt:
        sys.exit(130)
