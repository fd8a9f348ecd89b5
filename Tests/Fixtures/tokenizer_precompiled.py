"""Takes the table of what to write for which characters out of a SentencePiece model."""


def charsmap(model):
    """The table inside a model: field 3, in it field 2."""
    def fields(data):
        position = 0
        def varint():
            nonlocal position
            value = shift = 0
            while True:
                byte = data[position]
                position += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        while position < len(data):
            key = varint()
            if key & 7 == 2:
                length = varint()
                yield key >> 3, data[position:position + length]
                position += length
            elif key & 7 == 0:
                yield key >> 3, varint()
            else:
                position += 4 if key & 7 == 5 else 8
    normalizer = next(value for field, value in fields(model) if field == 3)
    return next(value for field, value in fields(normalizer) if field == 2)
