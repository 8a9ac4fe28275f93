/* The limit: one fixed message over and over, the next envelope behind each body, no ledger, no merging.
 *
 *   pipelined_client PORT CONNECTIONS MESSAGES FILE
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char envelope[] = "MAIL FROM:<b.1.1.0123456789abcdef@bounces.example.org>\r\nRCPT TO:<reader@example.org>\r\nDATA\r\n";
static char *block; /* body, dot, envelope */
static long body_length, left, done;

struct connection { int fd, stage; const char *out; long unsent; } *all;

static void push(struct connection *c, int poll) {
    while (c->unsent) {
        ssize_t n = write(c->fd, c->out, c->unsent);
        if (n < 0 && errno == EAGAIN) break;
        if (n < 0) { perror("write"); exit(1); }
        c->out += n, c->unsent -= n;
    }
    struct epoll_event event = {.events = EPOLLIN | (c->unsent ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_MOD, c->fd, &event);
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    int connections = atoi(argv[2]);
    left = atol(argv[3]);
    long total = left;
    int file = open(argv[4], O_RDONLY);
    struct stat info;
    if (file < 0 || fstat(file, &info)) { perror(argv[4]); return 1; }
    body_length = info.st_size + 3;
    block = malloc(body_length + sizeof envelope);
    if (read(file, block, info.st_size) != info.st_size) return 1;
    memcpy(block + info.st_size, ".\r\n", 3), memcpy(block + body_length, envelope, sizeof envelope);
    all = calloc(connections, sizeof *all);
    int poll = epoll_create1(0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < connections; i++) {
        struct connection *c = all + i;
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(c->fd, (void *)&address, sizeof address)) { perror("connect"); return 1; }
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        char hello[1024];
        if (read(c->fd, hello, sizeof hello) <= 0 || write(c->fd, "EHLO a\r\n", 8) != 8 || read(c->fd, hello, sizeof hello) <= 0) return 1;
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &event);
        if (left > 0) left--, c->out = envelope, c->unsent = sizeof envelope - 1, push(c, poll);
    }
    struct epoll_event ready[64];
    char input[8192];
    while (done < total) {
        int n = epoll_wait(poll, ready, 64, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = ready[i].data.ptr;
            if (ready[i].events & EPOLLOUT) push(c, poll);
            if (!(ready[i].events & EPOLLIN)) continue;
            ssize_t got = read(c->fd, input, sizeof input);
            if (got <= 0) { fprintf(stderr, "the sink closed\n"); return 1; }
            for (char *line = input; line < input + got; line = memchr(line, '\n', input + got - line), line = line ? line + 1 : input + got) {
                if (line[0] == '3') { /* 354: body, and the next envelope if there is one */
                    int more = left > 0;
                    left -= more;
                    c->out = block, c->unsent = body_length + (more ? (long)sizeof envelope - 1 : 0), c->stage = 0;
                    push(c, poll);
                } else if (c->stage++ == 0 && c->out != envelope) {
                    done++; /* the first reply after a body is the one to its dot */
                }
            }
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double wall = end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9;
    double cpu = use.ru_utime.tv_sec + use.ru_stime.tv_sec + (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    printf("%.1f %.2f\n", total / wall, cpu / total * 1e6);
    return 0;
}
