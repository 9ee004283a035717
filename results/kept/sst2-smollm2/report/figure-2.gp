# Draws figure-2.svg, .png and .pdf from figure-2.dat: gnuplot figure-2.gp

name = 'figure-2'
title_1 = ''
xlabel = 'step'
ylabel = 'training loss'
many = 1
pad = 0
series = 1

# What all figures share. Comes between a figure's settings and the script of its kind.
#
# Settings: name (reads name.dat, writes name.svg, name.png and name.pdf), xlabel, ylabel, series (how many), title_1 ...;
# wide, high (in pixels of the SVG, where it is not the usual size).
# Colours are those of Okabe & Ito 2008 (told apart with any colour vision), in an order in which neighbours differ in
# lightness; a fill pattern, a dash type and a point shape tell the series apart without colour.

set datafile separator "\t"
set datafile missing "?"
set encoding utf8
if (!exists("suffix")) suffix = ""

colors = "#0072B2 #E69F00 #009E73 #CC79A7 #000000 #56B4E9 #D55E00 #F0E442"
fills  = "3 5 2 0 1 4 6 7"
shapes = "7 5 9 13 11 6 4 8"
color(i) = word(colors, (i - 1) % 8 + 1)
pale(i)  = (series > 2 ? "#E0" : "#B0").color(i)[2:7] # the same, see-through: more so where many lie over each other
fill(i)  = int(word(fills, (i - 1) % 8 + 1))
shape(i) = int(word(shapes, (i - 1) % 8 + 1))
dash(i)  = (i - 1) % 5 + 1
caps = "heads size screen 0.005,90 nofilled" # an error bar is a vector with flat heads: yerrorbars blank out their middle
title(i) = value(sprintf("title_%d", i))

set border 3 lc rgb "#404040"
set tics nomirror out scale 0.6
set grid ytics lc rgb "#D8D8D8" lt 1 lw 0.6
set grid noxtics
set key noenhanced
set key outside above center horizontal Left reverse samplen 2.5 spacing 1.1
set xlabel xlabel noenhanced
set ylabel ylabel noenhanced
set format y "%.6g"
set format x "%.6g" # the default, "% h", puts labels off their marks by a space
if (series < 2 && title(1) eq "") unset key
if (!exists("wide")) wide = 820
if (!exists("high")) high = 460
formats = "svg png pdf"
svg = sprintf('set terminal svg size %d,%d dynamic enhanced font "Helvetica,Arial,sans-serif,15" linewidth 1.3 background "white"', wide, high)
png = sprintf('set terminal pngcairo size %d,%d enhanced font "Sans,15" fontscale 1.9 linewidth 2.4 pointscale 2 background "white"', 2 * wide, 2 * high)
pdf = sprintf('set terminal pdfcairo size %.2fin,%.2fin enhanced font "Sans,10" linewidth 1.3 background "white"', wide / 115.0, high / 115.0)

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
