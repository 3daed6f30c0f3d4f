/* A network between machines that are network namespaces of this one: latency and bandwidth where the kernel has no netem.
 *
 *     wire LATENCY_US MBIT_PER_S NAMESPACE...
 *
 * Makes a device "tap0" in each of the namespaces, whose Ethernet address ends with its number from 1 (02:00:00:00:00:01), prints a
 * line when all are there, and passes frames on until it is killed. Each machine sends, and receives, one frame after the other at the
 * bandwidth; a frame arrives that long after it has begun to arrive, which is the latency after it was begun to be sent. With 0 and 0
 * frames are passed on at once. As root; Linux only. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { MACHINES = 16, FRAME_CAP = 65536, WAITING_CAP = 4096 };

struct frame {
    long long when_ns; /* it begins to arrive; later, in what a machine receives: it has arrived */
    int to, nbytes;
    unsigned char *data;
};

/* A ring, in the order of time. */
struct queue {
    struct frame frames[WAITING_CAP];
    int first, n;
};

struct machine {
    int device;
    long long sends_until_ns, receives_until_ns;
    struct queue sent, received;
};

static struct machine machines[MACHINES];
static int n_machines;

static void fail(const char *what)
{
    fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long long now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int open_device(const char *namespace, int number)
{
    char path[256];
    snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
    int space = open(path, O_RDONLY | O_CLOEXEC), device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI}, address = {.ifr_hwaddr.sa_family = 1};
    snprintf(request.ifr_name, sizeof request.ifr_name, "tap0");
    if (space < 0 || device < 0 || setns(space, CLONE_NEWNET) != 0)
        fail(path);
    close(space);
    close(device); /* a device belongs to the namespace that it was opened in */
    device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (device < 0 || ioctl(device, TUNSETIFF, &request) != 0)
        fail("tap0");
    address.ifr_hwaddr.sa_data[0] = 2;
    address.ifr_hwaddr.sa_data[5] = (char)number;
    if (ioctl(device, SIOCSIFHWADDR, &address) != 0)
        fail("the address of tap0");
    return device;
}

/* Where there is no room a frame is lost, as in networks. */
static void put(struct queue *queue, const struct frame *frame)
{
    if (queue->n == WAITING_CAP)
        free(frame->data);
    else
        queue->frames[(queue->first + queue->n++) % WAITING_CAP] = *frame;
}

/* The first frame if its time has come, else NULL, and *next is no later than that. */
static struct frame *due(struct queue *queue, long long now, long long *next)
{
    struct frame *f = &queue->frames[queue->first];
    if (queue->n == 0 || f->when_ns <= now)
        return queue->n > 0 ? f : NULL;
    *next = f->when_ns < *next ? f->when_ns : *next;
    return NULL;
}

static void drop(struct queue *queue)
{
    queue->first = (queue->first + 1) % WAITING_CAP;
    queue->n--;
}

/* What a machine has begun to send. */
static void take(struct machine *from, long long latency_ns, double ns_per_byte)
{
    static unsigned char data[FRAME_CAP];
    ssize_t nbytes;
    while ((nbytes = read(from->device, data, sizeof data)) >= 14) {
        long long now = now_ns(), begins = now > from->sends_until_ns ? now : from->sends_until_ns;
        from->sends_until_ns = begins + (long long)(ns_per_byte * (double)nbytes);
        int to = data[5] - 1;
        for (int i = 0; i < n_machines; i++) {
            if ((data[0] == 2 && i != to) || &machines[i] == from) /* what is for many goes to all others */
                continue;
            struct frame frame = {begins + latency_ns, i, (int)nbytes, malloc((size_t)nbytes)};
            if (!frame.data)
                fail("memory");
            memcpy(frame.data, data, (size_t)nbytes);
            put(&from->sent, &frame);
        }
    }
}

/* Gives out what has arrived; returns when something more will happen, or a second from now. */
static long long give(double ns_per_byte)
{
    long long now = now_ns(), next = now + 1000000000LL;
    struct frame *f;
    for (int i = 0; i < n_machines; i++)
        for (; (f = due(&machines[i].sent, now, &next)); drop(&machines[i].sent)) {
            struct machine *to = &machines[f->to];
            long long begins = f->when_ns > to->receives_until_ns ? f->when_ns : to->receives_until_ns;
            f->when_ns = to->receives_until_ns = begins + (long long)(ns_per_byte * f->nbytes);
            put(&to->received, f);
        }
    for (int i = 0; i < n_machines; i++)
        for (; (f = due(&machines[i].received, now, &next)); drop(&machines[i].received)) {
            if (write(machines[i].device, f->data, (size_t)f->nbytes) < 0 && errno != EAGAIN && errno != EIO)
                fail("tap0");
            free(f->data);
        }
    return next;
}

int main(int argc, char **argv)
{
    struct pollfd ready[MACHINES];
    n_machines = argc - 3;
    if (n_machines < 2 || n_machines > MACHINES) {
        fprintf(stderr, "usage: wire LATENCY_US MBIT_PER_S NAMESPACE NAMESPACE...\n");
        return 2;
    }
    long long latency_ns = (long long)(1000 * atof(argv[1]));
    double ns_per_byte = atof(argv[2]) > 0 ? 8000 / atof(argv[2]) : 0;
    for (int i = 0; i < n_machines; i++) {
        machines[i].device = open_device(argv[3 + i], i + 1);
        ready[i] = (struct pollfd){.fd = machines[i].device, .events = POLLIN};
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        long long left = give(ns_per_byte) - now_ns();
        struct timespec wait = {left > 0 ? left / 1000000000LL : 0, left > 0 ? left % 1000000000LL : 0};
        ppoll(ready, (nfds_t)n_machines, &wait, NULL);
        for (int i = 0; i < n_machines; i++)
            take(&machines[i], latency_ns, ns_per_byte);
    }
}
