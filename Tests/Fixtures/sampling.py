"""Makes Tests/Fixtures/sampling.json: distributions after sampling filters, for the tests of MotetServing.

    python Tests/Fixtures/sampling.py

Logits come from a formula that both sides compute (5,000 of them). The filters are those of `transformers`
(RepetitionPenalty, Temperature, MinP, TopK, TopP), in the order of vLLM's sampler; presence and frequency penalties,
which it lacks, are OpenAI's formula. For each case: the tokens that are left with their probabilities, largest first,
at most 400 of them, how many are left, and the likeliest before filters.

Packages: torch==2.13.0 transformers.
"""
import json, math, os
import torch
from transformers import (
    MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

N = 5000
logits = torch.tensor([8 * math.sin(i * 1.7) + 3 * math.cos(i * 0.37) for i in range(N)], dtype=torch.float32)
prompt, answer = [3, 17, 17, 4000, 74], [74, 24, 24, 24, 4321]
cases = [
    dict(temperature=1.0), dict(temperature=0.5, topK=1), dict(temperature=1.0, topK=40),
    dict(temperature=1.5, topK=333), dict(temperature=1.0, topP=0.1), dict(temperature=1.0, topP=0.5),
    dict(temperature=0.7, topP=0.9), dict(temperature=2.0, topP=0.95), dict(temperature=1.0, minP=0.2),
    dict(temperature=2.0, minP=0.05), dict(temperature=1.0, topK=50, topP=0.6),
    dict(temperature=0.8, topK=100, topP=0.9, minP=0.3), dict(temperature=1.0, repetitionPenalty=1.3, topK=60),
    dict(temperature=1.0, presencePenalty=1.5, frequencyPenalty=0.7, topK=60),
    dict(temperature=1.0, repetitionPenalty=1.2, presencePenalty=0.5, frequencyPenalty=0.25, topP=0.4,
         logitBias={"24": 4.0, "74": -100.0, "5": 12.0}),
]
for case in cases:
    x = logits.clone()[None]
    for token, bias in case.get("logitBias", {}).items():
        x[0, int(token)] += bias
    if "repetitionPenalty" in case:
        x = RepetitionPenaltyLogitsProcessor(case["repetitionPenalty"])(torch.tensor([prompt + answer]), x)
    counts = torch.bincount(torch.tensor(answer), minlength=N).float()
    x = x - case.get("frequencyPenalty", 0) * counts - case.get("presencePenalty", 0) * (counts > 0).float()
    case["likeliest"] = int(x[0].argmax())
    ids = torch.zeros((1, 1), dtype=torch.long)
    x = TemperatureLogitsWarper(case["temperature"])(ids, x)
    if "minP" in case:
        x = MinPLogitsWarper(case["minP"])(ids, x)
    if "topK" in case:
        x = TopKLogitsWarper(case["topK"])(ids, x)
    if "topP" in case:
        x = TopPLogitsWarper(case["topP"])(ids, x)
    p = torch.softmax(x[0].double(), -1)
    order = torch.argsort(p, descending=True)
    kept = [int(i) for i in order if p[i] > 0]
    case["left"] = len(kept)
    case["tokens"] = kept[:400]
    case["probabilities"] = [float(p[i]) for i in kept[:400]]

logprobs = torch.log_softmax(logits, -1)
order = torch.argsort(logits, descending=True)[:20]
out = dict(count=N, prompt=prompt, answer=answer, cases=cases,
           logprobs=dict(tokens=order.tolist(), values=logprobs[order].tolist(), of123=float(logprobs[123])))
here = os.path.dirname(os.path.abspath(__file__))
json.dump(out, open(os.path.join(here, "sampling.json"), "w"), separators=(",", ":"))
