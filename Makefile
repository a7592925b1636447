# A thin front on SwiftPM and QEMU. `make help` lists what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := all
Q := $(if $(V),,@)

# What `make toolchain PLACE=checkout` fetched.
FETCHED := $(CURDIR)/.toolchain/toolchains/$(shell cat .swift-version)/usr/bin
ifneq ($(wildcard $(FETCHED)/swift),)
export PATH := $(FETCHED):$(PATH)
endif

# Options of every target that starts a machine; qemu/start says what each means.
CPUS ?= 3
MEM ?= 128M
NET ?= user
NIC ?= virtio
PCAP ?=
QEMUFLAGS ?=
export CPUS MEM NET NET2 NET3 NET4 NIC DISK QUEUE QUEUES ARGS FORWARD PCAP QEMUFLAGS V IP GATEWAY NAMESERVER TAP GUEST UPLINK FSIMG

# A misspelt variable would be silently without effect.
KNOWN := CPUS MEM NET NET2 NET3 NET4 NIC DISK QUEUE QUEUES ARGS FORWARD PCAP QEMUFLAGS V IP GATEWAY NAMESERVER TAP GUEST UPLINK FSIMG \
	FSSIZE FORMAT GUEST_IMAGES IMAGE_FILES CHECKS FAST DEBUG KERNEL FOLDER RUN PEER SECONDS TARGETS SEED SEEDS BASELINE OP Q SHELL \
	MAKEFLAGS SOURCE_DATE_EPOCH LAB STAGE TEST BASE PLACE DIR HELDOUT VARIANT
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
ifneq ($(filter-out $(KNOWN),$(GIVEN)),)
$(error $(filter-out $(KNOWN),$(GIVEN)): there is no such variable; known are $(KNOWN))
endif

PROGRAMS := $(patsubst %.swift,%,$(shell ls User/Programs))
# What files in images have as their time: the last commit's, so that the same source makes the same image.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null)
IMAGE_FILES := README=README.md $(addprefix build/programs/,$(PROGRAMS))
# The guests' own images, GUEST=1 to 9: no other file beside them, which may be another's image.
GUEST_IMAGES = $(wildcard build/fs.img build/fs-[1-9].img build/fs-xv6.img)
# FORMAT=xv6: an image that xv6's own kernel reads, beside the usual one, whose files may have 64 MiB. FSSIZE: of a new image.
FORMAT ?=
FSSIZE ?=
ifeq ($(FORMAT),xv6)
export FSIMG ?= build/fs-xv6.img
else ifneq ($(filter-out $(if $(filter grade,$(MAKECMDGOALS)),json),$(FORMAT)),)
$(error FORMAT=$(FORMAT): there is FORMAT=xv6, and without FORMAT the usual image)
endif
NEW_IMAGE = $(if $(FORMAT),,--double-indirect) $(if $(FSSIZE),--size $(FSSIZE))
# Those that this start needs: the second to ninth guest begin with a fresh one, not with a copy that the first may be writing.
NEEDED_IMAGES = $(if $(FORMAT),build/fs-xv6.img,build/fs.img) $(patsubst %,build/fs-%.img,$(filter 2 3 4 5 6 7 8 9,$(GUEST)))
FREESTANDING = $(LINKED)/freestanding
TOOLS := build/tools
# In the tree of a lab that takes bodies out of the file system, mkfs is made of the commit that has them.
LAB_HERE := $(shell sed -n 's/.*"lab":"\([a-z0-9]*\)".*/\1/p' .lab 2>/dev/null)
MKFS := $(if $(and $(LAB_HERE),$(shell grep -l Kernel/FileSystem Labs/*-$(LAB_HERE)/lab.json)),build/solved/build/tools,$(TOOLS))/release/mkfs
# CHECKS=1: the kernel with run-time checks of the lock order, beside the other one. The system tests run it.
CHECKED := build/checks
# DEBUG=1: the kernel for a debugger, beside the other one (Documentation/Debugging.md): LLVM optimises nothing, and stacks are
# larger. What Swift's own passes do stays: without them literals allocate, and the guard refuses the kernel.
DEBUGGED := build/debug
# FAST=1: kernel and programs without optimisation by the link, in half of the time; in a folder of their own. The usual thing in the tree
# of a lab.
FAST ?= $(if $(LAB_HERE),1)
LINKED := build$(if $(FAST),/fast)
export KERNEL ?= $(if $(CHECKS),$(CHECKED),$(if $(DEBUG),$(DEBUGGED),$(LINKED)))/swiftlet.elf
# Documentation/Bench.md, "How the kernel stays small", says what the options here and in the toolset are for.
# Without the manifest cache: Package.swift lists the programs' folder, which the cache does not look at.
SWIFT_FREESTANDING := SWIFTLET_FREESTANDING=1 swift build -c release --triple riscv64-none-none-eabi \
	--toolset Linker/toolset.json --manifest-cache none
SWIFT_OPTIMISED := $(SWIFT_FREESTANDING) --omit-frame-pointers --experimental-lto-mode=full --scratch-path
SWIFT_LINKED := $(if $(FAST),$(SWIFT_FREESTANDING) --omit-frame-pointers --scratch-path,$(SWIFT_OPTIMISED))
SWIFT_DEBUGGED = $(SWIFT_FREESTANDING) -Xswiftc -Xfrontend -Xswiftc -disable-llvm-optzns -Xswiftc -gdwarf-types -Xcc -DLARGE_STACKS \
	$(SWIFT_SYMBOLS) --scratch-path $(DEBUGGED)/freestanding
SWIFT_TOOLS := SWIFTLET_TOOLS=1 swift build -c release --scratch-path $(TOOLS)
SWIFT_FUZZ := SWIFTLET_FUZZ=1 swift build -c release --product fuzz --scratch-path build/fuzz
# How long `make fuzz` takes, all targets together.
SECONDS ?= 60
# SwiftPM says nothing of interest when all is well; what it says when it fails is shown whole.
QUIETLY := qemu/quietly

.PHONY: lab lab-diff lab-reset lab-solution grade grade-all labs-check laboratory streams all qemu qemu-gdb qemu-pair net-up net-down test lint fuzz clean distclean help doctor fs-reset bench profile bench-harts bench-host bench-queues bench-pair readme size loc docs pictures kernel checks debug programs tools image swift toolchain place

##@ Build
all: kernel image $(if $(CHECKS),checks) $(if $(DEBUG),debug) ## build/swiftlet.elf and build/fs.img (the default)

swift: place
	@qemu/tools ensure swift

toolchain: ## fetches Swift where there is none: into this checkout or the home, asked first (PLACE=checkout, PLACE=home)
	@qemu/toolchain $(PLACE)

# Module caches hold absolute paths: in a checkout that was moved, renamed or copied all but the disk images is built anew. The files
# whose names begin with a dot stay, since make has looked at them.
place:
	@[ "$$(cat build/.place 2>/dev/null)" = "$(CURDIR)" ] || { \
		[ ! -e build/.place ] || echo "this checkout was $$(cat build/.place): building everything anew" >&2; \
		rm -rf build/freestanding/* build/fast/freestanding/* $(TOOLS) $(CHECKED)/* $(DEBUGGED)/* build/host build/fuzz/*-* && mkdir -p build && echo "$(CURDIR)" >build/.place; }

# SwiftPM does not see changes of the toolset and of linker scripts.
$(FREESTANDING)/.linker: $(wildcard Linker/*)
	@rm -rf $(FREESTANDING) && mkdir -p $(FREESTANDING) && touch $@

tools: | swift
	$(Q)$(QUIETLY) "host tools" $(SWIFT_TOOLS)

programs: $(FREESTANDING)/.linker | swift
	$(Q)$(QUIETLY) "kernel and programs" $(SWIFT_LINKED) $(FREESTANDING)

kernel: programs tools
	$(Q)$(TOOLS)/release/kernel-image $(FREESTANDING)/release/swiftlet $(LINKED)/swiftlet.elf
	$(Q)$(TOOLS)/release/compile-commands build/compile_commands.json build/host/debug.yaml $(FREESTANDING)/release.yaml

$(CHECKED)/.linker: $(wildcard Linker/*)
	@rm -rf $(CHECKED) && mkdir -p $(CHECKED) && touch $@

checks: $(CHECKED)/.linker tools | swift
	$(Q)$(QUIETLY) "kernel with checks" env SWIFTLET_CHECKS=1 $(SWIFT_OPTIMISED) $(CHECKED)/freestanding --product swiftlet
	$(Q)$(TOOLS)/release/kernel-image $(CHECKED)/freestanding/release/swiftlet $(CHECKED)/swiftlet.elf

$(DEBUGGED)/.linker: $(wildcard Linker/*)
	@rm -rf $(DEBUGGED) && mkdir -p $(DEBUGGED) && touch $@

# The same kernel's symbol graphs are what the site says of declarations (`make docs`).
SYMBOLS := $(DEBUGGED)/symbols
SWIFT_SYMBOLS := -Xswiftc -emit-symbol-graph -Xswiftc -emit-symbol-graph-dir -Xswiftc $(SYMBOLS) \
	$(foreach word,-symbol-graph-minimum-access-level internal,-Xswiftc -Xfrontend -Xswiftc $(word))

debug: $(DEBUGGED)/.linker tools | swift
	$(Q)mkdir -p $(SYMBOLS)
	$(Q)$(QUIETLY) "kernel for a debugger" $(SWIFT_DEBUGGED) --product swiftlet
	$(Q)$(TOOLS)/release/kernel-image $(DEBUGGED)/freestanding/release/swiftlet $(DEBUGGED)/swiftlet.elf

# Every guest's image keeps what the guest wrote; only the programs in it are renewed, and only while no guest runs on it (mkfs ends
# with status 3 when one does).
build/solved/build/tools/release/mkfs:
	@mkdir -p build/solved && git archive $$(sed -n 's/.*"solved":"\([0-9a-f]*\)".*/\1/p' .lab) | tar x -C build/solved
	$(Q)cd build/solved && qemu/quietly "solved mkfs" swift build -c release --scratch-path build/tools --product mkfs

image: programs tools $(filter build/solved/%,$(MKFS))
	$(Q)$(TOOLS)/release/program-image build/programs $(addprefix $(FREESTANDING)/release/,$(PROGRAMS))
	$(Q)for image in $(NEEDED_IMAGES); do [ -f $$image ] || $(MKFS) $(NEW_IMAGE) $$image $(IMAGE_FILES) || exit; done
	$(Q)for image in $(GUEST_IMAGES); do \
		$(MKFS) --update $$image $(IMAGE_FILES); \
		case $$? in 0) ;; 3) echo "$$image was left alone; the next make after that renews its programs" ;; *) exit 1 ;; esac; \
	done

clean: ## remove what was built; the disk images stay
	rm -rf .build
	[ ! -d build ] || find build -mindepth 1 -maxdepth 1 ! -name '*.img' -exec rm -rf {} +

distclean: ## remove everything, the disk images too
	$(if $(GUEST_IMAGES),@[ ! -x $(TOOLS)/release/mkfs ] || $(TOOLS)/release/mkfs --remove $(GUEST_IMAGES))
	rm -rf build .build

fs-reset: tools ## forget what the guests wrote: the next start makes a fresh disk image
	$(if $(GUEST_IMAGES),$(TOOLS)/release/mkfs --remove $(GUEST_IMAGES))

##@ Run
qemu: all ## boot in QEMU (CPUS=1..8 MEM=128M NET=user|tap|socket NIC=virtio|ne2k|... PCAP=1 CHECKS=1 FAST=1 DEBUG=1 QEMUFLAGS=... V=1)
	@qemu/start

qemu-gdb: all ## boot stopped, waiting for gdb; prints the line to start gdb with
	@qemu/start --gdb

qemu-pair: override GUEST = 2
qemu-pair: all ## two guests on one bridge, in one terminal, without root
	@qemu/pair

net-up: ## a bridge br0 with tap0 and tap1, for NET=tap (root; UPLINK=eth0 adds a physical port, QUEUES=2 lets guests have several queues)
	@qemu/network up

net-down: ## undo net-up
	@qemu/network down

##@ Check
lint: | swift ## the layout of the Swift files, as swift format and .swift-format have it
	$(Q)swift format lint --strict --recursive Kernel Drivers NetStack User Tools Tests Package.swift

test: lint all checks ## every test that can run on this machine; says which cannot, and why
	@Tests/run; status=$$?; $(MAKE_COMMAND) --no-print-directory fuzz && exit $$status

streams: all checks ## TCP against Linux on every card: 100 MB there and back, the wire cut for a minute (20 minutes)
	@STREAM_CARDS="virtio,virtio packed,virtio-legacy,virtio-pci,virtio-pci packed,ne2k,ne2k-isa" STREAM_BYTES=104857600 STREAM_CUT=60 \
		swift test --scratch-path build/host --filter StreamSystemTests/megabytes

fuzz: | swift ## libFuzzer on the receive path and every parser (SECONDS=60 TARGETS="receive dhcp")
	$(Q)$(QUIETLY) "fuzzer" $(SWIFT_FUZZ)
	@Tests/Fuzz/run $(SECONDS) $(TARGETS)

##@ Labs
laboratory: | swift
	$(Q)$(QUIETLY) "lab tool" $(SWIFT_TOOLS) --product lab

lab: laboratory ## a tree with the bodies of a lab taken out, beside this one (LAB=wire VARIANT=name); Labs/README.md lists the labs
	@$(TOOLS)/release/lab make $(LAB) $(if $(VARIANT),--variant $(VARIANT))

lab-diff: laboratory ## in a lab's tree: what was written since the start
	@$(TOOLS)/release/lab diff

lab-reset: laboratory ## in a lab's tree: begin anew; what was there is kept on a branch
	@$(TOOLS)/release/lab reset

lab-solution: laboratory ## in a lab's tree: the solved bodies (STAGE=2: of the first stages only)
	@$(TOOLS)/release/lab solution $(if $(STAGE),--stage $(STAGE))

grade: laboratory ## what of a lab is done, and the first thing that is not (LAB=wire STAGE=2 TEST=name FORMAT=json)
	@$(TOOLS)/release/lab grade $(LAB) $(if $(STAGE),--stage $(STAGE)) $(if $(TEST),--test '$(TEST)') $(if $(FORMAT),--format $(FORMAT)) \
		|| [ $$? = 1 ]  # not full yet: no error of make's

grade-all: laboratory ## for teachers: every NAME.diff of a folder, a table, JSON, CSV and what is alike (LAB=wire DIR=submissions HELDOUT=folder VARIANT=name)
	@$(TOOLS)/release/lab grade-all $(LAB) --submissions $(or $(DIR),submissions) $(if $(HELDOUT),--heldout $(HELDOUT)) \
		$(if $(VARIANT),--variant $(VARIANT))

docs: debug ## the documentation as a site, in build/docs/site (BASE=NAME: for https://HOST/NAME/)
	$(Q)$(QUIETLY) "the library of programs" $(SWIFT_DEBUGGED) --target UserLibrary
	$(Q)rm -rf build/docs && mkdir -p build/docs
	$(Q)$(TOOLS)/release/site catalog $(SYMBOLS) build/docs/Swiftlet.docc
	$(Q)docc convert build/docs/Swiftlet.docc --output-path build/docs/site $(if $(BASE),--hosting-base-path $(BASE)) \
		--fallback-bundle-identifier swiftlet --fallback-display-name Swiftlet --diagnostics-file build/docs/diagnostics.json \
		>build/docs/docc.log 2>&1 || { cat build/docs/docc.log; exit 1; }
	$(Q)$(TOOLS)/release/site check build/docs/site build/docs/diagnostics.json
	@echo "build/docs/site: python3 -m http.server -d build/docs/site shows it at http://localhost:8000/"

pictures: all ## draws the pictures of Documentation anew
	$(Q)$(TOOLS)/release/site pictures
	$(Q)$(TOOLS)/release/site session

labs-check: laboratory ## whether labs keep what they promise: starters, stages, solutions, mistakes (LAB=wire VARIANT=name)
	@$(TOOLS)/release/lab check --starters $(if $(VARIANT),--variant $(VARIANT)) $(LAB)

##@ Measure
bench: all ## what operations cost, in instructions (NIC=virtio BASELINE=file OP="getpid echo-56")
	@$(TOOLS)/release/bench measure --cards $(NIC) --output build/bench.tsv $(if $(BASELINE),--baseline $(BASELINE)) $(OP)

profile: all ## where an operation's instructions go, by function (OP=getpid NIC=virtio)
	@$(TOOLS)/release/bench profile $(OP) $(NIC)

bench-harts: all ## whether two harts do more work than one
	@$(TOOLS)/release/bench harts

bench-host: all ## packets a second to and from this machine, and the card's limit (NIC=virtio)
	@qemu/tools ensure iproute2
	@$(TOOLS)/release/bench host $(NIC)

bench-queues: all ## split against packed queues and one pair against two, on one hart and on two, by the clock
	@qemu/tools ensure iproute2
	@$(TOOLS)/release/bench queues

bench-pair: all ## frames a second from guest to guest, through shared memory and over taps, by the clock
	@qemu/tools ensure iproute2
	@$(TOOLS)/release/bench pair

readme: all ## make README's transcript and figures anew (make test compares them with what the system does)
	@$(TOOLS)/release/bench readme

size: all ## bytes of the kernel by room
	@$(TOOLS)/release/bench size

loc: tools ## lines of the source by room
	@$(TOOLS)/release/bench lines

doctor: ## what is installed, and how to install what is not
	@qemu/tools doctor

help: ## this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
