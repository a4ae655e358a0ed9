"""Lecture material, all of it made from the notebooks.

    lessons.py    a notebook as lecture material sees it: its cells, and what the course has written on them
    editions.py   the notebooks to hand out, without answers, and those to grade from
    questions.py  the questions of all lessons as one bank, in Markdown
    gift.py       the same for Moodle
    markup.py     cells as HTML: text, code, pictures
    blocks.py     what stands on slides, in pieces of known height
    pages.py      blocks spread over slides, so that every slide fits
    deck.py       a notebook as a reveal.js deck
    pdf.py        a deck as a PDF, by a Chromium
    site.py       the course as static pages
    assets.py     reveal.js and MathJax, copied from installed packages
    folders.py    a folder that is written whole or not at all
"""
