"""French, as ``tabled`` reads it."""

from typing import Final

from recommender.llm.understanding.languages.types import Language, classes, forms, table
from recommender.llm.understanding.types import Sort

_THE: Final = r"(?:\s+(?:de|des|du|en|avec|la|les?|à|par)\b|\s+(?:d|l)')*"
_NE: Final = r"(?:qui\s+|je\s+|nous\s+|et\s+|mais\s+)*(?:ne\s+|n')"
_WISH: Final = r"(?:sont|est|soit|soient|contien\w+|contenant|a|ont|ait|aient|veux|voulons|voudrais|peux|pouvons|vais|souhaite|cherche|aime|aimons|aimerais|faut)\b"
_VERY: Final = r"(?:(?:beaucoup\s+)?trop|très|si|tellement)"
_PAYING: Final = r"(?:payer|paie|dépenser|dépense|mettre|coûte(?:nt|r|ront)?|coûtant|soi(?:t|ent)|aille(?:nt)?|doi(?:t|vent)|(?:je|on|nous|ça|cela|il|ils|elles)|veux|voudrais|peux|qui|que)"

FRENCH: Final = Language(
    code="fr",
    letters="œçêîûë",
    asking=(
        r"(?:bonjour|salut|s'il\s+(?:vous|te)\s+plaît|merci)",
        r"plus\s+d(?:e\b|')|d'autres",
        r"y\s+a-t-il|il\s+y\s+a|est-ce\s+(?:que?|qu')|qu'est-ce\s+(?:que?|qui|qu')(?:\s+c'est)?",
        r"(?:avez|vendez|proposez|connaissez)-vous|as-tu|(?:vous|tu)\s+(?:avez|vendez|as)",
        r"(?:montrez|montre|donnez|donne|trouvez|trouve|recommandez|recommande)-(?:moi|nous)",
        r"je\s+(?:cherche|veux|voudrais|souhaite|aimerais|désire)|j'(?:aimerais|ai\s+besoin(?:\s+d(?:e|es|u)\b)?)",
        r"puis-je|peut-on|pouvez-vous|(?:peux|peut|peuvent|pourrait|acheter|trouver|voir|avoir|ont|a|est|sont)",
        r"(?:quel(?:le)?s?|que|quoi|qui|où|quand|comment|pourquoi|combien)(?:\s+(?:sorte|genre|type)s?\s+d[e'])?",
        r"quelque\s+chose|un\s+peu|encore|(?:sait|savent|sachant)",
        r"(?:je|tu|il|elle|on|nous|vous|ils|elles|un|une|des|du|de|le|la|les|au|aux|avec|pour|et|ou|dans|sur|en|à)",
    ),
    names=table(
        """
        animal, animaux: animal
        mammifère: mammal
        reptile: reptile
        oiseau, oiseaux: bird
        poisson: fish
        insecte: insect, bug
        chien: dog
        chat: cat
        cheval, chevaux: horse
        vache: cow
        souris: mouse
        ours: bear
        singe: monkey, ape
        grenouille: frog
        hibou, hiboux, chouette: owl
        canard: duck
        mouche: fly
        abeille: bee
        araignée: spider
        papillon: butterfly
        serpent: snake
        dinosaure: dinosaur
        gens, personne: people
        plante: plant
        fleur: flower
        arbre: tree
        champignon: mushroom
        fruit: fruit
        pomme: apple
        banane: banana
        légume: vegetable
        nourriture, aliment: food
        dessert, bonbon, sucrerie: dessert, sweet
        boisson: drink
        thé: tea
        café: coffee
        véhicule: vehicle
        voiture, automobile: car, auto, vehicle
        train: train
        bateau, bateaux, navire: ship, boat
        avion: plane, aircraft
        vélo: bicycle, cycle
        outil: tool
        instrument, instrument de musique, instruments de musique: musical instrument, instrument
        guitare: guitar
        corde: string
        violon: violin
        tambour, batterie: drum
        piano: piano
        musique: music
        vêtement: clothes, clothing
        chaussure: shoe
        botte: boot
        basket: sneaker, shoe
        veste, manteau, manteaux: jacket, coat
        robe: dress
        pantalon: trousers, pants
        chapeau, chapeaux: hat
        sac: bag
        sac à dos, sacs à dos: backpack
        montre: watch
        bijou, bijoux: jewelry, jewellery
        meuble: furniture
        chaise: chair
        table: table, desk
        canapé: sofa
        lit: bed
        lampe: lamp, light
        couteau, couteaux: knife
        vaisselle: dishware, dish
        livre: book
        jouet: toy
        puzzle: puzzle
        jeu, jeux: game
        téléphone, smartphone, portable: phone
        casque, écouteur: headphone
        appareil photo, appareils photo: camera
        ordinateur: computer
        bâtiment, maison: building, house
        drapeau, drapeaux: flag
        """
    ),
    qualities=classes(
        """
        rouge bleu vert jaune orange violet rose brun marron noir blanc blanche gris doré argenté turquoise beige
        cuir bois plastique métal métallique acier coton laine soie verre papier caoutchouc bambou céramique lin
        petit grand énorme minuscule
        silencieux silencieuse calme bruyant
        léger légère lourd
        courte long longue
        chaud frais fraîche
        simple
        nouveau nouvelle neuf neuve vieux vieille ancien ancienne moderne
        """
    ),
    denied_ahead=(
        r"(?:et\s+|mais\s+)*(?:à\s+l'exception|à\s+l'exclusion|en\s+dehors|au\s+lieu)(?:\s+(?:de|des|du)\b|\s+d')(?:\s+(?:la|les?)\b|\s*l')?",
        rf"(?:tou(?:t|s|tes?)\s+)?(?:sauf|hormis|excepté(?:e?s)?|hors|à\s+part|plutôt\s+que|autres?\s+que){_THE}",
        rf"(?:et\s+|mais\s+)*sans{_THE}",
        rf"{_NE}{_WISH}\s+(?:surtout\s+)?(?:pas|aucune?|ni|plus|jamais|rien){_THE}",
        rf"(?:et\s+|mais\s+|surtout\s+)*(?:pas|jamais|aucune?|ni|rien|plus\s+de|non)(?:\s+(?:fait|faite)s?)?{_THE}",
        rf"(?:je\s+)?(?:déteste|évite[zr]?|exclu\w+){_THE}",
    ),
    denied_within=(rf"{_NE}(?!{_WISH})(?:peu\w+\s+pas\s+(?P<able>\w+)|(?P<verb>\w+)\s+pas)(?:\s+(?:du\s+tout|encore))?",),
    denied_behind=(r"exclue?s?", r"non\s+merci"),
    rhetorical=(
        r"n'y\s+a-t-il\s+pas(?:\s+(?:de|des|du)\b|\s+d')?", r"(?:n'avez|n'auriez|ne\s+vendez)-vous\s+(?:pas|rien)(?:\s+(?:de|des|du)\b|\s+d')?",
        r"pourquoi\s+pas",
    ),
    kept=(r"sans\s+(?:fil|doute|manches)", r"pas\s+(?:mal|seulement|grave)", r"non\s+(?:seulement|alcoolisée?s?)", r"ou\s+non", r"plus\s+ou\s+moins"),
    joined=r"\s*,\s*|\s+(?:ou|et|ni)\s+(?:(?:pas|sans|aucune?|de|des|du|en|les?|la|avec)\s+|(?:d|l)')*",
    scope_end=r"\s+(?:mais|pour|avec|sous|moins|plus|à\s+moins|s'il|svp|montre[zr]?|donne[zr]?|je|qui|que|seulement|dans|sur|et\s+(?:montre|je|avec|moins))\b",
    leading=r"(?:(?:tous|toutes?|tout|un|une|des|du|de|la|les?|en|avec|trop|très|ce|ces|cette|fait|faite|au|aux)\s+|(?:d|l)')",
    trailing=r"\s+(?:s'il\s+(?:vous|te)\s+plaît|svp|merci|dedans|du\s+tout)",
    of=r"\s+(?:en|avec|à|de|du|des|d')\s*",
    describing=r"(?:^|\s+)(?:pour|avec|en|sans|de|du|des|d'|à|sous|qui|que|dans|sur|par|peuvent|peut)\b.*",
    endings=("s", "x", "e", "es"),
    measures=r"ans?|jours?|heures?|minutes?|secondes?|semaines?|mois|grammes?|kilos?|litres?|mètres?|centimètres?|pièces?|pages?|personnes?|joueurs?|enfants?|watts?|volts?|degrés?|pouces?",
    numbers={"dix": 10, "quinze": 15, "vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60,
             "cent": 100, "mille": 1000},
    ahead=(
        ("lte", r"(?:(?:qui\s+|mon\s+budget\s+)?n(?:e\s+|')(?:coût|dépass|excèd|excéd)\w+\s+pas(?:\s+(?:plus\s+de|les))?)|au\s+maximum|maximum|max\.?|(?:tout\s+)?au\s+plus|jusqu'à|budget\s+(?:de|est\s+de)|dans\s+un\s+budget\s+de"),
        ("gte", r"(?:(?:qui\s+)?ne\s+coût\w+\s+pas\s+moins\s+de)|au\s+moins|minimum|min\.?|à\s+partir\s+de"),
        ("lt", r"(?:(?:qui\s+)?coût\w+\s+)?(?:à\s+|de\s+)?(?:moins\s+(?:de|ch(?:er|ère)s?\s+que)|sous|en\s+dessous\s+de|inférieure?s?\s+à)|<"),
        ("gt", r"(?:à\s+|de\s+)?(?:plus\s+(?:de|ch(?:er|ère)s?\s+que)|dépass\w+(?:\s+les)?|excéd\w+|au-delà\s+de|au-dessus\s+de|supérieure?s?\s+à)|>"),
        ("about", r"environ|autour\s+de|dans\s+les|à\s+peu\s+près|vers"),
    ),
    behind=(
        ("lte", r"ou\s+moins|(?:au\s+)?maximum|max\.?|au\s+plus"),
        ("gte", r"ou\s+plus|et\s+plus|(?:au\s+)?minimum|au\s+moins"),
        ("about", r"environ"),
    ),
    ranges=(r"entre\s+{low}\s*et\s*{high}", r"de\s+{low}\s*à\s*{high}", r"{low}\s*(?:à|-|–)\s*{high}"),
    levels=(
        ("modest", rf"(?:qui\s+)?ne\s+coût\w+\s+pas\s+(?:{_VERY}\s+)?(?:beaucoup|ch(?:er|ère)s?)|à\s+(?:un\s+)?prix\s+raisonnables?|abordables?"),
        ("low", rf"(?:{_VERY}\s+)?bon\s+marché|moins\s+(?:ch(?:er|ère)s?|coûteu\w+)|peu\s+coûteu\w+|(?:{_VERY}\s+)?économiques?"),
        ("high", rf"(?:plus\s+|{_VERY}\s+)?(?:ch(?:er|ère)s?|coûteu\w+)|haut\s+de\s+gamme"),
    ),
    compared=r"plus|moins",
    complaint=r"trop",
    paying=_PAYING,
    sorts=(
        (Sort("price", "desc"), r"(?:l[ea]s?\s+)plus\s+ch(?:er|ère)s?(?:\s+d'abord)?|prix\s+décroissant"),
        (Sort("price", "asc"), r"(?:l[ea]s?\s+)moins\s+ch(?:er|ère)s?(?:\s+d'abord)?|(?:par\s+)?prix\s+croissant|triée?s?\s+par\s+prix"),
        (Sort("released", "desc"), r"(?:l[ea]s?\s+)plus\s+récente?s?|derniers?\s+sorti\w*|nouveautés"),
        (Sort("released", "asc"), r"(?:l[ea]s?\s+)plus\s+ancien(?:ne)?s?"),
        (Sort("popularity", "desc"), r"(?:l[ea]s?\s+)plus\s+(?:populaires?|vendue?s?)|meilleures\s+ventes"),
    ),
    dates=(
        ("gt", r"après\s+{year}"), ("gte", r"(?:depuis|à\s+partir\s+de)\s+{year}"), ("lt", r"avant\s+{year}"),
        ("in", r"(?:de|en|sortie?s?\s+en)\s+{year}"),
    ),
    in_stock=r"en\s+stock|disponibles?(?:\s+(?:immédiatement|maintenant))?",
    is_head_last=False,
    own=r"(?:où|quand|pourquoi)\b.*\b(?:mon|ma|mes|notre|nos)",
    now=(
        r"quel(?:le)?\s+\w+\s+(?:est|fait|fera|sera)-t?-?il|il\s+est\s+quel(?:le)?|quel(?:le)?\s+\w+\s+sommes-nous"
        r"|quel(?:le)?\s+(?:est|sera)\s.*\b(?:météo|aujourd'hui|demain|hier)|comment\s+(?:est|sera|va)\b.*\b(?:météo|temps|aujourd'hui|demain)"
        r"|(?:pleut|neige)-t-il|va-t-il\s+(?:pleuvoir|neiger)|(?:comment|ça)\s+(?:ça\s+)?va\b"
    ),
    does=forms(
        """
        voler volent vole volant volants volante volantes: fly
        nager nagent nage nageant: swim
        aboyer aboient aboie: bark
        chanter chantent chante: sing
        sauter sautent saute: jump
        ramper rampent rampe: crawl
        piquer piquent pique: sting
        briller brillent brille éclairer: shine
        rouler roulent roule: roll
        sonner sonnent sonne: ring
        galoper galopent: gallop
        coasser coassent: croak
        """
    ),
)  # fmt: skip
