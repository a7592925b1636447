// System-call numbers. 1 to 21 are xv6's, from 22 on Swiftlet's own. Arguments and results of xv6's: the families in
// Kernel/SystemCall. A failing call returns -1 in a0 and an error number in a1.

/// What a program puts into a7 before `ecall`.
public enum SystemCallNumber: UInt64, Sendable {
    case fork = 1, exit, wait, pipe, read, kill, exec, fstat, chdir, dup, getpid, sbrk, sleep, uptime, open, write, mknod
    case unlink, link, mkdir, close
    /// ping(address*, payload, limit, reply*): sends an ICMP echo request to a NetworkAddress with so many bytes of payload and
    /// sleeps until the reply, or `limit` milliseconds. 0, and the PingReply filled in; or -1 with hostUnreachable (the neighbour
    /// does not answer, or a router says so), timedOut, networkDown (no interface), networkUnreachable (no route), noBufferSpace,
    /// messageTooLong, badAddress, interrupted.
    case ping = 22
    /// dhcp_request(interface, limit, report*): asks a DHCP server for the interface's address, or joins who does already, and
    /// sleeps until it has one, or `limit` milliseconds; asking and renewing go on in the background. Limit 0: only looks. Limit
    /// -1: gives the lease back and the address up. 0, and the LeaseReport filled in (unless its address is 0); or -1 with
    /// networkDown (no such interface, or no link), timedOut (no server answered), connectionRefused (the server refused),
    /// addressInUse (somebody has the address that was granted), interrupted, badAddress, invalidArgument.
    case dhcpRequest = 23
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
    /// set_group(pid, group): puts this process (pid 0) or a child of it into a process group, its own if group is 0. Children
    /// are born into their parent's group. 0, or -1 with noSuchProcess.
    case setGroup = 30
    /// foreground(group): the group that ^C on the console ends; 0: none, then ^C only ends the line. 0.
    case foreground = 31
    /// socket(kind): a socket's descriptor. The calls below take pointers to SocketAddresses. Or -1 with invalidArgument for no SocketKind.
    case socket = 32
    /// bind(fd, address*): `::` is any of ours, port 0 a free one. 0, or -1 with addressInUse, addressNotAvailable, badAddress.
    case bind = 33
    /// connect(fd, address*): names the peer for send, and lets no other's datagrams in; a pointer of 0 forgets it. 0, or -1 with
    /// invalidArgument (no host's address, or port 0), networkUnreachable, networkDown, badAddress.
    case connect = 34
    /// sendto(fd, bytes, count, address*): one datagram; a pointer of 0 means the connected peer. count, or -1 with messageTooLong,
    /// networkUnreachable, networkDown, accessDenied (a broadcast without the option), destinationRequired, noBufferSpace, or
    /// what ICMP said of an earlier one (connectionRefused, hostUnreachable).
    case sendto = 35
    /// recvfrom(fd, buffer, count, address*): waits for a datagram and copies it, cut at count bytes; its sender goes to address*
    /// unless that is 0. Bytes copied, or -1 with timedOut (see setsockopt), interrupted, or what ICMP said.
    case recvfrom = 36
    /// getsockname(fd, address*) and getpeername(fd, address*): 0, or -1 with notConnected, badAddress.
    case getsockname = 37
    case getpeername = 38
    /// setsockopt(fd, option, value): SocketOption. 0, or -1 with invalidArgument.
    case setsockopt = 39
    /// poll(entries*, count, milliseconds): waits until one of the descriptors is ready for what its PollEntry asks, has an error or
    /// is hung up, or the time has passed (negative: for ever). How many entries tell something, 0 when the time has passed; or -1
    /// with invalidArgument (more entries than a process has descriptors), badAddress, interrupted, noMemory.
    case poll = 40
    /// disk_read(block, buffer): copies a 1024-byte block of the disk as it is, past the file system. The number of blocks, or -1
    /// with invalidArgument (no such block), inputOutput, badAddress.
    case diskRead = 41
    /// getsockopt(fd, option, record*): the value of a SocketOption, in the record when it is one; or -1 with invalidArgument, badAddress.
    case getsockopt = 42
    /// network_status(table, index, record*): writes what a NetworkTable has in place `index`. How many places it has; beyond the last, and
    /// in a place that is empty, nothing is written, and the call fails with noSuchFile when it is empty. Or -1 with invalidArgument.
    case networkStatus = 43
    /// network_change(change, record*): NetworkChange. 0, or -1 with invalidArgument, fileExists (such a route), noSuchFile (no such route
    /// or neighbour), noBufferSpace (the table is full), networkDown (no such interface).
    case networkChange = 44
    /// resolve(name, limit, report*): looks a domain name up and sleeps until the answer, or `limit` milliseconds. 0, and the NameReport
    /// filled in; or -1 with noSuchName, noNameServer (no lease names one), timedOut, tryAgain (the server cannot tell), invalidArgument
    /// (not a name), nameTooLong, noBufferSpace (too many at once), interrupted, badAddress.
    case resolve = 45
    /// counters(record*, stacks): writes a KernelCounters, with the depths of stacks if `stacks` is not 0. 0, or -1 with badAddress.
    case counters = 46
    /// pci_function(index, record*): writes a PCIReport of function `index`. How many functions there are; beyond the last nothing is
    /// written. Or -1 with invalidArgument for a negative index, or badAddress.
    case pciFunction = 47
    /// loop_device(interface, count): sends up to 10,000 frames to a station that is not there, straight through an interface's driver, to measure the card. How
    /// many it took, or -1 with networkDown (no such interface), invalidArgument.
    case loopDevice = 48
}
