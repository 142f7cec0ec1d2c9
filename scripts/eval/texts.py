"""Texts of the generated recordings, sentence by sentence. Written for this project; numbers are avoided."""

EN_SHORT = [
    "The ferry leaves the small harbor early in the morning.",
    "The baker brings warm bread to the passengers before they go on board.",
]
EN_MARKET = [
    "On Saturday the market fills the square behind the old church.",
    "Farmers sell apples, onions and fresh cheese from wooden tables.",
    "A young woman plays the violin while children dance around the fountain.",
    "Before noon the best vegetables are gone, and the sellers begin to pack their boxes.",
    "Only the man with the flowers stays until evening, because people buy roses on their way home.",
]
EN_BICYCLE = [
    "My grandfather repaired bicycles in a narrow workshop beside the railway station.",
    "The walls were covered with tools, and every tool had its own nail.",
    "When a customer came in, he listened first and looked at the bicycle afterwards.",
    "Most people knew very well what was wrong, but they described it with their hands.",
    "He turned the pedals slowly, held his ear close to the chain and nodded.",
    "A broken spoke was replaced at once, while the owner waited with a cup of coffee.",
    "Larger repairs took until the weekend, and he never promised anything earlier than that.",
    "In the evening he swept the floor, oiled the lock and counted the money in the drawer.",
    "After his death we found a notebook with the name of every customer and the color of every bicycle.",
    "My sister still rides the green one that he built for her.",
]
# Words that a model of this size rarely gets right: for hotwords and prompts.
EN_NAMES = [
    "Doctor Ngaire Quillfeather of the Vantorix laboratory opened the meeting in Llandudno.",
    "She explained why the tokenizer of Kestrelix needs no quantization.",
    "Her colleague Tadeusz Oyelaran showed a spectrogram of the phonemes in question.",
    "The kubelet on every node reports backpressure to the scheduler in Zwolle.",
    "Every webhook of the new gateway is idempotent, said Siobhan Mazurkiewicz.",
]
HOTWORDS = [
    "Ngaire",
    "Quillfeather",
    "Vantorix",
    "Llandudno",
    "Kestrelix",
    "Oyelaran",
    "Tadeusz",
    "kubelet",
    "backpressure",
    "Zwolle",
    "Siobhan",
    "Mazurkiewicz",
]
EN_PAUSE = [
    "Please hold the line while I look for your letter.",
    "Thank you for waiting, the letter arrived on Monday.",
]
EN_LATE = [
    "The lighthouse keeper wrote down the weather twice a day.",
    "He noted the wind, the height of the waves and the ships that passed.",
    "On quiet nights he added a line about the stars.",
    "His books are kept in the library of the island.",
]
EN_SOFT = [
    "The rehearsal begins behind a closed curtain.",
    "Somebody tries the piano and speaks very softly.",
    "Then the curtain rises, and the whole choir starts to sing.",
    "The conductor stops them after the first line and asks for more breath.",
    "They begin again, and this time the last row can follow every word.",
]
EN_DENSE = [
    "We left the village before sunrise because the path to the summit is long.",
    "The first hour leads through a forest of tall pines where the air smells of resin.",
    "Behind the last trees the valley opens, and a stream runs between stones that are as large as houses.",
    "Our guide knew every bridge and every shelter, and she told us which berries we could eat.",
    "Near the lake we met a shepherd with a brown dog and more sheep than anyone could count.",
    "He warned us about the loose rocks on the northern side and showed us a safer way around them.",
    "The climb became steep, and nobody talked until we reached a small chapel made of gray stone.",
    "Inside there was a table, a candle and a book in which travelers had written their names.",
    "We rested in the shade, shared bread and cheese, and filled our bottles at the spring behind the wall.",
    "From there the path follows the ridge, and on both sides the mountains fall away into blue distance.",
    "A cold wind pushed the clouds toward us, so we tied our jackets and walked faster than before.",
    "When we stood on the top at last, the sun came out for a moment and lit the glacier below.",
    "Someone took a photograph, someone else sang, and our guide pointed at the peaks and named them.",
    "We did not stay long because thunder rolled in the west and the first drops fell on our hats.",
    "The way down was easier, although our knees complained about every step of the wet stairs.",
    "At the chapel the shepherd waited for us with hot tea and laughed at our muddy boots.",
    "By evening the storm had passed, and the whole village smelled of rain and burning wood.",
    "We ate soup in the kitchen of the inn while our clothes dried on a rope above the stove.",
    "The owner asked about the view, and each of us described a different mountain.",
    "That night I slept without a dream and woke only when the bells called the farmers to church.",
]

DE_SHORT = [
    "Der Zug nach Hamburg fährt heute vom anderen Bahnsteig ab.",
    "Bitte achten Sie auf die Durchsagen und halten Sie Ihre Fahrkarten bereit.",
]
DE_GARDEN = [
    "Im Garten meiner Tante wachsen Tomaten, Bohnen und viele Kräuter.",
    "Jeden Morgen gießt sie die Beete, bevor die Sonne zu stark wird.",
    "Der Nachbar bringt ihr manchmal alte Bretter, aus denen sie kleine Zäune baut.",
    "Im Sommer sitzen wir unter dem Kirschbaum und trinken kalten Tee.",
    "Wenn es regnet, laufen die Kinder barfuß über die Wiese und lachen.",
]
DE_MUSEUM = [
    "Das Museum liegt in einer früheren Mühle am Rand der Stadt.",
    "Im Erdgeschoss stehen die Maschinen, mit denen früher Papier hergestellt wurde.",
    "Eine freundliche Frau erklärt den Besuchern, wie das Wasser die großen Räder bewegt.",
    "Im oberen Stockwerk hängen Bilder von Arbeitern, die hier ihr ganzes Leben verbracht haben.",
    "Viele von ihnen wohnten in kleinen Häusern auf der anderen Seite des Flusses.",
    "Nach dem Rundgang darf jeder selbst ein Blatt Papier schöpfen und mit nach Hause nehmen.",
    "Die Kinder drücken Blumen und Blätter hinein, bis ein buntes Muster entsteht.",
    "Am Ausgang gibt es Kuchen, und aus dem Fenster sieht man die alten Weiden am Ufer.",
    "Wir blieben bis zum Abend und fuhren mit dem letzten Bus zurück.",
]

FR_SHORT = [
    "Le dimanche, toute la famille se retrouve dans la maison de ma grand-mère.",
    "Mon oncle prépare le poisson pendant que les enfants mettent la table.",
]
FR_VILLAGE = [
    "Dans notre village, la boulangerie ouvre avant le lever du soleil.",
    "Les ouvriers achètent du pain, du fromage et parfois une part de tarte.",
    "Le vieux pont est fermé depuis l'hiver, mais les pêcheurs viennent encore.",
    "Après la pluie, nous marchons jusqu'à la rivière et nous regardons les bateaux.",
    "Le soir, on allume une lampe devant la porte et on raconte des histoires.",
]
FR_THEATRE = [
    "La petite salle de théâtre se trouve derrière la gare, dans une rue tranquille.",
    "Pendant la journée, on répare les décors et on lave les costumes.",
    "Une jeune actrice apprend son texte en marchant dans le couloir.",
    "Le directeur cherche une chaise, puis il cherche ses lunettes, puis il oublie pourquoi.",
    "À la tombée de la nuit, les premiers spectateurs attendent devant la porte.",
    "On leur vend du chocolat chaud, car le bâtiment est froid en hiver.",
    "Quand la lumière baisse, tout le monde se tait et la musique commence.",
    "La pièce parle d'un facteur qui ouvre une lettre par erreur.",
    "À la fin, le public applaudit longtemps et la jeune actrice pleure de joie.",
]

ES_SHORT = [
    "El autobús para Sevilla sale hoy de la otra puerta.",
    "Los pasajeros deben tener sus billetes en la mano.",
]
ES_KITCHEN = [
    "Mi abuela cocina todos los domingos para la familia entera.",
    "Por la mañana compra pescado fresco en el mercado del puerto.",
    "Los niños lavan las verduras y cuentan lo que pasó en la escuela.",
    "Después de comer, el abuelo duerme una hora en su silla junto a la ventana.",
    "Por la tarde salimos a caminar por la playa y buscamos piedras de colores.",
]
ES_LIBRARY = [
    "La biblioteca del pueblo está en una casa antigua con un patio lleno de flores.",
    "La bibliotecaria conoce a todos los lectores y recuerda sus libros favoritos.",
    "Por las tardes, los estudiantes ocupan las mesas grandes y trabajan en silencio.",
    "Un hombre mayor lee el periódico despacio y comenta las noticias con su vecino.",
    "Los viernes hay música en el patio, y la gente trae comida para compartir.",
    "El invierno pasado se rompió el techo y el agua mojó muchas páginas.",
    "Los vecinos secaron los libros en sus casas y los devolvieron limpios.",
    "Desde entonces, una placa junto a la puerta agradece la ayuda de todos.",
    "Los turistas la fotografían sin entender la historia.",
]
