# Lines: a line per series through its values at x, with intervals and the single runs as small rings.
#
# Further settings: ticks, at_0 ..., tick_0 ... (where x has a label, and which), logx (1: logarithmic), from0 (1: y
# begins at 0), pad (room above and below the values, in units of y; 0: 5% of the height).
# Data: blocks in turn, for every series its points (x, value, low, high) and its runs (x, value).

set xtics nomirror noenhanced (tick_0 at_0)
if (logx) set logscale x 2
set for [g=0:ticks - 1] xtics add (value(sprintf("tick_%d", g)) value(sprintf("at_%d", g)))
set autoscale x noextend
set offsets graph 0.04, graph 0.04, graph 0.05, graph (from0 ? 0 : 0.05)
if (pad > 0) set offsets graph 0.04, graph 0.04, pad, pad
if (from0) set yrange [0:*]
first = at_0
last = at_0
do for [g=1:ticks - 1] {
    at = value(sprintf("at_%d", g))
    first = at < first ? at : first
    last = at > last ? at : last
}
aside(i) = 0.006 * (i - (series + 1) / 2.0) # series stand a little beside each other, so that no interval hides another
put(x, i) = series < 2 ? x : logx ? x * (1.0 * last / first) ** aside(i) : x + (last - first) * aside(i)
data = name.".dat"
do for [format in formats] {
    eval value(format)
    set output name.".".format.suffix
    plot for [i=1:series] data index 2 * i - 2 using (put($1, i)):3:(0):($4 - $3) with vectors @caps lc rgb color(i) lw 1 notitle, \
         for [i=1:series] data index 2 * i - 1 using (put($1, i)):2 with points lc rgb color(i) pt 6 ps 0.5 lw 0.6 notitle, \
         for [i=1:series] data index 2 * i - 2 using (put($1, i)):2 with linespoints lc rgb color(i) dt dash(i) lw 1.8 pt shape(i) ps 0.9 title title(i)
    unset output
}
