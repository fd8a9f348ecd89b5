"""Tables with awkward fields as Python's csv module writes and reads them: tables.json.

    python3 Tests/Fixtures/tables.py
"""

import csv
import io
import json
import pathlib
import random

random.seed(0)
pieces = ["a", "b c", ",", ";", "\t", '"', '""', "\n", "\r\n", "é", "😀", "\\", "'", "x,y", "{}", "[1]", "  "]
tables = []
for number in range(60):
    rows = []
    for _ in range(random.randint(1, 6)):
        # A space apart from white space alone, which is an empty prompt.
        rows.append({name: "p" + "".join(random.choices(pieces, k=random.randint(0, 6)))
                     for name in ["prompt", "response"]})
    text = io.StringIO()
    writer = csv.DictWriter(
        text, ["prompt", "response"], delimiter=random.choice(",;\t"), lineterminator=random.choice(["\n", "\r\n"]),
        quoting=random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer.writeheader()
    writer.writerows(rows)
    read = list(csv.DictReader(io.StringIO(text.getvalue(), newline=""), delimiter=writer.writer.dialect.delimiter))
    assert read == rows
    tables.append({"text": text.getvalue(), "rows": rows})
(pathlib.Path(__file__).parent / "tables.json").write_text(json.dumps(tables) + "\n")
