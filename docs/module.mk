# Pages: their rules, included by the Makefile.
.PHONY: docs gallery

# The pages as a site, in $(BUILD)/docs/site/index.html.
docs:
	@vm/install-packages vm/packages-docs.txt
	@docs/site $(BUILD)/docs

# One page of the main figure of every experiment, from the results at hand: RESULTS=FOLDER (results).
RESULTS ?= results
gallery: build
	@PATH=$(abspath $(BUILD))/bin:$$PATH docs/gallery $(RESULTS) $(BUILD)/gallery
