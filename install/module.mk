# Installation: its rules, included by the Makefile. `make install` puts everything below PREFIX (of DESTDIR, for packages);
# `make uninstall` takes away what it put there, and the folders that it made.
PREFIX ?= /usr/local
STAGE  := $(BUILD)/stage
PAGES  := $(BUILD)/man

# A page for every program, out of its own --help; former names are links to the new one's.
$(PAGES)/.made: $(PROGRAMS) $(OLD_NAMES) install/man/page $(wildcard install/man/*.scd)
	@rm -rf $(PAGES); mkdir -p $(PAGES)
	$(call say,MAN $(PAGES))
	$(Q)for program in $(PROGRAMS); do install/man/page $$program $(PAGES) || exit 1; done
	$(Q)for old in $(OLD_NAMES); do new=$$(readlink $$old); page=$$(basename $(PAGES)/$$new.[18]); \
	  ln -s $$page $(PAGES)/$$(basename $$old).$${page##*.}; done
	@touch $@

.PHONY: man stage install uninstall
man: $(PAGES)/.made

# What is installed, as a tree.
stage: build man
	@rm -rf $(STAGE)
	@mkdir -p $(addprefix $(STAGE)/,bin share/liquidnet share/doc/liquidnet/examples share/man/man1 share/man/man8 share/bash-completion/completions)
	$(Q)install -m 755 $(PROGRAMS) $(STAGE)/bin
	$(Q)cp -P $(OLD_NAMES) $(STAGE)/bin
	$(Q)cp -R experiments topologies data $(STAGE)/share/liquidnet
	$(Q)cp --parents nodes/debian.yaml nodes/*/system.yaml $(STAGE)/share/liquidnet
	$(Q)rm $(STAGE)/share/liquidnet/topologies/liquidnet-topology $(STAGE)/share/liquidnet/topologies/module.mk
	$(Q)find $(STAGE) -name __pycache__ -prune -exec rm -r {} +
	$(Q)cp -P $(PAGES)/*.1 $(STAGE)/share/man/man1
	$(Q)cp -P $(PAGES)/*.8 $(STAGE)/share/man/man8
	$(Q)install -m 644 install/completion.bash $(STAGE)/share/bash-completion/completions/liquidnet
	$(Q)for name in $(filter-out liquidnet,$(notdir $(PROGRAMS) $(OLD_NAMES))); do ln -s liquidnet $(STAGE)/share/bash-completion/completions/$$name; done
	$(Q)install -m 644 $(wildcard nodes/*/*.example.yaml nodes/*/*/*.example.yaml) $(STAGE)/share/doc/liquidnet/examples
	$(Q)cp --parents README.md CHANGELOG.md $$(find docs -type f; find nodes -name '*.md') $(STAGE)/share/doc/liquidnet

install: stage
	@install/put $(STAGE) $(PREFIX)

uninstall:
	@install/remove $(PREFIX)
