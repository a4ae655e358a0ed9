"""The paper's experiments, and what runs them. Each experiment keeps to protocol.py.

Experiments:
    activations      4.1, Figure 1  the sigmoid network with batch norm and without
    classification   4.2.1, 4.2.2   Inception and its variants, at several learning rates (Figures 2 and 3)
    company          3.4            norms, sizes and orders of mini-batches, Dropout: what company does
    crops            4.2.3          each of 48 crops alone, of six trained networks
    depth            3.3            gradients through many layers, new and after training
    domains          5              new statistics for digits of another kind, and what they cannot repair
    ensembles        4.2.3          every set of six trained networks, from 1 to 48 crops (Figure 4)
    folding          3.1            the time that folding saves at inference
    inference        3.1            Algorithm 2 and moving averages, while a network trains
    landscape        1, 3.3         loss and gradient along a step, noise after batch norm, gamma and beta alone
    placement        3.2            batch norm before the activation, or after it
    recurrent        5              an LSTM with statistics for each step or shared, and with layer norm
    sensitivity      1, 3.3         training over a grid of learning rates and of initial scales
    shift            1              a classifier of digits under another condition
    views            4.2.2          trained networks on pictures that are sharper than those of their training
    whitening        2              the cost of whitening beside that of batch norm

What runs them:
    protocol         what an experiment is; `recorded_run`, which writes down how it was measured
    digits           4.1's binary images of digits, and their mini-batches
    recording        measure what is planned, find what is recorded, replay it
    side_by_side     several configurations at once, each in a process of its own
    variants         4.2's networks as configurations, each as its difference from another
    scales           the sizes at which they are trained, and Inception's own learning rate at each
    ranges           what the fields of a configuration must be
    options          what the train command's options change in such a configuration
    small_scale      4.2's configurations at the size that the course has recorded
    kept             the folder in which a training of 4.2 is kept, and what it says of itself
    trainings        a training of 4.2 that is kept in a folder, and read back
    scoring          4.2.3's test of trained networks, alone and as an ensemble
    clinic           six cases from issue trackers with what their owners saw, for lesson 15
    porting          a checkpoint in another framework's conventions, and what it costs to leave them
"""
