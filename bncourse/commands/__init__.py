"""The commands of `python3 -m bncourse`, one a file, named as it is called.

Each file has `add(commands)`, which describes the command to argparse and names, as `do`, the function that
carries it out: `do(options) -> exit status`. At the top it imports only the standard library and
`bncourse.paths`; what it needs for its work it imports when it runs, so that help comes at once and
from a bare clone.
"""
