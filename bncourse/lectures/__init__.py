"""Lecture material, all of it made from the notebooks.

    lessons.py    a notebook as lecture material sees it: its cells, and what the course has written on them
    editions.py   the notebooks to hand out, without answers, and those to grade from
    questions.py  the questions of all lessons as one bank, in Markdown
    gift.py       the same for Moodle
    markup.py     cells as HTML: text, code, pictures
    slices.py     the statements of a lesson that some of its names need
    frames.py     what the explorers of a lesson show, for pages that have no kernel
    blocks.py     what stands on slides, in pieces of known height
    pages.py      blocks spread over slides, so that every slide fits
    plans.py      lectures put together from lessons, as plans.toml says
    deck.py       a notebook, or such a lecture, as a reveal.js deck
    pdf.py        a deck as a PDF, by a Chromium
    site.py       the course as static pages
    reading.py    a lesson as one of them
    quiz.py       questions that answer a click
    reference.py  the ledger of claims and the glossary
    linking.py    the words of a page that lead there
    search.py     the index that a page searches without a server
    api.py        the public names of the package, from their docstrings
    elsewhere.py  lessons in Colab and Binder
    assets.py     reveal.js and MathJax, copied from installed packages
    folders.py    a folder that is written whole or not at all
"""
