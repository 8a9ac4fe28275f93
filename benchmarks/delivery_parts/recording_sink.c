/* A mail server that notes every message at the moment of acceptance, before it says 250, and can fail on demand.
 *
 *   recording_sink PORT LOG [fault=per-mille ...]
 *
 * LOG gets one line per accepted message: its recipient. Faults, each in thousandths of all messages:
 *   defer, refuse   answer the final dot with 451 or 550 5.1.1
 *   rcpt            answer RCPT with 450
 *   mid             drop the line in the middle of the message
 *   after           accept, then drop the line without a word
 *   garbage         answer the final dot with nonsense, not accepting
 *   stall           answer the final dot after 300 ms
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, INPUT = 1 << 18, OUTPUT = 1 << 16, LINE = 2048, RECIPIENT = 320 };
enum fault { NONE, DEFER, REFUSE, RCPT, MID, AFTER, GARBAGE, STALL, FAULTS };
static const char *names[FAULTS] = {"", "defer", "refuse", "rcpt", "mid", "after", "garbage", "stall"};

struct connection {
    int open, in_data, rcpt_ok, line_length, tail_length;
    long wake_at; /* ms; answer to a stalled dot */
    enum fault fault;
    char line[LINE], tail[4], recipient[RECIPIENT];
    char unread[LINE]; /* what came behind a dot that is not answered yet */
    int unread_length;
};

static struct connection *all[CONNECTIONS];
static int per_mille[FAULTS];
static char input[INPUT + 8], output[OUTPUT], journal[1 << 20];
static int output_length, journal_length, log_fd;
static uint64_t seed = 88172645463325252ull;

static uint64_t draw(void) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return seed;
}

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static enum fault draw_fault(void) {
    int n = draw() % 1000;
    for (int f = 1; f < FAULTS; f++) {
        if (n < per_mille[f]) return f;
        n -= per_mille[f];
    }
    return NONE;
}

static void say(const char *text) {
    int n = strlen(text);
    if (output_length + n > OUTPUT) return;
    memcpy(output + output_length, text, n);
    output_length += n;
}

static void write_log(void) {
    for (int done = 0; done < journal_length;) {
        ssize_t n = write(log_fd, journal + done, journal_length - done);
        if (n < 0) { perror("log"); exit(1); }
        done += n;
    }
    journal_length = 0;
}

static void accept_message(struct connection *c) {
    if (journal_length + RECIPIENT + 1 > (int)sizeof journal) write_log();
    journal_length += sprintf(journal + journal_length, "%s\n", c->recipient);
}

/* 0: the connection goes on; 1: drop it */
static int command(struct connection *c, char *line) {
    if (!strncasecmp(line, "MAIL", 4)) {
        c->fault = draw_fault();
        c->rcpt_ok = 0;
        say("250 2.1.0 Ok\r\n");
    } else if (!strncasecmp(line, "RCPT", 4)) {
        char *from = strchr(line, '<'), *to = from ? strchr(from, '>') : NULL;
        if (to && to - from < RECIPIENT) memcpy(c->recipient, from + 1, to - from - 1), c->recipient[to - from - 1] = 0;
        c->rcpt_ok = c->fault != RCPT;
        say(c->rcpt_ok ? "250 2.1.5 Ok\r\n" : "450 4.2.0 come back later\r\n");
    } else if (!strncasecmp(line, "DATA", 4)) {
        c->in_data = c->rcpt_ok;
        memcpy(c->tail, "\0\0\r\n", 4), c->tail_length = 4;
        say(c->rcpt_ok ? "354 go\r\n" : "554 5.5.1 no valid recipients\r\n");
    } else if (!strncasecmp(line, "EHLO", 4)) {
        say("250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
    } else if (!strncasecmp(line, "QUIT", 4)) {
        say("221 2.0.0 Bye\r\n");
        return 1;
    } else {
        say("250 2.0.0 Ok\r\n");
    }
    return 0;
}

static int end_of_message(struct connection *c) {
    c->in_data = 0;
    switch (c->fault) {
    case DEFER: say("451 4.3.0 not now\r\n"); return 0;
    case REFUSE: say("550 5.1.1 no such user\r\n"); return 0;
    case GARBAGE: say("hello?\r\n"); return 0;
    case AFTER: accept_message(c); return 1;
    case STALL: c->wake_at = now_ms() + 300; return 0;
    default: accept_message(c); say("250 2.0.0 Ok: queued\r\n"); return 0;
    }
}

/* Return 1 to drop the connection. */
static int feed(struct connection *c, char *at, char *end) {
    while (at < end) {
        if (c->in_data) {
            if (c->fault == MID) return 1;
            char window[8];
            int head = end - at < 4 ? end - at : 4;
            memcpy(window, c->tail, 4), memcpy(window + 4, at, head);
            char *dot = memmem(window, 4 + head, "\r\n.\r\n", 5);
            char *after = dot ? at + (dot - window) + 1 : NULL;
            if (!dot && (dot = memmem(at, end - at, "\r\n.\r\n", 5))) after = dot + 5;
            if (!dot) {
                int n = end - at;
                if (n >= 4) memcpy(c->tail, end - 4, 4);
                else memmove(c->tail, c->tail + n, 4 - n), memcpy(c->tail + 4 - n, at, n);
                return 0;
            }
            at = after;
            if (end_of_message(c)) return 1;
            if (c->wake_at) {
                c->unread_length = end - at < LINE ? end - at : LINE;
                memcpy(c->unread, at, c->unread_length);
                return 0;
            }
            continue;
        }
        char *newline = memchr(at, '\n', end - at);
        int n = (newline ? newline + 1 : end) - at;
        if (c->line_length + n >= LINE) return 1;
        memcpy(c->line + c->line_length, at, n);
        c->line_length += n;
        at += n;
        if (newline) {
            c->line[c->line_length] = 0;
            c->line_length = 0;
            if (command(c, c->line)) return 1;
        }
    }
    return 0;
}

static void send_out(int fd) {
    write_log(); /* first the note, then the word */
    if (output_length && write(fd, output, output_length) < 0 && errno != EPIPE && errno != ECONNRESET) perror("write");
    output_length = 0;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    if (argc < 3) return 2;
    for (int i = 3; i < argc; i++)
        for (int f = 1; f < FAULTS; f++) {
            int n = strlen(names[f]);
            if (!strncmp(argv[i], names[f], n) && argv[i][n] == '=') per_mille[f] = atoi(argv[i] + n + 1);
        }
    log_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (log_fd < 0 || bind(listener, (void *)&address, sizeof address) || listen(listener, 1024)) { perror("listen"); return 1; }
    socklen_t size = sizeof address;
    getsockname(listener, (void *)&address, &size);
    printf("%d\n", ntohs(address.sin_port)), fflush(stdout);
    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(poll, ready, 256, per_mille[STALL] ? 50 : -1);
        if (per_mille[STALL])
            for (int fd = 0; fd < CONNECTIONS; fd++)
                if (all[fd] && all[fd]->open && all[fd]->wake_at && all[fd]->wake_at <= now_ms()) {
                    struct connection *c = all[fd];
                    c->wake_at = 0, accept_message(c), say("250 2.0.0 Ok: late\r\n");
                    feed(c, c->unread, c->unread + c->unread_length), send_out(fd);
                    event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                    epoll_ctl(poll, EPOLL_CTL_MOD, fd, &event);
                }
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (fd >= CONNECTIONS) { close(fd); continue; }
                    if (!all[fd]) all[fd] = malloc(sizeof **all);
                    memset(all[fd], 0, sizeof **all), all[fd]->open = 1;
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
                    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
                    say("220 sink ESMTP\r\n"), send_out(fd);
                }
                continue;
            }
            struct connection *c = all[fd];
            ssize_t got = read(fd, input, INPUT);
            int drop = got == 0 || (got < 0 && errno != EAGAIN) || (got > 0 && feed(c, input, input + got));
            send_out(fd);
            if (drop) {
                struct linger now = {1, 0};
                if (got > 0 && c->fault != NONE) setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
                c->open = 0, close(fd);
            } else if (c->wake_at) { /* what is already said behind the dot is read when the dot is answered */
                event = (struct epoll_event){.events = 0, .data.fd = fd};
                epoll_ctl(poll, EPOLL_CTL_MOD, fd, &event);
            }
        }
    }
}
