"""python -m bncourse: says so where Python is too old, in words that any Python can read, then hands over."""

import sys

OLDEST = (3, 11)

if sys.version_info < OLDEST:
    sys.exit("bncourse needs Python %d.%d or newer, and this is %s (%s): install a newer one, or name it, as in\n"
             "    python3.12 -m bncourse start" % (OLDEST[0], OLDEST[1], sys.version.split()[0], sys.executable))

from bncourse.bootstrap import main  # noqa: E402 (after the sentence above, which older Pythons must reach)

if __name__ == "__main__":
    sys.exit(main())
