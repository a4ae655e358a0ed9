"""Who feeds whom inside a model, as folding needs to know it.

Two ways to find out. `trace` runs `forward` on stand-ins for tensors (torch.fx), so that what it finds holds
for every input; but Python that asks for a tensor's shape or values cannot be traced. `watch` runs the model
on an example and looks on; what it finds holds for inputs that take the same path through the model.

What only arranges values anew (a view, a flatten, a transpose, a slice, an Identity) is looked through: what comes
out of it counts as made by whatever made the values.
"""

import inspect
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from bncourse.nn.probing import LINEAR, is_batchnorm, is_linear, keeps_statistics

__all__ = ["LINEAR", "Flow", "Untraceable", "call", "hooked", "is_batchnorm", "is_linear", "tensors", "trace", "watch",
           "watch_output"]

ABOUT = {"shape", "size", "dim", "ndim", "dtype", "device"}  # questions about a tensor, not about its values
LIKE = {"reshape_as", "view_as", "expand_as", "type_as"}  # ask the same about their second tensor
UNCHANGED = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)  # in eval mode
ARRANGING = {
    getattr(torch.ops.aten, name)
    for name in (
        "view _unsafe_view alias detach clone permute transpose t squeeze unsqueeze expand slice".split()
    )
}


class Untraceable(ValueError):
    """Raised where the forward pass of a model cannot be traced; `watch` and an example of its input would do."""


@dataclass
class Flow:
    """What one forward pass of a model does with its linear layers and batch norms.

    Each attribute is a dictionary with the layers' names in the model as keys:

    calls     how often the layer runs in one forward pass
    source    what made the layer's input: the name of a layer, or a phrase that cannot be one, such as `relu()`
    uses      the names or phrases of everything that takes the layer's output
    reads     the names or phrases of everything else that reads the layer's parameters
    dims      the number of axes of the layer's input; only `watch` knows it
    aligned   whether the second axis of the layer's input is the axis along which `source`, a linear layer, wrote its
              outputs; only `watch` knows it
    """

    calls: Counter[str] = field(default_factory=Counter)
    source: dict[str, str] = field(default_factory=dict)
    uses: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reads: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    dims: dict[str, int] = field(default_factory=dict)
    aligned: dict[str, bool] = field(default_factory=dict)


def trace(model: nn.Module) -> Flow:
    """The flow of a model for every input, found by running `forward` on stand-ins for tensors.

    Optional arguments of `forward` have their defaults. Raises Untraceable where the model's Python asks a stand-in for
    its values, or for what it cannot tell.
    """
    try:
        graph = LayerTracer().trace(model)
    except Exception as error:  # whatever the model's own code makes of stand-ins for tensors
        raise Untraceable(
            f"{type(model).__name__} cannot be traced ({type(error).__name__}: {error}); "
            f"pass an example of its input, fold_batchnorm(model, example), or fold its parts one by one"
        ) from error
    flow, modules = Flow(), dict(model.named_modules())
    for node in graph.nodes:
        if looked_through(node, modules):
            continue
        name = describe(node, modules)
        for source in node.all_input_nodes:
            if asks_about(node, source):
                continue
            if source.op == "get_attr":
                flow.reads[source.target.rpartition(".")[0]].add(name)
            else:
                flow.uses[describe(origin(source, modules), modules)].add(name)
        if node.op == "call_module":
            flow.calls[name] += 1
            flow.source[name] = (
                describe(origin(node.all_input_nodes[0], modules), modules) if node.all_input_nodes else "nothing"
            )
    return flow


def asks_about(node: fx.Node, x: fx.Node) -> bool:
    """Whether a node of a trace asks a question about x that no value of x changes: `x.shape`, or `y.view_as(x)`."""
    if node.op == "call_method" and node.target in LIKE:
        return x is not node.args[0]
    return (node.target == getattr and node.args[1] in ABOUT) or (
        node.op == "call_method" and node.target in ABOUT
    )


def looked_through(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Whether a node of a trace passes on the values of its input, and their last axis as it is if it moves them.

    That is so for dropout, which is off at inference, and for what makes the output of a `Linear` a matrix:
    `x.flatten(0, 1)`, `x.flatten(0, -2)`, `x.view(-1, outputs)`.
    """
    if node.op == "call_module":
        return type(modules[node.target]) in UNCHANGED and not hooked(modules[node.target])
    name = getattr(node.target, "__name__", node.target)
    if node.op not in ("call_method", "call_function") or name not in ("contiguous", "flatten", "view", "reshape"):
        return False
    if name == "contiguous":
        return True
    source = origin(node.args[0], modules) if isinstance(node.args[0], fx.Node) else None
    layer = modules[source.target] if source is not None and source.op == "call_module" else None
    if not isinstance(layer, nn.Linear):
        return False
    if name == "flatten":
        return (*node.args[1:], *node.kwargs.values()) in ((0, 1), (0, -2))
    return node.args[1:] in ((-1, layer.out_features), ((-1, layer.out_features),))


def origin(node: fx.Node, modules: dict[str, nn.Module]) -> fx.Node:
    """The node of a trace that made the values which `node` passes on."""
    while looked_through(node, modules):
        node = node.all_input_nodes[0]
    return node


def describe(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    """What a node of a trace is called in a `Flow`: a linear layer or batch norm by its name, others by a phrase.

    `modules` maps names to the modules of the traced model.
    """
    if node.op == "call_module":
        module = modules[node.target]
        named = is_linear(module) or keeps_statistics(module)
        return node.target if named else f"{node.target} ({type(module).__name__})"
    if node.op in ("placeholder", "output"):
        return "the model's input" if node.op == "placeholder" else "the model's output"
    return f"{getattr(node.target, '__name__', node.target)}()"


class LayerTracer(fx.Tracer):
    """A tracer of torch.fx for `trace`: it looks into every module that contains others, and stops at layers.

    A model is given stand-ins only for those arguments of `forward` that have no default.
    """

    proxy_buffer_attributes = True

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        childless = next(m.children(), None) is None
        return childless or is_linear(m) or keeps_statistics(m) or super().is_leaf_module(m, module_qualified_name)

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        _, *parameters = inspect.signature(root_fn).parameters.values()
        required = [p for p in parameters if p.default is p.empty and p.kind <= p.POSITIONAL_OR_KEYWORD]
        stand_ins = [self.create_proxy("placeholder", p.name, (), {}) for p in required or parameters[:1]]
        return root_fn, [self.root, *stand_ins]


def watch(model: nn.Module, example: object) -> Flow:
    """The flow of a model, found by running it once on an example; right for inputs that take the same path.

    `example` is as in `call`. Raises what the model raises.
    """
    return watch_output(model, example)[0]


def watch_output(model: nn.Module, example: object) -> tuple[Flow, object]:
    """The flow of a model as `watch` finds it, and what the model returned."""
    with torch.no_grad(), Watcher(model) as watcher:
        output = call(model, example)
    watcher.note(output, "the model's output")
    return watcher.flow, output


def call(model: nn.Module, example: object) -> object:
    """What a model makes of an example of its input: a tuple of positional arguments, a dict of named ones, or else
    its one argument, such as a tensor or a list of images."""
    if isinstance(example, Mapping):
        return model(**example)
    return model(*example) if isinstance(example, tuple) else model(example)


class Watcher(TorchDispatchMode):
    """Notes what operations and layers do with each tensor, while the watcher is on, in `flow`.

    `layers` maps the linear layers and batch norms of the model to their names, and `spied` the other modules that
    have hooks. `with watcher:` turns the watcher on, and PyTorch then tells it of every operation. `maker` holds what
    made the values of each tensor, `owner` the layer that each parameter belongs to, and `inside` the names of the
    layers that are running. `outputs` holds, for the output of a linear layer and what is arranged from it, the number
    of the layer's output at each place.
    """

    def __init__(self, model: nn.Module):
        super().__init__()
        self.flow = Flow()
        modules = {m: name for name, m in model.named_modules() if not isinstance(m, torch.jit.ScriptModule)}
        self.layers = {m: name for m, name in modules.items() if is_linear(m) or keeps_statistics(m)}
        self.spied = {m: name for m, name in modules.items() if hooked(m) and m not in self.layers}
        self.inside, self.hooks = [], []
        self.maker, self.owner, self.outputs = (WeakTensorKeyDictionary() for _ in range(3))
        for layer, name in self.layers.items():
            self.owner.update({t: name for t in (*layer.parameters(False), *layer.buffers(False))})

    def __enter__(self):
        for layer in self.layers:
            self.hooks.append(layer.register_forward_pre_hook(self.enter, with_kwargs=True))
            self.hooks.append(layer.register_forward_hook(self.leave))
        for module, name in self.spied.items():
            self.hooks.append(module.register_forward_hook(
                lambda module, args, kwargs, y, name=name: self.note((args, kwargs, y), f"a hook of {name}"),
                with_kwargs=True,
            ))
        return super().__enter__()

    def __exit__(self, *error):
        for hook in self.hooks:
            hook.remove()
        return super().__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if not self.inside and func.overloadpacket in ARRANGING and args[0] in self.maker:
            return self.arrange(func, args, kwargs)
        user = self.inside[-1] if self.inside else f"{func.overloadpacket.__name__}()"
        self.note((args, kwargs), user)
        made = func(*args, **kwargs)
        self.maker.update({t: user for t in tensors(made)})
        return made

    def arrange(self, func, args, kwargs) -> Tensor:
        """Does an operation that only arranges the values of a tensor, and the same with the numbers in `outputs`."""
        x, *others = args
        made = func(*args, **kwargs)
        self.maker[made] = self.maker[x]
        if x in self.outputs:
            numbers = self.outputs[x]
            if func.overloadpacket is torch.ops.aten.view:  # these numbers may lie otherwise in memory
                self.outputs[made] = numbers.reshape(made.shape)
            else:
                self.outputs[made] = func(numbers, *others, **kwargs)
        return made

    def note(self, taken, user: str) -> None:
        """Notes that `user` takes the tensors in `taken`, or reads them where they are parameters of another layer."""
        for tensor in tensors(taken):
            if tensor in self.maker:
                self.flow.uses[self.maker[tensor]].add(user)
            if self.owner.get(tensor, user) != user:
                self.flow.reads[self.owner[tensor]].add(user)

    def enter(self, layer, args, kwargs) -> None:
        """Notes that a layer begins, and what made its input: a hook before its forward pass."""
        name, x = self.layers[layer], next(iter(tensors((args, kwargs))))
        self.flow.calls[name] += 1
        self.flow.source[name] = self.maker.get(x, "the model's input")
        self.flow.dims[name] = x.dim()
        if x in self.outputs and x.dim() > 1:
            numbers = self.outputs[x]
            along = torch.arange(x.shape[1], device=numbers.device).reshape(-1, *[1] * (x.dim() - 2))
            self.flow.aligned[name] = torch.equal(numbers, along.expand_as(numbers))
        self.inside.append(name)

    def leave(self, layer, args, y) -> None:
        """Notes that the layer which began last ends, and which outputs lie where: a hook after its forward pass."""
        self.inside.pop()
        if is_linear(layer):
            axis = y.dim() - layer.weight.dim() + 1  # Linear: the last; a convolution: the first or second
            numbers = torch.arange(y.shape[axis], device=y.device).reshape(-1, *[1] * (layer.weight.dim() - 2))
            self.outputs[y] = numbers.expand_as(y)


def hooked(module: nn.Module) -> bool:
    """Whether a module has hooks, which may look at what goes in or out of it, or change it."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, kind) for kind in hooks)


def tensors(tree) -> list[Tensor]:
    """All tensors in `tree`, which may be a tensor, or nested tuples, lists, dicts and dataclasses of anything."""
    found = []
    for leaf in tree_leaves(tree):
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            found += tensors([getattr(leaf, field.name) for field in fields(leaf)])
    return found
