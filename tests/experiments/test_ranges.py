"""A training whose settings cannot be is refused before any work, and the sentence names the setting."""

import pytest
import torch

from bncourse import cli
from bncourse.experiments.variants import VARIANTS, ConfigError, from_record, to_record


@pytest.mark.parametrize("option, value, told", [
    ("--steps", "1" * 200, "steps is 1111"), ("--batch", 1, "batch is 1 for 1 process"),
    ("--batch", 10**6, "examples fill no batch of 1000000"), ("--lr", 1e308, "rate is 5"), ("--lr", "nan", "lr is nan"),
    ("--width", 1e6, "width is 1000000.0; expected a positive number, at most 8"),
    ("--seed", 2**64, "expected an int of 0 or more, at most 4,294,967,295"), ("--seed", 2**32, "seed is 4294967296"),
    ("--checkpoint", 10**12, "checkpoint_every is 1000000000000"),
    pytest.param("--device", "cuda", "finds no GPU",
                 marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")),
])
def test_a_setting_that_cannot_be_is_refused_in_a_sentence(tmp_path, capsys, option, value, told):
    options, _ = cli.parse(["train", "bn-x5", "--steps", "4", "--folder", str(tmp_path), option, str(value)])
    assert cli.run(options) == 1
    said = capsys.readouterr().err
    assert said.startswith("bncourse train: ") and said.count("\n") == 1 and told in said


def test_a_configuration_that_lacks_a_field_or_has_it_of_another_type_is_refused():
    record = to_record(VARIANTS["bn-x5"])
    for other in ({name: record[name] for name in record if name != "l2"}, record | {"batchnorm": "yes"},
                  record | {"scale": record["scale"] | {"stem": "tall"}}):
        with pytest.raises(ConfigError, match=r"l2|batchnorm|stem"):
            from_record(other)
