"""Grading: a folder of notebooks that students handed in -> a table of verdicts, and the mistakes of the class.

    submissions.py  which file is whose and of which lesson, and the answers in it
    exercises.py    what a lesson asks: its stubs, their checks, and the code that they need
    tampering.py    answers that reach for the check instead of the exercise
    jobs.py         one submission's answers, judged in processes of their own, within limits
    worker.py       such a process
    confinement.py  its limits: memory, files, network
    report.py       the table, and the histogram of mistakes
    otter.py        the same checks as test files of Otter-Grader

The answers are strangers' code. They run in a process of their own, with limits of time, memory, files and output, and
without a network where the system lets a process give it up; they run as the user who grades, and can read what that
user can. A check and the answer that it judges share that process: what is changed there is noticed, and somebody who
knows Python well may still deceive it.
"""
