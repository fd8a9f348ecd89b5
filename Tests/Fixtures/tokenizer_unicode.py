"""Writes the tables of Unicode that the tokenizers need: Sources/MotetTokenizers/Unicode/*Data.swift.

    pip install tokenizers
    python tokenizer_unicode.py

Decompositions are those of the version of Unicode inside Hugging Face `tokenizers` (12.0, read out of its NFD and NFKD);
scripts are those that its regular expressions know (16.0, asked of `\\p{…}` character by character). Python's own
`unicodedata` only tells the single steps of which a full decomposition is made.
"""

import os
import textwrap
import unicodedata

from tokenizers import Regex, normalizers, pre_tokenizers

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Sources", "MotetTokenizers", "Unicode")
ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
SCRIPTS = """Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki
Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian
Common Coptic Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan
Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi
Gurmukhi Gurung_Khema Han Hangul Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited
Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi
Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian
Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui
Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nag_Mundari Nandinagari
New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian Old_Italic Old_North_Arabian
Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene
Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting
Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet
Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari Ugaritic Vai Vithkuqi
Wancho Warang_Citi Yezidi Yi Zanabazar_Square""".split()


def write(name, comment, constants):
    """A Swift file of string literals, cut into lines at their commas."""
    with open(os.path.join(ROOT, name + ".swift"), "w", encoding="ascii") as file:
        file.write("// Written by Tests/Fixtures/tokenizer_unicode.py.\n// swift-format-ignore-file\n\n")
        file.write(f"/// {comment}\nenum {name} {{\n")
        for constant, (says, text) in constants.items():
            lines = textwrap.wrap(text.replace(",", ", "), 116, break_long_words=False)
            body = "\n".join("    " + line.replace(", ", ",") + ("\\" if i + 1 < len(lines) else "")
                             for i, line in enumerate(lines))
            file.write(f'  /// {says}\n  static let {constant}: StaticString = """\n{body}\n    """\n')
        file.write("}\n")


def decompositions():
    canonical, compatible = [], []
    nfd, nfkd = normalizers.NFD(), normalizers.NFKD()
    for value in ALL:
        text = chr(value)
        steps = unicodedata.decomposition(text)
        if not steps or 0xAC00 <= value < 0xD7A4 or nfkd.normalize_str(text) == text:
            assert 0xAC00 <= value < 0xD7A4 or nfkd.normalize_str(text) == text, hex(value)
            continue
        scalars = [int(x, 16) for x in steps.split() if x[0] != "<"]
        (compatible if steps[0] == "<" else canonical).append((value, scalars))
        assert nfkd.normalize_str(text) == unicodedata.normalize("NFKD", text)
        assert nfd.normalize_str(text) == unicodedata.normalize("NFD", text)

    def encoded(table):
        records, before = [], 0
        for value, scalars in table:
            step, before = value - before, value
            records.append(("" if step == 1 else f"{step:X}") + ":" + "+".join(f"{s:X}" for s in scalars))
        return ",".join(records)

    write("DecompositionData", "What characters are made of, one step of it, as of Unicode 12.0.", {
        "canonical": ("Canonical decompositions but those of Hangul: for each character how far it is from the one "
                      "before (1 when left out), and its parts.", encoded(canonical)),
        "compatible": ("Compatibility decompositions, written the same way.", encoded(compatible))})


def scripts():
    everything = "".join(map(chr, ALL))
    parts = []
    for name in SCRIPTS:
        split = pre_tokenizers.Split(Regex(f"\\p{{{name}}}+"), "removed", invert=True)
        ranges, before = [], 0
        for text, _ in split.pre_tokenize_str(everything):
            # A run may jump over the surrogates, which no script has on both sides.
            low, high = ord(text[0]), ord(text[-1])
            assert high - low == len(text) - 1
            ranges.append(f"{low - before:X}" + (f"+{high - low:X}" if high > low else ""))
            before = high
        parts.append(name + ":" + ",".join(ranges))
    write("ScriptData", "Which characters belong to which script, as of Unicode 16.0.", {
        "ranges": ("For each script its ranges: how far each is from the one before, and how much longer than one "
                   "character.", ";,".join(parts))})


decompositions()
scripts()
