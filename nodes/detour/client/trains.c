/* Trains of probes: rate, loss and worth. */
#include "nodes/detour/client/trains.h"
#include <math.h>

#define KEPT 0.97
#define PRIOR 20.0
#define ONE_TCP 0.6  /* of MSS / (RTT sqrt(loss)): see trains.h */
#define MSS 1424.0   /* what Multipath TCP has in a frame of 1,514 bytes */
#define WIRE 1514.0  /* that frame */
#define NEWS 0.3     /* a rate that differs by more is of another time, and the losses before it are, too */
#define SLOWEST 1000 /* bytes a second: less is not told from nothing */

static void note_loss(struct trains *trains, unsigned sent, unsigned lost)
{
	trains->sent = KEPT * trains->sent + sent;
	trains->lost = KEPT * trains->lost + lost;
}

void trains_answered(
	struct trains *trains, unsigned sent, unsigned arrived, int64_t span_ns, unsigned size, bool loaded)
{
	if (arrived > sent) /* of a detour that cannot count */
		return;
	double rate = arrived >= 2 && span_ns > 0 ? (double)(arrived - 1) * size * 1e9 / (double)span_ns : 0;
	trains->silent = 0;
	if (rate >= SLOWEST) {
		if (fabs(rate - trains->rate) > NEWS * trains->rate)
			trains->sent = trains->lost = 0;
		trains->rate = rate;
	}
	if (!loaded)
		note_loss(trains, sent, sent - arrived);
}

void trains_counted(struct trains *trains, unsigned sent, unsigned arrived, bool loaded)
{
	if (arrived > sent)
		return;
	trains->silent = 0;
	if (!loaded)
		note_loss(trains, sent, sent - arrived);
}

/* Only the train's last datagram is answered, so one that is lost is one datagram lost, and of the others nothing is known. */
void trains_missed(struct trains *trains, bool loaded)
{
	trains->silent++;
	if (!loaded)
		note_loss(trains, 1, 1);
}

bool trains_are_silent(const struct trains *trains)
{
	return trains->silent >= TRAINS_SILENT;
}

double trains_loss(const struct trains *trains)
{
	return trains->lost / (trains->sent + PRIOR);
}

double trains_worth(const struct trains *trains, int64_t rtt_ns)
{
	double carried = trains->rate * MSS / WIRE, loss = trains_loss(trains);
	if (trains->rate <= 0 || rtt_ns <= 0 || loss <= 0)
		return carried;
	double allowed = ONE_TCP * MSS * 1e9 / ((double)rtt_ns * sqrt(loss));
	return allowed < carried ? allowed : carried;
}
