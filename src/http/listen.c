/* SPDX-License-Identifier: Apache-2.0
 *
 * See listen.h. Called by server.c.
 */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

/* "127.0.0.1:8417", "[::1]:8417" */
static enum hd_code read_address(const char *text, struct sockaddr_storage *ret, socklen_t *ret_len,
                                 struct hd_error *err)
{
    char host[64] = "";
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    int64_t port;
    if (!colon || n == 0 || n >= sizeof host || !str_read_i64(colon + 1, &port) || port < 0 ||
        port > 65535)
        return hd_fail(err, HD_INVALID, "listen: \"%s\" is not ADDRESS:PORT", text);
    memcpy(host, text, n);
    bool six = host[0] == '[' && host[n - 1] == ']';
    *ret = (struct sockaddr_storage){0};
    if (six) {
        struct sockaddr_in6 *a = (struct sockaddr_in6 *)ret;
        host[n - 1] = '\0';
        a->sin6_family = AF_INET6;
        a->sin6_port = htons((uint16_t)port);
        if (inet_pton(AF_INET6, host + 1, &a->sin6_addr) != 1)
            return hd_fail(err, HD_INVALID, "listen: \"%s\" is not an IPv6 address", host + 1);
        *ret_len = sizeof *a;
        return HD_OK;
    }
    struct sockaddr_in *a = (struct sockaddr_in *)ret;
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)port);
    if (inet_pton(AF_INET, host, &a->sin_addr) != 1)
        return hd_fail(err, HD_INVALID, "listen: \"%s\" is not an IP address", host);
    *ret_len = sizeof *a;
    return HD_OK;
}

enum hd_code listen_on(const char *text, int *ret_fd, int *ret_port, struct hd_error *err)
{
    struct sockaddr_storage address;
    socklen_t len;
    if (read_address(text, &address, &len, err))
        return err->code;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, SOMAXCONN) ||
        getsockname(fd, (struct sockaddr *)&address, &len)) {
        enum hd_code code = hd_fail(err, HD_IO, "cannot listen on %s: %s", text, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return code;
    }
    *ret_fd = fd;
    *ret_port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                    : ((struct sockaddr_in *)&address)->sin_port);
    return HD_OK;
}

uint64_t listen_peer(const struct sockaddr *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (a && a->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, text, sizeof text);
    else if (a && a->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)a)->sin6_addr, text, sizeof text);
    return str_hash(text, 0);
}
