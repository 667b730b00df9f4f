"""Name pools of the invented world. People and organisations are made up; the cities are real ones."""

WOMEN = """
    Anna Marta Clara Laura Irene Sofia Helena Nadia Ingrid Paula Teresa Miriam Zoë Lucia Greta Amelia Rosa Judith
    Camille Petra Leonie Olga Fatima Aisha Yasmin Mei Naomi Hana Priya Leila Beatriz Carmen Astrid Freya Sigrid
    Brigitte Colette Danielle Esther Fiona Gwen Harriet Ida Joan Katrin Louise Marianne Nora Odile Pilar Renata
    Silvia Tamara Ursula Vera Wilma Alice Bianca Cecilia Dora Elena Francesca Ines Julia Karin Linda Monica Ruth
""".split()

MEN = """
    Paul Thomas Daniel Viktor Marco Jonas Adrian Felix Henrik Oscar Martin Stefan Carlos Diego Pablo Hugo Emil Lars
    Nils Anton Boris Dmitri Ivan Karim Omar Yusuf Rashid Kenji Hiroshi Wei Arjun Ravi Samuel Joseph Benjamin Edward
    Frank George Howard Jack Keith Leonard Malcolm Neil Patrick Quentin Robert Simon Timothy Vincent Walter Albert
    Bernard Claude Denis Erik Fabian Gustav Harald Igor Julian Konrad Luca Matteo Norbert Peter Rolf Tobias Arthur
""".split()

SURNAMES = """
    Weber Stone Lindqvist Moreau Rossi Novak Okafor Tanaka Haddad Silva Berg Kowalski Jansen Fischer Duarte Petrov
    Larsen Keller Marchetti Ibrahim Nakamura Singh Horvath Müller Dubois Romano Andersen Vance Whitlock Abbott Carver
    Dalton Ellery Farrow Grady Hollis Ingram Jarvis Kendall Lowell Mercer Norwood Osborne Prescott Quill Ramsey Sadler
    Thorne Underhill Varga Winslow Yates Zeller Aalto Bakker Castro Dahl Eriksen Ferrari Garcia Hansen Ivanov Jovanovic
    Kaya Leclerc Mendes Nielsen Olsen Pereira Quiroga Ricci Santos Takeda Ulrich Vidal Wagner Yamada Zhang Amari Bose
    Chandra Desai Eze Farouk Ghosh Hussein Iyer Joshi Khan Liu Mbeki Nasser Obi Patel Rahman Sato Tran Usman Vu Wang
    Yilmaz Ziegler Albers Brandt Conti Delgado Engel Fontaine Graf Hartmann Iglesias Jensen Kruger Lambert Meier Núñez
    Orlando Pavlov Rey Schmidt Toth Urban Vogel Wolff Zimmer Ashby Barlow Crane Drake Everett Finch Gale Hale Keane
    Locke Marsh Nash Pryor Reeve Shaw Tate Webb Blake Cole Doyle Frost Grant Hayes Kerr Lloyd Monroe Page Rowe Sloan
""".split()

# city, country, nationality
CITIES = [
    tuple(line.strip().split(", "))
    for line in """
    Ghent, Belgium, Belgian
    Antwerp, Belgium, Belgian
    Turin, Italy, Italian
    Trieste, Italy, Italian
    Bologna, Italy, Italian
    Bristol, England, English
    Leeds, England, English
    Norwich, England, English
    Aberdeen, Scotland, Scottish
    Dundee, Scotland, Scottish
    Cardiff, Wales, Welsh
    Cork, Ireland, Irish
    Galway, Ireland, Irish
    Bergen, Norway, Norwegian
    Stavanger, Norway, Norwegian
    Malmö, Sweden, Swedish
    Uppsala, Sweden, Swedish
    Aarhus, Denmark, Danish
    Odense, Denmark, Danish
    Tampere, Finland, Finnish
    Turku, Finland, Finnish
    Tallinn, Estonia, Estonian
    Riga, Latvia, Latvian
    Gdansk, Poland, Polish
    Krakow, Poland, Polish
    Brno, Bohemia, Czech
    Graz, Austria, Austrian
    Linz, Austria, Austrian
    Basel, Switzerland, Swiss
    Geneva, Switzerland, Swiss
    Lyon, France, French
    Nantes, France, French
    Lille, France, French
    Marseille, France, French
    Porto, Portugal, Portuguese
    Coimbra, Portugal, Portuguese
    Seville, Spain, Spanish
    Bilbao, Spain, Spanish
    Granada, Spain, Spanish
    Bremen, Germany, German
    Leipzig, Germany, German
    Dresden, Germany, German
    Hamburg, Germany, German
    Utrecht, Holland, Dutch
    Groningen, Holland, Dutch
    Split, Croatia, Croatian
    Zagreb, Croatia, Croatian
    Ljubljana, Slovenia, Slovenian
    Szeged, Hungary, Hungarian
    Cluj, Romania, Romanian
    Varna, Bulgaria, Bulgarian
    Patras, Greece, Greek
    Izmir, Turkey, Turkish
    Haifa, Israel, Israeli
    Tunis, Tunisia, Tunisian
    Nagoya, Japan, Japanese
    Kyoto, Japan, Japanese
    Busan, Korea, Korean
    Perth, Australia, Australian
    Hobart, Australia, Australian
    Halifax, Canada, Canadian
    Winnipeg, Canada, Canadian
    Portland, Oregon, American
    Savannah, Georgia, American
    Valencia, Spain, Spanish
    Verona, Italy, Italian
""".strip().splitlines()
]

# first words of organisation names
STEMS = """
    Halden Norvik Castell Brightwater Meridian Silverline Ostrava Kestrel Larkfield Montclair Redwood Harrow Calder Vantage
    Northgate Eastbrook Westmark Aldwych Bellweather Corvus Dunmore Elmstead Falkner Greywell Hartwick Ironbridge Juniper
    Kingsley Lockwood Marlowe Newcombe Oakhurst Pendle Quarry Ravenhill Stonebridge Tamarind Umber Vesper Wexford Yarrow
    Zephyr Albion Borealis Cobalt Delphi Ember Fairmont Garnet Helix Indigo Jasper Kepler Lumen Mistral Nimbus Orchard
    Pelican Quantum Rowan Sable Tern Ultramar Vireo Wren Aster Bramble Cinder Dovetail Falcon Granite Heron Ibis Linden
    Magpie Nettle Osprey Pinnacle Saffron Thistle Trident Valcour Willow Alderney Barrow Cormorant Drumlin Sorrel Anchor
""".split()

TITLE_ADJECTIVES = """
    Glass Silent Winter Hidden Broken Golden Distant Empty Burning Paper Northern Crimson Hollow Last Second Secret Quiet
    Salt Velvet Wandering Frozen Copper Borrowed Forgotten Silver Long Stolen Blue Midnight Patient Narrow Scarlet Idle
""".split()

TITLE_NOUNS = """
    Harbour Garden River Mirror Orchard Letter Window Island Station Lantern Bridge Winter Forest Clock Valley Door Tide
    Map Road Shore Mountain Bell Hour Kingdom Stair Field Summer Feast Harvest Compass Ladder Horizon Candle Voyage
""".split()

HANDLES = """
    quietreader northwind42 tea_and_trains mapmaker_j slow_traveller papercrane old_lighthouse cityfox rainy_tuesday
    marmalade77 bluebicycle window_seat firstdraft seagull_diaries kitchen_radio attic_notes longwayhome inkandsalt
""".split()
