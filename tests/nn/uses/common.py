"""What several uses share."""

import torch

from tests.nn.models import batchnorms


def state(model):
    """What a model remembers, as it is now."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def parameters_of(model):
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def untracked(model):
    """The model, its batch norms without running statistics."""
    for norm in batchnorms(model).values():
        norm.track_running_stats = False
        norm.running_mean = norm.running_var = norm.num_batches_tracked = None
    return model


def loss_of(model):
    return lambda x: model(x).pow(3).sum()


def operators(graph):
    """The operations and layers that a graph calls, in order."""
    return [str(node.target) for node in graph.nodes if node.op in ("call_function", "call_module")]


def compiled(model, x, **settings):
    torch.compiler.reset()
    return torch.compile(model, fullgraph=True, **settings)(x)


def exported(model, x, **settings):
    """The model as a program for any number of examples from two on."""
    sizes = ({0: torch.export.Dim("N", min=2)},)
    return torch.export.export(model, (x,), dynamic_shapes=sizes, **settings)
