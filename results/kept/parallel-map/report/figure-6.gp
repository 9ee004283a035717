# Draws figure-6.svg, .png and .pdf from figure-6.dat: gnuplot figure-6.gp

name = 'figure-6'
title_1 = 'f32'
title_2 = 'f16'
title_3 = 'bf16'
title_4 = 'int8'
title_5 = 'nf4'
f32_peak = 377.26
bf16_peak = 184.327
int8_peak = 0
bandwidth = 33.3383
xlabel = 'operations per byte'
ylabel = 'Gflop/s'
series = 5

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

# A roofline: rates of steps over their arithmetic intensity, under what the machine was measured to give at best.
#
# Further settings: f32_peak, bf16_peak, int8_peak (Gflop/s), bandwidth (GB/s); 0: not measured.
# Data: a block per series: operations per byte, Gflop/s.

data = name.".dat"
stats data using 1:2 nooutput
left = STATS_min_x / 4.0
right = STATS_max_x * 4.0
low = STATS_min_y / 4.0
top = STATS_max_y * 2.0
if (f32_peak > 0) { top = f32_peak > top ? f32_peak : top }
if (bf16_peak > 0) { top = bf16_peak > top ? bf16_peak : top }
if (int8_peak > 0) { top = int8_peak > top ? int8_peak : top }
top = top * 1.6
if (low > top / 60) { low = top / 60 } # two labels at least
if (bandwidth > 0 && f32_peak > 0) {
    knee = (int8_peak > 0 ? int8_peak : bf16_peak > 0 ? bf16_peak : f32_peak) / bandwidth
    if (right < 4 * knee) { right = 4 * knee }
    if (left > knee / 8) { left = knee / 8 }
    if (low > left * bandwidth) { low = left * bandwidth }
}
set logscale xy
set xrange [left:right]
set yrange [low:top]
set grid xtics
highest = bf16_peak > f32_peak ? bf16_peak : f32_peak
highest = int8_peak > highest ? int8_peak : highest
slope(x) = bandwidth * x <= highest ? bandwidth * x : 1/0
flat(x, peak) = bandwidth > 0 && bandwidth * x < peak ? 1/0 : peak
set samples 800
if (f32_peak > 0) { set label 1 sprintf("f32 %.4g Gflop/s", f32_peak) at right, f32_peak right offset -0.5,0.6 }
if (bf16_peak > 0) { set label 2 sprintf("bf16 %.4g Gflop/s", bf16_peak) at right, bf16_peak right offset -0.5,0.6 }
if (int8_peak > 0) { set label 4 sprintf("int8 %.4g Gop/s", int8_peak) at right, int8_peak right offset -0.5,0.6 }
if (bandwidth > 0 && highest > 0) { set label 3 sprintf("%.3g GB/s", bandwidth) at left * 1.3, left * 1.3 * bandwidth left offset 1,-0.4 }
do for [format in formats] {
    eval value(format)
    set output name.".".format.suffix
    plot (bandwidth > 0 && highest > 0 ? slope(x) : 1/0) with lines lc rgb "#404040" lw 1.5 notitle, \
         (f32_peak > 0 ? flat(x, f32_peak) : 1/0) with lines lc rgb "#404040" lw 1.5 notitle, \
         (bf16_peak > 0 ? flat(x, bf16_peak) : 1/0) with lines lc rgb "#404040" lw 1.5 dt 2 notitle, \
         (int8_peak > 0 ? flat(x, int8_peak) : 1/0) with lines lc rgb "#404040" lw 1.5 dt 4 notitle, \
         for [i=1:series] data index i - 1 using 1:2 with points lc rgb color(i) pt shape(i) ps 1 title title(i)
    unset output
}
