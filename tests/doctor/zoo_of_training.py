"""Healthy models at different moments of their training, and with loaders of different kinds."""

import torch
from torch.utils.data import DataLoader, IterableDataset

from bncourse.nn import population_statistics
from tests.doctor.bodies import Residual, healthy, loader, pictures, small, some
from tests.doctor.cases import Case
from tests.doctor.zoo import animal


@animal()
def statistics_measured_afterwards():
    """Eight mini-batches are counted, and nothing of the initial statistics is left."""
    x, t = pictures()
    batches = list(zip(x.split(32), t.split(32), strict=True))
    return Case(population_statistics(healthy("small"), batches), some(), batches)


@animal()
def fresh_and_about_to_be_trained():
    model = small().train()
    return Case(model, some(), loader(*pictures()), torch.optim.SGD(model.parameters(), 0.1))


@animal(16)
def fresh_with_a_mini_batch_only():
    return Case(Residual().train(), some())


@animal(16)
def fresh_in_eval_mode():
    """gamma is 1 and beta 0, all as made: nobody has trained it, and nothing was lost."""
    return Case(small().eval(), some())


@animal()
def in_the_middle_of_training():
    model = healthy("residual").train()
    return Case(model, some(), loader(*pictures()), torch.optim.SGD(model.parameters(), 0.01, momentum=0.9))


@animal()
def frozen_and_in_eval_mode():
    model = healthy("residual").requires_grad_(False)
    model.head.requires_grad_(True).train()
    return Case(model, some(), optimizer=torch.optim.SGD(model.head.parameters(), 0.1))


@animal()
def last_mini_batch_of_one_picture():
    """One picture of 8 by 8 has 64 values a channel."""
    x, t = pictures()
    return Case(healthy("small").train(), some(), loader(x[:65], t[:65]),
                torch.optim.SGD(healthy("small").parameters(), 0.1))


@animal()
def two_large_pictures():
    return Case(healthy("residual").train(), some()[:2])


@animal()
def few_examples_of_many_classes():
    """48 examples and ten classes: chance alone leaves classes out of a mini-batch."""
    x = pictures()[0][:48]
    t = torch.arange(48) * 7 % 10
    return Case(healthy("small").train(), x[:16], loader(x, t, batch=16))


@animal()
def labels_that_are_numbers():
    x = pictures()[0]
    return Case(healthy("small"), some(), loader(x, torch.randn(len(x), 2)))


@animal()
def loader_of_pictures_alone():
    return Case(healthy("small"), some(), list(pictures()[0].split(32)))


@animal()
def frozen_for_inference():
    return Case(healthy("residual").requires_grad_(False), some())


@animal()
def loader_of_single_pictures():
    """In eval mode it does not matter how the data is cut into mini-batches."""
    x, t = pictures()
    return Case(healthy("small"), some(), loader(x[:96], t[:96], batch=1))


class Stream(IterableDataset):
    """Examples whose number nobody knows beforehand."""

    def __iter__(self):
        return zip(*pictures(), strict=True)


@animal()
def loader_of_a_stream():
    return Case(healthy("small"), some(), DataLoader(Stream(), 32))
