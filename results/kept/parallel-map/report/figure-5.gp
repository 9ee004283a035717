# Draws figure-5.svg, .png and .pdf from figure-5.dat: gnuplot figure-5.gp

name = 'figure-5'
title_1 = 'inner: step time'
title_2 = 'inner: predicted step time'
title_3 = 'outer: step time'
title_4 = 'outer: predicted step time'
title_5 = 'both: step time'
title_6 = 'both: predicted step time'
xlabel = 'seq_len'
xs = 5
xtick_0 = '8'
xtick_1 = '32'
xtick_2 = '64'
xtick_3 = '128'
xtick_4 = '256'
ylabel = 'batch, queries'
ys = 9
ytick_0 = '1, 1'
ytick_1 = '1, 4'
ytick_2 = '1, 16'
ytick_3 = '2, 1'
ytick_4 = '2, 4'
ytick_5 = '4, 1'
ytick_6 = '4, 4'
ytick_7 = '8, 1'
ytick_8 = '16, 1'
scale = 'times better than parallel=none'
series = 6
across = 2
high = 901
centred = 1
least = 0.949735
most = 3.42254
longest = 4

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

# Heat maps in panels, one per series, all with one scale of colours, the values printed in their places.
#
# Further settings: across (panels beside each other), xs, xtick_0 ..., ys, ytick_0 ...
# (columns and rows of a panel), scale (what the colours mean), centred (1: factors, white is 1 and equal colours are
# equal factors; 0: from least to most), least, most (of the values), longest (characters of a printed value).
# Data: a block per panel (column, row, value or ?, value as printed).

panels = series
down = (panels + across - 1) / across
letters = 0 # of the longest tick of y
do for [i=0:ys - 1] { if (strlen(value(sprintf("ytick_%d", i))) > letters) { letters = strlen(value(sprintf("ytick_%d", i))) } }
left = 52 + 9.5 * letters # pixels around the panels
right = 118
top = 30
bottom = 66.0
gap = 22
width = (wide - left - right - (across - 1) * gap) / across
height = (high - top - bottom - (down - 1) * (gap + 16.0)) / down

# Blue to orange through white: told apart with any colour vision, and both ends dark enough for white letters.
edge(v) = v > 1 ? log(v) / log(2) : -log(v) / log(2)
reach = edge(least) > edge(most) ? edge(least) : edge(most)
if (reach < 0.33) reach = 0.33
if (least == most && !centred) most = least * 1.01
logarithmic = centred || most / least > 8
at(v) = logarithmic ? log(v) / log(2) : v
low = centred ? -reach : at(least)
end = centred ? reach : at(most)
if (centred) {
    set palette defined (0 "#7A3500", 0.25 "#D55E00", 0.5 "#FFFFFF", 0.75 "#56A0D3", 1 "#003F6B")
} else {
    set palette defined (0 "#F7FBFF", 0.5 "#56A0D3", 1 "#003F6B")
}
strong(v) = centred ? abs(at(v)) > 0.62 * reach : at(v) - low > 0.6 * (end - low)
ink(v) = strong(v) ? 0xFFFFFF : 0x202020
size = 13.0
fits = width / xs / (longest + 0.6) / 0.58
if (fits < size) size = fits
if (size < 6) size = 6

unset grid
unset key
set border 15 lw 0.6 lc rgb "#808080"
set tics scale 0 tc rgb "#202020"
set object 1 rectangle from graph 0,0 to graph 1,1 behind fc rgb "#ECECEC" fs noborder # white is a value
set xrange [-0.5:xs - 0.5]
set yrange [ys - 0.5:-0.5]
set cbrange [low:end]
set style fill solid noborder
set format cb "%.4g"
if (logarithmic) {
    # Round numbers, as many as there is room for; 1 is always among those around it.
    nice = "0.05 0.1 0.125 0.2 0.25 0.33 0.5 0.67 0.8 0.9 1 1.1 1.25 1.5 2 3 4 5 8 10 20"
    if (!centred) {
        nice = ""
        do for [e=-4:8] { nice = nice.sprintf(" %.9g %.9g %.9g", 10.0 ** e, 2 * 10.0 ** e, 5 * 10.0 ** e) }
    }
    space = (end - low) / 12.0
    last = low - 1
    set cbtics ("" low)
    do for [number in nice] {
        v = at(real(number))
        if (v >= low && v <= end && v - last > space && (!centred || v == 0 || abs(v) > space)) {
            set cbtics add (number v)
            last = v
        }
    }
}
set cblabel scale noenhanced offset 0.5,0
unset ylabel
data = name.".dat"
do for [format in formats] {
    eval value(format)
    set output name.".".format.suffix
    points = format eq "pdf" ? 0.67 : 1.0
    set label 1 ylabel at screen 14.0 / wide, screen (high + bottom - top) / 2.0 / high center rotate front noenhanced
    set multiplot
    do for [p=1:panels] {
        if (p == 2) { unset label 1 }
        col = (p - 1) % across
        line = (p - 1) / across
        x0 = left + col * (width + gap)
        y0 = bottom + (down - 1 - line) * (height + gap + 16)
        set lmargin at screen x0 / wide
        set rmargin at screen (x0 + width) / wide
        set bmargin at screen y0 / high
        set tmargin at screen (y0 + height) / high
        set title title(p) noenhanced offset 0,-0.7
        set xtics noenhanced (xtick_0 0)
        set for [i=1:xs - 1] xtics add (value(sprintf("xtick_%d", i)) i)
        set ytics noenhanced (ytick_0 0)
        set for [i=1:ys - 1] ytics add (value(sprintf("ytick_%d", i)) i)
        if (col > 0) { set ytics ("" 0) }
        if (p + across <= panels) { set xtics ("" 0) }
        set xlabel (p + across > panels ? xlabel : "") noenhanced offset 0,0.3
        if (p == 1) {
            set colorbox user origin screen (wide - right + 14.0) / wide, screen bottom * 1.0 / high size screen 14.0 / wide, screen (high - bottom - top * 1.0) / high
        } else {
            unset colorbox
        }
        plot data index p - 1 using 1:2:($1 - 0.5):($1 + 0.5):($2 - 0.5):($2 + 0.5):(at($3)) with boxxyerror fc palette, \
             data index p - 1 using 1:2:4:(ink($3)) with labels tc rgb variable font ",".sprintf("%.1f", size * points), \
             data index p - 1 using 1:(valid(3) ? 1/0 : $2):4 with labels tc rgb "#808080" font ",".sprintf("%.1f", size * points)
    }
    unset multiplot
    unset output
}
