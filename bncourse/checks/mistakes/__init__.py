"""The catalogue of wrong batch norms that somebody has published or submitted, as code.

    forward.py        Algorithm 1 with one thing wrong
    backward.py       its gradient with one thing wrong
    weighted.py       the gradient where examples have weights, with one thing wrong
    axes.py           section 3.2: averaged over the wrong axes
    layers.py         layers that keep state: running statistics, modes, parameters
    layers_in_use.py  layers that are right alone and on feature maps, and wrong for another shape or in a network

Checks compare a learner's answer with them; the tests hold every check to rejecting each.
"""
