// System-call numbers. 1 to 21 are xv6's, from 22 on Swiftlet's own. Arguments and results of xv6's: the families in
// Kernel/SystemCall. A failing call returns -1 in a0 and an error number in a1.

/// What a program puts into a7 before `ecall`.
public enum SystemCallNumber: UInt64, Sendable {
    case fork = 1, exit, wait, pipe, read, kill, exec, fstat, chdir, dup, getpid, sbrk, sleep, uptime, open, write, mknod
    case unlink, link, mkdir, close
    /// ping(address, payload, limit, reply): sends an ICMP echo request to an IPv4 address (host order) with so many bytes of
    /// payload and sleeps until the reply, or `limit` milliseconds. 0, and the PingReply filled in; or -1 with
    /// hostUnreachable (nobody answers ARP, or a router says so), timedOut, networkDown (no interface), networkUnreachable (no
    /// route), noBufferSpace, messageTooLong, badAddress, interrupted.
    case ping = 22
    // 23 is for dhcp_request.
    /// halt(code): powers the machine off. The code (0 to 65535) becomes QEMU's exit status. Does not return.
    case halt = 24
    /// nanosleep(nanoseconds): sleeps at least so long. 0, or -1 with interrupted.
    case nanosleep = 25
    /// clock(): nanoseconds since boot.
    case clock = 26
    /// processes(records, count): writes a ProcessRecord for each of the first `count` processes and returns how many there are,
    /// which may be more. Or -1 with badAddress, or invalidArgument for a negative count.
    case processes = 27
    /// resources(counts): writes a SystemResources. 0, or -1 with badAddress.
    case resources = 28
    /// wallClock(): nanoseconds since 1970-01-01 00:00 UTC; or -1 with noSuchDevice, on a machine that does not know the time.
    case wallClock = 29
}
