"""The hand-written lexicon, in two parts that share no content word: SEEN (train, validation, test) and UNSEEN.

Read it like a dictionary; the notation is explained in `train.data.vocabulary`. Whole families of related words are
held out, so that every relation stands within one part.
"""

from train.data.vocabulary import Lexicon, family, groups, poles, scales, tree, words

# fmt: off
SEEN = Lexicon(
    names=words(
        "Tom Anna Ben Clara David Emma Frank Grace Henry Julia Kevin Laura Mark Nina Oliver Paula "
        "Robert Sarah Simon Susan Victor Wendy Adam Helen"
    ),
    scales=scales("""
        state: clean | dirty > filthy
        size: large big > huge enormous | small little > tiny
        age: old > ancient | new
        colour: red > crimson scarlet | white | blue | brown | yellow
        sleep: asleep sleeping | awake
        access: open | closed shut
        joy: happy joyful > delighted | sad unhappy > miserable
        money: rich wealthy | poor
        years: old > elderly | young
        height: tall | short
    """),
    moods=("joy", "money", "sleep", "years"),
    degrees=("joy", "money", "years", "height"),
    families=(
        family("animal", "in the yard, in the garden, behind the house, near the barn", "size state colour", "sleep",
            "dog: hound poodle terrier; bird: owl eagle crow parrot duck; horse: stallion mare; snake: cobra "
            "python; cat: kitten; goat; pig; cow; rabbit; lizard; monkey: baboon"),
        family("vehicle", "near the bridge, by the river, in the picture", "size state age colour", "",
            "car: taxi jeep; boat: canoe yacht ferry; plane: jet glider; truck; bicycle; tractor; wagon; bus"),
        family("building", "on the hill, across the street, in the village", "size age colour", "access",
            "house: cottage villa mansion; church: cathedral chapel; store: bakery pharmacy; hotel: inn "
            "motel; school: academy; museum; prison: jail; factory; theater; hospital"),
        family("garment", "on the bench, in the suitcase, on the floor", "size state age colour", "",
            "hat: cap helmet bonnet; dress: gown; shirt: blouse; coat: jacket; sweater; skirt; scarf; "
            "apron; vest"),
        family("snack", "on the plate, in the kitchen, in the bowl", "size colour", "",
            "fruit: apple pear banana peach lemon cherry; vegetable: carrot onion potato cabbage; pie; "
            "cookie; muffin; sandwich; nut: walnut almond"),
        family("tool", "in the garage, on the roof, in the drawer", "size state age colour", "",
            "hammer; saw; knife: dagger; shovel; axe; ladder; rake; drill; brush; needle; wrench"),
    ),
    roles=tree(
        "doctor: surgeon dentist; child: boy girl toddler; teacher: professor tutor; "
        "soldier: sergeant captain; servant: maid butler; cleric: priest bishop; "
        "leader: king queen president; worker: plumber carpenter miner"
    ),
    handling=groups("buy purchase | find discover | sell | see | photograph"),
    dealing=poles(
        "chase pursue | save rescue | help assist aid | hit > punch slap kick | push shove | watch observe | follow | "
        "phone | insult | visit"
    ),
    acting=poles(
        "leave depart | cry weep | speak talk > whisper | laugh > giggle | sing | "
        "scream shriek | fall | dance > waltz | arrive | eat"
    ),
    occasions=tree(
        "meal: lunch dinner breakfast supper; match: semifinal final; "
        "show: concert play opera; meeting: interview conference; lesson: lecture"
    ),
)

UNSEEN = Lexicon(
    names=words(
        "Peter Maria George Alice Martin Diana Eric Rachel Thomas Sophie Daniel Ruth Philip Karen "
        "Steven Linda Walter Nancy Louis Rosa Albert Jane Hugo Carol"
    ),
    scales=scales("""
        beauty: beautiful lovely > gorgeous | ugly > hideous
        price: expensive costly | cheap
        weight: heavy | light
        width: wide broad | narrow
        shape: round circular | square
        shade: black | green | pink | purple > violet | gray
        filling: full | empty
        wetness: wet > soaked | dry
        noise: loud noisy | quiet > silent
        health: sick ill | healthy well
        temper: angry > furious | calm
        wits: clever smart intelligent > brilliant | stupid foolish dumb
        courage: brave courageous > heroic | cowardly
        drink: drunk intoxicated | sober
        speed: fast quick | slow
        force: strong powerful | weak feeble
    """),
    moods=("health", "temper", "wits", "drink", "courage", "noise"),
    degrees=("wits", "courage", "speed", "force", "weight", "noise", "beauty"),
    families=(
        family("plant", "near the gate, in the park, in the field, by the lake", "beauty price shade", "wetness",
            "flower: rose tulip lily daisy orchid; tree: oak pine maple willow birch; fern; cactus; bush"),
        family("instrument", "on the stage, in the hall, in the studio", "beauty price shade", "weight noise",
            "violin; flute; drum; guitar; piano; trumpet; harp; banjo; bell; cello; organ"),
        family("weapon", "on the wall, in the cellar, in the tent", "beauty price shade", "weight",
            "gun: pistol rifle shotgun; sword; spear; bow; bomb: grenade; arrow; club"),
        family("container", "in the corner, in the closet, at the airport", "price shape shade",
            "weight filling wetness", "bag: sack purse backpack; box: crate carton; bottle: flask; "
            "basket; bucket; barrel; cup: mug; jar"),
        family("item", "in the office, in the library, in the attic", "beauty price width", "weight",
            "book: novel dictionary atlas bible; bed: cot cradle; lamp; mirror; clock; statue; sofa: couch; carpet; "
            "candle; chair: throne; table: desk"),
        family("treasure", "at the exhibition, in the palace, in the safe", "beauty price shade", "weight",
            "ring; necklace; crown: tiara; bracelet; brooch; medal"),
        family("toy", "on the beach, in the nursery, on the shelf", "beauty price shade", "weight wetness",
            "doll; kite; ball; puppet; balloon; puzzle; robot"),
        family("document", "in the file, in the envelope, at the embassy", "beauty width shade", "wetness",
            "letter; contract: lease; certificate: diploma; newspaper: tabloid; "
            "poem: sonnet; map; menu; report"),
    ),
    roles=tree(
        "artist: painter sculptor; athlete: boxer swimmer runner; scientist: chemist physicist biologist; "
        "relative: aunt uncle cousin nephew; musician: pianist drummer; criminal: thief robber pirate; "
        "lawyer: attorney prosecutor; official: mayor governor minister"
    ),
    handling=groups("choose select | draw sketch | describe | mention | admire"),
    dealing=poles(
        "trick fool deceive | scare frighten > terrify | attack assault > stab | teach instruct | thank | praise | "
        "blame | tease | greet welcome | criticize"
    ),
    acting=poles(
        "shout yell | jump leap | run > sprint jog | smile grin | "
        "cough | sneeze | pray | rest relax | yawn | stumble | swim | whistle"
    ),
    occasions=tree(
        "ceremony: wedding funeral; race: marathon; storm: hurricane blizzard; "
        "fight: duel brawl; trip: cruise; party: reception"
    ),
)
