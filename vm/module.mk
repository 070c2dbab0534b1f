# The machine image and what runs in it: see docs/vm.md.
#   make vm                 builds the image (Debian 12, its kernel, the packages of packages.txt) under build-vm/
#   make vm-run CMD='...'   boots it, runs a command as root in this source tree (vm/run gives its exit status)
#   make vm-test            the system tests in it, where links are shaped by netem
#   make compare-backends   the same links by netem (in it), by the link daemon and by the wheel (here), in one table
#   make vagrant-box        a Vagrant box (libvirt) of the same image
#   make vagrant-test       vagrant up, a run, vagrant destroy, apart from this host's libvirt and network
VM_IMAGE ?= build-vm
# Inside the tree, which is all that the machine sees; a folder of its own, so that `make clean` and other builds do not disturb it.
VM_BUILD ?= build-vm-host
VM_TESTS ?= *.bats

.PHONY: vm vm-run vm-test vm-clean compare-backends vagrant-box vagrant-test

vm: $(VM_IMAGE)/root.ext4

# Another kernel than the image's was asked for.
other_kernel = $(if $(VM_KERNEL),$(shell grep -qs '^$(VM_KERNEL) ' $(VM_IMAGE)/manifest.txt || echo vm-other-kernel))
.PHONY: vm-other-kernel

# Built anew when what is in it changes; what does the building matters as much.
$(VM_IMAGE)/root.ext4: $(other_kernel) vm/packages.txt $(wildcard nodes/*/packages.txt) vm/image-packages.txt vm/guest-init vm/customize vm/vagrant.pub vm/build-image
	@vm/install-packages vm/host-packages.txt
	@vm/build-image $(VM_IMAGE)

# The command is the shell's, not make's: its dollars are its own ($(value)). The programs are built here, where it is fast:
# host and machine are both Debian 12.
vm-run: vm
	@$(if $(value CMD),,echo "make vm-run: say what to run: make vm-run CMD='liquidnet doctor'" >&2; exit 2)
	@$(MAKE) --no-print-directory BUILD=$(VM_BUILD) build
	@VM_ENV='PATH=/liquidnet/$(VM_BUILD)/bin:$$PATH BUILD=/liquidnet/$(VM_BUILD)' vm/run $(VM_IMAGE) '$(subst ','\'',$(value CMD))'

# Every system test takes a while in software.
vm-test: export VM_TIMEOUT ?= 10800
vm-test:
	@$(MAKE) --no-print-directory BUILD=$(VM_BUILD) $(VM_BUILD)/tests/stall
	@$(MAKE) --no-print-directory vm-run CMD='status=0; for t in $(VM_TESTS); do tests/run $$t || status=1; done; exit $$status'

# BACKENDS, MEASURE: see vm/compare-backends. In slices: MEASURE=netem@vm first, say, then MEASURE='link wheel'.
compare-backends: vm
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory BUILD=$(VM_BUILD) build
	@PATH=$(abspath $(BUILD))/bin:$$PATH VM_PATH=/liquidnet/$(VM_BUILD)/bin vm/compare-backends $(VM_IMAGE) results/compare-backends \
	  $(if $(TRIALS),--trials $(TRIALS)) $(RUN_FLAGS)

vagrant-box: $(VM_IMAGE)/liquidnet.box

$(VM_IMAGE)/liquidnet.box: $(VM_IMAGE)/root.ext4 vm/build-box vm/box-defaults.rb
	@vm/install-packages vm/box-packages.txt
	@vm/build-box $(VM_IMAGE)

vagrant-test: vagrant-box
	@vm/install-packages vm/vagrant-packages.txt
	@vm/vagrant-test $(VM_IMAGE)

vm-clean:
	rm -rf $(VM_IMAGE) $(VM_BUILD)
