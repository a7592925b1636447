// System-call numbers, each with its contract: arguments, result, errors, and what xv6's programs rely on.
//
// The number is in a7, arguments are in a0 to a3, the result is in a0. A call that fails returns -1 in a0 and a
// SystemError's number in a1; every other register is preserved. An `int` argument is the low 32 bits of its register.
// A pointer that is not a process's own, or that ends outside its memory, gives badAddress; a path is at most 127 bytes
// and a NUL, else it gives nameTooLong. A call that sleeps fails with interrupted when its process is killed.
//
// 1 to 21 are xv6's. 22 to 63 belong to the calls that courses add: the kernel prints "<pid> <name>: unknown sys call
// <n>" and returns -1, as xv6 does. From 64 on they are Swiftlet's own.

/// What a program puts into a7 before `ecall`.
public enum SystemCallNumber: UInt64, Sendable {
    // MARK: xv6's

    /// fork(): a child with a copy of the caller's memory and the same open files. The child's pid; 0 in the child. Or
    /// -1 with tryAgain (no free process slot of 64; the last one is left to the first process and its shell),
    /// noMemory.
    case fork = 1
    /// exit(status): ends the process; all 32 bits of the status reach wait. Does not return.
    case exit = 2
    /// wait(status*): sleeps until a child has ended, stores its status unless the pointer is 0, and returns its pid.
    /// The status of a killed child is -1. Or -1 with noChild, interrupted, or badAddress: then the child stays, to be
    /// waited for again.
    case wait = 3
    /// pipe(fds*): makes a pipe and stores two ints: the lowest free descriptors, the read end's first. 0, or -1 with
    /// tooManyFiles, tooManyFilesInSystem, noMemory, or badAddress: then both descriptors are closed again.
    case pipe = 4
    /// read(fd, buffer, count): reads what there is, up to `count` bytes; of the console at most one line. The bytes
    /// read, 0 at the end of the file. Reading a directory gives its raw entries. Or -1 with badDescriptor, badAddress,
    /// noSuchDevice, inputOutput, interrupted. A negative count counts as a huge one on a file, and gives 0 on a pipe
    /// and on the console.
    case read = 5
    /// kill(pid): marks a process, which ends at its next return to user mode, and wakes it. 0, or -1 with
    /// noSuchProcess, notPermitted (the first process).
    case kill = 6
    /// exec(path, argv*): replaces the program. argc in a0 and argv in a1 of the new one. Or -1 with noSuchFile,
    /// isDirectory, badExecutable, argumentsTooLong (more than 31, or more than fits the stack; for a program with this
    /// system's note more than 128 KiB), noMemory, badAddress: then the old program goes on.
    case exec = 7
    /// fstat(fd, stat*): stores the 24 bytes of xv6's struct stat: FileStatus. 0, or -1 with badDescriptor (a pipe or a
    /// socket, too), badAddress.
    case fstat = 8
    /// chdir(path): 0, or -1 with noSuchFile, notDirectory.
    case chdir = 9
    /// dup(fd): the lowest free descriptor, for the same open file. Or -1 with badDescriptor, tooManyFiles.
    case dup = 10
    /// getpid(): the process's number.
    case getpid = 11
    /// sbrk(bytes, type): moves the end of the heap and returns the old one. Growing reserves memory at once; with type
    /// 2 pages come when they are touched. Returned pages come back zeroed. Shrinking below 0 changes nothing. Or -1
    /// with noMemory (also: growing beyond 0x3fffffe000). xv6 of 2022 passes no type and leaves garbage in a1:
    /// everything but 2 reserves.
    case sbrk = 12
    /// sleep(ticks), in xv6 of 2025 pause: sleeps for so many tenths of a second; not at all if `ticks` is negative. 0,
    /// or -1 with interrupted.
    case sleep = 13
    /// uptime(): tenths of a second since boot.
    case uptime = 14
    /// open(path, flags): the lowest free descriptor; OpenFlags. O_CREATE opens a file or device that exists. A
    /// directory opens only with flags 0. O_TRUNC empties a file even if it is not opened for writing. With 0x800, which
    /// xv6 does not know, each write goes to the end of the file. Or -1 with
    /// noSuchFile, notDirectory, isDirectory, noSuchDevice, tooManyFiles, tooManyFilesInSystem, noSpace. Names beyond
    /// 14 bytes are cut, repeated slashes count once; the empty path is the working directory, and cannot be created.
    case open = 15
    /// write(fd, buffer, count): count; on a pipe, the bytes so far when the buffer turns out bad. Or -1 with
    /// badDescriptor, badAddress, brokenPipe (no reader is left), noSpace, fileTooLarge, inputOutput, interrupted,
    /// invalidArgument (a file, and a negative count). A file takes all, or the call fails.
    case write = 16
    /// mknod(path, major, minor): makes a device file. 0, or -1 with noSuchFile, notDirectory, fileExists, noSpace.
    case mknod = 17
    /// unlink(path): removes a name; not "." or "..", and a directory only when it is empty. 0, or -1 with noSuchFile,
    /// notDirectory, directoryNotEmpty, invalidArgument.
    case unlink = 18
    /// link(old, new): another name for a file; not for a directory. 0, or -1 with noSuchFile, notDirectory,
    /// isDirectory, fileExists, tooManyLinks, noSpace.
    case link = 19
    /// mkdir(path): 0, or -1 with noSuchFile, notDirectory, fileExists, tooManyLinks, noSpace.
    case mkdir = 20
    /// close(fd): 0, or -1 with badDescriptor. A stream's may wait: the option linger.
    case close = 21

    // MARK: Swiftlet's own

    /// ping(address*, payload, limit, reply*): sends an ICMP echo request to a NetworkAddress with so many bytes of
    /// payload and sleeps until the reply, or `limit` milliseconds. 0, and the PingReply filled in; or -1 with
    /// hostUnreachable (the neighbour does not answer, or a router says so), timedOut, networkDown (no interface),
    /// networkUnreachable (no route), noBufferSpace, messageTooLong, badAddress, interrupted.
    case ping = 64
    /// dhcp_request(interface, limit, report*): asks a DHCP server for the interface's address, or joins a request that
    /// is under way, and sleeps until it has one, or `limit` milliseconds; asking and renewing go on in the background.
    /// Limit 0: only looks. Limit -1: gives the lease back and the address up. 0, and the LeaseReport filled in (unless
    /// its address is 0); or -1 with networkDown (no such interface, or no link), timedOut (no server answered),
    /// connectionRefused (the server refused), addressInUse (another station has the address that was granted),
    /// interrupted, badAddress, invalidArgument.
    case dhcpRequest = 65
    /// halt(code): powers the machine off. The code (0 to 65535) becomes QEMU's exit status. Does not return; or -1 with
    /// notPermitted (see restrict).
    case halt = 66
    /// nanosleep(nanoseconds): sleeps at least so long. 0, or -1 with interrupted.
    case nanosleep = 67
    /// clock(): nanoseconds since boot.
    case clock = 68
    /// processes(records, count): writes a ProcessRecord for each of the first `count` processes and returns how many
    /// there are, which may be more. Or -1 with badAddress, or invalidArgument for a negative count.
    case processes = 69
    /// resources(counts): writes a SystemResources. 0, or -1 with badAddress.
    case resources = 70
    /// wallClock(): nanoseconds since 1970-01-01 00:00 UTC; or -1 with noSuchDevice, on a machine that does not know
    /// the time.
    case wallClock = 71
    /// set_group(pid, group): puts this process (pid 0) or a child of it into a process group, its own if group is 0.
    /// Children are born into their parent's group. 0, or -1 with noSuchProcess.
    case setGroup = 72
    /// foreground(group): the group that ^C on the console ends, and that reads the console: to all others it is an
    /// empty file. 0: none; then ^C only ends the line, and every process reads. 0.
    case foreground = 73
    /// socket(kind): a socket's descriptor. The calls below take pointers to SocketAddresses. Or -1 with
    /// invalidArgument for no SocketKind.
    case socket = 74
    /// bind(fd, address*): `::` is any of the machine's own, port 0 a free one. 0, or -1 with addressInUse,
    /// addressNotAvailable, invalidArgument (a stream that is bound, or connected), badAddress.
    case bind = 75
    /// connect(fd, address*): names the peer for send, and lets no other's datagrams in; a pointer of 0 forgets it. A
    /// stream connects, and waits for that. 0, or -1 with invalidArgument (no host's address, or port 0),
    /// networkUnreachable, networkDown, badAddress; of a stream, also connectionRefused, timedOut, hostUnreachable,
    /// alreadyConnected, alreadyInProgress, addressInUse, interrupted (it goes on connecting), inProgress (it does not
    /// wait, or not any longer: poll says when it is writable, and the option `error` how it went).
    case connect = 76
    /// sendto(fd, bytes, count, address*): one datagram; a pointer of 0 means the connected peer. count, or -1 with
    /// messageTooLong, networkUnreachable, networkDown, accessDenied (a broadcast without the option),
    /// destinationRequired, noBufferSpace, or what ICMP said of an earlier one (connectionRefused, hostUnreachable).
    case sendto = 77
    /// recvfrom(fd, buffer, count, address*): waits for a datagram and copies it, cut at count bytes; its sender goes
    /// to address* unless that is 0. Bytes copied, or -1 with timedOut (see setsockopt), interrupted, or what ICMP
    /// said.
    case recvfrom = 78
    /// getsockname(fd, address*): stores the socket's own address and port. 0, or -1 with badDescriptor, notSocket,
    /// badAddress.
    case getsockname = 79
    /// getpeername(fd, address*): stores the connected peer's address and port. 0, or -1 with badDescriptor, notSocket,
    /// notConnected, badAddress.
    case getpeername = 80
    /// setsockopt(fd, option, value): SocketOption. 0, or -1 with invalidArgument.
    case setsockopt = 81
    /// poll(entries*, count, milliseconds): waits until one of the descriptors is ready for what its PollEntry asks,
    /// has an error or is hung up, or the time has passed (negative: for ever). The number of entries that report an
    /// event, 0 when the time has passed; or -1 with invalidArgument (more entries than a process has descriptors),
    /// badAddress, interrupted, noMemory.
    case poll = 82
    /// disk_read(block, buffer): copies a 1024-byte block of the disk as it is, past the file system. The number of
    /// blocks, or -1 with invalidArgument (no such block), inputOutput, badAddress.
    case diskRead = 83
    /// getsockopt(fd, option, record*): the value of a SocketOption, in the record when it is one; or -1 with
    /// invalidArgument, badAddress.
    case getsockopt = 84
    /// network_status(table, index, record*): writes what a NetworkTable has in place `index`. How many places it has;
    /// beyond the last, and in a place that is empty, nothing is written, and the call fails with noSuchFile when it is
    /// empty. Or -1 with invalidArgument.
    case networkStatus = 85
    /// network_change(change, record*): NetworkChange. 0, or -1 with invalidArgument, fileExists (such a route),
    /// noSuchFile (no such route or neighbour), noBufferSpace (the table is full), networkDown (no such interface), notSupported (the card
    /// lacks the offload, or cannot switch it while it runs).
    case networkChange = 86
    /// resolve(name, limit, report*): looks a domain name up and sleeps until the answer, or `limit` milliseconds. 0,
    /// and the NameReport filled in; or -1 with noSuchName, noSuchAddress (the name has none), noNameServer (no lease
    /// names one, and none was set), timedOut, tryAgain (the server failed), answerTooLong, invalidArgument (not a name), nameTooLong, noBufferSpace (too many at once), interrupted,
    /// badAddress.
    case resolve = 87
    /// counters(record*, stacks): writes a KernelCounters, with the depths of stacks if `stacks` is not 0. 0, or -1
    /// with badAddress.
    case counters = 88
    /// pci_function(index, record*): writes a PCIReport of function `index`. How many functions there are; beyond the
    /// last nothing is written. Or -1 with invalidArgument for a negative index, or badAddress.
    case pciFunction = 89
    /// loop_device(interface, count, bytes): sends up to 10,000 frames of 60 to 1,514 bytes to a station that is not
    /// there, straight through an interface's driver, to measure the card. How many it took, or -1 with networkDown (no such interface),
    /// invalidArgument, notPermitted (without measure=card among the boot arguments), interrupted.
    case loopDevice = 90
    /// dmesg(position*, buffer, count): copies the kernel's messages from a position, in bytes logged since boot, which
    /// it moves up to the oldest byte that is still there and then behind what was copied. The bytes copied, 0 behind
    /// the last message. Or -1 with invalidArgument (a negative count), badAddress.
    case dmesg = 91
    /// getrandom(buffer, count): fills the buffer from the kernel's generator; at most 256 bytes a call. The bytes
    /// written. Or -1 with invalidArgument (a negative count), badAddress.
    case getrandom = 92
    /// interrupt(mode): says what ^C does to the caller from now on, InterruptMode: 0 ends it, as ever; 1 tells it once,
    /// and the next one ends it; 2 always tells it. To be told: the call that sleeps fails with interrupted, and so does
    /// each one that would sleep, until this call is made again. Children are born with mode 0, and exec goes back to
    /// it. 1 if a ^C came since the last such call, else 0; or -1 with invalidArgument.
    case interrupt = 93
    /// wait_child(pid, record*, flags): as wait, for the child with this pid, or for any with 0, and stores a
    /// ChildRecord, which tells a child that was killed from one that ended by itself. With flag 1 it does not sleep.
    /// The child's pid; or -1 with noChild, interrupted, tryAgain (none has ended, and flag 1), or badAddress: then the
    /// child stays, to be waited for again.
    case waitChild = 94
    /// rename(old, new): gives a file or directory another name, in one transaction; a file, or an empty directory, that
    /// has it already goes. Two names of one file: nothing changes. 0, or -1 with noSuchFile, notDirectory, isDirectory,
    /// directoryNotEmpty, invalidArgument ("." and "..", or a directory into itself), tooManyLinks, noSpace.
    case rename = 95
    /// fsync(fd): returns when the file is on the disk, and the log empty. 0, or -1 with badDescriptor (a pipe or
    /// socket, too), invalidArgument (a device), inputOutput.
    case fsync = 96
    /// restrict(): gives up, for the caller and all that it starts from now on, the right to call halt, networkChange,
    /// disk_read, disk_write, loop_device and rings_open and to make capture sockets: they fail with notPermitted. 0.
    case restrict = 97
    /// disk_write(block, buffer): overwrites a 1024-byte block of the disk, past the file system, for repairs. From the
    /// first such call on the file system itself writes nothing: its calls that would fail with inputOutput until the
    /// machine is started again. 0; or -1 with notPermitted (see restrict), invalidArgument (no such block),
    /// inputOutput, badAddress.
    case diskWrite = 98
    /// listen(fd, backlog): a stream socket takes connections from now on, at the address that it is bound to or at a
    /// free port; `backlog` of them, 1 to 128, wait to be accepted. 0, or -1 with notSocket, invalidArgument (not a
    /// stream, or connected), addressInUse.
    case listen = 99
    /// accept(fd, address*): waits for a connection of a listening socket; its peer goes to address* unless that is 0.
    /// The connection's descriptor; or -1 with invalidArgument (it does not listen), timedOut, tryAgain, interrupted,
    /// tooManyFiles, badAddress.
    case accept = 100
    /// shutdown(fd, half): ends the receiving (0) or sending (1) half of a connection, or both (2): the peer reads the
    /// end; here a write fails with brokenPipe, a read finds the end. 0, or -1 with notConnected, invalidArgument.
    case shutdown = 101
    /// send(fd, bytes, count, flags): as write, with MessageFlags. Of a stream: waits until all is taken over, which
    /// does not say that the peer has it. count, or fewer bytes when something ended it; or -1 with notConnected,
    /// brokenPipe (the sending half has ended), connectionReset, timedOut, hostUnreachable, noBufferSpace, tryAgain,
    /// interrupted, badAddress.
    case send = 102
    /// recv(fd, buffer, count, flags): as read, with MessageFlags. Of a stream: waits for bytes and copies what there
    /// is; 0: the peer sends no more. Or -1 with notConnected, connectionReset, timedOut, tryAgain, interrupted,
    /// badAddress.
    case receive = 103
    /// rings_open(request*): takes an interface's card over, or one end of a pipe of packets between two processes, and
    /// maps its rings and their buffers into the process, where no break reaches: PacketRingsRequest, PacketRingLayout.
    /// Slots may name the buffers of other rings of the process instead: those stay mapped until the last rings that
    /// use them are closed. While a program holds a card, what the machine's own stack sends and receives there goes
    /// over the host rings. The descriptor is ready to be read when there are frames, and to be written when there is
    /// room; its close, exec and the end of the process give all of it back, and fork leaves it out. The descriptor; or
    /// -1 with notPermitted (see restrict), networkDown (no such interface), busy (another program holds it, or both
    /// ends of the pipe are taken), invalidArgument (sizes; the descriptor whose buffers are named is not of rings, or
    /// they have fewer), badDescriptor (it is none), noBufferSpace (too much memory is in rings, or too many hold
    /// some), noMemory, tooManyFiles, badAddress.
    case ringsOpen = 104
    /// rings_sync(fd, what): looks at the rings' heads, PacketRingSync: sends what was put into the transmit rings, and
    /// receives into what was taken out of the receive rings; poll does both. 0, or -1 with badDescriptor,
    /// invalidArgument (not rings; a head that is not between the last one and the tail: that ring waits for a better
    /// one).
    case ringsSync = 105
}
