"""What is wrong with the batch norms of my network? `examine` says so, of any PyTorch model.

print(examine(model, batch))                                          modes, statistics, gradients, company
print(examine(model, batch, loader=loader, optimizer=optimizer))      and whether the statistics suit the data
print(examine_checkpoint("checkpoint.pt"))                            from a state_dict alone: no code of its runs

handbook.py      each finding: its law, what follows from it, the repair, the lesson that explains it
report.py        `Finding` and `Report`, as text
"""

from bncourse.doctor.examination import examine
from bncourse.doctor.report import Finding, Report

__all__ = ["Finding", "Report", "examine"]
