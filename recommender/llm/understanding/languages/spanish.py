"""Spanish, as ``tabled`` reads it."""

from typing import Final

from recommender.llm.understanding.languages.types import Language, classes, forms, table
from recommender.llm.understanding.types import Sort

_THE: Final = r"(?:\s+(?:de|del|con|en|por|hech[oa]s?|el|la|los|las|un|una)\b)*"
_AND: Final = r"(?:(?:y|pero|por\s+favor|que)\s+)*"
_VERY: Final = r"(?:muy|demasiado|tan)"
_PAYING: Final = r"(?:voy|vamos|va|gastar(?:me)?|gasto|pagar|pago|cuest[ae]n?|costar|valga[n]?|vale[n]?|sea[n]?|son|es|suba[n]?|pase[n]?|pas(?:ar|arme)|llegue[n]?|quiero|quisiera|puedo|que|me|a|los?|las?)"

SPANISH: Final = Language(
    code="es",
    letters="¿¡ñ",
    asking=(
        r"(?:hola|buenos\s+días|por\s+favor|gracias)",
        r"(?:tienen?|tenéis|tienes|venden?|vendéis)(?:\s+(?:ustedes|algún|alguna|algo))?",
        r"más(?=\s+\S)|otr[oa]s?",
        r"(?:hay|existen?)(?:\s+(?:algún|alguna|algunos|algunas))?",
        r"(?:muéstra|enséña|da|recomiénda|encuéntra|búsca|muestre|enseñe|dé|recomiende)(?:me|nos)",
        r"(?:busco|buscamos|quiero|queremos|quisiera|necesito|me\s+gustaría)",
        r"(?:qué|cuál(?:es)?|quién(?:es)?|dónde|cuándo|cómo|cuánto|por\s+qué)(?:\s+(?:tipo|clase)s?\s+de)?",
        r"(?:puedo|puede|pueden|podría|se\s+puede|es|son|está|están|tener|comprar|encontrar|ver)",
        r"algo|un\s+poco|aún|todavía|(?:sabe|saben)",
        r"(?:yo|tú|él|ella|me|te|se|un|una|unos|unas|el|la|los|las|lo|de|del|con|para|por|y|o|en|a|al|su|sus)",
    ),
    names=table(
        """
        animal, animales: animal
        mamífero: mammal
        reptil, reptiles: reptile
        pájaro, ave: bird
        pez, peces, pescado: fish
        insecto, bicho: insect, bug
        perro, perra: dog
        gato, gata: cat
        caballo: horse
        vaca: cow
        ratón, ratones: mouse
        oso: bear
        mono: monkey, ape
        rana: frog
        búho: owl
        pato: duck
        mosca: fly
        abeja: bee
        araña: spider
        mariposa: butterfly
        serpiente: snake
        dinosaurio: dinosaur
        gente, persona: people
        planta: plant
        flor, flores: flower
        árbol, árboles: tree
        seta, hongo: mushroom
        fruta: fruit
        manzana: apple
        plátano, banana: banana
        verdura: vegetable
        comida, alimento: food
        postre, dulce, golosina: dessert, sweet
        bebida: drink
        té, tés: tea
        café: coffee
        vehículo: vehicle
        coche, carro, automóvil, automóviles: car, auto, vehicle
        tren, trenes: train
        barco: ship, boat
        avión, aviones: plane, aircraft
        bicicleta: bicycle, cycle
        herramienta: tool
        instrumento, instrumento musical, instrumentos musicales: musical instrument, instrument
        guitarra: guitar
        cuerda: string
        violín, violines: violin
        tambor, tambores, batería: drum
        piano: piano
        música: music
        ropa: clothes, clothing
        zapato: shoe
        bota: boot
        zapatilla: sneaker, shoe
        chaqueta, abrigo: jacket, coat
        vestido: dress
        pantalón, pantalones: trousers, pants
        sombrero: hat
        bolso, bolsa: bag
        mochila: backpack
        reloj, relojes: watch
        joya: jewelry, jewellery
        mueble: furniture
        silla: chair
        mesa: table, desk
        sofá: sofa
        cama: bed
        lámpara: lamp, light
        cuchillo: knife
        vajilla: dishware, dish
        libro: book
        juguete: toy
        rompecabezas, puzle: puzzle
        juego: game
        teléfono, móvil, móviles, smartphone: phone
        auricular, auriculares: headphone
        cámara: camera
        ordenador, ordenadores, computadora: computer
        edificio, casa: building, house
        bandera: flag
        """
    ),
    qualities=classes(
        """
        rojo roja azul azules verde amarillo amarilla naranja morado morada violeta rosa marrón negro negra blanco blanca gris dorado dorada plateado turquesa beige
        cuero piel madera plástico metal metálico metálica acero algodón lana seda vidrio cristal papel goma caucho bambú cerámica lino
        pequeño pequeña grande enorme
        silencioso silenciosa ruidoso ruidosa
        ligero ligera pesado pesada
        corto corta largo larga
        cálido caliente fresco
        sencillo sencilla simple
        nuevo nueva viejo vieja antiguo antigua moderno moderna
        """
    ),
    denied_ahead=(
        rf"{_AND}(?:a\s+excepción|con\s+excepción|aparte|fuera|en\s+vez|en\s+lugar)\s+(?:de\b|del\b){_THE}",
        rf"{_AND}(?:tod[oa]s?\s+)?(?:excepto|salvo|menos(?!\s+(?:de|que|car[oa])\b)|exceptuando|distint[oa]s?\s+(?:de|a)){_THE}",
        rf"{_AND}sin(?:\s+ningun[oa]?)?{_THE}",
        rf"{_AND}(?:que\s+)?(?:no|nunca|jamás|tampoco)(?:\s+(?:me\s+gusta[n]?|quiero|queremos|quisiera|necesito|busco|deseo|sean?|es|son|esté[n]?|están?|tenga[n]?|tienen?|lleve[n]?|llevan?|contenga[n]?|contienen?|incluya[n]?|puedan?|pueden?))*(?:\s+(?:nada|ningún|ninguna?))?{_THE}",
        rf"{_AND}(?:nada|ningún|ninguna?|ni){_THE}(?:\s+que\s+(?:sea|tenga|lleve))?",
        rf"(?:odio|detesto|evit\w+|excluy\w+|excluir){_THE}",
    ),
    denied_behind=(r"(?:por\s+favor\s+)?(?:no\s+gracias|excluid[oa]s?|no(?:\s+(?:quiero|me\s+gustan?))?)",),
    rhetorical=(r"no\s+(?:hay|tienen?|tenéis|venden?)(?:\s+(?:ningún|ninguna?|algún|alguna))?(?=[^?]*\?)", r"por\s+qué\s+no"),
    kept=(r"no\s+(?:solo|sólo|importa|obstante)", r"sin\s+(?:embargo|duda)", r"o\s+no", r"más\s+o\s+menos"),
    joined=r"\s*,\s*|\s+(?:o|u|y|e|ni)\s+(?:(?:no|sin|de|con|el|la|los|las|tampoco)\s+)*",
    scope_end=r"\s+(?:pero|sino|para|con|por|menos|más|bajo|a\s+menos|muéstra\w*|quiero|que|solo|sólo|en|y\s+(?:muéstra|quiero|con|por|que))\b",
    leading=r"(?:tod[oa]s?|el|la|los|las|un|una|unos|unas|de|del|con|muy|tan|en|hech[oa]s?|algun[oa]s?)\s+",
    trailing=r"\s+(?:por\s+favor|gracias|tampoco|nada)",
    of=r"\s+(?:de|con|en|del)\s+",
    describing=r"(?:^|\s+)(?:para|con|de|del|sin|en|por|que|bajo|pueden|puede)\b.*",
    endings=("s", "es"),
    money=r"€|euros?|eur|[$£¥]|usd|gbp|dólares|dólar|pesos",
    measures=r"años?|días?|horas?|minutos?|segundos?|semanas?|mes(?:es)?|gramos?|kilos?|litros?|metros?|centímetros?|piezas?|páginas?|personas?|jugadores|niños|vatios?|voltios?|grados?|pulgadas?",
    numbers={"diez": 10, "quince": 15, "veinte": 20, "treinta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60,
             "setenta": 70, "ochenta": 80, "noventa": 90, "cien": 100, "doscientos": 200, "quinientos": 500, "mil": 1000},
    ahead=(
        ("lte", r"como\s+(?:máximo|mucho)|a\s+lo\s+sumo|máximo|máx\.?|hasta|presupuesto\s+(?:de|es\s+de)"),
        ("gte", r"al\s+menos|como\s+mínimo|mínimo|mín\.?|desde|a\s+partir\s+de"),
        ("lt", r"(?:por\s+|a\s+|de\s+)?(?:menos\s+de|debajo\s+de|por\s+debajo\s+de|bajo|inferior(?:es)?\s+a|más\s+barat[oa]s?\s+(?:que|de))|<"),
        ("gt", r"(?:por\s+|a\s+|de\s+)?(?:más\s+de|(?:super|exced|sobrepas|rebas)\w+(?:\s+los)?|pas\w+\s+de(?:\s+los)?|por\s+encima\s+de|superior(?:es)?\s+a|más\s+car[oa]s?\s+(?:que|de))|>"),
        ("about", r"unos|alrededor\s+de|aproximadamente|cerca\s+de|sobre"),
    ),
    behind=(
        ("lte", r"o\s+menos|como\s+máximo|máximo"), ("gte", r"o\s+más|como\s+mínimo|mínimo|en\s+adelante"),
        ("about", r"aproximadamente|más\s+o\s+menos"),
    ),
    ranges=(r"entre\s+{low}\s*y\s*{high}", r"(?:de|desde)\s+{low}\s*(?:a|hasta)\s*{high}", r"{low}\s*(?:a|-|–)\s*{high}"),
    levels=(
        ("modest", r"a\s+(?:un\s+)?(?:buen\s+)?precio\s+razonable|asequibles?"),
        ("low", rf"(?:más\s+|{_VERY}\s+)?(?:barat[oa]s?|económic[oa]s?)|menos\s+(?:car[oa]s?|costos[oa]s?)"),
        ("high", rf"(?:más\s+|{_VERY}\s+)?(?:car[oa]s?|costos[oa]s?)|cuest[ae]n?\s+(?:mucho|demasiado)"),
    ),
    compared=r"más|menos",
    complaint=r"demasiado",
    paying=_PAYING,
    sorts=(
        (Sort("price", "desc"), r"(?:(?:el|la|los|las)\s+)más\s+car[oa]s?(?:\s+primero)?|precio\s+descendente|de\s+mayor\s+a\s+menor\s+precio"),
        (Sort("price", "asc"), r"(?:(?:el|la|los|las)\s+)más\s+barat[oa]s?(?:\s+primero)?|precio\s+ascendente|(?:ordenad[oa]s?\s+)por\s+precio|de\s+menor\s+a\s+mayor\s+precio"),
        (Sort("released", "desc"), r"(?:(?:el|la|los|las)\s+)más\s+(?:nuev[oa]s?|recientes?)|novedades"),
        (Sort("released", "asc"), r"(?:(?:el|la|los|las)\s+)más\s+(?:viej[oa]s?|antigu[oa]s?)"),
        (Sort("popularity", "desc"), r"(?:(?:el|la|los|las)\s+)?más\s+(?:populares?|vendid[oa]s?)"),
    ),
    dates=(
        ("gt", r"(?:después\s+de|posterior(?:es)?\s+a)\s+{year}"), ("gte", r"(?:desde|a\s+partir\s+de)\s+{year}"),
        ("lt", r"(?:antes\s+de|anterior(?:es)?\s+a)\s+{year}"), ("in", r"(?:de|en|del)\s+{year}"),
    ),
    in_stock=r"en\s+(?:stock|existencia)|disponibles?(?:\s+(?:ya|ahora))?",
    is_head_last=False,
    own=r"(?:dónde|adónde|cuándo|por\s+qué)\b.*\b(?:mis?|nuestr[oa]s?)",
    now=(
        r"qué\s+\w+\s+(?:es|hace|hará)(?:\s+(?:hoy|mañana|ahora|ya))?\s*[?!.]*$|qué\s+\w+\s+(?:es|hace|hará|hizo)\s+(?:en|hoy|mañana|ayer)\b"
        r"|(?:cómo|qué\s+tal)\s+(?:es|está|estará|va)\s.*\b(?:tiempo|clima|hoy|mañana|ahora)|(?:llueve|lloverá|nieva)\b"
    ),
    does=forms(
        """
        volar vuelan vuela voladores volador voladoras: fly
        nadar nadan nada: swim
        ladrar ladran ladra: bark
        cantar cantan canta: sing
        saltar saltan salta: jump
        reptar reptan: crawl
        picar pican: sting
        brillar brillan brilla alumbran: shine
        rodar ruedan: roll
        sonar suenan: ring
        galopar galopan: gallop
        croar croan: croak
        """
    ),
)  # fmt: skip
