"""Scripts, each with a sample; a font covers a script if it can draw the whole sample."""

from engine.fonts.typefaces import needed

SAMPLES = {
    "Latin": "Voix ambiguë d’un cœur ĄŞỆ €",
    "Greek": "Ξεσκεπάζω ἄνθρωπος",
    "Cyrillic": "Съешь же ещё ґїѣ",
    "Hebrew": "דג סקרן שָׁלוֹם",
    "Arabic": "نص حكيم پچگ السَّلامُ ٣٤٦٧ ۴۶۷",
    "Devanagari": "ऋषियों को सताने वाले दुष्ट",
    "Bengali": "আমি বাংলায় গান গাই, ক্ষুদ্র বৃষ্টি ১৯৭১",
    "Tamil": "யாமறிந்த மொழிகளிலே ஸ்ரீ ௧௨",
    "Thai": "เป็นมนุษย์สุดประเสริฐ",
    "Armenian": "Բել դղյակի ձախ ժամն",
    "Georgian": "თხელი ზღვა ჭრელი",
    "Japanese kana": "いろはにほへと、カタカナ。",
    "Korean hangul": "다람쥐 헌 쳇바퀴에 타고파",
    "rarer hangul": "뷁쀍힣",
    "simplified Chinese": "视野无限广窗外有蓝天",
    "traditional Chinese": "視無廣藍語體",
    "Japanese kanji": "図読駅桜円",
    "symbols": "⇒∀✓★①♢",
    "emoji": "😀🚀❤️👍🏽👨‍👩‍👧🇩🇪",
}


def scripts_of(characters: frozenset[int]) -> list[str]:
    """List the scripts whose samples can be written with these characters."""
    return [name for name, sample in SAMPLES.items() if needed(sample) <= characters]
