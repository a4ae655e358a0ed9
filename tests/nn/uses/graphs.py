"""Models compiled, exported, scripted, traced and fused."""

import io

import torch
from torch import fx, nn
from torch.ao.quantization import fuse_modules
from torch.ao.quantization.quantize_fx import fuse_fx

from bncourse.nn import convert_batchnorm
from tests.nn.models import batchnorms
from tests.nn.uses.common import compiled, exported, operators, state


def compiled_in_training(model, x, lib):
    return compiled(model, x, backend="aot_eager"), state(model)


def compiled_in_eval_mode(model, x, lib):
    return compiled(model.eval(), x, backend="aot_eager")


def compiled_for_any_batch_size(model, x, lib):
    return compiled(model, x, backend="eager", dynamic=True)


def exported_in_eval_mode(model, x, lib):
    program = exported(model.eval(), x)
    return operators(program.graph), program.module()(x[:2])


def exported_in_training(model, x, lib):
    program = exported(model, x)
    return operators(program.graph), program.module()(x)


def exported_strictly(model, x, lib):
    return operators(exported(model.eval(), x, strict=True).graph)


def exported_and_decomposed(model, x, lib):
    return operators(exported(model.eval(), x).run_decompositions().graph)


def scripted_saved_and_loaded(model, x, lib):
    saved = io.BytesIO()
    torch.jit.save(torch.jit.script(model), saved)
    saved.seek(0)
    script = torch.jit.load(saved)
    return script(x), script.eval()(x), state(script)


def scripted_and_frozen(model, x, lib):
    frozen = torch.jit.freeze(torch.jit.script(model.eval()))
    return str(frozen.graph).count("batch_norm"), frozen(x)


def traced_in_training(model, x, lib):
    return torch.jit.trace(model, x, check_trace=False)(x), state(model)


def traced_in_eval_mode(model, x, lib):
    return str(torch.jit.trace(model.eval(), x).inlined_graph).count("batch_norm")


def written_as_onnx(model, x, lib):
    import onnx

    written = io.BytesIO()
    layers = nn.Sequential(nn.ReLU(), model[1], *model).float().eval()
    torch.onnx.export(layers[:2], (torch.relu(model[0](x.float())),), written, dynamo=False)
    return [node.op_type for node in onnx.load_from_string(written.getvalue()).graph.node]


def traced_by_fx(model, x, lib):
    traced = fx.symbolic_trace(model)
    return operators(traced.graph), traced(x), state(traced)


def fused_pair_by_pair(model, x, lib):
    return torch.nn.utils.fuse_conv_bn_eval(*model.eval()[:2])(x)


def fused_by_fx(model, x, lib):
    from torch.fx.experimental.optimization import fuse  # warns of what it imports

    fused = fuse(convert_batchnorm(model.eval(), to="torch"))
    return len(batchnorms(fused)), fused(x)


def fused_for_quantization(model, x, lib):
    fused = fuse_modules(convert_batchnorm(model.eval(), to="torch"), [["0", "1", "2"], ["3", "4"]])
    return [type(layer).__name__ for layer in fused], fused(x)


def fused_for_quantization_by_fx(model, x, lib):
    fused = fuse_fx(convert_batchnorm(model.eval(), to="torch"))
    return len(batchnorms(fused)), fused(x)
