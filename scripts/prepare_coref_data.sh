#!/bin/sh
# OntoNotes 5.0 as data/ontonotes_coref/{train,dev,test}.english.v4_gold_conll, for experiment=conll2012_coref:
#
#   sh scripts/prepare_coref_data.sh data/conll-2012.zip
#   sh scripts/prepare_coref_data.sh conll-formatted-ontonotes-5.0 --ontonotes ontonotes-release-5.0
#
# --help says what else there is; PYTHON names another interpreter than python.
exec "${PYTHON:-python}" "$(dirname -- "$0")/prepare_coref_data.py" "$@"
