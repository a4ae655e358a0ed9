"""What every batch-norm module must do, as laws: functions of a module class, a shape, and `randn`.

Ours must keep them all (test_batchnorm.py), and each mistake of mistakes.py must break one
(test_mistakes.py). The oracle is the paper's formula in float64, differentiated by autograd.
"""

from tests.nn.laws import gradient, memory, transform

LAWS = {
    name: law
    for module in (transform, gradient, memory)
    for name, law in vars(module).items()
    if getattr(law, "__module__", None) == module.__name__
}
