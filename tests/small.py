"""A small notebook of the course, for the tests that spoil one."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

IMPORTS = "import ipywidgets\nimport matplotlib.pyplot as plt\n\nfrom bncourse.explorers import Explorer, Progress"
NUMBER = """progress = Progress('counting')
progress(3, 3)
print('The answer, with NumPy 1.2.3:', flush=True)
print(40 + 2)"""
MEASURED = "print(f'{2 / 3 + 0.0001:.2f} and {round(60.4)} %')"
PICTURE = "fig, ax = plt.subplots(figsize=(2, 2))\n_ = ax.plot([0, 1], [0, 1])\nplt.show()"
EXPLORER = """def line(fig, a, style):
    fig.add_subplot().plot([0, 1], [0, a], style)

Explorer(line, alt="A line", a=ipywidgets.FloatSlider(1), style=ipywidgets.Dropdown(options=["-", ":"]))"""


def notebook():
    """A small notebook of the course: imports, a number, a picture, an explorer; not run."""
    return new_notebook(cells=[
        new_markdown_cell("# Small", id="title"),
        new_code_cell(IMPORTS, id="imports"),
        new_code_cell(NUMBER, id="number", metadata={"slideshow": {"slide_type": "slide"}, "collapsed": False}),
        new_code_cell(MEASURED, id="measured", metadata={"tags": ["measured"]}),
        new_code_cell(PICTURE, id="picture", metadata={"alt": "A rising line"}),
        new_code_cell(EXPLORER, id="explorer"),
    ])


def cell(node, id):
    return next(cell for cell in node.cells if cell.id == id)
