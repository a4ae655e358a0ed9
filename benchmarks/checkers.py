"""What public checkers of models say of the doctor's patients.

    python benchmarks/checkers.py                     the doctor, and the checkers that can be imported here
    python benchmarks/checkers.py --install           and the others too, installed in a folder that is then removed

Each checker is given a patient and its healthy twin, with the same mini-batch and labels, and all of its checks that
need no more than that. It "noticed" a patient where it says something that it does not say of the twin (numbers left
out), and "named" it where a word of the diagnosis is in that. Of the zoo's healthy models every complaint is a false
alarm.
"""

import argparse
import contextlib
import copy
import importlib.util
import io
import re
import subprocess
import sys
import tempfile
import warnings

import torch
from torch.nn import functional as F

from bncourse.paths import ROOT

sys.path.insert(0, str(ROOT))

from tests.doctor.bodies import pictures
from tests.doctor.diagnoses import DIAGNOSES
from tests.doctor.of_modes import leave_the_world
from tests.doctor.patients import PATIENTS
from tests.doctor.zoo_of_all import ZOO

VERSIONS = {"torch_audit": "torch-audit==0.3.0", "torchtest2": "torchtest2==0.1.0",
            "pytest_torch": "pytest-torch==1.1.1"}

WORDS = {  # of which one has to be in what a checker says for the fault to be named
    1: "running stat|statistics", 2: "batch ?norm|batch composition|company|batch independence|batch_independence",
    3: "frozen", 4: "one value|1 value|batch of one|batch size of 1", 5: "tiny batch|small batch",
    6: "running_(var|mean)|moving_", 7: "momentum|eps|biased", 8: "momentum", 9: "averag|statistics",
    10: "sync", 11: "checkpoint|twice", 12: "multiple times|reuse|shared", 13: "padding|padded", 14: "fold|fus",
    15: "half|float16", 16: "untrained|never|non-persistent|plain tensor|not registered", 17: "bias",
    18: "decay", 19: "label|sorted|shuffl", 20: "buffer|target network", 21: "detach|gradcheck|jacobian",
    22: "dead", 23: "dropout", 24: "range|precision|mean", 25: "explo|gradient norm",
}


def sample(case):
    """A mini-batch of the case, as its arguments, and labels for it."""
    batch = case.batch if case.batch is not None else next(iter(case.loader))[0]
    batch = batch if isinstance(batch, tuple) else (batch,)
    return batch, pictures()[1][:next(len(x) for x in batch if isinstance(x, torch.Tensor))]


def loss_of(outputs, labels):
    """Cross-entropy of scores, and of anything else the mean square of its first tensor."""
    while not isinstance(outputs, torch.Tensor):
        outputs = next(iter(outputs.values() if isinstance(outputs, dict) else outputs))
    if outputs.ndim == 2 and outputs.shape[1] == 4:
        return F.cross_entropy(outputs.float(), labels)
    return outputs.float().square().mean()


def torch_audit(case):
    """Its static audit, and a dynamic one of a step of training."""
    from torch_audit import Auditor
    batch, labels = sample(case)
    optimizer = case.optimizer or torch.optim.SGD(case.model.parameters(), 0.01)
    auditor = Auditor(case.model, optimizer=optimizer, reporters=[])
    with contextlib.suppress(Exception), auditor:
        auditor.audit_static()
        auditor.audit_init()
        loss = loss_of(auditor.forward(*batch), labels)
        auditor.backward(loss)
        auditor.optimizer_step()
    return [f"{each.rule_id} {each.module_path} {each.message}" for each in auditor.finish(report=False).findings]


def torchtest2(case):
    """All of `check_model`, warnings and failures."""
    from torchtest2 import check_model
    batch, labels = sample(case)
    report = check_model(case.model, batch, loss_fn=lambda y: loss_of(y, labels), optimizer=case.optimizer)
    return [str(each) for each in report.failures + report.warnings]


def pytest_torch(case):
    """Its contract of inference, invariances, checkpoint, and the assertions about training."""
    from pytest_torch import assertions, checkpoint, contract, invariance, training
    batch, labels = sample(case)

    def loss(outputs):
        return loss_of(outputs, labels)

    frozen = [name for name, p in case.model.named_parameters() if not p.requires_grad]
    checks = [lambda m: contract.check_inference_contract(m, batch),
              lambda m: contract.check_inference_contract(m.eval(), batch, skip=("eval_mode",)),
              lambda m: assertions.assert_batch_invariant(m, batch),
              lambda m: invariance.assert_layout_invariant(m, batch),
              lambda m: checkpoint.assert_checkpoint_roundtrip(lambda: as_made(m), batch, model=m),
              lambda m: training.assert_gradients_finite(m, batch, loss),
              lambda m: training.assert_all_params_receive_grad(m, batch, loss),
              lambda m: training.assert_loss_decreases(m, batch, loss)]
    if frozen:
        checks.append(lambda m: training.assert_frozen(m, batch, loss, frozen))
    said = []
    for check in checks:
        model = copy.deepcopy(case.model)
        try:
            check(model)
        except AssertionError as error:
            said += [line for line in str(error).splitlines() if "[PASS]" not in line and "[SKIP]" not in line]
        except Exception as error:
            said.append(f"stopped: {type(error).__name__}: {error}")
    return said


def as_made(model):
    """A copy whose plain tensors, which no checkpoint holds, are as before the training: zero."""
    fresh = copy.deepcopy(model)
    for module in fresh.modules():
        vars(module).update({name: torch.zeros_like(value) for name, value in vars(module).items()
                             if isinstance(value, torch.Tensor)})
    return fresh


def doctor(case):
    """Ours."""
    from bncourse.doctor import examine
    report = examine(case.model, case.batch, loader=case.loader, optimizer=case.optimizer)
    return [f"{each.name} {' '.join(each.layers)}" for each in report.findings]


CHECKERS = {"doctor": doctor, "torch_audit": torch_audit, "torchtest2": torchtest2, "pytest_torch": pytest_torch}


def asked(checker, case):
    """What a checker says of a case, without numbers; nothing where it stops with an error of its own."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), \
            warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return {re.sub(r"[-+]?\d[\d.e+-]*", "#", line) for line in checker(case)}
        except Exception:
            return set()
        finally:
            leave_the_world()


def verdict(name, patient):
    """"named", "noticed" or "-": what a checker says of the patient and not of the twin."""
    new = asked(CHECKERS[name], patient.build(True)) - asked(CHECKERS[name], patient.build(False))
    words = "|".join(DIAGNOSES[patient.row]) if name == "doctor" else WORDS[patient.row]
    named = any(re.search(words, line, re.IGNORECASE) for line in new)
    return "named" if named else "noticed" if new else "-"


def install(folder):
    """Puts into the folder the checkers that are not here, with the small packages that one of them needs."""
    missing = [wanted for module, wanted in VERSIONS.items() if importlib.util.find_spec(module) is None]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder]
    if missing:
        subprocess.run([*pip, "--no-deps", *missing], check=True)
        subprocess.run([*pip, "click", "rich"], check=True)
    sys.path.append(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="install the checkers that are missing, for this run")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        if options.install:
            install(folder)
        report([name for name in CHECKERS if name == "doctor" or importlib.util.find_spec(name)])


def report(names):
    """Prints the patients' table, the counts, and the false alarms."""
    print("row", f"{'patient':<60}", *(f"{name:<12}" for name in names))
    rows = {}
    for patient in PATIENTS:
        rows[patient.name] = [verdict(name, patient) for name in names]
        print(f"{patient.row:3} {patient.name:<60}", *(f"{each:<12}" for each in rows[patient.name]), flush=True)
    columns = list(zip(*rows.values(), strict=True))
    for word in ("named", "noticed"):
        counts = [column.count("named") + (word == "noticed") * column.count("noticed") for column in columns]
        print(f"    {word + ' of ' + str(len(rows)):<60}", *(f"{count:<12}" for count in counts))
    alarms = [sum(bool(asked(CHECKERS[name], animal.build())) for animal in ZOO) for name in names]
    print(f"    {'false alarms at ' + str(len(ZOO)) + ' healthy models':<60}", *(f"{count:<12}" for count in alarms))


if __name__ == "__main__":
    main()
