# Hello: its rules, included by the Makefile.
$(eval $(call program,liquidnet-hello,nodes/hello))
