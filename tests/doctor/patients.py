"""The ward: every patient of the doctor, one fault each, with its healthy twin.

`PATIENTS` has them in the order of the doctor's table. They lie in files by what is wrong with them:

    of_statistics.py   rows 1, 6, 8, 9, 15, 16, 20
    of_modes.py        rows 2, 3, 4, 5, 10, 11, 12
    of_data.py         rows 5, 13, 19, 24
    of_wiring.py       rows 7, 14, 18, 21, 22, 23, 25
    of_biases.py       row 17
    of_wirings.py      rows 1, 2, 6, 16, 17, of batch norms that are no module of their own
    of_life.py         rows 1, 2, 3, 7, 12, 16, wired as on issue trackers
"""

from tests.doctor import cases, of_biases, of_data, of_life, of_modes, of_statistics, of_wiring, of_wirings

__all__ = ["PATIENTS", "of_biases", "of_data", "of_life", "of_modes", "of_statistics", "of_wiring", "of_wirings"]

PATIENTS = tuple(sorted(cases.PATIENTS, key=lambda patient: patient.row))
