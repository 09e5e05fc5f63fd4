/*
 * taken.c - see taken.h. A file of its own, because the kernel's tcp_info, which is longer than the C
 * library's, does not go together with headers that libwebsockets includes.
 */
#include "taken.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

uint64_t
received_bytes(int fd)
{
	struct tcp_info info = {0};
	socklen_t	size = sizeof(info);

	/* a system that does not count has none */
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_bytes_received == 0)
		return UINT64_MAX;
	return info.tcpi_bytes_received;
}

uint64_t
taken_bytes(int fd)
{
	uint64_t	received = received_bytes(fd);
	int			unread = 0;

	if (received == UINT64_MAX || ioctl(fd, FIONREAD, &unread) != 0 || received < (uint64_t) unread)
		return UINT64_MAX;
	return received - (uint64_t) unread;
}
