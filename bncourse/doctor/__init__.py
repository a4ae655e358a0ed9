"""What is wrong with the batch norms of my network? `examine` says so, of any PyTorch model.

    print(examine(model, batch))                                          modes, statistics, gradients, company
    print(examine(model, batch, loader=loader, optimizer=optimizer))      and whether the statistics suit the data
    print(examine_checkpoint("checkpoint.pt"))                            from a state_dict alone: no code of its runs

    examination.py   `examine`: the probes in their order
    checkpoint.py    `examine_checkpoint`, and what a model has stored
    report.py        `Finding` and `Report`, as text; formats.py: as HTML, JSON and SARIF
    handbook.py      each finding: its law, what follows from it, the repair, the lesson that explains it
    patient.py       copies of the model, in the modes of training and of serving
    norms.py         which modules are batch norms, by what they do
    stored.py        what they have stored; revealed.py: where, and by which conventions
    watch.py         looking on while a model runs; step.py: one step of training
    loader.py        mini-batches from a loader
    files.py         reading a checkpoint without running anything in it
    given.py         what the command line is given
    probes/          one law in each file

Nothing of the patient is changed: every pass runs on a copy.
"""

from bncourse.doctor.checkpoint import examine_checkpoint
from bncourse.doctor.examination import examine
from bncourse.doctor.report import Finding, Report

__all__ = ["Finding", "Report", "examine", "examine_checkpoint"]
