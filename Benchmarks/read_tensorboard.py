"""Prints what TensorBoard reads from a folder of event files: each tag's steps and values, and the texts.

    python Benchmarks/read_tensorboard.py adapters/math/tensorboard

Needs tensorboard (checked with 2.21.0).
"""
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator, TENSORS

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, TENSORS: 0})
events.Reload()
print(f"file version {events.file_version}")
for tag in events.Tags()["scalars"]:
    values = events.Scalars(tag)
    shown = " ".join(f"{e.step}:{e.value:.6g}" for e in values[:4] + values[4:][-4:])
    print(f"{tag}: {len(values)} values, steps {values[0].step} to {values[-1].step}: {shown}")
for tag in events.Tags()["tensors"]:
    print(f"{tag}: {events.Tensors(tag)[0].tensor_proto.string_val[0].decode()!r}")
