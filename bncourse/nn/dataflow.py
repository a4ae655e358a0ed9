"""Who feeds whom inside a model, as folding needs to know it.

Two ways to find out. `trace` runs `forward` on stand-ins for tensors (torch.fx), so that what it finds holds
for every input; but Python that asks for a tensor's shape or values cannot be traced. `watch` runs the model
on an example and looks on; what it finds holds for inputs that take the same path through the model.
"""

import inspect
from collections import Counter, defaultdict
from dataclasses import dataclass, field, fields, is_dataclass

import torch
from torch import Tensor, fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from bncourse.nn.batchnorm import BATCHNORMS

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)
ABOUT = {"shape", "size", "dim", "ndim", "dtype", "device"}  # questions about a tensor, not about its values


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
    """

    calls: Counter[str] = field(default_factory=Counter)
    source: dict[str, str] = field(default_factory=dict)
    uses: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reads: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    dims: dict[str, int] = field(default_factory=dict)


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer or convolution of `torch.nn`, or of a subclass that computes the same."""
    return computes_as(module, LINEAR, ("forward", "_conv_forward"))


def is_batchnorm(module: nn.Module) -> bool:
    """Whether a module is a batch norm of this package or of `torch.nn`, or of a subclass that computes the same."""
    return computes_as(module, (*BATCHNORMS, nn.SyncBatchNorm), ("forward",))


def computes_as(module: nn.Module, classes: tuple[type, ...], methods: tuple[str, ...]) -> bool:
    """Whether a module has the methods of one of the classes, neither overridden in a subclass nor patched.

    `classes` are the classes to compare with, and `methods` the names of the methods that decide what is computed.
    """
    return not any(name in vars(module) for name in methods) and any(
        isinstance(module, cls)
        and all(getattr(type(module), m, None) is getattr(cls, m, None) for m in methods)
        for cls in classes
    )


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
        name = describe(node, modules)
        for source in node.all_input_nodes:
            if asks_about(node):
                continue
            if source.op == "get_attr":
                flow.reads[source.target.rpartition(".")[0]].add(name)
            else:
                flow.uses[describe(source, modules)].add(name)
        if node.op == "call_module":
            flow.calls[name] += 1
            flow.source[name] = (
                describe(node.all_input_nodes[0], modules) if node.all_input_nodes else "nothing"
            )
    return flow


def asks_about(node: fx.Node) -> bool:
    """Whether a node of a trace is `x.shape`, `x.size()` or the like: a question whose answer no value of x changes."""
    return (node.target == getattr and node.args[1] in ABOUT) or (
        node.op == "call_method" and node.target in ABOUT
    )


def describe(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    """What a node of a trace is called in a `Flow`: a linear layer or batch norm by its name, all else by a phrase.

    `modules` maps names to the modules of the traced model.
    """
    if node.op == "call_module":
        module = modules[node.target]
        named = is_linear(module) or is_batchnorm(module)
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
        return childless or is_linear(m) or super().is_leaf_module(m, module_qualified_name)

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        _, *parameters = inspect.signature(root_fn).parameters.values()
        required = [p for p in parameters if p.default is p.empty and p.kind <= p.POSITIONAL_OR_KEYWORD]
        stand_ins = [self.create_proxy("placeholder", p.name, (), {}) for p in required or parameters[:1]]
        return root_fn, [self.root, *stand_ins]


def watch(model: nn.Module, example: Tensor | tuple) -> Flow:
    """The flow of a model, found by running it once on an example; right for inputs that take the same path.

    `example` is the model's input, or the tuple of all its positional arguments. Hooks stay in the model afterwards:
    give a copy. Raises what the model raises.
    """
    watcher = Watcher({m: name for name, m in model.named_modules() if is_linear(m) or is_batchnorm(m)})
    with torch.no_grad(), watcher:
        output = model(*example) if isinstance(example, tuple) else model(example)
    watcher.note(output, "the model's output")
    return watcher.flow


class Watcher(TorchDispatchMode):
    """Notes what operations and layers do with each tensor, while the watcher is on, in `flow`.

    `layers` maps the linear layers and batch norms to their names. `with watcher:` turns the watcher on, and PyTorch
    then tells it of every operation. `maker` holds what made each tensor, `owner` the layer that each parameter
    belongs to, and `inside` the names of the layers that are running.
    """

    def __init__(self, layers: dict[nn.Module, str]):
        super().__init__()
        self.flow = Flow()
        self.layers = layers
        self.inside = []
        self.maker, self.owner = WeakTensorKeyDictionary(), WeakTensorKeyDictionary()
        for layer, name in layers.items():
            self.owner.update({t: name for t in (*layer.parameters(False), *layer.buffers(False))})
            layer.register_forward_pre_hook(self.enter, with_kwargs=True)
            layer.register_forward_hook(self.leave)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        user = self.inside[-1] if self.inside else f"{func.overloadpacket.__name__}()"
        self.note((args, kwargs), user)
        made = func(*args, **(kwargs or {}))
        self.maker.update({t: user for t in tensors(made)})
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
        name, x = self.layers[layer], args[0] if args else kwargs["input"]
        self.flow.calls[name] += 1
        self.flow.source[name] = self.maker.get(x, "the model's input")
        self.flow.dims[name] = x.dim()
        self.inside.append(name)

    def leave(self, layer, args, y) -> None:
        """Notes that the layer which began last ends: a hook after its forward pass."""
        self.inside.pop()


def tensors(tree) -> list[Tensor]:
    """All tensors in `tree`, which may be a tensor, or nested tuples, lists, dicts and dataclasses of anything."""
    found = []
    for leaf in tree_leaves(tree):
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            found += tensors([getattr(leaf, field.name) for field in fields(leaf)])
    return found
