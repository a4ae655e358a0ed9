"""bncourse: understand batch normalization, after Ioffe & Szegedy (2015).

    kernels/        NumPy alone: pure functions, gradients by hand
    nn/             PyTorch: modules that keep state
    datasets/       digits and pictures, from a seed (glyphs, scenes) or from files (mnist, imagenet)
    paper.py        what the paper printed, and the ledger of its claims
    explanations.py which of its explanations survived, and what we measured
    runs/           a measurement with its provenance, as small JSON, and how it is read
    machine.py      what a measurement ran on
    training/       a network, mini-batches and a recipe -> measured columns; checkpoints; many processes
    evaluation.py   top-1 and top-5, crops, ensembles
    doctor/         what is wrong with the batch norms of a model, or of a checkpoint
    experiments/    the paper's experiments, and what records and repeats them
    figures/        arrays -> pictures; they never train
    explorers/      a slider -> a picture
    checks/         a learner's answer -> a verdict that names the mistake
    lesson.py       what every notebook calls first and last
    notebooks.py    refresh and check the stored notebooks
    comparison.py   when what a cell shows is what is stored
    rounding/       what a notebook shows on other processors
    readme.py       what is made of README.md and CLAIMS.md, from the ledgers and the lessons
    lectures/       slides, editions, questions and the course page, made from the notebooks
    grading/        notebooks that students handed in -> verdicts, and the mistakes of the class
    cli.py          python3 -m bncourse ..., the command line
    commands/       one command a file
    bootstrap.py    start and test, from a bare clone
    environment.py  the environment that they make
    installing.py   pip, for someone who is waiting
    leash.py        a child process that ends with its parent
    working_copy.py the lessons to work in, where only the package is installed
    paths.py        where the course keeps things
    py.typed        type checkers may read the annotations

Importing this package imports nothing else.
"""

__version__ = "0.1.0"
