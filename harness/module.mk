# Harness: its rules, included by the Makefile.

# The report's style sheet becomes part of the program (.incbin).
$(BUILD)/obj/harness/report.o $(BUILD)/tests/test_summary $(BUILD)/tests/test_report: harness/report.css
