/* Any sequence of requests, arrivals, expiries and times at a window and at a group's pace: counters stay possible. */
#include "nodes/trevi/pace.h"
#include "nodes/trevi/window.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct window w;
	struct pace p;
	int64_t now = 1000000;
	uint32_t sent = 0;

	window_init(&w, &WINDOW_SETTINGS, NULL);
	/* As a get may have asked. */
	if (size > 8 && data[7] % 2) {
		window_phase(&w, data[8] / 256.0);
		window_begin(&w, window_first(NULL, &WINDOW_SETTINGS, 1 + data[8] % 20), now, data[8] * 1000,
			data[7] % 4 == 1);
	}
	pace_init(&p, 1 + (size ? data[0] % PACE_RECEIVERS : 0), now);
	for (size_t i = 0; i + 5 < size; i += 6) {
		uint32_t number;
		memcpy(&number, data + i + 2, sizeof number);
		now += (int64_t)data[i + 1] * data[i + 1] * 1000;
		if (data[i] > 200)
			window_end(&w, &WINDOW_SETTINGS, number % 8);
		if (data[i] > 240)
			window_lend(&w, number % 4);
		switch (data[i] % 6) {
		case 0:
			window_ask(&w, window_room(&w, &WINDOW_SETTINGS, now), now);
			break;
		case 1:
			window_came(&w, &WINDOW_SETTINGS, number, now);
			break;
		case 2:
			window_came(&w, &WINDOW_SETTINGS, w.oldest + number % 64, now);
			break;
		case 3:
			window_expire(&w, &WINDOW_SETTINGS, now);
			break;
		case 4:
			pace_ask(&p, data[i + 1] % p.count, number, data[i + 1], now);
			break;
		case 5:
			pace_ask(&p, data[i + 1] % p.count, p.sent, data[i + 1], now);
			if (number % 7 == 0)
				pace_leave(&p, number % p.count);
			break;
		}
		uint32_t room = pace_room(&p);
		if (room > PACE_AHEAD)
			abort();
		p.sent += room;
		if (p.sent < sent)
			abort();
		sent = p.sent;
		if (!(w.size >= WINDOW_SETTINGS.least && w.size <= WINDOW_SETTINGS.most) ||
			w.outstanding > w.next - w.oldest || w.next - w.oldest > WINDOW_LABELS ||
			w.came + w.lost - w.late + w.outstanding != w.asked ||
			window_expiry(&w, &WINDOW_SETTINGS, now) < 0 ||
			window_timer(&w, &WINDOW_SETTINGS) < WINDOW_SETTINGS.timer_min_ns)
			abort();
		pace_straggler(&p, 1000000, now);
	}
	return 0;
}
