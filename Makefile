# zobench: one flat file. `make help` lists the targets; objects go to build/<kind>/.

CONFIG ?= release
BUILD  ?= build/$(CONFIG)$(if $(SLOW_STEP),-slow$(SLOW_STEP))
CC     ?= cc
PKGS   := openblas hwloc jansson libpcre2-8 libcrypto

OPT_release := -O3 -g -fno-omit-frame-pointer
OPT_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread

# Warnings are errors in CI, except under sanitizers, whose checks make gcc warn of what can't be.
WERROR   := $(if $(CI),$(if $(findstring sanitize,$(OPT_$(CONFIG))),,-Werror))
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -MMD -MP $(PKG_CFLAGS)
CFLAGS   += -std=c11 -ffp-contract=off -fno-math-errno -fopenmp $(WARN) $(OPT_$(CONFIG)) $(if $(SLOW_STEP),-DBENCH_SLOW_STEP=$(SLOW_STEP))
LDFLAGS  += -fopenmp $(filter -fsanitize%,$(OPT_$(CONFIG)))
LDLIBS   += $(PKG_LIBS) -ldl -lm

MAIN   := bench/main.c
SRC    := $(filter-out $(MAIN) %_test.c %_fuzz.c %_bench.c,$(wildcard core/*.c bench/*.c))
OBJ    := $(SRC:%.c=$(BUILD)/%.o)
TESTS  := $(patsubst %.c,$(BUILD)/%,$(wildcard core/*_test.c bench/*_test.c))
FUZZ   := $(patsubst %.c,build/fuzz/%,$(wildcard core/*_fuzz.c bench/*_fuzz.c))
PROG   := $(BUILD)/zobench
KBENCH := $(BUILD)/bench/kernel_bench
LIB    := $(BUILD)/libzobench.a

## all: build ./zobench (the default)
# With SLOW_STEP=5 every step of the program takes 5% longer (bench/slow.h), to see whether comparisons find it; it is
# left in its build folder, build/release-slow5.
all: $(PROG) $(if $(SLOW_STEP),,$(if $(filter release,$(CONFIG)),zobench))

zobench: $(PROG)
	@ln -sf $(PROG) $@

$(PROG): $(BUILD)/bench/main.o $(LIB)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(LIB): $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$(notdir $*)) -c $< -o $@

# What a record says of its build, warnings left out; written anew only when it changes.
$(BUILD)/build_info.h: FORCE
	@mkdir -p $(@D)
	@scripts/build-info '$(CONFIG)' '$(filter-out -W%,$(CFLAGS))' > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BUILD)/bench/build.o: $(BUILD)/build_info.h
FORCE:

# The gnuplot scripts are part of the program.
$(BUILD)/bench/figure.o: $(wildcard plots/*.gp)

# Kernels carry the instruction set in their name and are chosen at run time. Their vectors are passed to static
# functions only, so the note on their calling convention says nothing.
CFLAGS_kernel_portable := -Wno-psabi
CFLAGS_kernel_avx2   := -Wno-psabi -mavx2 -mfma -mf16c
CFLAGS_kernel_avx512 := -Wno-psabi -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mprefer-vector-width=512

# Products take fused multiply-adds where the instruction set has them.
AVX512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mf16c -mprefer-vector-width=512
CFLAGS_panel_portable   := -Wno-psabi -ffp-contract=fast
CFLAGS_panel_avx2       := -Wno-psabi -ffp-contract=fast -mavx2 -mfma -mf16c
CFLAGS_panel_avx512     := -Wno-psabi -ffp-contract=fast $(AVX512)
CFLAGS_panel_avx512vnni := $(CFLAGS_panel_avx512) -mavx512vnni -mavx512vbmi
CFLAGS_panel_avx512bf16 := $(CFLAGS_panel_avx512vnni) -mavx512bf16
CFLAGS_panel_avx512bf16fma := $(CFLAGS_panel_avx512bf16)
# So do the loops that measure peaks; the portable ones may fuse where the architecture does.
CFLAGS_peak_portable := -ffp-contract=fast -Wno-psabi
CFLAGS_peak_avx2     := $(CFLAGS_kernel_avx2)
CFLAGS_peak_avx512   := $(CFLAGS_kernel_avx512)

$(TESTS): $(BUILD)/%_test: $(BUILD)/%_test.o $(LIB)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

$(KBENCH): $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/*_bench.c)) $(LIB)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(BUILD)/bench/kernel_bench_test: | $(KBENCH)

## bench: time the kernels against OpenBLAS, as Markdown; BENCH="--rows 8,64 --precision nf4" (--help lists more)
bench: $(KBENCH)
	@$(KBENCH) $(BENCH)

## test: build and run every test; ends with "N passed, N failed"
test: all $(TESTS)
	@scripts/run-tests $(BUILD) $(TESTS)

## tests: build every test program, without running it
tests: all $(TESTS)

## asan: the same tests under the address and undefined-behaviour sanitizers
asan:
	$(MAKE) CONFIG=asan test

## tsan: the same tests under the thread sanitizer (clang, libomp)
# clang's OpenMP library tells the sanitizer of its barriers and locks through the Archer tool that comes with it;
# gcc's doesn't, and every parallel region would be reported. OpenBLAS, which is not instrumented and takes its
# threads from the same library here, is left out of the search.
tsan:
	TSAN_OPTIONS="ignore_noninstrumented_modules=1 $$TSAN_OPTIONS" OMP_NUM_THREADS=$${OMP_NUM_THREADS:-2} \
	    $(MAKE) CC=clang CONFIG=tsan test

## fuzz: build the libFuzzer targets (clang) into build/fuzz/
fuzz:
	$(MAKE) CC=clang CONFIG=asan BUILD=build/fuzz OPT_asan="-O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all" $(FUZZ)

$(FUZZ): build/fuzz/%_fuzz: build/fuzz/%_fuzz.o $(LIB)
	$(CC) $(LDFLAGS) -fsanitize=fuzzer $^ $(LDLIBS) -o $@

## format: clang-format every source file
format:
	clang-format -i core/*.[ch] bench/*.[ch]

## format-check: fail where a source file is not as `make format` would leave it
format-check:
	@clang-format --dry-run --Werror core/*.[ch] bench/*.[ch]

## clean: remove everything that was built
clean:
	rm -rf build zobench

## help: list these targets
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

.PHONY: all bench test tests asan tsan fuzz format format-check clean help FORCE
.SECONDARY:
-include $(wildcard $(BUILD)/core/*.d $(BUILD)/bench/*.d)
