# Bars in groups: a group per value of x, a bar per series, with intervals and, beside them, the single runs as dots.
#
# Further settings: groups, tick_0 ..., width (of a bar; groups are 1 apart).
# Data: blocks in turn, for every series its bars (x, value, low, high) and its runs (x, value).

set yrange [0:*]
set xrange [-0.6:groups - 0.4]
set boxwidth width * 0.92
set xtics scale 0 noenhanced (tick_0 0)
set for [g=0:groups - 1] xtics add (value(sprintf("tick_%d", g)) g)
aside = width < 0.25 ? 0.28 * width : 0.07
data = name.".dat"
do for [format in formats] {
    eval value(format)
    set output name.".".format.suffix
    plot for [i=1:series] data index 2 * i - 2 using 1:2 with boxes lc rgb color(i) fs pattern fill(i) title title(i), \
         for [i=1:series] data index 2 * i - 2 using 1:3:(0):($4 - $3) with vectors @caps lc rgb "black" lw 1.2 notitle, \
         for [i=1:series] data index 2 * i - 1 using ($1 + aside):2 with points lc rgb "white" pt 7 ps 0.45 notitle, \
         for [i=1:series] data index 2 * i - 1 using ($1 + aside):2 with points lc rgb "black" pt 7 ps 0.28 notitle
    unset output
}
