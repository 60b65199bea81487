"""An error says what is wrong, where, and what to do; the remedy of several faults is said once."""

from becalm.terms import Fault, InputError, suggest_word


def test_each_fault_has_its_place_and_its_remedy():
    error = InputError(
        "a.csv: 2 problems", (Fault("row 1", "has no day", "give it"), Fault("row 2", "is empty", "fill it"))
    )
    assert str(error) == "a.csv: 2 problems\n  row 1  has no day -> give it\n  row 2  is empty -> fill it"


def test_a_remedy_of_several_faults_is_said_once():
    faults = (
        *(Fault(f"row {n}", "has no day", "give it") for n in (1, 2)),
        Fault("row 3", "is empty", "fill it"),
    )
    assert str(InputError("a.csv: 3 problems", faults)) == (
        "a.csv: 3 problems\n  row 1  has no day\n  row 2  has no day\n    -> give it\n"
        "  row 3  is empty -> fill it"
    )


def test_a_word_that_resembles_none_is_answered_with_those_there_are():
    words = [f"word {n}" for n in range(20)]
    assert suggest_word("Word 3!", words) == "Did you mean 'word 3'?"
    assert suggest_word("zzz", words).endswith("word 11, ….")
    assert suggest_word("zzz", words, otherwise="Look it up.") == "Look it up."
