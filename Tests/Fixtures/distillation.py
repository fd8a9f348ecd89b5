"""Makes Tests/Fixtures/distillation/values.json: the loss of rows that learn from labels and from a teacher, and the
gradient, as PyTorch computes them in f32, for the tests of MotetTensor.

    python Tests/Fixtures/distillation.py

Hinton et al. 2015, arXiv 1503.02531: (1-w) CE + w T^2 KL(teacher || student), both at temperature T.
Packages: torch==2.13.0.
"""
import json, pathlib
import torch
import torch.nn.functional as F

generator = torch.Generator().manual_seed(3)
rows, hidden, teacher_hidden, vocabulary, temperature, weight = 5, 8, 6, 40, 2.5, 0.4


def draw(*shape):
    return torch.randn(*shape, generator=generator).requires_grad_()


h, head, states, teacher_head = draw(rows, hidden), draw(vocabulary, hidden), draw(rows, teacher_hidden), draw(vocabulary, teacher_hidden)
targets = torch.randint(vocabulary, (rows,), generator=generator)
scales = torch.rand(rows, generator=generator)
z, t = h @ head.T, (states @ teacher_head.T).detach()
divergence = F.kl_div(
    F.log_softmax(z / temperature, -1), F.log_softmax(t / temperature, -1), reduction="none", log_target=True).sum(-1)
# The first row has no teacher.
share = torch.tensor([0.0] + [weight] * (rows - 1))
losses = (1 - share) * F.cross_entropy(z, targets, reduction="none") + share * temperature**2 * divergence
(dh,) = torch.autograd.grad((losses * scales).sum(), h)
flat = lambda x: [float(f"{v:.9g}") for v in x.detach().flatten().tolist()]
values = {
    "rows": rows, "hidden": hidden, "teacherHidden": teacher_hidden, "vocabulary": vocabulary,
    "temperature": temperature, "weight": weight, "h": flat(h), "head": flat(head), "states": flat(states),
    "teacherHead": flat(teacher_head), "targets": targets.tolist(), "scales": flat(scales), "losses": flat(losses),
    "dh": flat(dh)}
place = pathlib.Path(__file__).parent / "distillation" / "values.json"
place.parent.mkdir(exist_ok=True)
place.write_text(json.dumps(values, separators=(",", ":")) + "\n")
