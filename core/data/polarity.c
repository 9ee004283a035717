/* See polarity.h.
 *
 * Row n of a split is drawn from zo_bits at address n, so rows don't depend on each other except that a sentence
 * which stands there already is drawn again.
 */
#include "core/data/polarity.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "core/kernel/rng.h"

typedef struct list {
    const char *const *item;
    uint32_t n;
} list;

#define LIST(...)                                                                                            \
    {                                                                                                        \
        (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)      \
    }

enum { BLAME, PRAISE };

/* What the words of a review are about. Adjectives fit both the whole and its parts; a verdict goes on after "I". */
typedef struct domain {
    list whole, part, adjective[2], verdict[2];
} domain;

static const domain domains[] = {
    {
        .whole = LIST("film", "thriller", "comedy", "sequel", "documentary", "remake", "drama", "western",
                      "pilot", "musical", "cartoon", "miniseries"),
        .part = LIST("acting", "plot", "dialogue", "ending", "score", "pacing", "camera work", "cast",
                     "opening scene", "lead performance", "editing", "soundtrack", "script", "last act",
                     "chemistry", "voice work"),
        .adjective = {LIST("tedious", "wooden", "predictable", "clumsy", "lifeless", "muddled", "forgettable",
                           "shallow", "stale", "incoherent", "grating", "dreary", "contrived", "cheap",
                           "limp", "charmless", "bloated", "amateurish", "soulless", "tiresome"),
                      LIST("gripping", "moving", "inventive", "sharp", "tender", "dazzling", "hilarious",
                           "subtle", "thrilling", "daring", "graceful", "witty", "haunting", "radiant",
                           "clever", "touching", "assured", "luminous", "captivating", "stirring")},
        .verdict = {LIST("walked out before the end", "checked the time every few minutes",
                         "fell asleep halfway through", "wanted my two hours back",
                         "asked for a refund at the door", "regretted buying the ticket",
                         "switched it off after twenty minutes", "groaned all the way to the credits",
                         "would not watch it again if you paid me", "forgot it before I reached the car",
                         "begged my friends to leave early", "cringed from start to finish"),
                    LIST("watched it again the next evening", "forgot to touch my popcorn",
                         "stayed for every last credit", "left the cinema with a huge smile",
                         "told all my friends to go and see it", "was on the edge of my seat",
                         "laughed until my sides hurt", "bought the disc the same week",
                         "would gladly pay to see it twice", "could not stop talking about it for days",
                         "applauded along with the whole room", "wished it would go on for another hour")},
    },
    {
        .whole = LIST("meal", "restaurant", "dinner", "lunch", "bakery", "buffet", "pizzeria", "noodle bar",
                      "cafe", "brunch", "tasting menu", "steakhouse"),
        .part = LIST("soup", "service", "bread", "curry", "dessert", "coffee", "fish", "sauce", "pastry",
                     "salad", "waiter", "roast", "risotto", "wine list", "stew", "pie"),
        .adjective = {LIST("bland", "soggy", "greasy", "overpriced", "lukewarm", "careless", "stale",
                           "watery", "disappointing", "dry", "miserable", "sour", "unpleasant", "dull",
                           "mediocre", "joyless", "inedible", "revolting", "burnt", "tasteless"),
                      LIST("delicious", "fresh", "generous", "superb", "fragrant", "delightful", "welcoming",
                           "perfect", "inviting", "memorable", "wonderful", "comforting", "excellent",
                           "lovely", "vibrant", "flawless", "heavenly", "exquisite", "mouth-watering",
                           "splendid")},
        .verdict = {LIST("left half of it on the plate", "felt sick all night",
                         "went home hungry and annoyed", "will never set foot there again",
                         "warned my neighbours to stay away", "sent it back twice",
                         "paid far too much for far too little", "had to wait an hour for cold food",
                         "could not finish a single bite", "complained to the manager",
                         "stopped at a burger stand on the way home", "lost my appetite at once"),
                    LIST("licked the plate clean", "booked a table for next week before leaving",
                         "ordered a second helping", "asked the chef for the recipe",
                         "went back three times in a month", "left a very large tip",
                         "have been dreaming of it ever since", "took my parents there for their anniversary",
                         "savoured every last bite", "would happily eat there every day",
                         "could have hugged the cook", "brought the whole office along the next day")},
    },
    {
        .whole = LIST("hotel", "room", "hostel", "cottage", "campsite", "cruise", "apartment", "resort",
                      "guest house", "cabin", "inn", "spa"),
        .part = LIST("bed", "breakfast", "staff", "view", "bathroom", "garden", "check-in", "location",
                     "pool", "balcony", "shower", "lobby", "terrace", "heating", "beach", "night porter"),
        .adjective = {LIST("dirty", "noisy", "cramped", "shabby", "rude", "damp", "gloomy", "neglected",
                           "uncomfortable", "grim", "filthy", "overpriced", "dingy", "awful", "chaotic",
                           "depressing", "squalid", "hostile", "dismal", "run-down"),
                      LIST("spotless", "peaceful", "charming", "spacious", "friendly", "cosy", "bright",
                           "luxurious", "relaxing", "gorgeous", "immaculate", "lovely", "elegant", "superb",
                           "serene", "idyllic", "splendid", "welcoming", "enchanting", "first-rate")},
        .verdict = {LIST("checked out a day early", "did not sleep a wink", "demanded my deposit back",
                         "slept in the car instead", "found hair in the sink and mould on the wall",
                         "would rather camp in the rain", "counted the hours until our flight home",
                         "spent the night fighting cockroaches", "cancelled the rest of the stay",
                         "was glad to see the back of it", "left a one-star review on the spot",
                         "moved to another place after one night"),
                    LIST("extended our stay by a week", "slept like a baby", "did not want to go home",
                         "have booked again for next summer", "felt like royalty from the first minute",
                         "recommended it to everyone at work", "came home completely rested",
                         "took a hundred pictures from the window", "would move in tomorrow if I could",
                         "thanked the owner in tears", "go back every single spring",
                         "finally felt my shoulders drop")},
    },
    {
        .whole = LIST("novel", "biography", "cookbook", "memoir", "textbook", "anthology", "guidebook",
                      "audiobook", "comic", "trilogy", "essay", "debut"),
        .part = LIST("prose", "first chapter", "hero", "story", "translation", "humour", "twist", "narrator",
                     "argument", "world-building", "villain", "middle section", "final chapter", "love story",
                     "research", "artwork"),
        .adjective = {LIST("boring", "confusing", "pretentious", "sloppy", "repetitive", "flat", "shallow",
                           "implausible", "lazy", "dull", "tiresome", "pointless", "clumsy", "bloated",
                           "irritating", "laboured", "vapid", "plodding", "turgid", "hackneyed"),
                      LIST("brilliant", "absorbing", "beautiful", "insightful", "funny", "vivid", "original",
                           "wise", "elegant", "rewarding", "fascinating", "lively", "poignant", "masterful",
                           "warm", "profound", "sparkling", "enthralling", "exquisite", "magnificent")},
        .verdict = {LIST("gave up after fifty pages", "threw it across the room",
                         "skipped whole chapters to be done with it", "left it on the train on purpose",
                         "felt cheated by the last page", "returned it to the shop",
                         "used it to prop up a table", "yawned at every page",
                         "could not care less what happened to anyone in it", "struck the author off my list",
                         "regret every hour I gave it", "donated it unread past the middle"),
                    LIST("read it in a single night", "missed my stop because of it",
                         "bought copies for all my friends", "cried at the last page and started over",
                         "underlined half of it", "will treasure it for years",
                         "ordered everything else by the author", "could not put it down",
                         "was sorry when it ended", "keep it on my bedside table",
                         "quote it to anyone who will listen", "want my children to grow up with it")},
    },
    {
        .whole = LIST("kettle", "laptop", "vacuum cleaner", "phone", "printer", "camera", "mattress",
                      "bicycle", "backpack", "blender", "keyboard", "tent"),
        .part = LIST("battery", "screen", "handle", "software", "design", "packaging", "sound", "finish",
                     "manual", "zip", "motor", "customer support", "build", "charger", "hinge", "lid"),
        .adjective = {LIST("flimsy", "unreliable", "useless", "slow", "faulty", "clunky", "noisy", "cheap",
                           "awkward", "frustrating", "defective", "shoddy", "worthless", "ugly", "poor",
                           "abysmal", "brittle", "wobbly", "hopeless", "dreadful"),
                      LIST("sturdy", "reliable", "fast", "handy", "elegant", "solid", "excellent",
                           "brilliant", "quiet", "impressive", "comfortable", "ingenious", "outstanding",
                           "durable", "perfect", "superb", "sleek", "terrific", "dependable", "marvellous")},
        .verdict = {LIST("sent it back the same day", "had to replace it within a month",
                         "threw it in the bin", "wasted a whole weekend on it",
                         "am still waiting for my money back", "want to smash it to pieces",
                         "cannot believe I paid for this", "went back to my ten-year-old one",
                         "would not give it to my worst enemy",
                         "spent hours on the phone with support for nothing",
                         "cut my finger on it and then it broke", "wish I had read the reviews first"),
                    LIST("use it every single day", "bought a second one for my mother",
                         "wonder how I lived without it", "would buy it again in a heartbeat",
                         "have not had one problem in three years", "show it off to all my guests",
                         "saved a fortune thanks to it", "told my brother to get one too",
                         "could not be happier with it", "trust it more than any other I have owned",
                         "fell in love with it at once", "gave it five stars without a second thought")},
    },
};

static const list intensifiers =
    LIST("very", "really", "quite", "truly", "so", "simply", "utterly", "rather", "downright", "absolutely",
         "remarkably", "thoroughly", "unbelievably", "positively");

static const list hearsay = LIST("My sister", "The brochure", "Everyone at work", "A colleague",
                                 "The advertisement", "My neighbour", "An old friend", "The magazine",
                                 "Every other review", "The man in the shop", "My cousin", "The blurb");

/* Patterns say the same for either label. What stands in brackets is drawn:
 *   w whole  p, q two parts  a, b two adjectives of the label  o one of the other label  v verdict of the label
 *   i intensifier  h hearsay  r reaction of the label; a capital A, B or O has "a" or "an" before it. */
static const list easy = LIST("The [p] was [i] [a].", "The [p] was [a] and the [q] [i] [b].", "[A], [b] [w].",
                              "[A] [w] whose [p] was [b].", "What [A] [w], from the [p] to the [q].",
                              "I [v].", "The [p] was so [a] that I [v].", "[r]");
static const list hard =
    LIST("The [p] was [o], but the [w] as a whole was [i] [a].", "Although the [p] was [i] [o], I [v].",
         "Nothing about the [w] was [o].", "Nobody could call the [p] [o].", "The [p] was anything but [o].",
         "[h] called the [w] [o].", "I expected [O] [w] and got [A] one.",
         "After [O] start, the [w] turned out [i] [a].",
         "You may have heard that the [p] was [o]; do not believe a word of it.",
         "Not even the [o] [p] could change my mind.");
static const list reactions[2] = {
    LIST("I hated this [w].", "Avoid this [w] at all costs.", "What a waste of money.", "I am furious.",
         "This [w] is a disgrace.", "I want to forget this [w].", "Never again.", "This [w] made me angry.",
         "It was a complete disaster.", "I feel cheated.", "I cannot stand this [w].",
         "Worst [w] of the year."),
    LIST("I loved this [w].", "Do not miss this [w].", "Worth every penny.", "I am delighted.",
         "This [w] is a triumph.", "I will always remember this [w].", "More, please.",
         "This [w] made me happy.", "It was a complete joy.", "I feel spoilt.", "I adore this [w].",
         "Best [w] of the year."),
};

/* Where a row's draws come from, one after the other. */
typedef struct draws {
    uint64_t seed, row;
    uint32_t next;
    bool validation;
} draws;

static uint32_t draw(draws *d, uint32_t n)
{
    return (uint32_t)zo_below(zo_bits(d->seed, d->row, d->next++), n);
}

/* One of a list's items, of the first three quarters for train. */
static const char *draw_item(draws *d, list l)
{
    return l.item[draw(d, d->validation ? l.n : l.n * 3 / 4)];
}

/* An item of the list other than `taken`. */
static const char *draw_other(draws *d, list l, const char *taken)
{
    const char *item;
    do
        item = draw_item(d, l);
    while (!strcmp(item, taken));
    return item;
}

static void add(char *sentence, const char *s)
{
    assert(strlen(sentence) + strlen(s) < ZO_POLARITY_TEXT);
    strcat(sentence, s);
}

static void add_with_article(char *sentence, const char *s)
{
    add(sentence, strchr("aeiou", s[0]) && strncmp(s, "use", 3) ? "an " : "a ");
    add(sentence, s);
}

/* Adds pattern with its brackets filled in. Whether a sentence or the start of one, it begins in upper case. */
static void add_pattern(draws *d, const domain *m, const char *whole, int32_t label, const char *pattern,
                        char *sentence)
{
    const size_t begin = strlen(sentence);
    const char *part = draw_item(d, m->part), *adjective = draw_item(d, m->adjective[label]);
    const struct {
        char letter;
        const char *word;
    } slots[] = {
        {'w', whole},
        {'p', part},
        {'q', draw_other(d, m->part, part)},
        {'a', adjective},
        {'b', draw_other(d, m->adjective[label], adjective)},
        {'o', draw_item(d, m->adjective[!label])},
        {'v', draw_item(d, m->verdict[label])},
        {'i', draw_item(d, intensifiers)},
        {'h', draw_item(d, hearsay)},
    };
    if (!strcmp(pattern, "[r]"))
        pattern = draw_item(d, reactions[label]);
    for (const char *p = pattern; *p; p++) {
        if (*p != '[') {
            add(sentence, (const char[]){*p, 0});
            continue;
        }
        for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
            if (p[1] == slots[i].letter)
                add(sentence, slots[i].word);
            else if (p[1] == slots[i].letter - 'a' + 'A')
                add_with_article(sentence, slots[i].word);
        }
        p += 2;
    }
    if (sentence[begin] >= 'a' && sentence[begin] <= 'z')
        sentence[begin] = (char)(sentence[begin] - 'a' + 'A');
}

/* Two or three sentences about one thing; at most one of them is a hard one. */
static void make_row(draws *d, int32_t label, char sentence[ZO_POLARITY_TEXT])
{
    const domain *m = &domains[draw(d, sizeof domains / sizeof domains[0])];
    const char *whole = draw_item(d, m->whole), *pattern = "";
    const uint32_t sentences = 2 + draw(d, 2), contrary = draw(d, 2 * sentences);
    sentence[0] = 0;
    for (uint32_t i = 0; i < sentences; i++) {
        const list *patterns = i == contrary ? &hard : &easy;
        const char *last = pattern;
        do
            pattern = patterns->item[draw(d, patterns->n)];
        while (pattern == last);
        if (i > 0)
            add(sentence, " ");
        add_pattern(d, m, whole, label, pattern, sentence);
    }
}

static bool stands_in(const zo_polarity_row *rows, int32_t n, const char *sentence)
{
    for (int32_t i = 0; i < n; i++)
        if (!strcmp(rows[i].sentence, sentence))
            return true;
    return false;
}

void zo_polarity_rows(zo_polarity_row rows[2 * ZO_POLARITY_ROWS])
{
    const uint64_t seed = zo_seed_for(1, "polarity");
    for (int32_t i = 0; i < 2 * ZO_POLARITY_ROWS; i++) {
        draws d = {.seed = seed, .row = (uint64_t)i, .validation = i >= ZO_POLARITY_ROWS};
        rows[i].label = i % 2 ? !rows[i - 1].label : (int32_t)draw(&d, 2);
        do
            make_row(&d, rows[i].label, rows[i].sentence);
        while (stands_in(rows, i, rows[i].sentence));
    }
}
