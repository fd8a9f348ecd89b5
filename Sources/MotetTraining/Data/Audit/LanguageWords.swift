/// Words that every text of a language is full of: articles, pronouns, prepositions, auxiliaries. Written by hand
/// for this program.
let languageWords: [Language: String] = [
  .english: """
  the of and to in is that it was for on are with as be at this have from or had by but not what all were we \
  when your can said there use an each which she do how their if will up other about out many then them these \
  so some her would make like him into has more two see could no than been who its now my did get you they his i \
  why where does please write find give
  """,
  .german: """
  der die das und ist in zu den mit nicht von sie es ein eine auf für im dem auch als wie bei sind oder aber aus \
  nach wird werden kann ich wir ihr sein hat haben war noch nur über einen einem einer zum zur wenn was durch \
  man um so sich vor bis mehr am unter dass ihre diese dieser schon wo warum gibt mein bitte
  """,
  .french: """
  le la les de des du un une et est en que qui dans pour pas sur il elle nous vous ils ne ce cette avec au aux \
  par plus son sa ses se ou mais sont été être avoir fait comme tout je mon ma leur leurs y on si même très où \
  quel quelle comment cela deux ont était sans entre j'ai c'est d'un l'on à
  """,
  .spanish: """
  el la los las de del un una y es en que no se por con para su al lo como más pero sus le ya o este sí porque \
  esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante todos uno les ni contra \
  otros ese eso ante ellos fue ha son está cómo qué cuál tiene yo mi tu usted ella
  """,
  .portuguese: """
  o a os as de do da dos das um uma e é em que não se por com para no na nos nas ao aos como mais mas foi ele \
  ela seu sua ou ser quando muito há já está eu também só pelo pela até isso entre era depois sem mesmo ter seus \
  quem me esse eles você tem são foram à qual onde meu minha
  """,
  .italian: """
  il lo la i gli le di del della dei delle un una uno e è in che non si per con su al alla da dal come più ma sono \
  ha anche questo questa quando molto nel nella mi ci io tu lui lei noi voi loro suo sua se o era essere hanno \
  tutto perché cosa dove chi quale sul sulla ai poi dopo senza fra tra così
  """,
  .dutch: """
  de het een en van in is dat op te zijn met voor niet aan er om ook als dan maar bij nog uit door over ze hij \
  zij we wij je jij ik u hun deze dit die wat wie waar waarom hoe naar tot of heeft hebben was werd worden kan \
  kunnen meer al geen veel wel moet onder tegen na
  """,
  .swedish: """
  och att det i en som är på av för med den till inte om ett har jag de vi men var han hon så kan från eller när \
  vad hur där här man nu ska skulle alla efter vid mycket bara också sin sitt sina denna dessa mig dig oss ut upp \
  då över under finns blir blev mellan utan varför många
  """,
  .danish: """
  og at det i en er på af til som ikke for med den der jeg han hun vi de et har var om men fra så kan når hvad \
  hvor hvordan hvorfor sig sin efter ved meget også blev bliver mig dig os ud op over under eller skal skulle \
  denne dette disse noget nogle være havde mellem uden mange
  """,
  .norwegian: """
  og at det i en er på av til som ikke for med den jeg han hun vi de et har var om men fra så kan når hva hvor \
  hvordan hvorfor seg sin etter ved mye også ble blir meg deg oss ut opp over under eller skal skulle denne dette \
  disse noe noen være hadde mellom uten mange
  """,
  .finnish: """
  ja on ei se että hän oli mutta ovat kun niin myös minä sinä me te he olla tämä tai jos mitä mikä miten missä \
  miksi kuin joka jotka hänen sen siitä ole olen olet ollut sitä vain nyt sitten kanssa voi mukaan jälkeen kaikki \
  hyvin vielä koska jo ennen paljon tässä näin
  """,
  .polish: """
  i w na z do nie się to jest że o jak po co ale od za przez tak dla był była było są czy już tylko może jego jej \
  ich ten ta te tego tym które który która bardzo gdzie kiedy dlaczego jestem mnie ja ty on ona my wy oni oraz lub \
  przy bez być ma mam
  """,
  .czech: """
  a v na je se že to s z do o i k ve pro jako by ale jsem jsou jeho její nebo od po tak když jak co který která \
  které už byl byla bylo může také jen kde proč ten ta tento tato jsme jste mě já ty on ona oni my při bez být má \
  není podle mezi velmi
  """,
  .hungarian: """
  a az és hogy nem is egy ez volt meg de van csak már mint el ha vagy még ki mi én te ő azt ezt ami aki minden \
  nagyon kell lehet után hogyan miért hol mikor mert majd voltak vannak szerint között nélkül mely amely akkor \
  itt ott most jól sok lesz
  """,
  .romanian: """
  și de la a în nu este cu pe un o că din mai pentru se care sunt ce au fost dar sau prin am ai ei el ea noi voi \
  lui lor acest această când unde cum foarte după fără între toate fi era doar până asupra avea are cât eu tu \
  mult bine al ale
  """,
  .turkish: """
  ve bir bu için ile da de ne daha çok olarak gibi o var mi mı değil ama en kadar sonra ben sen biz siz onlar her \
  olan olduğu oldu ki ya veya nasıl neden nerede şey iyi bana sana onun bunu şu diye göre önce yok ise hiç kendi \
  tüm
  """,
  .vietnamese: """
  và của là có không được cho một các những trong với người này đã để khi đến từ như về ra cũng tôi bạn chúng ta \
  nó anh ông bà làm thì mà nhưng hay rất nhiều sẽ đang phải vào trên sau trước nếu tại sao gì nào đây đó
  """,
  .indonesian: """
  yang dan di itu dengan untuk tidak ini dari dalam akan pada juga saya ke karena tersebut bisa ada mereka kita \
  kami dia ia adalah oleh sebagai lebih telah dapat atau sudah banyak apa bagaimana mengapa siapa saat hanya seperti \
  setelah tentang sangat harus anda bukan kepada antara
  """,
  .russian: """
  и в не на я что он с как это она но они к из у за по мы вы ты от же бы так его её их ли для уже или когда если \
  есть был была было были быть мне меня нет ещё о до при во со только чтобы где кто почему очень после можно
  """,
  .ukrainian: """
  і в не на я що він з як це вона але вони до із у за по ми ви ти від же б так його її їх чи для вже або коли якщо \
  є був була було були бути мені мене ні ще про при та й тільки щоб де хто чому дуже після можна
  """,
  .bulgarian: """
  и в не на аз че той с как това тя но те към от у за по ние вие ти да се е са ще си като му ѝ им ли или когато ако \
  беше бяха съм бъде ми ме няма още до при във със само където кой защо много след може който
  """,
]

/// Letters that few languages have; a word with one counts as half a word of ``languageWords``.
let languageLetters: [Language: String] = [
  .german: "ßäöü", .french: "çèêëîïôûùœàéâ", .spanish: "ñ¿¡áéíóú", .portuguese: "ãõçáâéêíóôú",
  .italian: "àèìòùé",
  .dutch: "ëï", .swedish: "åäö", .danish: "æøå", .norwegian: "æøå", .finnish: "äö", .polish: "ąćęłńśźżó",
  .czech: "ěščřžýůáíéúďťň", .hungarian: "őűáéíóöúü", .romanian: "ăâîșțşţ", .turkish: "ğışçöü",
  .vietnamese: "ăâđêôơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹáàãéèíìóòõúùý",
  .russian: "ыэё", .ukrainian: "іїєґ", .bulgarian: "ъ",
]
