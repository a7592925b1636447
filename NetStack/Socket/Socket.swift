// A socket: what a number that a program has stands for. Each kind keeps its state in a table of its own; a new kind is
// a case here, and files of its own.

import Storage

/// Why a socket call failed.
public enum SocketError: Error, Equatable {
    case tooManySockets, addressInUse, notOurAddress, noDestination, badDestination, broadcastNotAllowed
    case noRoute, noInterface, tooLarge, noMemory
    /// Reported by ICMP about an earlier datagram (RFC 1122, 4.1.3.3).
    case refused, hostUnreachable, networkUnreachable
    /// Of streams.
    case connectionReset, timedOut, brokenPipe, notConnected, alreadyConnected, alreadyConnecting
}

enum Socket {
    case closed
    /// Sends and receives datagrams.
    case udp(Ref<UDPSocket>)
    /// A connection's record, or one that may become one (Transport/TCP).
    case stream(Int)
    /// Gets a copy of every frame.
    case capture(Ref<CaptureSocket>)
}

/// What a socket can do at the moment without making its caller wait.
public struct SocketReadiness: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// `receive` returns a datagram, or throws an error.
    public static let readable = SocketReadiness(rawValue: 1)
    /// `send` takes a datagram.
    public static let writable = SocketReadiness(rawValue: 2)
    /// An error waits to be reported.
    public static let error = SocketReadiness(rawValue: 4)
    /// Both ways of a connection are closed.
    public static let hangUp = SocketReadiness(rawValue: 8)
}

/// Packets that arrived for a socket and wait to be read.
struct ReceiveQueue: ~Copyable {
    var packets = PacketQueue()
    /// Buffers that they take.
    var held = 0
    /// Datagrams that came while there was no room.
    var dropped: UInt64 = 0
}
