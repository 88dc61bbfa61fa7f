"""German, as ``tabled`` reads it."""

from typing import Final

from recommender.llm.understanding.languages.types import Language, classes, forms, table
from recommender.llm.understanding.types import Sort

_SAY: Final = r"(?:ich|wir)\s+(?:mag|mögen|will|wollen|möchten?|brauchen?|suchen?|hätten?\s+gern)"
_VERY: Final = r"(?:(?:viel\s+)?zu|so|allzu|sehr|besonders|ganz\s+so|übermäßig)"
_PAYING: Final = r"(?:ausgeben|ausgebe|bezahlen|bezahle|zahlen|zahle|kosten|kostet|koste|liegen|liegt|gehen|geht|soll|sollen|sollte[n]?|darf|dürfen|möchte|will|werde|kann|es|sie|das|mehr)"

GERMAN: Final = Language(
    code="de",
    letters="ß",
    asking=(
        r"(?:hallo|guten tag|bitte|danke)",
        r"mehr(?=\s+\S)",
        r"gibt\s+es(?:\s+(?:hier|bei\s+(?:euch|ihnen)))?(?:\s+auch)?",
        r"(?:haben|habt|führen|verkaufen|verkauft|hast)\s+(?:sie|ihr|du)(?:\s+auch)?",
        r"(?:zeigen|zeig|zeige|geben|gib|empfehlen|empfiehl|nennen|nenne)(?:\s+sie)?\s+(?:mir|uns)",
        r"(?:ich|wir)\s+(?:suchen?|möchten?|brauchen?|wollen|will|hätten?\s+gern|wünschen?|interessieren?)(?:\s+(?:mich|uns)\s+für)?",
        r"(?:welche[rsnm]?|was|wer|wen|wem|wo|womit|wann|wie|warum|wofür|worauf|wozu)(?:\s+für)?",
        r"(?:kann|können|könnte|könnten|kannst|darf|soll|sollte|muss|müssen|ist|sind|war|waren|wird|werden|hat|haben|gern|etwas|kaufen|finden|sehen)",
        r"etwas|noch|ein\s+(?:bisschen|wenig)",
        r"(?:ich|du|er|sie|es|wir|ihr|man|mir|mich|uns|ein(?:e[nmrs]?)?|der|die|das|den|dem|des|mit|für|auf|von|und|oder)",
    ),
    names=table(
        """
        tier, tiere: animal
        säugetier, säugetiere: mammal
        reptil, reptilie, reptilien: reptile
        vogel, vögel: bird
        fisch: fish
        insekt, käfer: insect, bug
        hund: dog
        katze, kater: cat
        pferd: horse
        kuh, kühe: cow
        maus, mäuse: mouse
        bär, bären: bear
        affe, affen: monkey, ape
        frosch, frösche: frog
        eule: owl
        ente: duck
        fliege: fly
        biene: bee
        spinne: spider
        schmetterling: butterfly
        schlange: snake
        dinosaurier: dinosaur
        mensch, menschen, leute: people
        pflanze, pflanzen: plant
        blume, blumen: flower
        baum, bäume: tree
        pilz: mushroom
        obst, frucht, früchte: fruit
        apfel, äpfel: apple
        banane: banana
        gemüse: vegetable
        essen, lebensmittel, speise: food
        süßigkeit, nachtisch: dessert, sweet
        getränk: drink
        tee, tees: tea
        kaffee: coffee
        fahrzeug: vehicle
        auto, autos, wagen: car, auto, vehicle
        zug, züge: train
        schiff, boot: ship, boat
        flugzeug: plane, aircraft
        fahrrad, fahrräder: bicycle, cycle
        werkzeug: tool
        musikinstrument, instrument: musical instrument, instrument
        gitarre: guitar
        saite: string
        geige: violin
        trommel, schlagzeug: drum
        klavier: piano
        musik: music
        kleidung: clothes, clothing
        schuh: shoe
        stiefel: boot
        turnschuh: sneaker, shoe
        jacke, mantel, mäntel: jacket, coat
        kleid: dress
        hose: trousers, pants
        hut, hüte, mütze: hat
        tasche: bag
        rucksack, rucksäcke: backpack
        uhr, armbanduhr: watch
        schmuck: jewelry, jewellery
        möbel, möbelstück: furniture
        stuhl, stühle: chair
        tisch: table, desk
        sofa, sofas: sofa
        bett: bed
        lampe: lamp, light
        messer: knife
        geschirr: dishware, dish
        buch, bücher: book
        spielzeug, spielsache: toy
        puzzle, puzzles: puzzle
        spiel: game
        handy, handys, smartphone, smartphones, telefon: phone
        kopfhörer: headphone
        kamera, kameras: camera
        computer, rechner: computer
        gebäude, haus, häuser: building, house
        flagge, fahne: flag
        """
    ),
    qualities=classes(
        """
        rot blau grün gelb orange lila violett rosa braun schwarz weiß grau golden silbern silber türkis beige
        leder holz hölzern plastik kunststoff metall stahl baumwolle wolle seide glas papier gummi bambus keramik leinen
        klein kleiner groß größer riesig winzig
        leise leiser ruhig laut lauter
        leicht leichter schwer schwerer
        kurz kürzer lang länger
        warm wärmer kühl kühler
        einfach einfacher schlicht
        neu neuer alt älter modern
        """
    ),
    denied_ahead=(
        r"(?:aber\s+|und\s+|bitte\s+)*(?:mit\s+ausnahme\s+(?:von|der|des)|abgesehen\s+von|anstatt|anstelle\s+von|statt)",
        r"(?:alles\s+)?(?:außer|ausser|ausgenommen|bis\s+auf)(?!\w)",
        r"(?:(?:aber|und|bitte)\s+)*(?:ohne|weder|exklusive)(?:\s+(?:irgendwelche[ns]?|jegliche[rsn]?))?",
        r"(?:die|der|das|welche)\s+(?:nicht|keine?[nmrs]?)(?:\s+(?:aus|mit|von))?",
        (
            rf"(?:(?:aber|und|bitte|bloß|doch)\s+)*(?:{_SAY}\s+)?(?:auf\s+keinen\s+fall|lieber\s+nicht|nicht|niemals|kein(?:e[nmrs]?)?|nichts)"
            r"(?:\s+(?:aus|mit|von|in|mehr))?"
        ),
        r"(?:ich\s+)?(?:hasse|vermeide[n]?|vermeiden\s+sie)",
    ),
    denied_behind=(
        r"(?:mag|mögen|will|wollen|möchten?|brauchen?)\s+(?:ich|wir)\s+(?:nicht|keine?[nrs]?)",
        r"(?:darf|dürfen|soll(?:en|te|ten)?|muss)\s+(?:es|sie|das)\s+nicht\s+(?:sein|kosten)", r"(?:bitte|lieber)\s+nicht", r"ausgenommen", r"ausgeschlossen",
    ),
    rhetorical=(
        r"gibt\s+es\s+(?:denn\s+)?(?:hier\s+)?(?:nichts?|keine?n?)(?:\s+auch)?",
        r"(?:haben|habt|hast|führen|verkaufen)\s+(?:sie|ihr|du)\s+(?:denn\s+)?(?:nichts?|keine?n?)",
        r"warum\s+nicht",
    ),
    kept=(
        r"nicht\s+(?:nur|schlecht|unbedingt|sicher|wahr)", r"kein\s+(?:problem|thema|ding)", r"keine\s+(?:ahnung|frage|sorge)",
        r"ohne\s+weiteres", r"nichts?\s+zu\s+danken", r"oder\s+nicht",
    ),
    joined=r"\s*,\s*|\s+(?:oder|und|noch|sowie|bzw\.?)\s+(?:(?:auch\s+)?(?:keine?[nmrs]?|nicht|ohne|aus)\s+)*",
    scope_end=r"\s+(?:aber|sondern|für|mit|unter|über|bis|ab|bitte|zeigen?|geben?|finden?|suchen?|die|das|welche|nur|sonst|in|im|auf|bei|und\s+(?:zeig|ich|mit|unter))\b",
    leading=r"(?:in|im|alle[snmr]?|die|der|das|den|dem|des|ein(?:e[nmrs]?)?|irgendwelche[nrs]?|aus|mit|von|zu|so|sehr|welche)\s+",
    trailing=r"\s+(?:können|kann|könnten|sind|ist|haben|hat|enthalten|enthält|sein|drin|dabei|bitte|möchten?|will|wollen|mag|mögen|brauchen?)",
    noun=r"[A-ZÄÖÜ]",
    of=r"\s+(?:aus|mit|von|in)\s+",
    describing=r"(?:^|\s+)(?:für|mit|aus|ohne|von|in|im|unter|über|bis|die|der|das|welche|zum|zur|auf|an|kann|können)\b.*",
    endings=("en", "e", "n", "er", "es", "em", "s", "se", "nen"),
    measures=r"jahren?|tagen?|stunden?|minuten?|sekunden?|wochen?|monaten?|gramm|kilo(?:gramm)?|liter|meter|zentimeter|stück|seiten|personen|leuten?|spieler|kinder|watt|volt|teile[n]?|grad",
    numbers={"zehn": 10, "fünfzehn": 15, "zwanzig": 20, "dreißig": 30, "vierzig": 40, "fünfzig": 50, "sechzig": 60,
             "siebzig": 70, "achtzig": 80, "neunzig": 90, "hundert": 100, "zweihundert": 200, "fünfhundert": 500, "tausend": 1000},
    ahead=(
        ("lte", r"höchstens|maximal|max\.?|bis\s+zu|bis(?!\s+auf)|innerhalb\s+von|budget\s+(?:von|ist)|mein\s+budget\s+(?:sind|ist|beträgt)"),
        ("gte", r"mindestens|wenigstens|min\.?|ab"),
        ("lt", r"unter|unterhalb\s+von|weniger\s+als|(?:billiger|günstiger|niedriger)\s+als|<"),
        ("gt", r"(?:liegen\s+|gehen\s+)?über|oberhalb\s+von|übersteig\w+|überschreit\w+|mehr\s+als|teurer\s+als|>"),
        ("about", r"etwa|ungefähr|circa|ca\.?|rund|um\s+die"),
    ),
    behind=(
        ("lte", r"oder\s+(?:weniger|billiger|günstiger)|nicht\s+(?:übersteig\w+|überschreit\w+)|höchstens|maximal"),
        ("gte", r"oder\s+(?:mehr|teurer)|aufwärts|mindestens"),
    ),
    ranges=(r"(?:zwischen|von)\s+{low}\s*(?:und|bis|-|–)\s*{high}", r"{low}\s*(?:bis|-|–)\s*{high}"),
    levels=(
        ("modest", r"preislich\s+angemessene?[nrs]?"),
        ("low", rf"(?:{_VERY}\s+)?(?:billig|günstig|preiswert|preisgünstig|erschwinglich)(?:er)?(?:e[nmrs]?)?|weniger\s+teuer"),
        ("high", rf"(?:{_VERY}\s+)?(?:teur?er(?:e[nmrs]?)?|teuer|teure[nmrs]?|kostspielige?[nrs]?|hochpreisige?[nrs]?)|viel\s+koste\w+"),
    ),
    compared=r"(?:billiger|günstiger|preiswerter)(?:e[nmrs]?)?|teurer(?:e[nmrs]?)?|weniger",
    complaint=r"zu",
    paying=_PAYING,
    sorts=(
        (Sort("price", "desc"), r"(?:am\s+)?teuersten?[rs]?(?:\s+zuerst)?|preis\s+absteigend"),
        (Sort("price", "asc"), r"(?:am\s+)?(?:billigste|günstigste|preiswerteste)[nrs]?(?:\s+zuerst)?|(?:nach\s+)?preis\s+(?:aufsteigend|sortiert)"),
        (Sort("released", "desc"), r"neue?ste[nrs]?(?:\s+zuerst)?|zuletzt\s+erschienene?[nrs]?"),
        (Sort("released", "asc"), r"älteste[nrs]?(?:\s+zuerst)?"),
        (Sort("popularity", "desc"), r"(?:am\s+)?(?:beliebteste|meistverkaufte)[nrs]?|bestseller"),
    ),
    dates=(
        ("gt", r"(?:nach|neuer\s+als)\s+{year}"), ("gte", r"(?:seit|ab)\s+{year}"),
        ("lt", r"(?:vor|älter\s+als)\s+{year}"), ("in", r"(?:aus(?:\s+dem\s+jahr)?|von|im\s+jahr)\s+{year}"),
    ),
    in_stock=r"(?:auf\s+lager|vorrätig|sofort\s+(?:lieferbar|verfügbar)|lieferbar)(?:e[nrs]?)?",
    own=r"(?:wo|wann|warum|wieso|wohin)\b.*\b(?:mein|unser)(?:e[nmrs]?)?",
    now=(
        r"wie\s+(?:spät|viel\s+uhr)\s+ist|wie\s+\w+\s+ist\s+es(?:\s+(?:heute|jetzt|draußen|gerade))?\s*[?!.]*$"
        r"|welche[rsn]?\s+\w+\s+ist\s+(?:heute|morgen|jetzt)|(?:wie|was)\s+(?:ist|wird|war|für)\s.*\b(?:wetter|heute|morgen|gestern)"
        r"|\b(?:regnet|schneit)\s+es"
    ),
    does=forms(
        """
        fliegen fliegt fliegende fliegenden: fly
        schwimmen schwimmt schwimmende schwimmenden: swim
        bellen bellt bellende: bark
        singen singt singende: sing
        springen springt hüpfen hüpft: jump
        kriechen kriecht: crawl
        stechen sticht: sting
        leuchten leuchtet leuchtende: shine
        rollen rollt: roll
        klingeln klingelt läuten: ring
        galoppieren galoppiert: gallop
        quaken quakt: croak
        """
    ),
)  # fmt: skip
