# A curve over training steps, a line per series, with a band between low and high.
#
# Further settings: many (1: there are too many points to mark each; then the thin line is every step and the thick one
# the means of consecutive steps), pad (room above and below the values, in units of y; 0: the axis begins at 0, where
# losses end).
# Data: blocks in turn, for every series its marked points (step, value, low, high) and every step (step, value).

thin(i) = "#A0".color(i)[2:7] # single steps; edges of bands, where there are more than two
set autoscale x noextend
if (pad > 0) {
    set offsets graph 0.02, graph 0.02, pad, pad
} else {
    set yrange [0:*]
    set offsets graph 0.02, graph 0.02, graph 0.05, 0
}
data = name.".dat"
do for [format in formats] {
    eval value(format)
    set output name.".".format.suffix
    if (many) {
        plot for [i=1:series] data index 2 * i - 1 using 1:2 with lines lc rgb thin(i) lw 0.4 notitle, \
             for [i=1:series] data index 2 * i - 2 using 1:2 with linespoints lc rgb color(i) dt dash(i) lw 2 pt shape(i) ps 0.7 title title(i)
    } else {
        plot for [i=1:series] data index 2 * i - 2 using 1:3:4 with filledcurves lc rgb pale(i) fs solid noborder notitle, \
             for [i=1:series] for [c=3:4] data index 2 * i - 2 using 1:(series > 2 ? column(c) : NaN) with lines lc rgb thin(i) dt dash(i) lw 0.6 notitle, \
             for [i=1:series] data index 2 * i - 2 using 1:2 with linespoints lc rgb color(i) dt dash(i) lw 1.8 pt shape(i) ps 0.8 title title(i)
    }
    unset output
}
