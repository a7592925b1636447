// System-call numbers. 1 to 21 are xv6's, from 22 on Swiftlet's own. Arguments and results: shared/ABI.md and the
// families in Kernel/SystemCall.

/// What a program puts into a7 before `ecall`.
public enum SystemCallNumber: UInt64, Sendable {
    case fork = 1, exit, wait, pipe, read, kill, exec, fstat, chdir, dup, getpid, sbrk, sleep, uptime, open, write, mknod
    case unlink, link, mkdir, close
    /// ping(address: UInt32 host order, payload bytes, time limit in ms, PingReply*) → 0 and the reply filled in.
    case ping = 22
    // 23 is dhcp_request's.
    /// halt(exit code): powers the machine off; the code reaches the host where the machine can say it.
    case halt = 24
}
