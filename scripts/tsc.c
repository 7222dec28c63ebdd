/* Prints the rate of this machine's time stamp counter in kHz; QEMU without KVM shows it to guests. */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct sample {
	uint64_t tsc, ns;
};

/* A pair read together: of many tries the one that was interrupted least. */
static struct sample take(void)
{
	struct sample best = { 0, 0 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 200; i++) {
		struct timespec t;
		uint64_t before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC, &t);
		uint64_t after = __rdtsc();

		if (after - before < least) {
			least = after - before;
			best.tsc = before + least / 2;
			best.ns = t.tv_sec * 1000000000ULL + t.tv_nsec;
		}
	}
	return best;
}

int main(void)
{
	struct sample a = take();
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	struct sample b = take();

	printf("%.0f\n", (b.tsc - a.tsc) * 1e6 / (b.ns - a.ns));
	return 0;
}
