"""Names, streets and towns of the demonstration: invented people in real scripts, at addresses of a real form."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """One country's share of the shop's customers, and what its names and addresses are made from.

    `postcode` is a pattern: `9` stands for a digit, `A` for a letter, anything else for itself. A town is a name, its
    region (empty where addresses carry none) and the pattern of its postcodes.
    """

    country: str
    share: float
    language: str
    timezone: str
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    streets: tuple[str, ...]
    towns: tuple[tuple[str, str, str], ...]
    number_first: bool = False


PLACES: tuple[Place, ...] = (
    Place(
        "GB", 0.62, "en", "Europe/London",
        ("Amelia", "Arthur", "Aoife", "Chloë", "Dylan", "Eleanor", "Farah", "George", "Harriet", "Imran", "Isla",
         "Jack", "Kwame", "Lily", "Mohammed", "Niamh", "Oliver", "Priya", "Rhys", "Sophie", "Tomasz", "Una", "Violet",
         "Zoë"),
        ("Adeyemi", "Ahmed", "Bell", "Carter", "Davies", "Evans", "Fraser", "Green", "Hughes", "Iqbal", "Jones", "Kaur",
         "Llewellyn", "MacDonald", "Nowak", "O’Brien", "Patel", "Quinn", "Roberts", "Smith-Ward", "Taylor", "Wright"),
        ("Alma Road", "Beech Grove", "Castle Street", "Dock Lane", "Elm Avenue", "Ferry Road", "Harbour Street",
         "Mill Lane", "North Terrace", "Orchard Close", "Queen Street", "Station Road", "Victoria Street"),
        (("Whitby", "", "YO21 9AA"), ("Leeds", "", "LS6 9AA"), ("Bristol", "", "BS8 9AA"),
         ("Cardiff", "", "CF11 9AA"), ("Edinburgh", "", "EH6 9AA"), ("London", "", "SE15 9AA"),
         ("Norwich", "", "NR3 9AA"), ("Belfast", "", "BT9 9AA")),
        number_first=True,
    ),
    Place(
        "DE", 0.16, "de", "Europe/Berlin",
        ("Anneliese", "Björn", "Cem", "Daniela", "Emil", "Frieda", "Günther", "Hannah", "Jürgen", "Käthe", "Lukas",
         "Mia"),
        ("Becker", "Çelik", "Fischer", "Großmann", "Hoffmann", "Jäger", "Köhler", "Müller", "Schäfer", "Weiß",
         "Yılmaz"),
        ("Ahornweg", "Bahnhofstraße", "Gartenstraße", "Hafenstraße", "Lindenallee", "Mühlenweg", "Schulstraße"),
        (("Hamburg", "", "22999"), ("Köln", "", "50999"), ("Leipzig", "", "04999"), ("München", "", "80999")),
    ),
    Place(
        "FR", 0.09, "fr", "Europe/Paris",
        ("Adèle", "Baptiste", "Chloé", "Émile", "François", "Hélène", "Jérôme", "Léa", "Noël", "Océane", "Théo"),
        ("Bernard", "Cœur", "Dubois", "Fournier", "Girard", "Lefèvre", "Martin", "Moreau", "Petit", "Rousseau"),
        ("rue des Lilas", "rue du Port", "avenue de la Gare", "chemin des Vignes", "place du Marché"),
        (("Lyon", "", "69009"), ("Nantes", "", "44000"), ("Lille", "", "59000"), ("Bordeaux", "", "33000")),
        number_first=True,
    ),
    Place(
        "GR", 0.05, "el", "Europe/Athens",
        ("Αλέξανδρος", "Βασιλική", "Γιώργος", "Δήμητρα", "Ελένη", "Ζωή", "Ηλίας", "Κατερίνα", "Νίκος", "Σοφία"),
        ("Αγγελόπουλος", "Βλάχος", "Γεωργίου", "Δημητρίου", "Ιωάννου", "Νικολαΐδη", "Οικονόμου", "Παπαδόπουλος"),
        ("Αθηνάς", "Ερμού", "Κηφισίας", "Λεωφόρος Νίκης", "Πανεπιστημίου", "Σταδίου"),
        (("Αθήνα", "", "105 99"), ("Θεσσαλονίκη", "", "546 99"), ("Πάτρα", "", "262 99")),
    ),
    Place(
        "BG", 0.05, "bg", "Europe/Sofia",
        ("Александър", "Борислав", "Весела", "Димитър", "Елена", "Живко", "Йоана", "Красимира", "Мария", "Юлия"),
        ("Ангелов", "Божкова", "Василев", "Георгиева", "Димитров", "Йорданова", "Петров", "Стоянова", "Щерев"),
        ("бул. Витоша", "ул. Раковски", "ул. Шипка", "ул. Граф Игнатиев", "ул. Иван Вазов"),
        (("София", "", "1999"), ("Пловдив", "", "4099"), ("Варна", "", "9099")),
    ),
    Place(
        "JP", 0.03, "ja", "Asia/Tokyo",
        ("葵", "健太", "さくら", "翔", "陽菜", "結衣", "大輔", "美咲"),
        ("佐藤", "鈴木", "高橋", "田中", "渡辺", "伊藤", "山本", "中村"),
        ("本町", "中央", "緑町", "桜台", "旭町"),
        (("横浜市", "神奈川県", "231-0099"), ("札幌市", "北海道", "060-0099"), ("京都市", "京都府", "600-8099")),
    ),
)  # fmt: skip

PRODUCTS: tuple[tuple[str, str, str, float], ...] = (
    ("Harbour fisherman jumper", "knitwear", "jumper", 84.0), ("Merino base layer", "knitwear", "base", 46.0),
    ("Lambswool scarf", "knitwear", "scarf", 32.0), ("Cable beanie", "knitwear", "beanie", 22.0),
    ("Waxed field jacket", "outerwear", "wax", 189.0), ("Packable rain shell", "outerwear", "shell", 98.0),
    ("Quilted gilet", "outerwear", "gilet", 79.0), ("Down parka", "outerwear", "parka", 245.0),
    ("Ridge walking boot", "footwear", "boot", 149.0), ("Trail shoe", "footwear", "trail", 95.0),
    ("Camp slipper", "footwear", "slipper", 38.0), ("Wool hiking sock", "footwear", "sock", 14.0),
    ("Two-person tent", "camp", "tent", 229.0), ("Titanium mug", "camp", "mug", 24.0),
    ("Folding stove", "camp", "stove", 54.0), ("Head torch", "camp", "torch", 35.0),
    ("Canvas rucksack", "bags", "ruck", 110.0), ("Dry bag", "bags", "dry", 19.0),
    ("Roll-top courier bag", "bags", "courier", 89.0), ("Wash bag", "bags", "wash", 28.0),
)  # fmt: skip
"""Name, category, word of the article number, price. Goods cost 45–60 % of the price."""
