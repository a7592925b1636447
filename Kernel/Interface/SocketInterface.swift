// Kinds, options and events of sockets; addresses are in NetworkAddress.swift.

/// What a socket carries; the argument of socket.
public enum SocketKind: Int32, Sendable {
    /// UDP datagrams.
    case datagram = 0
    /// Copies of all frames that come and go: each read gives 16 bytes (time since boot in nanoseconds, 8 bytes; the
    /// frame's length, 4; the interface's number, 1, 255 for the loopback; 1 when this machine sent it, 1; two zeros;
    /// little-endian) and the frame.
    case capture = 1
    /// ICMP echo. What is sent is a message from its ICMP header on, of which sequence number (bytes 6 and 7) and payload
    /// count; the identifier is the socket's own. What is received are whole ICMP messages: replies to this socket, and
    /// errors about its requests; the address is their sender's (this machine's own for what was found out here), and
    /// the port is the time to live that they came with.
    case echo = 2
    /// A TCP connection, or what listens for them.
    case stream = 3
}

/// Options of setsockopt and getsockopt.
public enum SocketOption: Int32, Sendable {
    /// Value 1: datagrams to broadcast addresses may be sent.
    case broadcast = 1
    /// Milliseconds that a read waits; 0: for ever.
    case receiveTimeout = 2
    /// The time to live of what is sent to single hosts, 1 to 255; 64 unless it was set.
    case timeToLive = 3
    /// To be read only, through a pointer to a NetworkAddress: the host that reported the last error, `::` for none.
    case errorReporter = 4
    /// The time to live of what is sent to groups, 1 to 255; 1 unless it was set. Sockets of this machine that are bound
    /// to the group get it too.
    case multicastTimeToLive = 5
    /// Value 1, before bind: the address and port may be shared with sockets that have this option too. What comes for
    /// one host goes to the one that was bound last, what comes for a group or for all goes to each of them
    /// (SO_REUSEADDR).
    case reuseAddress = 6
    /// Value 1, before bind: the same, but what comes for one host is spread over the sockets by its sender
    /// (SO_REUSEPORT).
    case reusePort = 7
    /// To be read only: ICMP's type × 256 + code of the last error; 0: it was found out here.
    case errorCode = 8
    /// Value 1: no call on the socket waits. A read of an empty one fails with `tryAgain`, a write for which the card
    /// or the packet pool has no room with `noBufferSpace`.
    case nonBlocking = 9
    /// Milliseconds that a write to a stream waits for room, and connect for the peer's answer; 0: for ever, or as long
    /// as the connection's own time-out.
    case sendTimeout = 10
    // The following are of streams.
    /// Value 1: a peer that was silent for two hours is asked whether it is still there (SO_KEEPALIVE).
    case keepAlive = 11
    /// What the last close of a connection does with what the peer has not acknowledged (SO_LINGER): -1, read as
    /// 2,147,483,647: it goes on being sent; 0: it is forgotten, and the connection reset; more: so many milliseconds
    /// close waits until the peer has all, nonBlocking or not, and then as with -1. The end of a process waits for
    /// nothing.
    case linger = 12
    /// Value 1: small pieces are sent at once (TCP_NODELAY).
    case noDelay = 13
    /// Bytes that may wait to be acknowledged, 4,096 to 4 MiB: 64 KiB unless it was set.
    case sendBuffer = 14
    /// Bytes that may wait to be read, 4,096 to 4 MiB. Unless it was set it is 64 KiB and grows by itself to 1 MiB.
    case receiveBuffer = 15
    /// 0: NewReno; 1: CUBIC, as it is unless it was set (TCP_CONGESTION).
    case congestion = 16
    /// Milliseconds that something may stay unacknowledged; 0: as the retransmissions have it, some fifteen minutes
    /// (TCP_USER_TIMEOUT).
    case userTimeout = 17
    /// To be read only: the number of the error that ended the connection, or that connecting met; 0: none. It is
    /// reported once (SO_ERROR).
    case error = 18
    /// To be read only, through a pointer to a StreamReport (TCP_INFO).
    case info = 19
}

/// Flags of send and recv, with the numbers of other systems.
public struct MessageFlags: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }
    /// What is read stays to be read again.
    public static let peek = MessageFlags(rawValue: 0x02)
    /// The call does not wait: tryAgain.
    public static let dontWait = MessageFlags(rawValue: 0x40)
    /// A read waits for all that was asked for, or the end.
    public static let waitAll = MessageFlags(rawValue: 0x100)
    /// All of them.
    public static let all = MessageFlags(rawValue: 0x142)
}

/// The halves of a connection that shutdown ends.
public enum ShutdownKind: Int32, Sendable {
    case receiving = 0
    case sending = 1
    case both = 2
}

/// What poll looks at of a descriptor: 8 bytes, as POSIX lays out struct pollfd.
public struct PollEntry: BitwiseCopyable, Sendable {
    public var descriptor: Int32
    /// Wanted: `readable`, `writable`.
    public var events: Int16
    /// Filled in: those of `events` that hold, and any of `error`, `hangUp` and `invalid`.
    public var returned: Int16

    /// A read would not wait: there is something to read, or the end.
    public static let readable: Int16 = 0x001
    /// A write would not wait for room.
    public static let writable: Int16 = 0x004
    /// An error waits to be reported; of a pipe's writing end: the pipe has no reader.
    public static let error: Int16 = 0x008
    /// The other side has closed.
    public static let hangUp: Int16 = 0x010
    /// There is no such descriptor.
    public static let invalid: Int16 = 0x020

    public init(descriptor: Int32, events: Int16 = PollEntry.readable) {
        self.descriptor = descriptor
        self.events = events
        returned = 0
    }
}
