"""Records of an event file as TensorBoard's own writer makes them, for Tests/MotetTrainingTests.

    python Tests/Fixtures/tensorboard_records.py     # prints the hexadecimal lines that TensorBoardLogTests holds

Needs tensorboard (2.21.0 made them).
"""

import io

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.summary.writer.record_writer import RecordWriter

text = Summary.Value(
    tag="settings",
    metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"), data_class=2),
    tensor=TensorProto(
        dtype=7, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)]), string_val=[b"a | b"]))
scalars = [Summary.Value(tag="train/loss", simple_value=1.5), Summary.Value(tag="eval/loss", simple_value=-0.25)]
for event in [
    Event(wall_time=1700000000.5, step=0, file_version="brain.Event:2"),
    Event(wall_time=1700000000.5, step=300, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=1700000000.5, step=300, summary=Summary(value=scalars)),
    Event(wall_time=1700000000.5, step=0, summary=Summary(value=[text])),
]:
    file = io.BytesIO()
    file.close = lambda: None
    writer = RecordWriter(file)
    writer.write(event.SerializeToString())
    writer.flush()
    print(file.getvalue().hex())
