"""What people do with a model that holds batch norms: functions that return what can be compared.

A use is called with a model in training mode and float64, `Conv2d, BatchNorm2d, ReLU, Conv2d, BatchNorm2d`; with an
input x of it; and with the package that the batch norms are from. What it returns must not depend on the latter.
"""

from tests.nn.uses import derivatives, failing, graphs, lives


def uses_of(*modules):
    """The uses in some modules, by their names."""
    return {
        name: function
        for module in modules
        for name, function in vars(module).items()
        if getattr(function, "__module__", None) == module.__name__ and not isinstance(function, type)
    }


USES = uses_of(graphs, derivatives, lives)
FAIL_WITH_BOTH = uses_of(failing)
