# A roofline: rates of steps over their arithmetic intensity, under what the machine was measured to give at best.
#
# Further settings: f32_peak, bf16_peak, int8_peak (Gflop/s), bandwidth (GB/s); 0: not measured.
# counted: 1 where counted values are shown too.
# Data: a block per series: operations per byte, Gflop/s. Then, where counted, one with a third column, the series.

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
rgb(i) = ("0x".color(int(i))[2:7]) + 0
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
         for [i=1:series] data index i - 1 using 1:2 with points lc rgb color(i) pt shape(i) ps 1 title title(i), \
         for [i=1:counted] data index series using 1:2:(rgb($3)) with points lc rgb variable pt 6 ps 1.6 title "counted"
    unset output
}
