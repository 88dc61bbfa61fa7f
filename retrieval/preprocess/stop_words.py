"""Function words per language: articles, pronouns, prepositions, conjunctions, auxiliaries, particles.

Short on purpose. The lists that go round for text mining (stopwords-iso has 1,298 English words)
also hold "face", "fire", "computer", "old" and "small", which name things in a catalog.
"""

from typing import Final

STOP_WORDS: Final[dict[str, frozenset[str]]] = {
    language: frozenset(listed.split())
    for language, listed in {
        "en": """
            a an the this that these those i me my mine we us our ours you your yours he him his she
            her hers it its they them their theirs who whom whose which what and or but nor if then
            than so as at by for from in into of off on onto to with without about between over under
            be am is are was were been being do does did have has had will would shall should can
            could may might must not no there here s ll ve re
            """,
        "de": """
            der die das den dem des ein eine einen einem einer eines kein keine keinen ich du er sie
            es wir ihr mich dich sich uns euch mir dir ihm ihn ihnen mein meine dein deine sein seine
            ihre unser unsere und oder aber denn wenn als wie dass weil ob in im ins an am ans auf aus
            bei beim bis durch für gegen mit nach ohne über um unter von vom vor zu zum zur zwischen
            ist sind war waren bin bist sein hat haben hatte hatten wird werden wurde kann können nicht
            auch nur noch so da hier dieser diese dieses
            """,
        "fr": """
            le la les l un une des du de d au aux ce cet cette ces je tu il elle on nous vous ils elles
            me te se lui leur leurs y en mon ma mes ton ta tes son sa ses notre nos votre vos qui que qu
            quoi dont où et ou mais donc or ni car si à dans par pour sur sous avec sans entre vers chez
            est sont était étaient être suis es sommes êtes a ont avait avoir ai as avons avez ne n pas
            plus c j m t s
            """,
        "es": """
            el la los las lo un una unos unas al del de yo tú él ella nosotros nosotras vosotros ellos
            ellas me te se le les nos os mi mis tu tus su sus nuestro nuestra este esta esto estos estas
            ese esa eso esos esas que quien cual cuyo y e o u ni pero si como a ante con contra desde en
            entre hacia hasta para por según sin sobre es son era eran ser fue está están estar ha han
            había haber no
            """,
        "it": """
            il lo la i gli le l un uno una di a da in con su per tra fra del dello della dei degli
            delle al allo alla ai agli alle dal dallo dalla dai dagli dalle nel nello nella nei negli
            nelle sul sullo sulla sui sugli sulle io tu lui lei noi voi loro mi ti si ci vi ne mio mia
            tuo tua suo sua nostro vostro che chi cui e ed o ma se come non è sono era erano essere ha
            hanno aveva avere questo questa questi queste quello quella
            """,
        "pt": """
            o a os as um uma uns umas de do da dos das em no na nos nas ao à aos às por pelo pela pelos
            pelas para com sem sob sobre entre até desde eu tu ele ela nós vós eles elas me te se lhe
            lhes meu minha teu tua seu sua nosso nossa este esta isto esse essa isso aquele aquela que
            quem qual cujo e ou mas nem se como não é são era eram ser foi está estão estar tem têm
            tinha ter há
            """,
        "nl": """
            de het een t ik jij je u hij zij ze wij we jullie hem haar hun ons onze mijn jouw zijn dit
            dat deze die wie wat welke en of maar want als dan dus aan achter bij boven door in met na
            naar naast om onder op over per sinds te tegen tot tussen uit van voor zonder is was waren
            ben bent wordt worden werd heeft hebben had hadden kan kunnen niet geen er ook nog
            """,
        "sv": """
            en ett den det de dem denna detta dessa jag du han hon vi ni mig dig sig oss er min din sin
            vår som och eller men om att så av för från i in med mellan mot på till under ur utan vid
            över är var vara varit har hade ha kan ska inte
            """,
        "da": """
            en et den det de dem denne dette disse jeg du han hun vi i mig dig sig os jer min din sin
            vores som og eller men om at så af for fra ind med mellem mod på til under ud uden ved over
            er var være været har havde have kan skal ikke
            """,
        "no": """
            en ei et den det de dem denne dette disse jeg du han hun vi dere meg deg seg oss min din sin
            vår som og eller men om at så av for fra i inn med mellom mot på til under ut uten ved over
            er var være vært har hadde ha kan skal ikke
            """,
        "pl": """
            ja ty on ona ono my wy oni one mnie ciebie go jej ich nam wam się mój moja twój jego ten ta
            to ci te tego tej tych który która które co kto i a oraz lub albo ale czy jeśli że żeby jak
            w we z ze na do od dla po pod nad przed przez przy bez o u za między jest są był była było
            być nie
            """,
        "ru": """
            я ты он она оно мы вы они меня тебя его её ее нас вас их мне тебе ему ей нам вам им мой моя
            моё мои твой свой наш ваш этот эта это эти тот та те который которая которое которые что кто
            и а но или да если чтобы как так в во на с со к ко у о об от до из за по под над при про для
            без через между был была было были быть есть не ни же ли бы
            """,
        "tr": """
            bir bu şu o ben sen biz siz onlar beni seni onu bizi benim senin onun bizim ve veya ya da de
            ile için gibi kadar ama fakat eğer ki mi mı mu mü ne kim hangi değil var yok ise idi
            """,
        "ar": """
            في من إلى على عن مع ب ل ك و أو ثم لكن بل حتى إن أن إذا لو لا لم لن ما ليس هو هي هم هن أنا أنت
            نحن أنتم هذا هذه ذلك تلك هؤلاء الذي التي الذين كان كانت يكون قد كل بعد قبل بين عند
            """,
        "zh": """
            的 了 着 著 地 得 之 和 与 與 及 或 而 且 但 在 于 於 从 從 把 被 让 讓 给 給 对 對 向 为 為 以 是
            有 也 都 就 还 還 又 很 我 你 您 他 她 它 我们 我們 你们 你們 他们 他們 她们 它们 这 這 那 这个
            這個 那个 那個 这些 那些 一个 一個 一只 一隻 一些 吗 嗎 呢 吧 啊 呀 不 没 沒
            """,
        "ja": """
            は が を に へ と で の も や か ね よ な から まで より など って という この その あの どの これ
            それ あれ どれ ここ そこ あそこ こと もの ため よう です ます でした ました だ だった ある いる
            あります います する します した して いた いて ている ています ない ません そして また または
            """,
        "ko": """
            은 는 이 가 을 를 에 에서 에게 으로 로 와 과 도 만 의 그리고 또는 그러나 하지만 이것 그것 저것
            그 저 나 너 우리 있다 있는 없다 하다 이다 및
            """,
        "th": """
            ที่ ซึ่ง อัน ของ ใน บน จาก ถึง กับ แก่ แด่ ต่อ โดย เพื่อ และ หรือ แต่ ถ้า ก็ จะ ได้ ให้ ว่า เป็น คือ
            อยู่ มี ไม่ นี้ นั้น โน้น ฉัน ผม เขา เธอ เรา คุณ มัน ครับ ค่ะ คะ นะ
            """,
        "hi": """
            का की के को में पर से ने तक और या लेकिन अगर तो भी ही यह वह ये वे इस उस इन उन मैं तू तुम आप हम
            मेरा मेरी मेरे अपना जो कि क्या कौन एक है हैं था थी थे हो होना नहीं न लिए साथ
            """,
    }.items()
}
