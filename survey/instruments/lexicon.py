"""Words that the lint looks for, per language. Pure data; a language is the part of a locale before the hyphen.

In the lists of words a final ``*`` stands for any ending; entries of several words match as a sequence.
"""

from __future__ import annotations

from survey.enums import Locale

LANGUAGES = ("en", "pt", "hi")

NEGATIONS: dict[str, tuple[str, ...]] = {
    "en": ("not", "no", "never", "without", "none", "nothing", "nobody", "neither", "nor", "cannot", "*n't", "*n’t"),
    "pt": ("não", "nunca", "jamais", "sem", "nada", "ninguém", "nem", "nenhum*", "tampouco"),
    "hi": ("न", "नहीं", "मत", "बिना", "बग़ैर", "बगैर", "ना"),
}

# Words that colour an act, weaken or strengthen it: in one option only, they tilt the scales.
COLOURING: dict[str, tuple[str, ...]] = {
    "en": (
        *("absolutely", "at least", "actually", "always", "anyway", "cheerfully", "completely", "even", "exactly"),
        *("firmly", "gently", "gladly", "happily", "honestly", "in peace", "in silence", "just", "kindly", "merely"),
        *("mere", "only", "openly", "plainly", "really", "reluctantly", "secretly", "simply", "some pride"),
        *("straight out", "stubbornly", "totally", "truly", "very", "warm*", "with a smile", "with pleasure"),
    ),
    "pt": (
        *("a contragosto", "absolutamente", "alegremente", "apenas", "calmamente", "caloros*", "carinhos*"),
        *("com carinho", "com jeito", "com prazer", "com um sorriso", "completamente", "de bom grado", "demais"),
        *("direto", "em paz", "em silêncio", "exatamente", "firmemente", "francamente", "gentilmente", "mero"),
        *("mesmo assim", "muito", "muita", "pelo menos", "realmente", "sempre", "simplesmente", "sinceramente"),
        *("só", "somente", "teimosamente", "totalmente", "tranquilamente", "verdadeiramente"),
    ),
    "hi": (
        *("आराम से", "केवल", "खुलकर", "खुशी से", "ख़ुशी से", "गर्मजोशी से", "चुपचाप", "ज़रूर", "ज़बरदस्ती", "प्यार से"),
        *("फिर भी", "बस", "बहुत", "बिलकुल", "बिल्कुल", "मजबूरी में", "मात्र", "मुस्कुराकर", "शांति से", "साफ़-साफ़"),
        *("सिर्फ़", "सिर्फ", "सुकून से", "हमेशा", "हँसकर"),
    ),
}

# Words that judge an act, so that one option reads as the right answer.
VALUES: dict[str, tuple[str, ...]] = {
    "en": (
        *(
            "acceptable",
            "appropriate*",
            "arrogan*",
            "bad",
            "blunt*",
            "considerate*",
            "correct",
            "correctly",
            "courteous*",
        ),
        *("decent*", "disrespect*", "dutiful*", "dutifully", "duty", "fair", "fairly", "generous*", "good manners"),
        *("grateful*", "ideal", "ideally", "ignore", "impolite*", "improper*", "inappropriate*", "inconsiderate*"),
        *(
            "insult*",
            "moral*",
            "obedient*",
            "obey",
            "offend*",
            "offensive*",
            "polite*",
            "proper",
            "properly",
            "refuse*",
        ),
        *("respect", "respectful*", "respectfully", "right", "rude*", "selfish*", "sensibl*", "unacceptable"),
        *("ungrateful*", "unkind*", "well-mannered", "wrong*"),
    ),
    "pt": (
        *("adequad*", "apropriad*", "arrogan*", "bem-educad*", "boa educação", "boas maneiras", "certo", "certa"),
        *("correta*", "correto", "decente*", "desobed*", "desrespeit*", "dever moral", "educad*", "educação", "egoís*"),
        *("errad*", "generos*", "gentil*", "grosseir*", "grat*", "ignorar", "imprópri*", "inadequad*", "ingrat*"),
        *("insult*", "justo", "mal-educad*", "obedecer", "ofend*", "ofensiv*", "respeit*", "rude*", "sensat*"),
    ),
    "hi": (
        *("अनादर*", "अनुचित", "अपमान*", "अशिष्ट*", "असभ्य*", "आदर", "आदरपूर्वक", "आज्ञाकारी", "इज़्ज़त", "इज्जत"),
        *("उचित", "उदार*", "कृतज्ञ*", "कृतघ्न*", "ग़लत", "गलत", "घमंड*", "तमीज़", "तहज़ीब", "नैतिक*", "बदतमीज़*"),
        *("बुरा", "मर्यादा", "विनम्र*", "शिष्ट*", "संस्कार*", "सभ्य*", "सम्मान*", "सही", "स्वार्थ*"),
    ),
}

# In these the words above judge nothing: they are taken out before the search.
INNOCENT: dict[str, tuple[str, ...]] = {
    "en": ("right away", "right now", "right there", "right here", "right after", "right before", "on the right",
           "the right side", "to the right", "not only", "so that", "so as", "even number", "just now"),
    "pt": ("dar certo", "por certo", "grátis", "gratuit*", "certo dia", "na hora certa", "muito bem"),
    "hi": ("अंतिम संस्कार", "सही-सलामत", "सही सलामत", "बस स्टॉप", "बस में", "बस से", "बस का", "बस की", "बस स्टैंड"),
}  # fmt: skip

# Words that carry no meaning of their own, in one text per language.
STOP_WORDS: dict[str, str] = {
    "en": (
        "a an and are as at be been but by for from had has have he her him his if in into is it its me of off on or "
        "out she so than that the their them then there they this to up was when where which while who whom whose "
        "will with would you your rather expected because"
    ),
    "pt": (
        "a à ao aos as às com como da das de dele dela do dos e é ela elas ele eles em espera-se essa esse esta este "
        "isso isto já lhe mais mas na nas no nos num numa o os ou para pela pelas pelo pelos por porque prefere quando "
        "que quem se ser seu sua seus suas também um uma"
    ),
    "hi": (
        "अपना अपनी अपने आ इन इस इसे उन उनका उनकी उनके उन्हें उम्मीद उस उसका उसकी उसके उसे एक और कर करके करता करती करते "
        "करना करने का कि किसी की के को कोई क्योंकि गया गई गए चाहता चाहती चाहते चाहेगा चाहेगी चाहेंगे जब जा जाती जाता जाना जो "
        "तक तब तो था थी थे दे देना ने पर भी में यह ये या रहा रही रहे ले लेना वह वे से हर ही हुआ हुई हुए है हैं हो होता होती होना"
    ),
}

# American words and what they are in the other Englishes. A word of a locale's own usage is not in its table.
US_SPELLINGS: dict[str, str] = {
    "anonymize*": "anonymise",
    "apologiz*": "apologise",
    "behavior*": "behaviour",
    "center*": "centre",
    "color": "colour",
    "colored": "coloured",
    "colorful": "colourful",
    "colors": "colours",
    "counselor*": "counsellor",
    "favor*": "favour",
    "flavor*": "flavour",
    "gray": "grey",
    "harbor*": "harbour",
    "honor": "honour",
    "honors": "honours",
    "honored": "honoured",
    "humor": "humour",
    "jewelry": "jewellery",
    "labor": "labour",
    "mom": "mum",
    "neighbor*": "neighbour",
    "odor*": "odour",
    "organiz*": "organise",
    "pajamas": "pyjamas",
    "realiz*": "realise",
    "recogniz*": "recognise",
    "rumor*": "rumour",
    "theater*": "theatre",
    "traveled": "travelled",
    "traveler*": "traveller",
    "traveling": "travelling",
    "canceled": "cancelled",
    "canceling": "cancelling",
}
US_WORDS: dict[str, str] = {
    "apartment*": "flat",
    "backyard": "garden",
    "candy": "sweets",
    "checking out": "paying",
    "cookie*": "biscuits",
    "cookout*": "barbecue",
    "coworker*": "colleague",
    "co-worker*": "colleague",
    "elementary school": "primary school",
    "elevator*": "lift",
    "faucet*": "tap",
    "garbage": "rubbish",
    "grocery store*": "supermarket",
    "gotten": "got",
    "mailman": "postman",
    "parking lot*": "car park",
    "refrigerator": "fridge",
    "sidewalk*": "pavement",
    "soccer": "football",
    "subway": "underground",
    "trash": "rubbish",
    "vacation*": "holiday",
    "waiting in line": "queuing",
}
LOCAL_USAGE: dict[str, frozenset[str]] = {
    Locale.EN_GB: frozenset(),
    Locale.EN_ZA: frozenset({"backyard", "parking lot*", "refrigerator", "soccer"}),
    Locale.EN_IN: frozenset({"apartment*", "backyard", "garbage", "parking lot*", "refrigerator"}),
}

# Latin letters that may stand in a Hindi text: acronyms (any run of capitals is one) and names written so.
HINDI_LATIN = frozenset({"wi-fi", "wifi", "whatsapp", "sms", "email", "e-mail", "ok"})
HINDI_ABBREVIATIONS = frozenset({"डॉ", "प्रो", "श्री", "सुश्री", "कु", "पं", "मि", "रु", "ई", "पू"})

# Signs that a text is not finished; capitals, because "todo" is a Portuguese word.
LEFTOVERS = ("FIXME", "Lorem ipsum", "TBC", "TBD", "TODO", "XXX", "???", "[[", "]]", "<<", ">>", "___")
