# zobench: one flat file. `make help` lists the targets; objects go to build/<kind>/.

CONFIG ?= release
BUILD  ?= build/$(CONFIG)$(if $(SLOW_STEP),-slow$(SLOW_STEP))
CC     ?= cc
# OpenBLAS is loaded when a backend asks for it (bench/backend/openblas.h): its header is all that is needed here.
PKGS   := openblas hwloc jansson libpcre2-8 libcrypto papi

OPT_release := -O3 -g -fno-omit-frame-pointer
OPT_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread

# Warnings are errors in CI, except under sanitizers, whose checks make gcc warn of what can't be.
WERROR   := $(if $(CI),$(if $(findstring sanitize,$(OPT_$(CONFIG))),,-Werror))
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla $(WERROR)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(filter-out openblas,$(PKGS)) 2>/dev/null)

CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -MMD -MP $(PKG_CFLAGS)
CFLAGS   += -std=c11 -ffp-contract=off -fno-math-errno -fopenmp $(WARN) $(OPT_$(CONFIG)) $(if $(SLOW_STEP),-DBENCH_SLOW_STEP=$(SLOW_STEP))
LDFLAGS  += -fopenmp $(filter -fsanitize%,$(OPT_$(CONFIG)))
LDLIBS   += $(PKG_LIBS) -ldl -lm

MAIN   := bench/cmd/main.c
SRC    := $(filter-out $(MAIN) %_test.c %_fuzz.c %_bench.c %_isa.c,$(wildcard core/*/*.c bench/*/*.c))
OBJ    := $(SRC:%.c=$(BUILD)/%.o)
TESTS  := $(patsubst %.c,$(BUILD)/%,$(wildcard core/*/*_test.c bench/*/*_test.c))
FUZZ   := $(patsubst %.c,build/fuzz/%,$(wildcard core/*/*_fuzz.c bench/*/*_fuzz.c))
PROG   := $(BUILD)/zobench
KBENCH := $(BUILD)/bench/lab/kernel_bench
LIB    := $(BUILD)/libzobench.a

# A template, NAME_isa.c, is compiled once per instruction set; the program chooses at run time (core/kernel/isa.h). Vectors are
# passed to static functions only, so the compiler's note on their calling convention says nothing.
ISA_portable      :=
ISA_avx2          := -mavx2 -mfma -mf16c
ISA_avx512        := $(ISA_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mprefer-vector-width=512
ISA_avx512vnni    := $(ISA_avx512) -mavx512vnni -mavx512vbmi
ISA_avx512bf16    := $(ISA_avx512vnni) -mavx512bf16
ISA_avx512bf16fma := $(ISA_avx512bf16)

.DEFAULT_GOAL := all
X86 := $(findstring x86_64,$(shell $(CC) -dumpmachine))
SETS_kernel_isa := portable $(if $(X86),avx2 avx512)
SETS_panel_isa  := portable $(if $(X86),avx2 avx512 avx512vnni avx512bf16 avx512bf16fma)
SETS_peak_isa   := $(SETS_kernel_isa)
# products and the loops that measure peaks take fused multiply-adds where the instruction set has them
CFLAGS_panel_isa := -ffp-contract=fast
CFLAGS_peak_isa  := -ffp-contract=fast

define isa_object
OBJ += $(BUILD)/$(1)-$(2).o
$(BUILD)/$(1)-$(2).o: $(1).c
	@mkdir -p $$(@D)
	$$(CC) $$(CPPFLAGS) $$(CFLAGS) -DISA=$(2) -DISA_$(2)=1 -Wno-psabi $(ISA_$(2)) $(CFLAGS_$(notdir $(1))) -c $$< -o $$@
endef
$(foreach t,$(patsubst %.c,%,$(wildcard core/*/*_isa.c bench/*/*_isa.c)),\
  $(foreach set,$(SETS_$(notdir $(t))),$(eval $(call isa_object,$(t),$(set)))))

## all: build ./zobench (the default)
# With SLOW_STEP=5 every step of the program takes 5% longer (bench/cell/measure.h), to see whether comparisons find it; it is
# left in its build folder, build/release-slow5.
all: $(PROG) $(if $(SLOW_STEP),,$(if $(filter release,$(CONFIG)),zobench))

zobench: $(PROG)
	@ln -sf $(PROG) $@

$(PROG): $(BUILD)/bench/cmd/main.o $(LIB)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(LIB): $(OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# What a record says of its build, warnings left out; written anew only when it changes.
$(BUILD)/build_info.h: FORCE
	@mkdir -p $(@D)
	@scripts/build-info '$(CONFIG)' '$(filter-out -W%,$(CFLAGS))' > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
$(BUILD)/bench/machine/build.o: $(BUILD)/build_info.h
FORCE:

# The gnuplot scripts are part of the program.
$(BUILD)/bench/report/figure.o: $(wildcard plots/*.gp)

$(TESTS): $(BUILD)/%_test: $(BUILD)/%_test.o $(LIB)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -lcmocka -o $@

$(KBENCH): $(patsubst %.c,$(BUILD)/%.o,$(wildcard bench/lab/*_bench.c)) $(LIB)
	$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(BUILD)/bench/lab/kernel_bench_test: | $(KBENCH)

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
	clang-format -i core/*/*.[ch] bench/*/*.[ch]

## format-check: fail where a source file is not as `make format` would leave it
format-check:
	@clang-format --dry-run --Werror core/*/*.[ch] bench/*/*.[ch]

## layout-check: fail where a source file includes what its folder may not
layout-check:
	@scripts/check-layout

## clean: remove everything that was built
clean:
	rm -rf build zobench

## help: list these targets
help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

.PHONY: all bench test tests asan tsan fuzz format format-check layout-check clean help FORCE
.SECONDARY:
-include $(wildcard $(BUILD)/core/*/*.d $(BUILD)/bench/*/*.d)
