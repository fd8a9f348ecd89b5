"""Conversations of several turns with the masks that transformers makes of them: tiny/multi_turn.json.

The template of the tiny model is ChatML; `{% generation %}` marks what the assistant writes, as in the templates
that TRL trains with (`assistant_only_loss`), and covers the end of turn.

    /tmp/py/bin/python Tests/Fixtures/multi_turn.py
"""

import json
import pathlib

from transformers import PreTrainedTokenizerFast

here = pathlib.Path(__file__).parent
tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(here / "tiny/model/tokenizer.json"))
template = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
)
conversations = [
    [("system", "be brief"), ("user", "what is 1?"), ("assistant", "the answer is 1"), ("user", "and 2?"),
     ("assistant", "it is 2, of course")],
    [("system", "s"), ("user", "hello"), ("assistant", "hello to you"), ("user", "more"), ("assistant", "no"),
     ("user", "more!"), ("assistant", "well: the end.")],
    [("system", "two in a row"), ("user", "go on"), ("assistant", "first"), ("assistant", "second"),
     ("user", "thanks")],
    [("system", "a tool speaks"), ("user", "weather?"), ("assistant", "let me look"), ("tool", "rain, 12"),
     ("assistant", "it rains at 12 degrees")],
]
rows = []
for turns in conversations:
    messages = [{"role": role, "content": content} for role, content in turns]
    made = tokenizer.apply_chat_template(
        messages, chat_template=template, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    rows.append({"messages": messages, "tokens": made["input_ids"],
                 "labelled": [bool(value) for value in made["assistant_masks"]]})
(here / "tiny/multi_turn.json").write_text(json.dumps(rows) + "\n")
