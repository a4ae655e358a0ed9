"""The handbook: for each finding its law, what follows, the repair, and the lesson that explains it."""

from typing import NamedTuple


class Entry(NamedTuple):
    """What is always true of one kind of finding; what was measured comes from the probe."""

    law: str
    why: str
    repair: str
    lesson: str


HANDBOOK = {
    "stale-statistics": Entry(
        "The stored mean and variance are those of the layer's inputs, with the weights as they are now.",
        "Layers above that were trained in train() meet other shifts and scales in eval(): good in train(), bad in "
        "eval().",
        "from bncourse.nn import population_statistics\npopulation_statistics(model, loader)",
        "lesson 05, sections 3 and 4",
    ),
    "batch-statistics-at-inference": Entry(
        "At inference the output for an example depends on that example alone.",
        "A score changes with whatever else is in the batch, and a batch of one is normalized to nothing.",
        "model.eval()  # and no child left in train(), no F.batch_norm(..., training=True), track_running_stats=True",
        "lesson 05, section 2",
    ),
    "frozen-layer-moves": Entry(
        "A frozen layer is the same function before and after a step of training.",
        "requires_grad=False stops gamma and beta; the running statistics move with every forward pass in train().",
        "for module in model.modules():  # after each model.train()\n"
        "    if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and {\n"
        "            p.requires_grad for p in module.parameters()} == {False}:\n"
        "        module.eval()",
        "lesson 05, section 6",
    ),
    "one-value-per-channel": Entry(
        "In training, a channel has at least two values: one value less its own mean is 0, whatever it was.",
        "PyTorch raises 'Expected more than 1 value per channel'; a hand-written layer silently returns beta.",
        "torch.utils.data.DataLoader(dataset, batch_size, shuffle=True, drop_last=True)  # or no batch norm on 1 x 1 "
        "maps",
        "lesson 03, section 6",
    ),
    "few-values-per-channel": Entry(
        "The mean of m values is off by about 1/sqrt(m) of a standard deviation, and their variance, where they are "
        "normal, by about sqrt(2/m) of itself.",
        "The noise grows as the values become fewer, and what is trained differs from what eval() computes.",
        "larger mini-batches, torch.nn.GroupNorm, torch.nn.SyncBatchNorm over several devices, or frozen statistics",
        "lesson 09, section 7",
    ),
    "statistics-not-finite": Entry(
        "The stored mean is finite, and the stored variance is finite and not negative.",
        "What eval() makes of it is NaN, infinite or constant, unless eps makes up for a negative variance; train(), "
        "which does not read what is stored, looks healthy.",
        "find the batch that was not finite, load an earlier checkpoint, or measure again:\n"
        "from bncourse.nn import population_statistics\npopulation_statistics(model, loader)",
        "lesson 05, section 4",
    ),
    "momentum-of-another-convention": Entry(
        "The momentum of PyTorch is the weight of the new mini-batch, 0.1; that of Keras and Flax is the weight of the "
        "old value, 0.99: 1 minus that of PyTorch.",
        "The stored statistics are almost those of the last mini-batch alone.",
        "layer.momentum = 1 - layer.momentum",
        "lesson 05, section 5",
    ),
    "momentum-too-small": Entry(
        "After n steps (1 - momentum)^n of the initial mean 0 and variance 1 is left.",
        "The statistics are still those that the layer was made with, and not those of the data.",
        "from bncourse.nn import population_statistics\npopulation_statistics(model, loader)  # or more steps, or "
        "momentum=0.1",
        "lesson 05, section 4",
    ),
    "eps-of-another-convention": Entry(
        "A layer computes (x - mean) / sqrt(var + eps) with the eps that it was trained with: 1e-5 in PyTorch, 1e-3 in "
        "Keras.",
        "Where the variance is small the output has another scale than the layers above were trained on.",
        "layer.eps = 1e-3  # or 1e-5: that of the framework in which the weights were trained, in every layer",
        "lesson 05, section 5",
    ),
    "biased-variance": Entry(
        "The stored variance is the unbiased one: m / (m - 1) times that of the mini-batch (Algorithm 2, line 10).",
        "With few values in a channel eval() divides by too little.",
        "running_var = (1 - momentum) * running_var + momentum * x.var(axes, unbiased=True)",
        "lesson 05, section 3",
    ),
    "averaged-weights": Entry(
        "Statistics belong to the weights that they were measured with.",
        "Averaged weights (EMA, SWA) make other activations than those that the stored statistics describe.",
        "torch.optim.swa_utils.update_bn(loader, averaged_model)",
        "lesson 05, section 8",
    ),
    "unsynchronized": Entry(
        "In data-parallel training each process normalizes its own share, and keeps statistics of its own.",
        "With a small share the statistics are noisy, and processes validate differently.",
        "model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)  # before DistributedDataParallel",
        "lesson 12, section 1",
    ),
    "counted-twice": Entry(
        "In a step of training each batch norm takes in each mini-batch once.",
        "Gradient checkpointing runs the forward pass again during the backward pass: the effective momentum is "
        "1 - (1 - momentum)^2, and the losses agree.",
        "leave batch norms out of the checkpointed part, or use momentum = 1 - sqrt(1 - momentum) in it",
        "lesson 15, section 4",
    ),
    "shared-by-different-inputs": Entry(
        "A batch norm has one mean and one variance, which must suit everything that passes through it.",
        "In train() each kind of input is normalized by itself, in eval() all by a mixture that suits none.",
        "one batch norm for each kind of input (the convolutions may be shared)",
        "lesson 05, section 8",
    ),
    "padding-in-the-statistics": Entry(
        "Mean and variance are those of data: padding is not data.",
        "The statistics depend on how long the longest example of a batch is.",
        "normalize x[mask] only, or use layer norm",
        "lesson 06, section 3",
    ),
    "not-foldable": Entry(
        "A batch norm right behind a linear layer or a convolution can be folded into it (Algorithm 2, line 11).",
        "This one cannot, so quantization and export keep it as a layer of its own; in training it is a choice.",
        "the order convolution, batch norm, nonlinearity, and one batch norm for each convolution",
        "lesson 05, section 7",
    ),
    "overflows-half": Entry(
        "Half precision holds numbers up to 65,504.",
        "model.half() turns the statistic into infinity, and the channel into 0 or NaN.",
        "keep batch norms in float32 (autocast does), use bfloat16, or fold them first: bncourse.nn.fold_batchnorm",
        "lesson 05, section 7",
    ),
    "never-trained": Entry(
        "A batch norm that was trained in train() has statistics that are not exactly mean 0 and variance 1.",
        "eval() does not normalize at all. Where the statistics were lost, or not loaded with the weights, it is bad; "
        "a network that was trained in eval() throughout is right as it is.",
        "model.load_state_dict(state, strict=True)  # and print what is missing; or measure:\n"
        "from bncourse.nn import population_statistics\npopulation_statistics(model, loader)",
        "lesson 05, section 2",
    ),
    "statistics-missing": Entry(
        "A checkpoint holds running_mean and running_var of every batch norm, beside its weight and bias.",
        "load_state_dict(strict=False) leaves mean 0 and variance 1 without a word.",
        "torch.save(model.state_dict(), path)  # and not only model.named_parameters()",
        "lesson 05, section 4",
    ),
    "statistics-not-registered": Entry(
        "Running statistics are buffers: they are saved, loaded and moved to a device with the model.",
        "state_dict() does not hold them, so a loaded model starts from mean 0 and variance 1.",
        'self.register_buffer("running_mean", torch.zeros(channels))',
        "lesson 05, section 4",
    ),
    "wasted-bias": Entry(
        "A bias before batch norm is taken away with the mean: its gradient is 0, up to rounding.",
        "It learns nothing, and costs memory and time (section 3.2 of the paper leaves it out).",
        "bias=False",
        "lesson 06, section 2",
    ),
    "decayed-scale-and-shift": Entry(
        "Weight decay of gamma and beta is a choice: it is contested, and common recipes leave it out.",
        "It pulls the scale of every normalized layer towards 0, where decay of the weights before it changes nothing "
        "but their learning rate.",
        "two parameter groups in the optimizer: weight_decay=0 for weight and bias of batch norms",
        "lesson 07, section 5",
    ),
    "batch-tells-the-label": Entry(
        "Knowing which mini-batch an example is in says nothing about its label.",
        "In train() the network reads the answer from the company, in eval() it cannot: the loss falls and validation "
        "is random.",
        "torch.utils.data.DataLoader(dataset, batch_size, shuffle=True)",
        "lesson 09, section 3",
    ),
    "buffers-not-copied": Entry(
        "A copy of a network has its parameters and its buffers.",
        "The copy (a target network, a teacher, an evaluation model) computes another function in eval().",
        "copy.load_state_dict(original.state_dict())  # parameters and buffers",
        "lesson 05, section 4",
    ),
    "gradient-path-missing": Entry(
        "The gradient passes through the statistics: in each channel dx sums to 0, and so does dx times x_hat.",
        "What the layer passes back is not the gradient of the loss: training is worse, and the weights before the "
        "layer grow more than they would.",
        "no .detach(), .data, .item() or no_grad() around the mean and the variance of the mini-batch",
        "lesson 04, section 5",
    ),
    "dead-channels": Entry(
        "A channel of a batch norm passes something on, or receives a gradient.",
        "With gamma 0 and no positive beta before a ReLU, output and gradient are 0 for ever.",
        "prune the channels, or start them again: with torch.no_grad(): layer.weight[dead] = 1.0",
        "lesson 03, section 4",
    ),
    "dropout-before-batchnorm": Entry(
        "What a batch norm is fed has the same variance in train() and in eval().",
        "Dropout adds variance in train() alone, so the stored variance is too large for eval() (Li et al. 2018).",
        "Dropout after the last batch norm",
        "lesson 09, section 6",
    ),
    "digits-lost": Entry(
        "The mean of a channel is not many times its standard deviation.",
        "float32 holds 7 digits: subtracting a large mean leaves few of them for the differences.",
        "center the inputs first: x - mean, in the data pipeline",
        "lesson 03, section 5",
    ),
    "exploding-gradients": Entry(
        "At initialization each batch norm with a ReLU multiplies the squared gradient by about pi / (pi - 1) = 1.47.",
        "With depth the gradient of the first layers is too large for any learning rate that suits the last ones.",
        "skip connections, with the last gamma of each branch at 0, or a learning rate warmup",
        "lesson 08, section 6",
    ),
}
